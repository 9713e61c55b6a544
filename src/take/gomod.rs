//! `go.mod`: one version changes, as `go mod edit -require` would write it.
//!
//! From the second major version on, a module has [another path](https://go.dev/ref/mod#major-version-suffixes), which its
//! users import. So a version of another major is no change of one place. Where a path lacks the suffix all the same, the
//! version carries [`+incompatible`](https://go.dev/ref/mod#incompatible-versions).

use super::Refusal;
use crate::document::{Edit, Source};
use crate::pin::Written;
use crate::pin::project::Dependency;

const NOTE: &str = "+incompatible";

/// The edit of the version of a module; of `replace`, that of what stands in.
///
/// # Errors
/// When the version belongs to a module of another path.
pub(super) fn edit(source: &Source, held: &Dependency, version: &Written, new: &str) -> Result<Edit, Refusal> {
    let mut span = source.in_text(&version.place.span);
    if held.name != "toolchain" {
        let (old, wanted) = (major(&version.text), major(new));
        let is_noted = source.text()[span.end..].starts_with(NOTE);
        let path = held.upstream.as_str();
        let bare = without_suffix(path);
        let is_fine = match () {
            () if is_noted => wanted < Some(2) || wanted == old,
            () if bare == path => wanted < Some(2),
            () => wanted.is_some_and(|wanted| path == format!("{bare}/v{wanted}")),
        };
        if !is_fine || wanted.is_none() {
            return Err(elsewhere(bare, new, wanted.unwrap_or_default()));
        }
        if is_noted && wanted < Some(2) {
            span.end += NOTE.len();
        }
    }
    Ok(Edit { span, text: new.to_owned() })
}

/// The path without the suffix of a major version.
fn without_suffix(path: &str) -> &str {
    let number = |last: &str| last.strip_prefix('v')?.parse::<u64>().ok().filter(|number| *number > 1);
    path.rsplit_once('/').filter(|(_, last)| number(last).is_some()).map_or(path, |(bare, _)| bare)
}

fn major(version: &str) -> Option<u64> {
    version.strip_prefix('v').unwrap_or(version).split('.').next()?.parse().ok()
}

fn elsewhere(bare: &str, new: &str, major: u64) -> Refusal {
    let path = if major < 2 { bare.to_owned() } else { format!("{bare}/v{major}") };
    let new = new.trim_start_matches('v');
    let reason = format!("`v{new}` is a version of the module `{path}`, which has to be imported by that path");
    Refusal::new(reason).hint(format!("change the imports, then run `go get {path}@v{new}`"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::pin::project::Format;
    use crate::pin::project::files::{Files, Memory};

    /// `go.mod` with another version of its first module.
    fn edited(text: &str, new: &str) -> Result<String, String> {
        let files = Memory::of(&[("go.mod", text)]);
        let source: Arc<Source> = files.read(Path::new("go.mod")).unwrap().unwrap();
        let held = Format::GoMod.read(&source, &files).unwrap().remove(0);
        let version = held.version.clone().unwrap();
        let edit = edit(&source, &held, &version, new).map_err(|refusal| refusal.hint.unwrap())?;
        Ok(source.edited(&[edit]).whole())
    }

    #[test]
    fn one_place_changes_or_the_module_is_another() {
        for (text, new, expected) in [
            ("require github.com/a/b v1.2.3 // v1.2.3\n", "v1.3.0", Ok("require github.com/a/b v1.3.0 // v1.2.3\n")),
            (
                "require (\r\n\tgithub.com/a/b v0.9.0\r\n)\r\n",
                "v1.0.0",
                Ok("require (\r\n\tgithub.com/a/b v1.0.0\r\n)\r\n"),
            ),
            ("require github.com/a/b v1.2.3\n", "v2.0.0", Err("github.com/a/b/v2@v2.0.0")),
            ("require github.com/a/b/v2 v2.0.0\n", "v2.1.0", Ok("require github.com/a/b/v2 v2.1.0\n")),
            ("require github.com/a/b/v2 v2.0.0\n", "v3.0.0", Err("github.com/a/b/v3@v3.0.0")),
            ("require github.com/a/b/v2 v2.0.0\n", "v1.0.0", Err("github.com/a/b@v1.0.0")),
            ("require github.com/a/b/sub v0.4.0\n", "0.5.0", Ok("require github.com/a/b/sub v0.5.0\n")),
            ("require github.com/a/b/sub/v3 v3.0.0\n", "3.0.1", Ok("require github.com/a/b/sub/v3 v3.0.1\n")),
            ("require github.com/a/b/sub v1.0.0\n", "2.0.0", Err("github.com/a/b/sub/v2@v2.0.0")),
            (
                "require github.com/a/b v2.0.0+incompatible\n",
                "v2.1.0",
                Ok("require github.com/a/b v2.1.0+incompatible\n"),
            ),
            ("require github.com/a/b v2.0.0+incompatible\n", "v1.9.0", Ok("require github.com/a/b v1.9.0\n")),
            ("require github.com/a/b v2.0.0+incompatible\n", "v3.0.0", Err("github.com/a/b/v3@v3.0.0")),
            (
                "require github.com/a/b v1.0.0\nreplace github.com/a/b v1.0.0 => github.com/x/b v1.0.0\n",
                "v1.1.0",
                Ok("require github.com/a/b v1.0.0\nreplace github.com/a/b v1.0.0 => github.com/x/b v1.1.0\n"),
            ),
            ("toolchain go1.22.1\n", "go1.23.0", Ok("toolchain go1.23.0\n")),
        ] {
            let found = edited(text, new);
            let hint = |path: &str| format!("change the imports, then run `go get {path}`");
            assert_eq!(found.as_deref().map_err(String::clone), expected.map_err(hint), "{text} to {new}");
        }
    }
}
