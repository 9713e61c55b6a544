//! How a tag spells a version: an anchored template such as `gopls/v{version}`.

use std::borrow::Cow;

/// Placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTemplate {}

impl TagTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// A sentence fragment, lower case, that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains("{version}") { Ok(Self {}) } else { Err("it has no `{version}`".to_owned()) }
    }
    /// The fixed text before the version.
    pub fn prefix(&self) -> &str {
        ""
    }
    /// The template that a pin's own spelling implies: `v*` for `v2.10.24`.
    pub fn infer(_pin: &str) -> Self {
        Self {}
    }
    /// The version in a tag, its separators turned into dots; `None` when the tag does not match the whole template.
    pub fn version_in<'tag>(&self, tag: &'tag str) -> Option<Cow<'tag, str>> {
        Some(tag.into())
    }
}
