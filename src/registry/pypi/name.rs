//! Names of Python projects. <https://packaging.python.org/en/latest/specifications/name-normalization/>

use crate::error::LookupError;

/// The one spelling of a name that indexes are asked with.
///
/// # Errors
/// [`LookupError::NotFound`] for a name that no project can have.
pub(super) fn normalised(name: &str) -> Result<String, LookupError> {
    let is_valid = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.ends_with(|last: char| last.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_separator(byte));
    let not_found = || LookupError::NotFound { message: format!("`{name}` cannot be the name of a Python project") };
    is_valid.then(|| fold(name)).ok_or_else(not_found)
}

/// Lower case, and one hyphen for every run of separators; for text that need not be a valid name.
pub(crate) fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '-' | '_' | '.' if folded.ends_with('-') => {}
            '-' | '_' | '.' => folded.push('-'),
            other => folded.push(other.to_ascii_lowercase()),
        }
    }
    folded
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_name_is_asked_for_in_one() {
        let table = [
            ("ruamel.yaml", Some("ruamel-yaml")),
            ("Ruamel.YAML", Some("ruamel-yaml")),
            ("ruamel_yaml", Some("ruamel-yaml")),
            ("SQLAlchemy", Some("sqlalchemy")),
            ("Products.CMFPlone", Some("products-cmfplone")),
            ("friendly-._.-bard", Some("friendly-bard")),
            ("1a", Some("1a")),
            ("0", Some("0")),
            ("_foo", None),
            ("foo.", None),
            ("foo@bar", None),
            ("foo bar", None),
            ("..", None),
            ("", None),
            ("f\u{fc}", None),
            ("a/b", None),
            ("a\n", None),
        ];
        for (name, expected) in table {
            assert_eq!(normalised(name).ok().as_deref(), expected, "{name}");
        }
    }
}
