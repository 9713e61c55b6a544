//! What single keys of `[dispatch]` may say: words of fixed sets, the type of an event, the file of a workflow.

use schemars::json_schema;

use crate::document::{FromText, Refusal, Text, Word, inline_schema, schema_of_words};
use crate::version::Step;

/// Which updates wait until a person approves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Approval {
    /// Those to another major version, or to one of which nobody knows whether it is.
    #[default]
    Major,
    /// All.
    Always,
    /// None.
    Never,
}

impl Word for Approval {
    const KIND: &'static str = "a way to approve";

    fn all() -> Vec<Self> {
        vec![Self::Major, Self::Always, Self::Never]
    }

    fn word(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// Where the record is, as the file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RecordWord {
    #[default]
    File,
    Issue,
    Store,
}

impl Word for RecordWord {
    const KIND: &'static str = "a place for the record";

    fn all() -> Vec<Self> {
        vec![Self::File, Self::Issue, Self::Store]
    }

    fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Issue => "issue",
            Self::Store => "store",
        }
    }
}

/// A size of update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UpdateWord(pub(super) Step);

impl Word for UpdateWord {
    const KIND: &'static str = "a size of update";

    fn all() -> Vec<Self> {
        [Step::Prerelease, Step::Patch, Step::Minor, Step::Major].map(Self).to_vec()
    }

    fn word(self) -> &'static str {
        match self.0 {
            Step::None => "none",
            Step::Prerelease => "prerelease",
            Step::Patch => "patch",
            Step::Minor => "minor",
            Step::Major => "major",
        }
    }
}

inline_schema!(Approval, |_| schema_of_words::<Approval>());
inline_schema!(RecordWord, |_| schema_of_words::<RecordWord>());
inline_schema!(UpdateWord, |_| schema_of_words::<UpdateWord>());

/// The type of a `repository_dispatch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventType(pub(super) String);

/// GitHub refuses [longer types](https://docs.github.com/rest/repos/repos#create-a-repository-dispatch-event).
const LONGEST_TYPE: usize = 100;

impl FromText for EventType {
    fn expected() -> Option<String> {
        None
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let Text(name) = Text::from_text(text)?;
        if name.chars().count() > LONGEST_TYPE {
            return Err(Refusal::new(format!("is longer than {LONGEST_TYPE} characters")));
        }
        Ok(Self(name))
    }
}

inline_schema!(EventType, |_| json_schema!({ "type": "string", "pattern": "\\S", "maxLength": LONGEST_TYPE }));

/// The file of a workflow, or its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workflow(pub(super) String);

const WORKFLOW: &str = "^([0-9]+|[A-Za-z0-9._-]+\\.ya?ml)$";

impl FromText for Workflow {
    fn expected() -> Option<String> {
        Some("the name of a file below .github/workflows, such as \"rebuild.yml\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let stem = text.strip_suffix(".yml").or_else(|| text.strip_suffix(".yaml")).unwrap_or_default();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if is_number || (!stem.is_empty() && stem.bytes().all(allowed)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Refusal::new("is not a workflow"))
        }
    }
}

inline_schema!(Workflow, |_| json_schema!({ "type": "string", "pattern": WORKFLOW }));
