//! Bundler: `Gemfile.lock` (`gems.locked`), and the gemspecs of the gems that the project itself is.
//!
//! The lock file repeats what the Gemfile requires, so the Gemfile, which is a Ruby program, need not be run. Where the
//! Gemfile says the same in strings, the requirement is the one that stands there, and not its copy. A gem of the
//! repository stands in the lock file under `PATH`; what its gemspec asks for is direct too.

mod gemspec;
mod lockfile;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::gemspec::Asked;
use self::lockfile::{Kind, Line, Lockfile};
use super::Dependency;
use super::files::Files;
use super::text::beside;
use crate::document::{FileError, Source};
use crate::pin::Written;
use crate::registry::RegistryId;
use crate::version::SchemeId;

/// Reads a lock file and the gemspecs that it names.
pub(super) fn lock(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let lock = Lockfile::read(file)?;
    let gemfile = files.read(&gemfile_of(file))?.map(|source| gemspec::gemfile(&source)).unwrap_or_default();
    let own = |asked: &Line| {
        let copy = asked.detail.as_ref().map(|range| lockfile::written(file, range))?;
        original(&gemfile, &copy, &asked.name)
    };
    let mut found: Vec<Dependency> =
        lock.dependencies.iter().map(|asked| resolve(&lock, file, asked, own(asked))).collect();
    for gem in lock.specs.iter().filter(|spec| spec.kind == Kind::Path) {
        let own = gemspec_of(file, gem, files)?;
        for asked in &gem.asks {
            let meant = own.iter().find(|own| own.name == asked.name).and_then(|own| own.requirement.clone());
            found.push(resolve(&lock, file, asked, meant));
        }
    }
    let direct: HashSet<&str> = lock.direct().collect();
    let rest = lock.specs.iter().filter(|spec| spec.kind != Kind::Path && !direct.contains(spec.line.name.as_str()));
    found.extend(rest.map(|spec| Dependency { is_direct: false, ..pinned(spec, file, None) }));
    Ok(found)
}

/// The Gemfile of a lock file.
fn gemfile_of(file: &Source) -> PathBuf {
    let name = file.name();
    if name.extension().is_some_and(|ending| ending == "locked") {
        name.with_extension("rb")
    } else {
        name.with_extension("")
    }
}

/// What the Gemfile itself requires of a gem, if it says so once, in strings, and the lock file has the same.
fn original(gemfile: &[Asked], copy: &Written, name: &str) -> Option<Written> {
    let mut named = gemfile.iter().filter(|asked| asked.name == name);
    let (Some(asked), None) = (named.next(), named.next()) else { return None };
    asked.requirement.clone().filter(|written| is_same_requirement(&written.text, &copy.text))
}

/// Whether two requirements consist of the same comparisons; Bundler sorts them, and writes `= ` where nothing stands.
fn is_same_requirement(one: &str, other: &str) -> bool {
    let parts = |text: &str| -> BTreeSet<String> {
        let part = |part: &str| {
            let part: String = part.split_whitespace().collect();
            if part.starts_with(|first: char| first.is_ascii_digit()) { format!("={part}") } else { part }
        };
        text.split(',').map(part).collect()
    };
    parts(one) == parts(other)
}

/// Reads a gemspec without a lock file: what is required exactly is a pin, and then requires nothing else.
#[expect(
    clippy::unnecessary_wraps,
    reason = "other formats can be wrong; of Ruby code only what is understood is read"
)]
pub(super) fn gemspec(file: &Arc<Source>, _files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    Ok(gemspec::read(file).into_iter().map(alone).collect())
}

fn alone(asked: Asked) -> Dependency {
    let Some(requirement) = asked.requirement else {
        let reason = if asked.is_computed { "is computed by the Ruby code" } else { "the gemspec pins no version" };
        let registry = (!asked.is_computed).then_some(RegistryId::RubyGems);
        return Dependency { registry, ..Dependency::open(&asked.name, asked.place, reason) };
    };
    let exact = requirement.text.strip_prefix('=').unwrap_or(&requirement.text).trim();
    if SchemeId::Gem.parse(exact).is_ok() {
        let version = Written { text: exact.to_owned(), place: requirement.place };
        return Dependency::pinned(RegistryId::RubyGems, &asked.name, version);
    }
    let reason = "the gemspec requires a range and pins no version: name the `Gemfile.lock`";
    let open = Dependency::open(&asked.name, asked.place, reason);
    Dependency { registry: Some(RegistryId::RubyGems), ..open }.requiring(Some(requirement))
}

/// What was chosen for a dependency; what its gemspec requires comes before the lock file's copy.
fn resolve(lock: &Lockfile, file: &Source, asked: &Line, meant: Option<Written>) -> Dependency {
    let copy = || asked.detail.as_ref().map(|range| lockfile::written(file, range));
    let requirement = meant.or_else(copy);
    if let Some(spec) = lock.specs.iter().find(|spec| spec.line.name == asked.name) {
        return pinned(spec, file, requirement);
    }
    let reason = if asked.name == "bundler" {
        "Bundler itself, which no lock file holds".to_owned()
    } else {
        format!("`{}` does not hold it: it is for other platforms, or `bundle lock` is due", file.name().display())
    };
    let open = Dependency::open(&asked.name, asked.place(file), reason);
    Dependency { registry: Some(RegistryId::RubyGems), ..open }.requiring(requirement)
}

fn pinned(spec: &lockfile::Spec, file: &Source, requirement: Option<Written>) -> Dependency {
    let name = &spec.line.name;
    let obstacle = match spec.kind {
        Kind::Gem if spec.is_public => None,
        Kind::Gem => Some("comes from another gem server than RubyGems.org"),
        Kind::Git => Some("comes from git, not from a gem server"),
        Kind::Path => Some("a package of this repository"),
        Kind::Plugin => Some("comes from a plugin of Bundler"),
    };
    let version = spec.line.detail.as_ref().map(|range| lockfile::written(file, range));
    match (obstacle, version) {
        (None, Some(version)) => Dependency::pinned(RegistryId::RubyGems, name, version).requiring(requirement),
        (obstacle, _) => {
            Dependency::open(name, spec.line.place(file), obstacle.unwrap_or("the lock file names no version for it"))
                .requiring(requirement)
        }
    }
}

/// What the gemspec of a gem of the repository asks for, if it can be found.
fn gemspec_of(file: &Source, gem: &lockfile::Spec, files: &dyn Files) -> Result<Vec<Asked>, FileError> {
    let name = format!("{}.gemspec", gem.line.name);
    let path = beside(file, Path::new(&gem.remote).join(name));
    if Path::new(&gem.remote).is_absolute() || gem.remote.split('/').any(|part| part == "..") {
        return Ok(Vec::new());
    }
    Ok(files.read(&path)?.map(|source| gemspec::read(&source)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    const LOCK: &str = "GIT\n  remote: https://host/x.git\n  revision: 00\n  specs:\n    x (0.1)\n\nPATH\n  remote: .\n  specs:\n    \
        app (1.0)\n      rack (>= 2, < 4)\n      zeit\n\nGEM\n  remote: https://rubygems.org/\n  specs:\n    base64 (0.2.0)\n    \
        nokogiri (1.16.0-x86_64-linux)\n      racc (~> 1.4)\n    racc (1.7.3)\n    rack (3.0.8)\n    zeit (2.6.0)\n\nGEM\n  remote: \
        https://gems.example/\n  specs:\n    ours (1.0)\n\nPLATFORMS\n  x86_64-linux\n\nDEPENDENCIES\n  app!\n  nokogiri (~> \
        1.16)\n  ours!\n  x!\n  gone\n\nBUNDLED WITH\n   2.3.15\n";
    const SPEC: &str = "Gem::Specification.new do |s|\n  s.add_dependency 'rack', '>= 2', '< 4'\nend\n";

    fn told(dependencies: Vec<Dependency>) -> Vec<String> {
        let told = |dependency: Dependency| {
            let version = dependency.version.map_or("-".to_owned(), |version| version.text);
            let required = dependency.requirement.map_or(String::new(), |it| format!(" {} ({})", it.text, it.place));
            let mark = if dependency.is_direct { "" } else { "~" };
            format!("{mark}{} {version}{required}: {}", dependency.name, dependency.obstacle.unwrap_or_default())
        };
        dependencies.into_iter().map(told).collect()
    }

    #[test]
    fn a_lock_file_says_what_is_direct_and_where_it_comes_from() {
        let files = Memory::of(&[("Gemfile.lock", LOCK), ("app.gemspec", SPEC)]);
        let file = files.read("Gemfile.lock".as_ref()).unwrap().unwrap();
        assert_eq!(
            told(lock(&file, &files).unwrap()),
            [
                "app -: a package of this repository",
                "nokogiri 1.16.0 ~> 1.16 (Gemfile.lock:34:13): ",
                "ours -: comes from another gem server than RubyGems.org",
                "x -: comes from git, not from a gem server",
                "gone -: `Gemfile.lock` does not hold it: it is for other platforms, or `bundle lock` is due",
                "rack 3.0.8 >= 2, < 4 (app.gemspec:2:29): ",
                "zeit 2.6.0: ",
                "~base64 0.2.0: ",
                "~racc 1.7.3: ",
            ]
        );
    }

    #[test]
    fn what_the_gemfile_says_in_strings_comes_before_its_copy() {
        let lock_file =
            "GEM\n  remote: https://rubygems.org/\n  specs:\n    rack (3.0.8)\n\nDEPENDENCIES\n  rack (>= 2, < 4)\n";
        for (line, place) in [
            ("gem 'rack', '< 4', '>=2'", "Gemfile:2:14"),
            ("  gem(\"rack\", [\"< 4\", \">= 2\"], require: false) # why", "Gemfile:2:17"),
            ("gem 'rack', '>= 2', '< 4', :group => :test", "Gemfile:2:14"),
            ("gem 'rack', '>= 2', '< 4', **options", "Gemfile.lock:7:9"),
            ("gem 'rack', '>= 2', '< 4', OPTIONS::ALL", "Gemfile.lock:7:9"),
            ("gem 'rack', '>= 2'", "Gemfile.lock:7:9"),
            ("gem 'rack', *RACK", "Gemfile.lock:7:9"),
            ("gem 'rack', \">= #{2}\", '< 4'", "Gemfile.lock:7:9"),
            ("# gem 'rack', '>= 2', '< 4'", "Gemfile.lock:7:9"),
            ("gem 'rack', '>= 2', '< 4' if a\ngem 'rack', '>= 2', '< 4' if b", "Gemfile.lock:7:9"),
            ("gems 'rack', '>= 2', '< 4'", "Gemfile.lock:7:9"),
            ("=begin\ngem 'rack', '>= 2', '< 4'\n=end", "Gemfile.lock:7:9"),
        ] {
            let gemfile = format!("\r\n{line}\n");
            let files = Memory::of(&[("Gemfile.lock", lock_file), ("Gemfile", &gemfile)]);
            let file = files.read("Gemfile.lock".as_ref()).unwrap().unwrap();
            let found = lock(&file, &files).unwrap();
            assert_eq!(found[0].requirement.as_ref().unwrap().place.to_string(), place, "{line}");
        }
        let files = Memory::of(&[
            ("gems.locked", &lock_file.replace("(>= 2, < 4)", "(= 3.0.8)")),
            ("gems.rb", "gem 'rack', '3.0.8'\n"),
        ]);
        let file = files.read("gems.locked".as_ref()).unwrap().unwrap();
        assert_eq!(told(lock(&file, &files).unwrap()), ["rack 3.0.8 3.0.8 (gems.rb:1:14): "]);
    }

    #[test]
    fn the_public_server_is_one_with_and_without_encryption() {
        for (remote, expected) in [
            ("https://rubygems.org", "a 1.0: "),
            ("http://rubygems.org/", "a 1.0: "),
            ("https://rubygems.org.example/", "a -: comes from another gem server than RubyGems.org"),
            (
                "https://rubygems.org/\n  remote: https://gems.example/",
                "a -: comes from another gem server than RubyGems.org",
            ),
        ] {
            let text = format!("GEM\n  remote: {remote}\n  specs:\n    a (1.0)\n\nDEPENDENCIES\n  a\n");
            let files = Memory::of(&[("Gemfile.lock", &text)]);
            let file = files.read("Gemfile.lock".as_ref()).unwrap().unwrap();
            assert_eq!(told(lock(&file, &files).unwrap()), [expected], "{remote}");
        }
    }

    #[test]
    fn bundler_is_not_missing_from_its_lock_file() {
        let text = "GEM\n  specs:\n\nDEPENDENCIES\n  bundler (>= 2)\n\nBUNDLED WITH\n   2.4.22\n";
        let files = Memory::of(&[("Gemfile.lock", text)]);
        let file = files.read("Gemfile.lock".as_ref()).unwrap().unwrap();
        let found = told(lock(&file, &files).unwrap());
        assert_eq!(found, ["bundler - >= 2 (Gemfile.lock:5:12): Bundler itself, which no lock file holds"]);
    }

    #[test]
    fn a_line_without_a_name_is_a_name() {
        let text = "GEM\n  specs:\n    (= 7.2)\n\nDEPENDENCIES\n  (= 7.2)\n  ()\n  !\n";
        let files = Memory::of(&[("Gemfile.lock", text)]);
        let file = files.read("Gemfile.lock".as_ref()).unwrap().unwrap();
        let found = told(lock(&file, &files).unwrap());
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn what_is_no_lock_file_is_told() {
        for text in ["", "source 'https://rubygems.org'\n", "GEM\n<<<<<<< HEAD\n  specs:\n"] {
            let files = Memory::of(&[("Gemfile.lock", text)]);
            let file = files.read("Gemfile.lock".as_ref()).unwrap().unwrap();
            assert!(lock(&file, &files).unwrap_err().to_string().starts_with("Gemfile.lock:"), "{text}");
        }
    }
}
