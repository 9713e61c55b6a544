//! Which version a file of a project belongs to, by its name.
//!
//! Wheels and modern source archives have names by the book; what was uploaded in the twenty years before is read as far
//! as its form is known: <https://packaging.python.org/en/latest/specifications/binary-distribution-format/>,
//! <https://packaging.python.org/en/latest/specifications/source-distribution-format/>, `bdist_wininst`, `bdist_dumb`, `bdist_rpm`.

use super::name::fold;

/// What the ending of a file's name says about the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `name-version.tar.gz`; a dumb binary has its platform behind that.
    Archive,
    /// `name-version(-build)-python-abi-platform.whl`, `name-version-python(-platform).egg`.
    Fields,
    /// `name-version.win32(-py2.7).exe`.
    Installer,
    /// `name-version-release.architecture.rpm`.
    Rpm,
}

const ENDINGS: [(&str, Form); 12] = [
    (".tar.gz", Form::Archive),
    (".whl", Form::Fields),
    (".zip", Form::Archive),
    (".tar.bz2", Form::Archive),
    (".tgz", Form::Archive),
    (".tar.xz", Form::Archive),
    (".tar.Z", Form::Archive),
    (".tar", Form::Archive),
    (".egg", Form::Fields),
    (".exe", Form::Installer),
    (".msi", Form::Installer),
    (".rpm", Form::Rpm),
];

/// What begins the platform in the names of dumb binaries and installers; the latter may have a Python alone.
const PLATFORMS: [&str; 5] = [".win32", ".win-", ".linux-", ".macosx-", "-py"];

/// Whether the name is that of a distribution at all, and not of a page or a signature.
pub(super) fn is_distribution(name: &str) -> bool {
    split(name).is_some()
}

/// The version as the file's name spells it. `project` is the normalised name; a file of another project has none.
pub(super) fn label<'name>(name: &'name str, project: &str) -> Option<&'name str> {
    let (stem, form) = split(name)?;
    let rest = behind_project(stem, project)?;
    let label = match form {
        Form::Fields => rest.split_once('-')?.0,
        Form::Archive => before_any(rest, &PLATFORMS[..4]),
        Form::Installer => before_any(rest, &PLATFORMS),
        Form::Rpm => rest.rsplit_once('-')?.0,
    };
    (!label.is_empty()).then_some(label)
}

/// The marks start with a dot or a hyphen.
fn before_any<'text>(text: &'text str, marks: &[&str]) -> &'text str {
    let starts = |at: &usize| {
        matches!(text.as_bytes()[*at], b'.' | b'-') && marks.iter().any(|mark| text[*at..].starts_with(mark))
    };
    (0..text.len()).find(starts).map_or(text, |at| &text[..at])
}

fn split(name: &str) -> Option<(&str, Form)> {
    ENDINGS.iter().find_map(|(ending, form)| Some((name.strip_suffix(ending)?, *form)))
}

/// What follows the project's name and a hyphen. The name itself may hold hyphens, so it has to be known.
fn behind_project<'name>(stem: &'name str, project: &str) -> Option<&'name str> {
    if let Some(rest) = stem.strip_prefix(project).and_then(|rest| rest.strip_prefix('-')) {
        return Some(rest);
    }
    let is_project = |name: &str| fold(name) == project;
    stem.match_indices('-').find(|(at, _)| is_project(&stem[..*at])).map(|(at, _)| &stem[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_of_every_age_give_their_version() {
        let table = [
            ("requests", "requests-2.31.0-py3-none-any.whl", Some("2.31.0")),
            ("requests", "requests-2.31.0.tar.gz", Some("2.31.0")),
            ("zope-interface", "zope.interface-3.0.0b1.tgz", Some("3.0.0b1")),
            ("zope-interface", "zope_interface-7.2-cp313-cp313-musllinux_1_2_x86_64.whl", Some("7.2")),
            ("a-b", "a-b-1.0.zip", Some("1.0")),
            ("a-b", "a-b-1.0-1.zip", Some("1.0-1")),
            ("sympy", "sympy-0.5.13-hg.tar.gz", Some("0.5.13-hg")),
            ("pytz", "pytz-2011k_1-py2.py3-none-any.whl", Some("2011k_1")),
            ("torch", "torch-1.0+cpu-1-cp37-cp37m-linux_x86_64.whl", Some("1.0+cpu")),
            ("pywin32", "pywin32-220-cp27-none-win32.whl", Some("220")),
            ("numpy", "numpy-1.6.1.win32-py2.7.exe", Some("1.6.1")),
            ("numpy", "numpy-1.6.1.win-amd64-py2.7.msi", Some("1.6.1")),
            ("lxml", "lxml-2.2.8-py2.6.exe", Some("2.2.8")),
            ("lxml", "lxml-2.2.8-py2.6-win32.egg", Some("2.2.8")),
            ("foo", "foo-1.0.linux-x86_64.tar.gz", Some("1.0")),
            ("foo", "foo-1.0.macosx-10.9-x86_64.tar.gz", Some("1.0")),
            ("foo", "foo-1.0-1.noarch.rpm", Some("1.0")),
            ("foo", "foo-1.0.tar.Z", Some("1.0")),
            ("foo", "foo-1.0-py3k.tar.gz", Some("1.0-py3k")),
            ("foo", "bar-1.0.tar.gz", None),
            ("foo", "foo-bar.tar.gz", Some("bar")),
            ("foo", "foo-1.0.tar.gz.asc", None),
            ("foo", "foo-1.0.dmg", None),
            ("foo", "foo-.zip", None),
            ("foo", "foo.zip", None),
            ("foo", "../", None),
            ("foo", "", None),
        ];
        for (project, name, expected) in table {
            assert_eq!(label(name, project), expected, "{name}");
        }
    }
}
