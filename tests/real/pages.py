"""`upmon check --format html` in a real browser: Chromium opens what the real binary wrote, axe-core judges it."""

import contextlib
import functools
import http.server
import json
import pathlib
import shutil
import subprocess
import threading

from faults import StandIn
from harness import Failed, expect

HERE = pathlib.Path(__file__).resolve().parent

HOSTILE = {
    "<script>alert(1)": "</td></table><script>alert(1)</script>",
    "\"onmouseover=\"alert(1)": "<img src=x onerror=alert(1)>",
    "'><style>*{display:none}": "`</code>`",
    "a-name-that-goes-on-" + "and-on-" * 25: "1.0.0-" + "alpha." * 20,
}
"""Pins whose names and versions would rather be markup."""


def html(scenario):
    """axe-core, keyboard, requests and console of the page: two widths, light and dark, hostile names, nothing pinned."""
    with StandIn(scenario, 40) as server:
        pins = {**server.pins, "<b>hostile": {name: {"version": version, "registry": "npm", "package": "pkg"} for name, version in HOSTILE.items()}}
        written = {"many.html": check(scenario, server, pins), "none.html": check(scenario, server, {})}
        expect(written["many.html"], check(scenario, server, pins), "the page of the same facts")
    pages = scenario.directory / "pages"
    pages.mkdir()
    for name, page in written.items():
        (pages / name).write_text(page)
    with served(pages) as (address, asked):
        program = [HERE / "pages.mjs", scenario.home / "npm/node_modules", shutil.which("chromium"), address, *written]
        seen = json.loads(scenario.run("node", *program))
    expect(seen["said"], [], "what the pages say on the console")
    expect(set(seen["requests"]), {f"{address}{name}" for name in written}, "what the pages ask for")
    expect(set(asked), {f"/{name}" for name in written}, "what the server of the pages was asked for")
    looks(seen["looks"], len(written))
    by_keyboard(seen["keyboard"]["many.html"])


def check(scenario, server, pins):
    """The page that the binary writes about these pins, half of which ask something."""
    path = scenario.directory / "upstream-versions.json"
    path.write_text(json.dumps(pins))
    command = [scenario.upmon, "check", "--format", "html", "--allow-unknown", "--as-of", "2026-11-20", "--pins", path]
    done = subprocess.run(
        [str(part) for part in command],
        env={**scenario.environment(), **server.urls},
        cwd=scenario.directory, capture_output=True, text=True, timeout=120, check=False,
    )
    expect((done.returncode, done.stderr), (0, ""), "how `check --format html` ends")
    return done.stdout


@contextlib.contextmanager
def served(directory):
    """A server of these files: its address, and the paths that it was asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        """Keeps the paths in place of a log."""

        def log_request(self, *_):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=directory)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", asked
        server.shutdown()


def looks(seen, pages):
    """Each page at both widths in both schemes: nothing that axe-core minds, nothing wider than the screen."""
    expect(len(seen), 4 * pages, "looks at the pages")
    for look in seen:
        what = f"{look['name']} at {look['width']} px, {look['scheme']}"
        expect(look["found"], [], f"findings of axe-core in {what}")
        expect("color-contrast" in look["passed"], True, f"that axe-core measured the contrast of {what}")
        expect(look["scrollWidth"] <= look["width"], True, f"that {what} is no wider than the screen ({look['scrollWidth']} px)")
        expect(look["nameWidth"] > 150, True, f"that names have room in {what} ({look['nameWidth']} px)")
    backgrounds = {(look["scheme"], look["background"]) for look in seen}
    expect(len(backgrounds), 2, f"backgrounds of light and dark: {backgrounds}")


def by_keyboard(steps):
    """The skip link, the filters and the details answer the keyboard where no script runs."""
    expect((steps["first"], steps["skip"]["height"] > 20), ("Skip to the packages", True), "the first thing that Tab reaches")
    expect(steps["outline"], "solid", "the outline of what has the focus")
    everything = [classes.split() for classes in steps["everything"]]
    if not 0 < len(steps["ofKind"]) < len(everything):
        raise Failed(f"a filter shows {len(steps['ofKind'])} of {len(everything)} packages")
    for what, chosen, name in [("ofKind", steps["kind"], "severity"), ("ofGroup", steps["group"], "group")]:
        wanted = [" ".join(classes) for classes in everything if chosen in classes]
        expect(steps[what], wanted, f"packages of the {name} {chosen}")
    expect(steps["again"], steps["everything"], "packages after everything was chosen again")
    expect((steps["closed"], steps["open"]), (0, 1), "details before and after Enter")


SCENARIOS = [html]
