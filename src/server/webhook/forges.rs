//! Events of forges that are not GitHub: how they prove themselves, and what their words mean.
//!
//! GitLab sends [`X-Gitlab-Token`](https://docs.gitlab.com/user/project/integrations/webhooks/), the secret itself, or signs
//! as [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md) has it.
//! Gitea sends the bare digits of an [HMAC](https://docs.gitea.com/usage/webhooks) under names of its own; so does
//! [Forgejo](https://forgejo.org/docs/latest/user/webhooks/), which sends those names as well as its own.

use serde_json::Value;

use super::event::Concern;
use crate::registry::RegistryId;
use crate::registry::git::place;

/// The events of GitLab that mean something here.
pub(super) const GITLAB: [&str; 5] = ["Pipeline Hook", "Push Hook", "Release Hook", "System Hook", "Tag Push Hook"];

/// Those of Gitea and Forgejo.
pub(super) const GITEA: [&str; 4] = ["create", "package", "push", "release"];

/// What an event of [GitLab](https://docs.gitlab.com/user/project/integrations/webhook_events/) is about, by what
/// `X-Gitlab-Event` says.
pub(super) fn read_gitlab(event: &str, payload: &Value) -> Option<Concern> {
    let repository = || place(payload["project"]["web_url"].as_str()?);
    match event {
        "Tag Push Hook" => repository().map(Concern::Repository),
        "Release Hook" if matches!(payload["action"].as_str(), Some("create" | "update" | "delete")) => {
            repository().map(Concern::Repository)
        }
        "Push Hook" => {
            let branch = payload["ref"].as_str()?.strip_prefix("refs/heads/")?.to_owned();
            let is_default = payload["project"]["default_branch"] == *branch;
            Some(Concern::Branch { repository: repository()?, branch, is_default })
        }
        // what publishes a release to a registry is mostly a pipeline that has just ended well
        "Pipeline Hook" if payload["object_attributes"]["status"] == "success" => repository().map(Concern::Repository),
        // system and group hooks tell the same in the body
        "System Hook" => match payload["event_name"].as_str()? {
            "tag_push" => repository().map(Concern::Repository),
            "push" => read_gitlab("Push Hook", payload),
            _ => None,
        },
        _ => None,
    }
}

/// What an event of Gitea or Forgejo is about. Their words are mostly those of GitHub.
pub(super) fn read_gitea(event: &str, payload: &Value) -> Option<Concern> {
    match event {
        "release" => {
            let repository = place(payload["repository"]["html_url"].as_str()?)?;
            let is_told = matches!(payload["action"].as_str(), Some("published" | "updated" | "deleted"));
            is_told.then_some(Concern::Repository(repository))
        }
        "package" if payload["action"] == "created" => {
            let package = &payload["package"];
            let registry = match package["type"].as_str() {
                Some("npm") => Some(RegistryId::Npm),
                Some("cargo") => Some(RegistryId::CratesIo),
                Some("pypi") => Some(RegistryId::PyPi),
                Some("rubygems") => Some(RegistryId::RubyGems),
                _ => None,
            };
            let repository = package["repository"]["html_url"].as_str().and_then(place);
            Some(Concern::Package { registry, name: package["name"].as_str()?.to_owned(), repository })
        }
        "create" | "push" => super::event::read(event, payload),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SHOP: &str = "git.example/acme/shop";

    fn repository() -> Concern {
        Concern::Repository(SHOP.to_owned())
    }

    fn branch(branch: &str, is_default: bool) -> Concern {
        Concern::Branch { repository: SHOP.to_owned(), branch: branch.to_owned(), is_default }
    }

    #[test]
    fn events_of_gitlab_are_about_what_they_say_and_others_about_nothing() {
        for (event, payload, expected) in [
            ("Tag Push Hook", json!({ "ref": "refs/tags/v1" }), Some(repository())),
            ("Push Hook", json!({ "ref": "refs/heads/main" }), Some(branch("main", true))),
            ("Push Hook", json!({ "ref": "refs/heads/a/b" }), Some(branch("a/b", false))),
            ("Push Hook", json!({}), None),
            ("Release Hook", json!({ "action": "create" }), Some(repository())),
            ("Release Hook", json!({ "action": "delete" }), Some(repository())),
            ("Release Hook", json!({}), None),
            ("Pipeline Hook", json!({ "object_attributes": { "status": "success" } }), Some(repository())),
            ("Pipeline Hook", json!({ "object_attributes": { "status": "failed" } }), None),
            ("System Hook", json!({ "event_name": "tag_push", "ref": "refs/tags/v1" }), Some(repository())),
            ("System Hook", json!({ "event_name": "push", "ref": "refs/heads/main" }), Some(branch("main", true))),
            ("System Hook", json!({ "event_name": "project_create" }), None),
            ("Issue Hook", json!({}), None),
        ] {
            let mut payload = payload;
            payload["project"] = json!({ "web_url": "https://git.example/Acme/Shop", "default_branch": "main" });
            assert_eq!(read_gitlab(event, &payload), expected, "{event} {payload}");
            assert!(expected.is_none() || GITLAB.contains(&event), "{event}");
        }
        assert_eq!(read_gitlab("Tag Push Hook", &json!({})), None);
        assert_eq!(read_gitlab("Push Hook", &json!("text")), None);
    }

    #[test]
    fn events_of_gitea_are_about_what_they_say_and_others_about_nothing() {
        let npm = json!({ "action": "created", "package": { "type": "npm", "name": "pad" } });
        let package = Concern::Package { registry: Some(RegistryId::Npm), name: "pad".to_owned(), repository: None };
        for (event, payload, expected) in [
            ("push", json!({ "ref": "refs/tags/v1" }), Some(repository())),
            ("push", json!({ "ref": "refs/heads/main" }), Some(branch("main", true))),
            ("create", json!({ "ref": "v1", "ref_type": "tag" }), Some(repository())),
            ("create", json!({ "ref": "dev", "ref_type": "branch" }), None),
            ("release", json!({ "action": "published" }), Some(repository())),
            ("release", json!({ "action": "updated" }), Some(repository())),
            ("release", json!({ "action": "drafted" }), None),
            ("package", npm, Some(package)),
            ("package", json!({ "action": "deleted" }), None),
            ("workflow_run", json!({ "action": "completed" }), None),
            ("issues", json!({ "action": "opened" }), None),
        ] {
            let mut payload = payload;
            payload["repository"] = json!({ "html_url": "https://git.example/acme/shop", "default_branch": "main" });
            assert_eq!(read_gitea(event, &payload), expected, "{event} {payload}");
            assert!(expected.is_none() || GITEA.contains(&event), "{event}");
        }
    }
}
