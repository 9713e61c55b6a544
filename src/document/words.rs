//! Words of a fixed set, and what a typing error in one most likely stands for.

use super::{FromText, Refusal};

/// The help for what the documentation promises for later.
pub(crate) const NOT_YET: &str = "this version of upmon does not support it yet";

/// One of a fixed set of words.
pub(crate) trait Word: Copy + 'static {
    /// What the set is of, with an article.
    const KIND: &'static str;

    /// The set.
    fn all() -> Vec<Self>;

    /// How it is written.
    fn word(self) -> &'static str;

    /// Words that are documented and not supported yet.
    fn later() -> &'static [&'static str] {
        &[]
    }
}

impl<T: Word> FromText for T {
    fn expected() -> Option<String> {
        let words: Vec<_> = T::all().into_iter().map(T::word).collect();
        Some(format!("one of {}", words.join(", ")))
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let all = T::all();
        if let Some(found) = all.iter().find(|item| item.word() == text) {
            return Ok(*found);
        }
        let words: Vec<_> = all.iter().map(|item| item.word()).collect();
        let refusal = Refusal::new(format!("is not {}", T::KIND));
        Err(match nearest(text, &words) {
            _ if T::later().contains(&text) => refusal.help(NOT_YET),
            Some(word) => refusal.help(format!("did you mean `{word}`?")),
            None => refusal,
        })
    }
}

impl Word for crate::registry::RegistryId {
    const KIND: &'static str = "a registry that upmon knows";

    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for crate::version::SchemeId {
    const KIND: &'static str = "a version scheme that upmon knows";

    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// The known word that a typing error or a shortening most likely stands for.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', '.'], "");
    let word = plain(word);
    let farthest = (word.chars().count() / 3).max(1);
    known
        .iter()
        .map(|candidate| (distance(&word, &plain(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= farthest && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(word: &str, known: &str) -> usize {
    let is_shortening = word.len() >= 3 && known.starts_with(word) && known != word;
    if is_shortening { 1 } else { strsim::osa_distance(word, known) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_word() {
        let known = ["version", "registry", "requirement", "migration_guide", "url", "tag"];
        let rows = [
            ("versoin", Some("version")),
            ("Version", Some("version")),
            ("migration-guide", Some("migration_guide")),
            ("registries", Some("registry")),
            ("ur", Some("url")),
            ("tags", Some("tag")),
            ("req", Some("requirement")),
            ("re", None),
            ("homepage", None),
            ("x", None),
            ("", None),
        ];
        for (word, expected) in rows {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
