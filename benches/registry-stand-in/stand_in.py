"""A running registry stand-in (main.rs beside this), for the benchmark and for tests/real: its addresses, pins and log."""

import collections
import contextlib
import json
import pathlib
import subprocess


class Asked(collections.namedtuple("Asked", "at registry status size accept etag path under_way")):
    """One answered request: milliseconds since the start, and what main.rs says of the others."""

    @property
    def question(self):
        """What was asked for; a repeat asks the same."""
        return self.accept, self.path


class StandIn:
    """A stand-in that runs for as long as the context lasts, and writes its files to a directory."""

    def __init__(self, binary, out, packages, latency=0, max_age=0, fault=None, percent=100, after=0, tls=None):
        self.out = pathlib.Path(out)
        arguments = ["--packages", packages, "--latency", latency, "--max-age", max_age, "--out", out]
        arguments += ["--fault", fault, "--percent", percent, "--after", after] if fault else []
        arguments += ["--tls", *tls] if tls else []
        command = [str(part) for part in [binary, *arguments]]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.child.stdout.readline().strip() != "ready":
            raise RuntimeError("the stand-in did not start")
        self.urls = dict(line.split("=", 1) for line in (self.out / "urls.env").read_text().split())
        self.pins = json.loads((self.out / "upstream-versions.json").read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(timeout=20)
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()

    def requests(self):
        """What was asked so far, in the order of the answers."""
        rows = [line.split("\t") for line in (self.out / "requests.tsv").read_text().splitlines()]
        return [Asked(int(row[0]), row[1], int(row[2]), int(row[3]), *row[4:7], int(row[7])) for row in rows]

    def by_registry(self):
        """The same, apart by registry."""
        requests = collections.defaultdict(list)
        for asked in self.requests():
            requests[asked.registry].append(asked)
        return requests


def high_water(pid):
    """The peak of a running process's resident memory so far, in MiB; 0 once it is gone."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
