//! SARIF against its own schema, and as `check` prints it.

use serde_json::Value;
use upmon::report::{Format, Options, Report, render};

use crate::support::runner::World;

const SAMPLE: &str = include_str!("../data/report/sample.json");
const SCHEMA: &str = include_str!("../data/sarif/sarif-2.1.0-rtm.4.schema.json");

fn validator() -> jsonschema::Validator {
    let mut schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    // `]?` is no pattern of ECMA 262; upmon names no language
    for definition in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][definition]["properties"]["language"];
        language.as_object_mut().and_then(|language| language.shift_remove("pattern")).expect("a pattern");
    }
    jsonschema::draft4::new(&schema).expect("a valid schema")
}

#[track_caller]
fn assert_valid(document: &Value) {
    let validator = validator();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

fn document(report: &Report) -> Value {
    serde_json::from_str(&render(report, Format::Sarif, &Options::default())).expect("SARIF is JSON")
}

#[test]
fn every_report_is_valid_sarif() {
    let full: Report = serde_json::from_str(SAMPLE).unwrap();
    assert_valid(&document(&full));
    assert_valid(&document(&Report::new(Vec::new(), full.generated_at)));
    for finding in full.findings {
        assert_valid(&document(&Report::new(vec![finding], full.generated_at)));
    }
}

#[test]
fn the_schema_refuses_what_is_no_sarif() {
    let full: Report = serde_json::from_str(SAMPLE).unwrap();
    let mut document = document(&full);
    document["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!validator().is_valid(&document));
}

#[test]
fn every_finding_that_asks_something_is_a_result_of_its_own() {
    let full: Report = serde_json::from_str(SAMPLE).unwrap();
    let document = document(&full);
    let results = document["runs"][0]["results"].as_array().unwrap();
    let quiet = full.summary.by_severity.none + full.summary.by_severity.info;
    assert_eq!(results.len(), full.findings.len() - quiet);
    let fingerprints: std::collections::HashSet<&str> = results
        .iter()
        .map(|result| result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap())
        .collect();
    assert_eq!(fingerprints.len(), results.len());
}

#[tokio::test]
async fn check_prints_it_with_the_pin_s_line() {
    let world = World::new("{\n  \"rust\": { \"steady\": \"not a version\" }\n}\n").await;
    world.answer(upmon::registry::RegistryId::CratesIo, "st/ea/steady", "text/plain", "").await;
    let run = world.run(&["check", "--format", "sarif"]).ended(3);
    let document = run.json();
    assert_valid(&document);
    let result = &document["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "unknown");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "upstream-versions.json");
    assert_eq!(place["region"]["startLine"], 2);
}
