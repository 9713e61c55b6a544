"""Truth under faults: benches/registry-stand-in answers wrongly, and upmon is right or says that it does not know.

Every run is compared with the truth, which is what the same binary says of the same pins while nothing goes wrong.
"""

import collections
import concurrent.futures
import contextlib
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import time

from harness import Failed, expect, notices
from stand_in import StandIn, high_water

KINDS = {
    "too-many": {"rate-limited"},
    "too-many-for-a-day": {"rate-limited"},
    "unavailable": {"unreachable"},
    "reset": {"unreachable"},
    "truncated": {"bad-response"},
    "garbage": {"bad-response"},
    "html": {"bad-response"},
    "drip": {"unreachable"},
    "huge": {"bad-response"},
    "bomb-gzip": {"bad-response"},
    "bomb-brotli": {"bad-response"},
    "bomb-zstd": {"bad-response"},
    "redirect-loop": {"bad-response"},
    "redirect-away": {"unreachable"},
    "wrong-type": {"bad-response"},
    "empty-list": {"bad-response", "no-eligible-release"},
    "not-modified": {"bad-response"},
}
"""Why a package may be unknown under each fault. What is not unknown is as it is without faults."""

DATED = ["behind_since", "days", "libyears", "due"]
"""What a finding lacks when dates could not be had, beside the two `published_at` and the links that come with them; it
then has a notice."""

PEAK = 384
"""MiB that a run of the debug binary may take, whatever is thrown at it. Two hundred endless lines, values and pages come to
180, and with them as many windows of brotli to 300; without the places of `http::room` they came to 1700."""

ENDLESS = ["huge", "bomb-gzip", "bomb-brotli", "bomb-zstd"]
"""Faults of which the body has no end that anybody reads."""

MARGIN = 3
"""Seconds after its deadline in which a run ends, those left out in which it waited for a processor that others had."""


def stand_in(scenario, packages, **what):
    """A stand-in with a directory of its own below the scenario's."""
    return StandIn(scenario.stand_in, scenario.directory / f"stand-in-{next(NUMBERS)}", packages, **what)


NUMBERS = itertools.count()
"""Tells apart the files of one process."""

Ran = collections.namedtuple("Ran", "findings seconds starved peak")


class Runs:
    """upmon over pins of a stand-in, with settings and a cache directory of its own."""

    def __init__(self, scenario, settings="", cache="cache"):
        self.scenario = scenario
        self.cache = scenario.directory / cache
        self.settings = scenario.directory / f"{cache}.toml"
        self.settings.write_text(settings)

    def start(self, server, *flags, pins=None):
        """A process that writes its report to the file given beside it."""
        number = next(NUMBERS)
        path = self.scenario.directory / f"pins-{number}.json"
        path.write_text(json.dumps(pins or server.pins))
        report = self.scenario.directory / f"report-{number}.json"
        environment = {**self.scenario.environment(), **server.urls, "UPMON_CACHE_DIR": str(self.cache)}
        command = [self.scenario.upmon, "check", "--json", "--quiet", "--pins", path, "--config", self.settings, *flags]
        with report.open("wb") as out:
            child = subprocess.Popen([str(part) for part in command], env=environment, cwd=self.scenario.directory, stdout=out, stderr=subprocess.STDOUT)
        return child, report

    def check(self, server, *flags, pins=None):
        """One run to its end: findings by id, how long it took, how much of that without a processor, its peak memory in MiB."""
        started = time.monotonic()
        child, report = self.start(server, *flags, pins=pins)
        peak = 0
        # its numbers can be read until somebody asks how it ended
        while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            peak = max(peak, high_water(child.pid))
            if time.monotonic() - started > 60:
                child.kill()
                raise Failed("the run did not end within a minute")
            time.sleep(0.005)
        seconds, without = time.monotonic() - started, starved(child.pid)
        child.wait()
        return Ran(findings(child, report), seconds, without, peak)


def starved(pid):
    """Seconds for which a process was ready to run and had no processor: the second number of proc_pid_schedstat(5)."""
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def findings(child, report):
    """What a process that has ended told, by id."""
    text = report.read_text()
    if child.returncode not in (0, 3):
        raise Failed(f"upmon ended with {child.returncode}: {text[-800:]}")
    return {finding["id"]: finding for finding in json.loads(text)["findings"]}


def expect_right(found, truth, kinds=(), more=()):
    """Every finding is the truth's, or unknown for one of these reasons. Gives how many were right.

    `more` are kinds of notices that a finding may have beyond those of the truth.
    """
    expect(list(found), list(truth), "the findings")
    right = 0
    for name, finding in found.items():
        if finding["status"] != "unknown":
            for key, expected in core(truth[name]).items():
                expect(core(finding, more)[key], expected, f"{key} of {name}")
            expect_dates(finding, truth[name])
            right += 1
        elif finding["error"]["kind"] not in kinds:
            raise Failed(f"{name} is unknown for another reason than {sorted(kinds)}: {finding['error']}")
        else:
            expect((finding["newest"], finding["severity"]), (None, None), f"newest and severity of the unknown {name}")
    return right


def offline(runs, server, truth, kinds=()):
    """How many findings a cache alone knows, all of them right."""
    found = runs.check(server, "--offline").findings
    return expect_right(found, truth, {"unreachable", *kinds}, more=["stale"])


def core(finding, more=()):
    """What depends neither on dates nor on where the pin stands, and the notices that matter."""
    kept = {key: value for key, value in finding.items() if key not in [*DATED, "overdue", "links", "place"]}
    for place in ["pinned", "newest", "wanted"]:
        kept[place] = finding[place] and {key: value for key, value in finding[place].items() if key != "published_at"}
    kept["notices"] = [kind for kind in notices(finding) if kind not in ["dates-unknown", *more]]
    return kept


def expect_dates(finding, truth):
    """Dates and links are the truth's, or missing with a notice that says so."""
    name = finding["id"]
    pairs = [(key, finding[key], truth[key]) for key in DATED if key != "days"]
    pairs += [(f"{place}.published_at", finding[place]["published_at"], truth[place]["published_at"]) for place in ["pinned", "newest"]]
    pairs += [(f"links.{key}", finding["links"][key], link) for key, link in truth["links"].items()]
    for key, actual, expected in pairs:
        if actual != expected and (actual is not None or "dates-unknown" not in notices(finding)):
            raise Failed(f"{key} of {name}: {actual!r} is neither {expected!r} nor missing with a notice: {finding['notices']}")


def expect_bounded(server, what):
    """No retry storm: each origin was asked at most twice for every lookup, beyond a reserve, and five times for any."""
    for registry, requests in server.by_registry().items():
        lookups = len({asked.question for asked in requests})
        most = min(2 * lookups + 100, 5 * lookups)
        if len(requests) > most:
            raise Failed(f"{what}: {registry} got {len(requests)} requests for {lookups} lookups, more than {most}")
    return len(server.requests())


def impatient(timeout, deadline, more=""):
    """Settings for a registry that is in trouble."""
    return f'[network]\ntimeout = "{timeout}s"\nconnect-timeout = "{timeout}s"\ndeadline = "{deadline}s"\n{more}'


def patience(fault):
    """Time limit and deadline: a fault that is slow meets a short limit, lest its run be as slow."""
    return {"drip": (1, 4), "too-many": (5, 5), **dict.fromkeys(ENDLESS, (5, 8))}.get(fault, (10, 15))


PACKAGES = 200

AT_ONCE = 3
"""Faults that are tried at once: most of the time is spent waiting."""


def faults(scenario):
    """every fault in 1, 20 and 100 of 100 answers, cold and over a filled cache: nothing is ever wrong"""
    truth, asked = the_truth(scenario)

    def try_out(fault):
        ran = [under_fault(scenario, truth, fault, percent) for percent in [1, 20, 100]]
        return max(run.peak for run in [*ran, *over_a_filled_cache(scenario, truth, fault, asked)])

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        peaks = list(pool.map(try_out, KINDS))
    print(f"     {len(peaks)} faults, peak memory {max(peaks):.0f} MiB")


def the_truth(scenario, packages=PACKAGES):
    """The findings while nothing goes wrong, and how many requests they take."""
    with stand_in(scenario, packages) as server:
        found = Runs(scenario, cache="truth").check(server).findings
        if unknown := [finding for finding in found.values() if finding["status"] == "unknown"]:
            raise Failed(f"unknown without a fault: {unknown[0]}")
        dateless = [name for name, finding in found.items() if finding["status"] == "behind" and not finding["behind_since"]]
        expect(dateless, [], "findings without dates")
        return found, len(server.requests())


def under_fault(scenario, truth, fault, percent):
    """One cold run under a fault, and what the cache then holds."""
    what = f"{fault} in {percent} of 100 answers"
    timeout, deadline = patience(fault)
    # a body without end is read up to the cap; that of a debug binary is small, lest reading take the whole deadline
    caps = "".join(f'[registries.{name}]\nmax-size = "1 MiB"\n' for name in ["crates-io", "pypi", "rubygems", "npm"])
    runs = Runs(scenario, impatient(timeout, deadline, caps if fault in ENDLESS else ""), cache=f"{fault}-{percent}")
    with named(what), stand_in(scenario, PACKAGES, fault=fault, percent=percent) as server:
        ran = runs.check(server)
        right = expect_right(ran.findings, truth, KINDS[fault] | overdue(ran, timeout))
        expect_modest(ran, deadline)
        requests = expect_bounded(server, what)
        if percent == 100:
            expect(right, 0, "findings that are known although nothing was told")
        # that a registry lists nothing is an answer, and kept as one; what is no answer is not
        known = offline(runs, server, truth, KINDS[fault] if fault == "empty-list" else ())
        if known < right:
            raise Failed(f"{right} findings were right, and {known} of them are in the cache")
        print(f"     {what}: {right} right, {PACKAGES - right} unknown, {requests} requests, {ran.seconds:.1f} s, {ran.peak:.0f} MiB", flush=True)
    shutil.rmtree(runs.cache)
    return ran


def over_a_filled_cache(scenario, truth, fault, asked):
    """Runs while every answer is wrong, of which an earlier run has facts: unknown, or stale for who asks for that."""
    timeout, deadline = patience(fault)
    # 304 is the very answer to the question whether what we have still holds
    is_answer = fault == "not-modified"
    # with the registries' own caps, a body without end may last for longer than the time limit
    kinds = KINDS[fault] | ({"unreachable"} if fault in ENDLESS else set())
    cache = f"{fault}-warm"
    with named(f"{fault} over a filled cache"), stand_in(scenario, PACKAGES, fault=fault, after=asked) as server:
        before = Runs(scenario, cache=cache).check(server)
        expect(expect_right(before.findings, truth), PACKAGES, "findings that are right before the fault")
        runs = Runs(scenario, impatient(timeout, deadline), cache=cache)
        ran = [runs.check(server, "--stale"), runs.check(server)]
        if fault == "empty-list":
            # a well-formed answer that lists nothing is the registry's word, and nothing stale goes before it
            for run in ran:
                expect_right(run.findings, truth, kinds, more=["stale"])
        else:
            expect(expect_right(ran[0].findings, truth, more=["stale"]), PACKAGES, "findings that are right, if stale")
            stale = sum("stale" in notices(finding) for finding in ran[0].findings.values())
            expect(stale, 0 if is_answer else PACKAGES, "findings that say that they are stale")
            right = expect_right(ran[1].findings, truth, kinds | overdue(ran[1], timeout))
            expect(right, PACKAGES if is_answer else 0, "findings that are known without leave to be stale")
    for run in ran:
        expect_modest(run, deadline)
    shutil.rmtree(runs.cache)
    return ran


def overdue(ran, timeout):
    """On a machine so busy that a run outlasts the time limit, what was being asked then is unknown as well."""
    return {"unreachable"} if ran.seconds >= timeout else set()


def expect_modest(ran, deadline):
    """The run ended in time and kept its memory."""
    if ran.seconds - ran.starved > deadline + MARGIN:
        raise Failed(f"took {ran.seconds:.1f} s, {ran.starved:.1f} of them without a processor, with a deadline of {deadline} s")
    if ran.peak > PEAK:
        raise Failed(f"took {ran.peak:.0f} MiB, more than {PEAK}")


@contextlib.contextmanager
def named(what):
    """Says in which part an expectation failed."""
    try:
        yield
    except Failed as error:
        raise Failed(f"{what}: {error}") from error


def pace(scenario):
    """concurrency 4, 50 requests a second: the stand-in's log shows no more, repeats included, nor any while told to wait"""
    set_pace = "".join(f"[registries.{name}]\nconcurrency = 4\nrate = 50\n" for name in ["crates-io", "pypi", "rubygems", "npm"])
    packages = 400
    truth, _ = the_truth(scenario, packages)
    for fault, percent in [(None, 0), ("unavailable", 20), ("truncated", 20), ("too-many", 2)]:
        runs = Runs(scenario, impatient(5, 30, set_pace), cache=f"pace-{fault}")
        with named(f"pace with {fault}"), stand_in(scenario, packages, latency=60, fault=fault, percent=percent) as server:
            ran = runs.check(server)
            expect_right(ran.findings, truth, KINDS.get(fault, ()))
            for registry, requests in server.by_registry().items():
                expect_paced(registry, sorted(requests), per_second=50, at_once=4)
            quiet = sum(expect_quiet(registry, requests) for registry, requests in server.by_registry().items())
            if fault == "too-many" and not quiet:
                raise Failed("nobody was told to wait")
    storm(scenario)


def expect_paced(registry, requests, per_second, at_once):
    """Never more under way than allowed, and the n-th request not before its turn."""
    most = max(asked.under_way for asked in requests)
    if most > at_once:
        raise Failed(f"{registry} had {most} requests under way, not {at_once}")
    if len(requests) >= 40 and most < 2:
        raise Failed(f"{registry} never had two requests under way, so that the log proves nothing")
    # a request cannot arrive before it started, so only the first one's own delay is forgiven
    forgiven = 150
    for number, asked in enumerate(requests):
        turn = requests[0].at + number * 1000 / per_second - forgiven
        if asked.at < turn:
            raise Failed(f"{registry} got request {number} after {asked.at - requests[0].at} ms, more than {per_second} a second")


def expect_quiet(registry, requests):
    """Nobody is asked in the second for which it asked to be left alone. Gives how often it did."""
    told = [asked.at + 60 for asked in requests if asked.status == 429]
    for at in told:
        # what arrives with the answer was sent before it was read
        if early := [asked for asked in requests if at + 40 < asked.at < at + 1000]:
            raise Failed(f"{registry} said at {at} ms to wait for a second, and was asked at {early[0].at} ms")
    return len(told)


def storm(scenario):
    """A thousand packages while every answer is 503: repeats stay within the budget of each origin."""
    with named("a storm"), stand_in(scenario, 1000, fault="unavailable") as server:
        ran = Runs(scenario, impatient(5, 15), cache="storm").check(server)
        expect({finding["error"]["kind"] for finding in ran.findings.values()}, {"unreachable"}, "what is unknown")
        print(f"     1000 packages, all 503: {expect_bounded(server, 'a storm')} requests")


KILLED_RUNS = 200


def killed(scenario):
    """kill -9 at random moments in 200 runs that share a cache: every run after it is right, offline and online"""
    dice = random.Random(20261120)
    packages, sample = 400, 100
    truth, _ = the_truth(scenario, packages)
    runs = Runs(scenario, cache="killed")
    with stand_in(scenario, packages, latency=5) as server:
        moment = 0.3
        count = collections.Counter()
        while count["killed"] < KILLED_RUNS:
            child, _ = runs.start(server, pins=some_of(server.pins, sample, dice))
            # half of them at any moment, half around the end, where the cache is written and cleared
            time.sleep(dice.uniform(0, moment) if dice.random() < 0.5 else dice.uniform(0.9, 1) * moment)
            has_ended = child.poll() is not None
            # the last moment follows how long runs take, which differs with what the cache holds and with the machine
            moment *= 0.94 if has_ended else 1.04
            child.kill()
            child.wait()
            count["ended" if has_ended else "killed"] += 1
            if sum(count.values()) % 20 == 0:
                offline(runs, server, truth)
        expect(expect_right(runs.check(server).findings, truth), packages, "findings that are right after the kills")
        expect(offline(runs, server, truth), packages, "findings that are right offline")
        print(f"     {count['killed']} runs were killed, {count['ended']} had ended before, the last moment was {moment * 1000:.0f} ms")


def some_of(pins, count, dice):
    """As many pins, chosen by the dice, in their order."""
    places = [(group, package) for group, packages in pins.items() for package in packages]
    chosen = set(dice.sample(places, count))
    return {group: {package: version for package, version in packages.items() if (group, package) in chosen} for group, packages in pins.items()}


def together(scenario):
    """four runs at once on one cache directory, then a size limit: all are right, and the limit holds"""
    truth, _ = the_truth(scenario)
    with stand_in(scenario, PACKAGES, latency=5) as server:
        runs = Runs(scenario, cache="together")
        for _ in range(8):
            started = [runs.start(server) for _ in range(4)]
            for child, report in started:
                child.wait(timeout=60)
                expect(expect_right(findings(child, report), truth), PACKAGES, "findings of one of four at once that are right")
        expect(offline(runs, server, truth), PACKAGES, "findings that are right offline")

        # Half of what 200 packages take. What was asked for last is kept first, and that is dates: npm's take more than
        # 150 KiB, so under a smaller limit no list of releases is left. 16 bytes of each release are what it consists of,
        # part of a checksum, which nothing makes smaller.
        limit = 400 << 10
        before = size_of(runs.cache / "facts")
        small = Runs(scenario, f'[cache]\nsize = "{limit} B"\n', cache="together")
        expect(expect_right(small.check(server).findings, truth), PACKAGES, "findings under a small limit that are right")
        if not 0 < size_of(small.cache / "facts") <= limit < before:
            raise Failed(f"the cache had {before} bytes and has {size_of(small.cache / 'facts')}, with a limit of {limit}")
        kept = offline(small, server, truth)
        if not 0 < kept < PACKAGES:
            raise Failed(f"{kept} of {PACKAGES} findings are in a cache that is too small for all")
        expect(expect_right(small.check(server).findings, truth), PACKAGES, "findings after the eviction that are right")
        print(f"     {before >> 10} KiB cleared to {size_of(small.cache / 'facts') >> 10} KiB, {kept} of {PACKAGES} packages kept")


def size_of(directory):
    """Bytes in all files of a directory."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


SCENARIOS = [faults, pace, killed, together]
