//! Somebody says that what is held is right.

use chrono::{DateTime, Utc};

use super::file::StateError;
use super::{Ack, Kind, State};

/// What is held of a pin: its name, the release where it is one, and why, as [`State`] has it.
pub type Held<'a> = (&'a str, Option<&'a str>, &'a super::Suspicion);

/// Why nothing was acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AckError {
    /// Nothing of that name is held.
    #[error("nothing suspicious is held of {what}")]
    NotHeld {
        /// The name, with the version where one was given, in backticks.
        what: String,
        /// What is held, as a command would name it.
        held: Vec<String>,
    },
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Everything that is held.
pub fn held(state: &State) -> impl Iterator<Item = Held<'_>> {
    state.pins.iter().flat_map(|(id, pin)| pin.held().map(move |(version, held)| (id.as_str(), version, held)))
}

/// Acknowledges what is held of a pin: of one release, or all of it. Answers what that was.
///
/// # Errors
/// When nothing is: then nothing changes.
pub fn acknowledge(
    state: &mut State,
    name: &str,
    version: Option<&str>,
    reason: Option<&str>,
    at: DateTime<Utc>,
) -> Result<Vec<(String, Ack)>, AckError> {
    let is_meant = |id: &str| id == name || id.split_once('/').is_some_and(|(_, package)| package == name);
    let mut acks = Vec::new();
    for (id, pin) in state.pins.iter_mut().filter(|(id, _)| is_meant(id)) {
        let held = pin.held().filter(|(release, _)| version.is_none() || *release == version);
        let ack = |(version, held): (Option<&str>, &super::Suspicion)| Ack {
            at,
            found: held.found.clone(),
            kind: held.kind,
            reason: reason.map(str::to_owned),
            version: version.map(str::to_owned),
        };
        let made: Vec<Ack> = held.map(ack).collect();
        for ack in made {
            match (ack.kind, &ack.version) {
                (Kind::OwnerMoved, None) => _ = pin.owners.insert(ack.found.clone()),
                (Kind::TagMoved | Kind::Republished, Some(version)) => {
                    if let Some(noted) = pin.releases.get_mut(version) {
                        noted.content.insert(ack.found.clone());
                    }
                }
                _ => {}
            }
            pin.acknowledged.insert(ack.clone());
            acks.push((id.clone(), ack));
        }
        pin.release_acknowledged();
    }
    if acks.is_empty() {
        let what = version.map_or_else(|| format!("`{name}`"), |version| format!("`{name}` `{version}`"));
        return Err(AckError::NotHeld { what, held: held(state).map(command).collect() });
    }
    Ok(acks)
}

/// What a person types to acknowledge: `upmon ack rust/tokio 99.0.0`.
pub fn command((id, version, _): Held<'_>) -> String {
    version.map_or_else(
        || format!("upmon ack {}", word(id)),
        |version| format!("upmon ack {} {}", word(id), word(version)),
    )
}

/// A word as a shell takes it, since names come from upstream.
pub fn word(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./@+:".contains(&byte);
    let needs_no_quotes = !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_plain);
    if needs_no_quotes { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holds::{Noted, Remembered, Suspicion};

    fn at() -> DateTime<Utc> {
        "2026-11-20T06:00:00Z".parse().unwrap()
    }

    fn suspicion(kind: Kind, found: &str) -> Suspicion {
        Suspicion { kind, expected: "x".to_owned(), found: found.to_owned() }
    }

    fn state() -> State {
        let noted = |held| Noted { content: ["a".to_owned()].into(), held, seen: at() };
        let releases = [
            ("1.0".to_owned(), noted(None)),
            ("2.0".to_owned(), noted(Some(suspicion(Kind::TagMoved, "b")))),
            ("99.0".to_owned(), noted(Some(suspicion(Kind::MajorJump, "99")))),
        ];
        let held = Some(suspicion(Kind::OwnerMoved, "github.com/new"));
        let pin = Remembered { from: "git x".to_owned(), held, releases: releases.into(), ..Remembered::default() };
        State { pins: [("git/x".to_owned(), pin)].into(), ..State::default() }
    }

    #[test]
    fn one_release_is_acknowledged_or_all_that_is_held() {
        let mut one = state();
        let acks = acknowledge(&mut one, "x", Some("2.0"), Some("asked them"), at()).unwrap();
        assert_eq!(acks.len(), 1);
        assert_eq!((acks[0].1.kind, acks[0].1.reason.as_deref()), (Kind::TagMoved, Some("asked them")));
        assert_eq!(held(&one).map(|(_, version, _)| version).collect::<Vec<_>>(), [None, Some("99.0")]);
        assert!(one.pins["git/x"].releases["2.0"].content.contains("b"), "the new commit is known from here on");
        let mut all = state();
        assert_eq!(acknowledge(&mut all, "git/x", None, None, at()).unwrap().len(), 3);
        assert_eq!(held(&all).count(), 0);
        assert!(all.pins["git/x"].owners.contains("github.com/new"));
    }

    #[test]
    fn what_is_not_held_cannot_be_acknowledged() {
        let mut state = state();
        let before = state.clone();
        for (name, version, what) in [("y", None, "`y`"), ("x", Some("1.0"), "`x` `1.0`"), ("git", None, "`git`")] {
            let error = acknowledge(&mut state, name, version, None, at()).unwrap_err();
            assert_eq!(error.to_string(), format!("nothing suspicious is held of {what}"));
            let AckError::NotHeld { held, .. } = error else { panic!("{error}") };
            assert_eq!(held, ["upmon ack git/x", "upmon ack git/x 2.0", "upmon ack git/x 99.0"]);
        }
        assert_eq!(state, before);
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_not_take_it_as_one() {
        for (text, shown) in [
            ("@types/node", "@types/node"),
            ("a b", "'a b'"),
            ("a'b", r"'a'\''b'"),
            ("", "''"),
            ("-x", "'-x'"),
            ("$(x)", "'$(x)'"),
        ] {
            assert_eq!(word(text), shown);
        }
    }
}
