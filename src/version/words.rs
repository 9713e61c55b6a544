//! The anatomy of a label that no ecosystem rules: its numbers, and what the words after them mean.
//!
//! Shared by the schemes `loose` and `calver` and by the reading of git tags in `pin::tag`. Nothing here orders
//! anything.

use super::Number;

/// A label cut at its first number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut<'text> {
    /// What precedes the first digit.
    pub(crate) before: &'text str,
    /// The first number and those that follow it with one separator between: `7_6_1`. A `-` separates only as long as
    /// nothing else does, so `2024-01-15` is three numbers and `7.1.1-21` is three and a counter.
    pub(crate) numbers: &'text str,
    /// The rest, separator first.
    pub(crate) rest: &'text str,
}

impl Cut<'_> {
    /// The numbers, separators dropped.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = Number> {
        self.numbers.split(['.', '_', '-']).filter_map(Number::parse)
    }
}

/// Cuts a label; `None` when it holds no digit.
pub(crate) fn cut(text: &str) -> Option<Cut<'_>> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let mut end = start + digits(&text[start..]);
    let mut only_dashes = true;
    while let Some(separator) = text[end..].chars().next() {
        let following = digits(text[end..].get(1..).unwrap_or_default());
        let separates = matches!(separator, '.' | '_') || (separator == '-' && only_dashes);
        if !separates || following == 0 {
            break;
        }
        only_dashes &= separator == '-';
        end += 1 + following;
    }
    Some(Cut { before: &text[..start], numbers: &text[start..end], rest: &text[end..] })
}

/// How many ASCII digits a text starts with.
pub(crate) fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// What a word after the numbers says of the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It comes before the release: `rc`, `beta`, `a` with a number.
    Prerelease,
    /// It is the release: `final`, `stable`, `ga`.
    Final,
    /// It comes after the release: `pl`, `p` with a number, `sp`, `hotfix`.
    Patch,
    /// Letters glued to the last number as a finer step: `1.1.1w`, `0.9.8zh`.
    Letters,
    /// A numbered build, no finer step and no prerelease: Erlang's `R16B03`, Jetty's `9.4.53.v20231009`.
    Build,
    /// The `T` between a date and a time.
    Time,
    /// None of these: a variant, a code name, a commit.
    Unknown,
}

/// A run of ASCII letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'text> {
    pub(crate) text: &'text str,
    /// Where it starts.
    pub(crate) start: usize,
    /// Whether a digit stands directly before it.
    glued: bool,
    /// The digits directly after it.
    number: &'text str,
}

const PRERELEASE: [&str; 35] = [
    "alpha",
    "beta",
    "canary",
    "cr",
    "cvs",
    "daily",
    "dev",
    "devel",
    "develop",
    "development",
    "draft",
    "ea",
    "edge",
    "exp",
    "experimental",
    "git",
    "head",
    "hg",
    "insider",
    "insiders",
    "main",
    "master",
    "milestone",
    "next",
    "nightly",
    "rc",
    "snapshot",
    "svn",
    "test",
    "testing",
    "tip",
    "trunk",
    "unstable",
    "weekly",
    "wip",
];
const FINAL: [&str; 8] = ["final", "ga", "incubating", "lts", "rel", "release", "rtm", "stable"];
const PATCH: [&str; 8] = ["errata", "fix", "hotfix", "pl", "rev", "revision", "sp", "update"];

impl Word<'_> {
    /// Where it ends.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// What it says of the release.
    pub(crate) fn meaning(&self) -> Meaning {
        let word = self.text.to_ascii_lowercase();
        let word = word.as_str();
        match word {
            _ if names_prerelease(word) => Meaning::Prerelease,
            _ if FINAL.contains(&word) => Meaning::Final,
            _ if PATCH.contains(&word) || word.starts_with("patch") || word.starts_with("post") => Meaning::Patch,
            _ if !self.number.is_empty() => self.meaning_of_letter(word),
            // libversion takes any letters glued to the end for a finer step; beyond two they are more likely a word
            _ if self.glued && word.len() <= 2 => Meaning::Letters,
            _ => Meaning::Unknown,
        }
    }

    /// One letter and a number: the short spellings.
    fn meaning_of_letter(&self, letter: &str) -> Meaning {
        match letter {
            // nobody counts betas from 01
            "b" if self.number.starts_with('0') && self.number.len() > 1 => Meaning::Build,
            "v" => Meaning::Build,
            "a" | "b" | "c" | "m" => Meaning::Prerelease,
            "p" | "r" | "u" => Meaning::Patch,
            "t" if self.glued => Meaning::Time,
            _ => Meaning::Unknown,
        }
    }
}

/// Whether a lower-case word by itself names a prerelease or a development state.
pub(crate) fn names_prerelease(word: &str) -> bool {
    PRERELEASE.contains(&word) || word.starts_with("pre")
}

/// The words of what follows a number.
pub(crate) fn words(rest: &str) -> impl Iterator<Item = Word<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + rest[from..].find(|c: char| c.is_ascii_alphabetic())?;
        let tail = &rest[start..];
        let text = &tail[..tail.bytes().take_while(u8::is_ascii_alphabetic).count()];
        let after = &tail[text.len()..];
        from = start + text.len();
        let glued = start == 0 || rest.as_bytes()[start - 1].is_ascii_digit();
        Some(Word { text, start, glued, number: &after[..digits(after)] })
    })
}

/// Whether what follows the numbers marks something other than a release: a prerelease, a snapshot, an unknown word
/// (libversion orders all of them below the release), or a build number after `+`. Other text after `+` is metadata.
pub(crate) fn is_prerelease(rest: &str) -> bool {
    let (main, build) = rest.split_once('+').unwrap_or((rest, ""));
    words(main).any(|word| matches!(word.meaning(), Meaning::Prerelease | Meaning::Unknown))
        || is_number(build)
        || words(build).any(|word| names_prerelease(&word.text.to_ascii_lowercase()))
}

/// The build number after `+`, as in `21+35`; `None` for other metadata, such as `+k3s1` or `+4.0.1`.
pub(crate) fn build_number(rest: &str) -> Option<&str> {
    rest.split_once('+').map(|(_, build)| build).filter(|build| is_number(build))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && digits(text) == text.len()
}

/// What follows the numbers without the word at its end, if the word is to be dropped.
pub(crate) fn without_last_word(rest: &str, is_dropped: impl Fn(&Word<'_>) -> bool) -> &str {
    match words(rest).last() {
        Some(word) if word.end() == rest.len() && is_dropped(&word) => {
            rest[..word.start].trim_end_matches(['-', '_', '.'])
        }
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_cut_at_its_first_number() {
        for (label, before, numbers, rest) in [
            ("1.2.3", "", "1.2.3", ""),
            ("curl-7_6_1-pre1", "curl-", "7_6_1", "-pre1"),
            ("7.1.1-21", "", "7.1.1", "-21"),
            ("2024-01-15", "", "2024-01-15", ""),
            ("8_22_0-2", "", "8_22_0", "-2"),
            ("1.1.1w", "", "1.1.1", "w"),
            ("21+35", "", "21", "+35"),
            ("10..8", "", "10", "..8"),
            ("1.", "", "1", "."),
            ("1é2", "", "1", "é2"),
        ] {
            assert_eq!(cut(label), Some(Cut { before, numbers, rest }), "{label}");
        }
        assert_eq!(cut("latest"), None);
    }

    #[test]
    fn words_after_the_numbers_tell_a_prerelease() {
        let prereleases = [
            "-rc1",
            "rc1",
            "_BETA1",
            "a1",
            "b4",
            "c1",
            "-alpha.1",
            "-pre17",
            "-preview.2",
            "-TEST1",
            "-dev",
            ".dev0",
            "-SNAPSHOT",
            "-nightly.20240101",
            "-next.0",
            "-M1",
            "-milestone-1",
            "-beta",
            "-tree",
            "-4-gabcdef0",
            "+35",
            "+git20230101",
            "-git20230101",
            "~rc1",
            "dev",
            "-CR1",
        ];
        for rest in prereleases {
            assert!(is_prerelease(rest), "{rest}");
        }
        let releases = [
            "",
            "w",
            "zh",
            "-1",
            "-21",
            "p1",
            "-p2",
            "pl3",
            "-P1",
            "-stable",
            ".Final",
            ".RELEASE",
            "-ga",
            "-LTS",
            "+k3s1",
            "+4.0.1",
            "-hotfix1",
            ".SP2",
            "-post1",
            "_r1",
            "T16-36-33Z",
            "B03-1",
            ".v20231009",
            "-patch2",
            "errata1",
        ];
        for rest in releases {
            assert!(!is_prerelease(rest), "{rest}");
        }
    }
}
