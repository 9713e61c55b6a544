"""`upmon take --lock` with the tools that write lock files, each against a registry of this machine.

Every project has two direct dependencies, locked at 1.0.0 and required as `^1.0` or the like. A version in the middle is
taken, not the newest, where the tool can lock that; then only that package's entry may differ, and the tool itself has to
find its lock file in order.
"""

import difflib
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import zipfile

from harness import Failed, expect, free_port
from registries import Cargo, Npm

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["first-up", "other-up"]
VERSIONS = ["1.0.0", "1.0.1", "1.1.0", "1.2.0", "2.0.0"]
ENTRY = re.compile(r"(?<![\w-])(first|other)[-_]up")
"""Where a line names one of the packages."""


def take(scenario):
    """`take --lock` by cargo, npm, pnpm, yarn 1 and 4, uv, poetry and Bundler; go.mod as text; a failure changes no byte."""
    npm = start(Npm(scenario))
    public = start_public_names(scenario)
    crates = start(Cargo(scenario))
    gems = start_gems(scenario)
    scenario.urls = {"NPM": npm, "PYPI": public.url, "CRATES_IO": crates, "RUBYGEMS": gems}
    workspaces = [package_lock_of_a_workspace, pnpm_lock_of_a_workspace, yarn_lock_4_of_a_workspace, yarn_lock_1_of_a_workspace]
    formats = [cargo_lock, package_lock, pnpm_lock, yarn_lock_1, yarn_lock_4, uv_lock, requirements_txt, poetry_lock, gemfile_lock, go_mod]
    failed = []
    for format in workspaces + formats:
        try:
            format(Project(scenario, format.__name__, public))
        except Failed as failure:
            failed.append(f"{format.__name__}: {failure}")
    if failed:
        raise Failed("\n".join(failed))


class Project:
    """A directory with a lock file, and the tools that write it."""

    def __init__(self, scenario, name, public):
        self.scenario = scenario
        self.directory = scenario.directory / name.replace("_", "-")
        self.directory.mkdir()
        self.programs = scenario.directory / f"programs-{name}"
        self.programs.mkdir()
        self.variables = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(scenario.directory / "home"),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(pathlib.Path.home() / ".rustup")),
            "CARGO_HOME": str(scenario.directory / "cargo-home"),
            "HTTPS_PROXY": public.url,
            "SSL_CERT_FILE": str(public.authority),
            "REQUESTS_CA_BUNDLE": str(public.authority),
            "NO_PROXY": "127.0.0.1",
            # in a workflow, where some tools refuse to write lock files unless they are told to
            "CI": "true",
            "UPMON_NPM_TOKEN": "of-no-concern-to-tools",
        }

    def program(self, name, path):
        """Lets the search path give a tool under its usual name."""
        (self.programs / name).symlink_to(path)

    def write(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def run(self, *command):
        """Runs a tool of the project to its end."""
        env = {name: value for name, value in self.variables.items() if not name.startswith("UPMON_")}
        output, errors = self.scenario.run_both(*command, cwd=self.directory, env=env)
        return output + errors

    def upmon(self, *arguments, exit_code=0):
        environment = {**self.scenario.environment(), **self.variables}
        done = subprocess.run(
            [self.scenario.upmon, *arguments], env=environment, cwd=self.directory, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode != exit_code:
            raise Failed(f"upmon {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2500:]}{done.stdout[-800:]}")
        return done

    def bytes(self):
        """Every file of the project itself, but for what tools keep for themselves."""
        own = [path for path in self.directory.rglob("*") if path.is_file() and "node_modules" not in path.parts and ".yarn" not in path.parts]
        return {path.relative_to(self.directory): path.read_bytes() for path in own}

    def pins(self):
        """The version of each pin, as upmon reads it."""
        return {pin["package"]: pin["version"] for pin in json.loads(self.upmon("list", "--json").stdout)["pins"]}

    def takes(self, lock, version, consistent, required=None, excused=None):
        """The version is taken: the pin says so, nothing but its entry of the lock file differs, and the tool finds that in order.

        `required` is what a manifest holds of the package, before and after a version is taken that it does not accept;
        `excused` is the hash that a tool makes of all that is required.
        """
        self.write("upstream-versions.json", f'{{ "from": ["{lock}"] }}\n')
        expect(set(self.pins().values()), {"1.0.0"}, "the versions before")
        self.takes_once(lock, version, {}, None)
        self.find_in_order(consistent)
        if required:
            manifest, before, after = required
            text = (self.directory / manifest).read_text()
            expect(text.count(before), 1, f"places of `{before}` in {manifest}")
            self.takes_once(lock, VERSIONS[-1], {manifest: text.replace(before, after)}, excused)
            self.find_in_order(consistent)

    def takes_once(self, lock, version, texts, excused):
        before = self.bytes()
        told = json.loads(self.upmon("take", NAMES[0], version, "--files", "--lock", "--json").stdout)
        expect((told["commands"], told["moved"]), ([], []), "what is left to do, and what moved along")
        if not told["ran"]:
            raise Failed("no command was run")
        expect(self.pins(), {NAMES[0]: version, NAMES[1]: "1.0.0"}, "the pins after")
        after = self.bytes()
        changed = {str(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        expect(changed, {lock, *texts}, "the files that differ")
        for name, text in texts.items():
            expect((self.directory / name).read_text(), text, name)
        for line in foreign(before[pathlib.Path(lock)].decode(), after[pathlib.Path(lock)].decode()):
            if not excused or not line.startswith(excused):
                raise Failed(f"more than one entry of {lock} differs: {line}")

    def find_in_order(self, consistent):
        """Runs what a tool has to judge its lock file; none of it may change anything."""
        before = self.bytes()
        for command in consistent:
            self.run(*command)
        expect(self.bytes() == before, True, "that the tool changes nothing more")

    def refuses(self, version, reason, name=NAMES[1]):
        """The tool cannot, and every byte is as it was."""
        before = self.bytes()
        done = self.upmon("take", name, version, "--lock", exit_code=4)
        for part in [reason, "hint: every file is as it was"]:
            if part not in done.stderr:
                raise Failed(f"`{part}` is missing in: {done.stderr}")
        after = self.bytes()
        expect({path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}, set(), "the files that differ")


def foreign(before, after):
    """The lines that differ and belong to no entry of the first package: their own line names none, nor does one above."""
    sides = before.splitlines(), after.splitlines()
    found = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, *sides, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for lines, start, end in [(sides[0], a, b), (sides[1], c, d)]:
            for at in range(start, end):
                named = next((match[1] for line in reversed(lines[: at + 1]) if (match := ENTRY.search(line))), None)
                found += [] if named == "first" else [lines[at]]
    return found


def cargo_lock(project):
    """cargo: another registry stands in for crates.io, which the lock file still names."""
    project.write(
        ".cargo/config.toml",
        f"""\
        [source.crates-io]
        replace-with = "here"
        [source.here]
        registry = "sparse+{project.scenario.urls["CRATES_IO"]}"
        """,
    )
    project.write("src/lib.rs", "")
    manifest = '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\nfirst-up = "{0}" # why\nother-up = "{0}"\n'
    locked_at(project, "Cargo.toml", manifest, "=1.0.0", "1.0", ["cargo", "generate-lockfile"], ["cargo", "metadata", "--format-version=1"])
    consistent = [["cargo", "metadata", "--locked", "--format-version=1"]]
    project.takes("Cargo.lock", "1.1.0", consistent, ("Cargo.toml", 'first-up = "1.0" # why', 'first-up = "2.0" # why'))
    # a registry that has gone
    project.write(".cargo/config.toml", f'[source.crates-io]\nreplace-with = "here"\n[source.here]\nregistry = "sparse+http://127.0.0.1:{free_port()}/"\n')
    project.refuses("2.0.0", "`cargo update -p other-up@1.0.0 --precise 2.0.0` ended with exit code 101")


def locked_at(project, name, manifest, exact, range, lock, again):
    """A lock file in which everything is at 1.0.0, though more is accepted."""
    project.write(name, manifest.format(exact))
    project.run(*lock)
    project.write(name, manifest.format(range))
    project.run(*again)


PACKAGE_JSON = '{{\n    "name": "app",\n    "version": "0.1.0",\n    "license": "MIT",\n    "dependencies": {{ "first-up": "{0}" }},\n    "devDependencies": {{ "other-up":   "{0}" }}\n}}\n'


REQUIRED = ("package.json", '"first-up": "^1.0.0"', '"first-up": "^2.0.0"')


def package_lock(project):
    """npm, which keeps no version apart from what `package.json` requires until it is asked twice."""
    project.write(".npmrc", f"registry={project.scenario.urls['NPM']}\n")
    lock = ["npm", "install", "--package-lock-only", "--ignore-scripts"]
    locked_at(project, "package.json", PACKAGE_JSON, "1.0.0", "^1.0.0", lock, lock)
    consistent = [["npm", "ci", "--dry-run", "--ignore-scripts"], ["npm", "ls", "--package-lock-only"]]
    project.takes("package-lock.json", "1.1.0", consistent, REQUIRED)
    project.write(".npmrc", f"registry=http://127.0.0.1:{free_port()}/\nfetch-retries=0\n")
    project.refuses("2.0.0", "`npm install other-up@2.0.0 --package-lock-only --ignore-scripts` ended with exit code 1")


def pnpm_lock(project):
    """pnpm."""
    project.program("pnpm", project.scenario.home / "npm/node_modules/pnpm/bin/pnpm.cjs")
    project.write(".npmrc", f"registry={project.scenario.urls['NPM']}\n")
    lock = ["pnpm", "install", "--lockfile-only", "--ignore-scripts", "--no-frozen-lockfile"]
    locked_at(project, "package.json", PACKAGE_JSON, "1.0.0", "^1.0.0", lock, lock)
    project.takes("pnpm-lock.yaml", "1.1.0", [["pnpm", "install", "--frozen-lockfile", "--lockfile-only"]], REQUIRED)


WORKSPACE = '{\n  "name": "app",\n  "version": "0.1.0",\n  "private": true,\n  "workspaces": ["web"],\n  "dependencies": { "other-up": "REQUIRED" }\n}\n'
MEMBER = '{\n    "name": "web",\n    "version": "0.1.0",\n    "license": "MIT",\n    "dependencies":   { "first-up": "REQUIRED" }\n}\n'


def workspace(project, lock, *command):
    """A member that requires the one package, a root that requires the other; `command` writes the lock file."""
    for exact in ["1.0.0", "^1.0.0"]:
        project.write("package.json", WORKSPACE.replace("REQUIRED", exact))
        project.write("web/package.json", MEMBER.replace("REQUIRED", exact))
        project.run(*command)
    return lock, "1.1.0"


IN_MEMBER = ("web/package.json", '"first-up": "^1.0.0"', '"first-up": "^2.0.0"')


def package_lock_of_a_workspace(project):
    """npm, for what only a member of a workspace requires."""
    project.write(".npmrc", f"registry={project.scenario.urls['NPM']}\n")
    project.write("web/index.js", "")
    taken = workspace(project, "package-lock.json", "npm", "install", "--package-lock-only", "--ignore-scripts")
    consistent = [["npm", "ci", "--dry-run", "--ignore-scripts"], ["npm", "ls", "--package-lock-only"]]
    project.takes(*taken, consistent, IN_MEMBER)


def pnpm_lock_of_a_workspace(project):
    """pnpm, for the same."""
    project.program("pnpm", project.scenario.home / "npm/node_modules/pnpm/bin/pnpm.cjs")
    project.write(".npmrc", f"registry={project.scenario.urls['NPM']}\n")
    project.write("pnpm-workspace.yaml", "packages: [web]\n")
    taken = workspace(project, "pnpm-lock.yaml", "pnpm", "install", "--lockfile-only", "--ignore-scripts", "--no-frozen-lockfile")
    project.takes(*taken, [["pnpm", "install", "--frozen-lockfile", "--lockfile-only"]], IN_MEMBER)


def yarn_lock_1(project):
    """yarn 1, which locks nothing but the newest that is required; the check behind it says so."""
    project.program("yarn", project.scenario.home / "npm/node_modules/yarn/bin/yarn.js")
    project.write(".npmrc", f"registry={project.scenario.urls['NPM']}\n")
    lock = ["yarn", "install", "--ignore-scripts", "--non-interactive"]
    project.write("package.json", PACKAGE_JSON.format("1.0.0"))
    project.run(*lock)
    project.write("package.json", PACKAGE_JSON.format("^1.0.0"))
    locked = project.directory / "yarn.lock"
    locked.write_text(locked.read_text().replace("up@1.0.0:", "up@^1.0.0:"))
    project.takes("yarn.lock", "1.2.0", [[*lock, "--frozen-lockfile"]], REQUIRED)
    project.refuses("1.1.0", "`other-up` is now at `1.2.0` in `yarn.lock`, not at `1.1.0`")


def yarn_lock_4(project):
    """yarn 4."""
    project.program("yarn", project.scenario.home / "npm/node_modules/@yarnpkg/cli-dist/bin/yarn.js")
    yarn_settings(project)
    project.write("yarn.lock", "")
    project.write("package.json", PACKAGE_JSON.format("^1.0.0"))
    project.run("yarn", "install", "--no-immutable")
    for name in NAMES:
        project.run("yarn", "set", "resolution", f"{name}@npm:^1.0.0", "npm:1.0.0")
    project.takes("yarn.lock", "1.1.0", [["yarn", "install", "--immutable"]], REQUIRED)


def yarn_settings(project):
    """What was published a moment ago is meant here."""
    project.write(
        ".yarnrc.yml",
        f"""\
        npmRegistryServer: {project.scenario.urls["NPM"]}
        unsafeHttpWhitelist: ["127.0.0.1"]
        enableTelemetry: false
        npmMinimalAgeGate: 0
        nodeLinker: node-modules
        """,
    )


def yarn_lock_4_of_a_workspace(project):
    """yarn 4, for what only a member of a workspace requires."""
    project.program("yarn", project.scenario.home / "npm/node_modules/@yarnpkg/cli-dist/bin/yarn.js")
    yarn_settings(project)
    project.write("yarn.lock", "")
    taken = workspace(project, "yarn.lock", "yarn", "install", "--no-immutable")
    for name in NAMES:
        project.run("yarn", "set", "resolution", f"{name}@npm:^1.0.0", "npm:1.0.0")
    project.takes(*taken, [["yarn", "install", "--immutable"]], IN_MEMBER)


def yarn_lock_1_of_a_workspace(project):
    """yarn 1 upgrades nothing that only a member requires, and says it did; what is required anew it does lock."""
    project.program("yarn", project.scenario.home / "npm/node_modules/yarn/bin/yarn.js")
    project.write(".npmrc", f"registry={project.scenario.urls['NPM']}\n")
    install = ["yarn", "install", "--ignore-scripts", "--non-interactive"]
    for required in ["1.0.0", "^1.0.0"]:
        project.write("package.json", WORKSPACE.replace("REQUIRED", required))
        project.write("web/package.json", MEMBER.replace("REQUIRED", required))
        locked = project.directory / "yarn.lock"
        if locked.exists():
            locked.write_text(locked.read_text().replace("up@1.0.0:", "up@^1.0.0:"))
        project.run(*install)
    project.write("upstream-versions.json", '{ "from": ["yarn.lock"] }\n')
    project.refuses("1.2.0", "`first-up` is still at `1.0.0` in `yarn.lock`, not at `1.2.0`", NAMES[0])
    manifest, before, after = IN_MEMBER
    text = (project.directory / manifest).read_text()
    project.takes_once("yarn.lock", VERSIONS[-1], {manifest: text.replace(before, after)}, None)
    project.find_in_order([[*install, "--frozen-lockfile"]])


def uv_lock(project):
    """uv, for which the folder of pypi.org is PyPI."""
    project.program("uv", project.scenario.home / "python/bin/uv")
    project.variables |= {"UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never", "UV_CACHE_DIR": str(project.scenario.directory / "uv-cache")}
    manifest = '[project]\nname = "app"\nversion = "0.1.0"\nrequires-python = ">=3.9"\ndependencies = [\n    "first-up{0}", # why\n    "other-up{0}",\n]\n'
    locked_at(project, "pyproject.toml", manifest, "==1.0.0", ">=1.0,<2", ["uv", "lock"], ["uv", "lock"])
    required = ("pyproject.toml", "first-up>=1.0,<2", "first-up>=1.0,<3")
    # the lock file repeats what is required
    project.takes("uv.lock", "1.1.0", [["uv", "lock", "--check"]], required)


def poetry_lock(project):
    """poetry, which locks nothing but the newest that is required."""
    project.program("poetry", project.scenario.home / "python/bin/poetry")
    project.variables |= {"POETRY_CACHE_DIR": str(project.scenario.directory / "poetry-cache"), "POETRY_VIRTUALENVS_CREATE": "false"}
    manifest = (
        '[project]\nname = "app"\nversion = "0.1.0"\nrequires-python = ">=3.9"\ndependencies = [\n    "first-up{0}", # why\n    "other-up{0}",\n]\n'
        "\n[tool.poetry]\npackage-mode = false\n"
    )
    locked_at(project, "pyproject.toml", manifest, "==1.0.0", ">=1.0,<1.2", ["poetry", "lock"], ["poetry", "lock"])
    required = ("pyproject.toml", "first-up>=1.0,<1.2", "first-up>=1.0,<2.1")
    project.takes("poetry.lock", "1.1.0", [["poetry", "check", "--lock"]], required, "content-hash = ")
    project.refuses("1.0.1", "`other-up` is now at `1.1.0` in `poetry.lock`, not at `1.0.1`")


def requirements_txt(project):
    """uv again, for a requirements file with hashes that it wrote."""
    project.program("uv", project.scenario.home / "python/bin/uv")
    project.variables |= {"UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never", "UV_CACHE_DIR": str(project.scenario.directory / "uv-cache")}
    lock = ["uv", "pip", "compile", "--generate-hashes", "--output-file", "requirements.txt", "requirements.in"]
    locked_at(project, "requirements.in", "first-up{0}\nother-up{0}\n", "==1.0.0", ">=1", lock, lock)
    project.takes("requirements.txt", "1.1.0", [lock])


def gemfile_lock(project):
    """Bundler, told of a mirror of rubygems.org, locks nothing but the newest that the Gemfile accepts."""
    project.write(".bundle/config", f'---\nBUNDLE_MIRROR__HTTPS://RUBYGEMS__ORG/: "{project.scenario.urls["RUBYGEMS"]}"\n')
    gemfile = 'source "https://rubygems.org"\ngem "first-up", "{0}"\ngem "other-up", "{0}"\n'
    locked_at(project, "Gemfile", gemfile, "1.0.0", "~> 1.0", ["bundle", "lock"], ["bundle", "lock"])
    project.takes("Gemfile.lock", "1.2.0", [], ("Gemfile", 'gem "first-up", "~> 1.0"', 'gem "first-up", "~> 2.0"'))
    expect(project.run("bundle", "lock", "--print"), (project.directory / "Gemfile.lock").read_text(), "what Bundler would lock")
    project.refuses("1.1.0", "`other-up` is now at `1.2.0` in `Gemfile.lock`, not at `1.1.0`")


def go_mod(project):
    """go.mod is text; what follows from it is Go's, for which a script stands in: only that it is asked is shown here."""
    module = "module example.com/app\n\ngo 1.21\n\nrequire (\n\tgithub.com/owner/first-up v1.0.0 // why v1.0.0\n\tgithub.com/owner/other-up v1.0.0\n)\n"
    project.write("go.mod", module)
    project.write("upstream-versions.json", '{ "from": ["go.mod"] }\n')
    told = json.loads(project.upmon("take", "github.com/owner/first-up", "v1.1.0", "--files", "--json").stdout)
    expect([each["command"] for each in told["commands"]], ["go mod tidy"], "what is left to do")
    expect((project.directory / "go.mod").read_text(), module.replace("v1.0.0 //", "v1.1.0 //"), "go.mod")
    done = project.upmon("take", "github.com/owner/first-up", "v2.0.0", "--files", exit_code=4)
    if "run `go get github.com/owner/first-up/v2@v2.0.0`" not in done.stderr:
        raise Failed(f"no remedy for another major version: {done.stderr}")
    script = project.programs / "go"
    script.write_text('#!/bin/sh\necho "$*: $(grep -c v1.2.0 go.mod)" > go.sum\necho "require github.com/owner/third v1.0.0 // indirect" >> go.mod\n')
    script.chmod(0o755)
    project.upmon("take", "github.com/owner/first-up", "v1.2.0", "--lock")
    expect((project.directory / "go.sum").read_text(), "mod tidy: 1\n", "what Go was asked, and found")
    expect(project.pins(), {"github.com/owner/first-up": "v1.2.0", "github.com/owner/other-up": "v1.0.0"}, "the pins after")
    script.write_text("#!/bin/sh\nrm go.sum\n: > go.mod\necho 'no sums here' >&2\nexit 1\n")
    project.refuses("v1.2.0", "`go mod tidy` ended with exit code 1\n  | no sums here", "github.com/owner/other-up")


def start(registry):
    """The registry with every version of the packages."""
    for name in NAMES:
        for version in VERSIONS:
            registry.publish(name, version)
    return registry.address


def start_gems(scenario):
    """A compact index of static files."""
    site = scenario.directory / "site"
    (site / "info").mkdir(parents=True)
    (site / "gems").mkdir()
    source = scenario.directory / "gem"
    source.mkdir()
    listed = []
    for name in NAMES:
        lines = []
        for version in VERSIONS:
            spec = f'Gem::Specification.new{{|s|s.name="{name}";s.version="{version}";s.summary="t";s.authors=["a"];s.files=[]}}'
            (source / "it.gemspec").write_text(spec)
            gem = site / f"gems/{name}-{version}.gem"
            scenario.run("gem", "build", "-q", "it.gemspec", "-o", gem, cwd=source)
            lines.append(f"{version} |checksum:{hashlib.sha256(gem.read_bytes()).hexdigest()},created_at:2024-01-01T00:00:00Z")
        info = "---\n" + "\n".join(lines) + "\n"
        (site / "info" / name).write_text(info)
        listed.append(f"{name} {','.join(VERSIONS)} {hashlib.md5(info.encode()).hexdigest()}\n")
    (site / "versions").write_text("created_at: 2024-01-01T00:00:00Z\n---\n" + "".join(listed))
    (site / "names").write_text("---\n" + "".join(f"{name}\n" for name in NAMES))
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    scenario.start("gems", [sys.executable, HERE / "static_server.py", port, site], f"{address}names")
    return address


class PublicNames:
    """The proxy's address, and the authority that its certificate is from."""

    def __init__(self, url, authority):
        self.url = url
        self.authority = authority


def start_public_names(scenario):
    """pypi.org with wheels, and github.com with two repositories."""
    root = scenario.directory / "public"
    for name in NAMES:
        wheels(root, name)
        git(scenario, root / f"github.com/owner/{name}")
    keys = scenario.directory / "keys"
    keys.mkdir()
    (keys / "names").write_text("subjectAltName=DNS:pypi.org,DNS:files.pythonhosted.org,DNS:github.com\nbasicConstraints=CA:FALSE\n")
    new = ["-newkey", "rsa:2048", "-nodes", "-subj"]
    scenario.run("openssl", "req", "-x509", *new, "/CN=an authority of a test", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", cwd=keys)
    scenario.run("openssl", "req", *new, "/CN=a test", "-keyout", "key.pem", "-out", "request.pem", cwd=keys)
    sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"]
    scenario.run("openssl", "x509", "-req", "-in", "request.pem", *sign, "-out", "certificate.pem", cwd=keys)
    port = free_port()
    command = [sys.executable, HERE / "public_names.py", port, keys / "certificate.pem", keys / "key.pem", root]
    scenario.start("public-names", command, port)
    return PublicNames(f"http://127.0.0.1:{port}/", keys / "ca.pem")


def wheels(root, name):
    """Every version of a package as PyPI tells of it: the simple index, the JSON of the project and of each release."""
    module = name.replace("-", "_")
    files = {}
    for version in VERSIONS:
        wheel = root / f"files.pythonhosted.org/packages/{module}-{version}-py3-none-any.whl"
        wheel.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel, "w") as archive:
            inside = f"{module}-{version}.dist-info"
            archive.writestr(f"{module}.py", "")
            archive.writestr(f"{inside}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            archive.writestr(f"{inside}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{inside}/RECORD", "")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        url = f"https://files.pythonhosted.org/packages/{wheel.name}"
        files[version] = {
            "filename": wheel.name,
            "url": url,
            "hashes": {"sha256": digest},
            "digests": {"sha256": digest},
            "packagetype": "bdist_wheel",
            "size": wheel.stat().st_size,
            "upload-time": "2024-01-01T00:00:00Z",
            "upload_time_iso_8601": "2024-01-01T00:00:00Z",
            "yanked": False,
        }
    simple = {"meta": {"api-version": "1.1"}, "name": name, "versions": VERSIONS, "files": list(files.values())}
    write_json(root / f"pypi.org/simple/{name}/index.json", simple)
    info = {"name": name, "summary": "a test", "requires_dist": [], "requires_python": None, "yanked": False}
    for version, file in files.items():
        write_json(root / f"pypi.org/pypi/{name}/{version}/json", {"info": {**info, "version": version}, "urls": [file]})
    releases = {version: [file] for version, file in files.items()}
    write_json(root / f"pypi.org/pypi/{name}/json", {"info": {**info, "version": VERSIONS[-1]}, "releases": releases, "urls": []})


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def git(scenario, path):
    """A bare repository whose tags are the versions."""
    scenario.run("git", "init", "-q", "--bare", "-b", "main", path)
    who = "A <a@example.invalid> 1700000000 +0000"
    stream = f"commit refs/heads/main\nmark :1\ncommitter {who}\ndata 1\nx\nM 100644 inline f\ndata 1\nx\n"
    stream += "".join(f"reset refs/tags/v{version}\nfrom :1\n" for version in VERSIONS)
    done = subprocess.run(["git", "--git-dir", path, "fast-import", "--quiet"], input=stream, text=True, check=False)
    expect(done.returncode, 0, "git fast-import")


SCENARIOS = [take]
