//! What is new against an earlier report, so that a pull request answers for its own lag and not for what was there.
//!
//! A finding is held against the finding of the same id in the baseline. Its lag is new when it is more severe than it was
//! there, and when the baseline knows nothing of it: no such id, or unknown. What has no severity above `none` is no lag,
//! and what is unknown now is neither new nor old. A newest release that is newer still, at the same severity, is not new:
//! upstream did that, and the nightly run tells it.

use std::collections::HashMap;

use super::{Finding, Report, Summary};
use crate::policy::Severity;

/// Marks every finding that is known now as new or not, and counts the new ones.
pub fn compare(report: &mut Report, baseline: &Report) {
    let before: HashMap<&str, Option<Severity>> =
        baseline.findings.iter().map(|finding| (finding.id.as_str(), finding.severity)).collect();
    for finding in &mut report.findings {
        let known = before.get(finding.id.as_str()).copied().flatten();
        finding.new = finding.severity.map(|now| now > known.unwrap_or(Severity::None));
    }
    report.summary = Summary { new: Some(count(&report.findings)), ..Summary::of(&report.findings) };
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
    fn the_same_lag_under_another_id_is_new() {
        let mut now = report(&[("rust/tokio", Some(Severity::Error)), ("ruby/rake", Some(Severity::Info))]);
        compare(&mut now, &report(&[("old/tokio", Some(Severity::Error)), ("ruby/rake", Some(Severity::Info))]));
        let new: Vec<_> = now.findings.iter().map(|finding| finding.new).collect();
        assert_eq!(new, [Some(true), Some(false)]);
        assert!(now.reaches_anew(Severity::Error) && !now.reaches_anew(Severity::Critical));
    }
}
