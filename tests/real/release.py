"""The release and what installs it: the archives of .github/release.sh, and .github/action/install.sh against them.

The release lies behind an HTTP server in GitHub's layout. Both sides take their names from here only through the scripts,
so they agree or this fails.
"""

import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import threading
import zipfile

from harness import Failed, expect

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VERSION = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.M)[1]
TAG = f"v{VERSION}"
LINUX = "x86_64-unknown-linux-musl"
WINDOWS = "x86_64-pc-windows-msvc"
DOCUMENTS = {"LICENSE", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md", "man/upmon.1", "man/upmon-check.1"} | {
    f"completions/{name}" for name in ["upmon.bash", "upmon.elv", "upmon.fish", "_upmon.ps1", "_upmon"]
}
PROGRAMS = "awk bash cat chmod curl cut dirname grep gzip head mkdir mktemp mv rm sed sha256sum tar tr uname unzip".split()
"""What the installer may use; `gh` is given to it or not."""


def release(scenario):
    """Archives by release.sh, served in GitHub's layout, installed by the action's script; whatever is wrong installs nothing."""
    the_tag_has_to_fit(scenario)
    site = scenario.directory / "site"
    packed = package(scenario, site / "releases/download" / TAG)
    with serving(site) as address:
        install = Installer(scenario, f"{address}/releases")
        for version in ["", VERSION, TAG, "latest"]:
            install.works(version, "upmon", version=version)
        install.works("for Windows", "upmon.exe", version=VERSION, env={"RUNNER_OS": "Windows"})
        install.works("by uname", "upmon", env={"RUNNER_OS": "", "RUNNER_ARCH": ""})
        install.works("from a folder", "upmon", env={"INPUT_RELEASES": f"file://{site}/releases"})
        refusals(install, site / "releases/download", packed)
        attestations(install)
        binary = install.works("to be run", "upmon")
        the_action_runs_it(scenario, binary)


def package(scenario, out):
    """The archives of two targets, made of the debug binary; made twice, they are the same."""
    binaries = scenario.directory / "binaries"
    for target, name in [(LINUX, "upmon"), (WINDOWS, "upmon.exe")]:
        (binaries / target).mkdir(parents=True)
        # without symbols: they are most of a debug binary, and cost seconds to compress
        scenario.run("strip", "-o", binaries / target / name, scenario.upmon)
    step = [ROOT / ".github/release.sh", "package", binaries]
    targets = scenario.run(ROOT / ".github/release.sh", "targets").split()
    matrix = re.findall(r"\{ target: (\S+),", (ROOT / ".github/workflows/release.yml").read_text())
    expect(sorted(matrix), sorted(targets), "the targets of release.yml")
    incomplete = scenario.directory / "incomplete"
    scenario.run(*step, incomplete, check=False)
    expect(list(incomplete.iterdir()), [], "what is packaged while a target is missing")

    scenario.run(*step, out, LINUX, WINDOWS)
    again = scenario.directory / "again"
    scenario.run(*step, again, LINUX, WINDOWS)
    names = {f"upmon-{VERSION}-{LINUX}.tar.gz", f"upmon-{VERSION}-{WINDOWS}.zip", "SHA256SUMS"}
    expect({path.name for path in out.iterdir()}, names, "files of the release")
    expect((again / "SHA256SUMS").read_text(), (out / "SHA256SUMS").read_text(), "checksums of the same release made again")
    scenario.run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=out)
    contents(out)
    scenario.run("bash", "-n", unpacked(scenario, out) / "completions/upmon.bash")

    context = scenario.directory / "context"
    shutil.copy(out / f"upmon-{VERSION}-{LINUX}.tar.gz", again / f"upmon-{VERSION}-aarch64-unknown-linux-musl.tar.gz")
    scenario.run(ROOT / ".github/release.sh", "image-context", again, context)
    copied = re.findall(r"\$\{TARGETPLATFORM\}/(\S+)", (ROOT / ".github/Dockerfile").read_text())
    expect([name for name in copied if not (context / "linux/amd64" / name).is_file()], [], "what the Dockerfile copies, and is not there")
    return out


def contents(out):
    """An archive holds one folder of its own name, with the binary, the licences, manual pages and completions."""
    with tarfile.open(out / f"upmon-{VERSION}-{LINUX}.tar.gz") as archive:
        names = {member.name for member in archive if member.isfile()}
        expect(DOCUMENTS - {name.split("/", 1)[1] for name in names}, set(), "documents that the archive lacks")
        expect({name.split("/")[0] for name in names}, {f"upmon-{VERSION}-{LINUX}"}, "folders of the archive")
        expect({member.mode for member in archive if member.name.endswith("/upmon")}, {0o755}, "mode of the binary")
        expect({(member.uid, member.mtime) for member in archive}, {(0, 0)}, "owners and dates in the archive")
    with zipfile.ZipFile(out / f"upmon-{VERSION}-{WINDOWS}.zip") as archive:
        in_zip = {name.replace(WINDOWS, LINUX).removesuffix(".exe") for name in archive.namelist()}
        expect(in_zip, names, "files of the zip, beside those of the tar")


def unpacked(scenario, out):
    """The folder of the Linux archive."""
    with tarfile.open(out / f"upmon-{VERSION}-{LINUX}.tar.gz") as archive:
        archive.extractall(scenario.directory / "unpacked", filter="data")
    return scenario.directory / f"unpacked/upmon-{VERSION}-{LINUX}"


def the_tag_has_to_fit(scenario):
    """A tag is refused unless Cargo.toml, Cargo.lock, the chart and CHANGELOG.md name the same version."""
    copy = scenario.directory / "copy"
    for name in [".github/release.sh", "Cargo.toml", "Cargo.lock", "deploy/helm/upmon/Chart.yaml"]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    changes = copy / "CHANGELOG.md"

    def check(tag):
        done = subprocess.run([copy / ".github/release.sh", "check", tag], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip() or done.stderr.splitlines()[0]

    changes.write_text("# Changelog\n\n## [Unreleased]\n\n- much\n")
    expect(check(TAG), (1, f"error: CHANGELOG.md says nothing of {VERSION}"), "a version without a section")
    changes.write_text(f"# Changelog\n\n## [Unreleased]\n\n- later\n\n## [{VERSION}] - 2026-11-20\n\n### Added\n\n- much\n\n## [0.0.1]\n\n- old\n")
    expect(check(TAG), (0, VERSION), "a tag that fits")
    expect(check("v99.0.0"), (1, f"error: the tag is v99.0.0, and Cargo.toml says {VERSION}"), "another tag")
    notes = scenario.run(copy / ".github/release.sh", "notes", VERSION)
    expect(notes, "### Added\n\n- much\n", "the notes of the release")
    chart = copy / "deploy/helm/upmon/Chart.yaml"
    right = chart.read_text()
    chart.write_text(right.replace(f'appVersion: "{VERSION}"', 'appVersion: "0.0.9"'))
    expect(check(TAG), (1, "error: the chart installs another version"), "a stale chart")
    chart.write_text(right)
    lock = (copy / "Cargo.lock").read_text()
    (copy / "Cargo.lock").write_text(lock.replace(f'name = "upmon"\nversion = "{VERSION}"', 'name = "upmon"\nversion = "0.0.9"'))
    expect(check(TAG), (1, "error: Cargo.lock has another version"), "a stale lock file")


class Installer:
    """Runs install.sh as the action does: a clean environment, a new directory each time."""

    def __init__(self, scenario, releases):
        self.scenario = scenario
        self.releases = releases
        self.programs = scenario.directory / "programs"
        self.programs.mkdir()
        for name in PROGRAMS:
            (self.programs / name).symlink_to(shutil.which(name) or f"/missing/{name}")
        self.runs = 0

    def run(self, version="", env=None):
        """The exit code, what was said, and the directory of the run."""
        self.runs += 1
        directory = self.scenario.directory / f"run-{self.runs}"
        (directory / "temp").mkdir(parents=True)
        environment = {
            "PATH": str(self.programs),
            "RUNNER_OS": "Linux",
            "RUNNER_ARCH": "X64",
            "RUNNER_TEMP": str(directory / "temp"),
            "GITHUB_PATH": str(directory / "path"),
            "GITHUB_OUTPUT": str(directory / "output"),
            "INPUT_REPOSITORY": "acme/upmon",
            "INPUT_RELEASES": self.releases,
            "INPUT_VERSION": version,
            **(env or {}),
        }
        script = ["bash", ROOT / ".github/action/install.sh"]
        done = subprocess.run(script, env=environment, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
        expect(done.stdout, "", "standard output of install.sh")
        return done.returncode, done.stderr, directory

    def works(self, what, name, version="", env=None):
        """The binary is installed, on the path, told, and runs."""
        code, said, directory = self.run(version, env)
        expect((code, said.startswith(f"installed upmon {VERSION} for ")), (0, True), f"install.sh {what}: {said}")
        folder = (directory / "path").read_text().strip()
        binary = pathlib.Path(folder) / name
        expect((directory / "output").read_text(), f"version={VERSION}\nbinary={binary}\n", f"outputs of install.sh {what}")
        expect(self.scenario.run(binary, "--version"), f"upmon {VERSION}\n", f"the binary of install.sh {what}")
        expect([path.name for path in (directory / "temp").iterdir()], ["upmon-bin"], f"what install.sh {what} leaves")
        return binary

    def refuses(self, code, reason, version="", env=None):
        """The exit code and the reason; nothing is installed, told or left."""
        found, said, directory = self.run(version, env)
        expect((found, reason in said), (code, True), f"install.sh, which had to say `{reason}`: {said}")
        expect("error: " in said, True, f"an error of upmon's form: {said}")
        expect([str(path) for path in directory.rglob("*")], [str(directory / "temp")], f"what is left after `{reason}`")


def refusals(install, download, packed):
    """Every way in which a release or an input can be wrong."""
    sums = (packed / "SHA256SUMS").read_text()
    name = f"upmon-{VERSION}-{LINUX}.tar.gz"
    archive = (packed / name).read_bytes()
    digest = hashlib.sha256(archive).hexdigest()

    def publish(version, told, content):
        """A release of the Linux archive alone; in `told`, NAME and SUM stand for its name and true checksum."""
        folder = download / f"v{version}"
        folder.mkdir()
        its_name = f"upmon-{version}-{LINUX}.tar.gz"
        (folder / "SHA256SUMS").write_text(told.replace("NAME", its_name).replace("SUM", hashlib.sha256(content).hexdigest()))
        (folder / its_name).write_bytes(content)

    (packed / "SHA256SUMS").write_text(sums.replace(digest, "0" * 64))
    install.refuses(4, f"has the checksum {digest}, and SHA256SUMS says {'0' * 64}")
    (packed / "SHA256SUMS").write_text(sums)
    (packed / name).write_bytes(archive[: len(archive) // 2])
    install.refuses(4, f"and SHA256SUMS says {digest}")
    (packed / name).write_bytes(archive)

    other = hashlib.sha256(b"").hexdigest()
    for number, (told, content, reason) in enumerate([
        (f"{other}  something-else\n", archive, "has not one checksum"),
        ("SUM  NAME\nSUM  NAME\n", archive, "has not one checksum"),
        ("<html>sign in</html>\n", archive, "has not one checksum"),
        ("SUM  NAME.sig\n", archive, "has not one checksum"),
        ("SUM  NAME\n", archive[: len(archive) // 2], "cannot unpack"),
        ("SUM  NAME\n", b"no archive", "cannot unpack"),
        # the folder in it has the name of another version
        ("SUM  NAME\n", archive, "holds no"),
    ]):
        publish(f"9.0.{number}", told, content)
        install.refuses(4, reason, f"9.0.{number}")
    publish("9.1.0", "SUM  NAME\n", renamed(install.scenario, "9.1.0"))
    install.refuses(4, f"the binary of v9.1.0 says that it is `upmon {VERSION}`", "9.1.0")

    install.refuses(4, "cannot get", "9.9.9")
    install.refuses(4, "has not one checksum", env={"RUNNER_ARCH": "ARM64"})
    install.refuses(2, "no released binary for the processor `S390X`", env={"RUNNER_ARCH": "S390X"})
    install.refuses(2, "no released binary for the system `Plan9`", env={"RUNNER_OS": "Plan9"})
    for version in ["1.0", "$(touch pwned)", "../../evil", "1.0.0;id", "0.1.0\n0.2.0"]:
        install.refuses(2, "is no version of upmon", version)
    for repository in ["", "acme", "acme/upmon/..", "acme/$(id)"]:
        install.refuses(2, "names no repository", env={"INPUT_REPOSITORY": repository})
    for releases in ["http://example.org/releases", "ftp://127.0.0.1/", "https//x"]:
        install.refuses(2, "releases are not at an https address", env={"INPUT_RELEASES": releases})
    install.refuses(4, "cannot get", "latest", env={"INPUT_RELEASES": install.releases.replace("releases", "nowhere")})


def renamed(scenario, version):
    """The archive with its folder named after another version."""
    folder = scenario.directory / f"unpacked/upmon-{VERSION}-{LINUX}"
    path = scenario.directory / "renamed.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add(folder, f"upmon-{version}-{LINUX}")
    return path.read_bytes()


def attestations(install):
    """Where an attestation is asked for, `gh` decides; where there is no `gh`, nothing is installed."""
    asked = {"INPUT_VERIFY_ATTESTATION": "true"}
    install.refuses(4, "there is no `gh`", env=asked)
    folder = install.scenario.directory / "gh"
    folder.mkdir()
    path = {"PATH": f"{folder}:{install.programs}"}
    gh = folder / "gh"
    signer = "--signer-workflow acme/upmon/.github/workflows/release.yml"
    wanted = f"attestation verify upmon-{VERSION}-{LINUX}.tar.gz --repo acme/upmon {signer}"
    gh.write_text(f'#!/bin/bash\n[ "$1 $2 ${{3##*/}} $4 $5 $6 $7" = "{wanted}" ]\n')
    gh.chmod(0o755)
    install.works("with an attestation", "upmon", env={**asked, **path})
    gh.write_text("#!/bin/bash\nexit 1\n")
    install.refuses(4, "is not attested by the release workflow of `acme/upmon`", env={**asked, **path})


def the_action_runs_it(scenario, binary):
    """run.sh hands every input to upmon as it stands, tells the outputs, and ends as upmon ends."""
    directory = scenario.directory / "action"
    directory.mkdir()
    pins = directory / "my pins.json"
    pins.write_text('{"rust": {"tiny-up": "1.0.0"}}\n')

    def run(**inputs):
        output = directory / "output"
        output.write_text("")
        environment = {**scenario.environment(), "PATH": f"{binary.parent}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(output)}
        given = {"INPUT_PINS": str(pins), "INPUT_TOKEN": "a-secret", **{f"INPUT_{name}": value for name, value in inputs.items()}}
        script = ["bash", ROOT / ".github/action/run.sh"]
        done = subprocess.run(script, env={**environment, **given}, cwd=directory, capture_output=True, text=True, timeout=120, check=False)
        if "a-secret" in done.stdout + done.stderr + output.read_text():
            raise Failed("run.sh shows the token")
        return done, dict(line.split("=", 1) for line in output.read_text().splitlines())

    done, outputs = run(REPORT="a report.json")
    told = {"worst": "unknown", "behind": "0", "unknown": "1", "report": "a report.json", "exit-code": "3"}
    expect((done.returncode, outputs), (3, told), f"outputs of the action: {done.stderr}")
    expect(json.loads((directory / "a report.json").read_text())["summary"]["unknown"], 1, "unknown in the report of the action")
    done, outputs = run(ALLOW_UNKNOWN="true", REPORT="", ARGUMENTS="--as-of\r\n2026-11-20\n\nrust/tiny-up", CACHE_DIR=str(directory / "cache"))
    expect((done.returncode, outputs["report"], outputs["exit-code"]), (0, "", "0"), f"an unknown that is allowed: {done.stderr}")
    expect((directory / "cache").is_dir(), True, "that the cache is where the action keeps it")
    done, _ = run(COMMAND="schema", ARGUMENTS="pins")
    expect(json.loads(done.stdout)["type"], "object", "a command without a report")
    for hostile in ["$(touch pwned)", "`touch pwned`", "; touch pwned", "* ? [a]"]:
        done, outputs = run(ARGUMENTS=hostile)
        expect((done.returncode, outputs["exit-code"]), (2, "2"), f"an argument such as {hostile}: {done.stderr}")
        expect(hostile in done.stderr, True, f"that {hostile} arrives as it stands: {done.stderr}")
    expect((directory / "pwned").exists(), False, "that an input was run")


@contextlib.contextmanager
def serving(site):
    """The folder over HTTP on this machine, with GitHub's way of telling the latest release."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(site))

        def do_GET(self):
            if self.path == "/releases/latest":
                self.send_response(302)
                self.send_header("Location", f"/releases/tag/{TAG}")
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif self.path == f"/releases/tag/{TAG}":
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                super().do_GET()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


SCENARIOS = [release]
