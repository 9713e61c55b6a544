use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;
use crate::document::read_json;

/// What a change makes of a text, after the path to the table or list that it is about.
fn changed(text: &str, path: &[&str], change: impl Fn(&JsonEditor<'_>, &Node) -> Edit) -> String {
    let source = Source::new("pins", text);
    let root = read_json(&source).unwrap();
    let node = root.at(path).unwrap();
    source.edited(&[change(&JsonEditor::new(&source, &root), node)]).whole()
}

fn with(text: &str, path: &[&str], at: usize, key: &str, value: &Json) -> String {
    changed(text, path, |editor, table| editor.insert_entries(table, at, &[(key, value.clone())]))
}

#[test]
fn a_new_entry_looks_like_its_neighbours() {
    let plain = json!("2");
    let entry = json!({ "version": "2", "registry": "npm" });
    for (text, path, at, value, expected) in [
        ("{}", &[][..], 0, &plain, "{\n  \"k\": \"2\"\n}"),
        ("\u{feff}{ }\r\n", &[], 0, &plain, "\u{feff}{\r\n  \"k\": \"2\"\r\n}\r\n"),
        ("{\r\n}\r\n", &[], 0, &plain, "{\r\n  \"k\": \"2\"\r\n}\r\n"),
        ("{\"g\":{\"a\":\"1\"}}", &["g"], 1, &plain, "{\"g\":{\"a\":\"1\",\"k\":\"2\"}}"),
        ("{\"g\":{}}", &["g"], 0, &plain, "{\"g\":{\"k\":\"2\"}}"),
        ("{ \"g\": { \"a\": \"1\" } }", &["g"], 0, &plain, "{ \"g\": { \"k\": \"2\", \"a\": \"1\" } }"),
        (
            "{\n  \"g\": {}\n}\n",
            &["g"],
            0,
            &entry,
            "{\n  \"g\": {\n    \"k\": { \"version\": \"2\", \"registry\": \"npm\" }\n  }\n}\n",
        ),
        ("{\r\n\t\"g\": \"1\"\r\n}", &[], 1, &plain, "{\r\n\t\"g\": \"1\",\r\n\t\"k\": \"2\"\r\n}"),
        (
            "{\n    \"g\": {\n        \"a\": \"1\"\n    }\n}",
            &[],
            1,
            &json!({ "a": "1" }),
            "{\n    \"g\": {\n        \"a\": \"1\"\n    },\n    \"k\": {\n        \"a\": \"1\"\n    }\n}",
        ),
        (
            "{\n  \"g\": {\n    \"a\": {\n      \"version\": \"1\"\n    }\n  }\n}",
            &["g"],
            1,
            &entry,
            "{\n  \"g\": {\n    \"a\": {\n      \"version\": \"1\"\n    },\n    \"k\": {\n      \"version\": \"2\",\n      \
             \"registry\": \"npm\"\n    }\n  }\n}",
        ),
        (
            "{\n  \"a\": \"1\",\n\n  \"b\":    \"1\"\n}",
            &[],
            2,
            &plain,
            "{\n  \"a\": \"1\",\n\n  \"b\":    \"1\",\n  \"k\": \"2\"\n}",
        ),
        ("{ \"rust\":     \"1\" }", &[], 1, &plain, "{ \"rust\":     \"1\", \"k\": \"2\" }"),
        ("{\"a\": \"1\" , \"b\": \"1\"}", &[], 1, &plain, "{\"a\": \"1\", \"k\": \"2\" , \"b\": \"1\"}"),
    ] {
        assert_eq!(with(text, path, at, "k", value), expected, "{text}");
    }
}

#[test]
fn items_and_values_follow_the_file_too() {
    let ignore = json!({ "versions": "=2" });
    let push = |text: &str, at: usize| {
        changed(text, &["l"], |editor, list| editor.insert_items(list, at, std::slice::from_ref(&ignore)))
    };
    assert_eq!(push("{ \"l\": [] }", 0), "{ \"l\": [{ \"versions\": \"=2\" }] }");
    assert_eq!(push("{\"l\": [ { \"a\": 1} ]}", 1), "{\"l\": [ { \"a\": 1}, {\"versions\": \"=2\"} ]}");
    assert_eq!(push("{\n \"l\": [\n  1\n ]}", 1), "{\n \"l\": [\n  1,\n  { \"versions\": \"=2\" }\n ]}");
    let become_entry = |text: &str| {
        changed(text, &["g", "a"], |editor, node| {
            editor.set(node, &json!({ "version": "1", "ignore": [ignore.clone()] }))
        })
    };
    assert_eq!(
        become_entry("{\n  \"g\": {\n    \"a\": \"1\"\n  }\n}\n"),
        "{\n  \"g\": {\n    \"a\": { \"version\": \"1\", \"ignore\": [{ \"versions\": \"=2\" }] }\n  }\n}\n"
    );
    assert_eq!(
        become_entry("{\"g\":{\"a\":\"1\",\"b\":\"\\u0061\"}}"),
        "{\"g\":{\"a\":{\"version\":\"1\",\"ignore\":[{\"versions\":\"=2\"}]},\"b\":\"\\u0061\"}}"
    );
    let long = changed("{\n  \"g\": {\n    \"a\": \"1\"\n  }\n}", &["g", "a"], |editor, node| {
        editor.set(node, &json!({ "version": "1", "reason": "x".repeat(120) }))
    });
    assert_eq!(
        long,
        format!(
            "{{\n  \"g\": {{\n    \"a\": {{\n      \"version\": \"1\",\n      \"reason\": \"{}\"\n    }}\n  }}\n}}",
            "x".repeat(120)
        )
    );
}

#[test]
fn what_is_removed_takes_its_comma_along() {
    for (text, index, expected) in [
        ("{ \"g\": { \"a\": 1 } }", 0, "{ \"g\": {} }"),
        ("{ \"g\": { \"a\": 1, \"b\": 2 } }", 0, "{ \"g\": { \"b\": 2 } }"),
        ("{ \"g\": { \"a\": 1, \"b\": 2 } }", 1, "{ \"g\": { \"a\": 1 } }"),
        ("{\"g\": {\n  \"a\": 1,\n\n  \"b\": 2,\n  \"c\": 3\n}}", 1, "{\"g\": {\n  \"a\": 1,\n  \"c\": 3\n}}"),
        ("{\"g\": [1, 2 , 3]}", 2, "{\"g\": [1, 2]}"),
    ] {
        assert_eq!(changed(text, &["g"], |editor, node| editor.remove(node, index)), expected, "{text}");
    }
}

#[test]
fn changes_are_applied_together_in_any_order_behind_a_byte_order_mark() {
    let source = Source::new("pins", "\u{feff}abcdef");
    let edit = |span, text: &str| Edit { span, text: text.to_owned() };
    let edited = source.edited(&[edit(5..6, "F"), edit(0..1, "AA"), edit(3..3, "-")]);
    assert_eq!((edited.text(), edited.whole().as_str()), ("AAbc-deF", "\u{feff}AAbc-deF"));
    assert_eq!(source.in_text(&source.in_file(&(2..4))), 2..4);
}

/// JSON with keys that differ.
fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Json::from),
        any::<u16>().prop_map(Json::from),
        "[a-z0-9.\"\\\\\u{e9}\u{4e16}^]{0,6}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec(("[a-f\u{e9}\"]{0,4}", inner), 0..4)
                .prop_map(|entries| Json::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A value as text with white space as `blanks` has it, round and round.
fn spelt(value: &Json, blanks: &mut impl Iterator<Item = &'static str>) -> String {
    let blank = |blanks: &mut dyn Iterator<Item = &'static str>| blanks.next().expect("the blanks never end");
    let (open, close, parts): (_, _, Vec<String>) = match value {
        Json::Array(items) => ("[", "]", items.iter().map(|item| spelt(item, blanks)).collect()),
        Json::Object(entries) => {
            let entry = |(key, value): (&String, &Json)| {
                let colon = format!("{}:{}", blank(blanks), blank(blanks));
                format!("{}{colon}{}", quoted(key), spelt(value, blanks))
            };
            ("{", "}", entries.iter().map(entry).collect())
        }
        other => return other.to_string(),
    };
    let parts: Vec<String> =
        parts.into_iter().map(|part| format!("{}{part}{}", blank(blanks), blank(blanks))).collect();
    format!("{open}{}{}{close}", blank(blanks), parts.join(","))
}

const BLANKS: [&[&str]; 4] =
    [&["", " "], &["\n", "\n  ", " ", "\n\n\t"], &["\r\n", "\r\n    ", " "], &["", " ", "\t", "\n", "\r\n"]];

/// The containers of a value with the paths to them.
fn containers(value: &Json) -> Vec<Vec<usize>> {
    let inner: Vec<&Json> = match value {
        Json::Array(items) => items.iter().collect(),
        Json::Object(entries) => entries.values().collect(),
        _ => return Vec::new(),
    };
    let below = inner
        .into_iter()
        .enumerate()
        .flat_map(|(index, inner)| containers(inner).into_iter().map(move |path| [vec![index], path].concat()));
    std::iter::once(Vec::new()).chain(below).collect()
}

fn node_at<'tree>(root: &'tree Node, path: &[usize]) -> &'tree Node {
    path.iter().fold(root, |node, index| children(node).nth(*index).unwrap())
}

fn value_at<'value>(root: &'value mut Json, path: &[usize]) -> &'value mut Json {
    path.iter().fold(root, |value, index| match value {
        Json::Array(items) => &mut items[*index],
        Json::Object(entries) => entries.values_mut().nth(*index).unwrap(),
        _ => unreachable!("paths lead through containers"),
    })
}

fn parsed(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Every byte outside of the range is what it was.
fn assert_only_there(before: &Source, edit: &Edit, after: &Source) {
    let (head, tail) = (&before.text()[..edit.span.start], &before.text()[edit.span.end..]);
    assert_eq!(after.text(), format!("{head}{}{tail}", edit.text));
    assert_eq!(after.byte_order_mark, before.byte_order_mark);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_changed_text_says_what_the_changed_value_says(
        original in value().prop_filter("a file is a table or a list", |value| value.is_object() || value.is_array()),
        new in value(),
        (container, place, operation) in (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3_u8),
        (blanks, start, mark) in (0..BLANKS.len(), 0..7_usize, any::<bool>()),
    ) {
        let mut endless = BLANKS[blanks].iter().copied().cycle().skip(start);
        let end = if blanks == 2 { "\r\n" } else { "\n" };
        let mark = if mark { "\u{feff}" } else { "" };
        let source = Source::new("pins", format!("{mark}{}{end}", spelt(&original, &mut endless)));
        let root = read_json(&source).unwrap();
        let editor = JsonEditor::new(&source, &root);
        let path = container.get(&containers(&original)).clone();
        let node = node_at(&root, &path);
        let count = children(node).count();
        let mut expected = original.clone();
        let model = value_at(&mut expected, &path);
        let edit = match (operation, model) {
            (0, model) => {
                *model = new.clone();
                editor.set(node, &new)
            }
            (1, Json::Array(items)) => {
                let at = place.index(count + 1);
                items.insert(at, new.clone());
                editor.insert_items(node, at, std::slice::from_ref(&new))
            }
            (1, Json::Object(entries)) => {
                let at = place.index(count + 1);
                entries.shift_insert(at, "new".to_owned(), new.clone());
                editor.insert_entries(node, at, &[("new", new.clone())])
            }
            (_, _) if count == 0 => return Ok(()),
            (_, Json::Array(items)) => {
                items.remove(place.index(count));
                editor.remove(node, place.index(count))
            }
            (_, Json::Object(entries)) => {
                let key = entries.keys().nth(place.index(count)).unwrap().clone();
                entries.shift_remove(&key);
                editor.remove(node, place.index(count))
            }
            _ => unreachable!("paths lead to containers"),
        };
        let edited = source.edited(std::slice::from_ref(&edit));
        assert_only_there(&source, &edit, &edited);
        // compared as text, since the order of keys counts
        prop_assert_eq!(parsed(edited.text()).to_string(), expected.to_string());
        let is_bare = |text: &str| text.replace("\r\n", "").contains('\n');
        prop_assert!(is_bare(source.text()) || !is_bare(edited.text()), "line ends are kept");
        if operation == 1 && count > 0 {
            let again = read_json(&edited).unwrap();
            let undo = JsonEditor::new(&edited, &again).remove(node_at(&again, &path), place.index(count + 1));
            prop_assert_eq!(edited.edited(&[undo]).whole(), source.whole());
        }
    }
}
