//! Which names a package of npm can have.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What JavaScript's `encodeURIComponent` changes.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Whether npm knows or ever knew packages of such a name: `validForOldPackages` of
/// <https://github.com/npm/validate-npm-package-name>. Upper case, length and odd characters were allowed once.
pub(super) fn is_valid(name: &str) -> bool {
    if name.starts_with(['.', '-', '_']) || ["node_modules", "favicon.ico"].contains(&&*name.to_lowercase()) {
        return false;
    }
    match name.strip_prefix('@').map(|scoped| scoped.split_once('/')) {
        None => is_plain(name),
        Some(None) => false,
        Some(Some((scope, package))) => is_plain(scope) && is_plain(package) && !package.starts_with('.'),
    }
}

/// Whether a part of a name stands in a URL as it is.
fn is_plain(part: &str) -> bool {
    !part.is_empty() && utf8_percent_encode(part, COMPONENT).eq([part])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_npm_judges_them() {
        let long = "a".repeat(215);
        let valid = [
            "@babel/core",
            "@Babel/Core",
            "a",
            &long,
            "http",
            "crypto-js",
            "left*pad",
            "left_pad",
            "123",
            "UPPER",
            "@scope/UPPER",
            "@SCOPE/lower",
            "lodash.get",
            "JSONStream",
            "constants",
            "@a/b",
            "@scope/_x",
        ];
        let invalid = [
            "",
            "@scope/",
            "@/name",
            "@scope",
            "@",
            "@scope/name/extra",
            "-dash",
            "_under",
            ".dot",
            "node_modules",
            "Favicon.ico",
            "%40scope%2fname",
            "@scope/.x",
            "a/b",
            ".",
            "..",
            "@a/b ",
            " a",
            "a b",
            "ü",
            "a\u{0}",
            "a?b",
            "a#b",
        ];
        for name in valid {
            assert!(is_valid(name), "{name}");
        }
        for name in invalid {
            assert!(!is_valid(name), "{name}");
        }
    }
}
