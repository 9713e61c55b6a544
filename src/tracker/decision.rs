//! What is done about an issue: one table, which `docs/issues.md` prints and a test compares.

use serde::Serialize;

/// What there is in the tracker for a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No issue carries the finding's marker.
    Nothing,
    /// An open issue.
    Open,
    /// A closed issue whose marker says that upmon closed it.
    ClosedByUpmon,
    /// A closed issue whose marker does not say so.
    ClosedByPerson,
    /// An issue that a person has put to sleep, by label or by date.
    Snoozed,
}

/// What is known of the finding, compared with what the marker remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Known, and below the threshold.
    Current,
    /// At or above the threshold, and not worse than the issue already says.
    Behind,
    /// At or above the threshold, and worse than the issue says.
    Worse,
    /// Nothing is known: never the same as current.
    Unknown,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Decision {
    /// Nothing is written.
    Leave,
    /// A new issue.
    Create,
    /// Title, section and severity label are made true.
    Update,
    /// The same, and one comment says what became worse.
    UpdateAndComment,
    /// One comment, and the issue is closed.
    Close,
    /// One comment, and the issue is open again.
    Reopen,
}

#[cfg(test)]
impl Standing {
    pub(crate) const ALL: [Self; 5] =
        [Self::Nothing, Self::Open, Self::ClosedByUpmon, Self::ClosedByPerson, Self::Snoozed];

    const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Open => "open",
            Self::ClosedByUpmon => "closed by upmon",
            Self::ClosedByPerson => "closed by a person",
            Self::Snoozed => "snoozed",
        }
    }
}

#[cfg(test)]
impl Word {
    pub(crate) const ALL: [Self; 4] = [Self::Current, Self::Behind, Self::Worse, Self::Unknown];
}

#[cfg(test)]
impl Decision {
    const fn words(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Create => "create",
            Self::Update => "update",
            Self::UpdateAndComment => "update, comment",
            Self::Close => "close",
            Self::Reopen => "reopen",
        }
    }
}

/// The table. Nothing else decides what is done.
#[expect(clippy::match_same_arms, reason = "a cell a line: the table is read and changed by its cells")]
pub(crate) const fn decide(standing: Standing, word: Word) -> Decision {
    match (standing, word) {
        (Standing::Nothing, Word::Current) => Decision::Leave,
        (Standing::Nothing, Word::Behind) => Decision::Create,
        (Standing::Nothing, Word::Worse) => Decision::Create,
        (Standing::Nothing, Word::Unknown) => Decision::Leave,

        (Standing::Open, Word::Current) => Decision::Close,
        (Standing::Open, Word::Behind) => Decision::Update,
        (Standing::Open, Word::Worse) => Decision::UpdateAndComment,
        (Standing::Open, Word::Unknown) => Decision::Leave,

        (Standing::ClosedByUpmon, Word::Current) => Decision::Leave,
        (Standing::ClosedByUpmon, Word::Behind) => Decision::Reopen,
        (Standing::ClosedByUpmon, Word::Worse) => Decision::Reopen,
        (Standing::ClosedByUpmon, Word::Unknown) => Decision::Leave,

        (Standing::ClosedByPerson, Word::Current) => Decision::Leave,
        (Standing::ClosedByPerson, Word::Behind) => Decision::Leave,
        (Standing::ClosedByPerson, Word::Worse) => Decision::Reopen,
        (Standing::ClosedByPerson, Word::Unknown) => Decision::Leave,

        (Standing::Snoozed, Word::Current) => Decision::Close,
        (Standing::Snoozed, Word::Behind) => Decision::Leave,
        (Standing::Snoozed, Word::Worse) => Decision::Leave,
        (Standing::Snoozed, Word::Unknown) => Decision::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_prints_this_very_table() {
        let mut table =
            "| issue | current | behind | worse than before | unknown |\n|---|---|---|---|---|\n".to_owned();
        for standing in Standing::ALL {
            let cells: Vec<&str> = Word::ALL.iter().map(|&word| decide(standing, word).words()).collect();
            table.extend(["| ", standing.words(), " | ", &cells.join(" | "), " |\n"]);
        }
        assert!(include_str!("../../docs/issues.md").contains(&table), "docs/issues.md should have:\n{table}");
    }
}
