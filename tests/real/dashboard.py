"""The pages of `upmon serve` in a real browser: 6 packages and 2,000, with a history, with hostile names, and nothing known."""

import hashlib
import hmac
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import statistics
import time
import urllib.error
import urllib.parse
import urllib.request

from faults import stand_in
from harness import Failed, expect, free_port
from pages import HERE, HOSTILE, looks

SECRET = "s3cret-s3cret-s3cret"
"""With which deliveries are signed."""

SHOTS = pathlib.Path(os.environ.get("UPMON_REAL_SHOTS", HERE.parent.parent / "target/real-pages"))
"""Where the pictures are put, for people to look at."""

DAY = 24 * 60 * 60 * 1000
"""Milliseconds."""

LONGEST = 2.0
"""Seconds in which the debug binary answers with a page of 2,000 packages, on a machine that does something else too."""

LARGEST = 512 * 1024
"""Bytes of such a page."""


def dashboard(scenario):
    """The pages of the service in Chromium: axe-core, both widths and schemes, keyboard, 404, hostile names; 2,000 packages."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    few(scenario)
    many(scenario)


def few(scenario):
    """Six packages and some whose names would rather be markup; one with a history, some stale, some unknown."""
    hostile = {name: {"version": version, "registry": "npm", "package": "pkg"} for name, version in HOSTILE.items()}
    with stand_in(scenario, 6) as server:
        pins = {**server.pins, "<b>hostile": hostile}
        service = Service(scenario, server, pins, "few")
        wanted = next(found["id"] for found in service.findings() if found["status"] == "behind")
        service.deliver("one", [wanted])
        service.deliver("two", sorted(found["id"] for found in service.findings()))
        service.until_sorted(2)
        before = service.findings()
        service.stop()
        known = [found["id"] for found in before if found["status"] != "unknown" and found["id"] != wanted]
        remember(service.database, wanted, known[:2])
        service.start()
        page = service.get(f"packages/{wanted}")
        expect(page.count("<rect "), 6, "bars of the chart")
        expect(page.count('<tr class="'), 6, "rows of its table")
        expect(service.get("").count("stale-mark"), 2, "packages that are marked as stale")
        names = ["", f"packages/{wanted}", "packages/%3Cb%3Ehostile/" + urllib.parse.quote(next(iter(HOSTILE)), safe=""), "?q=%3Cscript%3E&show=%22%3E&group=%27"]
        seen = browse(scenario, service, "few", wanted, names)
    steps = seen["keyboard"][""]
    expect((steps["first"], steps["skip"]["height"] > 20), ("Skip to the packages", True), "the first thing that Tab reaches")
    expect(steps["outline"], "solid", "the outline of what has the focus")
    expect(steps["found"], [urllib.parse.quote(wanted, safe="/")], "packages that were found")
    expect(steps["behind"], steps["found"], "those of them that are behind")
    expect((steps["heading"], steps["back"]), (wanted, service.address), "the package's page, and the way back")
    expect(service.status("packages/rust/nope"), 404, "a package that is not pinned")
    service.stop()


def many(scenario):
    """Two thousand packages: pages of a hundred, soon and small."""
    with stand_in(scenario, 2000, fault="garbage", percent=3) as server:
        service = Service(scenario, server, server.pins, "many")
        kinds = {found["status"] for found in service.findings()}
        expect({"behind", "current", "unknown"} <= kinds, True, f"that packages stand in several ways: {kinds}")
        measured = {name: measure(service, name) for name in ["", "?page=20", "?q=a&show=behind", "?group=rust"]}
        for name, (seconds, size) in measured.items():
            print(f"     /{name}: {seconds * 1000:.0f} ms, {size / 1024:.0f} KiB, debug binary, 2000 packages", flush=True)
            if seconds > LONGEST or size > LARGEST:
                raise Failed(f"/{name} took {seconds:.2f} s and {size} bytes; at most {LONGEST} s and {LARGEST} bytes")
        expect(service.get("?page=20").count("<tbody id="), 100, "packages of the last page")
        expect(service.get("?page=21"), service.get("?page=20"), "a page behind the last one")
        behind = next(found["id"] for found in service.findings() if found["status"] == "behind")
        browse(scenario, service, "many", behind, ["", "?show=unknown", "?show=behind&page=2"])
    service.stop()


def browse(scenario, service, name, wanted, pages):
    """Opens pages in Chromium and looks at each."""
    shots = SHOTS / name
    shutil.rmtree(shots, ignore_errors=True)
    shots.mkdir()
    program = [HERE / "pages.mjs", "--shots", shots, "--service", wanted]
    seen = json.loads(scenario.run("node", *program, scenario.home / "npm/node_modules", shutil.which("chromium"), service.address, *pages))
    expect(seen["said"], [], "what the pages say on the console")
    strangers = [url for url in seen["requests"] if not url.startswith((service.address, "data:"))]
    expect(strangers, [], "what the pages ask others for")
    looks(seen["looks"], len(pages))
    return seen


def measure(service, name):
    """The median of ten answers, in seconds, and the size of the page in bytes."""
    took = []
    for _ in range(10):
        started = time.monotonic()
        page = service.get(name)
        took.append(time.monotonic() - started)
    return statistics.median(took), len(page.encode())


class Service:
    """`upmon serve` at a stand-in, with a database that outlives it."""

    def __init__(self, scenario, server, pins, name):
        self.scenario = scenario
        self.name = name
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}/"
        self.database = scenario.directory / f"{name}.db"
        self.pins = scenario.directory / f"{name}.json"
        self.pins.write_text(json.dumps(pins))
        self.settings = scenario.directory / f"{name}.toml"
        # an instant that has come long ago, and does not come again soon: one check at the first start, and no other
        self.settings.write_text('[[server.schedules]]\ncron = "0 0 29 2 *"\njitter = "5m"\n')
        self.environment = {**scenario.environment(), **server.urls, "UPMON_SERVER_DATABASE": str(self.database), "UPMON_SERVER_WEBHOOK_SECRET": SECRET}
        self.child = None
        self.start()
        self.until("the first check", lambda: json.loads(self.get("readyz"))["last_good_check"])

    def start(self):
        """Starts it, or starts it again."""
        command = [self.scenario.upmon, "serve", "--listen", f"127.0.0.1:{self.port}", "--pins", self.pins, "--config", self.settings]
        self.child = self.scenario.start(f"serve-{self.name}", command, f"{self.address}healthz", env=self.environment)

    def stop(self):
        """Ends it in order."""
        self.child.send_signal(signal.SIGTERM)
        expect(self.child.wait(timeout=30), 0, "how `serve` ends")

    def get(self, path):
        """The text of an answer."""
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return answer.read().decode()

    def status(self, path):
        """The status of an answer."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def findings(self):
        """What is known of every pin."""
        return [package["finding"] for package in json.loads(self.get("api/v1/packages"))["packages"]]

    def deliver(self, name, ids):
        """Sends a signed delivery about these pins."""
        at, body = str(int(time.time())), json.dumps({"packages": ids, "about": name})
        signature = hmac.new(SECRET.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"Upmon-Timestamp": at, "Upmon-Signature": f"sha256={signature}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self.address + "webhooks/signed", body.encode(), headers), timeout=30) as answer:
            expect(answer.status, 202, f"the answer to the delivery {name}")

    def until_sorted(self, count):
        """Waits until so many deliveries are sorted, and their checks are done."""
        sorted_ones = lambda: [one for one in json.loads(self.get("api/v1/deliveries"))["deliveries"] if one["sorted_at"]]
        self.until("the deliveries", lambda: len(sorted_ones()) == count)
        self.until("their checks", lambda: "upmon_queue_jobs 0" in self.get("metrics"))

    def until(self, what, is_so):
        """Waits for something that comes."""
        deadline = time.monotonic() + 120
        while not is_so():
            if time.monotonic() > deadline:
                raise Failed(f"{what} did not come within two minutes")
            time.sleep(0.1)


def remember(database, wanted, aged):
    """Gives a pin a past, and lets what is known of two others be three days old."""
    with sqlite3.connect(database) as store:
        [(now, text)] = store.execute("SELECT changed_at, finding FROM changes WHERE id = ? ORDER BY changed_at DESC LIMIT 1", [wanted]).fetchall()
        unknown = {"status": "unknown", "severity": None, "newest": None, "wanted": None, "update": None, "behind": None, "behind_since": None, "days": None, "libyears": None, "due": None, "rule": None}
        steps = [
            (300, {"severity": "info", "behind": {"major": 0, "minor": 0, "patch": 1, "releases": 1}}),
            (220, {"severity": "notice", "behind": {"major": 0, "minor": 1, "patch": 0, "releases": 5}}),
            (150, {**unknown, "error": {"kind": "unreachable", "message": "no route", "retryable": True}}),
            (140, {"severity": "warning", "behind": {"major": 0, "minor": 4, "patch": 0, "releases": 12}}),
            (60, {"status": "current", "severity": "none", "update": "none", "behind": {"major": 0, "minor": 0, "patch": 0, "releases": 0}, "days": None}),
        ]
        for days, fields in steps:
            store.execute("INSERT INTO changes (id, changed_at, finding) VALUES (?, ?, ?)", [wanted, now - days * DAY, json.dumps({**json.loads(text), **fields})])
        for name in aged:
            store.execute("UPDATE findings SET checked_at = checked_at - ? WHERE id = ?", [3 * DAY, name])
    store.close()


SCENARIOS = [dashboard]
