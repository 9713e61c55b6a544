//! Places in files with a byte order mark, with line ends of two kinds, and without a last one.

use upmon::pin::Place;
use upmon::pin::project::Format;

use super::hostile::{Kind, write};
use super::{assert_in_place, assert_told_in_place, held};

/// Every version of one file: `package version line:column`.
fn told(kind: &Kind, text: &str) -> Vec<String> {
    let directory = kind.named();
    write(directory.path(), &kind.name, text.as_bytes());
    let holdings = held(directory.path());
    holdings.manifest.pins.iter().for_each(assert_in_place);
    holdings.unpinned.iter().for_each(assert_told_in_place);
    let told = |name: &str, version: &str, place: &Place| format!("{name} {version} {}:{}", place.line, place.column);
    let pins = holdings.manifest.pins.iter().map(|pin| told(&pin.package, &pin.version, &pin.place));
    let others = holdings
        .unpinned
        .iter()
        .map(|one| told(&one.package, one.version.as_deref().unwrap_or(&one.reason), &one.place));
    pins.chain(others).collect()
}

#[test]
fn columns_start_behind_a_byte_order_mark_and_lines_end_in_either_way() {
    let known = |name: &str| Kind::of(name, Format::of(name).expect("a known file"));
    let by_path = |name: &str| Kind::located(name, r#""pins": { "a": { "path": "$.a" }, "b": { "path": "$.b" } }"#);
    for (kind, text, expected) in [
        (
            known("go.mod"),
            "require github.com/a/b v1.2.3\r\nrequire (\n\tgithub.com/a/c/sub v1.0.0 // \u{fc}\r\n)",
            &["github.com/a/b v1.2.3 1:24", "github.com/a/c/sub 1.0.0 3:22"][..],
        ),
        (
            known("Dockerfile"),
            "# syntax=docker/dockerfile:1.7\nARG V=3.0\r\nFROM a:1.0\nFROM b:2.0 \\\r\n  AS x\r\nFROM c:$V",
            &["docker/dockerfile 1.7 1:28", "a 1.0 3:8", "b 2.0 4:8", "c 3.0 2:7"],
        ),
        (known("Dockerfile"), "FROM a:1.0\r\nCOPY --from=b:2.0 /x /y", &["a 1.0 1:8", "b 2.0 2:15"]),
        (
            known("Chart.lock"),
            "dependencies:\r\n- name: a\n  repository: https://x\r\n  version: 1.0.0",
            &["a 1.0.0 4:12"],
        ),
        (
            known("Chart.yaml"),
            "dependencies: [{ name: \u{fc}, version: 1.0.0, repository: https://x }]\r\nname: x\n",
            &["\u{fc} 1.0.0 1:36"],
        ),
        (
            known("values.yaml"),
            "image: a:1.0\r\nx: { repository: b, tag: '2.0' }\n# \u{fc}\r\ny: { image: c }",
            &["a 1.0 1:10", "b 2.0 2:27", "c an image without a tag 4:13"],
        ),
        (by_path("x.json"), "{\"a\": \"1.0\",\r\n \"b\": 2.50}", &["a 1.0 1:7", "b 2.50 2:7"]),
        (by_path("x.toml"), "a = '1.0' # \u{fc}\r\nb = \"2.0\"", &["a 1.0 1:5", "b 2.0 2:5"]),
        (by_path("x.yaml"), "a: 1.10 # \u{fc}\r\nb: \"2.0\"", &["a 1.10 1:4", "b 2.0 2:4"]),
        (
            Kind::located("one.txt", r#""pins": { "a": { "pattern": "^a=(?<version>.+)$" } }"#),
            "a=1.0\r\nb=2.0\n",
            &["a 1.0 1:3"],
        ),
        (
            Kind::located("many.txt", r#""pattern": "^(?<package>[a-z]+)=(?<version>.+)$""#),
            "a=1.0\r\nb=2.0\n# \u{fc}\r\nc=3.0",
            &["a 1.0 1:3", "b 2.0 2:3", "c 3.0 4:3"],
        ),
    ] {
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}{text}");
            assert_eq!(told(&kind, &text), expected, "{text:?}");
            assert_eq!(told(&kind, &text.replace("\r\n", "\n")), expected, "{text:?}");
            assert_eq!(told(&kind, &text.replace("\r\n", "\n").replace('\n', "\r\n")), expected, "{text:?}");
        }
    }
}
