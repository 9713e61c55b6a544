"""The scenarios of tests/real: a real server each, filled by its ecosystem's own client, asked by upmon.

What upmon says is compared with what that client says wherever the client can be asked.
"""

import argparse
import hashlib
import json
import pathlib
import re
import sys
import textwrap
import traceback

import abuse
import badges
import dashboard
import deploy
import faults
import github
import load
import pages
import release
import secrets_kept
import ssh
import take
import webhooks
import workflows
from harness import Failed, Scenario, expect, expect_behind, expect_status, expect_unknown, free_port, notices
from registries import Cargo, Npm
from repositories import dated_tag, make_repository

HERE = pathlib.Path(__file__).resolve().parent


def npm(scenario):
    """verdaccio, published to by the real npm: scoped names, a deprecation, dist-tags."""
    registry = Npm(scenario)
    for name in ["tiny-up", "@acme/tiny-up"]:
        for version, tag in [("1.0.0", "latest"), ("1.0.1", "latest"), ("1.1.0", "latest"), ("2.0.0-rc.1", "next"), ("2.0.0-rc.2", "next")]:
            registry.publish(name, version, tag)
    for version in ["2.0.0", "1.9.9"]:
        registry.publish("back-port", version)
    scenario.run("npm", "deprecate", "tiny-up@1.0.0", "use 1.1.0", *registry.client)

    scenario.urls = {"NPM": registry.address}
    pins = {
        "typescript": {
            "tiny-up": "1.0.0",
            "@acme/tiny-up": {"version": "1.0.0", "requirement": "~1.0.0"},
            "back-port": "2.0.0",
            "next": {"package": "tiny-up", "version": "2.0.0-rc.1"},
            "channel": {"package": "tiny-up", "version": "1.0.0", "channel": "next"},
            "nope": "1.0.0",
        }
    }
    found = scenario.check(pins, exit_code=3)
    expect_behind(found["typescript/tiny-up"], "1.1.0", "minor", major=0, minor=1, patch=1, releases=2)
    expect(notices(found["typescript/tiny-up"]), ["pin-deprecated"], "notices of tiny-up")
    expect(found["typescript/tiny-up"]["pinned"]["deprecated"], "use 1.1.0", "the deprecation of tiny-up 1.0.0")
    expect_behind(found["typescript/@acme/tiny-up"], "1.1.0", "minor", releases=2)
    expect(found["typescript/@acme/tiny-up"]["wanted"]["version"], "1.0.1", "wanted of @acme/tiny-up")
    # a lower version under the dist-tag latest is no target
    expect_status(found["typescript/back-port"], "current")
    expect_behind(found["typescript/next"], "2.0.0-rc.2", "prerelease", releases=1)
    expect_behind(found["typescript/channel"], "2.0.0-rc.2", "major")
    expect_unknown(found["typescript/nope"], "not-found")

    times = json.loads(scenario.run("npm", "view", "tiny-up", "time", "--json", *registry.client))
    since = found["typescript/tiny-up"]["behind_since"]
    expect(since, re.sub(r"\.\d+Z$", "Z", times["1.0.1"]), "behind_since of tiny-up, as npm view dates 1.0.1")


def pypi(scenario):
    """dumb-pypi's files behind simple-repository-server (JSON), and as plain HTML with the project JSON API."""
    releases = [
        ("tiny_up-1.0.0-py3-none-any.whl", 1_700_000_000, None),
        ("tiny_up-1.1.0-py3-none-any.whl", 1_710_000_000, None),
        ("tiny_up-1.1.0.tar.gz", 1_709_000_000, None),
        ("tiny_up-1.2.0-py3-none-any.whl", 1_720_000_000, "broken build"),
        ("tiny_up-2.0.0rc1-py3-none-any.whl", 1_730_000_000, None),
        ("all_yanked-1.0-py3-none-any.whl", 1_700_000_000, "no"),
    ]
    listing = scenario.directory / "packages.jsonl"
    with listing.open("w") as lines:
        for name, at, yanked in releases:
            digest = hashlib.sha256(name.encode()).hexdigest()
            row = {"filename": name, "hash": f"sha256={digest}", "upload_timestamp": at, "requires_python": ">=3.8"}
            lines.write(json.dumps({**row, **({"yanked_reason": yanked} if yanked else {})}) + "\n")
    programs = scenario.home / "python/bin"
    files = scenario.directory / "files"
    scenario.run(programs / "dumb-pypi", "--package-list-json", listing, "--packages-url", "../../packages/", "--output-dir", files)
    (back, front) = (free_port(), free_port())
    scenario.start("static", [sys.executable, HERE / "static_server.py", back, files], f"http://127.0.0.1:{back}/simple/")
    command = [programs / "simple-repository-server", "--host", "127.0.0.1", "--port", front, f"http://127.0.0.1:{back}/simple/"]
    scenario.start("simple-repository-server", command, f"http://127.0.0.1:{front}/simple/")

    pins = {"python": {"tiny-up": "1.0.0", "Tiny.Up": {"version": "1.2.0"}, "all-yanked": "1.0", "nope": "1.0"}}
    for kind, port in [("the JSON front", front), ("plain HTML", back)]:
        scenario.urls = {"PYPI": f"http://127.0.0.1:{port}/"}
        found = scenario.check(pins, exit_code=3)
        expect_behind(found["python/tiny-up"], "1.1.0", "minor", minor=1, releases=1)
        yanked = found["python/Tiny.Up"]
        expect((yanked["status"], yanked["severity"], yanked["pinned"]["yanked"]), ("ahead", "error", True), f"the yanked pin by {kind}")
        expect_unknown(found["python/all-yanked"], "no-eligible-release")
        expect_unknown(found["python/nope"], "not-found")
    # only this form has the dates: the JSON API beside the HTML pages
    expect(found["python/tiny-up"]["behind_since"], "2024-02-27T02:13:20Z", "the earliest file of 1.1.0")

    offered = scenario.run(programs / "pip", "index", "versions", "tiny-up", "--index-url", f"http://127.0.0.1:{front}/simple/")
    expect(re.search(r"Available versions: (.*)", offered)[1], "1.1.0, 1.0.0", "what pip offers from the same index")


def crates(scenario):
    """ferro-cargo-registry-server, published to and yanked from by the real cargo."""
    registry = Cargo(scenario)
    for version in ["0.9.0", "1.0.0", "1.0.1", "1.1.0", "1.2.0", "2.0.0-beta.1"]:
        registry.publish("tiny-up", version)
    for version in ["1.2.0", "0.9.0"]:
        registry.run("yank", f"tiny-up@{version}")

    scenario.urls = {"CRATES_IO": registry.address}
    pins = {
        "rust": {
            "tiny-up": {"version": "1.0.0", "requirement": "~1.0"},
            "yanked": {"package": "tiny-up", "version": "0.9.0"},
            "beta": {"package": "tiny-up", "version": "1.1.0", "prereleases": True},
            "newest": {"package": "tiny-up", "version": "1.1.0"},
            "nope": "1.0.0",
        }
    }
    found = scenario.check(pins, exit_code=3)
    expect_behind(found["rust/tiny-up"], "1.1.0", "minor", major=0, minor=1, patch=1, releases=2)
    expect(found["rust/tiny-up"]["wanted"]["version"], "1.0.1", "wanted of tiny-up")
    expect_behind(found["rust/yanked"], "1.1.0", "major", major=1, releases=3)
    expect(notices(found["rust/yanked"]), ["pin-yanked"], "notices of the yanked pin")
    expect_behind(found["rust/beta"], "2.0.0-beta.1", "major", releases=1)
    expect_status(found["rust/newest"], "current")
    expect_unknown(found["rust/nope"], "not-found")

    told = registry.run("info", "tiny-up@1.1.0")
    expect(re.search(r"^version: (\S+)", told, re.M)[1], "1.1.0", "what cargo info says of the newest")


def rubygems(scenario):
    """A compact index that the real Bundler resolves against, yank and platforms included."""
    site = scenario.directory / "site"
    (site / "info").mkdir(parents=True)
    source = scenario.directory / "gem"
    (site / "gems").mkdir()
    (site / "quick").mkdir()

    def build(version, platform=None):
        source.mkdir(exist_ok=True)
        suffix = f"-{platform}" if platform else ""
        chosen = f's.platform="{platform}";' if platform else ""
        spec = f'Gem::Specification.new{{|s|s.name="tiny-up";s.version="{version}";{chosen}s.summary="t";s.authors=["a"];s.files=[]}}'
        (source / "tiny-up.gemspec").write_text(spec)
        gem = site / f"gems/tiny-up-{version}{suffix}.gem"
        scenario.run("gem", "build", "-q", "tiny-up.gemspec", "-o", gem, cwd=source)
        return f"{version}{suffix}", hashlib.sha256(gem.read_bytes()).hexdigest()

    dated = {"1.0.0": "2024-01-01T00:00:00Z", "1.1.0": "2024-02-01T00:00:00Z", "2.0.0.rc1": "2024-03-01T00:00:00Z"}
    lines = []
    for version, platform in [("1.0.0", None), ("1.1.0", "x86_64-linux"), ("1.1.0", None), ("2.0.0.rc1", None)]:
        label, digest = build(version, platform)
        lines.append(f"{label} |checksum:{digest},ruby:>= 2.7,created_at:{dated[version]}")
    info = "---\n" + "\n".join(lines) + "\n"
    (site / "info/tiny-up").write_text(info)
    # the first version of the format had no dates, and private servers still send it
    undated = re.sub(r",created_at:\S+", "", info).replace("tiny-up", "old-up")
    (site / "info/old-up").write_text(undated)
    api = site / "api/v1/versions"
    api.mkdir(parents=True)
    numbers = [{"number": version, "platform": "ruby", "created_at": at, "prerelease": "rc" in version} for version, at in dated.items()]
    (api / "old-up.json").write_text(json.dumps(numbers))
    digest = hashlib.md5(info.encode()).hexdigest()
    listed = ",".join(line.split(" ")[0] for line in lines)
    (site / "versions").write_text(f"created_at: 2024-01-01T00:00:00Z\n---\ntiny-up {listed} {digest}\n")
    (site / "names").write_text("---\ntiny-up\n")

    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    scenario.start("static", [sys.executable, HERE / "static_server.py", port, site], f"{address}names")

    project = scenario.directory / "project"
    project.mkdir()
    (project / "Gemfile").write_text(f'source "{address}"\ngem "tiny-up", ">= 1.0"\n')
    scenario.run("bundle", "lock", cwd=project, env={"HOME": str(scenario.directory), "BUNDLE_USER_HOME": str(scenario.directory / "bundle")})
    locked = re.search(r"^    tiny-up \(([^)-]+)", (project / "Gemfile.lock").read_text(), re.M)[1]

    scenario.urls = {"RUBYGEMS": address}
    pins = {
        "ruby": {
            "tiny-up": {"version": "1.0.0", "requirement": "~> 1.0"},
            "old-up": "1.0.0",
            "removed": {"package": "tiny-up", "version": "0.9.0"},
            "rc": {"package": "tiny-up", "version": "1.1.0", "prereleases": True},
            "nope": "1.0.0",
        }
    }
    found = scenario.check(pins, exit_code=3)
    expect_behind(found["ruby/tiny-up"], locked, "minor", minor=1, releases=1)
    expect(found["ruby/tiny-up"]["wanted"]["version"], locked, "wanted of tiny-up, as Bundler locks it")
    expect(found["ruby/tiny-up"]["behind_since"], dated["1.1.0"], "behind_since by created_at")
    expect(found["ruby/old-up"]["behind_since"], dated["1.1.0"], "behind_since by API v1")
    expect(notices(found["ruby/removed"]), ["pin-removed"], "notices of a version that is not listed")
    expect_behind(found["ruby/rc"], "2.0.0.rc1", "major", releases=1)
    expect_unknown(found["ruby/nope"], "not-found")


def git(scenario):
    """nginx with git http-backend (v2, v0, with and without `filter`, with a password) and git daemon; 5,000 tags."""
    root = scenario.directory / "git"
    root.mkdir()
    make_repository(scenario, root / "big.git", 5_000)
    make_repository(scenario, root / "plain.git", 40)
    scenario.run("git", "--git-dir", root / "big.git", "config", "uploadpack.allowFilter", "true")

    (http, daemon) = (free_port(), free_port())
    start_nginx(scenario, root, http)
    program = pathlib.Path(scenario.run("git", "--exec-path").strip()) / "git-daemon"
    command = [program, "--reuseaddr", "--listen=127.0.0.1", f"--port={daemon}", f"--base-path={root}", "--export-all", root]
    scenario.start("git-daemon", command, daemon)

    web = f"http://127.0.0.1:{http}"
    addresses = {
        "v2": f"{web}/v2/big.git",
        "v0": f"{web}/v0/big.git",
        "unfiltered": f"{web}/v2/plain.git",
        "daemon": f"git://127.0.0.1:{daemon}/big.git",
        "file": f"file://{root}/big.git",
        "missing": f"{web}/v2/nope.git",
        "missing-daemon": f"git://127.0.0.1:{daemon}/nope.git",
        "locked": f"{web}/locked/big.git",
        "garbage": f"{web}/garbage/big.git",
    }
    pins = {"git": {name: {"version": "v0.0.10", "url": url} for name, url in addresses.items()}}
    pins["git"]["template"] = {"version": "1.2.0", "url": addresses["v2"], "tag": "gopls/v{version}"}
    pins["git"]["branch"] = {"version": "HEAD", "url": addresses["v2"], "strategy": "commits", "branch": "main"}
    commits = scenario.run("git", "--git-dir", root / "big.git", "rev-list", "main").split()
    pins["git"]["branch"]["version"] = commits[3]
    found = scenario.check(pins, exit_code=3)

    theirs = scenario.run("git", "ls-remote", "--tags", "--refs", addresses["v2"], "refs/tags/v*").split("\n")
    newest = max((tuple(map(int, re.findall(r"\d+", line.split("/")[-1]))) for line in theirs if line))
    for name in ["v2", "v0", "daemon", "file"]:
        expect_behind(found[f"git/{name}"], "v" + ".".join(map(str, newest)), "patch", patch=4_990, releases=4_990)
    expect(found["git/v2"]["behind_since"], dated_tag(11), "behind_since by the tag after the pin, over HTTP")
    expect(found["git/daemon"]["behind_since"], dated_tag(11), "behind_since by the tag after the pin, by git daemon")
    expect_behind(found["git/unfiltered"], "v0.0.40", "patch", releases=30)
    expect_behind(found["git/template"], "gopls/v1.3.0", "minor", minor=1, releases=1)
    expect_behind(found["git/branch"], commits[0], "patch", releases=3)
    expect_unknown(found["git/missing"], "not-found")
    expect_unknown(found["git/missing-daemon"], "not-found")
    expect_unknown(found["git/locked"], "unauthorized")
    expect_unknown(found["git/garbage"], "bad-response")


def start_nginx(scenario, root, port):
    """git http-backend under /v2 (as the client asks), /v0 (protocol v2 hidden), /locked (a password), and garbage."""
    work = scenario.directory / "nginx"
    work.mkdir()
    socket = work / "fcgi.sock"
    scenario.start("fcgiwrap", ["fcgiwrap", "-c", "4", "-s", f"unix:{socket}"], socket)
    password = scenario.run("openssl", "passwd", "-apr1", "secret").strip()
    (work / "htpasswd").write_text(f"user:{password}\n")
    backend = pathlib.Path(scenario.run("git", "--exec-path").strip()) / "git-http-backend"

    def location(prefix, protocol, extra=""):
        return textwrap.dedent(f"""\
            location ~ ^/{prefix}(/.*)$ {{
              {extra}
              include /etc/nginx/fastcgi_params;
              fastcgi_param SCRIPT_FILENAME {backend};
              fastcgi_param PATH_INFO $1;
              fastcgi_param GIT_PROJECT_ROOT {root};
              fastcgi_param GIT_HTTP_EXPORT_ALL 1;
              fastcgi_param GIT_CONFIG_COUNT 1;
              fastcgi_param GIT_CONFIG_KEY_0 safe.directory;
              fastcgi_param GIT_CONFIG_VALUE_0 '*';
              {protocol}
              fastcgi_pass unix:{socket};
            }}
            """)

    v2 = "fastcgi_param GIT_PROTOCOL $http_git_protocol;"
    auth = f"auth_basic git; auth_basic_user_file {work}/htpasswd;"
    user = "user root;" if scenario.run("id", "-u").strip() == "0" else ""
    temporary = " ".join(f"{kind}_temp_path {work}/{kind};" for kind in ["client_body", "fastcgi", "proxy", "uwsgi", "scgi"])
    (work / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {work}/nginx.pid; error_log {work}/error.log warn; {user}\n"
        f"events {{ worker_connections 256; }}\n"
        f"http {{ access_log {work}/access.log; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port};\n{location('v2', v2)}{location('v0', '')}{location('locked', v2, auth)}"
        f"location /garbage {{ default_type text/html; return 200 '<!doctype html><p>sign in</p>'; }} }} }}\n"
    )
    scenario.start("nginx", ["nginx", "-c", work / "nginx.conf"], f"http://127.0.0.1:{port}/garbage")


MODULES = [faults, secrets_kept, ssh, github, release, badges, pages, dashboard, workflows, deploy, webhooks, take, load, abuse]
REGISTRIES = [npm, pypi, crates, rubygems, git]
SCENARIOS = {scenario.__name__: scenario for scenario in REGISTRIES + [each for module in MODULES for each in module.SCENARIOS]}


def main():
    """Runs the chosen scenarios; the exit code is the number that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", required=True)
    parser.add_argument("--upmon", required=True)
    parser.add_argument("--stand-in", required=True)
    parser.add_argument("scenario", nargs="*", help=" ".join(SCENARIOS))
    arguments = parser.parse_args()
    chosen = arguments.scenario or list(SCENARIOS)
    if unknown := set(chosen) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    failed = 0
    for name in chosen:
        try:
            with Scenario(arguments.home, arguments.upmon, arguments.stand_in) as scenario:
                SCENARIOS[name](scenario)
            print(f"ok   {name}: {SCENARIOS[name].__doc__}", flush=True)
        except Exception as error:  # every failure is told, and the other scenarios still run
            failed += 1
            told = str(error) if isinstance(error, Failed) else traceback.format_exc()
            print(f"FAIL {name}: {told}", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
