"""Makes a repository with the tags of tokio-rs/tokio, as `../oracles/E_tags` has them: python3 tokio.py DIRECTORY.

Names and dates are the real ones, the commits are empty: one for each tag, at its date.
"""

import datetime
import gzip
import json
import pathlib
import subprocess
import sys

TAGS = pathlib.Path(__file__).resolve().parent.parent / "oracles" / "E_tags" / "git_repos.jsonl.gz"


def main():
    """Writes the repository."""
    directory = sys.argv[1]
    with gzip.open(TAGS, "rt", encoding="utf-8") as lines:
        [tokio] = [repository for repository in map(json.loads, lines) if repository["repo"] == "tokio-rs/tokio"]
    commands = []
    for tag, date, *_ in tokio["tags"]:
        seconds = int(datetime.datetime.fromisoformat(date + "T12:00:00+00:00").timestamp())
        commands.append(f"commit refs/tags/{tag}\ncommitter upmon <upmon@example.org> {seconds} +0000\ndata {len(tag)}\n{tag}\n")
    subprocess.run(["git", "init", "--quiet", "--bare", directory], check=True)
    subprocess.run(["git", "fast-import", "--quiet"], cwd=directory, input="\n".join(commands), text=True, check=True)


main()
