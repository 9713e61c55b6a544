//! Which version is taken: what `check` proposes, or the one that was named, if nothing speaks against it.

use std::cmp::Ordering;

use super::Refusal;
use crate::lag::{Lag, Status, lag};
use crate::lookup::{Engine, Learned};
use crate::pin::Pin;
use crate::release::{CommitRange, Release};
use crate::report::escape::terminal;
use crate::select::{Candidate, Rejection, Selection, template_of};
use crate::version::{Step, Version};

/// What a pin is to be set to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The version, spelled as the pin spells its own.
    pub(crate) version: String,
    /// The same as upstream spells it.
    pub(super) label: String,
    /// The same as its scheme reads it; `None` for a commit.
    pub(super) parsed: Option<Version>,
    /// The commit that a tag names.
    pub(super) commit: Option<String>,
    /// Whether requirements that refuse the version may be moved along, since somebody named it.
    pub(super) moves_requirements: bool,
}

/// The answer for one pin.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// Another version than it has.
    Take(Target),
    /// It stays; why.
    Stay(String),
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// The version that was named.
    pub(crate) version: Option<&'a str>,
    /// Whether a version that was named is taken although something speaks against it.
    pub(crate) force: bool,
    /// Whether other files are changed, too.
    pub(crate) files: bool,
    /// In which segments a release that was not named may exceed the pin; in any, where none is said.
    pub(crate) updates: &'a [Step],
}

impl Wish<'_> {
    fn allows(self, update: Step) -> bool {
        self.updates.is_empty() || self.updates.contains(&update)
    }
}

/// Chooses for a pin, from what was learned of its package.
///
/// # Errors
/// When nothing can be proposed, or something speaks against the version that was named.
pub(crate) fn choose(engine: &Engine, pin: &Pin, learned: &Learned, wish: Wish<'_>) -> Result<Choice, Refusal> {
    if let Some(range) = &learned.fetched.facts.commits {
        return head(pin, range, wish);
    }
    let selection = engine.selection(pin, &learned.fetched.facts).map_err(|error| Refusal::new(error.to_string()))?;
    let chosen = match wish.version {
        Some(version) => named(&selection, pin, version, wish)?,
        None => proposed(&selection, &lag(&selection, engine.now).ok_or_else(nothing_eligible)?, wish)?,
    };
    let (release, version) = match chosen {
        Proposal::Take(release, version) => (release, version),
        Proposal::Stay(why) => return Ok(Choice::Stay(why)),
    };
    let spelled = spelled(pin, release, version);
    writable(&spelled)?;
    writable(&release.version)?;
    if spelled == pin.version {
        return Ok(Choice::Stay("it is at this version already".to_owned()));
    }
    Ok(Choice::Take(Target {
        version: spelled,
        label: release.version.to_string(),
        parsed: Some(version.clone()),
        commit: release.commit.as_deref().map(str::to_owned),
        moves_requirements: wish.version.is_some() && wish.files,
    }))
}

/// What a selection proposes.
enum Proposal<'facts, 'selection> {
    Take(&'facts Release, &'selection Version),
    Stay(String),
}

fn nothing_eligible() -> Refusal {
    Refusal::new("no release is eligible").hint("`upmon explain` shows every release and its rule")
}

fn proposed<'facts, 'selection>(
    selection: &'selection Selection<'facts>,
    lag: &Lag<'facts>,
    wish: Wish<'_>,
) -> Result<Proposal<'facts, 'selection>, Refusal> {
    let newest = &lag.newest.version;
    if lag.status != Status::Behind {
        let place = if lag.status == Status::Ahead { "above" } else { "at" };
        return Ok(Proposal::Stay(format!("it is {place} `{newest}`, the newest eligible release")));
    }
    let chosen = match &selection.requirement {
        None => selection.newest(),
        Some(requirement) => {
            let text = requirement.as_str();
            let Some(wanted) = selection.wanted() else {
                let reason = format!("the requirement `{text}` accepts no eligible release");
                return Err(Refusal::new(reason).hint("name a version to take it all the same"));
            };
            if wanted.1.precedence(&selection.pinned) != Ordering::Greater {
                let why = format!("the requirement `{text}` accepts nothing newer; name `{newest}` to take it");
                return Ok(Proposal::Stay(why));
            }
            Some(wanted)
        }
    };
    let (release, version) = chosen.ok_or_else(nothing_eligible)?;
    if wish.allows(selection.pinned.step_to(version)) {
        return Ok(Proposal::Take(release, version));
    }
    let is_wished = |version: &Version| {
        version.precedence(&selection.pinned) == Ordering::Greater
            && wish.allows(selection.pinned.step_to(version))
            && selection.requirement.as_ref().is_none_or(|requirement| requirement.accepts(version))
    };
    let lower = selection.eligible().filter(|(_, version)| is_wished(version));
    let why = || {
        format!(
            "`{}` is a {} update, and no other release is one that was asked for",
            release.version,
            selection.pinned.step_to(version)
        )
    };
    Ok(lower
        .max_by(|(_, a), (_, b)| a.total_order(b))
        .map_or_else(|| Proposal::Stay(why()), |(release, version)| Proposal::Take(release, version)))
}

fn named<'facts, 'selection>(
    selection: &'selection Selection<'facts>,
    pin: &Pin,
    text: &str,
    wish: Wish<'_>,
) -> Result<Proposal<'facts, 'selection>, Refusal> {
    let by =
        |is_it: &dyn Fn(&Candidate<'facts>) -> bool| selection.candidates.iter().find(|candidate| is_it(candidate));
    let is_called = |candidate: &Candidate<'_>| {
        candidate.rejection != Some(Rejection::OtherTag)
            && candidate.version.as_ref().is_some_and(|version| version.as_str() == text)
    };
    let found = by(&|candidate| &*candidate.release.version == text).or_else(|| by(&is_called));
    let Some(Candidate { release, version, rejection }) = found else {
        return Err(not_there(selection, pin, text));
    };
    let Some(version) = version else {
        let why = rejection.as_ref().map(ToString::to_string).unwrap_or_default();
        return Err(
            Refusal::new(format!("`{}` {}", terminal(text), terminal(&why))).hint("name one that can be compared")
        );
    };
    if let Some(rejection) = rejection.as_ref().filter(|rejection| !wish.force && !is_fine_when_named(rejection)) {
        let why = terminal(&rejection.to_string());
        return Err(
            Refusal::new(format!("`{}` is not eligible: {why}", terminal(text))).hint("--force takes it all the same")
        );
    }
    if let Some(requirement) = &selection.requirement
        && !requirement.accepts(version)
        && !wish.files
        && !wish.force
    {
        let reason = format!("the requirement `{}` does not accept `{}`", requirement.as_str(), terminal(text));
        let hint = "--files moves what is required along, in the pins file too; --force leaves it behind";
        return Err(Refusal::new(reason).hint(hint));
    }
    Ok(Proposal::Take(release, version))
}

/// Rules that say what is proposed, and not what is good: who names a prerelease means it.
const fn is_fine_when_named(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::Prerelease | Rejection::MoreExact)
}

fn not_there(selection: &Selection<'_>, pin: &Pin, text: &str) -> Refusal {
    let refusal = Refusal::new(format!("upstream has no release `{}`", terminal(text)));
    // people write the `v` that many tags have, and registries of packages have none
    let bare = text.trim_start_matches(['v', 'V']);
    let parsed = pin.scheme.parse(text).or_else(|_| pin.scheme.parse(bare)).ok();
    let equal = parsed.and_then(|parsed| {
        let is_equal = |version: &&Version| version.precedence(&parsed) == Ordering::Equal;
        selection.candidates.iter().filter_map(|candidate| candidate.version.as_ref()).find(is_equal)
    });
    match equal {
        Some(equal) => refusal.hint(format!("did you mean `{}`?", terminal(equal.as_str()))),
        None => refusal.hint(format!("`upmon explain {}` shows every release", terminal(&pin.id()))),
    }
}

/// A tag whole, or without what the tag template adds, as the pin has it.
fn spelled(pin: &Pin, release: &Release, version: &Version) -> String {
    let is_bare = template_of(pin).is_some_and(|template| template.version_in(&pin.version).is_none());
    if is_bare { version.as_str().to_owned() } else { release.version.to_string() }
}

/// Every file of a project is made of lines and words, and some are programs.
fn writable(version: &str) -> Result<(), Refusal> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "._+-/@~!=:".contains(character);
    if !version.is_empty() && version.chars().all(is_plain) {
        return Ok(());
    }
    let shown = terminal(version);
    Err(Refusal::new(format!("`{shown}` holds a character that upmon writes into no file")).hint("write it by hand"))
}

fn head(pin: &Pin, range: &CommitRange, wish: Wish<'_>) -> Result<Choice, Refusal> {
    if wish.version.is_some() {
        let refusal = Refusal::new("the pin follows commits, and of these only the branch's head can be looked up");
        return Err(refusal.hint("leave the version out to take the head"));
    }
    let stay = |why: &str| Ok(Choice::Stay(why.to_owned()));
    match (&range.pinned, range.ahead_by) {
        (None, _) => Err(Refusal::new(format!("the remote does not have the pinned commit `{}`", pin.version))
            .hint("write the commit by hand, or mend the `url`")),
        (Some(pinned), _) if *pinned == range.head => stay("it is at the branch's head"),
        (Some(_), Some(0)) => stay("the branch holds no commit that it lacks"),
        _ if !wish.allows(Step::Patch) => stay("commits count as patches, which were not asked for"),
        _ => Ok(Choice::Take(Target {
            version: range.head.to_string(),
            label: range.head.to_string(),
            parsed: None,
            commit: None,
            moves_requirements: false,
        })),
    }
}
