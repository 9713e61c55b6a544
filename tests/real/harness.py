"""Processes and assertions for tests/real: servers that end with their scenario, the binary in a clean environment."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

START_LIMIT = 60
"""Seconds that a server may take until its first answer."""

REGISTRIES = ["CRATES_IO", "PYPI", "RUBYGEMS", "NPM"]


class Failed(Exception):
    """A scenario's expectation that did not hold."""


def expect(actual, expected, what):
    """Fails with both sides when they differ."""
    if actual != expected:
        raise Failed(f"{what}: expected {expected!r}, got {actual!r}")


def free_port():
    """A port that nobody listens on; the server that gets it binds at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Scenario:
    """A temporary directory, the servers started in it, and upmon with every registry pointed away from the network."""

    def __init__(self, home, upmon, stand_in):
        self.home = pathlib.Path(home)
        self.upmon = upmon
        self.stand_in = stand_in
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="upmon-real-"))
        self.directory.chmod(0o755)
        self.children = []
        self.urls = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for child in reversed(self.children):
            stop(child)
        if kind is None:
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            print(f"     logs are kept in {self.directory}")

    def start(self, name, command, ready, env=None, cwd=None):
        """Starts a server and waits until `ready` (an address, a port number, or a path that appears) answers."""
        log = open(self.directory / f"{name}.log", "wb")
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(env or {})},
            cwd=cwd or self.directory,
            start_new_session=True,
        )
        self.children.append(child)
        deadline = time.monotonic() + START_LIMIT
        while not answers(ready):
            if child.poll() is not None:
                raise Failed(f"{name} ended at once: {(self.directory / f'{name}.log').read_text(errors='replace')[-800:]}")
            if time.monotonic() > deadline:
                raise Failed(f"{name} gave no answer within {START_LIMIT} s")
            time.sleep(0.05)
        return child

    def run(self, *command, cwd=None, env=None, check=True):
        """Runs a client to its end and gives its standard output."""
        return self.run_both(*command, cwd=cwd, env=env, check=check)[0]

    def run_both(self, *command, cwd=None, env=None, check=True):
        """Runs a client to its end and gives its standard output and its standard error."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd or self.directory,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if check and done.returncode != 0:
            # some tools complain on standard output
            said = done.stdout[-800:] + done.stderr[-800:]
            raise Failed(f"{' '.join(map(str, command))} ended with {done.returncode}: {said}")
        return done.stdout, done.stderr

    def environment(self):
        """What upmon sees: no settings of the user, no cache of an earlier scenario, no registry but the given ones."""
        nowhere = {f"UPMON_{registry}_URL": "http://127.0.0.1:9/" for registry in REGISTRIES}
        given = {f"UPMON_{registry}_URL": url for registry, url in self.urls.items()}
        home = {"HOME": str(self.directory / "home"), "XDG_CACHE_HOME": str(self.directory / "cache")}
        return {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", **home, **nowhere, **given}

    def check(self, pins, *flags, exit_code=0, env=None):
        """Runs `upmon check --json` over the pins and gives the findings by id."""
        path = self.directory / "upstream-versions.json"
        path.write_text(json.dumps(pins, indent=2) + "\n")
        done = subprocess.run(
            [self.upmon, "check", "--json", "--pins", str(path), *flags],
            env={**self.environment(), **(env or {})},
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != exit_code:
            raise Failed(f"upmon check ended with {done.returncode}, not {exit_code}: {done.stderr[-1200:]}{done.stdout[-2000:]}")
        return {finding["id"]: finding for finding in json.loads(done.stdout)["findings"]}


def expect_status(finding, status):
    """The finding has this status; where it is unknown instead, the reason is told."""
    if finding["status"] == "unknown" != status:
        raise Failed(f"{finding['id']} is unknown: {finding['error']}")
    expect(finding["status"], status, f"status of {finding['id']}")


def expect_behind(finding, newest, update, **behind):
    """The finding is behind, at this newest release, by these counts."""
    name = finding["id"]
    expect_status(finding, "behind")
    expect(finding["newest"]["version"], newest, f"newest of {name}")
    expect(finding["update"], update, f"update of {name}")
    for level, count in behind.items():
        expect(finding["behind"][level], count, f"behind.{level} of {name}")


def expect_unknown(finding, kind):
    """The finding is unknown for this reason, and pretends nothing."""
    name = finding["id"]
    expect(finding["status"], "unknown", f"status of {name}")
    expect(finding["error"]["kind"], kind, f"error.kind of {name}")
    expect((finding["newest"], finding["severity"]), (None, None), f"newest and severity of {name}")


def notices(finding):
    """The kinds of a finding's notices."""
    return [notice["kind"] for notice in finding["notices"]]


def answers(ready):
    """Whether a path exists, a port accepts a connection, or an address answers with any status."""
    if isinstance(ready, pathlib.Path):
        return ready.exists()
    if isinstance(ready, int):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", ready), timeout=1):
            return True
        return False
    try:
        urllib.request.urlopen(ready, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def stop(child):
    """Ends a server and what it forked: its own process group, nothing else."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=5)
            return
