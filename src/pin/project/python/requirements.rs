//! Requirements files, as pip reads them and as pip-compile writes them.
//! <https://pip.pypa.io/en/stable/reference/requirements-file-format/>
//!
//! Files that are included (`-r`) belong to them. pip-compile notes with `via` who asked for a package; without such
//! notes everything that the file names is direct. What a file of constraints (`-c`) pins is asked for only where the
//! requirements name it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::Dependency;
use super::super::files::Files;
use super::super::text::{beside, without_secrets, wrong};
use super::requirement::{exact, pep508};
use super::{FROM_ADDRESS, FROM_GIT, OURS, fold};
use crate::document::{FileError, Source};
use crate::pin::{Place, Written};
use crate::registry::RegistryId;

const NOT_READ: &str = "a file at an address, whose lines upmon does not read";

/// What the lines of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    /// Packages that are asked for.
    Requirements,
    /// [Versions of packages](https://pip.pypa.io/en/stable/user_guide/#constraints-files), should something ask for them.
    Constraints,
}

/// Reads a file and those that it includes.
pub(in crate::pin::project) fn read(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let mut found = Vec::new();
    let mut constraints: HashMap<String, Vec<Written>> = HashMap::new();
    let mut seen = HashSet::from([(files.real(file.name()), Role::Requirements)]);
    let mut waiting = vec![(Arc::clone(file), Role::Requirements)];
    while let Some((file, role)) = waiting.pop() {
        let mut included = Vec::new();
        for line in lines(file.text()) {
            match include(&file, line.clone()) {
                Some(Included::File(name, of)) => {
                    let of = if role == Role::Constraints { role } else { of };
                    if seen.insert((files.real(&name), of)) {
                        included.push((opened(&file, &name, line, files)?, of));
                    }
                    continue;
                }
                Some(Included::Address(address)) => {
                    found.push(Dependency::open(&address, Place::of(&file, &line), NOT_READ));
                    continue;
                }
                None => {}
            }
            match (dependency(&file, line), role) {
                (Some(one), Role::Requirements) => found.push(one),
                (Some(Dependency { name, version: Some(version), .. }), Role::Constraints) => {
                    constraints.entry(fold(&name)).or_default().push(version);
                }
                _ => {}
            }
        }
        waiting.extend(included.into_iter().rev());
    }
    let both = found.into_iter().flat_map(|one| {
        let again = repeated(&one, &constraints);
        std::iter::once(constrained(one, &constraints)).chain(again)
    });
    Ok(both.collect())
}

/// The same pin in a file of constraints: whoever moves one of the two has to move the other.
fn repeated(one: &Dependency, constraints: &HashMap<String, Vec<Written>>) -> Option<Dependency> {
    let [version] = constraints.get(&fold(&one.name))?.as_slice() else { return None };
    one.version.as_ref().filter(|pinned| pinned.text == version.text)?;
    let again = Dependency::pinned(RegistryId::PyPi, &one.name, version.clone());
    Some(Dependency { is_direct: one.is_direct, ..again })
}

/// It at the version that constraints pin, where the file itself pins none. Versions that depend on the platform pin none.
fn constrained(one: Dependency, constraints: &HashMap<String, Vec<Written>>) -> Dependency {
    let is_open = one.version.is_none() && one.registry.is_some();
    match constraints.get(&fold(&one.name)).map(Vec::as_slice) {
        Some([version]) if is_open => Dependency {
            is_direct: one.is_direct,
            ..Dependency::pinned(RegistryId::PyPi, &one.name, version.clone()).requiring(one.requirement)
        },
        _ => one,
    }
}

fn opened(file: &Arc<Source>, name: &Path, line: Range<usize>, files: &dyn Files) -> Result<Arc<Source>, FileError> {
    files.read(name)?.ok_or_else(|| wrong(file, line, format!("there is no file `{}`", name.display())))
}

/// The logical lines that say something: a backslash joins two, unless it ends a comment. The comments below stay with the
/// line.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if !line.trim_end().ends_with('\\') || line.trim_start().starts_with('#') {
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

/// A file that a line includes.
enum Included {
    /// One of the repository, and as what.
    File(PathBuf, Role),
    /// One at an address, which is told and not read.
    Address(String),
}

/// The file that a line includes; a name with spaces stands in quotes, as in a shell.
fn include(file: &Source, line: Range<usize>) -> Option<Included> {
    const OPTIONS: [(&str, Role); 4] = [
        ("-r", Role::Requirements),
        ("--requirement", Role::Requirements),
        ("-c", Role::Constraints),
        ("--constraint", Role::Constraints),
    ];
    let text = without_comment(&file.text()[line]).trim();
    let (rest, role) = OPTIONS.iter().find_map(|(option, role)| Some((text.strip_prefix(option)?, *role)))?;
    let name = rest.strip_prefix('=').unwrap_or(rest).trim();
    let inner = ['"', '\''].iter().find_map(|quote| name.strip_prefix(*quote)?.strip_suffix(*quote));
    let name = inner.unwrap_or(name);
    Some(if name.contains("://") {
        Included::Address(without_secrets(name))
    } else {
        Included::File(beside(file, name), role)
    })
}

/// A comment starts with a `#` at the start of a line or behind space.
fn without_comment(line: &str) -> &str {
    let is_start = |(at, _): &(usize, &str)| line[..*at].chars().next_back().is_none_or(char::is_whitespace);
    line.match_indices('#').find(is_start).map_or(line, |(at, _)| &line[..at])
}

fn dependency(file: &Source, line: Range<usize>) -> Option<Dependency> {
    let whole = &file.text()[line.clone()];
    // what joins lines is no part of them; places stay as they are
    let joined = without_comment(whole).replace("\\\r\n", "   ").replace("\\\n", "  ");
    // options of a requirement, such as its hashes, come last
    let text = &joined[..joined.find(" --").unwrap_or(joined.len())];
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
        let (name, reason) = addressed(editable.trim()).unwrap_or_else(|| (editable.trim().to_owned(), OURS));
        return open(&name, reason);
    }
    if said.starts_with('-') {
        return None;
    }
    let Some(found) = pep508(text).filter(|_| !is_archive(said)) else {
        let unaddressed = match () {
            () if said.starts_with(['.', '/']) || is_archive(said) => OURS,
            () if said.contains("${") => "is required with a variable, which only pip's environment knows",
            () => "is required in a way that upmon does not know",
        };
        let (name, reason) = addressed(said).unwrap_or_else(|| (said.to_owned(), unaddressed));
        return open(&name, reason);
    };
    if let Some(address) = &found.address {
        return open(&found.name, elsewhere(address));
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

/// The name of what has an address instead of a version, [where that tells
/// it](https://pip.pypa.io/en/stable/topics/vcs-support/#url-fragments), and why it is no pin.
fn addressed(text: &str) -> Option<(String, &'static str)> {
    text.contains("://").then(|| {
        let fragment = text.split_once('#').map_or("", |(_, fragment)| fragment);
        let egg = fragment.split('&').find_map(|part| part.strip_prefix("egg="));
        let name = egg.map(|egg| egg.split('[').next().unwrap_or(egg)).filter(|name| !name.is_empty());
        (name.map_or_else(|| without_secrets(text), str::to_owned), elsewhere(text))
    })
}

/// Whether the words before a marker name a file of the repository, [as pip
/// tells](https://pip.pypa.io/en/stable/cli/pip_install/#argument-handling) by its ending.
fn is_archive(said: &str) -> bool {
    const ENDINGS: [&str; 8] = [".whl", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz"];
    let name = said.split([';', '[']).next().unwrap_or(said).trim_end().to_ascii_lowercase();
    !name.contains(['=', '<', '>', '@']) && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn elsewhere(address: &str) -> &'static str {
    if address.starts_with("git+") { FROM_GIT } else { FROM_ADDRESS }
}

/// Whether pip-compile noted that only other packages asked for it: who is no package has a path or parentheses. A file of
/// constraints (`-c`) asks for nothing.
fn is_only_for_others(line: &str) -> bool {
    let Some((_, noted)) = line.split_once("# via") else { return false };
    let mut who = noted.lines().map(|line| line.trim().trim_start_matches('#').trim()).filter(|who| !who.is_empty());
    let is_project = |who: &str| !who.starts_with("-c ") && (who.starts_with("-r ") || who.contains(['(', '/']));
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
            six == 1.16.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n-e .\n./local\ngit+https://host/x#egg=x\n-e git+https://host/y@main#subdirectory=z&egg=y[a]\n\
            -e git+https://me:token@host/z@main#x\nhttps://token@host/z.zip?key=token\n\
            pip @ https://host/pip.zip\nodd >>1\na==${A}\n  idna==3.7\n-c https://host/limits.txt\n";
        assert_eq!(
            found(&[("requirements.txt", text)]),
            [
                "requests 2.31.0@3",
                "urllib3 - the file requires a range and pins no version",
                "six 1.16.0@5",
                ". - a package of this repository",
                "./local - a package of this repository",
                "x - comes from git, not from an index",
                "y - comes from git, not from an index",
                "git+https://host/z@main - comes from git, not from an index",
                "https://host/z.zip - comes from an address, not from an index",
                "pip - comes from an address, not from an index",
                "odd >>1 - is required in a way that upmon does not know",
                "a==${A} - is required with a variable, which only pip's environment knows",
                "idna 3.7@17",
                "https://host/limits.txt - a file at an address, whose lines upmon does not read",
            ]
        );
    }

    #[test]
    fn lines_are_joined_as_pip_joins_them() {
        let text = "# made by: make \\\na==1\\\n    --hash=sha256:00\\\r\n    --hash=sha256:11\nb \\\n  ==2 \\\n# why \\\nc==3\nd>=1,\\\n<2\n";
        let range = "d - the file requires a range and pins no version";
        assert_eq!(found(&[("requirements.txt", text)]), ["a 1@2", "b 2@6", "c 3@8", range]);
    }

    #[test]
    fn files_of_packages_are_no_names() {
        let text = "a-1.0-py3-none-any.whl\ndist/b-1.0.tar.gz ; x\nc.zip[x]\nd.tar==1.0\n";
        assert_eq!(
            found(&[("requirements.txt", text)]),
            [
                "a-1.0-py3-none-any.whl - a package of this repository",
                "dist/b-1.0.tar.gz ; x - a package of this repository",
                "c.zip[x] - a package of this repository",
                "d.tar 1.0@4",
            ]
        );
    }

    #[test]
    fn what_pip_compile_notes_tells_what_is_direct() {
        let text = "a==1\n    # via\n    #   -r dev.in\n    #   b\nb==2\n    # via a\nc==3  # via -r x.in\nd==4\n    # via app (pyproject.toml)\n\
            e==5\n    # via\n    #   -c in/base.txt\n    #   b\n";
        assert_eq!(found(&[("requirements.txt", text)]), ["a 1@1", "~b 2@5", "c 3@7", "d 4@8", "~e 5@10"]);
    }

    #[test]
    fn constraints_pin_what_is_asked_for() {
        let files = [
            ("requirements.txt", "-c limits/a.txt\nDjango>=4,<5\nurllib3\nsix==1.16.0\nidna\nlater\n"),
            ("limits/a.txt", "django==4.2.1\nurllib3<2\nsix==1.15.0\nother==1\n--constraint b.txt\n-r a.txt\n"),
            ("limits/b.txt", "idna==3.6 ; python_version < '3.9'\nidna==3.7\nLater==2.0\n"),
        ];
        let open = "the file requires a range and pins no version";
        assert_eq!(
            found(&files),
            ["Django 4.2.1@1", &format!("urllib3 - {open}"), "six 1.16.0@4", &format!("idna - {open}"), "later 2.0@3"]
        );
    }

    #[test]
    fn a_constraint_that_says_the_same_is_a_second_place_of_the_pin() {
        let files =
            [("requirements.txt", "six==1.16.0\nidna==3.7\n-c c.txt\n"), ("c.txt", "# all\nSix==1.16.0\nidna==3.6\n")];
        assert_eq!(found(&files), ["six 1.16.0@1", "six 1.16.0@2", "idna 3.7@2"]);
    }

    #[test]
    fn files_include_each_other_without_end() {
        let files = [
            ("r/a.txt", "-r b.txt\na==1"),
            (
                "r/b.txt",
                "--requirement=../c.txt\nb==1\n-r a.txt\n-r 'of d.txt'\n-r https://me:token@host/e.txt?key=token",
            ),
            ("c.txt", "c==1\r\n"),
            ("r/of d.txt", "d==1"),
        ];
        let address = "https://host/e.txt - a file at an address, whose lines upmon does not read";
        assert_eq!(found(&files), ["a 1@2", "b 1@2", address, "c 1@1", "d 1@1"]);
        let missing = Memory::of(&[("a.txt", "\n-r none.txt")]);
        let error = read(&missing.read("a.txt".as_ref()).unwrap().unwrap(), &missing).unwrap_err();
        assert_eq!(error.to_string(), "a.txt:2:1: there is no file `none.txt`");
    }
}
