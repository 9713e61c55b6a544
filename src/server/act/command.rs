//! A program for a pin that changed: no shell, a small environment, a time limit for it and everything that it starts.

use serde_json::Value;

use super::failed;
use crate::config::CommandSettings;
use crate::program::{self, Finished, Inherited, Keep};
use crate::server::store::{Ended, Errand};

/// Runs it to its end, or to its time limit. Who drops this ends its process group.
pub(super) async fn run(settings: &CommandSettings, errand: &Errand) -> Ended {
    let change = errand.change.clone().unwrap_or_default();
    let mut command = program::command(&settings.run, Inherited::Little);
    command.current_dir(&settings.directory);
    command.envs(variables(errand, &serde_json::from_str(&change).unwrap_or_default()));
    let never = std::future::pending();
    match program::run(command, Some(change), Keep::Head, settings.timeout, never).await {
        Ok(Finished { is_success, summary, output }) => Ended { is_success, summary, output },
        Err(error) => failed(&format!("`{}` cannot be started: {error}", settings.run[0])),
    }
}

/// The change, as the environment tells it; what there is not is empty.
fn variables(errand: &Errand, change: &Value) -> Vec<(&'static str, String)> {
    let finding = &change["finding"];
    // upstream names versions, and a variable holds no NUL
    let text = |value: &Value| value.as_str().unwrap_or_default().replace('\0', "\u{fffd}");
    let words = change["changed"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    vec![
        ("UPMON_ACTION_ID", errand.id.clone()),
        ("UPMON_ATTEMPT", errand.attempts.to_string()),
        ("UPMON_CAUSE", errand.cause.clone()),
        ("UPMON_CHANGED", words.join(" ")),
        ("UPMON_ID", text(&finding["id"])),
        ("UPMON_GROUP", text(&finding["group"])),
        ("UPMON_PACKAGE", text(&finding["package"])),
        ("UPMON_REGISTRY", text(&finding["registry"])),
        ("UPMON_STATUS", text(&finding["status"])),
        ("UPMON_PINNED", text(&finding["pinned"]["version"])),
        ("UPMON_NEWEST", text(&finding["newest"]["version"])),
        ("UPMON_SEVERITY", text(&finding["severity"])),
        ("UPMON_PREVIOUS", text(&change["before"]["newest"])),
    ]
}
