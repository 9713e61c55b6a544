//! GitHub's side of a plan, through `octocrab`: lists what is there, and carries changes out, slowly and each once.
//!
//! A read that fails for the moment is repeated; a write never is, since nobody knows whether it was done. The next run
//! sees that by the markers. The token goes to the API's own origin only: every request is checked, and no redirect is
//! followed. That is why octocrab is built without its layers for retries and redirects, and is not given the token.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, RETRY_AFTER};
use http::{HeaderValue, Method, StatusCode, Uri};
use octocrab::service::middleware::reqwest_connector::ReqwestConnector;
use octocrab::{AuthState, FromResponse, Octocrab, OctocrabBuilder, Page};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

use super::marker::Section;
use super::{
    Approvals, Comment, Edit, Fields, Issue, IssueChange, LABEL, Label, NewIssue, Plan, Snapshot, has_label, plan_with,
};
use crate::config::{IssueSettings, Repository};
use crate::http::client::bare;
use crate::http::options::Options;
use crate::report::{Report, escape};

/// The public API.
pub const DEFAULT_URL: &str = "https://api.github.com";

/// The most that GitHub puts on a page.
const PER_PAGE: usize = 100;

/// No repository has more issues of ours; a server that never ends would otherwise never end.
const MOST_PAGES: usize = 1_000;

/// What a token lacks for which GitHub drops labels silently.
const LABEL_RIGHTS: &str =
    "the token may not set labels: it needs `issues: write`, of a person the role triage or more";

/// How often a read is attempted.
const ATTEMPTS: u32 = 3;

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

/// One question or change, and what it is called in messages.
struct Call<'a> {
    method: Method,
    url: String,
    body: Option<&'a Value>,
    what: String,
}

pub(crate) type Answer = http::Response<http_body_util::combinators::BoxBody<bytes::Bytes, octocrab::Error>>;

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

    /// Carries a plan out. `tell` hears of every change that was done; what could not be done is the answer.
    pub async fn carry_out(&mut self, plan: &Plan, tell: &mut (dyn FnMut(&str) + Send)) -> Vec<TrackerError> {
        let mut failures = Vec::new();
        for (index, change) in plan.changes.iter().enumerate() {
            match self.change(change).await {
                Ok(done) => tell(&done),
                Err(TrackerError { message, is_final: true, .. }) => {
                    let left = plan.changes.len() - index;
                    failures
                        .push(TrackerError::last(format!("{message}; stopped with {left} of the changes not done")));
                    break;
                }
                Err(failure) => failures.push(failure),
            }
        }
        failures
    }

    /// Gives an issue of ours its label back. That is a failure even where it works: what is to be done about the issue is
    /// left to the next run, which finds it.
    async fn adopt(&mut self, edit: &Edit) -> Result<String, TrackerError> {
        let about = format!("issue {} about `{}`", edit.number, shown(&edit.id));
        let what = format!("giving {about} the label `{LABEL}`");
        let refused = |error: TrackerError| TrackerError::last(format!("{error}; {LABEL_RIGHTS}"));
        let answer = self.patch(edit, &what).await.map_err(refused)?;
        let issue: ListedIssue = self.read(self.expect(answer, &what, true).await.map_err(refused)?, &what).await?;
        // GitHub leaves labels as they are, silently, where a token may not set them
        if !issue.labels.iter().any(|label| label.is(LABEL)) {
            return Err(TrackerError::last(format!("{what}: GitHub did not take it; {LABEL_RIGHTS}")));
        }
        let done = format!("{about} had lost the label `{LABEL}` and has it again; run this once more");
        Err(TrackerError { is_final: false, ..TrackerError::last(done) })
    }

    async fn patch(&mut self, edit: &Edit, what: &str) -> Result<Answer, TrackerError> {
        let fields = serde_json::to_value(&edit.fields).expect("fields are plain data");
        self.write(Method::PATCH, &format!("issues/{}", edit.number), &fields, what).await
    }

    async fn change(&mut self, change: &IssueChange) -> Result<String, TrackerError> {
        match change {
            IssueChange::CreateLabel(label) => self.create_label(label).await,
            IssueChange::Adopt(edit) => self.adopt(edit).await,
            IssueChange::Create(new) => self.create(new).await,
            IssueChange::Update(edit) => self.edit(edit, "updated").await,
            IssueChange::Close(edit) => self.edit(edit, "closed").await,
            IssueChange::Reopen(edit) => self.edit(edit, "reopened").await,
            IssueChange::Fold(edit) => self.edit(edit, "folded").await,
        }
    }

    async fn create_label(&mut self, label: &Label) -> Result<String, TrackerError> {
        let body = json!({ "name": label.name, "color": label.color, "description": label.description });
        let what = format!("creating the label `{}`", label.name);
        let answer = self.write(Method::POST, "labels", &body, &what).await?;
        // somebody else was faster, or something else is wrong with it: not every server says which
        if answer.status() == StatusCode::UNPROCESSABLE_ENTITY && self.has_label(&label.name).await? {
            return Ok(format!("the label {} is there", label.name));
        }
        self.expect(answer, &what, true).await?;
        Ok(format!("created the label {}", label.name))
    }

    async fn has_label(&self, name: &str) -> Result<bool, TrackerError> {
        let path = format!("labels/{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
        let answer = self.ask(&self.url(&path), &format!("asking for the label `{name}`")).await?;
        Ok(answer.status().is_success())
    }

    async fn create(&mut self, new: &NewIssue) -> Result<String, TrackerError> {
        let body = json!({ "title": new.title, "body": new.body, "labels": new.labels });
        let what = format!("creating the issue about `{}`", shown(&new.id));
        let answer = self.write(Method::POST, "issues", &body, &what).await?;
        let answer = self.expect(answer, &what, true).await?;
        let made: ListedIssue = self.read(answer, &what).await?;
        // GitHub drops labels silently where a token may not set them: https://docs.github.com/rest/issues/issues#create-an-issue
        if !made.labels.iter().any(|label| label.is(LABEL)) {
            let number = made.number;
            let why = "without the label by which the next run would find it";
            return Err(TrackerError::last(format!("{what}: issue {number} was made {why}; {LABEL_RIGHTS}")));
        }
        Ok(format!("created #{} about {}", made.number, shown(&new.id)))
    }

    async fn edit(&mut self, edit: &Edit, done: &str) -> Result<String, TrackerError> {
        let what = format!("editing issue {} about `{}`", edit.number, shown(&edit.id));
        if let Some(comment) = &edit.comment
            && !self.has_comment(edit.number, comment).await?
        {
            let what = format!("commenting on issue {}", edit.number);
            let path = format!("issues/{}/comments", edit.number);
            let answer = self.write(Method::POST, &path, &json!({ "body": comment.body }), &what).await?;
            self.expect(answer, &what, false).await?;
        }
        if edit.fields != Fields::default() {
            let answer = self.patch(edit, &what).await?;
            self.expect(answer, &what, false).await?;
        }
        Ok(format!("{done} #{} about {}", edit.number, shown(&edit.id)))
    }

    /// Whether an earlier run, cut off before it could note so in the body, wrote the comment already. The list may lag
    /// behind what the issue counts; it is asked again then, and taken for whole in the end: comments that GitHub hides
    /// may be counted and never listed.
    async fn has_comment(&self, number: u64, comment: &Comment) -> Result<bool, TrackerError> {
        let path = format!("issues/{number}/comments?per_page={PER_PAGE}");
        let counted = self.issue(number).await?.map_or(0, |issue| issue.comments);
        for attempt in 1..=ATTEMPTS {
            let comments: Vec<ListedComment> =
                self.all(&path, &format!("listing the comments of issue {number}")).await?;
            let is_it = |listed: &ListedComment| listed.body.as_deref().is_some_and(|body| body.contains(&comment.key));
            if comments.iter().any(is_it) {
                return Ok(true);
            }
            if comments.len() >= counted || attempt == ATTEMPTS {
                break;
            }
            sleep(self.access.pace * attempt).await;
        }
        Ok(false)
    }

    /// Every page of a list.
    async fn all<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<Vec<T>, TrackerError> {
        self.pages(self.url(path), what).await
    }

    /// Every page of a list, from the address of its first one.
    pub(crate) async fn pages<T: DeserializeOwned>(&self, first: String, what: &str) -> Result<Vec<T>, TrackerError> {
        let mut items = Vec::new();
        let mut url = first;
        let mut announced = 1;
        for pages in 1..=MOST_PAGES {
            let page: Page<T> = self.get(&url, what).await?;
            announced = announced.max(page.number_of_pages().map_or(1, |pages| pages as usize));
            let is_empty = page.items.is_empty();
            items.extend(page.items);
            match page.next {
                Some(_) if is_empty => break,
                Some(next) => url = self.of_our_origin(&next, what)?,
                None if pages < announced => break,
                None => return Ok(items),
            }
        }
        Err(TrackerError::last(format!("{what}: the list ended before the {announced} pages that were announced")))
    }

    /// A read, which is repeated where a moment may help.
    pub(crate) async fn get<T: FromResponse>(&self, url: &str, what: &str) -> Result<T, TrackerError> {
        let answer = self.ask(url, what).await?;
        let answer = self.expect(answer, what, true).await?;
        self.read(answer, what).await
    }

    /// The answer to a question, whatever its status; one that may be another in a moment is asked again.
    async fn ask(&self, url: &str, what: &str) -> Result<Answer, TrackerError> {
        let mut attempt = 1;
        loop {
            let call = Call { method: Method::GET, url: url.to_owned(), body: None, what: what.to_owned() };
            let answer = self.call(&call).await;
            let may_pass = answer.as_ref().map_or(true, |answer| answer.status().is_server_error());
            if !may_pass || attempt == ATTEMPTS {
                return answer;
            }
            sleep(self.access.pace * attempt).await;
            attempt += 1;
        }
    }

    /// The next page has to be where the first one was: the token goes there too.
    fn of_our_origin(&self, next: &Uri, what: &str) -> Result<String, TrackerError> {
        let url = Url::parse(&next.to_string()).ok().filter(|url| url.origin() == self.access.url.origin());
        let elsewhere = || TrackerError::last(format!("{what}: the next page is said to be on another server"));
        url.map(|url| url.to_string()).ok_or_else(elsewhere)
    }

    fn url(&self, path: &str) -> String {
        self.address(&self.access.repository, path)
    }

    /// The address of something of a repository, ours or another one.
    pub(crate) fn address(&self, repository: &Repository, path: &str) -> String {
        let base = self.access.url.as_str().trim_end_matches('/');
        format!("{base}/repos/{repository}/{path}")
    }

    async fn write(&mut self, method: Method, path: &str, body: &Value, what: &str) -> Result<Answer, TrackerError> {
        self.send(method, self.url(path), body, what).await
    }

    /// A write, not before the pause after the last one is over.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        url: String,
        body: &Value,
        what: &str,
    ) -> Result<Answer, TrackerError> {
        if let Some(next) = self.next_write {
            sleep_until(next).await;
        }
        let call = Call { method, url, body: Some(body), what: what.to_owned() };
        let answer = self.call(&call).await;
        self.next_write = Some(Instant::now() + self.access.pace);
        answer
    }

    async fn call(&self, call: &Call<'_>) -> Result<Answer, TrackerError> {
        let request = http::request::Builder::new()
            .method(call.method.clone())
            .uri(&call.url)
            .header(ACCEPT, "application/vnd.github+json")
            .header(AUTHORIZATION, self.authorization.clone());
        let failed = |error: octocrab::Error| TrackerError {
            is_refusal: is_unreached(&error),
            ..TrackerError::last(format!("{}: {}", call.what, self.harmless(&cause(&error))))
        };
        let request = self.octocrab.build_request(request, call.body).map_err(failed)?;
        tracing::debug!(method = %call.method, url = %call.url, "asking GitHub");
        self.octocrab.execute(request).await.map_err(failed)
    }

    /// The answer, if it is one of success.
    pub(crate) async fn expect(&self, answer: Answer, what: &str, is_final: bool) -> Result<Answer, TrackerError> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let headers = answer.headers().clone();
        let text = self.text(answer, what).await.unwrap_or_default();
        Err(self.refused(status, &headers, &text, what, is_final))
    }

    pub(crate) fn refused(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        text: &str,
        what: &str,
        is_final: bool,
    ) -> TrackerError {
        #[derive(Deserialize)]
        struct Refusal {
            message: String,
        }
        let said = serde_json::from_str(text).map(|Refusal { message }| format!(": {}", self.harmless(&message)));
        let message =
            format!("{what}: GitHub answered {}{}{}", status.as_u16(), said.unwrap_or_default(), wait(headers));
        let stops = status.is_server_error()
            || status.is_redirection()
            || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS);
        let is_refusal = status.is_redirection() || (status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT);
        let is_limit = !wait(headers).is_empty() || text.contains("rate limit");
        let is_unwelcome = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS)
            || (status == StatusCode::FORBIDDEN && is_limit);
        TrackerError { message, is_final: is_final || stops, is_refusal, is_unwelcome }
    }

    pub(crate) async fn read<T: FromResponse>(&self, answer: Answer, what: &str) -> Result<T, TrackerError> {
        let unreadable = |error: octocrab::Error| {
            TrackerError::last(format!("{what}: the answer cannot be read: {}", self.harmless(&cause(&error))))
        };
        T::from_response(answer).await.map_err(unreadable)
    }

    pub(crate) async fn text(&self, answer: Answer, what: &str) -> Result<String, TrackerError> {
        let unreadable = |error: octocrab::Error| {
            TrackerError::last(format!("{what}: the answer cannot be read: {}", self.harmless(&cause(&error))))
        };
        self.octocrab.body_to_string(answer).await.map_err(unreadable)
    }

    /// What somebody else said, on one line, short, and without the token should it be echoed.
    fn harmless(&self, text: &str) -> String {
        let text = text.replace(self.access.token.expose_secret(), "[redacted]");
        escape::terminal(&text.chars().take(LONGEST_MESSAGE).collect::<String>())
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

/// Whether the server was never reached, so that nothing was done there.
fn is_unreached(error: &octocrab::Error) -> bool {
    matches!(error, octocrab::Error::Reqwest { source, .. } if source.is_connect())
}

pub(crate) fn shown(id: &str) -> String {
    escape::terminal(&id.chars().take(LONGEST_MESSAGE).collect::<String>())
}

/// What went wrong underneath: octocrab's own words add a backtrace.
fn cause(error: &octocrab::Error) -> String {
    let mut told = match error {
        octocrab::Error::Json { source, .. } => return source.to_string(),
        other => std::error::Error::source(other).map_or_else(|| other.to_string(), ToString::to_string),
    };
    let mut source = std::error::Error::source(error).and_then(std::error::Error::source);
    while let Some(next) = source {
        let more = next.to_string();
        if !told.contains(&more) {
            told = format!("{told}: {more}");
        }
        source = next.source();
    }
    told
}

/// For how long GitHub asks to wait, if it does:
/// <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>.
fn wait(headers: &HeaderMap) -> String {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse::<i64>().ok();
    let reset = number("x-ratelimit-reset").filter(|_| number("x-ratelimit-remaining") == Some(0));
    match (number(RETRY_AFTER.as_str()), reset.and_then(|reset| DateTime::<Utc>::from_timestamp(reset, 0))) {
        (Some(seconds), _) => format!("; it asks to wait for {seconds} s"),
        (None, Some(until)) => format!("; the rate limit lasts until {}", until.format("%Y-%m-%dT%H:%M:%SZ")),
        (None, None) => String::new(),
    }
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

#[derive(Deserialize)]
struct ListedIssue {
    number: u64,
    title: String,
    state: IssueState,
    body: Option<String>,
    labels: Vec<ListedLabel>,
    /// How many comments it has.
    #[serde(default)]
    comments: usize,
    /// Pull requests are issues too: <https://docs.github.com/rest/issues/issues#list-repository-issues>.
    pull_request: Option<Value>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum IssueState {
    Open,
    Closed,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ListedLabel {
    Plain(String),
    Whole { name: String },
}

#[derive(Deserialize)]
struct ListedComment {
    body: Option<String>,
}

impl ListedIssue {
    fn into_issue(self) -> Option<Issue> {
        self.pull_request.is_none().then(|| Issue {
            number: self.number,
            is_open: self.state == IssueState::Open,
            title: self.title,
            body: self.body.unwrap_or_default(),
            labels: self.labels.into_iter().map(ListedLabel::name).collect(),
        })
    }
}

impl ListedLabel {
    fn name(self) -> String {
        match self {
            Self::Plain(name) | Self::Whole { name } => name,
        }
    }

    fn is(&self, wanted: &str) -> bool {
        match self {
            Self::Plain(name) | Self::Whole { name } => name.eq_ignore_ascii_case(wanted),
        }
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

    #[test]
    fn a_limit_is_told_with_its_end() {
        let table: [(&[(&'static str, &str)], &str); 4] = [
            (&[("retry-after", "60")], "; it asks to wait for 60 s"),
            (
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795154400")],
                "; the rate limit lasts until 2026-11-20T06:00:00Z",
            ),
            (&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "1795154400")], ""),
            (&[("retry-after", "soon")], ""),
        ];
        for (pairs, expected) in table {
            let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(wait(&headers), expected);
        }
    }
}
