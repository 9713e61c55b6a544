//! Tables for what documents say, and generated documents in any chunks against the whole tree.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const PACKUMENT: &[Wanted<&str>] = &[
    Wanted::start("versions", &["versions"]),
    Wanted::start("version", &["versions", "*"]),
    Wanted::value("deprecated", &["versions", "*", "deprecated"]),
    Wanted::value("time", &["time", "*"]),
    Wanted::value("name", &["name"]),
    Wanted::value("file", &["files", "*"]),
];

/// Name, key and JSON of each part, in order.
type Parts = Vec<(&'static str, String, String)>;

fn parts_of(
    wanted: &'static [Wanted<&'static str>],
    chunks: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> Result<Parts, Malformed> {
    let (mut splitter, mut parts) = (Splitter::new(wanted), Vec::new());
    for chunk in chunks {
        splitter.chunk(chunk.as_ref(), &mut |part| {
            parts.push((part.name, part.key.to_owned(), String::from_utf8(part.json.to_vec()).unwrap()));
            Ok(())
        })?;
    }
    splitter.finish().map(|()| parts)
}

fn split(document: &str) -> Result<Parts, Malformed> {
    parts_of(PACKUMENT, [document])
}

fn part(name: &'static str, key: &str, json: &str) -> (&'static str, String, String) {
    (name, key.to_owned(), json.to_owned())
}

#[test]
fn wanted_members_are_handed_over_and_the_rest_is_skipped() {
    let document = r#" {"readme": "a \"}]\\", "name" : "x" , "versions": {
        "1.0.0": {"dependencies": {"a": "1"}, "deprecated": "no [more]", "dist": {"deprecated": "not this"}},
        "2.0.0": {}, "3.0.0": null},
        "time": {"1.0.0": "2020", "unpublished": {"a": [1, {}]}}, "files": [{"a": 1}, 2.5e-3 ,[]], "last": -0 } "#;
    let expected = [
        part("name", "name", r#""x""#),
        part("versions", "versions", "{"),
        part("version", "1.0.0", "{"),
        part("deprecated", "deprecated", r#""no [more]""#),
        part("version", "2.0.0", "{"),
        part("version", "3.0.0", "n"),
        part("time", "1.0.0", r#""2020""#),
        part("time", "unpublished", r#"{"a": [1, {}]}"#),
        part("file", "", r#"{"a": 1}"#),
        part("file", "", "2.5e-3"),
        part("file", "", "[]"),
    ];
    assert_eq!(split(document).unwrap(), expected);
    let bytes = document.as_bytes();
    for at in 0..=bytes.len() {
        assert_eq!(parts_of(PACKUMENT, [&bytes[..at], &bytes[at..]]).unwrap(), expected, "cut at {at}");
    }
    assert_eq!(parts_of(PACKUMENT, bytes.chunks(1)).unwrap(), expected);
}

#[test]
fn keys_are_decoded_before_they_are_compared() {
    let document = r#"{"n\u0061me": 1, "time": {"\u00fc\"": 2, "ü\\": 3}}"#;
    let expected = [part("name", "name", "1"), part("time", "ü\"", "2"), part("time", "ü\\", "3")];
    assert_eq!(split(document).unwrap(), expected);
    assert_eq!(parts_of(PACKUMENT, document.as_bytes().chunks(1)).unwrap(), expected);
}

#[test]
fn a_member_wanted_in_parts_may_be_something_else() {
    let document = r#"{"versions": null, "time": "never", "files": {}}"#;
    assert_eq!(split(document).unwrap(), [part("versions", "versions", "n")]);
}

#[test]
fn what_is_not_one_whole_object_is_malformed() {
    let table = [
        ("", "expected a JSON object, got nothing"),
        ("  \n", "expected a JSON object, got nothing"),
        ("<!doctype html>", "expected a JSON object at byte 0, got `<!doctype html>`"),
        ("[1]", "expected a JSON object at byte 0, got `[1]`"),
        ("null", "expected a JSON object at byte 0, got `null`"),
        ("\u{feff}{}", "expected a JSON object at byte 0, got `\\u{feff}{}`"),
        ("{} x", "expected the end of the document at byte 3, got `x`"),
        ("{}{}", "expected the end of the document at byte 2, got `{}`"),
        (r#"{"a" 1}"#, "expected a colon at byte 5, got `1}`"),
        (r#"{"a": }"#, "expected a value at byte 6, got `}`"),
        (r#"{"a": 1, }"#, "expected a key at byte 9, got `}`"),
        (r#"{"a": 1 "b": 2}"#, "expected a comma or a closing bracket at byte 8, got `\\\"b\\\": 2}`"),
        (r#"{"a": 1]"#, "expected a comma or a closing bracket at byte 7, got `]`"),
        (r#"{"files": [1,]}"#, "expected a value at byte 13, got `]}`"),
        (r#"{"files": [1}"#, "expected a comma or a closing bracket at byte 12, got `}`"),
        ("{1: 2}", "expected a key at byte 1, got `1: 2}`"),
        (r#"{"a": {"b": ]}}"#, "the JSON document's brackets do not match"),
        (r#"{"a": {"b": 1}"#, "the JSON document ends too early"),
        (r#"{"a": "b"#, "the JSON document ends too early"),
    ];
    for (document, reason) in table {
        assert_eq!(split(document).unwrap_err().0, reason, "{document}");
    }
    let raw = b"{\"\xff\": 1}";
    assert!(parts_of(PACKUMENT, [raw]).unwrap_err().0.starts_with("cannot read a key"));
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(split(&nested(127)).unwrap(), []);
    assert_eq!(split(&nested(128)).unwrap_err().0, "the JSON document is nested too deeply");
}

#[test]
fn a_wanted_member_over_the_cap_is_malformed_and_a_skipped_one_is_not() {
    let document = format!(r#"{{"readme": "{}", "name": "123456"}}"#, "x".repeat(100));
    for (cap, fits) in [(8, true), (7, false)] {
        for size in [1, 3, 1000] {
            let mut splitter = Splitter::new(PACKUMENT).with_cap(cap);
            // the key `readme` has eight bytes with its quotes; it is held only when a chunk ends in it
            let skip = document.find(':').unwrap();
            splitter.chunk(&document.as_bytes()[..skip], &mut |_| Ok(())).unwrap();
            let mut chunks = document.as_bytes()[skip..].chunks(size);
            let ended = chunks.try_for_each(|chunk| splitter.chunk(chunk, &mut |_| Ok(())));
            assert_eq!(ended.is_ok(), fits, "cap {cap}, chunks of {size}: {ended:?}");
        }
    }
}

#[test]
fn an_error_of_the_sink_ends_the_document() {
    let mut splitter = Splitter::new(PACKUMENT);
    let ended = splitter.chunk(br#"{"name": 1}"#, &mut |part| part.read::<String>().map(drop));
    assert_eq!(
        ended.unwrap_err().0,
        "cannot read `name`: invalid type: integer `1`, expected a string at line 1 column 1"
    );
}

const ANY: &[Wanted<&str>] = &[
    Wanted::start("start of a.*", &["a", "*"]),
    Wanted::value("a.*.b", &["a", "*", "b"]),
    Wanted::value("b", &["b"]),
    Wanted::value("c.*.*", &["c", "*", "*"]),
];

/// The same parts out of the whole tree.
fn expected(wanted: &[Wanted<&'static str>], document: &Value) -> Vec<(&'static str, String, Value)> {
    fn visit(
        wanted: &[Wanted<&'static str>],
        path: &mut Vec<String>,
        value: &Value,
        found: &mut Vec<(&'static str, String, Value)>,
    ) {
        for place in wanted {
            let is_here = place.path.len() == path.len()
                && place.path.iter().zip(&*path).all(|(segment, key)| *segment == "*" || segment == key);
            if is_here {
                let seen = if place.take == Take::Whole { value.clone() } else { Value::Null };
                found.push((place.name, path.last().unwrap().clone(), seen));
            }
        }
        let members: Vec<(String, &Value)> = match value {
            Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), value)).collect(),
            Value::Array(elements) => elements.iter().map(|value| (String::new(), value)).collect(),
            _ => Vec::new(),
        };
        for (key, member) in members {
            path.push(key);
            visit(wanted, path, member, found);
            path.pop();
        }
    }
    let mut found = Vec::new();
    visit(wanted, &mut Vec::new(), document, &mut found);
    found
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("c".to_owned()), any::<String>()]
}

fn object(member: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec((key(), member), 0..5).prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("]}\\\"")),
        // longer than the blocks that are looked at at once, with everything that a scanner follows
        prop::collection::vec(prop::sample::select(vec!['a', '"', '\\', '{', ']', '\u{e9}']), 0..200)
            .prop_map(|letters| letters.into_iter().collect::<String>().into()),
    ];
    leaf.prop_recursive(4, 48, 5, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array), object(inner)]
    })
}

fn chunks<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let (mut rest, mut chunks) = (bytes, Vec::new());
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, left) = rest.split_at(rest.len().min(*size));
        chunks.push(chunk);
        rest = left;
    }
    chunks
}

proptest! {
    #[test]
    fn any_document_in_any_chunks_gives_what_the_tree_gives(
        document in object(value()),
        sizes in prop::collection::vec(prop_oneof![1usize..12, 1usize..300], 1..8),
        is_pretty in any::<bool>(),
    ) {
        let text = if is_pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
        let text = text.unwrap();
        let parts = parts_of(ANY, chunks(text.as_bytes(), &sizes)).unwrap();
        let parts: Vec<_> = parts
            .into_iter()
            .map(|(name, key, json)| {
                (name, key, if name.starts_with("start") { Value::Null } else { serde_json::from_str(&json).unwrap() })
            })
            .collect();
        prop_assert_eq!(parts, expected(ANY, &document));
    }

    #[test]
    fn every_truncation_fails(document in object(value()), at in any::<prop::sample::Index>()) {
        let text = serde_json::to_vec(&document).unwrap();
        prop_assert!(parts_of(ANY, [&text[..at.index(text.len())]]).is_err());
    }
}
