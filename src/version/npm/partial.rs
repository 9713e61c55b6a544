//! A version of which numbers may be missing or stars: what node-semver calls an x-range, without its operator.

use super::{Core, Identifier, MAX_LENGTH, is_identifier, is_number, parse_prerelease, parse_safe};

/// The pieces as they are written; nothing is converted before it is needed, since npm does not look at the rest either.
#[derive(Debug, Clone, Copy)]
pub(super) struct Partial<'range> {
    /// Any of `v`, `=` and space before the first number.
    pub(super) prefix: &'range str,
    /// Everything after the prefix.
    version: &'range str,
    /// What stands for major, minor and patch.
    parts: [Option<&'range str>; 3],
    prerelease: Option<&'range str>,
}

/// The numbers that a partial version has before the first that is missing or a star.
#[derive(Debug, Clone, Copy)]
pub(super) enum Numbers<'range> {
    Any,
    Major(&'range str),
    MajorMinor(&'range str, &'range str),
    All,
}

impl<'range> Partial<'range> {
    /// Reads `v1.2.x` and the like; `None` for anything that is no x-range.
    pub(super) fn parse(text: &'range str) -> Option<Self> {
        let version = text.trim_start_matches(['v', '=', ' ']);
        let (core, prerelease) = match version.split_once('-') {
            Some((core, prerelease)) => (core, Some(prerelease)),
            None => (version, None),
        };
        let mut written = core.split('.');
        let parts = [written.next(), written.next(), written.next()];
        let is_core = written.next().is_none() && parts.iter().flatten().all(|part| is_number(part) || is_star(part));
        let is_prerelease = |text: &str| parts[2].is_some() && text.split('.').all(is_prerelease_identifier);
        let prefix = &text[..text.len() - version.len()];
        (is_core && prerelease.is_none_or(is_prerelease)).then_some(Self { prefix, version, parts, prerelease })
    }

    /// Which numbers count.
    pub(super) fn numbers(&self) -> Numbers<'range> {
        match self.parts.map(|part| part.filter(|part| !is_star(part))) {
            [None, ..] => Numbers::Any,
            [Some(major), None, _] => Numbers::Major(major),
            [Some(major), Some(minor), None] => Numbers::MajorMinor(major, minor),
            [Some(_), Some(_), Some(_)] => Numbers::All,
        }
    }

    /// Whether a number follows a star, as in `1.x.3`.
    pub(super) fn has_gap(&self) -> bool {
        let stars = self.parts.map(|part| part.map(is_star));
        stars.windows(2).any(|pair| pair == [Some(true), Some(false)])
    }

    /// The same without anything before the first number.
    pub(super) const fn without_prefix(self) -> Self {
        Self { prefix: "", ..self }
    }

    /// Whether a prerelease is written.
    pub(super) const fn has_prerelease(&self) -> bool {
        self.prerelease.is_some()
    }

    /// Major, minor, patch and prerelease of a whole version that node-semver can read as one.
    pub(super) fn whole(&self) -> Option<(Core, Box<[Identifier]>)> {
        let [major, minor, patch] = self.parts;
        let core = [parse_safe(major?)?, parse_safe(minor?)?, parse_safe(patch?)?];
        let prerelease = self.prerelease.map_or_else(|| Some(Box::default()), parse_prerelease)?;
        (self.version.len() <= MAX_LENGTH).then_some((core, prerelease))
    }
}

fn is_star(part: &str) -> bool {
    matches!(part, "x" | "X" | "*")
}

fn is_prerelease_identifier(text: &str) -> bool {
    is_number(text) || (is_identifier(text) && text.bytes().any(|byte| !byte.is_ascii_digit()))
}
