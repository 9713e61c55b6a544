//! From what changed to what is done about it.

use serde_json::json;

use crate::config::{CommandSettings, ServerSettings};
use crate::server::change::Changed;
use crate::server::store::{Asked, Cause, News, Scope};

/// What is asked for after a check. Issues, badges and dispatches follow every check of all pins, since people tick boxes and
/// runs end while nothing upstream moves; after a check of some, only what changed. Commands follow changes alone.
pub(in crate::server) fn follow(settings: &ServerSettings, scope: &Scope, cause: Cause, news: &News) -> Vec<Asked> {
    let is_due = news.is_different || *scope == Scope::All;
    let actions = settings.actions.iter().filter(|_| is_due).map(|action| Asked::Report(*action));
    let of = |changed: &Changed| -> Vec<Asked> {
        let wanted = settings.commands.iter().filter(|command| wants(command, changed));
        wanted.map(|command| command_for(command, changed, cause)).collect()
    };
    actions.chain(news.changed.iter().flat_map(of)).collect()
}

fn wants(command: &CommandSettings, changed: &Changed) -> bool {
    let severities = [changed.finding.severity, changed.before.as_ref().and_then(|before| before.severity)];
    let worst = severities.into_iter().flatten().max();
    command.on.iter().any(|trigger| changed.triggers.contains(trigger))
        && command.pins.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob.is_match(&changed.finding.id)))
        && command.severity.is_none_or(|mildest| worst.is_some_and(|severity| severity >= mildest))
}

fn command_for(command: &CommandSettings, changed: &Changed, cause: Cause) -> Asked {
    let triggers = changed.triggers.iter().filter(|trigger| command.on.contains(trigger));
    let change = json!({
        "schema_version": 1,
        "changed": triggers.map(|trigger| trigger.as_str()).collect::<Vec<_>>(),
        "cause": cause.as_str(),
        "before": changed.before,
        "finding": changed.finding,
    });
    Asked::Command { name: command.name.clone(), package: changed.finding.id.clone(), change: change.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Action, Flags, Settings};
    use crate::document::Source;
    use crate::policy::Severity;
    use crate::report::{Finding, Report};
    use crate::server::change::Told;

    fn settings(text: &str) -> ServerSettings {
        let source = Source::new("upmon.toml", text.to_owned());
        Settings::parse(Some(source), &|_| None, Flags::default()).unwrap().server
    }

    fn updated() -> Changed {
        let report: Report = serde_json::from_str(include_str!("../../../tests/data/report/sample.json")).unwrap();
        let is_it = |finding: &Finding| finding.id == "rust/tokio";
        let mut finding = report.findings.into_iter().find(is_it).unwrap();
        finding.severity = Some(Severity::Warning);
        Told::default().next(&finding).1.unwrap()
    }

    fn names(settings: &ServerSettings, news: &News, scope: &Scope) -> Vec<String> {
        let name = |asked: Asked| match asked {
            Asked::Report(action) => action.as_str().to_owned(),
            Asked::Command { name, .. } => name,
        };
        follow(settings, scope, Cause::Webhook, news).into_iter().map(name).collect()
    }

    #[test]
    fn a_command_is_for_the_changes_pins_and_severities_that_it_names() {
        let news = News { changed: vec![updated()], is_different: true };
        for (more, expected) in [
            ("", true),
            ("on = [\"update\", \"unknown\"]", true),
            ("on = [\"unknown\", \"current\", \"severity\"]", false),
            ("pins = \"rust/*\"", true),
            ("pins = \"ruby/*\"", false),
            ("severity = \"warning\"", true),
            ("severity = \"error\"", false),
        ] {
            let settings = settings(&format!("[[server.commands]]\nrun = [\"/bin/x\"]\n{more}\n"));
            let asked = names(&settings, &news, &Scope::Some(vec!["rust/tokio".to_owned()]));
            assert_eq!(asked, if expected { vec!["x"] } else { vec![] }, "{more}");
        }
    }

    #[test]
    fn actions_follow_each_check_of_all_pins_and_a_check_of_some_that_changed_something() {
        let settings = settings("[server]\nactions = [\"dispatch\", \"issues\", \"issues\"]\n");
        assert_eq!(settings.actions, [Action::Issues, Action::Dispatch]);
        let some = Scope::Some(vec!["rust/tokio".to_owned()]);
        let different = News { is_different: true, ..News::default() };
        for (scope, news, expected) in
            [(&Scope::All, &News::default(), 2), (&some, &different, 2), (&some, &News::default(), 0)]
        {
            assert_eq!(names(&settings, news, scope).len(), expected, "{scope:?}");
        }
    }

    #[test]
    fn commands_have_a_program_and_names_of_their_own() {
        for text in [
            "[[server.commands]]\nrun = []\n",
            "[[server.commands]]\nname = \"x\"\n",
            "[[server.commands]]\nrun = [\"/bin/x\"]\n[[server.commands]]\nrun = [\"/usr/bin/x\"]\n",
            "[[server.commands]]\nrun = [\"/bin/x\"]\non = [\"newest\"]\n",
            "[server]\nactions = [\"mail\"]\n",
        ] {
            let source = Source::new("upmon.toml", text.to_owned());
            assert!(Settings::parse(Some(source), &|_| None, Flags::default()).is_err(), "{text}");
        }
    }
}
