"""git over a real OpenSSH: keys that are right, refused and unknown, and a terminal on which nothing is ever asked."""

import json
import os
import pathlib
import pty
import pwd
import select
import shutil
import subprocess
import textwrap
import time

from harness import Failed, expect, expect_behind, expect_unknown, free_port
from repositories import dated_tag, make_repository

QUICKLY = 20
"""Seconds within which a run with a refused key ends. It waits for nobody; a debug binary on a busy machine takes some."""


def ssh(scenario):
    """a real sshd: tags and dates are found; a refused key, an unknown and a changed host key say so, and ask nobody"""
    repository = scenario.directory / "tool.git"
    make_repository(scenario, repository, 40)
    scenario.run("git", "--git-dir", repository, "config", "uploadpack.allowFilter", "true")
    far_end = Sshd(scenario)
    pins = {"git": {"tool": {"version": "v0.0.10", "url": f"ssh://{far_end.user}@127.0.0.1:{far_end.port}{repository}"}}}

    found = scenario.check(pins, env=far_end.client("right"))
    expect_behind(found["git/tool"], "v0.0.40", "patch", releases=30)
    expect(found["git/tool"]["behind_since"], dated_tag(11), "behind_since by the tag after the pin, over ssh")
    missing = {"git": {"tool": {**pins["git"]["tool"], "url": pins["git"]["tool"]["url"] + ".gone"}}}
    expect_unknown(scenario.check(missing, exit_code=3, env=far_end.client("right"))["git/tool"], "not-found")

    for key, known, kind, words in [
        ("stranger", True, "unauthorized", "Permission denied"),
        ("locked", True, "unauthorized", "Permission denied"),
        ("right", False, "unreachable", "is not in `known_hosts`: connect to it once by hand"),
        ("right", "another", "unreachable", "is not the one in `known_hosts`: find out why"),
    ]:
        started = time.monotonic()
        finding, terminal = at_a_terminal(scenario, pins, far_end.client(key, known))
        expect_unknown(finding, kind)
        if words not in finding["error"]["message"]:
            raise Failed(f"the message does not say `{words}`: {finding['error']['message']}")
        expect(terminal, "", "what was written to the terminal")
        if (took := time.monotonic() - started) > QUICKLY:
            raise Failed(f"with the key `{key}` it took {took:.0f} s")


class Sshd:
    """A server on a port of its own, with a host key and client keys made for the run."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.home = scenario.directory / "ssh"
        self.home.mkdir(mode=0o700)
        self.port = free_port()
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        for name, passphrase in [("host", ""), ("another", ""), ("right", ""), ("stranger", ""), ("locked", "a passphrase")]:
            scenario.run("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", self.home / name)
        allowed = [(self.home / f"{name}.pub").read_text() for name in ["right", "locked"]]
        (self.home / "authorized_keys").write_text("".join(allowed))
        config = self.home / "sshd_config"
        config.write_text(
            textwrap.dedent(f"""\
                ListenAddress 127.0.0.1
                Port {self.port}
                HostKey {self.home}/host
                AuthorizedKeysFile {self.home}/authorized_keys
                PidFile {self.home}/sshd.pid
                PasswordAuthentication yes
                KbdInteractiveAuthentication no
                UsePAM no
                StrictModes no
                AcceptEnv GIT_PROTOCOL
                """)
        )
        if os.geteuid() == 0:
            # the directory that root's sshd wants for itself, which the system's own start would have made
            pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        # it starts itself again for each connection, so it has to know where it is
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        scenario.start("sshd", [program, "-D", "-e", "-f", config], self.port)

    def client(self, key, known=True):
        """What upmon gets to reach it: a key, and whether the host's is known (`another` for a wrong one)."""
        hosts = self.home / f"known_hosts-{key}-{known}"
        host = {True: "host", "another": "another"}.get(known)
        line = f"[127.0.0.1]:{self.port} {(self.home / f'{host}.pub').read_text()}" if host else ""
        hosts.write_text(line)
        options = ["-F", "none", "-o", f"IdentityFile={self.home / key}", "-o", "IdentitiesOnly=yes", "-o", f"UserKnownHostsFile={hosts}"]
        return {"GIT_SSH_COMMAND": " ".join(["ssh", *options, "-o", "GlobalKnownHostsFile=none"])}


def at_a_terminal(scenario, pins, environment):
    """Runs upmon where `ssh` could ask at a terminal, and gives the only finding and what that terminal shows."""
    path = scenario.directory / "upstream-versions.json"
    path.write_text(json.dumps(pins))
    report = scenario.directory / "report.json"
    child, master = pty.fork()
    if child == 0:
        with report.open("wb") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        os.execve(scenario.upmon, [scenario.upmon, "check", "--json", "--quiet", "--pins", str(path)], {**scenario.environment(), **environment})
    shown = []
    try:
        while select.select([master], [], [], 60)[0]:
            shown.append(os.read(master, 1024))
    except OSError:
        pass  # nobody has the terminal any more
    finally:
        os.close(master)
    _, status = os.waitpid(child, 0)
    expect(os.waitstatus_to_exitcode(status), 3, f"the exit code; it said {report.read_text()[-400:]}")
    return json.loads(report.read_text())["findings"][0], b"".join(shown).decode(errors="replace")


SCENARIOS = [ssh]
