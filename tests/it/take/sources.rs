//! `take --files` of versions by path and by pattern: an image's, which is watched by the tags of its repository.

use crate::cli::git::tagged;
use crate::support::runner::PINS;

const DOCKERFILE: &str = "# syntax=docker/dockerfile:1.7\r\n# 1.0.0 is the oldest that works\r\nFROM ghcr.io/acme/tool:1.0.0 AS tool\r\n\
    FROM alpine:3.20\r\nCOPY --from=tool /tool /bin/";

const VALUES: &str = "\u{feff}# 1.0.0 is the oldest that works\nimage:\n  repository: ghcr.io/acme/tool\n  tag: \"1.0.0\" # not latest\n\
    base: &base { tag: 1.0.0 }\nother: *base\n";

#[tokio::test]
async fn one_place_of_a_dockerfile_and_of_values_is_changed_and_comments_stay() {
    let world = tagged(&["v1.0.0", "v1.1.0", "v2.0.0"]).await;
    let url = world.path("repository");
    for (name, text, finder, from, to) in [
        (
            "Dockerfile",
            DOCKERFILE,
            r#""pattern": "^FROM ghcr\\.io/acme/tool:(?<version>\\S+)""#,
            "tool:1.0.0",
            "tool:2.0.0",
        ),
        ("values.yaml", VALUES, r#""path": "$.image.tag""#, "\"1.0.0\" # not", "\"2.0.0\" # not"),
        ("values.yaml", VALUES, r#""path": "$.base.tag""#, "tag: 1.0.0 }", "tag: 2.0.0 }"),
    ] {
        let pin = format!(r#"{{ {finder}, "registry": "git", "url": {url:?}, "tag": "v{{version}}" }}"#);
        // the file may list the image beside, as one that nobody can be asked about
        for listed in [r#", "exclude": ["ghcr.io/acme/tool"]"#, ""] {
            let pins = format!(
                r#"{{ "from": [{{ "file": "{name}"{listed} }},
                  {{ "file": "{name}", "group": "images", "pins": {{ "tool": {pin} }} }}] }}"#
            );
            world.write(PINS, &pins);
            world.write(name, text);
            // the commits are younger than the instant of the other tests
            let taken = ["take", "images/tool", "--files", "--json", "--as-of", "2100-01-01"];
            let run = world.run(&taken).ended(0).json();
            let changes = run["changes"].as_array().expect("a list of changes");
            assert_eq!(changes.len(), 1, "{run:#}");
            assert_eq!(
                (changes[0]["file"].as_str(), world.read(name)),
                (Some(name), text.replacen(from, to, 1)),
                "{run:#}"
            );
            assert_eq!(world.read(PINS), pins);
            let again = world.run(&taken).ended(0).json();
            assert_eq!(again["changes"], serde_json::json!([]), "{again:#}");
        }
    }
}
