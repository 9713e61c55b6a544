//! Which GitHub, which repository, and who we are there: from arguments, settings and environment.

use secrecy::SecretString;
use url::Url;

use super::Failure;
use super::network::variable;
use crate::config::{Repository, Settings};
use crate::report::escape;
use crate::tracker::github::{Access, DEFAULT_URL};

/// The repository whose issues are meant: that of the flag, else of the settings, else of the environment.
pub(super) fn repository(flag: Option<&Repository>, settings: &Settings) -> Result<Repository, Failure> {
    let set = flag.or(settings.issues.repository.as_ref());
    match (set, value("GITHUB_REPOSITORY")) {
        (Some(repository), _) => Ok(repository.clone()),
        (None, Some(text)) => {
            Repository::parse(&text).map_err(|reason| usage(&format!("`GITHUB_REPOSITORY` {reason}")))
        }
        (None, None) => {
            let hint = "say `--repository owner/name`, or `repository` in `[issues]` of upmon.toml";
            Err(usage(&format!("no repository is named for the issues\nhint: {hint}")))
        }
    }
}

/// The way to a repository; between writes there is this pause.
pub(super) fn access(repository: Repository, pace: std::time::Duration) -> Result<Access, Failure> {
    let url = ["UPMON_GITHUB_API_URL", "GITHUB_API_URL"].into_iter().find_map(|name| Some((name, value(name)?)));
    let (name, url) = url.unwrap_or(("the default", DEFAULT_URL.to_owned()));
    let url = Url::parse(&url).map_err(|error| usage(&format!("`{name}` is not an address: {error}")))?;
    Ok(Access { url, repository, token: token()?, pace })
}

/// The token: of each variable, the file that its twin names comes second.
fn token() -> Result<SecretString, Failure> {
    for name in ["UPMON_GITHUB_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"] {
        if let Some(token) = value(name) {
            return Ok(token.trim().into());
        }
        let twin = format!("{name}_FILE");
        if let Some(path) = value(&twin) {
            let text = std::fs::read_to_string(&path).map_err(|error| {
                usage(&format!("`{twin}` names `{}`, which cannot be read: {error}", escape::terminal(&path)))
            })?;
            return Ok(text.trim().into());
        }
    }
    let hint = "set `UPMON_GITHUB_TOKEN`; in GitHub Actions, `permissions: issues: write` and `GITHUB_TOKEN: ${{ github.token }}`";
    Err(usage(&format!("there is no token for GitHub\nhint: {hint}")))
}

fn usage(message: &str) -> Failure {
    Failure::Usage(format!("error: {message}"))
}

/// A variable that is set and not empty, as shells and CI leave them.
fn value(name: &str) -> Option<String> {
    variable(name).filter(|text| !text.trim().is_empty())
}
