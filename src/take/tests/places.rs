//! Places beside the pin's own: constraints, requirements, and the old version in another spelling.

use super::*;

#[test]
fn a_constraint_that_pins_the_same_moves_along() {
    let files = [
        ("requirements.txt", "goal==1.0 # 1.0\n-c limits.txt\n".to_owned()),
        ("limits.txt", "other==1.0\r\ngoal == 1.0\r\n".to_owned()),
    ];
    let before = held(r#"{ "from": ["requirements.txt"] }"#, &files);
    assert_eq!(before.pins.len(), 1, "one pin in two places");
    let changed = after(&files, &planned(&before, &before.pins[0], "2.0").unwrap());
    assert_eq!(changed[0].1, "goal==2.0 # 1.0\n-c limits.txt\n");
    assert_eq!(changed[1].1, "other==1.0\r\ngoal == 2.0\r\n");
}

#[test]
fn what_is_required_of_a_version_by_path_or_pattern_moves_along() {
    for (name, text, finder, own) in [
        ("list", "goal 1.2.3 ^1.2 # ^1.2\n", r#""pattern": "^goal (?<version>\\S+) (?<requirement>\\S+)""#, "^1.2"),
        ("v.toml", "goal = \"1.2.3\"\n", r#""path": "$.goal", "requirement": "^1.2""#, "^2.4"),
    ] {
        let pins = format!(
            r#"{{ "from": [{{ "file": "{name}", "group": "tools", "pins": {{ "goal": {{ {finder}, "registry": "npm" }} }} }}] }}"#
        );
        let files = [(name, text.to_owned())];
        let before = held(&pins, &files);
        let plan = planned(&before, &before.pins[0], "2.4.0").unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        assert_eq!(after(&files, &plan)[0].1, text.replacen("1.2.3", "2.4.0", 1).replacen(" ^1.2", " ^2.4", 1));
        let is_own = plan.changes.iter().any(|change| change.after.text() == pins.replace("^1.2", own));
        assert_eq!(is_own, own == "^2.4", "{plan:?}");
    }
}

#[test]
fn the_old_version_is_found_in_another_spelling_too() {
    let uses = |sign: &str, tag: &str| format!("jobs:\n  a:\n    steps:\n      - uses: owner/goal@{sign}{tag}\n");
    let url = r#""url": "https://github.com/owner/goal""#;
    let steps = ".github/workflows/ci.yml";
    let pinned = format!("{COMMIT} # ");
    let taken = format!("{NEW_COMMIT} # ");
    for (name, pins, new, before, after_it) in [
        (
            "requirements.txt",
            r#""python": { "goal": "1.0" }"#.to_owned(),
            "2.0",
            "goal==1.0.0\n".to_owned(),
            "goal==2.0\n".to_owned(),
        ),
        (
            steps,
            format!(r#""git": {{ "goal": {{ "version": "1.0.0", "tag": "v{{version}}", {url} }} }}"#),
            "2.0.0",
            uses(&pinned, "v1.0.0"),
            uses(&taken, "v2.0.0"),
        ),
        // the tag of a line is another one
        (
            steps,
            format!(r#""git": {{ "goal": {{ "version": "v1.0.0", {url} }} }}"#),
            "v2.0.0",
            uses("", "v1"),
            uses("", "v1"),
        ),
        (
            "package.json",
            r#""npm": { "goal": "1.0.0" }"#.to_owned(),
            "2.0.0",
            r#"{ "dependencies": { "goal": "1.0.1" } }"#.to_owned(),
            r#"{ "dependencies": { "goal": "1.0.1" } }"#.to_owned(),
        ),
    ] {
        let files = [(name, before)];
        let before = held(&format!(r#"{{ {pins}, "from": ["{name}"] }}"#), &files);
        let pin = &before.pins[0];
        let label = if new.starts_with('v') || name != steps { new.to_owned() } else { format!("v{new}") };
        let taking = Taking { pin, target: Target { label, ..target(pin, new) } };
        let asked = ask(&before, &taking, true).unwrap();
        let plan = plan(&before, &[taking], vec![asked]).unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        assert_eq!(after(&files, &plan)[0].1, after_it, "{name}");
    }
}

#[test]
fn requirements_move_along_in_the_files_that_hold_them() {
    let manifest =
        "[package]\nname = \"app\"\n\n[dependencies]\ngoal = { version = \"^1.2\" } # ^1.2\nother = \"^1.2\"\n";
    let files = [("Cargo.toml", manifest.to_owned())];
    let before = held(
        r#"{ "rust": { "goal": { "version": "1.2.3", "requirement": "~1.2" } }, "from": ["Cargo.toml"] }"#,
        &files,
    );
    let plan = planned(&before, &before.pins[0], "2.4.0").unwrap();
    assert_eq!(after(&files, &plan)[0].1, manifest.replace("\"^1.2\" }", "\"^2.4\" }"));
    let own = plan.changes.last().unwrap();
    assert_eq!(
        own.after.text(),
        r#"{ "rust": { "goal": { "version": "2.4.0", "requirement": "~2.4" } }, "from": ["Cargo.toml"] }"#
    );
}
