//! One entry of the pins file: its keys, and what they may not say together.

use std::ops::Range;

use schemars::{JsonSchema, json_schema};

use super::{Ignore, Strategy, TagTemplate, names};
use crate::document::{
    Date, Field, HttpUrl, Node, Placed, Problem, Read, Refusal, Text, Value, Word, inline_schema, table, wrong_kind,
};
use crate::registry::RegistryId;
use crate::version::SchemeId;

/// What of a git remote a pin follows, as the file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
pub(crate) enum StrategyWord {
    /// The remote's tags, read as versions.
    Tags,
    /// The commits of a branch; the pinned version is a commit id.
    Commits,
}

impl Word for StrategyWord {
    const KIND: &'static str = "a strategy";

    fn all() -> Vec<Self> {
        vec![Self::Tags, Self::Commits]
    }

    fn word(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Commits => "commits",
        }
    }

    fn later() -> &'static [&'static str] {
        &["releases"]
    }
}

/// One name of a dispatch target, or several, each with its place.
#[derive(Debug, Clone)]
pub(crate) struct TargetNames(pub(super) Vec<Placed<Text>>);

impl Read for TargetNames {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let nodes = match &node.value {
            Value::Text(_) => std::slice::from_ref(node),
            Value::List(nodes) => nodes,
            _ => {
                problems.push(wrong_kind(node, name, "the name of a dispatch target or a list of names"));
                return None;
            }
        };
        let read = |node: &Node| {
            let value = Text::read(node, name, problems)?;
            Some(Placed { value, span: node.span.clone() })
        };
        let names: Vec<_> = nodes.iter().map(read).collect();
        names.into_iter().collect::<Option<_>>().map(Self)
    }
}

inline_schema!(TargetNames, |_| {
    let name = json_schema!({ "type": "string", "pattern": "\\S" });
    json_schema!({ "anyOf": [name, { "type": "array", "items": name }] })
});

table! {
    /// A package at the version that you hold, with everything there is to say about it.
    #[schemars(rename = "pin")]
    struct EntryTable required ["version"] {
        /// The version that you hold, as upstream spells it; with `strategy: commits` a commit id. Required.
        #[schemars(example = &"1.40.0", example = &"v2.10.24")]
        version = "version": Text,
        /// Who lists the releases. Default: what the group's name implies; a group of another name implies none.
        #[schemars(example = &"crates-io", example = &"git")]
        registry = "registry": RegistryId,
        /// Upstream's name of the package. Default: the key of the entry.
        #[schemars(example = &"@types/node")]
        package = "package": Text,
        /// The git remote: an address over https, http, ssh, git or file, `user@host:path`, or an absolute path. Required
        /// for the registry `git`, and of no use elsewhere. It may not hold a credential. Default: none.
        #[schemars(example = &"https://github.com/nats-io/nats-server")]
        url = "url": Text,
        /// What of a git remote is followed: its tags, or the commits of a branch.
        #[schemars(extend("default" = "tags"), example = &"commits")]
        strategy = "strategy": StrategyWord,
        /// The branch whose commits are followed, with `strategy: commits`. Default: the remote's own default branch.
        #[schemars(example = &"main")]
        branch = "branch": Text,
        /// How the tags of a git remote spell a version, whole: other tags are not looked at. Default: what the pinned
        /// version's own spelling implies, so that `v1.2.3` follows the tags that start with `v`.
        #[schemars(example = &"v{version}", example = &"gopls/v{version}")]
        tag = "tag": Text,
        /// How versions compare. Default: the scheme of the registry.
        #[schemars(example = &"semver", example = &"calver")]
        scheme = "scheme": SchemeId,
        /// The range that you accept, in the scheme's own syntax; the highest release in it is reported as `wanted`.
        /// Default: none.
        #[schemars(example = &"^1.0", example = &">=2.31,<3")]
        requirement = "requirement": Text,
        /// Whether prereleases count. When false, they count only for a pin that is itself one, within its release line.
        #[schemars(extend("default" = false), example = true)]
        prereleases = "prereleases": bool,
        /// The npm dist-tag that is followed: nothing above the release that it points to counts. Default: none.
        #[schemars(example = &"latest", example = &"next")]
        channel = "channel": Text,
        /// Versions that are not wanted.
        #[schemars(extend("default" = []), extend("examples" = [[{ "versions": "1.41.0", "reason": "leaks", "until": "2027-01-31" }]]))]
        #[schemars(extend("minItems" = 1))]
        ignore = "ignore": Vec<Placed<IgnoreTable>>,
        /// The policy of the settings that judges this pin. Default: the one that the rules of the settings give it.
        #[schemars(example = &"relaxed")]
        policy = "policy": Text,
        /// Where upstream tells what changed. Default: what the registry knows.
        #[schemars(example = &"https://github.com/tokio-rs/tokio/blob/master/tokio/CHANGELOG.md")]
        changelog = "changelog": HttpUrl,
        /// Where the way across a major version is described. Default: none.
        #[schemars(example = &"https://example.org/upgrading")]
        migration_guide = "migration_guide": HttpUrl,
        /// The dispatch targets of the settings that are started when this package has a newer release, one or a list;
        /// no others are, and none for an empty list. Default: those whose `packages` match.
        #[schemars(extend("examples" = ["image", ["image", "docs"]]))]
        dispatch = "dispatch": TargetNames,
    }
}

table! {
    /// Versions that are not wanted.
    #[schemars(rename = "ignore")]
    struct IgnoreTable required ["versions"] {
        /// The versions, as a requirement in the scheme's own syntax. Required.
        #[schemars(example = &"=1.41.0", example = &">=2")]
        versions = "versions": Text,
        /// Why. Default: none.
        #[schemars(example = &"breaks on musl")]
        reason = "reason": Text,
        /// The last day on which this holds; afterwards the report says that it has expired. Default: for ever.
        #[schemars(example = &"2027-01-31")]
        until = "until": Date,
    }
}

impl EntryTable {
    /// Whether commits are followed.
    fn follows_commits(&self) -> bool {
        self.strategy.get() == Some(&StrategyWord::Commits)
    }

    /// What of a git remote is followed; `version` is the pinned one.
    pub(super) fn strategy(&self, version: &str) -> Strategy {
        if self.follows_commits() {
            Strategy::Commits { branch: text(&self.branch), pin: version.to_owned() }
        } else {
            Strategy::Tags
        }
    }

    /// Options that change nothing, each with the reason.
    pub(super) fn useless(&self, registry: RegistryId) -> impl Iterator<Item = Problem> {
        let not_git = !names::is_remote(registry);
        let commits = self.follows_commits();
        let only_git = format!("{registry} is one place, and only pins of `git` have a remote of their own");
        let no_versions = "commits are followed, and they are no versions".to_owned();
        let rows = [
            ("url", self.url.span(), not_git, only_git.clone()),
            ("strategy", self.strategy.span(), not_git, only_git.clone()),
            ("branch", self.branch.span(), not_git, only_git.clone()),
            ("tag", self.tag.span(), not_git, only_git),
            (
                "branch",
                self.branch.span(),
                !not_git && !commits,
                "only `strategy: commits` follows a branch".to_owned(),
            ),
            ("tag", self.tag.span(), !not_git && commits, no_versions.clone()),
            ("scheme", self.scheme.span(), commits, no_versions.clone()),
            ("requirement", self.requirement.span(), commits, no_versions.clone()),
            ("prereleases", self.prereleases.span(), commits, no_versions.clone()),
            ("ignore", self.ignore.span(), commits, no_versions),
            (
                "channel",
                self.channel.span(),
                registry != RegistryId::Npm,
                format!("{registry} has no dist-tags, only npm has"),
            ),
            (
                "prereleases",
                self.prereleases.span(),
                self.channel.get().is_some() && registry == RegistryId::Npm,
                "the channel alone decides which releases count".to_owned(),
            ),
            (
                "ignore",
                self.ignore.span(),
                self.ignore.get().is_some_and(Vec::is_empty),
                "the list is empty".to_owned(),
            ),
        ];
        let useless = |(key, span, applies, why): (&str, Option<&Range<usize>>, bool, String)| {
            let span = span.filter(|_| applies)?.clone();
            Some(Problem::new(span, format!("`{key}` has no effect here: {why}")).label("of no use"))
        };
        rows.into_iter().filter_map(useless).collect::<Vec<_>>().into_iter()
    }

    /// What is wrong with the git remote's address, or that there is none; `at` is the place of the whole entry.
    pub(super) fn wrong_remote(&self, registry: RegistryId, at: &Range<usize>) -> Option<Problem> {
        if !names::is_remote(registry) {
            return None;
        }
        if let Some(url) = self.url.placed() {
            return names::remote(&url.value.0).err().map(|refusal| refused("url", &url.span, refusal));
        }
        let help = "add the remote's address, such as \"url\": \"https://github.com/git/git\"";
        Some(Problem::new(at.clone(), "`url` is missing, and a git pin has no other address").help(help))
    }

    /// What the scheme cannot read: the requirement and the versions of the ignore entries.
    pub(super) fn unreadable_requirements(&self, scheme: SchemeId) -> Vec<Problem> {
        if self.follows_commits() {
            return Vec::new();
        }
        let ignored = self.ignore.get().into_iter().flatten().filter_map(|entry| entry.value.versions.placed());
        self.requirement
            .placed()
            .into_iter()
            .chain(ignored)
            .filter_map(|text| {
                let error = scheme.requirement(&text.value.0).err()?;
                Some(Problem::new(text.span.clone(), error.to_string()))
            })
            .collect()
    }

    /// The tag template, if there is one that can be read.
    pub(super) fn template(&self, problems: &mut Vec<Problem>) -> Option<TagTemplate> {
        let tag = self.tag.placed()?;
        let wrong = |reason| Problem::new(tag.span.clone(), format!("`tag` is not a tag template: {reason}"));
        TagTemplate::parse(&tag.value.0).map_err(|reason| problems.push(wrong(reason))).ok()
    }

    /// The dispatch targets that the pin names.
    pub(super) fn targets(&self) -> Option<Vec<String>> {
        let TargetNames(names) = self.dispatch.get()?;
        Some(names.iter().map(|name| name.value.0.clone()).collect())
    }

    /// The ignore entries that are whole.
    pub(super) fn ignores(&self) -> Vec<Ignore> {
        let entry = |entry: &Placed<IgnoreTable>| {
            Some(Ignore {
                versions: text(&entry.value.versions)?,
                reason: text(&entry.value.reason),
                until: entry.value.until.get().map(|date| date.0),
            })
        };
        self.ignore.get().into_iter().flatten().filter_map(entry).collect()
    }
}

/// The text of a field.
pub(super) fn text(field: &Field<Text>) -> Option<String> {
    field.get().map(|text| text.0.clone())
}

/// A refusal at a place.
pub(super) fn refused(name: &str, span: &Range<usize>, refusal: Refusal) -> Problem {
    let problem = Problem::new(span.clone(), format!("`{name}` {}", refusal.reason)).maybe_help(refusal.help);
    if refusal.is_secret { problem.secret() } else { problem }
}
