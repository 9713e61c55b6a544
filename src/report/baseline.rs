//! What is new against an earlier report, so that a pull request answers for its own lag and not for what was there.
//!
//! A finding is held against the finding of the same id in the baseline. Its lag is new when it is more severe than it was
//! there, when the pin was moved back since, and when the baseline knows nothing of it: no such id, or unknown. What has no severity above `none` is no lag,
//! and what is unknown now is neither new nor old. A newest release that is newer still, at the same severity, is not new:
//! upstream did that, and the nightly run tells it.

use std::collections::HashMap;

use super::{Finding, Report, Summary};
use crate::policy::Severity;

/// Marks every finding that is known now as new or not, and counts the new ones.
pub fn compare(report: &mut Report, baseline: &Report) {
    let before: HashMap<&str, &Finding> =
        baseline.findings.iter().map(|finding| (finding.id.as_str(), finding)).collect();
    for finding in &mut report.findings {
        let known = before.get(finding.id.as_str());
        let was = known.and_then(|known| known.severity).unwrap_or(Severity::None);
        let is_back = known.is_some_and(|known| is_moved_back(known, finding));
        finding.new = finding.severity.map(|now| now > was || (now > Severity::None && is_back));
    }
    report.summary = Summary { new: Some(count(&report.findings)), ..Summary::of(&report.findings) };
}

/// Whether the pin is lower than it was. Commits have no order of their own, and a tag's text may stand in the way of one:
/// then more releases up to the same newest one tell.
fn is_moved_back(before: &Finding, now: &Finding) -> bool {
    if before.pinned.version == now.pinned.version || before.registry != now.registry {
        return false;
    }
    let newest = |finding: &Finding| finding.newest.as_ref().map(|newest| newest.version.clone());
    let releases = |finding: &Finding| finding.behind.map_or(0, |behind| behind.releases);
    if newest(before) == newest(now) {
        return releases(now) > releases(before);
    }
    let version = |finding: &Finding| {
        let text = Some(&finding.pinned.version).filter(|text| !is_commit(text));
        finding.scheme.parse(text?).ok()
    };
    version(before).zip(version(now)).is_some_and(|(before, now)| now.precedence(&before).is_lt())
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// How many findings are new.
pub(super) fn count(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.new == Some(true)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Report {
        serde_json::from_str(include_str!("../../tests/data/report/sample.json")).unwrap()
    }

    fn report(severities: &[(&str, Option<Severity>)]) -> Report {
        let sample = sample();
        let finding = |(id, severity): &(&str, Option<Severity>)| Finding {
            id: (*id).to_owned(),
            severity: *severity,
            ..sample.findings[0].clone()
        };
        Report::new(severities.iter().map(finding).collect(), sample.generated_at)
    }

    #[test]
    fn lag_is_new_when_it_is_worse_than_what_the_baseline_knows() {
        use Severity::{Critical, Error, Info, None as Nothing};
        for (before, now, new) in [
            (Some(Some(Error)), Some(Error), Some(false)),
            (Some(Some(Error)), Some(Critical), Some(true)),
            (Some(Some(Critical)), Some(Error), Some(false)),
            (Some(Some(Nothing)), Some(Info), Some(true)),
            (Some(Some(Nothing)), Some(Nothing), Some(false)),
            (Some(None), Some(Info), Some(true)),
            (Some(None), Some(Nothing), Some(false)),
            (Some(None), None, None),
            (Some(Some(Error)), None, None),
            (None, Some(Info), Some(true)),
            (None, Some(Nothing), Some(false)),
            (None, None, None),
        ] {
            let baseline = before.map(|severity| ("a/b", severity));
            let mut compared = report(&[("a/b", now)]);
            compare(&mut compared, &report(&baseline.into_iter().collect::<Vec<_>>()));
            assert_eq!(compared.findings[0].new, new, "{before:?} {now:?}");
            assert_eq!(compared.summary.new, Some(usize::from(new == Some(true))), "{before:?} {now:?}");
        }
    }

    #[test]
    fn a_newer_newest_of_the_same_severity_is_not_new() {
        let (mut now, baseline) = (sample(), sample());
        for newest in now.findings.iter_mut().filter_map(|finding| finding.newest.as_mut()) {
            newest.version = "9999.0.0".to_owned();
        }
        compare(&mut now, &baseline);
        assert_eq!(now.summary.new, Some(0));
    }

    #[test]
    fn lag_of_a_pin_that_was_moved_back_is_new_at_whatever_severity() {
        let [before, after, commit, other] = ["a", "b", "c", "d"].map(|digit| digit.repeat(40));
        for (was, now, newest, releases, new) in [
            ("1.40.0", "1.39.0", "9.0.0", 40, true),
            ("1.40.0", "1.41.0", "9.0.0", 50, false),
            ("1.40.0", "1.40.0", "9.0.0", 50, false),
            // a text that is no version has no order
            ("1.40.0", "newest", "9.0.0", 50, false),
            // with the same newest release, more between them tell
            ("1.40.0", "1.39.0", "1.54.1", 41, true),
            ("1.40.0", "1.41.0", "1.54.1", 39, false),
            (&before, &after, "1.54.1", 41, true),
            (&after, &before, "1.54.1", 39, false),
            // between commits there is no order but that
            (&other, &commit, "9.0.0", 41, false),
        ] {
            let (mut report, mut baseline) = (sample(), sample());
            was.clone_into(&mut baseline.findings[0].pinned.version);
            let finding = &mut report.findings[0];
            now.clone_into(&mut finding.pinned.version);
            newest.clone_into(&mut finding.newest.as_mut().unwrap().version);
            finding.behind.as_mut().unwrap().releases = releases;
            compare(&mut report, &baseline);
            assert_eq!(report.findings[0].new, Some(new), "{was} {now} {newest}");
        }
        let none = Some(Severity::None);
        let (mut now, mut baseline) = (report(&[("a/b", none)]), report(&[("a/b", none)]));
        "1.0.0".clone_into(&mut now.findings[0].pinned.version);
        "2.0.0".clone_into(&mut baseline.findings[0].pinned.version);
        compare(&mut now, &baseline);
        assert_eq!(now.summary.new, Some(0), "nothing newer is no lag");
    }

    #[test]
    fn the_same_lag_under_another_id_is_new() {
        let mut now = report(&[("rust/tokio", Some(Severity::Error)), ("ruby/rake", Some(Severity::Info))]);
        compare(&mut now, &report(&[("old/tokio", Some(Severity::Error)), ("ruby/rake", Some(Severity::Info))]));
        let new: Vec<_> = now.findings.iter().map(|finding| finding.new).collect();
        assert_eq!(new, [Some(true), Some(false)]);
        assert!(now.reaches_anew(Severity::Error) && !now.reaches_anew(Severity::Critical));
    }
}
