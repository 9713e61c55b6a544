"""Puts the files of the tests into the corpora of the targets: python3 fuzz/seeds.py TARGET NAME FOLDER."""

import gzip
import hashlib
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "tests" / "data"
SEPARATOR = b"\x1c"

# The files that the formats are called; beside each, what is read with it.
FORMATS = {
    "cargo-lock": ("Cargo.lock", ["Cargo.toml"]),
    "package-lock": ("package-lock.json", ["package.json"]),
    "uv-lock": ("uv.lock", ["pyproject.toml"]),
    "poetry-lock": ("poetry.lock", ["pyproject.toml"]),
    "gemfile-lock": ("Gemfile.lock", ["*.gemspec"]),
    "pnpm-lock": ("pnpm-lock.yaml", ["package.json"]),
    "yarn-lock": ("yarn.lock", ["package.json"]),
    "cargo-toml": ("Cargo.toml", []),
    "package-json": ("package.json", []),
    "pyproject": ("pyproject.toml", []),
    "requirements": ("*.txt", []),
    "gemspec": ("*.gemspec", []),
    "workflow": ("*.y*ml", []),
    "go-mod": ("go.mod", []),
    "dockerfile": ("Dockerfile", []),
    "helm-lock": ("Chart.lock", ["Chart.yaml"]),
    "helm-chart": ("Chart.yaml", []),
    "helm-values": ("values.yaml", []),
}

# Where the tests of a format are, for formats with few projects: their texts are odd on purpose.
PARSERS = {"go-mod": "gomod", "dockerfile": "dockerfile", "helm-lock": "helm", "helm-chart": "helm", "helm-values": "helm"}

LITERAL = re.compile(r'r#"(.*?)"#|"((?:[^"\\]|\\.)*)"', re.DOTALL)

ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}

# A pin as `src/holds.rs` remembers it, whole.
STATE = """{
  "pins": {
    "npm/pad": {
      "acknowledged": [
        {"at":"2026-01-02T03:04:05Z","found":"5","kind":"major-jump","reason":"known","version":"5.0.0"}
      ],
      "from": "npm pad",
      "held": {"expected":"a","kind":"owner-moved","found":"b"},
      "major": 1,
      "owners": ["github.com/a"],
      "releases": {
        "1.5.0": {"content":["0123456789abcdef"],"held":{"expected":"1","kind":"republished","found":"2"},"seen":"2026-01-02T03:04:05Z"}
      },
      "shapes": ["number","year"]
    }
  },
  "version": 1
}
"""

# Which oracles speak of a scheme.
ORACLES = {"semver": "cargo", "npm": "npm", "pep440": "pep440", "gem": "gem", "loose": "libversion", "calver": "libversion"}

REGISTRIES = {"npm": "npm/*.json", "pypi": "pypi/*.*ml", "rubygems": "rubygems/info-*", "crates-io": "crates-io/cfg-if"}

# A lock file of half a megabyte is one input in a thousand's time: only its beginning is worth it.
LARGEST = 24 << 10


def cut(content: bytes) -> bytes:
    """The beginning, up to a blank line or at least a line end."""
    if len(content) <= LARGEST:
        return content
    head = content[:LARGEST]
    return head[: max(head.rfind(b"\n\n"), head.rfind(b"\n", LARGEST // 2))] + b"\n"


def of_format(name):
    """Every file of the projects that is called so, with those beside it."""
    pattern, beside = FORMATS.get(name, ("*" + name + "*", []))
    for file in sorted((DATA / "projects").rglob(pattern)):
        if not file.is_file() or file.name == "expected.txt":
            continue
        parts = [cut(file.read_bytes())]
        for other in (found for glob in beside for found in sorted(file.parent.glob(glob))):
            parts.append(other.name.encode() + b"\n" + cut(other.read_bytes()))
        yield SEPARATOR.join(parts)
    for text in literals(HERE.parent / "src" / "pin" / "project" / f"{PARSERS.get(name, name)}.rs"):
        # what stands beside a lock file is read with it
        yield SEPARATOR.join([text, *(glob.encode() + b"\n" + text for glob in beside)])


def literals(path):
    """The texts of several lines in a file of Rust."""
    code = path.read_text(encoding="utf-8") if path.is_file() else ""
    for raw, text in LITERAL.findall(code):
        text = raw or re.sub(r"\\(\n\s*|.)", lambda escape: ESCAPES.get(escape[1], escape[1].strip()), text)
        if text.count("\n") > 1:
            yield text.encode()


def of_scheme(name):
    """Pairs with requirements, as the oracles have them."""
    word = ORACLES.get(name, "libversion")
    for path in sorted(DATA.glob(f"oracles/[BC]_*/{word}.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                case = json.loads(line)
                required = case.get("req", [])
                labels = [case.get("a"), case.get("b"), case.get("v")]
                labels += required if isinstance(required, list) else [required]
                if number < 400:
                    yield "\n".join(label for label in labels if label).encode()


def of_registry(name):
    """The kept answers; the first byte says in which pieces they come."""
    for path in sorted(DATA.glob(REGISTRIES.get(name, name + "/*"))):
        yield b"\x40" + cut(path.read_bytes())
        yield b"\x03" + path.read_bytes()[:2000]


def of_document(name):
    """Pins files and settings of the tests, the report of the tests, real tags."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in sorted((HERE.parent / "tests" / "it").rglob("*.rs")))
    docs = "\n".join(path.read_text(encoding="utf-8") for path in sorted(HERE.parent.glob("**/*.md")) if "target" not in path.parts)
    if name == "manifest":
        yield from (path.read_bytes() for path in sorted(DATA.rglob("upstream-versions.json")))
        yield from (text.encode() for text in re.findall(r'r#"(\{.*?\})"#', tests, re.DOTALL) if len(text) < 2000)
    elif name == "settings":
        yield from (text.encode() for text in re.findall(r"```toml\n(.*?)```", docs, re.DOTALL))
        yield from (text.encode() for text in re.findall(r'"(\[(?:policy|network|cache|dispatch|registries|server)[^"]{0,300})"', tests))
    elif name == "state":
        yield STATE.encode()
    elif name == "nvchecker":
        config = (DATA / "import" / "nvchecker.toml").read_bytes()
        yield config
        cases = HERE.parent / "src" / "start" / "nvchecker" / "tests.rs"
        for text in literals(cases):
            names = re.findall(rb"^\[\"?([^\"\]]*)", text, re.MULTILINE)
            record = {name.decode(): {"version": "1.2.3", "gitref": "refs/tags/v1.2.3"} for name in names}
            yield text + SEPARATOR + json.dumps({"version": 2, "data": record}).encode()
        # one table after the other: whole, the example is too long to be changed soon
        for table in re.split(rb"\n(?=\[)", config):
            name = re.match(rb"\[\"?([^\"\]]*)", table)
            if name:
                yield table + SEPARATOR + json.dumps({name[1].decode(): "v1.2.3"}).encode()
    elif name == "report":
        report = json.loads((DATA / "report" / "sample.json").read_text(encoding="utf-8"))
        yield json.dumps(report).encode()
    elif name == "tag":
        with gzip.open(DATA / "oracles" / "E_tags" / "git_repos.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                tags = [row[0] for row in json.loads(line)["tags"]][-9:]
                yield "\n".join([tags[-1], tags[-1].replace("1", "{version}", 1), *tags]).encode()


def main():
    """Writes each seed under the name of its content."""
    target, name, folder = sys.argv[1:]
    kinds = {"format": of_format, "scheme": of_scheme, "registry": of_registry, "document": of_document}
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    seeds = list(kinds[target](name))
    for seed in seeds:
        (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    print(f"{target} {name}: {len(seeds)} seeds")


main()
