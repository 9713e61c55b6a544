//! The JSON that a [Shields endpoint badge](https://shields.io/badges/endpoint-badge) reads.

use serde::Serialize;

use super::Badge;
use super::svg::Style;

/// How long a badge may be kept while everything is known: reports are made nightly, a changed pin should show soon.
const KNOWN: u32 = 3600;

/// The same while something is unknown; Shields keeps no badge for a shorter time.
const UNKNOWN: u32 = 300;

/// Every key is one that Shields knows; it refuses the whole badge for any other.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint<'a> {
    schema_version: u32,
    label: &'a str,
    message: &'a str,
    color: &'static str,
    is_error: bool,
    style: &'static str,
    cache_seconds: u32,
}

/// A badge as a JSON document with a final newline.
///
/// `isError` keeps whoever embeds the badge from painting what is unknown green.
pub fn render(badge: &Badge, style: Style) -> String {
    let Badge { label, message, color, is_error } = badge;
    let endpoint = Endpoint {
        schema_version: 1,
        label,
        message,
        color: color.hex(),
        is_error: *is_error,
        style: style.as_str(),
        cache_seconds: if *is_error { UNKNOWN } else { KNOWN },
    };
    let document = serde_json::to_string_pretty(&endpoint).expect("a badge has only text keys and serialises");
    format!("{document}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::Color;
    use super::*;

    #[test]
    fn a_badge_has_only_keys_that_shields_knows() {
        let badge =
            Badge { label: "a \"b\"".to_owned(), message: "unknown".to_owned(), color: Color::Unknown, is_error: true };
        let document: Value = serde_json::from_str(&render(&badge, Style::FlatSquare)).unwrap();
        let expected = serde_json::json!({
            "schemaVersion": 1, "label": "a \"b\"", "message": "unknown", "color": "656d76", "isError": true,
            "style": "flat-square", "cacheSeconds": 300
        });
        assert_eq!(document, expected);
        let known = Badge { is_error: false, ..badge };
        assert!(render(&known, Style::Flat).contains("\"cacheSeconds\": 3600"));
    }
}
