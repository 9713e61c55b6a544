//! What becomes of nvchecker's options, table by table.

use super::*;

/// What becomes of a table, with a version of `x` in the record.
fn imported(table: &str, record: &str) -> Import {
    let config = Config::parse(Source::new("nvchecker.toml", format!("[x]\n{table}"))).unwrap();
    config.import(&Record::parse(&Source::new("old.json", record)).unwrap())
}

const FLAT: &str = r#"{ "x": "1.2.0" }"#;

#[test]
fn sources_become_registries() {
    for (table, group, pin) in [
        ("source = \"pypi\"", "python", json!("1.2.0")),
        (
            "source = \"pypi\"\npypi = \"y\"\nuse_pre_release = true",
            "python",
            json!({ "version": "1.2.0", "package": "y", "prereleases": true }),
        ),
        ("source = \"cratesio\"\ncratesio = \"x\"", "rust", json!("1.2.0")),
        ("source = \"gems\"\ngems = \"y\"", "ruby", json!({ "version": "1.2.0", "package": "y" })),
        (
            "source = \"npm\"\nnpm = \"@a/b\"\nignored = \"1.3.0 1.4.0\"",
            "typescript",
            json!({ "version": "1.2.0", "package": "@a/b", "ignore": [{ "versions": "=1.3.0" }, { "versions": "=1.4.0" }] }),
        ),
        (
            "source = \"git\"\ngit = \"https://g.example/a\"\nprefix = \"v\"",
            "git",
            json!({ "version": "v1.2.0", "url": "https://g.example/a" }),
        ),
        (
            "source = \"github\"\ngithub = \"a/b\"\nuse_max_tag = true\ninclude_regex = \"rel-.*\"\nprefix = \"rel-\"",
            "git",
            json!({ "version": "rel-1.2.0", "url": "https://github.com/a/b" }),
        ),
        (
            "source = \"gitlab\"\nhost = \"gitlab.example\"\ngitlab = \"a/b/c\"\nuse_max_tag = true",
            "git",
            json!({ "version": "1.2.0", "url": "https://gitlab.example/a/b/c" }),
        ),
        (
            "source = \"gitea\"\ngitea = \"a/b\"\nuse_max_tag = true",
            "git",
            json!({ "version": "1.2.0", "url": "https://gitea.com/a/b" }),
        ),
        (
            "source = \"bitbucket\"\nbitbucket = \"a/b\"\nuse_max_tag = true",
            "git",
            json!({ "version": "1.2.0", "url": "https://bitbucket.org/a/b" }),
        ),
    ] {
        let import = imported(table, FLAT);
        assert_eq!(import.pins, [(group.to_owned(), "x".to_owned(), pin)], "{table}: {import:?}");
        assert!(import.remarks.is_empty() && import.left_out.is_empty(), "{table}: {import:?}");
    }
}

#[test]
fn commits_are_followed_where_git_says_so() {
    let commit = "0123456789012345678901234567890123456789";
    let table = "source = \"git\"\ngit = \"https://g.example/a\"\nuse_commit = true\nbranch = \"dev\"";
    let import = imported(table, &format!(r#"{{ "x": "{commit}" }}"#));
    let pin = json!({ "version": commit, "url": "https://g.example/a", "strategy": "commits", "branch": "dev" });
    assert_eq!(import.pins, [("git".to_owned(), "x".to_owned(), pin)]);
}

#[test]
fn the_tag_of_a_record_comes_before_what_was_made_of_it() {
    let record =
        r#"{ "version": 2, "data": { "x": { "version": "1.2.0", "gitref": "refs/tags/v1_2_0", "url": "u" } } }"#;
    let table = "source = \"github\"\ngithub = \"a/b\"\nuse_max_tag = true\nfrom_pattern = \"_\"\nto_pattern = \".\"";
    let import = imported(table, record);
    assert_eq!(import.pins[0].2["version"], "v1_2_0");
    let told: Vec<_> = import.remarks.iter().map(|remark| remark.line).collect();
    assert_eq!(told, [5, 6], "{import:?}");
}

#[test]
fn what_cannot_be_taken_over_is_told_with_its_line() {
    for (table, record, reason) in [
        ("source = \"aur\"", FLAT, "no registry for the source `aur`"),
        ("source = \"cmd\"\ncmd = \"date\"", FLAT, "no registry for the source `cmd`"),
        ("github = \"a/b\"", FLAT, "names no `source`"),
        ("source = \"github\"", FLAT, "names no `github`"),
        ("source = \"github\"\ngithub = \"https://github.com/a/b\"\nuse_max_tag = true", FLAT, "holds an address"),
        ("source = \"github\"\ngithub = \"a/b\"", FLAT, "dates of its commits"),
        ("source = \"pypi\"", "{}", "no version of it is known"),
        ("source = \"pypi\"\nprefix = \"v\"", FLAT, "`prefix` respells"),
        (
            "source = \"git\"\ngit = \"https://g.example/a\"\nfrom_pattern = \"_\"\nto_pattern = \".\"",
            FLAT,
            "`from_pattern` respells",
        ),
    ] {
        let import = imported(table, record);
        assert!(import.pins.is_empty(), "{table}: {import:?}");
        let [left] = &*import.left_out else { panic!("{table}: {import:?}") };
        assert!(left.line == 1 && left.text.contains(reason), "{table}: {left:?}");
    }
    for option in [
        "use_latest_release = true",
        "exclude_regex = \".*rc.*\"",
        "sort_version_key = \"vercmp\"",
        "token = \"s3cret\"",
        "tries = 3",
    ] {
        let import = imported(&format!("source = \"github\"\ngithub = \"a/b\"\nuse_max_tag = true\n{option}"), FLAT);
        assert_eq!((import.pins.len(), import.remarks.len()), (1, 1), "{option}: {import:?}");
        assert!(import.remarks[0].line == 5 && !import.remarks[0].text.contains("s3cret"), "{import:?}");
    }
}

#[test]
fn settings_of_nvchecker_are_no_package() {
    let text = "[__config__]\noldver = \"~/old.json\"\nproxy = \"http://p\"\n[__config__.source.npm]\nregistry = \"https://r\"\n";
    let config = Config::parse(Source::new("a/nvchecker.toml", text)).unwrap();
    assert_eq!(config.record(Some("/home/u")), Some("/home/u/old.json".into()));
    let import = config.import(&Record::default());
    assert!(import.pins.is_empty() && import.left_out.is_empty());
    assert_eq!(import.remarks.len(), 2, "{import:?}");
}

#[test]
fn a_literal_has_no_sign_of_an_expression() {
    for (expression, text) in [
        ("v", Some("v")),
        ("^cli-v", Some("cli-v")),
        (r"cli\.rs-v", Some("cli.rs-v")),
        ("v[0-9]", None),
        (r"\d", None),
        ("a.b", None),
    ] {
        assert_eq!(literal(expression).as_deref(), text, "{expression}");
    }
}
