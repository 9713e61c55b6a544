//! A sample event in the words of each forge, proven as that forge does it.

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use serde_json::{Value, json};
use url::Url;

use crate::config::Repository;
use crate::server::{sign, sign_as_standard};

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forge {
    GitHub,
    GitLab,
    Gitea,
    Signed,
}

impl ValueEnum for Forge {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::GitHub, Self::GitLab, Self::Gitea, Self::Signed]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::GitHub => "Signs the body",
            Self::GitLab => "Shows the secret, or signs as Standard Webhooks where it starts with `whsec_`",
            Self::Gitea => "Signs the body under names of its own, as Forgejo does",
            Self::Signed => "A sender of your own: signs the time and the body",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl Forge {
    /// The last part of the address that takes its events.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Gitea => "gitea",
            Self::Signed => "signed",
        }
    }

    /// Whose events an address of the service takes, behind whatever path; `None` for an address that is none of them.
    pub(super) fn at(url: &Url) -> Option<Self> {
        let (_, name) = url.path().trim_end_matches('/').rsplit_once("/webhooks/")?;
        Self::value_variants().iter().copied().find(|forge| forge.name() == name)
    }

    /// Where its repositories are, when only their name is known.
    const fn host(self) -> &'static str {
        match self {
            Self::GitHub | Self::Signed => "https://github.com",
            Self::GitLab => "https://gitlab.com",
            Self::Gitea => "https://gitea.com",
        }
    }

    /// What it sends where nothing else is wanted: only GitHub knows an event that leads to nothing; the others try a hook
    /// with a push.
    pub(super) const fn usual(self) -> Event {
        match self {
            Self::GitHub => Event::Ping,
            Self::GitLab | Self::Gitea | Self::Signed => Event::Push,
        }
    }
}

/// Events to try a service with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Event {
    /// Proves that the secret is right, and leads to nothing; GitHub alone has it
    Ping,
    /// A release was published
    Release,
    /// A tag was pushed
    Push,
}

/// What an event is about.
#[derive(Debug, Clone)]
pub(super) enum About {
    /// A repository of the forge itself.
    Named(Repository),
    /// One at another address.
    At(Url),
}

impl About {
    /// Reads `owner/name` or an address.
    ///
    /// # Errors
    /// When it is neither, or the address holds a user or a password, which an event must not tell.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if !text.contains("://") {
            return Repository::parse(text).map(Self::Named);
        }
        let is_plain = |url: &Url| {
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
        };
        let url = Url::parse(text).ok().filter(is_plain);
        url.map(Self::At).ok_or_else(|| "is not an address such as `https://git.example/acme/shop`".to_owned())
    }

    fn address(&self, forge: Forge) -> String {
        match self {
            Self::Named(repository) => format!("{}/{repository}", forge.host()),
            Self::At(url) => url.as_str().trim_end_matches('/').to_owned(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Named(repository) => repository.to_string(),
            Self::At(url) => url.path().trim_matches('/').to_owned(),
        }
    }
}

/// One event to send.
#[derive(Debug)]
pub(super) struct Sample<'a> {
    pub(super) forge: Forge,
    pub(super) event: Event,
    pub(super) about: &'a About,
    /// The event's own, so that it is never taken for one that came before.
    pub(super) id: String,
    /// When it is sent.
    pub(super) at: DateTime<Utc>,
}

impl Sample<'_> {
    /// The body, as far as anybody reads it.
    pub(super) fn body(&self) -> String {
        let (id, name, address) = (&self.id, self.about.name(), self.about.address(self.forge));
        let tag = format!("refs/tags/{id}");
        let repository = json!({ "full_name": name, "html_url": address, "default_branch": "main" });
        let project = json!({ "path_with_namespace": name, "web_url": address, "default_branch": "main" });
        let body: Value = match (self.forge, self.event) {
            (Forge::Signed, _) => json!({ "repository": address, "id": id }),
            (Forge::GitLab, Event::Release) => {
                json!({ "object_kind": "release", "action": "create", "tag": id, "project": project })
            }
            (Forge::GitLab, _) => {
                json!({ "object_kind": "tag_push", "event_name": "tag_push", "ref": tag, "project": project })
            }
            (_, Event::Ping) => json!({ "zen": id, "repository": repository }),
            (_, Event::Release) => {
                json!({ "action": "published", "release": { "tag_name": id }, "repository": repository })
            }
            (_, Event::Push) => json!({ "ref": tag, "repository": repository }),
        };
        body.to_string()
    }

    /// The headers that say what the body is and prove who sends it.
    pub(super) fn headers(&self, secret: &str, body: &str) -> Vec<(&'static str, String)> {
        let (id, at) = (self.id.clone(), self.at.timestamp().to_string());
        let word = match self.event {
            Event::Ping => "ping",
            Event::Release => "release",
            Event::Push => "push",
        };
        match self.forge {
            Forge::GitHub => vec![
                ("x-github-event", word.to_owned()),
                ("x-github-delivery", id),
                ("x-hub-signature-256", sign(secret, body.as_bytes())),
            ],
            Forge::Gitea => vec![
                ("x-gitea-event", word.to_owned()),
                ("x-gitea-delivery", id),
                ("x-gitea-signature", sign(secret, body.as_bytes()).trim_start_matches("sha256=").to_owned()),
            ],
            Forge::Signed => {
                let signature = sign(secret, format!("{at}.{body}").as_bytes());
                vec![("upmon-timestamp", at), ("upmon-signature", signature)]
            }
            Forge::GitLab => {
                let event = if self.event == Event::Release { "Release Hook" } else { "Tag Push Hook" };
                let said = [("x-gitlab-event", event.to_owned()), ("x-gitlab-event-uuid", id.clone())];
                let proof = if secret.starts_with("whsec_") {
                    let signature = sign_as_standard(secret, format!("{id}.{at}.{body}").as_bytes());
                    vec![("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)]
                } else {
                    vec![("idempotency-key", id), ("x-gitlab-token", secret.to_owned())]
                };
                said.into_iter().chain(proof).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_who_sends() {
        for (path, expected) in [
            ("webhooks/github", Some(Forge::GitHub)),
            ("upmon/webhooks/gitlab", Some(Forge::GitLab)),
            ("webhooks/gitea/", Some(Forge::Gitea)),
            ("webhooks/signed?x=1", Some(Forge::Signed)),
            ("webhook/rust/tokio", None),
            ("webhooks/gogs", None),
            ("gitlab", None),
            ("", None),
        ] {
            assert_eq!(Forge::at(&Url::parse(&format!("http://h.example/{path}")).unwrap()), expected, "{path}");
        }
    }

    #[test]
    fn an_event_is_about_a_name_or_an_address() {
        let address = |text: &str| About::parse(text).map(|about| (about.address(Forge::GitLab), about.name()));
        let of = |address: &str, name: &str| Ok((address.to_owned(), name.to_owned()));
        assert_eq!(address("acme/shop"), of("https://gitlab.com/acme/shop", "acme/shop"));
        assert_eq!(address("https://g.example/a/b/c/"), of("https://g.example/a/b/c", "a/b/c"));
        for wrong in ["acme", "ssh://g.example/a/b", "https://ann:s3cret@g.example/a/b", "https://"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
