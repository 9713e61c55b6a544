//! `upmon doctor`: what stands between this machine and its registries, each fault with its remedy.

use clap::Args;
use url::Url;

use super::network::{Network, NetworkArgs};
use super::{Failure, Global, output, setup};
use crate::config::{Flags, Settings};
use crate::doctor::probe::{self, Asker, Plan};
use crate::doctor::{Checkup, Section, State, Visit};
use crate::error::ExitCode;
use crate::http::client::{Client, install_crypto};
use crate::http::options::Options;
use crate::pin::Pin;
use crate::pin::holdings::Holdings;

/// Arguments of `upmon doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Tell the same as JSON, for a program; its form may change between versions
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    network: NetworkArgs,
}

pub(super) fn run(global: &Global, arguments: &DoctorArgs) -> Result<ExitCode, Failure> {
    let (pins, about_pins) = pins(global)?;
    let settings = Settings::load(global.config.as_deref(), &global.pins, &super::network::variable, Flags::default())
        .map_err(|error| Failure::Usage(error.render(output::uses_color_on_stderr(global.color))))?;
    let network = Network::new(&arguments.network, &settings)?;
    let plans = probe::plans(&pins, |registry| network.bases.contains_key(&registry));
    let mut sections = vec![about_pins];
    sections.extend(probe::programs(&plans).iter().map(Section::from));
    sections.extend(visits(&network, plans)?.iter().map(Section::from));
    sections.push(Section::from(&probe::certificates()));
    sections.push(Section::from(&probe::cache(network.options.cache.as_deref(), network.options.cache_size)));
    let checkup = Checkup(sections);
    let text = if arguments.json { checkup.json() } else { checkup.render(output::uses_color(global.color)) };
    output::print(text.as_bytes())?;
    Ok(if checkup.has_fault() { ExitCode::Unknown } else { ExitCode::Success })
}

/// The pins, if there is a file of them: a machine can be looked at before the first pin is written.
fn pins(global: &Global) -> Result<(Vec<Pin>, Section), Failure> {
    let path = global.pins.display();
    match global.holdings() {
        Ok(Holdings { manifest, .. }) => {
            let files: Vec<String> =
                manifest.sources().map(|source| format!("`{}`", source.name().display())).collect();
            let summary = format!("{} in {}", manifest.pins.len(), files.join(" and "));
            Ok((manifest.pins, Section::plain("pins", State::Ok, &summary)))
        }
        Err(error) if error.is_missing() => {
            let summary = format!("there is no `{path}`, so registries are asked for packages that everybody has");
            Ok((Vec::new(), Section::plain("pins", State::Warning, &summary)))
        }
        Err(error) => Err(Failure::Usage(error.render(output::uses_color_on_stderr(global.color)))),
    }
}

/// Asks every place, past the cache: what an earlier run learned says nothing of the way there.
fn visits(network: &Network, plans: Vec<Plan>) -> Result<Vec<Visit>, Failure> {
    install_crypto();
    let client = Client::new(Options { cache: None, ..network.options.clone() });
    let client = client.map_err(|error| Failure::Usage(format!("error: {error}")))?;
    let asker = Asker {
        client: &client,
        open: &|id| network.open(id),
        base: &|id| network.bases.get(&id).cloned(),
        credential: &|url: &Url| network.options.credentials.of(url).cloned(),
        git: &network.git,
    };
    setup::wait(&setup::runtime()?, asker.visit(plans))
}
