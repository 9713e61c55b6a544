"""Tokens: a server that leads elsewhere, refuses or echoes what it got, and everything that upmon then prints or keeps."""

import base64
import http.server
import json
import subprocess
import threading

from harness import REGISTRIES, Failed, expect

SECRET = "s3cr3t-t0k3n-0f-0urs"

PAIRS = [f"__token__:{SECRET}", f"{SECRET}:", f"x-access-token:{SECRET}"]
SHAPES = [SECRET, *(base64.b64encode(pair.encode()).decode().rstrip("=") for pair in PAIRS)]
"""The token as it is, and as the registries' headers carry it."""


def shows_secret(text):
    """Whether a text holds the token in any shape."""
    return any(shape in text for shape in SHAPES)


class Server(http.server.ThreadingHTTPServer):
    """Answers every request by one function, and remembers the heads of all of them."""

    daemon_threads = True

    def __init__(self, host, answer):
        super().__init__((host, 0), Handler)
        self.answer = answer
        self.heads = []
        self.url = f"http://{host}:{self.server_port}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.heads.append(f"{self.requestline}\n{self.headers}")
        status, headers, body = self.server.answer(self)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET

    def log_message(self, *_):
        """Nothing on standard error."""


def tokens(scenario):
    """a token of every registry and of git stays with its origin, whatever that answers, and nothing printed or kept shows it"""
    with Server("127.0.0.2", lambda _: (200, {"Content-Type": "application/json"}, "{}")) as other:
        homes = {
            "redirect": lambda asked: (302, {"Location": f"{other.url.rstrip('/')}{asked.path}"}, ""),
            "refusal": lambda asked: (401, {"WWW-Authenticate": f'Basic realm="{sent(asked)}"'}, sent(asked)),
            "echo": lambda asked: (200, {"Content-Type": "application/json", "ETag": '"1"'}, sent(asked)),
            "error": lambda asked: (500, {"Content-Type": "text/plain"}, sent(asked)),
        }
        for name, answer in homes.items():
            with Server("127.0.0.1", challenged(answer)) as home:
                say_everything(scenario, name, home, other)
        for registry in REGISTRIES:
            path = f" /{registry.lower().replace('_', '-')}/"
            expect(any(path in head for head in other.heads), True, f"somebody followed the redirect under{path}")


def sent(asked):
    """What the request carried, as a hostile server would have it shown."""
    return f"{asked.headers.get('Authorization', '')} {SECRET}"


def challenged(answer):
    """git sends its token only after a 401."""

    def first(asked):
        if "info/refs" in asked.path and "Authorization" not in asked.headers:
            return 401, {"WWW-Authenticate": 'Basic realm="git"'}, ""
        return answer(asked)

    return first


def say_everything(scenario, name, home, other):
    """Runs every command that asks, at its most talkative, and looks through all that it leaves behind."""
    roots = {registry: f"{home.url}{registry.lower().replace('_', '-')}/" for registry in REGISTRIES}
    pins = {
        "rust": {"serde": "1.0.0"},
        "python": {"requests": "1.0.0"},
        "ruby": {"rails": "1.0.0"},
        "typescript": {"left-pad": "1.0.0"},
        "git": {"tool": {"version": "v1.0.0", "url": f"{home.url}git/tool.git"}},
    }
    directory = scenario.directory / name
    directory.mkdir()
    (directory / "upstream-versions.json").write_text(json.dumps(pins))
    environment = {
        **scenario.environment(),
        **{f"UPMON_{registry}_URL": url for registry, url in roots.items()},
        **{f"UPMON_{registry}_TOKEN": SECRET for registry in [*REGISTRIES, "GIT"]},
        "UPMON_GIT_TOKEN_HOST": "127.0.0.1",
        "UPMON_CACHE_DIR": str(directory / "cache"),
        "UPMON_LOG": "trace",
        "RUST_LOG": "trace",
        "RUST_BACKTRACE": "full",
        "GIT_TRACE": "1",
        "GIT_CURL_VERBOSE": "1",
    }
    commands = [
        ["check", "--json", "-vv", "--write-report", "report.json", "--no-cache"],
        ["check", "-vv"],
        ["check", "--format", "markdown", "--stale"],
        *(["explain", package, "-vv"] for group in pins.values() for package in group),
        ["doctor", "-vv"],
        ["doctor", "--json"],
    ]
    for command in commands:
        done = subprocess.run(
            [scenario.upmon, *command], cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        if shows_secret(done.stdout) or shows_secret(done.stderr):
            line = next(line for line in (done.stdout + done.stderr).splitlines() if shows_secret(line))
            raise Failed(f"{name}: upmon {' '.join(command)} shows the token: {line[:400]}")
        if "-vv" in command and "TRACE" not in done.stderr:
            raise Failed(f"{name}: upmon {' '.join(command)} did not log everything: {done.stderr[-400:]}")
    for path in directory.rglob("*"):
        if path.is_file() and shows_secret(path.read_bytes().decode(errors="replace")):
            raise Failed(f"{name}: {path} holds the token")
    for place in [*(root.removeprefix(home.url) for root in roots.values()), "git/"]:
        heads = [head for head in home.heads if f" /{place}" in head.splitlines()[0]]
        expect(any(shows_secret(head) for head in heads), True, f"{name}: the token went to its own origin, under {place}")
    if astray := [head for head in other.heads if shows_secret(head) or "authorization" in head.lower()]:
        raise Failed(f"{name}: another origin got a credential: {astray[0]}")
    report = json.loads((directory / "report.json").read_text())
    expect({finding["status"] for finding in report["findings"]}, {"unknown"}, f"{name}: what became of the findings")


SCENARIOS = [tokens]
