//! More entries for the pins file; every byte that stands there stays.

use serde_json::{Map, Value as Json, json};

use crate::document::{Edit, Entry, JsonEditor, Problem, Source, Value, read_json};
use crate::pin::manifest::{FROM_KEY, SCHEMA_KEY};

/// The text of a pins file that holds nothing yet.
pub const EMPTY: &str = "{}\n";

/// A pin that is to be added: its group, its name, and what stands behind the name.
pub type NewPin = (String, String, Json);

/// The pins file with more files in `from`.
///
/// # Errors
/// When it is not JSON, or `from` is a group of this name.
pub(crate) fn with_files(source: &Source, files: &[String]) -> Result<Source, Vec<Problem>> {
    if files.is_empty() {
        return Ok(source.clone());
    }
    let root = read_json(source)?;
    let items: Vec<Json> = files.iter().map(|file| Json::from(file.as_str())).collect();
    let editor = JsonEditor::new(source, &root);
    let edit = match root.entries().iter().find(|entry| entry.key == FROM_KEY) {
        Some(Entry { node, .. }) if matches!(node.value, Value::List(_)) => {
            editor.insert_items(node, node.items().len(), &items)
        }
        Some(group) => {
            let problem = Problem::new(group.key_span.clone(), "`from` is a group here, so it can list no files");
            return Err(vec![problem.help("give the group another name")]);
        }
        None => {
            let at = root.entries().iter().take_while(|entry| entry.key == SCHEMA_KEY).count();
            editor.insert_entries(&root, at, &[(FROM_KEY, Json::Array(items))])
        }
    };
    Ok(source.edited(&[edit]))
}

/// The pins file with more pins, each at the end of its group; groups that are missing come at the end of the file.
///
/// # Errors
/// When it is not JSON.
pub fn with_pins(source: &Source, pins: &[NewPin]) -> Result<Source, Vec<Problem>> {
    if pins.is_empty() {
        return Ok(source.clone());
    }
    let root = read_json(source)?;
    let editor = JsonEditor::new(source, &root);
    let mut groups: Vec<&str> = Vec::new();
    for (group, _, _) in pins {
        if !groups.contains(&group.as_str()) {
            groups.push(group);
        }
    }
    let mut edits: Vec<Edit> = Vec::new();
    let mut missing: Vec<(&str, Json)> = Vec::new();
    for group in groups {
        match root.get(group) {
            Some(node) => {
                let entries: Vec<_> = of(pins, group).map(|(name, value)| (name, value.clone())).collect();
                edits.push(editor.insert_entries(node, node.entries().len(), &entries));
            }
            None => missing.push((
                group,
                of(pins, group).map(|(name, value)| (name.to_owned(), value.clone())).collect::<Map<_, _>>().into(),
            )),
        }
    }
    if !missing.is_empty() {
        edits.push(editor.insert_entries(&root, root.entries().len(), &missing));
    }
    Ok(source.edited(&edits))
}

/// The new pins of a group.
fn of<'pins>(pins: &'pins [NewPin], group: &'pins str) -> impl Iterator<Item = (&'pins str, &'pins Json)> {
    pins.iter().filter(move |pin| pin.0 == group).map(|(_, name, value)| (name.as_str(), value))
}

/// What a pins file is told when it has nothing to say yet.
pub(crate) fn example() -> String {
    json!({ "rust": { "serde": "1.0.200" } }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str, files: &[&str]) -> String {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        with_files(&Source::new("pins.json", text), &files).unwrap().whole()
    }

    fn pins(text: &str, pins: &[(&str, &str, Json)]) -> String {
        let pins: Vec<NewPin> =
            pins.iter().map(|(group, name, value)| ((*group).to_owned(), (*name).to_owned(), value.clone())).collect();
        with_pins(&Source::new("pins.json", text), &pins).unwrap().whole()
    }

    #[test]
    fn files_are_added_and_the_rest_stays() {
        for (before, after) in [
            (EMPTY, "{\n  \"from\": [\n    \"a\",\n    \"b\"\n  ]\n}\n"),
            ("{ \"from\": [\"x\"],  \"rust\": {} }", "{ \"from\": [\"x\", \"a\", \"b\"],  \"rust\": {} }"),
            (
                "{\"$schema\": \"s\",\r\n\t\"rust\":{}}\r\n",
                "{\"$schema\": \"s\",\r\n\t\"from\": [\"a\", \"b\"],\r\n\t\"rust\":{}}\r\n",
            ),
        ] {
            assert_eq!(files(before, &["a", "b"]), after);
            assert_eq!(files(before, &[]), before);
        }
        assert!(with_files(&Source::new("p", "{ \"from\": {} }"), &["a".to_owned()]).is_err());
    }

    #[test]
    fn pins_are_added_to_their_groups() {
        let new =
            [("rust", "a", json!("1.0.0")), ("git", "b", json!({ "version": "v1", "url": "https://g.example/b" }))];
        let before = "{\n  \"rust\": {\n    \"x\":   \"1\"\n  },\n  \"npm\": {}\n}\n";
        let after = pins(before, &new);
        assert!(
            after.starts_with(
                "{\n  \"rust\": {\n    \"x\":   \"1\",\n    \"a\": \"1.0.0\"\n  },\n  \"npm\": {},\n  \"git\": {"
            ),
            "{after}"
        );
        assert!(pins(EMPTY, &new).contains("\"git\""));
    }
}
