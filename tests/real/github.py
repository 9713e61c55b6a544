"""`upmon issues` against a GitHub that is not ours, and every request held against GitHub's own description of its API."""

import http.client
import http.server
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import urllib.parse

import github_api
from harness import Failed, expect, free_port

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOKEN = "real-test-token"
SHOP = "/repos/ana/shop"
PACKAGES = 105
"""More than a page of issues."""
ISSUES = ["GET {}/issues", "GET {}/issues/N", "POST {}/issues", "PATCH {}/issues/N", "POST {}/issues/N/comments", "POST {}/labels"]
DISPATCHES = [
    "POST {}/dispatches",
    "POST {}/actions/workflows/rebuild.yml/dispatches",
    "GET {}/actions/runs",
    "GET {}/actions/workflows/rebuild.yml/runs",
    "GET {}/actions/runs/N",
]
"""What has to be among the requests, or nothing is proved of it."""


class Recorder(http.server.ThreadingHTTPServer):
    """Stands before the emulator, hands everything on, and keeps every request without its token."""

    daemon_threads = True

    def __init__(self, port, behind):
        super().__init__(("127.0.0.1", port), Handler)
        self.behind = behind
        self.requests = []
        self.hides_labels = False
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def writes(self):
        """Method and path of every request for a change since this was last asked."""
        told = [f"{request['method']} {request['path'].removeprefix(SHOP)}" for request in self.requests[self.looked_at :] if request["method"] != "GET"]
        self.looked_at = len(self.requests)
        return told

    looked_at = 0

    def handle_error(self, *_):
        """A client that has gone is nothing to tell."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Keeps a request and hands it on."""

    protocol_version = "HTTP/1.1"

    def hand_on(self):
        """Any method."""
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else None
        url = urllib.parse.urlsplit(self.path)
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        self.server.requests.append(
            {
                "method": self.command,
                "path": url.path,
                "query": urllib.parse.parse_qsl(url.query),
                "headers": [(name, value) for name, value in headers if name != "authorization"],
                "body": body.decode() if body else None,
            }
        )
        if self.server.hides_labels and self.command == "GET" and url.path == f"{SHOP}/labels":
            return self.answer(200, [("content-type", "application/json")], b"[]")
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=30)
        connection.request(self.command, self.path, body, {name: value for name, value in headers if name != "accept-encoding"})
        answer = connection.getresponse()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in ("content-length", "transfer-encoding", "connection", "date")]
        self.answer(answer.status, kept, answer.read())
        connection.close()

    def answer(self, status, headers, body):
        """Sends an answer whole."""
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = hand_on

    def log_message(self, *_):
        """The record is enough."""


class Shop:
    """The emulator's repository, the pins of which it is told, and the registry that they are of."""

    def __init__(self, scenario):
        self.scenario = scenario
        (emulator, port, registry) = (free_port(), free_port(), free_port())
        self.url = f"http://127.0.0.1:{port}"
        self.recorder = Recorder(port, emulator)
        api = scenario.home / "npm/node_modules/emulate/dist/api.js"
        scenario.start("emulate", ["node", HERE / "github_emulator.mjs", api, emulator, self.url], f"http://127.0.0.1:{emulator}/zen")
        self.index = scenario.directory / "index"
        self.index.mkdir()
        (self.index / "config.json").write_text('{"dl": "http://127.0.0.1:9/"}')
        self.pins = {}
        for number in range(PACKAGES):
            self.publish(f"tiny-{number:03}", "1.0.0", "1.1.0")
            self.pins[f"tiny-{number:03}"] = "1.0.0"
        scenario.urls = {"CRATES_IO": f"http://127.0.0.1:{registry}/"}
        scenario.start("index", [sys.executable, HERE / "static_server.py", registry, self.index], f"http://127.0.0.1:{registry}/config.json")

    def publish(self, name, *versions):
        """The package's page of the sparse index."""
        page = self.index / name[:2] / name[2:4] / name
        page.parent.mkdir(parents=True, exist_ok=True)
        line = {"name": name, "deps": [], "cksum": "0" * 64, "features": {}, "yanked": False}
        page.write_text("".join(json.dumps({**line, "vers": version}) + "\n" for version in versions))

    def issues(self, *flags, exit_code=0):
        """Checks the pins, runs `upmon issues`, and gives what it printed."""
        report = self.scenario.directory / "report.json"
        self.scenario.check({"rust": self.pins}, "--no-cache", "--write-report", str(report))
        settings = {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": "ana/shop", "UPMON_ISSUES_PACE": "0s", "UPMON_ISSUES_MAX_NEW": "500"}
        done = subprocess.run(
            [self.scenario.upmon, "issues", "--report", str(report), *flags],
            env={**self.scenario.environment(), "UPMON_GITHUB_API_URL": self.url, **settings},
            cwd=self.scenario.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != exit_code or TOKEN in done.stdout + done.stderr:
            raise Failed(f"upmon issues ended with {done.returncode}, not {exit_code}: {done.stderr[-1200:]}{done.stdout[-1200:]}")
        return done.stdout

    def ask(self, method, path, body=None):
        """Asks the emulator as a person would, past the recorder."""
        connection = http.client.HTTPConnection("127.0.0.1", self.recorder.behind, timeout=30)
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json", "user-agent": "a person"}
        connection.request(method, f"{SHOP}{path}", json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 300:
            raise Failed(f"the emulator answered {answer.status} to {method} {path}: {text[:300]}")
        return json.loads(text)

    def about(self, name):
        """The issues about a package, oldest first."""
        listed = [issue for page in (1, 2, 3) for issue in self.ask("GET", f"/issues?state=all&labels=upmon&per_page=100&page={page}")]
        ours = [issue for issue in listed if f"<!-- upmon:v1 id=rust/{name} " in (issue["body"] or "")]
        return sorted(ours, key=lambda issue: issue["number"])

    def comments(self, issue):
        """The comments on an issue."""
        return [comment["body"] for comment in self.ask("GET", f"/issues/{issue['number']}/comments?per_page=100")]


def drive(scenario):
    """Everything that `upmon issues` does, once, against the emulator; gives the requests."""
    shop = Shop(scenario)
    planned = json.loads(shop.issues("--dry-run"))["changes"]
    expect(shop.recorder.writes(), [], "what a dry run writes")
    shop.issues()
    made = shop.recorder.writes()
    expect(made.count("POST /issues"), PACKAGES + 1, "issues created, the rollup among them")
    expect(len(made), len(planned), "as much as was planned")
    expect(shop.issues(), "nothing to change\n", "a second run")
    expect(shop.recorder.writes(), [], "what a second run writes")
    pages = [request for request in shop.recorder.requests if ["page", "2"] in [list(pair) for pair in request["query"]]]
    if not pages:
        raise Failed("no second page was asked for")

    # worse, newer, current, closed by a person, snoozed, and a copy by hand
    shop.publish("tiny-000", "1.0.0", "1.1.0", "2.0.0")
    shop.publish("tiny-001", "1.0.0", "1.1.0", "1.1.1")
    shop.pins["tiny-002"] = "1.1.0"
    for name in ("tiny-003", "tiny-004"):
        shop.publish(name, "1.0.0", "1.1.0", "1.2.0")
    [closed], [snoozed], [copied] = (shop.about(name) for name in ("tiny-003", "tiny-004", "tiny-005"))
    shop.ask("PATCH", f"/issues/{closed['number']}", {"state": "closed"})
    shop.ask("POST", "/labels", {"name": "upmon:snoozed", "color": "ededed"})
    shop.ask("POST", f"/issues/{snoozed['number']}/labels", {"labels": ["upmon:snoozed"]})
    shop.ask("POST", "/issues", {"title": "copy", "body": copied["body"], "labels": ["upmon"]})
    # a label that is there and is not listed: 422, which is no failure
    shop.recorder.hides_labels = True
    told = shop.issues()
    shop.recorder.hides_labels = False
    if "the label upmon is there" not in told:
        raise Failed(f"no label was refused as a duplicate: {told[-400:]}")
    check_second(shop, snoozed)
    shop.recorder.writes()
    expect(shop.issues(), "nothing to change\n", "the run after that")
    expect(shop.recorder.writes(), [], "what the run after that writes")
    return shop.recorder.requests


def check_second(shop, snoozed):
    """What the second night has to leave behind."""
    [worse], [newer], [current], [reopened], [quiet] = (shop.about(f"tiny-00{number}") for number in range(5))
    expect(sorted(label["name"] for label in worse["labels"]), ["upmon", "upmon:critical"], "labels of what is worse")
    expect([("the severity is critical" in comment) for comment in shop.comments(worse)], [True], "comments on what is worse")
    expect(("1.1.1" in newer["body"], shop.comments(newer)), (True, []), "what is newer")
    expect((current["state"], current.get("state_reason"), len(shop.comments(current))), ("closed", "completed", 1), "what is current")
    expect((reopened["state"], len(shop.comments(reopened))), ("open", 1), "what a person closed and has a newer version")
    expect(quiet["body"], snoozed["body"], "what is snoozed")
    [first, second] = shop.about("tiny-005")
    expect((first["state"], second["state"]), ("open", "closed"), "the older of two, and the copy")


def github(scenario):
    """npm `emulate`, a GitHub that is not ours: issues, labels, comments, pages, a label that is there already."""
    drive(scenario)


def openapi(scenario):
    """Every request against the emulator and in `cargo test`, held against GitHub's OpenAPI description, to the letter."""
    whole = scenario.home / "npm/node_modules/@octokit/openapi/generated/api.github.com.json"
    description = github_api.Description.read(whole)
    refused = github_api.self_test(description)
    recorded = {"the emulator": (drive(scenario), ISSUES), "`cargo test`": (tested(scenario), ISSUES + DISPATCHES)}
    for who, (requests, wanted) in recorded.items():
        check(description, requests, who, wanted)
    counts = ", ".join(f"{len(requests)} of {who}" for who, (requests, _) in recorded.items())
    print(f"     {counts}; {refused} wrong ones refused")


def tested(scenario):
    """The requests of the tests that have a GitHub of their own."""
    records = scenario.directory / "records"
    command = ["cargo", "test", "--quiet", "--locked", "--test", "it", "--", "issues::", "github::", "dispatch::", "run::", "hostile::actions::"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "UPMON_RECORD_GITHUB": str(records)}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"cargo test ended with {done.returncode}: {done.stdout[-800:]}{done.stderr[-800:]}")
    return [json.loads(line) for file in sorted(records.glob("*.jsonl")) for line in file.read_text().splitlines()]


def check(description, requests, who, wanted_kinds):
    """Fails with every request that does not fit; the same one is looked at once."""
    kinds = {re.sub(r"\d+", "N", f"{request['method']} {request['path']}") for request in requests}
    for wanted in wanted_kinds:
        if not any(re.fullmatch(wanted.replace("{}", "/repos/[^/]+/[^/]+"), kind) for kind in kinds):
            raise Failed(f"no `{wanted}` among the requests of {who}")
    seen, wrong = set(), []
    for request in requests:
        key = json.dumps([request[part] for part in ("method", "path", "query", "body")])
        names = sorted(name for name, _ in request["headers"])
        if (key, *names) in seen:
            continue
        seen.add((key, *names))
        wrong += [f"{request['method']} {request['path']} {request['query']}: {problem}" for problem in description.problems(request)]
    if wrong:
        raise Failed(f"{len(wrong)} misfits of {who}:\n" + "\n".join(wrong[:20]))


SCENARIOS = [github, openapi]
