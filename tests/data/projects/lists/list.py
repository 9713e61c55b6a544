"""What the ecosystems' own tools list of the kept projects, held against `expected.txt`:

    python3 tests/data/projects/lists/list.py [--write] [ECOSYSTEM/PROJECT...]

Each project is copied to a directory of its own first. The tools are looked for on the PATH: cargo, npm, pnpm, node with
`@yarnpkg/lockfile` (NODE_PATH), Yarn as `yarn3` (3.8), `yarn4-rc` (4.0.0-rc.45) and `yarn4`, uv, poetry, python3 with pip and,
for charts, helm-python-sdk, ruby with bundler. They ask their registries.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
PROJECTS = HERE.parent


def run(directory, *command):
    """What a command prints."""
    done = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    # `npm ls` and `yarn info` complain of what is not installed, and list it
    if not done.stdout:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def cargo(directory):
    """The packages on which the members of the workspace depend."""
    text = run(directory, "cargo", "metadata", "--locked", "--all-features", "--format-version", "1")
    metadata = json.loads(text)
    members = set(metadata["workspace_members"])
    packages = {package["id"]: package for package in metadata["packages"]}
    for node in metadata["resolve"]["nodes"]:
        if node["id"] in members:
            for dependency in node["deps"]:
                package = packages[dependency["pkg"]]
                if package["source"]:
                    yield package["name"], package["version"]


def npm(directory):
    """The dependencies of the project and of its workspaces."""
    tree = json.loads(run(directory, "npm", "ls", "--package-lock-only", "--depth=1", "--json", "--long"))
    yield from npm_below(tree, {manifest.get("name") for manifest in manifests(directory)})


def npm_below(node, own):
    """A workspace is a link, and its dependencies are the project's."""
    for child in node.get("dependencies", {}).values():
        if child.get("resolved", "").startswith("file:"):
            yield from npm_below(child, own)
        elif child.get("name") not in own and "version" in child and not child.get("extraneous"):
            yield child["name"], child["version"]


def pnpm(directory):
    """The dependencies of each project of the workspace."""
    command = "pnpm ls --lockfile-only --depth 0 --json -r --config.manage-package-manager-versions=false"
    for project in json.loads(run(directory, *command.split())):
        for kind in ("dependencies", "devDependencies", "optionalDependencies"):
            for name, found in project.get(kind, {}).items():
                if not found["version"].startswith("link:"):
                    yield found.get("from", name), found["version"].split("(")[0]


def manifests(directory):
    """Every package.json of the project."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.rglob("package.json"))]


def yarn(directory):
    """What the manifests ask for, as the lock file answers."""
    if "yarn lockfile v1" in (directory / "yarn.lock").read_text(encoding="utf-8"):
        yield from yarn_1(directory)
    else:
        yield from yarn_4(directory)


def yarn_1(directory):
    read = "require('@yarnpkg/lockfile').parse(require('fs').readFileSync('yarn.lock', 'utf8')).object"
    locked = json.loads(run(directory, "node", "-e", f"process.stdout.write(JSON.stringify({read}))"))
    own = {manifest.get("name") for manifest in manifests(directory)}
    for manifest in manifests(directory):
        for kind in ("dependencies", "devDependencies", "optionalDependencies"):
            for name, wanted in manifest.get(kind, {}).items():
                found = locked.get(f"{name}@{wanted}")
                if found and name not in own:
                    alias = re.match(r"npm:(@?[^@]+)@", wanted)
                    yield (alias.group(1) if alias else name), found["version"]


def yarn_4(directory):
    # each version of Yarn takes lock files of its own version alone for whole
    written = int(re.search(r"^__metadata:\n  version: (\d+)", (directory / "yarn.lock").read_text(encoding="utf-8"), re.M)[1])
    program = {6: "yarn3", 7: "yarn4-rc"}.get(written, "yarn4")
    lines = [json.loads(line) for line in run(directory, program, "info", "--all", "--recursive", "--json").splitlines()]
    versions = {line["value"]: line["children"]["Version"] for line in lines}
    for line in lines:
        if "@workspace:" in line["value"]:
            for dependency in line["children"].get("Dependencies", []):
                locator = re.sub(r"virtual:[0-9a-f]+#", "", dependency["locator"])
                if re.match(r"@?[^@]+@(npm|patch):", locator):
                    yield re.match(r"@?[^@]+", locator).group(), versions[locator]


def python(directory):
    """What uv, Poetry or pip say, whichever the project is for."""
    if (directory / "uv.lock").exists():
        listed = run(directory, "uv", "tree", "--depth", "1", "--all-groups", "--frozen", "--universal")
        for line in listed.splitlines()[1:]:
            found = re.match(r"[├└]── (\S+) v(\S+)", re.sub(r"\[[^]]*\]", "", line))
            if found:
                yield found.groups()
    elif (directory / "poetry.lock").exists():
        for line in run(directory, "poetry", "show", "--top-level", "--all", "--no-ansi").splitlines():
            found = re.match(r"(\S+)\s+(?:\(!\)\s+)?(\d\S*)", line)
            if found:
                yield found.groups()
    else:
        for file in sorted(directory.glob("requirements/*.txt")):
            command = "-m pip install --dry-run --ignore-installed --no-deps --quiet --report - -r".split()
            for package in json.loads(run(directory, sys.executable, *command, str(file)))["install"]:
                yield re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower(), package["metadata"]["version"]


def ruby(directory):
    """What Bundler reads."""
    for line in run(directory, "ruby", str(HERE / "ruby.rb")).splitlines():
        yield line.split(" ")


def go(directory):
    """The modules that are required, with what stands in for those that are replaced."""
    module = json.loads(run(directory, "go", "mod", "edit", "-json"))
    replaced = {(each["Old"]["Path"], each["Old"].get("Version")): each["New"] for each in module.get("Replace") or []}
    for required in module["Require"]:
        path, version = required["Path"], required["Version"]
        by = replaced.get((path, version)) or replaced.get((path, None))
        told = version if not by else by.get("Version") or f"replaced by the directory `{by['Path']}`"
        yield path, told.removesuffix("+incompatible") + (" // indirect" if required.get("Indirect") else "")


def actions(directory):
    """No tool lists them: the tags of `uses:`, and of a commit the tag in its comment."""
    for file in sorted(directory.glob(".github/workflows/*")):
        text = file.read_text(encoding="utf-8")
        for name, reference, comment in re.findall(r"^[ -]*uses:\s*([\w-]+/[\w.-]+)[\w./-]*@(\S+)(?:\s*#\s*(\S+))?", text, re.M):
            tag = comment if re.fullmatch(r"[0-9a-f]{40}", reference) else reference
            if re.match(r"v?\d", tag):
                yield name, tag


def charts(directory):
    """What Helm says a chart depends on and, where it is locked, the version; no tool lists the images of values."""
    if (directory / "Chart.yaml").exists():
        import helm_python  # not needed for the other ecosystems

        lock = directory / "Chart.lock"
        locked = dict(re.findall(r"- name: (\S+)\n  repository: \S+\n  version: (\S+)", lock.read_text(encoding="utf-8"))) if lock.exists() else {}
        for chart in helm_python.dependency_list(str(directory)):
            name, required = chart["name"], chart["version"]
            if locked:
                yield name, f"{locked[name]} {required}"
            else:
                yield name, f"{required} -" if re.fullmatch(r"\d+\.\d+\.\d+", required) else f"- {required}"
    else:
        text = (directory / "values.yaml").read_text(encoding="utf-8")
        for image, tag in re.findall(r"^ +repository: (\S+)\n(?: *#.*\n)* +tag: (\S+)$", text, re.M):
            version = tag.strip('"') or "-"
            yield image, f"{version} -"


def located(directory):
    """What the ecosystem's parser, or the line that says it, has: no tool lists them."""
    if (directory / "versions.toml").exists():
        text = (directory / "versions.toml").read_text(encoding="utf-8")
        versions = tomllib.loads(text)["versions"]
        for name in "assertj avro hadoop jackson kafka slf4j testcontainers".split():
            yield name, versions[f"{name}-ver"]
        yield "mockito", tomllib.loads(text)["libraries"]["mockito"].split(":")[2]
    elif (directory / "Makefile.variables").exists():
        for line in (directory / "Makefile.variables").read_text(encoding="utf-8").splitlines():
            name, separator, version = line.partition("_version = ")
            if separator and name in "runc containerd kubernetes helm kine etcd konnectivity".split():
                yield name, version
    else:
        lines = (directory / ".pre-commit-config.yaml").read_text(encoding="utf-8").splitlines()
        for before, line in zip(lines, lines[1:]):
            name = before.rpartition("/")[2]
            if "# frozen: " in line and name.isalnum():
                yield name.lower(), line.rpartition(" ")[2]


def main():
    """Compares, or writes."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--write"]
    names = arguments or sorted(f"{it.parent.parent.name}/{it.parent.name}" for it in PROJECTS.glob("*/*/expected.txt"))
    differs = []
    for name in names:
        ecosystem, project = name.split("/")
        if ecosystem not in globals():
            print(f"{name}: by hand")
            continue
        with tempfile.TemporaryDirectory() as place:
            copy = pathlib.Path(place).resolve() / "project"
            shutil.copytree(PROJECTS / ecosystem / project, copy)
            if ecosystem == "cargo":
                for manifest in copy.rglob("Cargo.toml"):
                    (manifest.parent / "src").mkdir(exist_ok=True)
                    (manifest.parent / "src" / "lib.rs").touch()
                    (manifest.parent / "src" / "main.rs").touch()
            listed = sorted({f"{package} {version}" for package, version in globals()[ecosystem](copy)})
        expected = PROJECTS / ecosystem / project / "expected.txt"
        if "--write" in sys.argv:
            expected.write_text("".join(line + "\n" for line in listed), encoding="utf-8")
        kept = expected.read_text(encoding="utf-8").splitlines()
        print(f"{name}: {len(listed)}", "" if listed == sorted(kept) else f"differs: {sorted(set(listed) ^ set(kept))}", flush=True)
        if listed != sorted(kept):
            differs.append(name)
    sys.exit(1 if differs else 0)


main()
