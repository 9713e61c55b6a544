//! GitHub's side of a plan, through `octocrab`: lists what is there, and carries changes out, slowly and each once.
//!
//! A read that fails for the moment is repeated; a write never is, since nobody knows whether it was done. The next run
//! sees that by the markers. The token goes to the API's own origin only: every request is checked, and no redirect is
//! followed. That is why octocrab is built without its layers for retries and redirects, and is not given the token.

mod changes;
mod listed;
mod wire;

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderValue, StatusCode};
use octocrab::service::middleware::reqwest_connector::ReqwestConnector;
use octocrab::{AuthState, Octocrab, OctocrabBuilder, Page};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use super::marker::Section;
use super::{Approvals, Edit, Fields, Issue, IssueChange, LABEL, Plan, Snapshot, has_label, plan_with};
use crate::config::{IssueSettings, Repository};
use crate::http::client::bare;
use crate::http::options::Options;
use crate::report::{Report, escape};
use listed::{ListedIssue, ListedLabel};

/// The public API.
pub const DEFAULT_URL: &str = "https://api.github.com";

/// The most that GitHub puts on a page.
const PER_PAGE: usize = 100;

/// How many numbers in a row may be no issue before the last one is taken for reached: discussions take numbers too.
const MOST_HOLES: u32 = 3;

/// No list lags behind by more issues.
const MOST_UNLISTED: u64 = 200;

/// Of an error message, what a person reads.
const LONGEST_MESSAGE: usize = 300;

/// Where a tracker is, and who we are to it.
#[derive(Debug, Clone)]
pub struct Access {
    /// The root of the API. It has no user, password or query.
    pub url: Url,
    /// The repository.
    pub repository: Repository,
    /// The token.
    pub token: SecretString,
    /// The pause between two writes.
    pub pace: Duration,
}

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TrackerError {
    /// What was attempted, and what came of it.
    message: String,
    /// Whether nothing else should be attempted in this run.
    is_final: bool,
    /// Whether it is certain that nothing was changed: the server said so, or was never reached.
    is_refusal: bool,
    /// Whether GitHub wants nothing more of us, whatever it is about: the token is not taken, or a limit is reached.
    is_unwelcome: bool,
}

impl TrackerError {
    pub(crate) fn last(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_final: true, is_refusal: false, is_unwelcome: false }
    }

    /// Whether GitHub wants nothing more of us in this run, whatever it is about.
    pub(crate) const fn is_unwelcome(&self) -> bool {
        self.is_unwelcome
    }

    /// Whether it is certain that nothing was changed.
    pub(crate) const fn is_refusal(&self) -> bool {
        self.is_refusal
    }
}

/// A conversation with GitHub about one repository.
#[derive(Debug)]
pub struct Github {
    octocrab: Octocrab,
    access: Access,
    authorization: HeaderValue,
    /// When the next write may start.
    next_write: Option<Instant>,
}

impl Github {
    /// A conversation in which nothing was said yet. Has to be called on the runtime that goes on to use it.
    ///
    /// # Errors
    /// When the address is not safe for a token, or the token is no text for a header.
    pub fn new(access: Access, options: &Options) -> Result<Self, TrackerError> {
        check_address(&access.url)?;
        let token = access.token.expose_secret();
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
            TrackerError::last("the token for GitHub holds a character that cannot be sent in a header")
        })?;
        authorization.set_sensitive(true);
        let failed = |error: &dyn std::fmt::Display| TrackerError::last(format!("no client for GitHub: {error}"));
        let client = bare(options).map_err(|error| failed(&error))?;
        // without octocrab's own layers: they would add a second user agent and join paths to the base by its own rule
        let built =
            OctocrabBuilder::new_empty().with_service(ReqwestConnector::new(client)).with_auth(AuthState::None).build();
        let octocrab = built.map_err(|error| failed(&error))?;
        Ok(Self { octocrab, access, authorization, next_write: None })
    }

    /// The repository of the issues.
    pub(crate) const fn repository(&self) -> &Repository {
        &self.access.repository
    }

    /// Everything that a plan has to know.
    ///
    /// # Errors
    /// When a part of it is refused, does not come, or cannot be the whole truth. Then nothing may be planned.
    pub async fn snapshot(&self) -> Result<Snapshot, TrackerError> {
        let query = format!("issues?labels={LABEL}&state=all&sort=created&direction=asc&per_page={PER_PAGE}");
        let listed: Vec<ListedIssue> = self.all(&query, "listing the issues").await?;
        let issues: Vec<Issue> = listed.into_iter().filter_map(ListedIssue::into_issue).collect();
        let implausible = |why: String| TrackerError::last(format!("the list of issues cannot be right: {why}"));
        let mut numbers = HashSet::new();
        for issue in &issues {
            if !has_label(&issue.labels, LABEL) {
                return Err(implausible(format!("issue {} does not have the label that was asked for", issue.number)));
            }
            if !numbers.insert(issue.number) {
                return Err(implausible(format!("issue {} is in it twice", issue.number)));
            }
        }
        let labels: Vec<ListedLabel> = self.all(&format!("labels?per_page={PER_PAGE}"), "listing the labels").await?;
        Ok(Snapshot { issues, labels: labels.into_iter().map(ListedLabel::name).collect() })
    }

    /// What a run has to do. Where that is to create an issue, the lists were not all that was asked
    /// ([`Self::unlisted`]): a list that lags, or a label that is gone, would have it made twice.
    ///
    /// # Errors
    /// When what is there cannot be told for certain. Then nothing may be done.
    pub async fn plan(
        &self,
        report: &Report,
        settings: &IssueSettings,
        approvals: &Approvals,
        now: DateTime<Utc>,
    ) -> Result<Plan, TrackerError> {
        let mut snapshot = self.snapshot().await?;
        let first = plan_with(report, &snapshot, settings, approvals, now);
        if created(&first).is_empty() {
            return Ok(first);
        }
        let unlisted = self.unlisted(&snapshot).await?;
        let (listed_late, unlabelled): (Vec<Issue>, Vec<Issue>) =
            unlisted.into_iter().partition(|issue| has_label(&issue.labels, LABEL));
        let plan = if listed_late.is_empty() {
            first
        } else {
            snapshot.issues.extend(listed_late);
            plan_with(report, &snapshot, settings, approvals, now)
        };
        let lost = adoptions(&unlabelled, &created(&plan));
        // the next run finds them by the label, and what is to be done about them
        Ok(if lost.is_empty() { plan } else { Plan { changes: lost, ..Plan::default() } })
    }

    /// Issues that may be ours and that the list by label does not show: not yet, as after a run that was killed a moment
    /// ago, or no longer, since they lack the label. They are among the newest of the repository, or one by one under the
    /// numbers behind those.
    async fn unlisted(&self, snapshot: &Snapshot) -> Result<Vec<Issue>, TrackerError> {
        let what = "listing the newest issues";
        let query = format!("issues?state=all&sort=created&direction=desc&per_page={PER_PAGE}");
        let mut found = self.get::<Page<ListedIssue>>(&self.url(&query), what).await?.items;
        let known: HashSet<u64> = snapshot.issues.iter().map(|issue| issue.number).collect();
        let mut last = found.iter().map(|issue| issue.number).chain(known.iter().copied()).max().unwrap_or(0);
        let end = last + MOST_UNLISTED;
        let mut holes = 0;
        while holes < MOST_HOLES {
            last += 1;
            if last > end {
                return Err(TrackerError::last(format!("{what}: the list lacks more than {MOST_UNLISTED} of them")));
            }
            let issue = self.issue(last).await?;
            holes = if issue.is_some() { 0 } else { holes + 1 };
            found.extend(issue);
        }
        Ok(found
            .into_iter()
            .filter_map(ListedIssue::into_issue)
            .filter(|issue| !known.contains(&issue.number))
            .collect())
    }

    /// An issue or a pull request by its number, if it is there.
    async fn issue(&self, number: u64) -> Result<Option<ListedIssue>, TrackerError> {
        let what = format!("asking for issue {number}");
        let answer = self.ask(&self.url(&format!("issues/{number}")), &what).await?;
        // moved to another repository, never there, deleted: https://docs.github.com/rest/issues/issues#get-an-issue
        let is_gone =
            matches!(answer.status(), StatusCode::MOVED_PERMANENTLY | StatusCode::NOT_FOUND | StatusCode::GONE);
        if is_gone {
            return Ok(None);
        }
        let answer = self.expect(answer, &what, true).await?;
        let text = self.text(answer, &what).await?;
        let issue = serde_json::from_str(&text).map_err(|error| {
            TrackerError::last(format!("{what}: the answer cannot be read: {}", self.harmless(&error.to_string())))
        })?;
        Ok(Some(issue))
    }
}

/// The findings about which a plan creates issues.
fn created(plan: &Plan) -> HashSet<&str> {
    plan.changes.iter().filter_map(IssueChange::created).collect()
}

/// Gives the label back to the issues that are about what would be created: an earlier run may not have been allowed to set
/// it, or somebody took it away.
fn adoptions(unlabelled: &[Issue], ids: &HashSet<&str>) -> Vec<IssueChange> {
    let adopt = |issue: &Issue| {
        let id = Section::find(&issue.body)?.id;
        let labels = issue.labels.iter().cloned().chain([LABEL.to_owned()]).collect();
        let fields = Fields { labels: Some(labels), ..Fields::default() };
        let is_asked = ids.contains(id.as_str());
        is_asked.then_some(IssueChange::Adopt(Edit { number: issue.number, id, comment: None, fields }))
    };
    unlabelled.iter().filter_map(adopt).collect()
}

pub(crate) fn shown(id: &str) -> String {
    escape::terminal(&id.chars().take(LONGEST_MESSAGE).collect::<String>())
}

/// A token goes over TLS, or to this machine.
fn check_address(url: &Url) -> Result<(), TrackerError> {
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match () {
        () if !url.username().is_empty() || url.password().is_some() => Err(TrackerError::last(
            "the address of GitHub's API holds a credential; the token has a variable of its own",
        )),
        () if url.query().is_some() || url.fragment().is_some() => {
            Err(TrackerError::last("the address of GitHub's API has a query or a fragment"))
        }
        () if url.scheme() == "https" || (url.scheme() == "http" && is_here) => Ok(()),
        () => Err(TrackerError::last(format!("`{url}` is not an https address, and a token is sent there"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_tls_or_to_this_machine() {
        for (address, is_safe) in [
            ("https://api.github.com", true),
            ("https://ghe.example.org/api/v3", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:1/x", true),
            ("http://localhost/", true),
            ("http://ghe.example.org/api/v3", false),
            ("https://me:s3cr3t@ghe.example.org/", false),
            ("https://ghe.example.org/?token=s3cr3t", false),
        ] {
            let checked = check_address(&Url::parse(address).unwrap());
            assert_eq!(checked.is_ok(), is_safe, "{address}");
            assert!(!checked.is_err_and(|error| error.to_string().contains("s3cr3t")), "{address}");
        }
    }
}
