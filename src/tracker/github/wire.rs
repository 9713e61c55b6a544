//! One question or change on the wire: who we are to GitHub, what is repeated, and what an answer is taken for.

use chrono::{DateTime, Utc};
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, RETRY_AFTER};
use http::{Method, StatusCode, Uri};
use octocrab::{FromResponse, Page};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

use super::{Github, LONGEST_MESSAGE, TrackerError};
use crate::config::Repository;
use crate::report::escape;

/// No repository has more issues of ours; a server that never ends would otherwise never end.
const MOST_PAGES: usize = 1_000;

/// How often a read is attempted.
pub(super) const ATTEMPTS: u32 = 3;

/// One question or change, and what it is called in messages.
struct Call<'a> {
    method: Method,
    url: String,
    body: Option<&'a Value>,
    what: String,
}

pub(super) type Answer = http::Response<http_body_util::combinators::BoxBody<bytes::Bytes, octocrab::Error>>;

impl Github {
    /// Every page of a list.
    pub(super) async fn all<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<Vec<T>, TrackerError> {
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
    pub(super) async fn ask(&self, url: &str, what: &str) -> Result<Answer, TrackerError> {
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

    pub(super) fn url(&self, path: &str) -> String {
        self.address(&self.access.repository, path)
    }

    /// The address of something of a repository, ours or another one.
    pub(crate) fn address(&self, repository: &Repository, path: &str) -> String {
        let base = self.access.url.as_str().trim_end_matches('/');
        format!("{base}/repos/{repository}/{path}")
    }

    pub(super) async fn write(
        &mut self,
        method: Method,
        path: &str,
        body: &Value,
        what: &str,
    ) -> Result<Answer, TrackerError> {
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
    pub(super) fn harmless(&self, text: &str) -> String {
        let text = text.replace(self.access.token.expose_secret(), "[redacted]");
        escape::terminal(&text.chars().take(LONGEST_MESSAGE).collect::<String>())
    }
}

/// Whether the server was never reached, so that nothing was done there.
fn is_unreached(error: &octocrab::Error) -> bool {
    matches!(error, octocrab::Error::Reqwest { source, .. } if source.is_connect())
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

#[cfg(test)]
mod tests {
    use super::*;

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
