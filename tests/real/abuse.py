"""What a stranger can do to `upmon serve`, and what became of each attempt: none of it ends, fills or misleads the service."""

import contextlib
import json
import os
import random
import resource
import socket
import statistics
import threading
import time
import xml.etree.ElementTree

from harness import Failed, expect
from served import Served, sign

TIMEOUT = 2
"""Seconds of `timeout` in the settings of the service."""

IDLE = 10_000
"""Connections that say nothing."""

ROOM = 256
"""MiB that the debug binary may hold at its peak, whatever is sent to it."""

HTML = '<script>alert(1)</script>"\'&'
PINS = {"typescript": {"plain": "1.0.0"}, "group": {HTML: {"registry": "npm", "package": "plain", "version": "1.0.0"}}}
SETTINGS = f'[server]\ntimeout = "{TIMEOUT}s"\nschedules = [{{ cron = "0 0 1 1 *" }}]\n'
EVENT = b'{"action":"published","registry_package":{"name":"plain","ecosystem":"npm"}}'


def abuse(scenario):
    """endless bodies, slow and idle connections, floods of headers, odd paths, markup, replays, smuggling: it goes on answering"""
    service = Served(scenario, "abused", PINS, SETTINGS, ["--offline"]).start()
    for attempt in [endless_bodies, slow, idle, headers, paths, markup, replay, smuggling, pipelining, timing]:
        for what, became in attempt(service):
            print(f"     {what}: {became}", flush=True)
        expect(service.get("/healthz")[0], 200, f"/healthz after {attempt.__name__}")
    log = service.log.read_text(errors="replace")
    if "panicked" in log:
        raise Failed(f"something panicked: {log[-800:]}")
    if (peak := service.look()) > ROOM:
        raise Failed(f"it held {peak:.0f} MiB")
    print(f"     the most memory held in all of this: {peak:.0f} MiB", flush=True)


class Wire:
    """A connection on which exactly these bytes are sent."""

    def __init__(self, service, patience=15):
        self.socket = socket.create_connection(("127.0.0.1", service.port), timeout=patience)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, text):
        """Sends, unless the other end has closed. Whether it did not."""
        try:
            self.socket.sendall(text)
        except OSError:
            return False
        return True

    def rest(self):
        """All that comes until the other end closes."""
        told = b""
        with contextlib.suppress(ConnectionError):
            while part := self.socket.recv(65536):
                told += part
        return told


def statuses(told):
    """The statuses of the answers in a row."""
    return [int(part[:3]) for part in told.split(b"HTTP/1.1 ")[1:]]


def sent(service, *parts):
    """What becomes of a text on a connection of its own."""
    with Wire(service) as wire:
        for part in parts:
            wire.send(part)
        return statuses(wire.rest())


def endless_bodies(service):
    """10 GB, announced and not, to an address that takes bodies and to one that takes none."""
    block = b"x" * 65536
    for path in ["/webhooks/github", "/webhooks/signed", "/healthz", "/badge.svg"]:
        # an address that has only `GET` says so, and closes
        refused = [413, 405]
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n".encode()
        with Wire(service) as wire:
            wire.send(head)
            told = statuses(wire.rest())
        if told[:1] not in [[status] for status in refused]:
            raise Failed(f"10 GB announced to {path} were answered with {told}")
        yield f"10 GB announced to `{path}`", f"{told[0]}, no body read"
        with Wire(service) as wire:
            wire.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            chunk, amount = b"10000\r\n" + block + b"\r\n", 0
            while amount < 10_000_000_000 and wire.send(chunk):
                amount += len(block)
            told = statuses(wire.rest())
        if amount > 64 << 20 or told[:1] not in ([], [413], [405], [401], [408]):
            raise Failed(f"chunks without end to {path}: {amount} bytes were taken, and answered with {told}")
        yield f"chunks without end to `{path}`", f"{told[0] if told else 'closed'} after at most {amount / 2**20:.1f} MiB"


def slow(service):
    """A header and a body that come a byte at a time."""
    for what, head in [("header", b"GET /healthz HTTP/1.1\r\nX: "), ("body", b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")]:
        started = time.monotonic()
        with Wire(service) as wire:
            wire.send(head)
            wire.socket.settimeout(0.1)
            told = b""
            while time.monotonic() - started < 10 * TIMEOUT:
                try:
                    part = wire.socket.recv(4096)
                except TimeoutError:
                    if wire.send(b"a"):
                        continue
                    break
                except ConnectionError:
                    break
                told += part
                if not part:
                    break
        took = time.monotonic() - started
        if took > 4 * TIMEOUT:
            raise Failed(f"a slow {what} was waited for for {took:.1f} s")
        yield f"a {what} a byte at a time", f"{(statuses(told) or ['closed'])[0]}, closed after {took:.1f} s (`timeout` is {TIMEOUT} s)"


def idle(service):
    """Ten thousand connections that say nothing. Beyond `connections` they wait with the system, until those before them are over."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + 500
    if hard != resource.RLIM_INFINITY and hard < wanted and os.geteuid() != 0:
        wanted = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    held, refused = [], 0
    address = ("127.0.0.1", service.port)
    for _ in range(min(IDLE, wanted - 300)):
        connection = socket.socket()
        connection.setblocking(False)
        if connection.connect_ex(address) not in (0, 115):
            refused += 1
        held.append(connection)
    descriptors = len(os.listdir(f"/proc/{service.child.pid}/fd"))
    started = time.monotonic()
    status = service.ask("GET", "/healthz", patience=120)[0]
    waited = time.monotonic() - started
    for connection in held:
        connection.close()
    expect(status, 200, "/healthz behind idle connections")
    began = time.monotonic()
    expect(service.ask("GET", "/healthz", patience=120)[0], 200, "/healthz after them")
    yield f"{len(held)} idle connections", f"{descriptors} descriptors held; a request came through after {waited:.1f} s, and after their end in {time.monotonic() - began:.1f} s"


def headers(service):
    """Too many, too large, and more than one of what there is one of."""
    get = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    for what, more, wanted in [
        ("10,000 header lines", b"A: b\r\n" * 10_000, [431]),
        ("a header line of 1 MiB", b"A: " + b"b" * (1 << 20) + b"\r\n", [431]),
        ("a header name of 1 MiB", b"A" * (1 << 20) + b": b\r\n", [431]),
        ("NUL in a header", b"A: \0\r\n", [400]),
        ("a folded header line", b"A: b\r\n c\r\n", [400]),
        ("two lengths", b"Content-Length: 1\r\nContent-Length: 2\r\n", [400]),
        ("a negative length", b"Content-Length: -1\r\n", [400]),
    ]:
        told = sent(service, get + more + b"\r\n")
        # a reset may overtake the answer where more was sent than read
        if told != wanted and not (told == [] and wanted == [431]):
            raise Failed(f"{what} was answered with {told}")
        yield what, told[0] if told else "closed"


def paths(service):
    """Tricks with paths lead to nothing: there are no files behind any of them."""
    found = {}
    for path in ["/%2e%2e/%2e%2e/etc/passwd", "/../../etc/passwd", "//healthz", "/healthz/../badge.svg", "/healthz%00", "/%00", "/healthz;x", "/badge", "/%ff%fe"]:
        found[path] = sent(service, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        expect(found[path], [404], path)
    yield ", ".join(f"`{path}`" for path in found), 404
    for path in ["/badge/%2e%2e/%2e%2e/etc/passwd.svg", "/badge/..%2f..%2fetc%2fpasswd.json", "/badge/a%00b.svg", "/badge//.svg", "/badge/" + "a" * 20_000 + ".svg"]:
        status, body = service.get(path)
        expect(status, 200, path[:60])
        if b"not pinned" not in body and b"not checked" not in body or b"root:" in body or b"\0" in body:
            raise Failed(f"{path[:60]} was answered with {body[:200]!r}")
        found[path] = [status]
    yield "the same below `/badge/`, and a name of 20,000 characters", "a badge that says `not pinned`"
    for what, line, wanted in [
        ("NUL in the path", b"GET /\0 HTTP/1.1", [400]),
        ("a path of 1 MiB", b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1", [414, 431]),
        ("no path", b"GET  HTTP/1.1", [400]),
        ("HTTP/9.9", b"GET / HTTP/9.9", [400]),
        ("a method of 1 MiB", b"A" * (1 << 20) + b" / HTTP/1.1", [400, 431]),
        ("an absolute address", b"GET http://elsewhere.example/healthz HTTP/1.1", [200]),
        ("CONNECT", b"CONNECT elsewhere.example:443 HTTP/1.1", [404, 405]),
    ]:
        told = sent(service, line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        if told and told[0] not in wanted or not told and wanted == [200]:
            raise Failed(f"{what} was answered with {told}")
        yield what, told[0] if told else "closed"


def markup(service):
    """Names and words of the query stand in a picture, in JSON and in metrics as text alone."""
    quoted = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27%26%E2%80%AE"
    shown = [f"/badge/group/{quoted}", f"/badge/{quoted}", "/badge", "/badge/group"]
    for place in shown:
        for query in ["", f"?label={quoted}", f"?style={quoted}&label={quoted}", f"?color={quoted}&logo=javascript:alert(1)"]:
            status, head, body = service.ask("GET", f"{place}.svg{query}")
            told = body.decode()
            if status != 200 or "<script" in told.lower() or "onload" in told or "javascript:" in told or "\u202e" in told:
                raise Failed(f"{place}.svg{query} was answered with {status} {told[:400]}")
            well_formed(told)
            expect((head["X-Content-Type-Options"], "default-src 'none'" in (head["Content-Security-Policy"] or "")), ("nosniff", True), "the guarding headers")
            json.loads(service.get(f"{place}.json{query}")[1])
    for place in ["/metrics", "/api/v1/packages", "/api/v1/report", f"/{quoted}", f"/api/v1/packages/{quoted}/{quoted}"]:
        _, head, _ = service.ask("GET", place)
        if "html" in head["Content-Type"]:
            raise Failed(f"{place} is {head['Content-Type']}")
    yield "`<script>`, quotes in a pinned name, and with a right-to-left mark in a path, `label`, `style`, `color`", "text in well-formed SVG, JSON and metrics, none of it HTML"


def well_formed(text):
    """Fails for a picture that is no XML."""
    xml.etree.ElementTree.fromstring(text)


def replay(service):
    """The same event again: under its id, under others, and to another address; then from many at once."""
    def deliver(name, path="/webhooks/github"):
        head = {"X-GitHub-Event": "registry_package", "X-GitHub-Delivery": name, "X-Hub-Signature-256": sign(EVENT)}
        return service.ask("POST", path, EVENT, head)[0]

    told = []
    threads = [threading.Thread(target=lambda number=number: told.append(deliver(f"replay-{number % 5}"))) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect((told.count(202), told.count(200)), (1, 49), "50 copies at once, under 5 ids")
    expect([deliver("replay-1"), deliver("another")], [200, 200], "copies later")
    yield "one event 52 times, under 6 ids, 50 of them at once", "202 once, 200 `came before` for the others; one row"
    expect(service.rows("SELECT count(*) FROM deliveries"), [(1,)], "rows of deliveries")
    old = str(int(time.time()) - 400)
    body = b'{"packages":["typescript/plain"]}'
    signature = sign(old.encode() + b"." + body)
    expect(service.ask("POST", "/webhooks/signed", body, {"Upmon-Timestamp": old, "Upmon-Signature": signature})[0], 400, "an old timestamp")
    yield "a signed event of 400 seconds ago", 400


def smuggling(service):
    """A request in the body of another, where lengths contradict each other."""
    inner = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    for what, head, body in [
        ("both lengths, CL.TE", b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + inner),
        ("both lengths, TE.CL", b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"%x\r\n" % len(inner) + inner + b"\r\n0\r\n\r\n"),
        ("`Transfer-Encoding: xchunked`", b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + inner),
        ("`Transfer-Encoding : chunked`", b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n" + inner),
        ("`chunked, identity`", b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n" + inner),
        ("a chunk's length with a sign", b"Transfer-Encoding: chunked\r\n", b"+5\r\nhello\r\n0\r\n\r\n" + inner),
        ("a chunk's length beyond 64 bits", b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n" + inner),
    ]:
        told = sent(service, b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n" + body)
        if 200 in told:
            raise Failed(f"{what}: the inner request was answered: {told}")
        yield what, f"{told}, the inner request not answered"


def pipelining(service):
    """Many requests at once, on one connection, answered in their order."""
    number = 1000
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with Wire(service) as wire:
        sender = threading.Thread(target=wire.send, args=[request * (number - 1) + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")])
        sender.start()
        told = statuses(wire.rest())
        sender.join()
    expect(told, [200] * number, "pipelined requests")
    yield f"{number} requests in one write", "all answered, in order"


def timing(service):
    """How long a wrong signature takes, by the place of the first wrong digit. Told, not judged: a machine has noise."""
    right = sign(EVENT)
    wrong = {"first": right[:7] + ("0" if right[7] != "0" else "1") + right[8:], "last": right[:-1] + ("0" if right[-1] != "0" else "1")}
    took = {name: [] for name in wrong}
    with Wire(service) as wire:
        for number in random.Random(7).sample(range(1000), 1000):
            name = ["first", "last"][number % 2]
            head = f"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: {len(EVENT)}\r\nX-GitHub-Event: ping\r\nX-Hub-Signature-256: {wrong[name]}\r\n\r\n"
            started = time.perf_counter()
            wire.send(head.encode() + EVENT)
            told = wire.socket.recv(65536)
            took[name].append((time.perf_counter() - started) * 1e6)
            expect(statuses(told), [401], f"a signature that is wrong in its {name} digit")
    by = {name: statistics.quantiles(values, n=4) for name, values in took.items()}
    words = "; ".join(f"{name} digit wrong: quartiles {', '.join(f'{part:.0f}' for part in parts)} µs" for name, parts in by.items())
    yield "how long a wrong signature takes, 500 times each", words


SCENARIOS = [abuse]
