//! The section `[badges]`: where badges are kept, and how they look.

use std::path::{Path, PathBuf};

use crate::badge::svg::Style;
use crate::document::{Environment, FilePath, Table, Text, Word, inline_schema, schema_of_words, table};

table! {
    /// Badges that `upmon badge` keeps true.
    #[schemars(rename = "badges")]
    struct BadgesTable {
        /// The directory; a relative path is meant from the settings file. With it, `upmon run` keeps badges. Default: none.
        #[schemars(example = &"badges")]
        out = "out": FilePath,
        /// How they are drawn.
        #[schemars(extend("default" = "flat"), example = &"flat-square")]
        style = "style": Style,
        /// What the badge for the whole report says on its left.
        #[schemars(extend("default" = "upstream"), example = &"dependencies")]
        label = "label": Text,
    }
}

impl Word for Style {
    const KIND: &'static str = "a style of badges";

    fn all() -> Vec<Self> {
        vec![Self::Flat, Self::FlatSquare]
    }

    fn word(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::FlatSquare => "flat-square",
        }
    }
}

inline_schema!(Style, |_| schema_of_words::<Style>());

/// What is set for badges, with its defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadgeSettings {
    /// The directory, where one is set.
    pub out: Option<PathBuf>,
    /// How they are drawn.
    pub style: Style,
    /// What the badge for the whole report says on its left.
    pub label: String,
}

impl Default for BadgeSettings {
    fn default() -> Self {
        Self { out: None, style: Style::Flat, label: "upstream".to_owned() }
    }
}

impl BadgesTable {
    /// `file` is the settings file, beside which its relative paths lie.
    pub(super) fn merge(mut self, file: &Path, environment: &mut Environment<'_>) -> BadgeSettings {
        self.out = self.out.map(|path| path.beside(file));
        self.overlay(super::BADGES, environment);
        let defaults = BadgeSettings::default();
        BadgeSettings {
            out: self.out.cloned().map(|FilePath(path)| path),
            style: self.style.cloned().unwrap_or(defaults.style),
            label: self.label.cloned().map_or(defaults.label, |Text(label)| label),
        }
    }
}
