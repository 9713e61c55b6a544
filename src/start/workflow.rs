//! The nightly workflow that `upmon init --workflow` writes.

/// Where the workflow stands, from the root of the repository.
pub(crate) const PATH: &str = ".github/workflows/upmon.yml";

/// The action, as long as nobody says which commit of it is wanted.
pub(crate) const PLACEHOLDER: &str = "OWNER/upmon@0000000000000000000000000000000000000000";

const TEMPLATE: &str = include_str!("../../templates/nightly.yml");

/// The workflow's text. `pins` is the pins file from the root of the repository, with slashes, where that is not where the
/// action looks.
pub(crate) fn text(action: Option<&str>, pins: Option<&str>) -> String {
    let text = match action {
        Some(action) => TEMPLATE.replace(&format!("{PLACEHOLDER} # the commit of the release that you want"), action),
        None => TEMPLATE.to_owned(),
    };
    match pins {
        // as a string of JSON, which YAML reads as the same text
        Some(pins) => text.replace(
            "        with:\n          fail-on",
            &format!("        with:\n          pins: {}\n          fail-on", serde_json::Value::from(pins)),
        ),
        None => text,
    }
}

/// Checks what stands behind `--action`: `OWNER/REPOSITORY@REF`, perhaps with a directory.
///
/// # Errors
/// A sentence about what is wrong.
pub(crate) fn action(text: &str) -> Result<String, String> {
    let is_word = |text: &str| {
        !text.is_empty()
            && text.chars().all(|character| character.is_ascii_alphanumeric() || "-_./".contains(character))
    };
    let parts = text.split_once('@').filter(|(name, version)| is_word(name) && is_word(version) && name.contains('/'));
    match parts {
        Some(_) => Ok(text.to_owned()),
        None => Err("expected OWNER/REPOSITORY@COMMIT".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_action_and_the_pins_are_put_where_they_belong() {
        assert!(text(None, None).contains(PLACEHOLDER));
        let text = text(Some("acme/upmon@0123abc"), Some("deploy/pins.json"));
        assert!(
            text.contains(
                "- uses: acme/upmon@0123abc\n        with:\n          pins: \"deploy/pins.json\"\n          fail-on"
            ),
            "{text}"
        );
        assert!(!text.contains("OWNER") && !text.contains("the commit of the release"));
    }

    #[test]
    fn an_action_is_a_repository_at_a_reference() {
        for (text, is_good) in [
            ("a/b@v1", true),
            ("a/b/c@0123", true),
            ("a/b", false),
            ("b@v1", false),
            ("a/b@v1\n- run: x", false),
            ("a/b@", false),
        ] {
            assert_eq!(action(text).is_ok(), is_good, "{text}");
        }
    }
}
