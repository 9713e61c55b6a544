//! The edits that a pin asks for: its own place, the other places that pin the same, and what files require.

use std::ops::Range;
use std::sync::Arc;

use super::format::{Command, Wanted, Writer, writer};
use super::gomod;
use super::requirement::follow;
use super::target::Target;
use super::{Asked, Held, Refusal, Taking};
use crate::document::{Edit, Source};
use crate::pin::holdings::{Found, Identity, identity, obstacle, part};
use crate::pin::project::{Dependency, Format};
use crate::pin::{Pin, Place, Written};
use crate::select::template_of;

pub(super) fn of(held: &Held, taking: &Taking<'_>, files: bool) -> Result<Asked, Refusal> {
    let Taking { pin, target } = taking;
    let mut asked = Asked::default();
    if held.is_in_pins_file(pin) {
        let source = held.manifest.source();
        let span = source.in_text(&pin.place.span);
        if pin.version != target.version {
            asked.edits.push((Arc::clone(source), Edit { span, text: json(&target.version) }));
        }
    } else if !files {
        let refusal = Refusal::new(format!("it is pinned in `{}`, not in the pins file", shown(&pin.place)));
        return Err(refusal.hint("--files changes it there"));
    }
    if files {
        let is_own = |one: &&Written| {
            held.own(&one.place.file).is_some() || held.is_located(pin) && one.place.file == pin.place.file
        };
        for requirement in pin.requirements.iter().filter(is_own) {
            require(held, &mut asked, pin, target, requirement)?;
        }
    }
    if files
        && (held.is_located(pin) || held.is_own(pin) && !held.is_in_pins_file(pin))
        && pin.version != target.version
    {
        let version = Written { text: pin.version.clone(), place: pin.place.clone() };
        asked.edits.extend(write(&read(held, &pin.place.file)?, None, &version, &target.version, target)?);
    }
    if files {
        for found in held.said_of(pin) {
            other(held, &mut asked, taking, found)?;
        }
    }
    Ok(asked)
}

/// Whether what a file says is about this pin: the same package, and for a pin that stands in a file, of the same group.
pub(super) fn is_meant(held: &Held, pin: &Pin, found: &Found) -> bool {
    named(found).is_some_and(|name| name == identity_of(pin)) && is_about(held, pin, found)
}

/// The same of what is known to be the same package.
pub(super) fn is_about(held: &Held, pin: &Pin, found: &Found) -> bool {
    held.is_own(pin) || found.group == pin.group
}

/// What names the package that a file speaks of; `None` where no registry lists it.
pub(super) fn named(found: &Found) -> Option<Identity> {
    let dependency = &found.dependency;
    let version = dependency.version.as_ref().map_or("", |version| &version.text);
    let part = part(dependency.tag.as_ref(), version);
    Some(identity(dependency.registry?, &dependency.upstream, dependency.url.as_deref(), part))
}

/// The same of a pin.
pub(super) fn identity_of(pin: &Pin) -> Identity {
    identity(pin.registry, &pin.upstream, pin.url.as_deref(), part(pin.tag.as_ref(), &pin.version))
}

/// What a text that pins the old version has to be; `None` where it pins another one, which stays. Two spellings are one
/// version: `1.0` and `1.0.0` of Python, and a tag with and without what its template adds.
pub(super) fn respelled(pin: &Pin, target: &Target, text: &str) -> Option<String> {
    if text == pin.version {
        return Some(target.version.clone());
    }
    let parsed = target.parsed.as_ref()?;
    let Some(template) = template_of(pin) else {
        let (held, here) = (pin.scheme.parse(&pin.version).ok()?, pin.scheme.parse(text).ok()?);
        return held.precedence(&here).is_eq().then(|| target.version.clone());
    };
    // `v1` is a tag of its own, even where it compares as `v1.0.0`
    let is_same = template.version_of(&pin.version)? == template.version_of(text)?;
    let is_bare = template.version_in(text).is_none();
    is_same.then(|| if is_bare { parsed.as_str().to_owned() } else { target.label.clone() })
}

fn other(held: &Held, asked: &mut Asked, taking: &Taking<'_>, found: &Found) -> Result<(), Refusal> {
    let Taking { pin, target } = taking;
    let dependency = &found.dependency;
    let version = dependency.version.as_ref().filter(|_| obstacle(dependency).is_none());
    let Some(version) = version else {
        let is_beside = held.is_own(pin) || dependency.place.file.parent() == pin.place.file.parent();
        return match &dependency.requirement {
            Some(requirement) if is_beside => require(held, asked, pin, target, requirement),
            _ => Ok(()),
        };
    };
    let Some(new) = respelled(pin, target, &version.text) else { return Ok(()) };
    let source = read(held, &version.place.file)?;
    if new != version.text {
        let required = required(pin, target, found);
        let wanted = Wanted { version: &new, requirement: required.as_deref() };
        let writer = writer(found.format, &source, dependency, wanted);
        if writer.is_text() && found.format == Some(Format::GoMod) {
            asked.edits.push((Arc::clone(&source), gomod::edit(&source, dependency, version, &new)?));
        } else if writer.is_text() {
            asked.edits.extend(write(&source, found.format, version, &new, target)?);
        }
        if let Writer::TextAnd(runs) | Writer::Tool(runs) = writer {
            is_no_option(dependency)?;
            asked.commands.extend(runs.into_iter().map(|run| Command::new(&found.file, found.format, run)));
        }
    }
    match &dependency.requirement {
        Some(requirement) if is_copy(found, requirement) => is_met(pin, target, requirement),
        Some(requirement) => require(held, asked, pin, target, requirement),
        None => Ok(()),
    }
}

/// What the files will require of it once they are changed.
fn required(pin: &Pin, target: &Target, found: &Found) -> Option<String> {
    let requirement = &found.dependency.requirement.as_ref()?.text;
    let version = target.parsed.as_ref().filter(|_| target.moves_requirements);
    let moved = version.and_then(|version| follow(requirement, pin.scheme, version).ok());
    Some(moved.unwrap_or_else(|| requirement.clone()))
}

/// Refuses what a tool would take for an option: a name stands in a file that others may have written.
fn is_no_option(dependency: &Dependency) -> Result<(), Refusal> {
    match [&dependency.name, &dependency.upstream].into_iter().find(|name| name.starts_with('-')) {
        None => Ok(()),
        Some(name) => {
            let refusal =
                Refusal::new(format!("the package `{name}` of `{}` starts as an option", shown(&dependency.place)));
            Err(refusal.hint("write it by hand"))
        }
    }
}

/// Whether a requirement stands in the lock file, which repeats it from a file that was not read.
fn is_copy(found: &Found, requirement: &Written) -> bool {
    found.dependency.version.as_ref().is_some_and(|version| version.place.file == found.file)
        && requirement.place.file == found.file
        && found.format != Some(Format::Workflow)
}

/// Refuses to go where the requirement would stay behind.
fn is_met(pin: &Pin, target: &Target, requirement: &Written) -> Result<(), Refusal> {
    let (Some(version), true) = (&target.parsed, target.moves_requirements) else { return Ok(()) };
    let accepts = pin.scheme.requirement(&requirement.text).is_ok_and(|requirement| requirement.accepts(version));
    if accepts {
        return Ok(());
    }
    let (at, text) = (shown(&requirement.place), &requirement.text);
    Err(Refusal::new(format!("{at}: the requirement `{text}` is a copy, and upmon does not write where it is from"))
        .hint("change it there by hand and run its tool, then take the version again"))
}

/// A version in a file that upmon writes; of a commit with its tag behind it, both.
fn write(
    source: &Arc<Source>,
    format: Option<Format>,
    version: &Written,
    new: &str,
    target: &Target,
) -> Result<Vec<(Arc<Source>, Edit)>, Refusal> {
    let span = source.in_text(&version.place.span);
    let raw = &source.text()[span.clone()];
    let mut places = raw.match_indices(version.text.as_str());
    let (Some((at, _)), None) = (places.next(), places.next()) else {
        let reason = format!("`{}` does not hold `{}` as it is", shown(&version.place), version.text);
        return Err(Refusal::new(reason).hint("write it without escapes"));
    };
    let start = span.start + at;
    let behind = &source.text()[start + version.text.len()..];
    if ["@sha256:", "@sha512:"].iter().any(|digest| behind.starts_with(digest)) {
        let reason =
            format!("the digest behind `{}` in `{}` is that of the old version", version.text, shown(&version.place));
        return Err(Refusal::new(reason).hint("write both by hand"));
    }
    let mut edits = vec![Edit { span: start..start + version.text.len(), text: new.to_owned() }];
    if let Some(commit) = commit_before(source.text(), start).filter(|_| format == Some(Format::Workflow)) {
        let Some(new) = &target.commit else {
            return Err(Refusal::new(format!("the commit of `{}` is not known", target.version)));
        };
        edits.push(Edit { span: commit, text: new.clone() });
    }
    Ok(edits.into_iter().map(|edit| (Arc::clone(source), edit)).collect())
}

/// The commit id between an at sign and the comment that names its tag.
fn commit_before(text: &str, tag: usize) -> Option<Range<usize>> {
    let line = text[..tag].rfind('\n').map_or(0, |end| end + 1);
    let comment = line + text[line..tag].rfind('#')?;
    let start = line + text[line..comment].rfind('@')? + 1;
    let length = text[start..].find(|character: char| !character.is_ascii_hexdigit())?;
    matches!(length, 40 | 64).then_some(start..start + length)
}

/// Moves a requirement along, where it does not accept the new version.
fn require(held: &Held, asked: &mut Asked, pin: &Pin, target: &Target, requirement: &Written) -> Result<(), Refusal> {
    let (Some(version), true) = (&target.parsed, target.moves_requirements) else { return Ok(()) };
    let source = read(held, &requirement.place.file)?;
    let span = source.in_text(&requirement.place.span);
    let raw = &source.text()[span.clone()];
    let inner = ['"', '\''].iter().find_map(|quote| raw.strip_prefix(*quote)?.strip_suffix(*quote));
    let offset = usize::from(inner.is_some());
    let inner = inner.unwrap_or(raw);
    let at =
        |refusal: Refusal| Refusal { reason: format!("{}: {}", shown(&requirement.place), refusal.reason), ..refusal };
    if inner.contains(['\\', '%']) {
        return Err(at(Refusal::new(format!("the requirement `{}` is written with escapes", requirement.text))
            .hint("write it plainly, then take the version again")));
    }
    let moved = follow(inner, pin.scheme, version).map_err(at)?;
    if moved != inner {
        let edit = Edit { span: span.start + offset..span.start + offset + inner.len(), text: moved };
        asked.edits.push((source, edit));
    }
    Ok(())
}

fn read(held: &Held, name: &std::path::Path) -> Result<Arc<Source>, Refusal> {
    if let Some(source) = held.own(name) {
        return Ok(Arc::clone(source));
    }
    match held.files.read(name) {
        Ok(Some(source)) => Ok(source),
        Ok(None) => Err(Refusal::new(format!("`{}` has gone", name.display()))),
        Err(error) => Err(Refusal::new(error.to_string())),
    }
}

fn shown(place: &Place) -> String {
    format!("{}:{}", place.file.display(), place.line)
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
