"""Git repositories of a known history, for the scenarios that ask one."""

import subprocess
from datetime import UTC, datetime

from harness import expect

FIRST_TAG_AT = 1_700_000_000
"""Tag number n of a test repository is dated n hours after this second, in UTC."""


def dated_tag(number):
    """The date of a tag of `make_repository`, as the report writes it."""
    at = datetime.fromtimestamp(FIRST_TAG_AT + number * 3600, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def make_repository(scenario, path, tags):
    """A bare repository with annotated (even) and lightweight (odd) tags, each on a commit of its own."""
    scenario.run("git", "init", "-q", "--bare", "-b", "main", path)
    stream = []
    for number in range(1, tags + 1):
        at = FIRST_TAG_AT + number * 3600
        who = f"A <a@example.invalid> {at} +0000"
        stream.append(f"commit refs/heads/main\nmark :{number}\ncommitter {who}\ndata 1\nx\nM 100644 inline f\ndata {len(str(number))}\n{number}\n")
        if number % 2:
            stream.append(f"reset refs/tags/v0.0.{number}\nfrom :{number}\n")
        else:
            stream.append(f"tag v0.0.{number}\nfrom :{number}\ntagger {who}\ndata 1\nt\n")
    for version in ["1.2.0", "1.3.0"]:
        stream.append(f"reset refs/tags/gopls/v{version}\nfrom :1\n")
    done = subprocess.run(["git", "--git-dir", path, "fast-import", "--quiet"], input="".join(stream), text=True, check=False)
    expect(done.returncode, 0, "git fast-import")
