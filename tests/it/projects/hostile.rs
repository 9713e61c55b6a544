//! Files of a project that mean harm, or are no files: the right pins or an error that names the file, and soon.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use upmon::pin::holdings::Holdings;
use upmon::pin::project::Format;

use super::{assert_in_place, assert_told_in_place, held, projects, repository};
use crate::manifest;
use crate::support::runner::bare;

/// How long the slowest file may take, without optimisation and beside other tests.
const SOON: Duration = Duration::from_mins(1);

/// A kind of file, and the entry of `from` that names one of it.
pub(super) struct Kind {
    pub(super) name: String,
    entry: String,
}

impl Kind {
    pub(super) fn of(name: &str, format: Format) -> Self {
        Self { name: name.to_owned(), entry: format!(r#"{{ "file": "{name}", "format": "{}" }}"#, format.as_str()) }
    }

    pub(super) fn located(name: &str, rest: &str) -> Self {
        Self { name: name.to_owned(), entry: format!(r#"{{ "file": "{name}", "group": "rust", {rest} }}"#) }
    }

    /// A directory in which `upmon list` reads a pins file that names the file.
    pub(super) fn named(&self) -> tempfile::TempDir {
        let pins = format!(r#"{{ "from": [{}] }}"#, self.entry);
        repository(&[("upstream-versions.json", pins.as_bytes()), (".git/HEAD", b"ref: refs/heads/main")])
    }

    fn is_yaml(&self) -> bool {
        let extension = Path::new(&self.name).extension().unwrap_or_default();
        extension == "yml" || extension == "yaml" || self.name == "Chart.lock"
    }
}

/// Every format, and versions by path in each language and by pattern.
fn kinds() -> impl Iterator<Item = Kind> {
    // `*` stands for nothing, too; a format with several names is read the same under each
    let formats = Format::ALL.iter().map(|format| Kind::of(&format.file_names()[0].replace('*', "x"), *format));
    let by_path = |name| Kind::located(name, r#""pins": { "a": { "path": "$..a" } }"#);
    let by_pattern = [
        Kind::located("one.txt", r#""pins": { "a": { "pattern": "^a=(?<version>[0-9.]+)$" } }"#),
        Kind::located("many.txt", r#""pattern": "^(?<package>[a-z]+)=(?<version>[0-9.]+)$""#),
    ];
    formats.chain(["path.json", "path.toml", "path.yaml"].map(by_path)).chain(by_pattern)
}

/// Writes a file in the directory of a test.
pub(super) fn write(directory: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().expect("a file lies in a directory")).expect("directories can be made");
    fs::write(&path, content).expect("files can be written");
    path
}

/// How `upmon list` ends there, and what it says.
#[track_caller]
fn listed(directory: &Path) -> (i32, String) {
    let mut command = bare(directory, directory);
    let mut child = command
        .arg("list")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut streams = [
        child.stdout.take().map(|it| Box::new(it) as Box<dyn std::io::Read + Send>),
        child.stderr.take().map(|it| Box::new(it) as Box<dyn std::io::Read + Send>),
    ]
    .map(|stream| {
        std::thread::spawn(move || {
            let mut text = String::new();
            stream.expect("the stream is a pipe").read_to_string(&mut text).expect("the binary prints UTF-8");
            text
        })
    })
    .into_iter();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if started.elapsed() > SOON {
            child.kill().expect("a child can be ended");
            panic!("`upmon list` hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut text = || streams.next().expect("two streams").join().expect("a stream is read");
    let told = text() + &text();
    (status.code().unwrap_or_else(|| panic!("{status}: {told}")), told)
}

/// A file is refused by its name and with a reason, in a few lines.
#[track_caller]
fn assert_refused(directory: &Path, name: &str, reason: &str) {
    let (code, told) = listed(directory);
    let head: String = told.chars().take(2_000).collect();
    assert_eq!(code, 2, "{name}: {head}");
    assert!(told.contains(name) && told.contains(reason), "{name}, {reason}: {head}");
    assert!(told.contains("help: ") || told.contains("hint: ") || told.contains('['), "{name}: {head}");
    assert!(told.len() < 20_000, "{name}: {} bytes, {head}", told.len());
}

/// What opens a level in any of the formats' languages.
const OPENINGS: &[&str] =
    &["[", "{\"a\":", "a:\n ", "- ", "a = [", "[a.b.c]\n", "&a [*a,", "\"", "{", "\u{0}", "\u{feff}"];

/// What is told of a pins file that names one file with this content.
fn refused(kind: &Kind, content: &[u8]) -> String {
    let directory = kind.named();
    write(directory.path(), &kind.name, content);
    match Holdings::read(&directory.path().join("upstream-versions.json"), None) {
        Err(error) => error.render(false).replace(&format!("{}/", directory.path().display()), ""),
        Ok(holdings) => format!("{} pins, {} not checked", holdings.manifest.pins.len(), holdings.unpinned.len()),
    }
}

#[test]
fn twenty_thousand_levels_are_refused_with_their_place() {
    for kind in kinds() {
        let name = &kind.name;
        for open in OPENINGS {
            let told = refused(&kind, &open.repeat(20_000).into_bytes());
            // an error with a place, or a file that says nothing; of a version that it lacks, the pins file has the place
            let head: String = told.chars().take(500).collect();
            let is_missing = told.contains("[upstream-versions.json:1:") && told.contains(&format!("in `{name}`"));
            let is_told = told.contains(&format!("[{name}:")) || is_missing || told.ends_with(" not checked");
            assert!(is_told, "{name} {open:?}: {head}");
            assert!(told.len() < 20_000, "{name} {open:?}: {} bytes, {head}", told.len());
        }
    }
}

#[test]
fn the_binary_has_the_stack_for_a_hundred_thousand_levels() {
    for kind in kinds() {
        let (name, directory) = (&kind.name, kind.named());
        let open = if name.ends_with("ml") { "- " } else { "[" };
        write(directory.path(), name, open.repeat(100_000).as_bytes());
        let (code, told) = listed(directory.path());
        assert!(code == 2 && told.contains(name) || code == 0, "{name}: {code}");
    }
}

/// A file of a few lines in which every line names the one before nine times.
#[test]
fn aliases_that_stand_for_billions_of_nodes_are_refused() {
    let level = |level: usize| format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(","));
    let bomb = format!("a0: &a0 x\n{}", (1..20).map(level).collect::<String>());
    let mut seen = 0;
    for kind in kinds() {
        // Yarn's own language begins otherwise
        let head = if kind.name == "yarn.lock" { "\n__metadata:\n  version: 8\n" } else { "" };
        if kind.is_yaml() || !head.is_empty() {
            let directory = kind.named();
            write(directory.path(), &kind.name, format!("{head}{bomb}").as_bytes());
            assert_refused(directory.path(), &kind.name, "the aliases of the file stand for more than can be read");
            seen += 1;
        }
    }
    assert_eq!(seen, 7, "every format in YAML, and a path");
}

/// What is told of a directory whose pins file names this, and with which exit code.
#[cfg(unix)]
#[track_caller]
fn listed_with_links(named: &str) -> (i32, String) {
    use std::os::unix::fs::symlink;
    let pins = format!(r#"{{ "from": [{{ "file": "{named}", "format": "requirements" }}] }}"#);
    let directory = repository(&[("upstream-versions.json", pins.as_bytes()), (".git/HEAD", b"ref: refs/heads/main")]);
    write(directory.path(), "deep/requirements.txt", b"attrs==23.1.0\n");
    let at = |name: &str| directory.path().join(name);
    // with four names for itself, every `*` would make four times as many
    for (link, target) in [
        ("deep/a", "."),
        ("deep/b", "."),
        ("deep/c", "."),
        ("self.txt", "self.txt"),
        ("ping.txt", "pong.txt"),
        ("pong.txt", "ping.txt"),
        ("dangling.txt", "nothing.txt"),
        ("deep/up", ".."),
        ("deep/here", "."),
        ("deep/gone", "nowhere"),
    ] {
        symlink(target, at(link)).expect("links can be made");
    }
    listed(directory.path())
}

#[cfg(unix)]
#[test]
fn links_that_lead_in_circles_or_nowhere_are_refused_or_passed_by() {
    for (named, code, expected) in [
        ("self.txt", 2, "symbolic links"),
        ("ping.txt", 2, "symbolic links"),
        ("dangling.txt", 2, "dangling.txt"),
        ("deep/gone/requirements.txt", 2, "requirements.txt"),
        // a directory that holds itself is the same directory
        ("deep/here/up/deep/requirements.txt", 0, "1 pin,"),
        ("deep/*/requirements.txt", 0, "1 pin,"),
        ("d*.txt", 2, "`d*.txt` matches `dangling.txt`, a link to nothing"),
        ("*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/requirements.txt", 0, "1 pin,"),
    ] {
        let (found, told) = listed_with_links(named);
        let head: String = told.chars().take(2_000).collect();
        assert!(found == code && told.contains(expected), "{named}: {found} {head}");
        assert!(told.len() < 20_000, "{named}: {} bytes", told.len());
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_is_a_link_to_itself_or_leads_out_is_refused_whatever_reads_it() {
    use std::os::unix::fs::symlink;
    let outside = repository(&[("secret", b"a=1.0\n")]);
    for (target, reason) in
        [(None, "symbolic links"), (Some(outside.path().join("secret")), "outside of the repository")]
    {
        for kind in kinds() {
            let (name, directory) = (&kind.name, kind.named());
            let path = write(directory.path(), name, b"");
            fs::remove_file(&path).expect("files can be removed");
            symlink(target.as_ref().unwrap_or(&path), &path).expect("links can be made");
            assert_refused(directory.path(), name, reason);
        }
    }
}

/// Files that name others, by way of directories that hold themselves under two names.
#[cfg(unix)]
#[test]
fn files_that_include_themselves_by_links_are_read_once() {
    use std::os::unix::fs::symlink;
    let member = "[package]\nname = \"p\"\n[dependencies]\nx = { path = \"x\" }\ny = { path = \"y\" }\n";
    for (name, text) in [
        ("requirements.txt", "-r x/requirements.txt\n-r y/requirements.txt\nattrs==23.1.0\n".to_owned()),
        ("Cargo.lock", "version = 4\n[[package]]\nname = \"p\"\nversion = \"1.0.0\"\n".to_owned()),
    ] {
        let directory = Kind::of(name, Format::of(name).expect("a known file")).named();
        write(directory.path(), name, text.as_bytes());
        write(directory.path(), "Cargo.toml", member.as_bytes());
        for link in ["x", "y"] {
            symlink(".", directory.path().join(link)).expect("links can be made");
        }
        let (code, told) = listed(directory.path());
        assert_eq!(code, 0, "{name}: {told}");
    }
}

#[test]
fn a_file_of_a_hundred_megabytes_is_refused_by_its_size() {
    for kind in kinds() {
        let (name, directory) = (&kind.name, kind.named());
        let path = write(directory.path(), name, b"");
        // a hole, which takes no room
        fs::File::options().write(true).open(&path).and_then(|file| file.set_len(100 << 20)).expect("files can grow");
        assert_refused(directory.path(), name, "larger than 16 MiB");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    for kind in kinds() {
        let (name, directory) = (&kind.name, kind.named());
        write(directory.path(), name, b"first\nsecond \xff\n");
        assert_refused(directory.path(), name, "line 2 is not UTF-8");
    }
}

#[test]
fn an_empty_file_says_nothing_or_is_refused() {
    for content in [&b""[..], b"\xef\xbb\xbf", b"\r\n\r\n"] {
        for kind in kinds() {
            let (name, directory) = (&kind.name, kind.named());
            write(directory.path(), name, content);
            match listed(directory.path()) {
                (0, told) => assert!(told.contains("no pins") || told.contains("0 pins"), "{name}: {told}"),
                (code, told) => assert!(code == 2 && told.contains(name), "{name}: {code} {told}"),
            }
        }
    }
}

#[test]
fn a_directory_in_the_place_of_a_file_is_refused() {
    for kind in kinds() {
        let (name, directory) = (&kind.name, kind.named());
        fs::create_dir_all(directory.path().join(name)).expect("directories can be made");
        assert_refused(directory.path(), name, "it is not a file");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    for kind in kinds() {
        let (name, directory) = (&kind.name, kind.named());
        let path = write(directory.path(), name, b"");
        fs::remove_file(&path).expect("files can be removed");
        let made =
            std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo is there: install coreutils");
        assert!(made.success());
        assert_refused(directory.path(), name, "it is not a file");
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_permissions_is_refused_to_those_who_may_not_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    for kind in kinds() {
        let (name, directory) = (&kind.name, kind.named());
        let path = write(directory.path(), name, b"first\nsecond \xff\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).expect("permissions can be taken");
        // root may read it all the same
        let mut byte = [0];
        let may_read = fs::File::open(&path).and_then(|mut file| file.read(&mut byte)).is_ok();
        assert_refused(directory.path(), name, if may_read { "line 2 is not UTF-8" } else { "Permission denied" });
    }
}

/// An npm lock file of one line and 8 MiB, as tools write it that save the blanks.
#[test]
fn one_very_long_line_is_read_in_linear_time() {
    let packages: Vec<String> = (0..60_000)
        .map(|number| {
            let name = format!("package-number-{number}");
            let address = format!("https://registry.npmjs.org/{name}/-/{name}-1.0.0.tgz");
            format!(r#""node_modules/{name}":{{"version":"1.0.0","resolved":"{address}"}}"#)
        })
        .collect();
    let required: Vec<String> = (0..60_000).map(|number| format!(r#""package-number-{number}":"^1.0.0""#)).collect();
    let text = format!(
        r#"{{"lockfileVersion":3,"packages":{{"":{{"dependencies":{{{}}}}},{}}}}}"#,
        required.join(","),
        packages.join(",")
    );
    assert!(text.len() > 8 << 20 && text.len() < 16 << 20, "{}", text.len());
    let directory = Kind::of("package-lock.json", Format::PackageLock).named();
    write(directory.path(), "package-lock.json", text.as_bytes());
    let (code, told) = listed(directory.path());
    assert_eq!(code, 0);
    assert!(told.contains("60000 pins"), "{}", &told[told.len() - 200..]);
}

/// Every file below a directory, by its name from there.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a project can be read").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Windows line ends and a byte order mark are part of the file, and places count them.
#[test]
fn places_hold_with_windows_line_ends_and_a_byte_order_mark() {
    let ecosystems =
        fs::read_dir(manifest::root().join("tests/data/projects")).expect("the projects are there").flatten();
    let names: Vec<String> = ecosystems
        .filter(|entry| entry.path().is_dir() && entry.file_name() != "lists")
        .map(|entry| entry.file_name().into_string().expect("names are UTF-8"))
        .collect();
    assert!(names.len() >= 11, "{names:?}");
    for project in names.iter().flat_map(|name| projects(name)) {
        let copy = tempfile::tempdir().expect("a directory for a test");
        for path in files_below(&project) {
            let text = fs::read_to_string(&path).expect("a text");
            let text = format!("\u{feff}{}", text.replace("\r\n", "\n").replace('\n', "\r\n"));
            let name =
                path.strip_prefix(&project).expect("it lies below").to_str().expect("names are UTF-8").to_owned();
            write(copy.path(), &name, text.as_bytes());
        }
        let (found, plain) = (held(copy.path()), held(&project));
        let counted = |holdings: &Holdings| (holdings.manifest.pins.len(), holdings.unpinned.len());
        assert_eq!(counted(&found), counted(&plain), "{}", project.display());
        found.manifest.pins.iter().for_each(assert_in_place);
        found.unpinned.iter().for_each(assert_told_in_place);
    }
}
