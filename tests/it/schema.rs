//! The JSON Schemas: kept files, and the same verdict as the readers.

use chrono::DateTime;
use jsonschema::Validator;
use serde_json::{Value, json};
use upmon::config::{Flags, Settings};
use upmon::document::Source;
use upmon::pin::manifest::Manifest;
use upmon::report::Report;
use upmon::schema::{Which, schema, schema_text};

use crate::{config, manifest};

fn validator(which: Which) -> Validator {
    jsonschema::draft202012::new(&schema(which)).expect("a valid schema")
}

fn from_toml(text: &str) -> Value {
    toml::from_str(text).expect("valid TOML")
}

/// `UPDATE_SCHEMAS=1 cargo test --test it schema::` writes the files anew.
#[test]
fn the_files_are_those_of_the_code() {
    for which in Which::ALL {
        let path = manifest::root().join("schema").join(which.file_name());
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(&path, schema_text(which)).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == schema_text(which), "{which}: run `UPDATE_SCHEMAS=1 cargo test --test it schema::`");
    }
}

#[test]
fn schemas_are_schemas() {
    for which in Which::ALL {
        assert!(jsonschema::meta::is_valid(&schema(which)), "{which}");
    }
}

#[test]
fn what_the_reader_takes_is_valid() {
    let pins = validator(Which::Pins);
    for (text, _) in manifest::VALID {
        let value: Value = serde_json::from_str(text).unwrap();
        assert!(
            pins.is_valid(&value),
            "{text}: {:?}",
            pins.iter_errors(&value).map(|e| e.to_string()).collect::<Vec<_>>()
        );
    }
    let own = std::fs::read_to_string(manifest::root().join("upstream-versions.json")).unwrap();
    assert!(pins.is_valid(&serde_json::from_str(&own).unwrap()));
    let settings = validator(Which::Settings);
    for text in config::VALID {
        let value = from_toml(text);
        let errors: Vec<_> = settings.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{text}: {errors:?}");
    }
}

/// Every object of a schema that has properties, with the path to it.
fn tables<'a>(schema: &'a Value, path: &str, found: &mut Vec<(String, &'a Value)>) {
    if schema.get("properties").is_some_and(Value::is_object) && schema.get("type").is_some() {
        found.push((path.to_owned(), schema));
    }
    match schema {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| tables(value, &format!("{path}/{key}"), found));
        }
        Value::Array(items) => items.iter().for_each(|value| tables(value, path, found)),
        _ => {}
    }
}

#[test]
fn every_key_is_described_with_its_default_and_an_example() {
    for which in [Which::Pins, Which::Settings] {
        let schema = schema(which);
        let mut found = Vec::new();
        tables(&schema, "", &mut found);
        assert!(found.len() >= 3, "{which}: {found:?}");
        for (path, table) in found {
            assert!(table.get("additionalProperties").is_some(), "{path} is open");
            for (key, property) in table["properties"].as_object().unwrap() {
                let description = property["description"].as_str().unwrap_or_default();
                let is_optional = property.get("default").is_some()
                    || ["Default: ", "Required.", "Environment: "].iter().any(|word| description.contains(word));
                assert!(is_optional, "{which}{path}: the default of `{key}` is not told");
                let has_example = property.get("examples").is_some() || path.ends_with("/registries");
                assert!(has_example, "{which}{path}: `{key}` has no example");
            }
        }
    }
}

#[test]
fn the_examples_of_every_key_are_valid() {
    for which in [Which::Pins, Which::Settings] {
        let schema = schema(which);
        let mut found = Vec::new();
        tables(&schema, "", &mut found);
        for (path, table) in found {
            for (key, property) in table["properties"].as_object().unwrap() {
                let mut alone = property.clone();
                alone["$defs"] = schema["$defs"].clone();
                let validator = jsonschema::draft202012::new(&alone).unwrap();
                let examples = property.get("examples").and_then(Value::as_array).into_iter().flatten();
                // an empty list of ignore entries is what leaving it out means, and useless when written
                let default = property.get("default").filter(|_| key != "ignore");
                for example in examples.chain(default) {
                    assert!(validator.is_valid(example), "{which}{path}: `{key}`: {example}");
                }
            }
        }
    }
}

fn pins_with(key: &str) -> Value {
    let mut pins = json!({ "rust": { "a": { "version": "1", "ignore": [{ "versions": "1" }] } } });
    let at = if key.contains('/') { &mut pins["rust"]["a"]["ignore"][0] } else { &mut pins["rust"]["a"] };
    at[key.trim_start_matches("ignore/")] = json!("x");
    pins
}

#[test]
fn reader_and_schema_refuse_the_same_unknown_keys_of_pins() {
    let validator = validator(Which::Pins);
    for key in ["versoin", "Version", "migration-guide", "ignore/til", "ignore/version", ""] {
        let pins = pins_with(key);
        assert!(!validator.is_valid(&pins), "{pins}");
        let told = Manifest::parse(Source::new("pins", pins.to_string())).expect_err(key).to_string();
        assert!(told.contains("unknown key"), "{told}");
    }
}

#[test]
fn reader_and_schema_know_the_same_keys_of_pins() {
    let schema = schema(Which::Pins);
    for (definition, prefix) in [("pin", ""), ("ignore", "ignore/")] {
        for key in schema["$defs"][definition]["properties"].as_object().unwrap().keys() {
            let pins = pins_with(&format!("{prefix}{key}")).to_string();
            let told =
                Manifest::parse(Source::new("pins", pins)).err().map(|wrong| wrong.to_string()).unwrap_or_default();
            assert!(!told.contains("unknown key"), "{told}");
        }
    }
}

#[test]
fn reader_and_schema_know_the_same_keys_of_settings() {
    let validator = validator(Which::Settings);
    let schema = schema(Which::Settings);
    let mut places = vec![("", schema["properties"].clone())];
    for (place, definition) in [
        ("[policy]", "policy"),
        ("[policies.x]", "policy"),
        ("[[policy.by-age]]", "row-by-age"),
        ("[[rules]]", "rule"),
        ("[registries.npm]", "registry"),
        ("[registries.git]", "git-remotes"),
        ("[network]", "network"),
        ("[cache]", "cache"),
        ("[check]", "check"),
        ("[server]", "server"),
        ("[[server.schedules]]", "schedule"),
        ("[badges]", "badges"),
        ("[dispatch]", "dispatch"),
        ("[dispatch.targets.x]", "dispatch-target"),
    ] {
        places.push((place, schema["$defs"][definition]["properties"].clone()));
    }
    for (place, properties) in places {
        for key in properties.as_object().unwrap().keys().map(String::as_str).chain(["unheard-of"]) {
            // a list of a number is no key's value
            let text = format!("{place}\n{key} = [1]\n");
            let parsed = Settings::parse(Some(Source::new("upmon.toml", text.as_str())), &|_| None, Flags::default());
            let told = parsed.expect_err(&text).to_string();
            let is_unknown = told.contains("unknown key");
            assert_eq!(is_unknown, key == "unheard-of", "{text}{told}");
            assert!(!validator.is_valid(&from_toml(&text)), "{text}");
        }
    }
}

#[test]
fn both_refuse_what_is_wrong_by_itself() {
    let pins = validator(Which::Pins);
    for text in [
        r#"{ "rust": "1" }"#,
        r#"{ "rust": { "a": 1 } }"#,
        r#"{ "rust": { "a": "" } }"#,
        r#"{ "rust": { "a": {} } }"#,
        r#"{ "tools": { "a": "1" } }"#,
        r#"{ "git": { "a": "1" } }"#,
        r#"{ "a/b": {} }"#,
        r#"{ "$shema": "x" }"#,
        r#"{ "rust": { "a": { "version": "1", "ignore": [] } } }"#,
        r#"{ "rust": { "a": { "version": "1", "registry": "crates_io" } } }"#,
        r#"{ "rust": { "a": { "version": "1", "changelog": "ftp://x" } } }"#,
    ] {
        assert!(Manifest::parse(Source::new("pins", text)).is_err(), "{text}");
        assert!(!pins.is_valid(&serde_json::from_str(text).unwrap()), "{text}");
    }
}

#[test]
fn an_empty_report_is_valid_and_garbage_is_not() {
    let validator = validator(Which::Report);
    let report = Report::new(Vec::new(), DateTime::from_timestamp(1_795_000_000, 0).unwrap());
    assert!(validator.is_valid(&serde_json::to_value(&report).unwrap()));
    assert!(!validator.is_valid(&json!({ "schema_version": 1 })));
}
