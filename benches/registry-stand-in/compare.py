#!/usr/bin/env python3
"""upmon, a bare client of the same HTTP stack and (where installed) nvchecker, side by side on the same work.

    cargo build --release --examples --bins && benches/registry-stand-in/compare.py [--runs 5] [--work NAME ...]

Every figure is the median of the runs, taken in turns within one session, since machines are noisy; judge the ratios.
Wall time and CPU (user + system) are the kernel's count of the finished process (wait4). Peak memory is VmHWM, read every
few milliseconds while it runs: wait4's own maximum would count this script's memory before the exec.
nvchecker has no option for its registries' addresses, so it is led to the stand-in by a hosts file and a certificate
authority made for the run, in a mount namespace of its own (needs root, `unshare`, and nvchecker's `pypi` extra); without
root it is left out, and so it is of warm runs, since it keeps no answers, and of ten thousand packages, which take it a minute.
"""

import argparse
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from stand_in import StandIn, high_water

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOSTS = ["crates.io", "index.crates.io", "pypi.org", "rubygems.org", "registry.npmjs.org"]
SOURCES = {"rust": "cratesio", "python": "pypi", "ruby": "gems", "node": "npm"}
WORK = {
    "cold-1000-50ms": {"packages": 1000, "latency": 50},
    "not-modified-1000-50ms": {"packages": 1000, "latency": 50, "warm": True},
    "fresh-1000": {"packages": 1000, "latency": 50, "warm": True, "max_age": 3600},
    "cold-1000-0ms": {"packages": 1000, "latency": 0},
    "cold-10000-50ms": {"packages": 10000, "latency": 50},
}


def list_for_bare(server, rows, with_tags):
    """The same requests as lines for the bare client."""
    bases = {name: url.rstrip("/") for name, url in server.urls.items()}
    lines = [f"{bases[f'UPMON_{asked.registry}_URL']}{asked.path}\t{asked.accept}\t{asked.etag if with_tags else ''}\n" for asked in rows]
    target = server.out / "list.tsv"
    target.write_text("".join(lines))
    return target


def measure(command, env=None):
    """Wall seconds, CPU seconds, peak MiB of one run."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen([str(part) for part in command], env=env, stdout=subprocess.DEVNULL, stderr=errors)
        peak = 0.0
        while True:
            ended, status, usage = os.wait4(child.pid, os.WNOHANG)
            if ended:
                break
            peak = max(peak, high_water(child.pid))
            time.sleep(0.004)
        wall = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            errors.seek(0)
            raise SystemExit(f"{command[0]} ended with {child.returncode}: {errors.read().decode(errors='replace')[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, peak


def median(runs):
    """The median of each column."""
    return [statistics.median(column) for column in zip(*runs)]


def environment(urls, cache):
    return {"PATH": os.environ["PATH"], "HOME": str(cache.parent), "XDG_CACHE_HOME": str(cache), **urls}


def side_by_side(name, work, arguments, programs):
    """One row of the table: everything that takes part, in turns."""
    figures = {}
    with tempfile.TemporaryDirectory(prefix="upmon-bench-") as directory:
        directory = pathlib.Path(directory)
        takes_part = programs["nvchecker"] and not work.get("warm") and work["packages"] <= 1000
        tls = certificate(directory) if takes_part else None
        served = {key: value for key, value in work.items() if key != "warm"}
        with StandIn(programs["stand-in"], directory / "out", tls=tls, **served) as server:
            cache = directory / "cache"
            check = [programs["upmon"], "check", "--json", "--quiet", "--pins", server.out / "upstream-versions.json"]
            env = environment(server.urls, cache)
            measure(check, env)
            before = len(server.requests())
            rows = server.requests()[:before]
            if work.get("warm"):
                measure(check, env)
                rows = server.requests()[before:]
            bare = [programs["bare-client"], list_for_bare(server, rows, with_tags=bool(work.get("warm")))]
            runs = {"upmon": [], "bare": [], "nvchecker": []}
            for _ in range(arguments.runs):
                if not work.get("warm"):
                    shutil.rmtree(cache, ignore_errors=True)
                runs["upmon"].append(measure(check, env))
                if rows:
                    runs["bare"].append(measure(bare, env))
                if tls:
                    runs["nvchecker"].append(nvchecker(programs["nvchecker"], directory, server, tls))
            figures = {tool: median(of_tool) for tool, of_tool in runs.items() if of_tool}
            figures["requests"] = len(rows)
    return name, figures


def certificate(directory):
    """A certificate authority and a certificate for the public hosts, good for this run only."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=directory, check=True, capture_output=True)

    names = ",".join(f"DNS:{host}" for host in HOSTS)
    (directory / "san").write_text(f"subjectAltName={names}\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=upmon bench")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "host.key", "-out", "host.csr", "-subj", "/CN=pypi.org")
    openssl("x509", "-req", "-in", "host.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "host.pem", "-days", "2", "-extfile", "san")
    return directory / "host.pem", directory / "host.key"


def nvchecker(program, directory, server, tls):
    """One run of nvchecker at its default pace over the same packages; a package that it cannot look up ends the script."""
    tables = [f'["{group}-{package}"]\nsource = "{SOURCES[group]}"\n{SOURCES[group]} = "{package}"\n' for group, packages in server.pins.items() for package in packages]
    (directory / "nvchecker.toml").write_text("\n".join(tables))
    (directory / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"127.0.0.1 {host}\n" for host in HOSTS))
    env = {**os.environ, "SSL_CERT_FILE": str(directory / "ca.pem"), "CURL_CA_BUNDLE": str(directory / "ca.pem")}
    inside = f"mount --bind {directory}/hosts /etc/hosts && exec {program} -c {directory}/nvchecker.toml --logging error --failures"
    return measure(["unshare", "--mount", "sh", "-c", inside], env)


def show(name, figures):
    """One line a tool, with its ratio to the bare client."""
    print(f"\n{name} ({figures.pop('requests')} requests)")
    bare = figures.get("bare")
    for tool, (wall, cpu, memory) in figures.items():
        ratio = f"   {wall / bare[0]:5.2f}x {cpu / bare[1]:5.2f}x {memory / bare[2]:5.2f}x of the bare client" if bare else ""
        print(f"  {tool:<10} {wall:7.3f} s wall {cpu:7.3f} s CPU {memory:7.1f} MiB{ratio}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--work", nargs="*", choices=list(WORK), default=list(WORK))
    parser.add_argument("--nvchecker", default=shutil.which("nvchecker"))
    arguments = parser.parse_args()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    programs = {
        "upmon": target / "upmon",
        "bare-client": target / "examples/bare-client",
        "stand-in": target / "examples/registry-stand-in",
        "nvchecker": arguments.nvchecker if os.geteuid() == 0 else None,
    }
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    for name in arguments.work:
        show(*side_by_side(name, WORK[name], arguments, programs))


if __name__ == "__main__":
    sys.exit(main())
