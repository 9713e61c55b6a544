//! upmon's own files: what they say, or an error that can be shown.

#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use upmon::config::{Flags, Settings};
use upmon::document::{Source, Wrong};
use upmon::holds;
use upmon::pin::TagTemplate;
use upmon::pin::manifest::Manifest;
use upmon::report::{Format, Options, file, render};
use upmon::start::additions::{EMPTY, NewPin, with_pins};
use upmon::start::nvchecker::{Config, Record};
use upmon::version::SchemeId;

/// A kind of document, and what reads it.
type Kind = (&'static str, fn(&str));

const KINDS: &[Kind] = &[
    ("manifest", manifest),
    ("settings", settings),
    ("state", state),
    ("nvchecker", nvchecker),
    ("report", report),
    ("tag", tag),
];

static KIND: OnceLock<Kind> = OnceLock::new();

fn kind() -> Kind {
    upmon_fuzz::chosen(&KIND, KINDS, |(name, _)| name)
}

fn check_shown<T>(read: Result<T, Wrong>) -> Option<T> {
    read.map_err(|wrong| assert!(!wrong.render(false).is_empty())).ok()
}

fn manifest(text: &str) {
    let source = Source::new("upstream-versions.json", text);
    // a byte order mark counts in places
    let length = text.len();
    let Some(manifest) = check_shown(Manifest::parse(source)) else { return };
    for pin in &manifest.pins {
        assert!(pin.place.span.end <= length && text.get(pin.place.span.clone()).is_some(), "{}", pin.place);
        assert!(pin.id().starts_with(&pin.group), "{}", pin.id());
    }
}

fn settings(text: &str) {
    check_shown(Settings::parse(Some(Source::new("upmon.toml", text)), &|_| None, Flags::default()));
}

/// A state that is read is written again, and reads the same.
fn state(text: &str) {
    let path = Path::new("upmon-state.json");
    match holds::file::parse(path, text.as_bytes()) {
        Ok(state) => {
            let written = holds::file::text(&state);
            assert_eq!(holds::file::parse(path, written.as_bytes()).expect("what was written is read"), state);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A configuration and, after the byte 1C, its record of versions. The pins that a pins file takes one by one, it takes
/// together.
fn nvchecker(text: &str) {
    let (config, record) = text.split_once(upmon_fuzz::FILE_SEPARATOR).unwrap_or((text, "{}"));
    let Some(config) = check_shown(Config::parse(Source::new("nvchecker.toml", config))) else { return };
    let record = Record::parse(&Source::new("old_ver.json", record)).unwrap_or_default();
    config.record(Some("/home"));
    let import = config.import(&record);
    assert!(import.left_out.iter().chain(&import.remarks).all(|remark| remark.line >= 1 && !remark.text.is_empty()));
    let pins_file = |pins: &[NewPin]| {
        let added = with_pins(&Source::new("pins.json", EMPTY), pins).expect("an empty pins file takes entries");
        Manifest::parse(added)
    };
    let taken: Vec<NewPin> =
        import.pins.into_iter().filter(|pin| check_shown(pins_file(std::slice::from_ref(pin))).is_some()).collect();
    assert_eq!(pins_file(&taken).map(|manifest| manifest.pins.len()).ok(), Some(taken.len()));
}

/// A report that is read is written again, and reads the same.
fn report(text: &str) {
    let path = Path::new("report.json");
    match file::parse(text, path) {
        Ok(report) => {
            let written = render(&report, Format::Json, &Options::default());
            assert_eq!(file::parse(&written, path).expect("what was written is read"), report);
            for format in [Format::Table, Format::Markdown, Format::Github, Format::Sarif, Format::Ndjson] {
                render(&report, format, &Options::default());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The first line is a pin, the second a template, the others are tags.
fn tag(text: &str) {
    let mut lines = text.split('\n');
    let (pin, template) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let templates = [Some(TagTemplate::infer(pin)), TagTemplate::parse(template).ok()];
    for template in templates.into_iter().flatten() {
        for scheme in SchemeId::ALL {
            let template = template.clone().following(pin, *scheme);
            template.version_of(pin);
            for tag in lines.clone().take(8) {
                if let Some(version) = template.version_in(tag) {
                    assert!(!version.is_empty() && version.starts_with(|first: char| first.is_ascii_digit()), "{tag}");
                }
            }
        }
    }
}

fuzz_target!(
    init: {
        kind();
    },
    |text: &str| kind().1(text)
);
