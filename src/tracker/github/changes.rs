//! Carries a plan out, one change after the other, and reads what came of each.

use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use tokio::time::sleep;

use super::listed::{ListedComment, ListedIssue};
use super::wire::{ATTEMPTS, Answer};
use super::{Github, PER_PAGE, TrackerError, shown};
use crate::tracker::{Comment, Edit, Fields, IssueChange, LABEL, Label, NewIssue, Plan};

/// What a token lacks for which GitHub drops labels silently.
const LABEL_RIGHTS: &str =
    "the token may not set labels: it needs `issues: write`, of a person the role triage or more";

impl Github {
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
}
