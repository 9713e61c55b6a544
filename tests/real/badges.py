"""The recipes of docs/badges.md that publish badges, run as they stand there."""

import contextlib
import http.server
import json
import os
import pathlib
import re
import subprocess
import threading

from harness import Failed, expect

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
REPORT = ROOT / "tests/data/report/sample.json"


def badges(scenario):
    """The recipes of docs/badges.md: a branch by real git, the artifact of Pages, a gist by a stand-in for its API."""
    programs = scenario.directory / "programs"
    programs.mkdir()
    (programs / "upmon").symlink_to(scenario.upmon)
    branch(scenario)
    pages(scenario)
    gist(scenario)


def recipe(heading):
    """The shell block under a heading of docs/badges.md."""
    section = (ROOT / "docs/badges.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.search(r"^```sh\n(.*?)^```$", section, re.M | re.S)[1]


def run(scenario, heading, name, report, **env):
    """Runs a recipe in a new directory with a report in it; gives the directory and how it ended."""
    directory = scenario.directory / name
    directory.mkdir()
    (directory / "upmon-report.json").write_text(json.dumps(report))
    clean = {
        "PATH": f"{scenario.directory / 'programs'}:{os.environ['PATH']}",
        "HOME": str(scenario.directory / "nobody"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "NO_PROXY": "127.0.0.1",
    }
    # a umask under which nobody else may read, as some runners have it
    script = ["sh", "-c", f"umask 077\n{recipe(heading)}"]
    done = subprocess.run(script, env={**clean, **env}, cwd=directory, capture_output=True, text=True, timeout=120, check=False)
    return directory, done


def expect_done(done, what):
    """A recipe that did what it is for."""
    expect(done.returncode, 0, f"{what}: {done.stderr}")


def reports():
    """A report, and the one of a night on which a package was no longer pinned."""
    first = json.loads(REPORT.read_text())
    second = json.loads(REPORT.read_text())
    dropped = next(finding for finding in second["findings"] if (finding["status"], finding["severity"]) == ("behind", "info"))
    second["findings"].remove(dropped)
    summary = second["summary"]
    for counts, name in [(summary, "packages"), (summary, "behind"), (summary["by_severity"], dropped["severity"])]:
        counts[name] -= 1
    summary["libyears"] = round(summary["libyears"] - (dropped["libyears"] or 0), 2)
    return first, second


def branch(scenario):
    """The first night makes the branch, an unchanged one pushes nothing, a changed one is one commit more."""
    remote = scenario.directory / "remote.git"
    scenario.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", remote)
    pushes = scenario.directory / "pushes"
    hook = remote / "hooks/post-receive"
    hook.write_text(f"#!/bin/sh\ncat >>{pushes}\n")
    hook.chmod(0o755)
    first, second = reports()

    def night(number, report):
        """How many pushes there were until then, and the commits of the branch."""
        directory, done = run(scenario, "A branch", f"branch-{number}", report, REMOTE=f"file://{remote}")
        expect_done(done, f"night {number} of the branch")
        commits = scenario.run("git", "--git-dir", remote, "rev-list", "badges").split()
        return len(pushes.read_text().splitlines()), commits

    count, commits = night(1, first)
    expect((count, len(commits)), (1, 1), "pushes and commits after the first night")
    files = scenario.run("git", "--git-dir", remote, "ls-tree", "-r", "--name-only", "badges").splitlines()
    groups = {finding["group"] for finding in first["findings"]}
    wanted = {".upmon-badges", "upmon.json", "upmon.svg"} | {f"{group}.svg" for group in groups if group.isalpha()}
    expect(wanted - set(files), set(), "badges that the branch lacks")
    expect(night(2, first), (1, commits), "pushes and commits after an unchanged night")
    count, commits = night(3, second)
    expect((count, len(commits)), (2, 2), "pushes and commits after a night on which a pin was dropped")
    fewer = scenario.run("git", "--git-dir", remote, "ls-tree", "-r", "--name-only", "badges").splitlines()
    expect(len(fewer) < len(files), True, "that the badges of a dropped pin are gone")
    expect(scenario.run("git", "--git-dir", remote, "for-each-ref", "--format=%(refname)").split(), ["refs/heads/badges"], "branches of the remote")

    directory, done = run(scenario, "A branch", "branch-nowhere", first, REMOTE=f"file://{scenario.directory}/nowhere.git")
    expect((done.returncode != 0, (directory / "badges").exists()), (True, False), "a remote that is not there")


def pages(scenario):
    """The artifact as actions/upload-pages-artifact packs it: everything readable, nothing hidden, the same bytes."""
    first, _ = reports()
    listings = []
    for name in ["pages-1", "pages-2"]:
        directory, done = run(scenario, "Pages", name, first)
        expect_done(done, name)
        scenario.run("tar", "--dereference", "--hard-dereference", "--directory", directory / "site", "-cf", directory / "artifact.tar",
                     "--exclude=.git", "--exclude=.github", "--exclude=.[^/]*", ".")
        listings.append({
            path.relative_to(directory): (path.read_bytes() if path.is_file() else None, path.stat().st_mode & 0o005)
            for path in (directory / "site").rglob("*")
        })
        names = scenario.run("tar", "--list", "--file", directory / "artifact.tar").split()
        expect([name for name in names if "/." in name.removeprefix("./")], [], "hidden files in the artifact")
        expect({"./badges/upmon.svg", "./badges/upmon.json"} - set(names), set(), "badges that the artifact lacks")
    expect(listings[0], listings[1], "the sites of two nights with the same report")
    closed = [str(path) for path, (content, mode) in listings[0].items() if not mode & 0o004]
    expect(closed, [], "files that Pages could not read")


def gist(scenario):
    """The first night changes the file, an unchanged one only looks; without the right nothing is written."""
    first, second = reports()
    with github() as (address, asked, state):
        given = {"GITHUB_API_URL": address, "GIST_ID": "abc123", "GIST_TOKEN": "a-secret"}
        for number, (report, methods) in enumerate([(first, ["GET", "PATCH"]), (first, ["GET"]), (second, ["GET", "PATCH"])]):
            asked.clear()
            directory, done = run(scenario, "A gist", f"gist-{number}", report, **given)
            expect_done(done, f"night {number} of the gist")
            expect([method for method, _ in asked], methods, f"what was asked on night {number}")
            expect(state["files"]["upmon.json"]["content"], (directory / "badges/upmon.json").read_text(), "the gist's file")
            for method, body in asked:
                expect(body, {"files": {"upmon.json": {"content": state["files"]["upmon.json"]["content"]}}} if method == "PATCH" else None, method)
        expect(state["files"]["other.txt"], {"content": "mine"}, "another file of the gist")
        asked.clear()
        _, done = run(scenario, "A gist", "gist-denied", first, **{**given, "GIST_TOKEN": "another"})
        expect((done.returncode != 0, [method for method, _ in asked]), (True, ["GET"]), "a token without the right")
        if "another" in done.stdout + done.stderr:
            raise Failed("the recipe shows the token")


@contextlib.contextmanager
def github():
    """One gist behind GitHub's API: its address, what was asked, and the gist."""
    asked = []
    state = {"id": "abc123", "files": {"other.txt": {"content": "mine"}}}

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, body):
            asked.append((self.command, body))
            headers = (self.headers["Authorization"], self.headers["Accept"], self.headers["X-GitHub-Api-Version"])
            right = headers == ("Bearer a-secret", "application/vnd.github+json", "2022-11-28") and self.path == "/gists/abc123"
            if right and body:
                state["files"].update(body["files"])
            content = json.dumps(state if right else {"message": "Bad credentials"}).encode()
            self.send_response(200 if right else 401)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self):
            self.answer(None)

        def do_PATCH(self):
            self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked, state
    finally:
        server.shutdown()
        server.server_close()


SCENARIOS = [badges]
