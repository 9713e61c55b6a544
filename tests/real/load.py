"""Events at 200 a second, while a schedule runs and processes are killed: each is worked off, and none of them twice."""

import collections
import http.client
import json
import random
import secrets
import threading
import time

import postgres
from harness import Failed, expect
from served import Served, registry, sign, until

RATE = 200
"""Deliveries a second."""

STEADY = 60
"""Seconds that nothing goes wrong."""

KILLS = 20
KILLING = 45
"""How often the only process is killed, within how many seconds."""

REPLICAS = 45
"""Seconds of load on two replicas at one PostgreSQL."""

SENDERS = 32
AGAIN = 0.2
"""Seconds after which a sender delivers again what was not answered with 2xx."""

EVENTS = [f"event-{number}" for number in range(20)]
TIMED = [f"timed-{number}" for number in range(20)]
PINS = {"typescript": dict.fromkeys(EVENTS + TIMED, "1.0.0")}
SETTINGS = '[server]\nschedules = [{ cron = "* * * * *", pins = "typescript/timed-*" }]\n'


class Delivery:
    """One event, and what was answered to it."""

    def __init__(self, run, number):
        self.name = f"{run}-{number}"
        self.package = EVENTS[number % len(EVENTS)]
        payload = {"action": "published", "registry_package": {"name": self.package, "ecosystem": "npm"}, "name": self.name}
        self.body = json.dumps(payload).encode()
        self.headers = {"X-GitHub-Event": "registry_package", "X-GitHub-Delivery": self.name, "X-Hub-Signature-256": sign(self.body)}
        self.took = 0.0
        self.sent_at = 0
        self.answers = []


class Load:
    """Senders that keep to a schedule of their own, whatever the services do."""

    def __init__(self, run, ports, seconds):
        self.deliveries = [Delivery(run, number) for number in range(RATE * seconds)]
        self.ports = ports
        self.next = iter(enumerate(self.deliveries))
        self.lock = threading.Lock()
        self.started = time.monotonic()
        self.give_up = self.started + seconds + 120
        self.threads = [threading.Thread(target=self.send, args=[number], daemon=True) for number in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def send(self, port):
        """One sender: a connection that is kept, and made again after a fault, then to the next service."""
        connection = None
        while True:
            with self.lock:
                number, delivery = next(self.next, (0, None))
            if delivery is None:
                return
            due = self.started + number / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            while time.monotonic() < self.give_up:
                try:
                    connection = connection or http.client.HTTPConnection("127.0.0.1", self.ports[port % len(self.ports)], timeout=15)
                    delivery.sent_at = time.time_ns() // 1_000_000
                    connection.request("POST", "/webhooks/github", delivery.body, delivery.headers)
                    answer = connection.getresponse()
                    answer.read()
                    delivery.answers.append(answer.status)
                except (OSError, http.client.HTTPException):
                    delivery.answers.append(0)
                    connection, port = None, port + 1
                if delivery.answers[-1] in (200, 202):
                    break
                time.sleep(AGAIN)
            # from when it was due, so that what waits behind a slow answer counts as slow too
            delivery.took = time.monotonic() - due

    def ended(self):
        """Waits for the last answer; every delivery is accepted then, and none is called new twice."""
        for thread in self.threads:
            thread.join()
        for delivery in self.deliveries:
            if delivery.answers[-1] not in (200, 202) or delivery.answers.count(202) > 1:
                raise Failed(f"{delivery.name} was answered with {delivery.answers}")

    def told(self):
        """How long the answers took, and how many it took, in words."""
        took = sorted(delivery.took * 1000 for delivery in self.deliveries)
        parts = [f"{name} {took[min(len(took) - 1, int(len(took) * part))]:.1f}" for name, part in [("median", 0.5), ("p99", 0.99), ("longest", 1)]]
        answers = collections.Counter(answer for delivery in self.deliveries for answer in delivery.answers)
        others = ", ".join(f"{count} x {status or 'none'}" for status, count in sorted(answers.items()))
        return f"{len(took)} deliveries, answers {others}; {', '.join(parts)} ms"


def worked_off(load, rows):
    """Every delivery stands there once, was sorted to its pin, a check of that pin followed, and told its news once."""
    until("the end of the queue", lambda: not rows("SELECT id FROM deliveries WHERE sorted_at IS NULL LIMIT 1") and not rows("SELECT id FROM jobs LIMIT 1"))
    stored = {name: (sorted_at, json.loads(pins)) for name, sorted_at, pins in rows("SELECT id, sorted_at, pins FROM deliveries")}
    expect(set(stored), {delivery.name for delivery in load.deliveries}, "the deliveries in the database")
    checks = rows("SELECT started_at, scope FROM checks WHERE fault IS NULL ORDER BY started_at")
    last = {}
    for started_at, scope in checks:
        for pin in json.loads(scope):
            last[pin] = started_at
    counts = collections.Counter()
    for delivery in load.deliveries:
        pin = f"typescript/{delivery.package}"
        counts[pin] += 1
        sorted_at, pins = stored[delivery.name]
        expect(pins, [pin], f"the pins of {delivery.name}")
        if last.get(pin, 0) < sorted_at:
            raise Failed(f"{delivery.name} was sorted at {sorted_at}, and {pin} last checked at {last.get(pin)}")
    versions = collections.defaultdict(list)
    for pin, finding in rows("SELECT id, finding FROM changes ORDER BY changed_at"):
        versions[pin].append(int(json.loads(finding)["newest"]["version"].split(".")[2]))
    for pin, seen in versions.items():
        expect(seen, sorted(set(seen)), f"what was learned of {pin}, each once and in order")
    for pin, count in counts.items():
        newest = max(delivery.sent_at for delivery in load.deliveries if f"typescript/{delivery.package}" == pin)
        if versions[pin][-1] < newest or len(versions[pin]) > count:
            raise Failed(f"{pin}: {count} deliveries, the last at {newest}, led to {versions[pin]}")
    timed = [scope for _, scope in checks if "timed-" in scope]
    if not timed:
        raise Failed("the schedule came to nothing")
    return f"{len(checks)} checks, {len(timed)} of them of the schedule"


def load(scenario):
    """200 events a second for a minute while a schedule runs; then kill -9 at 20 random moments: none lost, none twice"""
    registry(scenario)
    steady = Served(scenario, "steady", PINS, SETTINGS).start()
    sent = Load("steady", [steady.port], STEADY)
    sent.ended()
    if any(delivery.answers != [202] for delivery in sent.deliveries):
        raise Failed(f"something was not accepted at once: {sent.told()}")
    checks = worked_off(sent, steady.rows)
    print(f"     {STEADY} s, SQLite: {sent.told()}; {steady.look():.0f} MiB; {checks}", flush=True)
    steady.kill()

    seed = secrets.randbits(32)
    moments = sorted(random.Random(seed).uniform(0.5, KILLING) for _ in range(KILLS))
    killed = Served(scenario, "killed", PINS, SETTINGS).start()
    sent = Load("killed", [killed.port], KILLING)
    for moment in moments:
        time.sleep(max(0.0, sent.started + moment - time.monotonic()))
        killed.kill()
        killed.start()
    sent.ended()
    checks = worked_off(sent, killed.rows)
    print(f"     {KILLING} s, killed {KILLS} times (seed {seed}): {sent.told()}; {killed.look():.0f} MiB; {checks}", flush=True)
    if not (told := scenario.run(scenario.upmon, "db", "check", env=killed.environment).strip()).endswith(" is whole"):
        raise Failed(f"after {KILLS} kills: {told}")


def replicas(scenario):
    """two replicas at a real PostgreSQL under the same load: a replica is killed, the database restarted; none lost, none twice"""
    registry(scenario)
    database = postgres.Cluster(scenario)
    services = [Served(scenario, f"replica-{number}", PINS, SETTINGS, env={"UPMON_DATABASE_URL": database.url}).start() for number in (1, 2)]
    sent = Load("replicas", [service.port for service in services], REPLICAS)
    seed = secrets.randbits(32)
    moments = sorted(random.Random(seed).uniform(2, REPLICAS - 2) for _ in range(6))
    restart = ["fast", "immediate"]
    for number, moment in enumerate(moments):
        time.sleep(max(0.0, sent.started + moment - time.monotonic()))
        if number % 3 == 2:
            database.restart(restart[number // 3])
        else:
            service = services[number % 3]
            service.kill()
            service.start()
    sent.ended()
    checks = worked_off(sent, database.rows)
    peak = max(service.look() for service in services)
    what = "each replica killed twice, PostgreSQL restarted fast and immediate"
    print(f"     {REPLICAS} s, {database.version}, {what} (seed {seed}): {sent.told()}; {peak:.0f} MiB; {checks}", flush=True)


SCENARIOS = [load, replicas]
