//! Go: `go.mod`. <https://go.dev/ref/mod#go-mod-file>
//!
//! A version of a module is a tag of the repository that the module's path names, so a pin is one of `git`. A module below
//! the root of its repository has tags of its own, such as `sub/dir/v1.2.3`. Where a path does not name its repository,
//! only the path's host knows it, and that is not asked.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::Dependency;
use super::files::Files;
use super::text::wrong;
use crate::document::{FileError, Source};
use crate::pin::{Ignore, Place, TagTemplate, Written};
use crate::registry::RegistryId;
use crate::version::SchemeId;

/// Reads `go.mod`.
pub(super) fn read(file: &Arc<Source>, _files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let module = Module::read(file)?;
    let mut found: Vec<Dependency> = module.required.iter().map(|required| module.dependency(file, required)).collect();
    found.extend(module.toolchain.iter().filter_map(|word| toolchain(file, word)));
    Ok(found)
}

/// A word of a line, without its quotes.
#[derive(Debug, Clone)]
struct Word {
    text: String,
    span: Range<usize>,
}

/// A line of the file, without its directive where a block says that for many.
struct Line<'a> {
    directive: &'a str,
    words: &'a [Word],
    comment: &'a str,
    span: Range<usize>,
}

/// A module at a version.
struct Required {
    path: Word,
    version: Word,
    is_direct: bool,
}

/// A module, at one version or at every one.
type Meant = (String, Option<String>);

/// What stands in for a module.
struct Replaced {
    by: Word,
    /// Nothing where a directory stands in.
    at: Option<Word>,
}

#[derive(Default)]
struct Module {
    required: Vec<Required>,
    replaced: HashMap<Meant, Replaced>,
    /// Versions that are never chosen, by path.
    excluded: HashMap<String, Vec<String>>,
    toolchain: Option<Word>,
}

impl Module {
    fn read(file: &Arc<Source>) -> Result<Self, FileError> {
        let mut module = Self::default();
        let mut block: Option<(String, Range<usize>)> = None;
        let mut start = 0;
        for text in file.text().split_inclusive('\n') {
            let (words, comment) = words(file, start, text)?;
            let span = start..start + text.trim_end().len();
            start += text.len();
            let parts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            let line = |directive, words| Line { directive, words, comment, span: span.clone() };
            match (&block, parts.as_slice()) {
                (_, []) | (None, [_, "(", ")"]) => {}
                (Some(_), [")"]) => block = None,
                (Some((directive, _)), _) => module.take(file, &line(directive, &words))?,
                (None, [directive, "("]) if is_directive(directive) => block = Some(((*directive).to_owned(), span)),
                (None, [directive, ..]) if is_directive(directive) => {
                    module.take(file, &line(directive, &words[1..]))?;
                }
                (None, _) => return Err(wrong(file, span, "not a line of a `go.mod`")),
            }
        }
        match block {
            Some((directive, span)) => Err(wrong(file, span, format!("the block of `{directive}` has no end"))),
            None => Ok(module),
        }
    }

    /// Directives that say nothing of other modules' versions, and those of Go to come, are passed over.
    fn take(&mut self, file: &Arc<Source>, line: &Line<'_>) -> Result<(), FileError> {
        match (line.directive, line.words) {
            ("require", [path, version]) => self.required.push(Required {
                path: path.clone(),
                version: version.clone(),
                is_direct: !is_indirect(line.comment),
            }),
            ("exclude", [path, version]) => {
                self.excluded.entry(path.text.clone()).or_default().push(version.text.clone());
            }
            ("replace", words) => match replaced(words) {
                Some((meant, replaced)) => _ = self.replaced.insert(meant, replaced),
                None => return Err(wrong(file, line.span.clone(), "`replace` takes `path => path version`")),
            },
            ("toolchain", [name]) => self.toolchain = Some(name.clone()),
            (directive @ ("require" | "exclude"), _) => {
                return Err(wrong(file, line.span.clone(), format!("`{directive}` takes a path and a version")));
            }
            _ => {}
        }
        Ok(())
    }

    fn dependency(&self, file: &Arc<Source>, required: &Required) -> Dependency {
        let dependency = match self.replacement(required) {
            None => self.module(file, &required.path.text, &required.path, &required.version),
            Some(Replaced { by, at: Some(version), .. }) => self.module(file, &required.path.text, by, version),
            Some(Replaced { by, at: None, .. }) => {
                let place = Place::of(file, &required.version.span);
                Dependency::open(&required.path.text, place, format!("replaced by the directory `{}`", by.text))
            }
        };
        Dependency { is_direct: required.is_direct, ..dependency }
    }

    /// [One for the very version](https://go.dev/ref/mod#go-mod-file-replace) comes before one for every version.
    fn replacement(&self, required: &Required) -> Option<&Replaced> {
        let with = |version: Option<&Word>| {
            self.replaced.get(&(required.path.text.clone(), version.map(|version| version.text.clone())))
        };
        with(Some(&required.version)).or_else(|| with(None))
    }

    /// A module at a version, as the project calls it.
    fn module(&self, file: &Arc<Source>, name: &str, path: &Word, version: &Word) -> Dependency {
        let open = |reason: &str| {
            let written = Written { text: version.text.clone(), place: Place::of(file, &version.span) };
            let open = Dependency::open(name, written.place.clone(), reason);
            Dependency { version: Some(written), ..open.of(&path.text) }
        };
        let home = match home(&path.text) {
            Ok(home) => home,
            Err(reason) => return open(reason),
        };
        let Some(plain) = plain(&version.text) else {
            return open("names a commit or a branch: `go mod tidy` writes a version for it");
        };
        if PSEUDO_VERSION.is_match(&version.text) {
            let known = Dependency { registry: Some(RegistryId::Git), ..open("a commit between tags") };
            return Dependency { url: Some(home.url.clone()), tag: home.template(), ..known };
        }
        // a tag of the root is the version; another holds more than it, so that the pin is the number alone
        let number = if home.directory.is_empty() { plain } else { &plain[1..] };
        let start = version.span.start + plain.len() - number.len();
        let span = start..start + number.len();
        let written = Written { text: number.to_owned(), place: Place::of(file, &span) };
        let pinned = Dependency::pinned(RegistryId::Git, name, written).of(&path.text);
        Dependency {
            tag: home.template(),
            url: Some(home.url),
            scheme: Some(SchemeId::Semver),
            ignore: self.ignored(file, &path.text),
            ..pinned
        }
    }

    fn ignored(&self, file: &Arc<Source>, path: &str) -> Vec<Ignore> {
        let versions = self.excluded.get(path).into_iter().flatten();
        let versions = versions.filter_map(|version| plain(version)?.strip_prefix('v'));
        let reason = format!("excluded in `{}`", file.name().display());
        versions
            .map(|version| Ignore { versions: format!("={version}"), reason: Some(reason.clone()), until: None })
            .collect()
    }
}

/// The words of a line, and its comment.
fn words<'a>(file: &Arc<Source>, start: usize, text: &'a str) -> Result<(Vec<Word>, &'a str), FileError> {
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else { return Ok((words, "")) };
        let from = start + at;
        if let Some(comment) = rest.strip_prefix("//") {
            return Ok((words, comment.trim()));
        }
        if first.is_whitespace() {
            at += first.len_utf8();
        } else if matches!(first, '"' | '`') {
            let Some(length) = rest[1..].find(first).filter(|length| !rest[..*length].contains('\\')) else {
                return Err(wrong(file, from..from + rest.trim_end().len(), "a quoted word without its end"));
            };
            words.push(Word { text: rest[1..=length].to_owned(), span: from + 1..from + 1 + length });
            at += length + 2;
        } else if is_sign(first) {
            words.push(Word { text: first.to_string(), span: from..from + 1 });
            at += 1;
        } else {
            let is_end = |(at, character): &(usize, char)| {
                character.is_whitespace() || is_sign(*character) || rest[*at..].starts_with("//")
            };
            let length = rest.char_indices().find(is_end).map_or(rest.len(), |(at, _)| at);
            words.push(Word { text: rest[..length].to_owned(), span: from..from + length });
            at += length;
        }
    }
}

const fn is_sign(character: char) -> bool {
    matches!(character, '(' | ')' | '[' | ']' | '{' | '}' | ',')
}

fn is_directive(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// As Go reads the comment: the word alone, or with more behind a semicolon.
fn is_indirect(comment: &str) -> bool {
    let mut words = comment.split_whitespace();
    match (words.next(), words.next()) {
        (Some("indirect"), None) => true,
        (first, Some(_)) => first == Some("indirect;"),
        _ => false,
    }
}

fn replaced(words: &[Word]) -> Option<(Meant, Replaced)> {
    let arrow = words.iter().position(|word| word.text == "=>")?;
    let (path, version) = match &words[..arrow] {
        [path] => (path, None),
        [path, version] => (path, Some(version.text.clone())),
        _ => return None,
    };
    let (by, at) = match &words[arrow + 1..] {
        [by] => (by, None),
        [by, at] => (by, Some(at.clone())),
        _ => return None,
    };
    Some(((path.text.clone(), version), Replaced { by: by.clone(), at }))
}

/// [Versions of commits](https://go.dev/ref/mod#pseudo-versions) that have no tag, in their three forms.
static PSEUDO_VERSION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^v[0-9]+\.(0\.0-|[0-9]+\.[0-9]+-([^+]*\.)?0\.)[0-9]{14}-[A-Za-z0-9]+(\+.*)?$")
        .expect("the expression is one")
});

/// A version as its tag has it: [`+incompatible`](https://go.dev/ref/mod#incompatible-versions) is Go's own note. `None`
/// for what is no version.
fn plain(version: &str) -> Option<&str> {
    let plain = version.strip_suffix("+incompatible").unwrap_or(version);
    SchemeId::Semver.parse(plain.strip_prefix('v')?).is_ok().then_some(plain)
}

/// Where a module lies.
struct Home {
    url: String,
    /// The directory below the root of the repository.
    directory: String,
}

impl Home {
    /// How tags spell its versions. <https://go.dev/ref/mod#vcs-version>
    fn template(&self) -> Option<TagTemplate> {
        let separator = if self.directory.is_empty() { "" } else { "/" };
        TagTemplate::parse(&format!("{}{separator}v{{version}}", self.directory)).ok()
    }
}

const NO_REPOSITORY: &str = "its path names no repository, and upmon does not ask its host where that is";

/// The repository that a module's path names, and the module's directory in it, without the
/// [suffix of a major version](https://go.dev/ref/mod#major-version-suffixes), which is no part of a tag.
fn home(path: &str) -> Result<Home, &'static str> {
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|part| part.is_empty() || part.starts_with('.') || !part.chars().all(is_plain)) {
        return Err("its path is none that a module has");
    }
    let qualified = parts.iter().skip(1).position(|part| part.strip_suffix(".git").is_some()).map(|at| at + 2);
    let (length, url) = match (qualified, parts[0]) {
        (Some(length), _) => (length, parts[..length].join("/")),
        (None, "github.com" | "bitbucket.org" | "codeberg.org") if parts.len() > 2 => (3, parts[..3].join("/")),
        (None, "gitlab.com") if parts.len() == 3 => (3, path.to_owned()),
        (None, "gitlab.com") if parts.len() == 4 && is_major(parts[3]) => (3, parts[..3].join("/")),
        (None, "gitlab.com") => {
            return Err("GitLab has groups in groups: only its host knows which part is the repository");
        }
        _ => return Err(NO_REPOSITORY),
    };
    let below = &parts[length..];
    let below = if below.last().is_some_and(|last| is_major(last)) { &below[..below.len() - 1] } else { below };
    Ok(Home { url: format!("https://{url}"), directory: below.join("/") })
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '~' | '+')
}

/// `v2` and later.
fn is_major(part: &str) -> bool {
    let number = part.strip_prefix('v').unwrap_or_default();
    !number.is_empty() && !number.starts_with('0') && number != "1" && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The toolchain is a tag of Go itself. <https://go.dev/ref/mod#go-mod-file-toolchain>
fn toolchain(file: &Arc<Source>, name: &Word) -> Option<Dependency> {
    if name.text == "default" {
        return None;
    }
    let place = Place::of(file, &name.span);
    let number = name.text.strip_prefix("go").filter(|number| number.starts_with(|first: char| first.is_ascii_digit()));
    let dependency = match number {
        Some(number) if !number.contains('-') => {
            let pinned = Dependency::pinned(RegistryId::Git, "toolchain", Written { text: name.text.clone(), place });
            Dependency { url: Some("https://github.com/golang/go".to_owned()), ..pinned }
        }
        _ => Dependency::open("toolchain", place, "not a toolchain of the Go project"),
    };
    Some(dependency.of("golang/go"))
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let files = Memory::of(&[("go.mod", text)]);
        let file = files.read("go.mod".as_ref()).unwrap().unwrap();
        let told = |one: Dependency| {
            if let Some(version) = &one.version {
                assert_eq!(&file.text()[version.place.span.clone()], version.text);
            }
            let version = one.version.map(|version| version.text);
            let ignored: Vec<String> = one.ignore.into_iter().map(|ignore| ignore.versions).collect();
            let parts = [
                Some(one.name),
                version,
                one.url,
                one.tag.map(|tag| tag.to_string()),
                (!ignored.is_empty()).then(|| ignored.join(" ")),
                one.obstacle,
                (!one.is_direct).then(|| "indirect".to_owned()),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
        };
        match read(&file, &files) {
            Ok(found) => found.into_iter().map(told).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    #[test]
    fn a_module_is_a_tag_of_the_repository_that_its_path_names() {
        for (path, expected) in [
            ("github.com/a/b", Ok(("https://github.com/a/b", "v{version}"))),
            ("github.com/a/b/v2", Ok(("https://github.com/a/b", "v{version}"))),
            ("github.com/a/b/sub/dir", Ok(("https://github.com/a/b", "sub/dir/v{version}"))),
            ("github.com/a/b/sub/v10", Ok(("https://github.com/a/b", "sub/v{version}"))),
            ("github.com/a/b/v1", Ok(("https://github.com/a/b", "v1/v{version}"))),
            ("github.com/a/v2", Ok(("https://github.com/a/v2", "v{version}"))),
            ("github.com/a", Err(NO_REPOSITORY)),
            ("codeberg.org/a/b/c", Ok(("https://codeberg.org/a/b", "c/v{version}"))),
            ("bitbucket.org/a/b", Ok(("https://bitbucket.org/a/b", "v{version}"))),
            ("gitlab.com/a/b", Ok(("https://gitlab.com/a/b", "v{version}"))),
            ("gitlab.com/a/b/v3", Ok(("https://gitlab.com/a/b", "v{version}"))),
            ("gitlab.com/a/b/c", Err("GitLab has groups in groups: only its host knows which part is the repository")),
            ("gitlab.com/a/b/c.git/d", Ok(("https://gitlab.com/a/b/c.git", "d/v{version}"))),
            ("git.example.org/x/y.git", Ok(("https://git.example.org/x/y.git", "v{version}"))),
            ("golang.org/x/text", Err(NO_REPOSITORY)),
            ("gopkg.in/yaml.v3", Err(NO_REPOSITORY)),
            ("k8s.io/api", Err(NO_REPOSITORY)),
            ("github.com/../b/c", Err("its path is none that a module has")),
            ("github.com/a/b?x=1", Err("its path is none that a module has")),
            ("github.com//b/c", Err("its path is none that a module has")),
            ("user@github.com/b/c.git", Err("its path is none that a module has")),
        ] {
            let found = home(path).map(|home| (home.url.clone(), home.template().unwrap().to_string()));
            assert_eq!(found, expected.map(|(url, tag)| (url.to_owned(), tag.to_owned())), "{path}");
        }
    }

    #[test]
    fn every_directive_is_read_as_go_reads_it() {
        let text = "// a comment\r\nmodule example.org/own\r\n\r\ngo 1.22\ntoolchain go1.22.1\n\
            require github.com/a/one v1.2.3 // why\n\
            require (\n\tgithub.com/a/two/sub v0.4.0 // indirect\n\tgithub.com/a/three v2.0.0+incompatible//indirect; x\n\
            \t\"github.com/a/four\" `v1.0.0-rc.1`\n\tgolang.org/x/text v0.3.0\n\
            \tgithub.com/a/five v0.0.0-20191109021931-daa7c04131f5\n\tgithub.com/a/six v1.2.4-0.20191109021931-daa7c04131f5\n\
            \tgithub.com/a/seven v1.0.0\n\tgithub.com/a/eight v1.0.0\n\tgithub.com/a/nine master // indirectly\n)\n\
            exclude github.com/a/one v1.3.0\nexclude (\n\tgithub.com/a/one v1.4.0+incompatible\n)\n\
            replace github.com/a/seven v1.0.0 => ../seven\nreplace github.com/a/seven => github.com/x/seven v9.9.9\n\
            replace (\n\tgithub.com/a/eight => github.com/x/eight/v2 v2.1.0\n\tgithub.com/a/other v1.0.0 => ./other\n)\n\
            retract [v1.0.0, v1.9.9] // a mistake\nretract (\n\tv1.0.0\n)\ntool example.org/own/cmd\ngodebug default=go1.21\n";
        assert_eq!(
            told(text),
            [
                "github.com/a/one | v1.2.3 | https://github.com/a/one | v{version} | =1.3.0 =1.4.0",
                "github.com/a/two/sub | 0.4.0 | https://github.com/a/two | sub/v{version} | indirect",
                "github.com/a/three | v2.0.0 | https://github.com/a/three | v{version} | indirect",
                "github.com/a/four | v1.0.0-rc.1 | https://github.com/a/four | v{version}",
                "golang.org/x/text | v0.3.0 | its path names no repository, and upmon does not ask its host where that is",
                "github.com/a/five | v0.0.0-20191109021931-daa7c04131f5 | https://github.com/a/five | v{version} | a commit between tags",
                "github.com/a/six | v1.2.4-0.20191109021931-daa7c04131f5 | https://github.com/a/six | v{version} | a commit between tags",
                "github.com/a/seven | replaced by the directory `../seven`",
                "github.com/a/eight | v2.1.0 | https://github.com/x/eight | v{version}",
                "github.com/a/nine | master | names a commit or a branch: `go mod tidy` writes a version for it",
                "toolchain | go1.22.1 | https://github.com/golang/go",
            ]
        );
        assert_eq!(told("toolchain default\n"), [""; 0]);
        assert_eq!(told("toolchain go1.21.0-acme\n"), ["toolchain | not a toolchain of the Go project"]);
    }

    #[test]
    fn what_is_no_go_mod_is_refused_with_its_line() {
        for (text, expected) in [
            ("require (\n\tgithub.com/a/b v1.0.0\n", "go.mod:1:1: the block of `require` has no end"),
            ("module x\nrequire github.com/a/b\n", "go.mod:2:1: `require` takes a path and a version"),
            ("require (\n\tgithub.com/a/b\n)\n", "go.mod:2:1: `require` takes a path and a version"),
            ("exclude a\n", "go.mod:1:1: `exclude` takes a path and a version"),
            ("replace a b\n", "go.mod:1:1: `replace` takes `path => path version`"),
            ("replace a => \n", "go.mod:1:1: `replace` takes `path => path version`"),
            ("module \"x\n", "go.mod:1:8: a quoted word without its end"),
            ("[dependencies]\n", "go.mod:1:1: not a line of a `go.mod`"),
            (")\n", "go.mod:1:1: not a line of a `go.mod`"),
        ] {
            assert_eq!(told(text), [expected], "{text:?}");
        }
    }
}
