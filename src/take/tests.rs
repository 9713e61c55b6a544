//! Every format that stands for a pin, written in many ways, takes a new version in one place or names its tool.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::pin::project::Format;
use crate::pin::project::files::Memory;
use crate::select::template_of;

mod places;

const COMMIT: &str = "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c";
const NEW_COMMIT: &str = "99998888777766665555444433332222111100aa";

/// How a file is written: what one person does and another does not.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "habits, which say nothing of each other")]
struct Hand {
    newline: &'static str,
    quote: char,
    /// Where blanks may stand.
    gap: &'static str,
    indent: &'static str,
    /// Whether the package is named after its neighbours.
    is_last: bool,
    /// The second way of a format to say the same.
    is_long: bool,
    has_mark: bool,
    has_end: bool,
    comment: &'static str,
}

fn hand() -> impl Strategy<Value = Hand> {
    let words = (
        prop::sample::select(vec!["\n", "\r\n"]),
        prop::sample::select(vec!['"', '\'']),
        prop::sample::select(vec!["", " ", "  "]),
        prop::sample::select(vec!["  ", "    "]),
        prop::sample::select(vec!["", "why 1.2.3", "\u{e9}"]),
    );
    (words, any::<[bool; 4]>()).prop_map(
        |((newline, quote, gap, indent, comment), [is_last, is_long, has_mark, has_end])| Hand {
            newline,
            quote,
            gap,
            indent,
            is_last,
            is_long,
            has_mark,
            has_end,
            comment,
        },
    )
}

impl Hand {
    /// Lines as a file.
    fn file(&self, lines: &[String]) -> String {
        let mark = if self.has_mark { "\u{feff}" } else { "" };
        let end = if self.has_end { self.newline } else { "" };
        format!("{mark}{}{end}", lines.join("\n").replace('\n', self.newline))
    }

    /// The package and its neighbours, which are at the same version.
    fn ordered(&self, entry: &dyn Fn(&str) -> String) -> Vec<String> {
        let names = if self.is_last { ["aaa", "bbb", "goal"] } else { ["goal", "hhh", "iii"] };
        names.iter().map(|name| entry(name)).collect()
    }

    /// A comment behind something, where one is made.
    fn noted(&self, text: &str) -> String {
        if self.comment.is_empty() { text.to_owned() } else { format!("{text}  # {}", self.comment) }
    }
}

/// What a test of a format needs.
struct Sample {
    /// The file that is named, then those that belong to it.
    files: Vec<(&'static str, String)>,
    /// The first command that is left, without its end; none where upmon writes the file.
    tool: Option<&'static str>,
    /// The command that writes what follows from it, where upmon writes the file.
    follows: Option<&'static str>,
}

/// The files of a project that pins `goal` and some neighbours. A new format needs an arm of its own.
#[expect(clippy::too_many_lines, reason = "one arm a format")]
fn sample(format: Format, hand: &Hand, old: &str) -> Sample {
    let (gap, quote, indent) = (hand.gap, hand.quote, hand.indent);
    let text = |name: &'static str, lines: Vec<String>| Sample {
        files: vec![(name, hand.file(&lines))],
        tool: None,
        follows: None,
    };
    let locked = |tool: &'static str, name: &'static str, lines: &[String], manifest: (&'static str, String)| Sample {
        files: vec![(name, hand.file(lines)), manifest],
        tool: Some(tool),
        follows: None,
    };
    let line = |line: &str| vec![line.to_owned()];
    let package_json = || {
        let entries = hand.ordered(&|name| format!("\"{name}\": \"^{old}\"")).join(", ");
        ("package.json", format!("{{ \"name\": \"app\", \"dependencies\": {{ {entries} }} }}\n"))
    };
    let pyproject = || {
        let entries = hand.ordered(&|name| format!("\"{name}>={old}\"")).join(", ");
        ("pyproject.toml", format!("[project]\nname = \"app\"\ndependencies = [{entries}]\n"))
    };
    let toml_package = |name: &str| {
        let source = match format {
            Format::CargoLock => {
                "source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"00\"\n"
            }
            Format::UvLock => "source = { registry = \"https://pypi.org/simple\" }\n",
            _ => "",
        };
        format!("[[package]]\nname = \"{name}\"\nversion = \"{old}\"\n{source}")
    };
    match format {
        Format::CargoToml => {
            let entry = |name: &str| {
                let value = format!("{quote}={gap}{old}{quote}");
                let long = format!("{{ version = {value}, features = [\"{old}\"] }}");
                hand.noted(&format!("{name}{gap}={gap}{}", if hand.is_long { &long } else { &value }))
            };
            text("Cargo.toml", [line("[package]\nname = \"app\"\n\n[dependencies]"), hand.ordered(&entry)].concat())
        }
        Format::PackageJson => {
            let entry = |name: &str| {
                let alias = if hand.is_long { format!("npm:{name}@{old}") } else { old.to_owned() };
                format!("{indent}{indent}\"{name}\"{gap}:{gap}\"{alias}\"")
            };
            let entries = hand.ordered(&entry).join(",\n");
            text("package.json", vec![format!("{{\n{indent}\"dependencies\": {{\n{entries}\n{indent}}}\n}}")])
        }
        Format::Pyproject => {
            let entry = |name: &str| {
                let marker = if hand.is_long {
                    format!("[x] =={gap}{old} ; python_version >= '{old}'")
                } else {
                    format!("=={gap}{old}")
                };
                hand.noted(&format!("{indent}\"{name}{gap}{marker}\","))
            };
            text(
                "pyproject.toml",
                [line("[project]\nname = \"app\"\ndependencies = ["), hand.ordered(&entry), line("]")].concat(),
            )
        }
        Format::Requirements => {
            let entry = |name: &str| {
                let marker = if hand.is_long { format!(" ; python_version >= \"{old}\"") } else { String::new() };
                hand.noted(&format!("{name}{gap}=={gap}{old}{marker}"))
            };
            text("requirements.txt", hand.ordered(&entry))
        }
        Format::Gemspec => {
            let entry = |name: &str| {
                let version =
                    if hand.is_long { format!("%q<= {old}>.freeze") } else { format!("{quote}={gap}{old}{quote}") };
                hand.noted(&format!("{indent}spec.add_dependency({quote}{name}{quote},{gap}{version})"))
            };
            text("app.gemspec", [line("Gem::Specification.new do |spec|"), hand.ordered(&entry), line("end")].concat())
        }
        Format::Workflow => {
            let entry = |name: &str| {
                let plain = if hand.gap == "  " { String::new() } else { quote.to_string() };
                if hand.is_long {
                    format!("{indent}{indent}{indent}- uses: owner/{name}@{COMMIT} # v{old} {}", hand.comment)
                } else {
                    hand.noted(&format!("{indent}{indent}{indent}- uses: {plain}owner/{name}@v{old}{plain}"))
                }
            };
            let head = format!("jobs:\n{indent}one:\n{indent}{indent}steps:");
            text(".github/workflows/ci.yml", [vec![head], hand.ordered(&entry)].concat())
        }
        Format::CargoLock => {
            let own = format!(
                "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [{}]\n",
                hand.ordered(&|name| format!("\"{name}\"")).join(", ")
            );
            let entries = hand.ordered(&|name| format!("{name} = \"{old}\"")).join("\n");
            let manifest = format!("[package]\nname = \"app\"\nversion = \"0.1.0\"\n\n[dependencies]\n{entries}\n");
            locked(
                "cargo update -p goal@",
                "Cargo.lock",
                &[vec![own], hand.ordered(&toml_package)].concat(),
                ("Cargo.toml", manifest),
            )
        }
        Format::UvLock => {
            let edges = hand.ordered(&|name| format!("{{ name = \"{name}\" }}")).join(", ");
            let own = format!(
                "version = 1\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\nsource = {{ virtual = \".\" }}\ndependencies = [{edges}]\n"
            );
            locked(
                "uv lock --upgrade-package goal==",
                "uv.lock",
                &[vec![own], hand.ordered(&toml_package)].concat(),
                pyproject(),
            )
        }
        Format::PoetryLock => locked(
            "poetry update --no-interaction --lock goal",
            "poetry.lock",
            &hand.ordered(&toml_package),
            pyproject(),
        ),
        Format::PackageLock => {
            let entries = hand.ordered(&|name| {
                format!("\"node_modules/{name}\": {{ \"version\": \"{old}\", \"integrity\": \"sha512-{old}\" }}")
            });
            let own = "\"\": { \"name\": \"app\" }".to_owned();
            let lines = format!(
                "{{ \"lockfileVersion\": 3, \"packages\": {{\n{}\n}} }}",
                [vec![own], entries].concat().join(",\n")
            );
            locked("npm install goal@", "package-lock.json", &[lines], package_json())
        }
        Format::PnpmLock => {
            let entries =
                hand.ordered(&|name| format!("      {name}:\n        specifier: ^{old}\n        version: {old}"));
            let head = line("lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:");
            locked("pnpm update goal@", "pnpm-lock.yaml", &[head, entries].concat(), package_json())
        }
        Format::YarnLock => {
            let entry = |name: &str| {
                if hand.is_long {
                    format!("\"{name}@npm:^{old}\":\n  version: {old}\n  resolution: \"{name}@npm:{old}\"\n")
                } else {
                    format!("{name}@^{old}:\n  version \"{old}\"\n")
                }
            };
            let head =
                if hand.is_long { "# made by hand\n\n__metadata:\n  version: 8\n" } else { "# yarn lockfile v1\n" };
            let tool = if hand.is_long { "YARN_ENABLE_SCRIPTS=false yarn set resolution goal@npm:" } else { "yarn " };
            locked(tool, "yarn.lock", &[line(head), hand.ordered(&entry)].concat(), package_json())
        }
        Format::GemfileLock => {
            let specs = hand.ordered(&|name| format!("    {name} ({old})"));
            let asked = hand.ordered(&|name| format!("  {name} (>= 0)"));
            let lines =
                [line("GEM\n  remote: https://rubygems.org/\n  specs:"), specs, line("\nDEPENDENCIES"), asked].concat();
            let tool = Some("bundle lock --conservative --update goal");
            Sample { files: vec![("Gemfile.lock", hand.file(&lines))], tool, follows: None }
        }
        Format::GoMod => {
            let end = if hand.comment.is_empty() { String::new() } else { format!(" // {}", hand.comment) };
            let (suffix, note) = match old.split_once('.') {
                Some(("0" | "1", _)) | None => (String::new(), ""),
                Some(_) if hand.is_long => (String::new(), "+incompatible"),
                Some((major, _)) => (format!("/v{major}"), ""),
            };
            let plain = if hand.quote == '"' { "" } else { "`" };
            let entry =
                |name: &str| format!("{indent}{plain}github.com/owner/{name}{suffix}{plain} {gap}v{old}{note}{end}");
            let lines = if hand.indent == "  " {
                [line("module example.com/app\n\nrequire ("), hand.ordered(&entry), line(")")].concat()
            } else {
                let single = |name: &str| format!("require {}", entry(name).trim_start());
                [line("module example.com/app\n"), hand.ordered(&single)].concat()
            };
            Sample { follows: Some("go mod tidy"), ..text("go.mod", lines) }
        }
        Format::Dockerfile | Format::HelmLock | Format::HelmChart | Format::HelmValues => {
            unreachable!("of images and charts no registry is asked, so they hold no pin")
        }
    }
}

/// The formats that hold pins.
fn formats() -> Vec<Format> {
    let is_listed = |format: &Format| {
        matches!(format, Format::Dockerfile | Format::HelmLock | Format::HelmChart | Format::HelmValues)
    };
    Format::ALL.iter().copied().filter(|format| !is_listed(format)).collect()
}

fn held(pins: &str, files: &[(&'static str, String)]) -> Held {
    let files: Vec<(&'static str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let manifest = Manifest::parse(Source::new("upstream-versions.json", pins)).unwrap();
    Held::with(manifest, Box::new(Memory::of(&files))).unwrap_or_else(|error| panic!("{}", error.render(false)))
}

fn target(pin: &Pin, version: &str) -> Target {
    let label = template_of(pin).and_then(|template| template.version_in(version).map(std::borrow::Cow::into_owned));
    Target {
        version: version.to_owned(),
        label: version.to_owned(),
        parsed: Some(pin.scheme.parse(&label.unwrap_or_else(|| version.to_owned())).unwrap()),
        commit: Some(NEW_COMMIT.to_owned()),
        moves_requirements: true,
    }
}

fn planned(held: &Held, pin: &Pin, version: &str) -> Result<Plan, Refusal> {
    let taking = Taking { pin, target: target(pin, version) };
    let asked = ask(held, &taking, true)?;
    plan(held, &[taking], vec![asked])
}

/// The files of a sample after a plan.
fn after(files: &[(&'static str, String)], plan: &Plan) -> Vec<(&'static str, String)> {
    let text = |name: &str, old: &str| {
        let change = plan.changes.iter().find(|change| change.before.name() == Path::new(name));
        change.map_or(old.to_owned(), |change| change.after.whole())
    };
    files.iter().map(|(name, old)| (*name, text(name, old))).collect()
}

fn versions(held: &Held) -> Vec<(String, String)> {
    held.pins.iter().map(|pin| (pin.package.clone(), pin.version.clone())).collect()
}

fn version() -> impl Strategy<Value = String> {
    (0..30_u8, 0..30_u8, 0..30_u8).prop_map(|(major, minor, patch)| format!("{major}.{minor}.{patch}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(260))]

    #[test]
    fn a_version_is_taken_in_one_place_and_nothing_else_changes(
        at in any::<prop::sample::Index>(),
        hand in hand(),
        (old, new) in (version(), version()),
        is_own in any::<bool>(),
    ) {
        let format = *at.get(&formats());
        // of another major version of a module, the path is another
        let new = match (format, old.split_once('.'), new.split_once('.')) {
            (Format::GoMod, Some((major, _)), Some((_, rest))) => format!("{major}.{rest}"),
            _ => new,
        };
        prop_assume!(old != new);
        let sample = sample(format, &hand, &old);
        // with the format said, nobody has to compare names
        let from = format!("\"from\": [{{ \"file\": \"{}\", \"format\": \"{}\" }}]", sample.files[0].0, format.as_str());
        let own = match format {
            Format::Workflow | Format::GoMod => format!(
                "\"git\": {{ \"owner/goal\": {{ \"version\": \"v{old}\", \"url\": \"https://github.com/owner/goal\" }} }}"
            ),
            _ => format!("\"{}\": {{ \"goal\":\t\"{old}\" }}", format.group()),
        };
        let pins = if is_own { format!("{{ {own}, {from} }}") } else { format!("{{ {from} }}") };
        let before = held(&pins, &sample.files);
        let pin = before.pins.iter().find(|pin| pin.package.contains("goal"));
        let pin = pin.unwrap_or_else(|| panic!("{format:?}: {:?}", sample.files));
        let is_tag = matches!(format, Format::Workflow | Format::GoMod);
        let new = if is_tag { format!("v{new}") } else { new };
        let plan = planned(&before, pin, &new);
        let plan = plan.unwrap_or_else(|refusal| panic!("{format:?} {pins}: {refusal:?} {:?}", sample.files));
        let changed = after(&sample.files, &plan);
        // the file that pins it: one line, and in it only the version, or commit and version
        let lines = |text: &str| text.split('\n').map(str::to_owned).collect::<Vec<_>>();
        let (was, is) = (lines(&sample.files[0].1), lines(&changed[0].1));
        prop_assert_eq!(was.len(), is.len());
        let differing: Vec<(&String, &String)> = was.iter().zip(&is).filter(|(was, is)| was != is).collect();
        if let Some(tool) = sample.tool {
            prop_assert!(differing.is_empty());
            prop_assert!(plan.commands[0].command.starts_with(tool), "{:?}", plan.commands);
            prop_assert!(plan.commands.iter().all(|command| command.file == Path::new(sample.files[0].0)));
        } else {
            let commands: Vec<&str> = plan.commands.iter().map(|command| command.command.as_str()).collect();
            prop_assert_eq!(commands, sample.follows.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(differing.len(), 1);
            let (was, is) = differing[0];
            let put_back = is.replacen(NEW_COMMIT, COMMIT, 1);
            let places = put_back.match_indices(&new).filter(|(at, _)| {
                *was == format!("{}{}{}", &put_back[..*at], pin.version, &put_back[at + new.len()..])
            });
            prop_assert!(places.count() >= 1, "{} is not {}", is, was);
            prop_assert_eq!(is.contains(NEW_COMMIT), was.contains(COMMIT));
        }
        // what is read afterwards: the new pin, and the others as they were
        let own = plan.changes.iter().find(|change| change.before.name() == Path::new("upstream-versions.json"));
        prop_assert_eq!(own.is_some(), is_own);
        let pins = own.map_or(pins.clone(), |change| change.after.whole());
        let is_here = is_own || sample.tool.is_none();
        let goal = pin.package.clone();
        let expected: Vec<(String, String)> = versions(&before)
            .into_iter()
            .map(|(name, version)| if name == goal && is_here { (name, new.clone()) } else { (name, version) })
            .collect();
        let again = held(&pins, &changed);
        // yarn finds a block by what is required, which its command has yet to write
        if format != Format::YarnLock {
            let sorted = |mut versions: Vec<(String, String)>| {
                versions.sort();
                versions
            };
            prop_assert_eq!(sorted(versions(&again)), sorted(expected));
        }
    }
}

#[test]
fn every_format_is_tried_by_the_property() {
    let hand = Hand {
        newline: "\n",
        quote: '"',
        gap: " ",
        indent: "  ",
        is_last: false,
        is_long: false,
        has_mark: false,
        has_end: true,
        comment: "",
    };
    for format in formats() {
        let sample = sample(format, &hand, "1.2.3");
        assert_eq!(Format::of(sample.files[0].0), Some(format));
    }
}

/// Finds the version of `goal` in a file, and says what that file holds before and after.
const LOCATED: [(&str, &str, &str); 5] = [
    ("versions.toml", r#""path": "$.tools.goal""#, "# tools\r\n[tools]\r\nother = '1.2.3'\r\ngoal = '@' # 1.2.3\r\n"),
    ("versions.yaml", r#""path": "$.vars.GOAL""#, "vars:\n  OTHER: 1.2.3\n  GOAL: \"@\" # 1.2.3\n"),
    ("Taskfile.yml", r#""path": "$.vars.GOAL""#, "vars: { GOAL: @, OTHER: 1.2.3 }\n"),
    ("versions.json", r#""path": "$['goal']""#, "{\"other\": \"1.2.3\",\t\"goal\":\"@\"}"),
    ("build.sh", r#""pattern": "GOAL=(?<version>\\S+)""#, "OTHER=1.2.3\nGOAL=@ # 1.2.3\n"),
];

#[test]
fn a_version_that_a_path_or_a_pattern_finds_is_changed_where_it_stands() {
    for (name, finder, text) in LOCATED {
        let pins = format!(
            r#"{{ "from": [{{ "file": "{name}", "group": "tools", "pins": {{ "goal": {{ {finder}, "registry": "npm" }} }} }}] }}"#
        );
        let files = [(name, text.replace('@', "1.2.3"))];
        let before = held(&pins, &files);
        let plan = planned(&before, &before.pins[0], "2.0.0").unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        assert_eq!(after(&files, &plan)[0].1, text.replace('@', "2.0.0"));
        let taking = Taking { pin: &before.pins[0], target: target(&before.pins[0], "2.0.0") };
        assert_eq!(ask(&before, &taking, false).unwrap_err().hint.unwrap(), "--files changes it there");
    }
}

#[test]
fn of_the_matches_of_a_pattern_the_one_that_is_meant_is_changed() {
    let pins = r#"{ "from": [{ "file": "list", "group": "tools", "registry": "npm", "pattern": "^(?<package>\\S+) (?<version>\\S+)$" }] }"#;
    let files = [("list", "other 1.2.3\ngoal 1.2.3\n".to_owned())];
    let before = held(pins, &files);
    let goal = before.pins.iter().find(|pin| pin.package == "goal").unwrap();
    assert_eq!(after(&files, &planned(&before, goal, "2.0.0").unwrap())[0].1, "other 1.2.3\ngoal 2.0.0\n");
}

#[test]
fn what_cannot_be_written_as_text_is_refused_with_its_place() {
    for (name, text, pins, reason) in [
        (
            "package.json",
            r#"{ "dependencies": { "goal": "^1 || ^2" } }"#,
            r#"{ "npm": { "goal": "1.0.0" }, "from": ["package.json"] }"#,
            "package.json:1: the requirement `^1 || ^2` names alternatives",
        ),
        (
            "package.json",
            r#"{ "dependencies": { "goal": "1.0.\u0030" } }"#,
            r#"{ "from": ["package.json"] }"#,
            "`package.json:1` does not hold `1.0.0` as it is",
        ),
        (
            "Gemfile.lock",
            "GEM\n  remote: https://rubygems.org/\n  specs:\n    goal (1.0.0)\n\nDEPENDENCIES\n  goal (~> 1.0)\n",
            r#"{ "from": ["Gemfile.lock"] }"#,
            "Gemfile.lock:7: the requirement `~> 1.0` is a copy",
        ),
        (
            "images.txt",
            "goal:1.0.0@sha256:00\n",
            r#"{ "from": [{ "file": "images.txt", "group": "npm", "pins": { "goal": { "pattern": "goal:(?<version>[0-9.]+)" } } }] }"#,
            "the digest behind `1.0.0` in `images.txt:1` is that of the old version",
        ),
    ] {
        let files = [(name, text.to_owned())];
        let before = held(pins, &files);
        let refusal = planned(&before, &before.pins[0], "3.0.0").unwrap_err();
        assert!(refusal.reason.starts_with(reason), "{}", refusal.reason);
    }
}

#[test]
fn a_requirements_file_that_a_tool_wrote_is_left_to_it() {
    for (text, command) in [
        (
            "# This file is autogenerated by pip-compile with Python 3.12\ngoal==1.0\n",
            "pip-compile --upgrade-package goal==2.0 --output-file requirements.txt requirements.in",
        ),
        (
            "#    uv pip compile requirements.in\ngoal==1.0\n",
            "uv pip compile --upgrade-package goal==2.0 --output-file requirements.txt requirements.in",
        ),
        (
            "goal==1.0 \\\n    --hash=sha256:00\n",
            "pip-compile --generate-hashes --upgrade-package goal==2.0 --output-file requirements.txt requirements.in",
        ),
    ] {
        let before = held(r#"{ "from": ["requirements.txt"] }"#, &[("requirements.txt", text.to_owned())]);
        let plan = planned(&before, &before.pins[0], "2.0").unwrap();
        assert!(plan.changes.is_empty());
        assert_eq!(plan.commands[0].command, command);
    }
}

#[test]
fn commands_name_the_member_the_alias_and_what_will_be_required() {
    let root = r#"{ "name": "app", "workspaces": ["web"], "dependencies": { "goal": "~1.0.0", "other": "npm:upstream@^1.0.0" } }"#;
    let member = r#"{ "name": "web", "dependencies": { "inner": "1.0.0" } }"#;
    let npm = r#"{ "lockfileVersion": 3, "packages": { "": {}, "web": {}, "node_modules/goal": { "version": "1.0.0" },
      "node_modules/other": { "name": "upstream", "version": "1.0.0" }, "node_modules/inner": { "version": "1.0.0" } } }"#;
    let pnpm = "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      goal: { specifier: ~1.0.0, version: 1.0.0 }\n      \
        other: { specifier: npm:upstream@^1.0.0, version: upstream@1.0.0 }\n  web:\n    dependencies:\n      inner: { specifier: 1.0.0, version: 1.0.0 }\n";
    let yarn = "\n__metadata:\n  version: 8\n\"goal@npm:~1.0.0\":\n  version: 1.0.0\n  resolution: \"goal@npm:1.0.0\"\n\
        \"other@npm:upstream@^1.0.0\":\n  version: 1.0.0\n  resolution: \"upstream@npm:1.0.0\"\n\
        \"inner@npm:1.0.0\":\n  version: 1.0.0\n  resolution: \"inner@npm:1.0.0\"\n";
    let first = "# yarn lockfile v1\n\ngoal@~1.0.0:\n  version \"1.0.0\"\n\n\"other@npm:upstream@^1.0.0\":\n  version \"1.0.0\"\n";
    let only = "--package-lock-only --ignore-scripts";
    let npm_again = format!("npm install {only}");
    let pnpm_only = "--no-save --lockfile-only --ignore-scripts";
    let set = "YARN_ENABLE_SCRIPTS=false yarn set resolution";
    for (lock, text, package, expected) in [
        ("package-lock.json", npm, "goal", vec![format!("npm install goal@1.1.0 {only}"), npm_again.clone()]),
        (
            "package-lock.json",
            npm,
            "other",
            vec![format!("npm install other@npm:upstream@1.1.0 {only}"), npm_again.clone()],
        ),
        ("package-lock.json", npm, "inner", vec![format!("npm install inner@1.1.0 --workspace=web {only}"), npm_again]),
        ("pnpm-lock.yaml", pnpm, "goal", vec![format!("pnpm update goal@1.1.0 {pnpm_only}")]),
        ("pnpm-lock.yaml", pnpm, "other", vec![format!("pnpm update other@npm:upstream@1.1.0 {pnpm_only}")]),
        ("pnpm-lock.yaml", pnpm, "inner", vec![format!("pnpm update inner@1.1.0 --recursive {pnpm_only}")]),
        ("yarn.lock", yarn, "goal", vec![format!("{set} 'goal@npm:~1.1.0' npm:1.1.0")]),
        ("yarn.lock", yarn, "other", vec![format!("{set} other@npm:upstream@^1.0.0 npm:upstream@1.1.0")]),
        ("yarn.lock", first, "goal", vec!["yarn install --ignore-scripts --non-interactive".to_owned()]),
        ("yarn.lock", first, "other", vec!["yarn upgrade other --ignore-scripts --non-interactive".to_owned()]),
        ("yarn.lock", yarn, "inner", vec![format!("{set} inner@npm:1.1.0 npm:1.1.0")]),
    ] {
        let files =
            [(lock, text.to_owned()), ("package.json", root.to_owned()), ("web/package.json", member.to_owned())];
        let before = held(&format!(r#"{{ "from": ["{lock}"] }}"#), &files);
        let pin = before.pins.iter().find(|pin| pin.package == package).unwrap_or_else(|| panic!("{lock} {package}"));
        let plan = planned(&before, pin, "1.1.0").unwrap_or_else(|refusal| panic!("{lock} {package}: {refusal:?}"));
        let commands: Vec<&str> = plan.commands.iter().map(|command| command.command.as_str()).collect();
        assert_eq!(commands, expected, "{lock} {package}");
    }
}

/// The files of real projects, as they are kept for the tests of what is read from them.
#[test]
fn real_projects_take_a_version_wherever_upmon_writes_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/projects");
    let folders = |path: &Path| {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
        folders.sort();
        folders
    };
    let mut written = 0;
    let mut left = 0;
    for project in folders(&root).iter().flat_map(|ecosystem| folders(ecosystem)) {
        let before = Held::read(Manifest::read(&project.join("upstream-versions.json"), None).unwrap()).unwrap();
        for pin in before.pins.iter().step_by(9) {
            let prefix = template_of(pin).map(|template| template.prefix().to_owned());
            let prefix = prefix.filter(|prefix| pin.version.starts_with(prefix.as_str())).unwrap_or_default();
            let is_module = pin.place.file.ends_with("go.mod") && pin.package != "toolchain";
            let new = match pin.version[prefix.len()..].split_once('.') {
                // of another major version, the path is another
                Some((major, _)) if is_module => format!("{prefix}{major}.98.97"),
                _ if pin.moves => format!("{prefix}99"),
                _ => format!("{prefix}99.98.97"),
            };
            let mut target = target(pin, &new);
            target.moves_requirements = false;
            let taking = Taking { pin, target };
            let asked = ask(&before, &taking, true).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", pin.place));
            let plan =
                plan(&before, &[taking], vec![asked]).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", pin.place));
            assert!(!plan.changes.is_empty() || !plan.commands.is_empty(), "{}", pin.place);
            written += plan.changes.len();
            left += plan.commands.len();
        }
    }
    assert!(written > 3 && left > 20, "{written} files written, {left} left to tools");
}
