//! GitHub's side of dispatches: starts them, and finds and reads the runs that they led to.
//!
//! A start is never repeated here. Whether it was taken, refused, or lost on the way is told apart, since only what was
//! refused for certain may be sent again.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::Due;
use super::record::{Dispatched, Run};
use crate::config::{Kind, Target};
use crate::report::words;
use crate::tracker::github::{Github, TrackerError};

/// What came of a start.
#[derive(Debug)]
pub(super) enum Sent {
    /// The server took it, and perhaps told the run.
    Taken(Option<Run>),
    /// Nothing was started, for certain.
    Refused(TrackerError),
    /// Nobody knows.
    Lost(TrackerError),
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has not ended.
    Running(Run),
    /// It has ended, in GitHub's word.
    Ended(Run, String),
}

/// The only [conclusion](https://docs.github.com/rest/actions/workflow-runs#list-workflow-runs-for-a-repository) on which
/// others may build.
pub(super) const SUCCESS: &str = "success";

/// How far our clock may be ahead of the server's.
const SKEW: TimeDelta = TimeDelta::minutes(10);

/// Starts a dispatch.
pub(super) async fn start(github: &mut Github, due: &Due) -> Sent {
    match attempt(github, due, true).await {
        Ok(Some(sent)) => sent,
        // older servers do not know how to tell the run
        Ok(None) => match attempt(github, due, false).await {
            Ok(sent) => sent.unwrap_or(Sent::Taken(None)),
            Err(error) => failed(error),
        },
        Err(error) => failed(error),
    }
}

fn failed(error: TrackerError) -> Sent {
    if error.is_refusal() { Sent::Refused(error) } else { Sent::Lost(error) }
}

const RETURN_RUN: &str = "return_run_details";

/// One request; `None` when the server refuses to be asked for the run.
async fn attempt(github: &mut Github, due: &Due, asks_for_run: bool) -> Result<Option<Sent>, TrackerError> {
    let mut body = due.body.clone();
    if let Some(fields) = body.as_object_mut().filter(|_| !asks_for_run) {
        fields.remove(RETURN_RUN);
    }
    let what = format!("starting `{}` for `{}`", due.target, words::label(&due.package));
    let url = github.address(&due.repository, &due.path);
    let answer = github.send(Method::POST, url, &body, &what).await?;
    let status = answer.status();
    let may_be_the_key = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
    if may_be_the_key && asks_for_run && body.get(RETURN_RUN).is_some() {
        let text = github.text(answer, &what).await?;
        // "return_run_details" is not a permitted key: https://github.com/benc-uk/workflow-dispatch/issues/86
        return if text.contains(RETURN_RUN) {
            Ok(None)
        } else {
            Err(github.refused(status, &HeaderMap::new(), &text, &what, false))
        };
    }
    let answer = github.expect(answer, &what, false).await?;
    if status != StatusCode::OK {
        return Ok(Some(Sent::Taken(None)));
    }
    // it was taken, whatever it says
    let told: Result<Told, _> = github.read(answer, &what).await;
    Ok(Some(Sent::Taken(told.ok().map(|told| Run { id: told.workflow_run_id, url: told.html_url }))))
}

/// <https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event>
#[derive(Deserialize)]
struct Told {
    workflow_run_id: u64,
    html_url: String,
}

/// Looks for the run of a dispatch, or the runs: several workflows may hear one event. `None` where there is no trace of
/// any.
pub(super) async fn look(
    github: &Github,
    target: &Target,
    dispatched: &Dispatched,
) -> Result<Option<Progress>, TrackerError> {
    let what = format!("looking for the run of `{}` for `{}`", target.name, words::label(&dispatched.package));
    let runs = match (&target.kind, &dispatched.run) {
        (Kind::Workflow { .. }, Some(run)) => {
            let url = github.address(&target.repository, &format!("actions/runs/{}", run.id));
            vec![github.get(&url, &what).await?]
        }
        _ if target.traced => traced(github, target, dispatched, &what).await?,
        _ => Vec::new(),
    };
    Ok(progress(&runs))
}

/// The runs that show the correlation id.
async fn traced(
    github: &Github,
    target: &Target,
    dispatched: &Dispatched,
    what: &str,
) -> Result<Vec<ListedRun>, TrackerError> {
    let (below, event) = match &target.kind {
        Kind::Workflow { workflow, .. } => (format!("actions/workflows/{workflow}/runs"), "workflow_dispatch"),
        Kind::Repository { .. } => ("actions/runs".to_owned(), "repository_dispatch"),
    };
    let query = format!("event={event}&created={}&per_page=100", since(dispatched.at));
    let url = github.address(&target.repository, &format!("{below}?{query}"));
    let listed: Vec<ListedRun> = github.pages(url, what).await?;
    Ok(listed.into_iter().filter(|run| run.shows(&dispatched.correlation)).collect())
}

/// `>=` a moment before an instant, for a query.
fn since(at: DateTime<Utc>) -> String {
    let from = (at - SKEW).to_rfc3339_opts(SecondsFormat::Secs, true);
    utf8_percent_encode(&format!(">={from}"), NON_ALPHANUMERIC).to_string()
}

#[derive(Debug, Clone, Deserialize)]
struct ListedRun {
    id: u64,
    html_url: String,
    status: Option<String>,
    conclusion: Option<String>,
    display_title: Option<String>,
    name: Option<String>,
}

impl ListedRun {
    fn shows(&self, correlation: &str) -> bool {
        [&self.display_title, &self.name].into_iter().flatten().any(|text| text.contains(correlation))
    }

    fn run(&self) -> Run {
        Run { id: self.id, url: self.html_url.clone() }
    }

    /// How it ended, if it has.
    fn conclusion(&self) -> Option<&str> {
        let is_over = self.status.as_deref() == Some("completed");
        is_over.then(|| self.conclusion.as_deref().unwrap_or("unknown"))
    }
}

/// Of several runs, the one that says most: one that has not ended, else one that failed.
fn progress(runs: &[ListedRun]) -> Option<Progress> {
    let running = runs.iter().find(|run| run.conclusion().is_none());
    let failed = runs.iter().find(|run| run.conclusion() != Some(SUCCESS));
    let run = running.or(failed).or(runs.first())?;
    Some(match run.conclusion() {
        None => Progress::Running(run.run()),
        Some(conclusion) => Progress::Ended(run.run(), conclusion.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: u64, status: &str, conclusion: Option<&str>) -> ListedRun {
        ListedRun {
            id,
            html_url: String::new(),
            status: Some(status.to_owned()),
            conclusion: conclusion.map(str::to_owned),
            display_title: None,
            name: None,
        }
    }

    #[test]
    fn several_runs_are_over_when_all_are_and_a_success_when_all_are() {
        let done = || run(1, "completed", Some("success"));
        let told = |id: u64| Run { id, url: String::new() };
        let table = [
            (vec![], None),
            (vec![done()], Some(Progress::Ended(told(1), "success".to_owned()))),
            (vec![done(), run(2, "queued", None)], Some(Progress::Running(told(2)))),
            (
                vec![done(), run(2, "completed", Some("cancelled"))],
                Some(Progress::Ended(told(2), "cancelled".to_owned())),
            ),
            (vec![run(2, "completed", None)], Some(Progress::Ended(told(2), "unknown".to_owned()))),
            // what a rerun said before it began again is no end
            (vec![run(2, "in_progress", Some("failure"))], Some(Progress::Running(told(2)))),
        ];
        for (runs, expected) in table {
            assert_eq!(progress(&runs), expected, "{runs:?}");
        }
    }

    #[test]
    fn runs_are_asked_for_from_a_moment_before() {
        let at = DateTime::from_timestamp(1_795_154_400, 0).unwrap();
        assert_eq!(since(at), "%3E%3D2026%2D11%2D20T05%3A50%3A00Z");
    }
}
