"""A PostgreSQL of the scenario's own: the real server, with its promises about the disk as they are by default."""

import json
import os
import pathlib
import shutil

from harness import Failed, free_port
from served import until


class Cluster:
    """A private cluster on a free port and in a temporary directory; root runs it as `postgres`, since it refuses root."""

    def __init__(self, scenario):
        self.scenario = scenario
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[4]))
        program = str(found[-1]) if found else shutil.which("pg_ctl")
        if not program:
            raise Failed("PostgreSQL is missing: apt-get install postgresql")
        self.programs = pathlib.Path(program).parent
        self.home = scenario.directory / "postgres"
        self.home.mkdir()
        self.port = free_port()
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        if self.user:
            shutil.chown(self.home, "postgres", "postgres")
        self.url = f"postgres://upmon@127.0.0.1:{self.port}/postgres"
        self.run("initdb", "--pgdata", self.home / "data", "--username=upmon", "--auth=trust", "--encoding=UTF8", "--locale=C")
        with (self.home / "data/postgresql.conf").open("a") as settings:
            settings.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{self.home}'\nfsync = on\n")
        # a child of the suite, so that it ends with the scenario; `pg_ctl restart` would leave one that is nobody's
        self.child = None
        self.start()
        self.version = f"PostgreSQL {self.rows('SHOW server_version')[0][0].split()[0]}"

    def run(self, name, *arguments):
        """Runs one of its programs."""
        return self.scenario.run(*self.user, self.programs / name, *arguments, cwd=self.home, env={"HOME": str(self.home)})

    def start(self):
        """Starts it and waits until it takes connections."""
        command = [*self.user, self.programs / "postgres", "-D", self.home / "data"]
        self.child = self.scenario.start("postgres", command, self.port, cwd=self.home)
        # it listens before it has recovered
        until("PostgreSQL", self.is_ready)

    def is_ready(self):
        """Whether it takes a statement."""
        try:
            return self.rows("SELECT 1 AS one") == [(1,)]
        except Failed:
            return False

    def restart(self, mode):
        """What `pg_ctl restart -m MODE` does; `immediate` is a crash from which it recovers."""
        self.run("pg_ctl", "stop", "--wait", f"--mode={mode}", f"--pgdata={self.home / 'data'}")
        self.child.wait()
        self.scenario.children.remove(self.child)
        self.start()

    def rows(self, statement):
        """What a `SELECT` finds."""
        query = f"SELECT coalesce(json_agg(to_json(row)), '[]') FROM ({statement}) AS row" if statement.startswith("SELECT") else statement
        told = self.run("psql", "--no-psqlrc", "--tuples-only", "--no-align", f"--dbname={self.url}", "--command", query)
        return [tuple(row.values()) for row in json.loads(told)] if query != statement else [(told,)]
