//! Requirements files, as pip reads them and as pip-compile writes them.
//! <https://pip.pypa.io/en/stable/reference/requirements-file-format/>
//!
//! Files that are included (`-r`) belong to them. pip-compile notes with `via` who asked for a package; without such
//! notes everything that the file names is direct.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::Dependency;
use super::super::files::Files;
use super::super::text::{beside, wrong};
use super::requirement::{exact, pep508};
use super::{FROM_ADDRESS, FROM_GIT, OURS};
use crate::document::{FileError, Source};
use crate::pin::{Place, Written};
use crate::registry::RegistryId;

/// Reads a file and those that it includes.
pub(in crate::pin::project) fn read(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let mut found = Vec::new();
    let mut seen = HashSet::from([files.real(file.name())]);
    let mut waiting: Vec<Arc<Source>> = vec![Arc::clone(file)];
    while let Some(file) = waiting.pop() {
        let mut included = Vec::new();
        for line in lines(file.text()) {
            match include(&file, line.clone()) {
                Some(name) if seen.insert(files.real(&name)) => included.push(opened(&file, &name, line, files)?),
                Some(_) => {}
                None => found.extend(dependency(&file, line)),
            }
        }
        waiting.extend(included.into_iter().rev());
    }
    Ok(found)
}

fn opened(file: &Arc<Source>, name: &Path, line: Range<usize>, files: &dyn Files) -> Result<Arc<Source>, FileError> {
    files.read(name)?.ok_or_else(|| wrong(file, line, format!("there is no file `{}`", name.display())))
}

/// The logical lines that say something: a backslash joins two. The comments below stay with the line.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if !line.trim_end().ends_with('\\') {
            lines.push(start..end);
            start = end;
        }
    }
    lines.push(start..text.len());
    let mut told: Vec<Range<usize>> = Vec::new();
    for line in lines {
        let content = text[line.clone()].trim();
        match told.last_mut() {
            Some(last) if content.starts_with('#') && text[line.clone()].starts_with([' ', '\t']) => {
                last.end = line.end;
            }
            _ if content.is_empty() || content.starts_with('#') => {}
            _ => told.push(line),
        }
    }
    told
}

/// The file that a line includes.
fn include(file: &Source, line: Range<usize>) -> Option<PathBuf> {
    let text = without_comment(&file.text()[line]).trim();
    let rest = ["-r", "--requirement"].iter().find_map(|option| text.strip_prefix(option))?;
    let name = rest.strip_prefix('=').unwrap_or(rest).trim();
    (!name.contains("://")).then(|| beside(file, name))
}

/// A comment starts with a `#` at the start of a line or behind space.
fn without_comment(line: &str) -> &str {
    let is_start = |(at, _): &(usize, &str)| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
    line.match_indices('#').find(is_start).map_or(line, |(at, _)| &line[..at])
}

fn dependency(file: &Source, line: Range<usize>) -> Option<Dependency> {
    let whole = &file.text()[line.clone()];
    let text = without_comment(whole);
    // options of a requirement, such as its hashes, come last
    let options = [" --", " \\"].iter().filter_map(|option| text.find(option)).min();
    let text = &text[..options.unwrap_or(text.len())];
    let place = |range: Range<usize>| Place::of(file, &(line.start + range.start..line.start + range.end));
    let trimmed = text.len() - text.trim_start().len()..text.trim_end().len();
    let said = text.get(trimmed.clone()).unwrap_or_default();
    if said.is_empty() {
        return None;
    }
    let is_direct = !is_only_for_others(whole);
    let open = |name: &str, reason: &str| {
        Some(Dependency { is_direct, ..Dependency::open(name, place(trimmed.clone()), reason) })
    };
    if let Some(editable) = ["-e ", "--editable "].iter().find_map(|option| said.strip_prefix(option)) {
        return open(editable.trim(), OURS);
    }
    if said.starts_with('-') {
        return None;
    }
    let Some(found) = pep508(text) else {
        let reason = if said.contains("://") {
            FROM_ADDRESS
        } else if said.starts_with(['.', '/']) {
            OURS
        } else {
            "is required in a way that upmon does not know"
        };
        return open(said, reason);
    };
    if let Some(address) = &found.address {
        return open(&found.name, if address.starts_with("git+") { FROM_GIT } else { FROM_ADDRESS });
    }
    let specifiers = &text[found.specifiers.clone()];
    let at = |part: &str| {
        let start = found.specifiers.start + specifiers.find(part).unwrap_or(0);
        Written { text: part.to_owned(), place: place(start..start + part.len()) }
    };
    let Some(version) = exact(specifiers) else {
        let requirement = (!specifiers.is_empty()).then(|| at(specifiers));
        let open = open(&found.name, "the file requires a range and pins no version")?;
        return Some(Dependency { registry: Some(RegistryId::PyPi), ..open }.requiring(requirement));
    };
    // an exact requirement is the pin itself: nothing newer can be wanted by it
    Some(Dependency { is_direct, ..Dependency::pinned(RegistryId::PyPi, &found.name, at(version)) })
}

/// Whether pip-compile noted that only other packages asked for it: who is no package has a path or parentheses.
fn is_only_for_others(line: &str) -> bool {
    let Some((_, noted)) = line.split_once("# via") else { return false };
    let mut who = noted.lines().map(|line| line.trim().trim_start_matches('#').trim()).filter(|who| !who.is_empty());
    let is_project = |who: &str| who.starts_with("-r ") || who.starts_with("-c ") || who.contains(['(', '/']);
    !who.any(is_project)
}

#[cfg(test)]
mod tests {
    use super::super::super::files::Memory;
    use super::*;

    fn found(files: &[(&'static str, &str)]) -> Vec<String> {
        let memory = Memory::of(files);
        let file = memory.read(files[0].0.as_ref()).unwrap().unwrap();
        let told = |dependency: Dependency| {
            let version =
                dependency.version.map_or("-".to_owned(), |version| format!("{}@{}", version.text, version.place.line));
            let mark = if dependency.is_direct { "" } else { "~" };
            format!("{mark}{} {version} {}", dependency.name, dependency.obstacle.unwrap_or_default())
                .trim_end()
                .to_owned()
        };
        read(&file, &memory).unwrap_or_else(|error| panic!("{}", error.render(false))).into_iter().map(told).collect()
    }

    #[test]
    fn lines_say_what_pip_reads_in_them() {
        let text = "# head\n--index-url https://x\nrequests[socks]==2.31.0 ; python_version>'3' # why\nurllib3 >=1,<3\n\
            six == 1.16.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n-e .\n./local\ngit+https://host/x#egg=x\n\
            pip @ https://host/pip.zip\nodd >>1\n  idna==3.7\n-c limits.txt\n";
        assert_eq!(
            found(&[("requirements.txt", text)]),
            [
                "requests 2.31.0@3",
                "urllib3 - the file requires a range and pins no version",
                "six 1.16.0@5",
                ". - a package of this repository",
                "./local - a package of this repository",
                "git+https://host/x#egg=x - comes from an address, not from an index",
                "pip - comes from an address, not from an index",
                "odd >>1 - is required in a way that upmon does not know",
                "idna 3.7@13",
            ]
        );
    }

    #[test]
    fn what_pip_compile_notes_tells_what_is_direct() {
        let text = "a==1\n    # via\n    #   -r dev.in\n    #   b\nb==2\n    # via a\nc==3  # via -r x.in\nd==4\n    # via app (pyproject.toml)\n";
        assert_eq!(found(&[("requirements.txt", text)]), ["a 1@1", "~b 2@5", "c 3@7", "d 4@8"]);
    }

    #[test]
    fn files_include_each_other_without_end() {
        let files = [
            ("r/a.txt", "-r b.txt\na==1"),
            ("r/b.txt", "--requirement=../c.txt\nb==1\n-r a.txt"),
            ("c.txt", "c==1\r\n"),
        ];
        assert_eq!(found(&files), ["a 1@2", "b 1@2", "c 1@1"]);
        let missing = Memory::of(&[("a.txt", "\n-r none.txt")]);
        let error = read(&missing.read("a.txt".as_ref()).unwrap().unwrap(), &missing).unwrap_err();
        assert_eq!(error.to_string(), "a.txt:2:1: there is no file `none.txt`");
    }
}
