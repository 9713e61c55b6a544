//! `upmon webhook test`: a signed event, as a forge would send it, to see whether it arrives.

mod sample;

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use self::sample::{About, Event, Forge, Sample};

use super::network::{Network, NetworkArgs, variable};
use super::serve::webhook_secrets;
use super::{Failure, Global, output, setup};
use crate::config::{Flags, Settings};
use crate::error::ExitCode;
use crate::http::client::bare;
use crate::http::shown;
use crate::report::escape;

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
    /// Where to send it [default: `http://127.0.0.1:8080/webhooks/FORGE`]
    #[arg(value_name = "URL")]
    url: Option<Url>,
    /// As whom to send it [default: as the URL ends, else github]
    #[arg(long, value_name = "FORGE")]
    forge: Option<Forge>,
    /// Which event [default: ping of GitHub, push of the others]
    #[arg(long, value_name = "EVENT")]
    event: Option<Event>,
    /// Which repository it is about, as `OWNER/NAME` or by its address
    #[arg(long, value_name = "REPOSITORY", default_value = "octocat/hello-world", value_parser = About::parse)]
    repository: About,
    #[command(flatten)]
    network: NetworkArgs,
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
    let sample = sample(arguments)?;
    let network = Network::new(&arguments.network, &settings)?;
    let client = bare(&network.options).map_err(|error| Failure::Usage(format!("error: {error}")))?;
    let url = url(arguments, sample.forge);
    let place = escape::terminal(&shown(&url));
    let sent = setup::wait(&setup::runtime()?, send(client, url, &sample, &secret))?;
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

/// What is sent: an event under an id of its own, so that it is never taken for one that came before.
fn sample(arguments: &TestArgs) -> Result<Sample<'_>, Failure> {
    let forge = arguments.forge.or_else(|| arguments.url.as_ref().and_then(Forge::at)).unwrap_or(Forge::GitHub);
    let event = arguments.event.unwrap_or(forge.usual());
    if event == Event::Ping && forge != Forge::GitHub {
        let hint = "say `--event push`, with a repository that no pin is of, or none";
        return Err(Failure::Usage(format!("error: `{}` has no `ping`, only GitHub has\nhint: {hint}", forge.name())));
    }
    let id = format!("test-{:016x}", fastrand::u64(..));
    Ok(Sample { forge, event, about: &arguments.repository, id, at: setup::now() })
}

fn url(arguments: &TestArgs, forge: Forge) -> Url {
    let own = || format!("http://127.0.0.1:8080/webhooks/{}", forge.name()).parse().expect("this is an address");
    arguments.url.clone().unwrap_or_else(own)
}

/// Sends the event, and reads the beginning of the answer.
async fn send(
    client: reqwest::Client,
    url: Url,
    sample: &Sample<'_>,
    secret: &SecretString,
) -> reqwest::Result<(http::StatusCode, String)> {
    let body = sample.body();
    let mut request = client.post(url).header("content-type", "application/json");
    for (name, value) in sample.headers(secret.expose_secret(), &body) {
        request = request.header(name, value);
    }
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
