//! `take --lock`: a tool writes its lock file, or nothing is written at all.
//!
//! The tool is a script called `npm`, alone on the search path with the shell's own words; `tests/real` has the real ones.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use upmon::registry::RegistryId;
use upmon::schema::{Which, schema};

use crate::cli::world::small_with;
use crate::support::runner::{PINS, Run, World};

const PINNED: &str = r#"{ "npm": { "@acme/pad": "1.0.0" }, "from": ["web/package-lock.json"] }"#;
const MANIFEST: &str = "{\r\n  \"dependencies\": { \"@acme/pad\": \"^1.0.0\", \"other\": \"^3.1.0\" }\r\n}\r\n";
const LOCK: &str = r#"{ "lockfileVersion": 3, "packages": { "": {},
  "node_modules/@acme/pad": { "version": "1.0.0" },
  "node_modules/other": { "version": "3.1.4" } } }
"#;
const INSTALL: &str = "npm install @acme/pad@1.1.0 --package-lock-only --ignore-scripts";
const AGAIN: &str = "npm install --package-lock-only --ignore-scripts";

/// What a tool does that does what it should: like npm, it also writes the manifest.
const GOOD: &str = r"sed -i '/pad/s/1\.0\.0/1.1.0/' package-lock.json; echo '{}' > package.json";

/// A project, and a tool that does what the shell is told.
async fn project(does: &str) -> World {
    let world = small_with(PINNED).await;
    fs::create_dir(world.path("web")).expect("the test's directory takes directories");
    world.write("web/package.json", MANIFEST);
    world.write("web/package-lock.json", LOCK);
    let told = world.path("told");
    let script = format!(
        "#!/bin/sh\nmkdir -p '{0}'; echo \"npm $*\" >> '{0}/commands'; pwd > '{0}/directory'; env > '{0}/environment'\n{does}\n",
        told.display()
    );
    world.write("npm", &script);
    fs::create_dir(world.path("programs")).expect("the test's directory takes directories");
    fs::rename(world.path("npm"), world.path("programs/npm")).expect("the script can be moved");
    fs::set_permissions(world.path("programs/npm"), fs::Permissions::from_mode(0o755)).expect("the rights can be set");
    world
}

fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command.env("PATH", format!("{}:/usr/bin:/bin", world.path("programs").display()));
    command
}

fn run(world: &World, arguments: &[&str]) -> Run {
    Run::of(command(world, arguments).output().expect("the binary starts"))
}

/// Every file of the project, without what the tool was told.
fn bytes(world: &World) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for directory in ["", "web"] {
        for entry in fs::read_dir(world.path(directory)).expect("the directory is there").flatten() {
            if entry.path().is_file() {
                let name = format!("{directory}/{}", entry.file_name().display());
                found.insert(name, fs::read(entry.path()).expect("the file can be read"));
            }
        }
    }
    found
}

#[tokio::test]
async fn the_tool_writes_the_lock_file_and_the_manifest_stays_ours() {
    let world = project(GOOD).await;
    let run = run(&world, &["take", "@acme/pad", "--lock"]).ended(0);
    insta::assert_snapshot!(run.stdout, @r#"
    npm/@acme/pad: 1.0.0 -> 1.1.0
    upstream-versions.json:1
    -{ "npm": { "@acme/pad": "1.0.0" }, "from": ["web/package-lock.json"] }
    +{ "npm": { "@acme/pad": "1.1.0" }, "from": ["web/package-lock.json"] }
    done for web/package-lock.json: in `web`, ran
        npm install @acme/pad@1.1.0 --package-lock-only --ignore-scripts
    done for web/package-lock.json: in `web`, ran
        npm install --package-lock-only --ignore-scripts
    "#);
    assert_eq!(world.read("web/package-lock.json"), LOCK.replace("1.0.0", "1.1.0"));
    assert_eq!(world.read("web/package.json"), MANIFEST);
    assert_eq!(world.read(PINS), PINNED.replace("1.0.0", "1.1.0"));
    assert_eq!(world.read("told/commands"), format!("{INSTALL}\n{AGAIN}\n"));
    assert!(world.read("told/directory").ends_with("/web\n"));
}

#[tokio::test]
async fn what_was_run_and_what_moved_along_is_told() {
    let world = project(&format!("{GOOD}; sed -i 's/3.1.4/3.2.0/' package-lock.json")).await;
    let told = run(&world, &["take", "@acme/pad", "--lock", "--json"]).ended(0).json();
    let ran = |command: &str| json!({ "file": "web/package-lock.json", "directory": "web", "command": command });
    assert_eq!(told["ran"], json!([ran(INSTALL), ran(AGAIN)]));
    assert_eq!(told["commands"], json!([]));
    assert_valid(&told);
    assert_eq!(
        told["moved"],
        json!([{ "id": "npm/other", "file": "web/package-lock.json", "from": "3.1.4", "to": "3.2.0" }])
    );
    let world = project(&format!("{GOOD}; sed -i 's/3.1.4/3.2.0/' package-lock.json")).await;
    let run = run(&world, &["take", "@acme/pad", "--lock"]).ended(0);
    assert!(run.stdout.ends_with("npm/other: 3.1.4 -> 3.2.0 in web/package-lock.json, along with it\n"), "{run:?}");
}

#[tokio::test]
async fn what_a_version_needs_to_be_required_is_there_for_the_tool_to_read() {
    let world = project(r#"grep -q '"~1.1.0"' package.json && sed -i '/pad/s/1\.0\.0/1.1.0/' package-lock.json"#).await;
    world.write("web/package.json", &MANIFEST.replace("^1.0.0", "~1.0.0"));
    run(&world, &["take", "@acme/pad", "1.1.0", "--lock"]).ended(0);
    assert_eq!(world.read("web/package.json"), MANIFEST.replace("^1.0.0", "~1.1.0"));
}

#[tokio::test]
async fn a_tool_that_does_something_else_changes_no_byte() {
    let kill = r"sed -i '/other/d; s/ },$/ } } }/' package-lock.json";
    for (does, reason) in [
        (
            "printf 'one\\n\\033[31mtwo\\n' >&2; exit 7",
            format!("`{INSTALL}` ended with exit code 7\n  | one\n  | \\u{{1b}}[31mtwo"),
        ),
        (
            "exit 0",
            format!("after `{INSTALL}`: `@acme/pad` is still at `1.0.0` in `web/package-lock.json`, not at `1.1.0`"),
        ),
        (
            r"sed -i '/pad/s/1\.0\.0/1.0.5/' package-lock.json",
            format!("after `{INSTALL}`: `@acme/pad` is now at `1.0.5` in `web/package-lock.json`, not at `1.1.0`"),
        ),
        (kill, format!("after `{INSTALL}`: `other`, which was not meant, is gone from `web/package-lock.json`")),
        (
            "sed -i s/3.1.4/3.1.2/ package-lock.json",
            format!("after `{INSTALL}`: `other`, which was not meant, went from `3.1.4` to `3.1.2`"),
        ),
        (
            "sed -i s/3.1.4/4.0.0/ package-lock.json",
            format!("after `{INSTALL}`: `other`, which was not meant, went from `3.1.4` to `4.0.0`"),
        ),
        ("echo '{' > package-lock.json", "what the tool wrote cannot be read: ".to_owned()),
        ("rm -f package-lock.json package.json", "what the tool wrote cannot be read: ".to_owned()),
        ("rm package.json; chmod 600 package-lock.json; exit 1", format!("`{INSTALL}` ended with exit code 1")),
    ] {
        let good = if does.contains("exit") || does.contains("pad") { "" } else { GOOD };
        let world = project(&format!("{good}\n{does}")).await;
        // the text of the plan is in there, too
        world.write("web/package.json", &MANIFEST.replace("^1.0.0", "~1.0.0"));
        let before = bytes(&world);
        let run = run(&world, &["take", "@acme/pad", "1.1.0", "--lock"]).ended(4);
        assert!(run.stderr.starts_with(&format!("error: {reason}")), "{does}: {}", run.stderr);
        assert!(run.stderr.contains("\nhint: every file is as it was"), "{does}: {}", run.stderr);
        assert_eq!(run.stdout, "");
        assert_eq!(bytes(&world), before, "{does}");
        let rights = |name: &str| fs::metadata(world.path(name)).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(rights("web/package-lock.json"), rights(PINS), "{does}");
        assert!(world.path("told/commands").exists(), "{does}");
    }
}

#[tokio::test]
async fn what_somebody_writes_into_the_pins_file_meanwhile_is_kept() {
    let world = project(&format!("{GOOD}; echo >> ../{PINS}")).await;
    let run = run(&world, &["take", "@acme/pad", "--lock"]).ended(4);
    assert!(run.stderr.starts_with("error: `upstream-versions.json` was changed meanwhile\n"), "{}", run.stderr);
    assert_eq!((world.read("web/package-lock.json").as_str(), world.read(PINS)), (LOCK, format!("{PINNED}\n\n")));
}

#[tokio::test]
async fn a_tool_that_is_missing_is_named_before_anything_is_written() {
    let world = project(GOOD).await;
    let before = bytes(&world);
    // a program of the project itself is none
    let mut command = world.command(&["take", "@acme/pad", "--lock"]);
    command.env("PATH", format!("programs::{}", world.path("web").display()));
    let run = Run::of(command.output().expect("the binary starts")).ended(4);
    assert_eq!(
        run.stderr,
        format!(
            "error: `npm` is not installed, and only it writes `web/package-lock.json`\n\
             hint: nothing was written; install it, or leave --lock out and run `{INSTALL}` where it is\n"
        )
    );
    assert_eq!(bytes(&world), before);
    assert!(!world.path("told").exists());
}

#[tokio::test]
async fn a_dry_run_and_one_without_the_option_run_nothing() {
    let world = project(GOOD).await;
    let before = bytes(&world);
    let told = run(&world, &["take", "@acme/pad", "--lock", "--dry-run", "--json"]).ended(0).json();
    let commands: Vec<&str> =
        told["commands"].as_array().unwrap().iter().map(|one| one["command"].as_str().unwrap()).collect();
    assert_eq!((commands, &told["ran"], &told["moved"]), (vec![INSTALL, AGAIN], &json!([]), &json!([])));
    assert_eq!(bytes(&world), before);
    let run = run(&world, &["take", "@acme/pad", "--files"]).ended(0);
    assert!(run.stdout.contains(&format!("left to do for web/package-lock.json: in `web`, run\n    {INSTALL}\n")));
    assert_eq!(world.read("web/package-lock.json"), LOCK);
    assert!(!world.path("told").exists());
}

#[tokio::test]
async fn a_tool_gets_its_own_environment_and_none_of_our_secrets() {
    let world = project(GOOD).await;
    let mut command = command(&world, &["take", "@acme/pad", "--lock"]);
    for name in ["UPMON_NPM_TOKEN", "UPMON_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN"] {
        command.env(name, "s3cr3t");
    }
    command.env("NODE_AUTH_TOKEN", "npm's own").env("HTTPS_PROXY", "http://127.0.0.1:9");
    Run::of(command.output().expect("the binary starts")).ended(0);
    let environment = world.read("told/environment");
    assert!(!environment.contains("s3cr3t") && !environment.contains("UPMON_"), "{environment}");
    for kept in ["NODE_AUTH_TOKEN=npm's own", "HTTPS_PROXY=http://127.0.0.1:9", "HOME=", "PATH="] {
        assert!(environment.contains(kept), "{kept} is missing in {environment}");
    }
}

#[tokio::test]
async fn whoever_ends_upmon_ends_the_tool_and_all_that_it_started() {
    for signal in ["TERM", "INT"] {
        let world =
            project("echo '{}' > package.json; echo $$ > ../told/own; sleep 600 & echo $! > ../told/child; wait").await;
        let before = bytes(&world);
        let child = command(&world, &["take", "@acme/pad", "--lock"]).spawn().expect("the binary starts");
        wait_for(&|| fs::read_to_string(world.path("told/child")).is_ok_and(|number| number.ends_with('\n')));
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
        let run = Run::of(child.wait_with_output().expect("it can be waited for")).ended(130);
        assert!(
            run.stderr.contains("was ended, since upmon was asked to end\nhint: every file is as it was"),
            "{run:?}"
        );
        assert_eq!(bytes(&world), before);
        for name in ["own", "child"] {
            let number = world.read(&format!("told/{name}"));
            wait_for(&|| !is_running(number.trim()));
        }
    }
}

/// A process that ended may wait for its parent to ask how.
fn is_running(number: &str) -> bool {
    let told = fs::read_to_string(Path::new("/proc").join(number).join("stat"));
    match told {
        Ok(told) => !told.contains(") Z "),
        Err(_) if Path::new("/proc/self").exists() => false,
        Err(_) => Command::new("kill").args(["-0", number]).status().is_ok_and(|status| status.success()),
    }
}

#[track_caller]
fn wait_for(is_so: &dyn Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether `upmon schema take` describes it.
fn assert_valid(told: &Value) {
    let validator = jsonschema::draft202012::new(&schema(Which::Take)).expect("a valid schema");
    let errors: Vec<String> = validator.iter_errors(told).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} {told:#}");
}

#[tokio::test]
async fn the_schema_describes_what_is_told() {
    let world = project(GOOD).await;
    world.write(
        PINS,
        &PINNED.replacen('{', r#"{ "python": { "serpent": "2.0" }, "typescript": { "lost": "0.1.0" },"#, 1),
    );
    world.missing(RegistryId::Npm, "other").await;
    let told = run(&world, &["take", "--all", "--files", "--dry-run", "--json"]).ended(3).json();
    for list in ["taken", "stays", "left", "changes", "commands"] {
        assert_ne!(told[list], json!([]), "{list}: {told:#}");
    }
    assert_valid(&told);
    let schema = schema(Which::Take);
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&schema["properties"]), keys(&told));
}
