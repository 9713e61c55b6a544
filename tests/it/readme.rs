//! The README says what the binary does: every command line, table and sample in it is compared with the code.

use std::collections::BTreeSet;

use clap::ValueEnum as _;
use clap::error::ErrorKind;
use upmon::config::{Flags, Settings};
use upmon::document::Source;
use upmon::error::ExitCode;
use upmon::pin::manifest::Manifest;
use upmon::policy::Policy;
use upmon::registry::RegistryId;
use upmon::report::Format;
use upmon::schema::{Which, schema};
use upmon::version::SchemeId;

use crate::manifest;

fn readme() -> String {
    std::fs::read_to_string(manifest::root().join("README.md")).expect("the README is there")
}

/// The code blocks in a language.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let fences: Vec<&str> = text.split("\n```").collect();
    // fences alternate: text, block, text
    let blocks = fences.iter().skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(&format!("{language}\n"))).map(str::to_owned).collect()
}

/// The text under a heading.
fn section(heading: &str) -> String {
    let text = readme();
    let start = text.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("there is no section `{heading}`"));
    let body = &text[start + 1..];
    body.find("\n## ").map_or(body, |end| &body[..end]).to_owned()
}

/// The rows of the tables in a section, without headers; a row is its cells.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let section = section(heading);
    let lines: Vec<&str> = section.lines().collect();
    let is_row = |at: usize| {
        let is_header = lines.get(at + 1).is_some_and(|next| next.starts_with("|---"));
        lines[at].starts_with("| ") && !is_header
    };
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    (0..lines.len()).filter(|&at| is_row(at)).map(|at| cells(lines[at])).collect()
}

/// Everything between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The first cells of a section's tables, as far as they are between backticks.
fn first_column(heading: &str) -> BTreeSet<String> {
    rows(heading).iter().flat_map(|row| quoted(&row[0])).collect()
}

fn set<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

/// The command lines of console and workflow blocks, without prompts, comments and redirections.
fn command_lines() -> Vec<String> {
    let console = blocks("console");
    let workflows = blocks("yaml");
    let prompts = console.iter().flat_map(|block| block.lines()).filter_map(|line| line.strip_prefix("$ "));
    let steps = workflows
        .iter()
        .flat_map(|block| block.lines())
        .filter_map(|line| line.split_once("run: "))
        .map(|(_, run)| run);
    let plain = |line: &str| line.split(['#', '>', '|', '&']).next().unwrap_or_default().trim().to_owned();
    prompts.chain(steps).map(plain).filter(|line| line.starts_with("upmon")).collect()
}

#[test]
fn every_command_line_is_right() {
    let lines = command_lines();
    assert!(lines.len() >= 7, "{lines:?}");
    for line in lines {
        match upmon::cli::command().try_get_matches_from(line.split_whitespace()) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{line}: {error}"),
        }
    }
}

#[test]
fn every_command_and_option_is_told() {
    let told = first_column("Start");
    let app = upmon::cli::command();
    let commands: BTreeSet<&str> = app.get_subcommands().map(clap::Command::get_name).collect();
    let told_commands: BTreeSet<&str> =
        told.iter().filter_map(|cell| cell.strip_prefix("upmon ")?.split(' ').next()).collect();
    assert_eq!(told_commands, commands);
    let options = std::iter::once(&app)
        .chain(app.get_subcommands())
        .chain(app.get_subcommands().flat_map(clap::Command::get_subcommands))
        .flat_map(clap::Command::get_arguments)
        .filter_map(clap::Arg::get_long)
        .chain(["help", "version"])
        .collect::<BTreeSet<&str>>();
    let told_options: BTreeSet<&str> =
        told.iter().filter_map(|cell| cell.strip_prefix("--")?.split(' ').next()).collect();
    assert_eq!(told_options, options);
}

#[test]
fn every_key_of_a_pin_is_told() {
    let schema = schema(Which::Pins);
    let keys = schema["$defs"]["pin"]["properties"].as_object().unwrap();
    assert_eq!(first_column("Pins"), set(keys.keys().map(String::as_str)));
    let ignore = schema["$defs"]["ignore"]["properties"].as_object().unwrap();
    ignore.keys().for_each(|key| assert!(section("Pins").contains(&format!("\"{key}\": ")), "{key}"));
}

#[test]
fn every_registry_is_told_with_its_groups() {
    let told: Vec<(BTreeSet<String>, BTreeSet<String>)> =
        rows("Registries").iter().map(|row| (quoted(&row[0]), quoted(&row[1]))).collect();
    let known: Vec<_> = (RegistryId::ALL.iter())
        .map(|id| (set([id.as_str()]), set(id.groups().iter().copied().chain([id.as_str()]))))
        .collect();
    assert_eq!(told, known);
}

#[test]
fn every_scheme_is_told_with_the_registry_that_has_it_by_default() {
    let told: Vec<(BTreeSet<String>, BTreeSet<String>)> =
        rows("Version schemes").iter().map(|row| (quoted(&row[0]), quoted(&row[1]))).collect();
    let registries = |scheme: SchemeId| RegistryId::ALL.iter().filter(move |id| id.scheme() == scheme);
    let known: Vec<_> = (SchemeId::ALL.iter())
        .map(|id| (set([id.as_str()]), set(registries(*id).map(|registry| registry.as_str()))))
        .collect();
    assert_eq!(told, known);
}

#[test]
fn every_format_is_told() {
    let names: Vec<_> = Format::value_variants()
        .iter()
        .map(|format| format.to_possible_value().unwrap().get_name().to_owned())
        .collect();
    assert_eq!(first_column("Formats"), names.into_iter().collect());
}

#[test]
fn every_exit_code_is_told() {
    let codes = [
        (ExitCode::Success, "done"),
        (ExitCode::FailOn, "at or above"),
        (ExitCode::Usage, "wrong"),
        (ExitCode::Unknown, "unknown"),
        (ExitCode::Action, "action"),
        (ExitCode::Interrupted, "Ctrl-C"),
    ];
    let rows = rows("Exit codes");
    assert_eq!(rows.len(), codes.len());
    for (row, (code, word)) in rows.iter().zip(codes) {
        assert_eq!(row[0], (code as u8).to_string());
        assert!(row[1].contains(word), "{row:?}");
    }
}

#[test]
fn the_severities_are_those_of_the_default_policy() {
    let policy = Policy::default();
    let told: Vec<String> = rows("Lag and severity").iter().flat_map(|row| quoted(&row[1])).collect();
    let rows = [policy.patch, policy.patches, policy.minor, policy.minors, policy.major];
    let known: Vec<&str> = std::iter::once("none").chain(rows.iter().map(|severity| severity.as_str())).collect();
    assert_eq!(told, known);
    assert!(section("Lag and severity").contains(&format!("within {} days", policy.due_after.num_days())));
}

fn settings(text: &str) -> Settings {
    Settings::parse(Some(Source::new("README.md", text)), &|_| None, Flags::default())
        .unwrap_or_else(|wrong| panic!("{}", wrong.render(false)))
}

#[test]
fn the_sample_of_the_policy_holds_every_row_at_its_default() {
    let blocks = blocks("toml");
    let sample = blocks.iter().find(|block| block.starts_with("[policy]")).expect("a sample of the policy");
    assert_eq!(settings(sample).policies.default, Policy::default());
    let schema = schema(Which::Settings);
    let keys = schema["$defs"]["policy"]["properties"].as_object().unwrap();
    let table: toml::Table = toml::from_str(sample).unwrap();
    let told: BTreeSet<String> = table["policy"].as_table().unwrap().keys().cloned().collect();
    assert_eq!(told, set(keys.keys().map(String::as_str)));
}

#[test]
fn every_sample_of_settings_is_right_and_every_key_is_told() {
    let blocks = blocks("toml");
    let all = blocks.join("\n");
    for block in &blocks {
        settings(block);
    }
    let known = schema(Which::Settings);
    for definition in [
        "check",
        "network",
        "cache",
        "issues",
        "badges",
        "dispatch",
        "dispatch-target",
        "server",
        "schedule",
        "registry",
        "git-remotes",
    ] {
        for key in known["$defs"][definition]["properties"].as_object().unwrap().keys() {
            let is_told = all.contains(&format!("{key} = ")) || readme().contains(&format!("`{key}`"));
            assert!(is_told, "`{key}` of `{definition}`");
        }
    }
}

#[test]
fn every_variable_is_told() {
    let told = section("Environment");
    let app = upmon::cli::command();
    let of_options = app.get_subcommands().flat_map(clap::Command::get_arguments).chain(app.get_arguments());
    for variable in of_options.filter_map(clap::Arg::get_env) {
        let variable = variable.to_str().unwrap();
        assert!(told.contains(&format!("`{variable}`")), "{variable}");
    }
    // those of settings, which their descriptions name
    let text = schema(Which::Settings).to_string();
    for variable in quoted(&text).into_iter().filter(|word| word.starts_with("UPMON_")) {
        let of_section = [
            "UPMON_POLICY_",
            "UPMON_NETWORK_",
            "UPMON_CACHE_",
            "UPMON_ISSUES_",
            "UPMON_SERVER_",
            "UPMON_BADGES_",
            "UPMON_DISPATCH_",
            "UPMON_<ID>_",
            "UPMON_GIT_",
        ];
        let is_told = told.contains(&variable)
            || of_section.iter().any(|start| variable.starts_with(start) && told.contains(start));
        assert!(is_told, "{variable}");
    }
}

#[test]
fn every_sample_of_pins_is_right() {
    let pins = |sample: &String| {
        let manifest = Manifest::parse(Source::new("README.md", sample.as_str()));
        manifest.unwrap_or_else(|wrong| panic!("{}", wrong.render(false))).pins.len()
    };
    assert_eq!(blocks("json").iter().map(pins).collect::<Vec<_>>(), [6, 1]);
}

#[test]
fn every_file_that_is_linked_is_there() {
    let text = readme();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.starts_with("http")) {
        let is_there = match link.strip_prefix('#') {
            Some(anchor) => text.to_lowercase().replace(' ', "-").contains(&format!("\n##-{anchor}\n")),
            None => manifest::root().join(link).exists(),
        };
        assert!(is_there, "{link}");
    }
}
