//! Modules of Go, images, charts, and versions by path and by pattern, from the file to what each command says of them.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such")]

use std::fmt::Write as _;

use serde_json::json;

use crate::network::support::{Machine, Stand, answer, registry};

/// What stands for github.com: repositories with these tags.
const TAGS: &[(&str, &[&str])] = &[
    ("/acme/one/", &["v1.0.0", "v1.1.0", "v1.2.0"]),
    ("/acme/two/", &["sub/v0.1.0", "sub/v0.2.0", "v9.0.0"]),
    ("/acme/tool/", &["v1.0.0", "v1.1.0", "v2.0.0"]),
];

const GO_MOD: &str = "module example.org/app\n\ngo 1.22\n\nrequire (\n\tgithub.com/acme/one v1.0.0\n\
    \tgithub.com/acme/two/sub v0.1.0\n\tgithub.com/acme/three v1.0.0\n\tgithub.com/acme/deep v1.0.0 // indirect\n\
    \tgithub.com/acme/tool v1.0.0\n\tgolang.org/x/text v0.3.0\n)\n\nreplace github.com/acme/three => ./three\n\nexclude github.com/acme/one v1.2.0\n";

const DOCKERFILE: &str = "# the tool is watched by its tags\nARG TOOL=1.0.0\nFROM ghcr.io/acme/tool:${TOOL} AS tool\n\
    FROM alpine:3.20\nCOPY --from=tool /tool /bin/\n";

const CHART: &str = "apiVersion: v2\nname: app\nversion: 0.1.0\ndependencies:\n  - name: cache\n    version: ^1.0\n    \
    repository: https://charts.example.org\n  - name: store\n    version: 2.0.0\n    repository: https://charts.example.org\n";

const CHART_LOCK: &str = "dependencies:\n- name: cache\n  repository: https://charts.example.org\n  version: 1.4.0\n\
    - name: store\n  repository: https://charts.example.org\n  version: 2.0.0\ndigest: sha256:00\n";

const VALUES: &str = "image:\n  repository: ghcr.io/acme/tool\n  tag: 1.1.0\nsidecar:\n  image: busybox\n";

const PINS: &str = r#"{
  "go": { "github.com/acme/two/sub": { "version": "0.2.0", "registry": "git", "url": "https://github.com/acme/two", "tag": "sub/v{version}" } },
  "from": [
    "go.mod", "Dockerfile", "Chart.lock", "values.yaml",
    { "file": "versions.yaml", "group": "tools", "pins": {
      "tool": { "path": "$.tools[?@.name == 'tool'].version", "registry": "git", "url": "https://github.com/acme/tool" }
    } },
    { "file": "Dockerfile", "group": "images", "pins": {
      "tool": { "pattern": "^ARG TOOL=(?<version>\\S+)$", "registry": "git", "url": "https://github.com/acme/tool", "tag": "v{version}" }
    } },
    { "file": "crates.txt", "group": "rust", "pattern": "^(?<package>\\S+) (?<version>\\S+)$" }
  ]
}
"#;

const SETTINGS: &str = r#"[[pins]]
group = "go"
name = "github.com/acme/tool" # newer than go.mod
version = "v1.1.0"
registry = "git"
url = "https://github.com/acme/tool"

[[pins]]
file = "versions.yaml"
group = "charts"
pins.tool = { path = "$.chart", registry = "git", url = "https://github.com/acme/tool" }
"#;

/// A remote with tags and nothing else, in version 2 of git's protocol.
fn remote(request: &str) -> Vec<u8> {
    let target = request.split(' ').nth(1).unwrap();
    let Some((_, tags)) = TAGS.iter().find(|(path, _)| target.starts_with(path)) else { return registry(request) };
    let packet = |line: &str| format!("{:04x}{line}", line.len() + 4);
    if target.ends_with("/git-upload-pack") {
        let told = tags.iter().enumerate().fold(String::new(), |mut told, (number, tag)| {
            write!(told, "{}", packet(&format!("{:040x} refs/tags/{tag}\n", number + 1))).unwrap();
            told
        });
        return answer("200 OK", "content-type: application/x-git-upload-pack-result", (told + "0000").as_bytes());
    }
    let capabilities = ["version 2\n", "ls-refs\n", "object-format=sha1\n"].map(packet).concat();
    let told = format!("{}0000{capabilities}0000", packet("# service=git-upload-pack\n"));
    answer("200 OK", "content-type: application/x-git-upload-pack-advertisement", told.as_bytes())
}

/// A project with all of these files, and the only way to github.com and to crates.io.
fn project() -> (Machine, Stand) {
    let (stand, pem) = Stand::in_place_of(&["github.com", "index.crates.io"], remote);
    let machine = Machine::new(&json!({})).with("HTTPS_PROXY", stand.url()).with("UPMON_AS_OF", "2026-11-20T06:00:00Z");
    for (name, text) in [
        ("upstream-versions.json", PINS),
        ("ours.pem", &pem),
        ("upmon.toml", &format!("[network]\ncertificates = \"ours.pem\"\n\n{SETTINGS}")),
        ("go.mod", GO_MOD),
        ("Dockerfile", DOCKERFILE),
        ("Chart.yaml", CHART),
        ("Chart.lock", CHART_LOCK),
        ("values.yaml", VALUES),
        (
            "versions.yaml",
            "tools:\n  - { name: other, version: 9 }\n  - { name: tool, version: v1.0.0 }\nchart: 'v2.0.0'\n",
        ),
        ("crates.txt", "tiny-up 1.0.0\n"),
    ] {
        machine.file(&format!("work/{name}"), text);
    }
    (machine, stand)
}

#[test]
fn they_are_listed_with_their_places_and_reasons_and_nobody_is_asked() {
    let (machine, stand) = project();
    let run = machine.run(&["list"]).ended(0);
    insta::assert_snapshot!(run.stdout);
    assert_eq!((run.stderr.as_str(), stand.requests().len()), ("", 0));
}

#[test]
fn they_are_checked_and_files_that_disagree_are_told_with_both_places() {
    let (machine, _) = project();
    let run = machine.run(&["check", "--json"]).ended(0);
    let rows: Vec<String> = run.json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let text = |pointer: &str| {
                finding.pointer(pointer).map(|value| value.to_string().replace('"', "")).unwrap_or_default()
            };
            format!(
                "{} {} -> {} at {}:{}:{} {}",
                text("/id"),
                text("/pinned/version"),
                text("/newest/version"),
                text("/place/file"),
                text("/place/line"),
                text("/place/column"),
                text("/notices")
            )
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"));
    assert!(run.stderr.contains("`upmon list` says which and why"), "{}", run.stderr);
}

#[test]
fn explain_names_the_file_of_the_pin_and_those_that_disagree() {
    let (machine, _) = project();
    for (package, expected) in [
        ("github.com/acme/one", &["stands at    go.mod:6:22", "v1.1.0", "excluded in `go.mod`"][..]),
        ("github.com/acme/two/sub", &["upstream-versions.json:2:51", "also pinned  0.1.0 at go.mod:7:27"]),
        ("github.com/acme/tool", &["upmon.toml:7:11", "also pinned  v1.0.0 at go.mod:10:23"]),
        ("images/tool", &["Dockerfile:2:10", "1.1.0"]),
        ("tools/tool", &["versions.yaml:3:28", "v2.0.0"]),
        ("charts/tool", &["versions.yaml:4:8"]),
        ("tiny-up", &["crates.txt:1:9", "1.1.0"]),
    ] {
        let told = machine.run(&["explain", package]).ended(0).stdout;
        for expected in expected {
            assert!(told.contains(expected), "{package}, {expected}: {told}");
        }
    }
}
