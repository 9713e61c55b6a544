"""What docs/deploy.md tells of running the service: the systemd unit, the Helm chart, nginx, the tunnel's paths.

What cannot run here (systemd as the first process, a cluster, a tunnel) is judged by its own tools, and the command and
the environment that it would give to upmon are given to upmon.
"""

import contextlib
import copy
import json
import os
import pathlib
import re
import signal
import stat
import subprocess
import urllib.error
import urllib.request

from harness import Failed, expect, free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "docs/deploy.md"
UNIT = ROOT / "deploy/systemd/upmon.service"
CHART = ROOT / "deploy/helm/upmon"
KUBERNETES = ["1.25", "1.31", "1.37"]
"""The oldest that the chart allows, one between, and the newest that the validator knows."""

PINS = {"$schema": "https://example.com/pins.json", "rust": {"tiny-up": "1.0.0"}}
SECRET = "0123456789abcdef0123456789abcdef"
OUTSIDE = {
    "/badge.svg": 200,
    "/badge/rust.json": 200,
    "/badge/rust/tiny-up.svg?label=x": 200,
    "/webhooks/github": 405,
    "/webhook/rust/tiny-up": 405,
    "/": 404,
    "/api/v1/report": 404,
    "/metrics": 404,
    "/badges": 404,
    "/webhooksx": 404,
}
"""What a stranger gets by GET. 405 comes from the service itself, 404 from what stands in front of it."""


def deploy(scenario):
    """The systemd unit, the chart rendered by Helm and judged by Kubernetes' own schemas, the recipes for nginx and a tunnel."""
    pins = scenario.directory / "pins/upstream-versions.json"
    pins.parent.mkdir()
    pins.write_text(json.dumps(PINS))
    systemd(scenario, pins)
    helm(scenario)
    with serving(scenario, {"UPMON_PINS": str(pins), "UPMON_SERVER_WEBHOOK_SECRET": SECRET}) as address:
        nginx(scenario, address)
    tunnel()


def systemd(scenario, pins):
    """systemd finds nothing wrong and little exposed, and upmon starts with the unit's command and environment."""
    unit = scenario.directory / "upmon.service"
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/upmon", str(scenario.upmon)))
    verify = ["systemd-analyze", "verify", "--man=no"]
    broken = scenario.directory / "broken.service"
    broken.write_text(unit.read_text().replace("ProtectHome", "ProtectHouse"))
    if "ProtectHouse" not in scenario.run_both(*verify, broken, check=False)[1]:
        raise Failed("systemd-analyze passes a unit with an unknown key")
    expect(scenario.run_both(*verify, unit)[1], "", "what systemd finds in the unit")
    scenario.run("systemd-analyze", "security", "--offline=true", "--threshold=15", unit)

    text = UNIT.read_text()
    places = {"%S": str(scenario.directory / "var-lib"), "%C": str(scenario.directory / "var-cache"), "/etc/upmon/upstream-versions.json": str(pins)}
    environment = dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.M))
    for name, place in places.items():
        environment = {key: value.replace(name, place) for key, value in environment.items()}
        if name.startswith("%"):
            (pathlib.Path(place) / "upmon").mkdir(parents=True)
    command = re.search(r"^ExecStart=/usr/local/bin/upmon (.*)$", text, re.M)[1].split()
    with serving(scenario, environment, command):
        pass
    database = scenario.directory / "var-lib/upmon/upmon.db"
    expect(stat.S_IMODE(database.stat().st_mode) & 0o077, 0, "what others may do with the database")


def helm(scenario):
    """The chart is linted and rendered by Helm, and every object fits the schemas of several Kubernetes versions."""
    program = [scenario.home / "python/bin/python", pathlib.Path(__file__).with_name("render_chart.py"), CHART]

    def render(**values):
        told = json.loads(scenario.run(*program, json.dumps({"pins": PINS, **values}), *KUBERNETES))
        expect(told["lint"], [], f"what `helm lint` and the schemas find with {values}")
        return {each["kind"]: each for each in told["objects"]}

    version = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    objects = render()
    expect(sorted(objects), ["ConfigMap", "Deployment", "PersistentVolumeClaim", "Service"], "objects by default")
    container = pod(objects)["containers"][0]
    expect(container["image"].rpartition(":")[2], version, "the version of the image, and that of Cargo.toml")
    expect(objects["Deployment"]["spec"]["strategy"], {"type": "Recreate"}, "how an SQLite file changes hands")

    several = render(postgresql=True, replicas=3, existingSecret="upmon", ingress={"enabled": True, "tlsSecret": "tls"})
    expect(sorted(several), ["ConfigMap", "Deployment", "Ingress", "Service"], "objects with PostgreSQL")
    names = {each["name"] for each in pod(several)["containers"][0]["env"]}
    expect("UPMON_DATABASE_URL" in names and "UPMON_SERVER_DATABASE" not in names, True, "the database is PostgreSQL")
    paths = [each["path"] for each in several["Ingress"]["spec"]["rules"][0]["http"]["paths"]]
    expect([path for path in paths if not path.startswith(("/badge", "/webhook"))], [], "what else is reached from outside")
    render(existingSecret="upmon", persistence={"enabled": False}, podAnnotations={"a": "b"}, tolerations=[{"operator": "Exists"}])

    for what, values in {
        "no pins": {},
        "several replicas at one SQLite file": {"pins": PINS, "replicas": 2},
        "PostgreSQL without its address": {"pins": PINS, "postgresql": True},
        "a version that YAML took for a number": {"pins": {"rust": {"serde": 1.1}}},
        "a value that the chart does not have": {"pins": PINS, "replica": 2},
    }.items():
        out, told = scenario.run_both(*program, json.dumps(values), *KUBERNETES, check=False)
        if out or not told:
            raise Failed(f"the chart passes {what}: {out[:300]}")
    the_pod_starts(scenario, objects)


def pod(objects):
    """The specification of the pod."""
    return objects["Deployment"]["spec"]["template"]["spec"]


def the_pod_starts(scenario, objects):
    """upmon starts with the arguments, the environment and the files that the pod would have, as nobody's root."""
    container = copy.deepcopy(pod(objects)["containers"][0])
    places = {}
    for mount in container["volumeMounts"]:
        places[mount["mountPath"]] = scenario.directory / "pod" / mount["name"]
        places[mount["mountPath"]].mkdir(parents=True)
    for name, text in objects["ConfigMap"]["data"].items():
        (places["/etc/upmon"] / name).write_text(text)
    environment = {each["name"]: each["value"] for each in container["env"]}
    for name, place in places.items():
        environment = {key: value.replace(name, str(place)) for key, value in environment.items()}
    port = container["ports"][0]["containerPort"]
    expect(container["args"][-1], f"0.0.0.0:{port}", "where the container listens")
    with serving(scenario, environment, container["args"][:1]) as address:
        for probe in ["livenessProbe", "readinessProbe"]:
            expect(status(address + container[probe]["httpGet"]["path"]), 200, probe)
        expect(status(f"{address}/badge/rust/tiny-up.svg"), 200, "the badge of a pin of the ConfigMap")
    expect((places["/var/lib/upmon"] / "upmon.db").exists(), True, "the database is on the claim")


def nginx(scenario, address):
    """The document's part of an nginx.conf lets through what it says, and an event's signature survives it."""
    part = block("nginx")
    expect("http://127.0.0.1:8080" in part, True, "the default address in the recipe for nginx")
    port = free_port()
    config = scenario.directory / "nginx.conf"
    part = part.replace("http://127.0.0.1:8080", address)
    config.write_text(
        f"daemon off;\npid {scenario.directory}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{ access_log off; client_body_temp_path {scenario.directory}/body; proxy_temp_path {scenario.directory}/proxy;\n"
        f"fastcgi_temp_path {scenario.directory}/f; uwsgi_temp_path {scenario.directory}/u; scgi_temp_path {scenario.directory}/s;\n"
        f"server {{ listen 127.0.0.1:{port};\n{part}\n}} }}\n"
    )
    scenario.start("nginx", ["nginx", "-e", "stderr", "-c", config], port, env={"PATH": os.environ["PATH"] + ":/usr/sbin"})
    front = f"http://127.0.0.1:{port}"
    for path, wanted in OUTSIDE.items():
        expect(status(front + path), wanted, f"GET {path} through nginx")
    test = [scenario.upmon, "webhook", "test", f"{front}/webhooks/github"]
    scenario.run(*test, env={**scenario.environment(), "UPMON_SERVER_WEBHOOK_SECRET": SECRET})
    wrong = subprocess.run(test, env={**scenario.environment(), "UPMON_SERVER_WEBHOOK_SECRET": SECRET[::-1]}, capture_output=True, check=False)
    expect(wrong.returncode, 4, "an event signed with another secret")


def tunnel():
    """The tunnel's expression lets through the same paths as nginx."""
    (expression,) = re.findall(r"^ +path: (\S+)$", block("yaml"), re.M)
    for path, answer in OUTSIDE.items():
        found = re.search(expression, path.partition("?")[0]) is not None
        expect(found, answer != 404, f"whether the tunnel lets {path} through")


@contextlib.contextmanager
def serving(scenario, environment, command=("serve",)):
    """The service with this environment, at a free port; SIGTERM has to end it with 0."""
    port = free_port()
    environment = {**scenario.environment(), **environment, "UPMON_SERVER_LISTEN": f"127.0.0.1:{port}"}
    environment.setdefault("UPMON_SERVER_DATABASE", str(scenario.directory / f"{port}.db"))
    child = scenario.start(f"upmon-{port}", [scenario.upmon, *command], f"http://127.0.0.1:{port}/healthz", env=environment)
    yield f"http://127.0.0.1:{port}"
    child.send_signal(signal.SIGTERM)
    expect(child.wait(timeout=30), 0, "the exit code after SIGTERM")


def status(address):
    """The status of a GET."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def block(language):
    """The one block of this language in the document."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(), re.M | re.S)
    return found


SCENARIOS = [deploy]
