//! Under which file names badges are kept.
//!
//! A name from outside becomes one file name that every file system and every URL takes as it is: small letters, digits,
//! `-`, `_` and inner dots stay, every other byte becomes `~` and two hexadecimal digits. So `@types/node` is
//! `~40types~2fnode` and `RedCloth` is `~52ed~43loth`, which a file system that ignores case does not confuse with
//! `redcloth`. Two names never share a file name, and none is hidden, leaves its directory, or means a device under Windows.

use sha2::{Digest as _, Sha256};

/// The name, without its ending, of the badge for the whole report.
pub const WHOLE: &str = "upmon";

/// The endings of badge files.
pub const ENDINGS: [&str; 2] = ["json", "svg"];

/// The longest escaped name; [most file systems](https://en.wikipedia.org/wiki/Comparison_of_file_systems#Limits) take 255
/// bytes, and an ending comes behind.
const LONGEST: usize = 200;

/// How much is kept of a longer one, before a hash of the whole.
const KEPT: usize = 120;

/// Names that [mean devices](https://learn.microsoft.com/windows/win32/fileio/naming-a-file#naming-conventions) under
/// Windows, whatever ending they have.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// The path of a group's badge below the directory of badges, without its ending; also the directory of its packages.
///
/// A group's name keeps no dot, so that no directory is called as a file is; and none is called [`WHOLE`].
pub fn of_group(group: &str) -> String {
    let name = escaped(group, |_| false);
    if name == WHOLE { escaped_first(&name) } else { name }
}

/// The path of a package's badge below the directory of badges, without its ending.
pub fn of_package(group: &str, package: &str) -> String {
    let last = package.len().saturating_sub(1);
    format!("{}/{}", of_group(group), escaped(package, |at| at > 0 && at < last))
}

/// Whether a path below the directory of badges is one that this module makes: nothing else is ever removed.
pub fn is_badge(path: &str) -> bool {
    let Some((name, ending)) = path.rsplit_once('.') else { return false };
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name.bytes().all(|byte| is_plain(byte) || matches!(byte, b'.' | b'~'))
    };
    ENDINGS.contains(&ending) && name.split('/').count() <= 2 && name.split('/').all(is_name)
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')
}

/// A name with dots only where they may stay.
fn escaped(name: &str, keeps_dot: impl Fn(usize) -> bool) -> String {
    let mut escaped = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        if is_plain(byte) || byte == b'.' && keeps_dot(at) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&escape(byte));
        }
    }
    let is_device = escaped.split('.').next().is_some_and(|stem| DEVICES.contains(&stem));
    match escaped.len() {
        // nothing else is escaped to a tilde alone
        0 => "~".to_owned(),
        length if length > LONGEST => format!("{}~~{}", &escaped_if(is_device, escaped)[..KEPT], hash(name)),
        _ => escaped_if(is_device, escaped),
    }
}

fn escaped_if(is_device: bool, name: String) -> String {
    if is_device { escaped_first(&name) } else { name }
}

fn escape(byte: u8) -> String {
    format!("~{byte:02x}")
}

fn escaped_first(name: &str) -> String {
    format!("{}{}", escape(name.as_bytes()[0]), &name[1..])
}

/// Enough of a hash to tell names apart.
fn hash(name: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    let (start, _) = digest.split_first_chunk().expect("32 bytes hold 16");
    format!("{:032x}", u128::from_be_bytes(*start))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_file_names() {
        let table = [
            ("tokio", "g/tokio"),
            ("cfg_if-2", "g/cfg_if-2"),
            ("@types/node", "g/~40types~2fnode"),
            ("RedCloth", "g/~52ed~43loth"),
            ("zope.interface", "g/zope.interface"),
            ("..", "g/~2e~2e"),
            (".hidden", "g/~2ehidden"),
            ("trailing.", "g/trailing~2e"),
            ("../../etc/passwd", "g/~2e.~2f..~2fetc~2fpasswd"),
            ("a\\b", "g/a~5cb"),
            ("con", "g/~63on"),
            ("nul.js", "g/~6eul.js"),
            ("console", "g/console"),
            ("~", "g/~7e"),
            ("", "g/~"),
            ("é", "g/~c3~a9"),
        ];
        for (package, expected) in table {
            assert_eq!(of_package("g", package), expected);
        }
    }

    #[test]
    fn a_group_is_neither_the_whole_report_nor_the_file_of_another() {
        let table = [
            ("rust", "rust"),
            ("upmon", "~75pmon"),
            ("rust.json", "rust~2ejson"),
            ("Rust", "~52ust"),
            ("aux", "~61ux"),
        ];
        for (group, expected) in table {
            assert_eq!(of_group(group), expected);
        }
    }

    #[test]
    fn a_long_name_is_cut_and_stays_its_own() {
        let long = |end: char| format!("{}{end}", "é".repeat(300));
        let (one, other) = (of_package("g", &long('a')), of_package("g", &long('b')));
        assert!(one.len() < 200 && one.is_ascii(), "{one}");
        assert_ne!(one, other);
    }

    #[test]
    fn only_paths_that_are_made_here_are_badges() {
        for path in ["upmon.svg", "rust.json", "rust/tokio.svg", "g/~2e~2e.json", "g/a.b.svg"] {
            assert!(is_badge(path), "{path}");
        }
        for path in [
            "",
            "a",
            "svg",
            ".svg",
            "a.html",
            "../a.svg",
            "a/../b.svg",
            "a/b/c.svg",
            "/a.svg",
            "a//b.svg",
            "A.svg",
            "a\\b.svg",
            "a/.svg",
        ] {
            assert!(!is_badge(path), "{path}");
        }
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof!["[a-cA-C./~@_-]{0,6}", "(con|nul|upmon)(\\.[a-z]+)?", any::<String>()]
    }

    proptest! {
        #[test]
        fn no_two_names_share_a_file(names in prop::collection::hash_set((name(), name()), 0..40)) {
            let mut seen: HashMap<String, (String, String)> = HashMap::new();
            for (group, package) in names {
                let path = of_package(&group, &package);
                let clash = seen.insert(path.clone(), (group.clone(), package.clone()));
                prop_assert_eq!(clash, None, "{:?} and {:?} are {}", group, package, path);
            }
        }

        #[test]
        fn every_name_is_safe(group in name(), package in name()) {
            for path in [of_group(&group), of_package(&group, &package)] {
                prop_assert!(is_badge(&format!("{path}.svg")), "{}", path);
                prop_assert!(path.split('/').all(|part| part.len() <= LONGEST && !part.ends_with('.')), "{}", path);
                prop_assert_eq!(path.to_lowercase(), path);
            }
            prop_assert!(!of_group(&group).contains('.') && of_group(&group) != WHOLE);
        }
    }
}
