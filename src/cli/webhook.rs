//! `upmon webhook test`: a signed event, as a forge would send it, to see whether it arrives.

use clap::{Args, Subcommand, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::network::{Network, NetworkArgs, variable};
use super::serve::webhook_secrets;
use super::{Failure, Global, output, setup};
use crate::config::{Flags, Repository, Settings};
use crate::error::ExitCode;
use crate::http::client::bare;
use crate::http::shown;
use crate::report::escape;
use crate::server::sign;

/// Arguments of `upmon webhook`.
#[derive(Debug, Args)]
pub(super) struct WebhookArgs {
    #[command(subcommand)]
    command: WebhookCommand,
}

#[derive(Debug, Subcommand)]
enum WebhookCommand {
    /// Send a signed event to a service, and show what it answers
    Test(TestArgs),
}

#[derive(Debug, Args)]
struct TestArgs {
    /// Where to send it
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8080/webhooks/github")]
    url: Url,
    /// Which event
    #[arg(long, value_name = "EVENT", default_value = "ping")]
    event: Event,
    /// Which repository of GitHub it is about
    #[arg(long, value_name = "OWNER/NAME", default_value = "octocat/hello-world", value_parser = Repository::parse)]
    repository: Repository,
    #[command(flatten)]
    network: NetworkArgs,
}

/// Events to try a service with.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Event {
    /// Proves that the secret is right, and leads to nothing
    Ping,
    /// A release was published
    Release,
    /// A tag was pushed
    Push,
}

impl Event {
    const fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Release => "release",
            Self::Push => "push",
        }
    }

    fn payload(self, repository: &Repository, id: &str) -> Value {
        let repository = json!({
            "full_name": repository.to_string(), "html_url": format!("https://github.com/{repository}"),
            "default_branch": "main",
        });
        match self {
            Self::Ping => json!({ "zen": id, "repository": repository }),
            Self::Release => json!({ "action": "published", "release": { "body": id }, "repository": repository }),
            Self::Push => json!({ "ref": format!("refs/tags/{id}"), "repository": repository }),
        }
    }
}

/// As much of an answer as is shown.
const SHOWN: usize = 500;

pub(super) fn run(global: &Global, arguments: &WebhookArgs) -> Result<ExitCode, Failure> {
    let WebhookCommand::Test(arguments) = &arguments.command;
    let settings = Settings::load(global.config.as_deref(), &global.pins, &variable, Flags::default())
        .map_err(|error| Failure::Usage(error.render(output::uses_color_on_stderr(global.color))))?;
    let Some(secret) = webhook_secrets(&settings.server)?.into_iter().next() else {
        let hint = "say `webhook-secret-file` in `[server]` of upmon.toml, or `UPMON_SERVER_WEBHOOK_SECRET`";
        return Err(Failure::Usage(format!("error: there is no secret to sign with\nhint: {hint}")));
    };
    let network = Network::new(&arguments.network, &settings)?;
    let client = bare(&network.options).map_err(|error| Failure::Usage(format!("error: {error}")))?;
    let sent = setup::wait(&setup::runtime()?, send(client, arguments, &secret))?;
    let place = escape::terminal(&shown(&arguments.url));
    // the error of reqwest names the address, which may hold a password
    let unsent = |error: reqwest::Error| {
        let reason = escape::terminal(&error.without_url().to_string());
        Failure::Action(format!(
            "error: cannot send an event to `{place}`: {reason}\nhint: does the service listen there?"
        ))
    };
    let (status, told) = sent.map_err(unsent)?;
    output::print(format!("{place} answered {status} {}\n", escape::terminal(told.trim())).as_bytes())?;
    Ok(if status.is_success() { ExitCode::Success } else { ExitCode::Action })
}

/// Sends the event under an id of its own, so that it is never taken for one that came before.
async fn send(
    client: reqwest::Client,
    arguments: &TestArgs,
    secret: &SecretString,
) -> reqwest::Result<(http::StatusCode, String)> {
    let id = format!("test-{:016x}", fastrand::u64(..));
    let body = arguments.event.payload(&arguments.repository, &id).to_string();
    let request = client
        .post(arguments.url.clone())
        .header("content-type", "application/json")
        .header("x-github-event", arguments.event.name())
        .header("x-github-delivery", &id)
        .header("x-hub-signature-256", sign(secret.expose_secret(), body.as_bytes()));
    let mut response = request.body(body).send().await?;
    let mut told = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        told.extend_from_slice(&chunk);
        if told.len() > SHOWN {
            told.truncate(SHOWN);
            break;
        }
    }
    Ok((response.status(), String::from_utf8_lossy(&told).into_owned()))
}
