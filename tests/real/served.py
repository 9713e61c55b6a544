"""`upmon serve` as a process that may be killed and started again, for the scenarios that prove it."""

import contextlib
import hashlib
import hmac
import http.client
import json
import pathlib
import signal
import sqlite3
import subprocess
import sys
import time

from harness import Failed, free_port
from stand_in import high_water

SECRET = "s3cret-s3cret-s3cret"
TOLD = 30
"""Seconds that the service may take until it answers."""


def sign(body):
    """`X-Hub-Signature-256` of a body."""
    return "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def registry(scenario):
    """Starts clock_registry.py, and points upmon's npm at it."""
    port = free_port()
    script = pathlib.Path(__file__).resolve().parent / "clock_registry.py"
    scenario.start("registry", [sys.executable, script, str(port)], port)
    scenario.urls = {"NPM": f"http://127.0.0.1:{port}/"}


class Served:
    """One service, always at the same port."""

    def __init__(self, scenario, name, pins, settings="", arguments=(), env=None, program=None):
        self.scenario = scenario
        self.port = free_port()
        self.directory = scenario.directory / name
        self.directory.mkdir()
        (self.directory / "upstream-versions.json").write_text(json.dumps(pins))
        (self.directory / "upmon.toml").write_text(settings)
        self.database = self.directory / "upmon" / "upmon.db"
        self.log = self.directory / "log"
        state = {"XDG_STATE_HOME": str(self.directory), "UPMON_SERVER_WEBHOOK_SECRET": SECRET}
        self.environment = {**scenario.environment(), **state, **(env or {})}
        files = ["--pins", self.directory / "upstream-versions.json", "--config", self.directory / "upmon.toml"]
        self.command = [program or scenario.upmon, "serve", "--listen", f"127.0.0.1:{self.port}", *files, *arguments]
        self.child = None
        self.peak = 0.0

    def start(self):
        """Starts it, and waits until it answers."""
        with self.log.open("ab") as log:
            command = [str(part) for part in self.command]
            self.child = subprocess.Popen(
                command, cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.scenario.children.append(self.child)
        deadline = time.monotonic() + TOLD
        while True:
            try:
                if self.get("/healthz")[0] == 200:
                    return self
            except OSError:
                pass
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"the service did not start: {self.log.read_text(errors='replace')[-800:]}")
            time.sleep(0.02)

    def kill(self):
        """Ends it as a crash does."""
        self.look()
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self.scenario.children.remove(self.child)

    def look(self):
        """Takes down the most memory that it has held, in MiB."""
        self.peak = max(self.peak, high_water(self.child.pid))
        return self.peak

    def ask(self, method, path, body=None, headers=None, patience=TOLD):
        """One request on a connection of its own: status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def get(self, path):
        """Status and body of a `GET`."""
        status, _, body = self.ask("GET", path)
        return status, body

    def json(self, path):
        """The body of a `GET` that has to succeed."""
        status, body = self.get(path)
        if status != 200:
            raise Failed(f"{path} answered {status}: {body[:300]!r}")
        return json.loads(body)

    def rows(self, statement):
        """What a `SELECT` finds in its SQLite file."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=20)) as database:
            return database.execute(statement).fetchall()


def until(what, is_so, patience=90):
    """Waits for something that comes, and gives it."""
    deadline = time.monotonic() + patience
    while not (found := is_so()):
        if time.monotonic() > deadline:
            raise Failed(f"{what} did not come within {patience} s")
        time.sleep(0.2)
    return found
