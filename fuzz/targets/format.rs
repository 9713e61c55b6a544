//! A file of a project, with the files that belong to it: it becomes pins in their places, or an error that can be shown.

#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use upmon::document::Source;
use upmon::pin::Place;
use upmon::pin::holdings::Holdings;
use upmon::pin::manifest::Manifest;
use upmon::pin::project::Format;
use upmon_fuzz::Input;

static FORMAT: OnceLock<Format> = OnceLock::new();

fn format() -> Format {
    upmon_fuzz::chosen(&FORMAT, Format::ALL, Format::as_str)
}

/// How the first file of an input is called.
fn name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| format().file_names()[0].replace('*', "x"))
}

fn check_place(place: &Place, files: &Input<'_>) {
    let text = files.text(&place.file).unwrap_or_else(|| panic!("a place in a file that is not there: {place}"));
    assert!(text.get(place.span.clone()).is_some(), "{place}: {:?} of {} bytes", place.span, text.len());
    assert!(place.line >= 1 && place.column >= 1, "{place}");
}

fuzz_target!(
    init: {
        format();
    },
    |text: &str| {
        let pins = std::format!(r#"{{ "from": [{{ "file": "{}", "format": "{}", "all": true }}] }}"#, name(), format().as_str());
        let manifest = Manifest::parse(Source::new(Path::new("pins.json"), pins)).expect("the pins file is right");
        let files = Input::new(name(), text);
        match Holdings::with(manifest, &files) {
            Ok(holdings) => {
                holdings.manifest.pins.iter().for_each(|pin| check_place(&pin.place, &files));
                holdings.unpinned.iter().for_each(|unpinned| check_place(&unpinned.place, &files));
            }
            Err(error) => assert!(!error.render(false).is_empty()),
        }
    }
);
