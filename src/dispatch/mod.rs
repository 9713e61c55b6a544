//! From a report to the rebuilds that are due: pure, so that a dry run prints the very plan that would be carried out.
//!
//! What was started before is a [`record`], what a person approved comes from the issues ([`issues`]). Talking to GitHub is
//! left to [`github`], and carrying a plan out, with all its waiting, to [`run`].

pub mod github;
pub mod issues;
pub mod record;
pub mod run;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use crate::config::{Approval, CORRELATION, DispatchSettings, Kind, RecordPlace, Repository, Target, Template, Values};
use crate::lag::Status;
use crate::policy::Severity;
use crate::registry::RegistryId;
use crate::report::{Finding, Report, escape, words};
use crate::version::Step;
use record::{Dispatched, Key, Record, State};

/// GitHub refuses [more characters](https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows#workflow_dispatch)
/// in what a dispatch carries.
const LONGEST_PAYLOAD: usize = 65_535;

/// What a plan is made from, beside the report.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// What is set.
    pub settings: &'a DispatchSettings,
    /// What was started before.
    pub record: &'a Record,
    /// What people approved, and which packages have issues; `None` where nobody looked, since nothing depends on it.
    pub issues: Option<&'a issues::Issues>,
    /// Targets and findings that a person wants to be started again.
    pub retries: &'a [(String, String)],
    /// Whether runs are followed to their end, so that what needs them can start in the same run.
    pub wait: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Plan {
    /// What is under way since an earlier run, and is followed.
    pub running: Vec<Dispatched>,
    /// What is started: a layer after the runs of all layers before it.
    pub layers: Vec<Vec<Due>>,
    /// What is not started, and why.
    pub held: Vec<Held>,
}

/// A dispatch that is due.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Due {
    /// The target.
    pub target: String,
    /// Where it is.
    #[serde(serialize_with = "shown")]
    pub repository: Repository,
    /// The finding.
    pub package: String,
    /// The pinned version.
    pub from: String,
    /// The newest version.
    pub version: String,
    /// The text by which its run is recognised.
    pub correlation: String,
    /// How often a person had it sent again.
    #[serde(skip_serializing_if = "is_first")]
    pub retry: u32,
    /// The targets that come before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// What is sent, below the repository's address.
    pub path: String,
    /// What is sent.
    pub body: Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `skip_serializing_if` calls it so")]
const fn is_first(retry: &u32) -> bool {
    *retry == 0
}

fn shown<S: serde::Serializer>(repository: &Repository, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(repository)
}

/// A dispatch that is not started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The target.
    pub target: String,
    /// The finding.
    pub package: String,
    /// The newest version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why.
    pub why: Why,
    /// The same in words.
    pub message: String,
}

/// Why a dispatch is not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Nothing is known of the package.
    Unknown,
    /// The update is milder or smaller than the target asks for.
    BelowThreshold,
    /// It was started, and is under way as far as anybody knows.
    Started,
    /// It was started, and ended in success.
    Succeeded,
    /// It was started, and ended otherwise.
    Failed,
    /// It may have been started, and nobody can know.
    Uncertain,
    /// It may have been started, and will be known later.
    Settling,
    /// A person has to approve it.
    AwaitsApproval,
    /// A target that comes before it is not done.
    WaitsFor,
    /// The package has no issue in which it could be noted.
    NoIssue,
    /// What would be sent is no plain text, too long, or cannot be made.
    Unsendable,
    /// The settings have no such target.
    NoSuchTarget,
}

impl Why {
    /// Whether the run should end as one in which something could not be done.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Uncertain | Self::Unsendable | Self::NoSuchTarget)
    }

    /// Whether nobody has to be told of it every night.
    pub const fn is_quiet(self) -> bool {
        matches!(self, Self::Unknown | Self::BelowThreshold | Self::Succeeded)
    }

    /// Whether what comes behind it has to wait, also for other packages: something is, or may be, on its way.
    const fn blocks_all(self) -> bool {
        matches!(self, Self::Started | Self::Failed | Self::Uncertain | Self::Settling | Self::WaitsFor)
    }

    /// Whether what comes behind it has to wait for the same package.
    const fn blocks_package(self) -> bool {
        !matches!(self, Self::Succeeded | Self::BelowThreshold | Self::Unknown)
    }
}

/// Plans a run.
pub fn plan(report: &Report, situation: &Situation<'_>) -> Plan {
    let mut planner = Planner { situation, judged: Vec::new(), plan: Plan::default(), depths: BTreeMap::new() };
    let findings = words::worst_first(&report.findings);
    for finding in &findings {
        planner.note_unknown_targets(finding);
    }
    for target in &situation.settings.targets {
        let judged = findings.iter().filter(|finding| concerns(target, finding));
        let judged: Vec<Judged<'_>> = judged.filter_map(|finding| planner.judge(target, finding)).collect();
        planner.order(target, judged);
    }
    planner.plan
}

/// Whether a target is for a finding's package.
fn concerns(target: &Target, finding: &Finding) -> bool {
    match &finding.dispatch {
        Some(names) => names.contains(&target.name),
        None => target.packages.iter().any(|glob| glob.is_match(&finding.id)),
    }
}

/// Whether a target is for an update, so that it is started when nothing is in the way.
fn is_asked(target: &Target, finding: &Finding) -> bool {
    let is_severe = target.severity.is_none_or(|mildest| finding.severity.is_some_and(|severity| severity >= mildest));
    let is_large = target.update.is_none_or(|smallest| finding.update.is_some_and(|update| update >= smallest));
    is_severe && is_large
}

/// Whether a person has to approve an update.
fn needs_approval(target: &Target, finding: &Finding) -> bool {
    match target.approval {
        Approval::Never => false,
        Approval::Always => true,
        // of commits, nobody knows what they change
        Approval::Major => finding.update.is_none_or(|update| update == Step::Major),
    }
}

/// The targets, by finding, that wait for a person's approval or have waited for it: the issues show a box for them.
pub fn approvals(report: &Report, settings: &DispatchSettings) -> BTreeMap<String, Vec<String>> {
    let of = |finding: &Finding| -> Vec<String> {
        let asks = |target: &&Target| {
            concerns(target, finding) && is_asked(target, finding) && needs_approval(target, finding)
        };
        settings.targets.iter().filter(asks).map(|target| target.name.clone()).collect()
    };
    let behind = report.findings.iter().filter(|finding| finding.status == Status::Behind);
    behind.map(|finding| (finding.id.clone(), of(finding))).filter(|(_, targets)| !targets.is_empty()).collect()
}

/// Whether a plan for the report depends on what stands in issues.
pub fn needs_issues(report: &Report, settings: &DispatchSettings) -> bool {
    let concerned = |finding: &Finding| settings.targets.iter().any(|target| concerns(target, finding));
    match settings.record {
        RecordPlace::Issue => report.findings.iter().any(concerned),
        RecordPlace::File(_) | RecordPlace::Store => !approvals(report, settings).is_empty(),
    }
}

struct Planner<'a> {
    situation: &'a Situation<'a>,
    /// What became of targets so far: those that others need come first.
    judged: Vec<(&'a str, Outcome)>,
    plan: Plan,
    /// The layer of each target that has something due or under way.
    depths: BTreeMap<&'a str, usize>,
}

/// What becomes of a target for a package.
struct Outcome {
    package: String,
    /// `None` for what is due in this run, or followed by it.
    why: Option<Why>,
}

/// A target and a package, as far as that can be said without looking at other targets.
struct Judged<'a> {
    finding: &'a Finding,
    verdict: Verdict,
}

enum Verdict {
    Due(Box<Due>),
    Running(Dispatched),
    Held(Why, String),
}

impl<'a> Planner<'a> {
    fn note_unknown_targets(&mut self, finding: &Finding) {
        let names = finding.dispatch.iter().flatten();
        for name in names.filter(|name| self.situation.settings.target(name).is_none()) {
            let message = format!("the settings have no dispatch target `{}`", words::label(name));
            self.hold(name, finding, Why::NoSuchTarget, message);
        }
    }

    fn hold(&mut self, target: &str, finding: &Finding, why: Why, message: String) {
        self.plan.held.push(Held {
            target: target.to_owned(),
            package: finding.id.clone(),
            version: finding.newest.as_ref().map(|newest| newest.version.clone()),
            why,
            message,
        });
    }

    /// What can be said of a target and a package alone; `None` where there is nothing to move to.
    fn judge(&self, target: &Target, finding: &'a Finding) -> Option<Judged<'a>> {
        let verdict = match finding.status {
            Status::Current | Status::Ahead => return None,
            Status::Unknown => Verdict::Held(Why::Unknown, "nothing is known of the package".to_owned()),
            Status::Behind if !is_asked(target, finding) => Verdict::Held(
                Why::BelowThreshold,
                "the update is milder or smaller than the target asks for".to_owned(),
            ),
            Status::Behind => self.judge_update(target, finding),
        };
        Some(Judged { finding, verdict })
    }

    fn judge_update(&self, target: &Target, finding: &Finding) -> Verdict {
        let version = finding.newest.as_ref().map(|newest| newest.version.as_str()).unwrap_or_default();
        let key = Key { target: &target.name, package: &finding.id, version };
        let known = self.situation.record.get(key);
        let is_retry = (self.situation.retries.iter()).any(|(name, id)| *name == target.name && *id == finding.id);
        match known.filter(|_| !is_retry) {
            Some(known) => self.judge_known(target, known),
            None => {
                self.judge_new(target, finding, known.filter(|_| is_retry).map_or(0, |known| known.retry + 1), is_retry)
            }
        }
    }

    fn judge_known(&self, target: &Target, known: &Dispatched) -> Verdict {
        let run = known.run.as_ref().map(|run| format!(": {}", run.url)).unwrap_or_default();
        let can_follow = known.run.is_some() || target.traced;
        let at = known.at.format("%Y-%m-%dT%H:%M:%SZ");
        match known.state {
            State::Succeeded => Verdict::Held(Why::Succeeded, format!("its run ended in success{run}")),
            State::Failed => {
                let conclusion = known.conclusion.as_deref().unwrap_or("unknown");
                Verdict::Held(Why::Failed, format!("its run ended as `{}`{run}", words::label(conclusion)))
            }
            State::Started if self.situation.wait && can_follow => Verdict::Running(known.clone()),
            State::Started if can_follow => Verdict::Held(Why::Started, format!("its run has not ended{run}")),
            State::Started => Verdict::Held(Why::Started, format!("it was started at {at}, and its run is not known")),
            State::Intended if target.traced => {
                Verdict::Held(Why::Settling, format!("it was cut off at {at}, and its run may not be listed yet"))
            }
            State::Intended => {
                let again = format!("--retry {}/{}", target.name, known.package);
                Verdict::Held(
                    Why::Uncertain,
                    format!(
                        "it was cut off at {at}, and nobody can know whether it was started; `{again}` starts it again"
                    ),
                )
            }
        }
    }

    fn judge_new(&self, target: &Target, finding: &Finding, retry: u32, is_retry: bool) -> Verdict {
        let issues = self.situation.issues;
        if self.situation.settings.record == RecordPlace::Issue && !issues.is_some_and(|issues| issues.has(&finding.id))
        {
            return Verdict::Held(Why::NoIssue, "the package has no issue in which it could be noted".to_owned());
        }
        let due = match due(target, finding, retry) {
            Ok(due) => due,
            Err(message) => return Verdict::Held(Why::Unsendable, message),
        };
        // who names it for another time has looked at it
        let is_approved = is_retry || issues.is_some_and(|issues| issues.approves(&finding.id, &due.version));
        if needs_approval(target, finding) && !is_approved {
            let how = "a tick in the package's issue, or the label `upmon:approved` on it";
            return Verdict::Held(Why::AwaitsApproval, format!("a person has to approve it: {how}"));
        }
        Verdict::Due(Box::new(due))
    }

    /// Puts what is due behind the targets that it needs, all of which were ordered before.
    fn order(&mut self, target: &'a Target, judged: Vec<Judged<'a>>) {
        let depth = target.needs.iter().filter_map(|need| self.depths.get(need.as_str())).map(|depth| depth + 1).max();
        let depth = depth.unwrap_or(0);
        let mut outcomes = Vec::new();
        for Judged { finding, verdict } in judged {
            let why = match verdict {
                Verdict::Held(why, message) => {
                    self.hold(&target.name, finding, why, message);
                    Some(why)
                }
                Verdict::Running(running) => {
                    self.plan.running.push(running);
                    None
                }
                Verdict::Due(due) => {
                    let obstacle = self.obstacle(target, finding);
                    let why = obstacle.is_some().then_some(Why::WaitsFor);
                    match obstacle {
                        Some(message) => self.hold(&target.name, finding, Why::WaitsFor, message),
                        None => self.add(*due, depth),
                    }
                    why
                }
            };
            outcomes.push((target.name.as_str(), Outcome { package: finding.id.clone(), why }));
        }
        if outcomes.iter().any(|(_, outcome)| outcome.why.is_none()) {
            self.depths.insert(&target.name, depth);
        }
        self.judged.extend(outcomes);
    }

    fn add(&mut self, due: Due, depth: usize) {
        if self.plan.layers.len() <= depth {
            self.plan.layers.resize_with(depth + 1, Vec::new);
        }
        self.plan.layers[depth].push(due);
    }

    /// What of the targets that come before this one keeps a package back.
    fn obstacle(&self, target: &Target, finding: &Finding) -> Option<String> {
        let mut needed = self.judged.iter().filter(|(name, _)| target.needs.iter().any(|need| need == name));
        needed.find_map(|(name, outcome)| Some(format!("it needs `{name}`, {}", self.because(outcome, finding)?)))
    }

    fn because(&self, outcome: &Outcome, finding: &Finding) -> Option<String> {
        let of = || words::label(&outcome.package).into_owned();
        match outcome.why {
            None if self.situation.wait => None,
            None => Some(format!("which is started for `{}` in this run", of())),
            Some(why) if why.blocks_all() || (why.blocks_package() && outcome.package == finding.id) => {
                Some(format!("which is {} for `{}`", why.words(), of()))
            }
            Some(_) => None,
        }
    }
}

impl Why {
    const fn words(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::BelowThreshold => "below its threshold",
            Self::Started => "not known to have ended",
            Self::Succeeded => "done",
            Self::Failed => "failed",
            Self::Uncertain => "uncertain",
            Self::Settling => "not yet known to be started",
            Self::AwaitsApproval => "waiting for approval",
            Self::WaitsFor => "waiting itself",
            Self::NoIssue => "without an issue",
            Self::Unsendable => "not sendable",
            Self::NoSuchTarget => "not in the settings",
        }
    }
}

/// The dispatch of an update.
fn due(target: &Target, finding: &Finding, retry: u32) -> Result<Due, String> {
    let values = values(target, finding, retry)?;
    let (path, body, carried) = match &target.kind {
        Kind::Repository { event_type, payload } => {
            let payload = payload_of(payload.as_deref(), &values)?;
            let body = json!({ "event_type": event_type, "client_payload": payload });
            ("dispatches".to_owned(), body, payload)
        }
        Kind::Workflow { workflow, reference, inputs } => {
            let inputs = inputs_of(inputs, &values)?;
            let body = json!({ "ref": reference, "inputs": inputs, "return_run_details": true });
            (format!("actions/workflows/{workflow}/dispatches"), body, inputs)
        }
    };
    if carried.to_string().encode_utf16().count() > LONGEST_PAYLOAD {
        return Err(format!("what it carries is longer than the {LONGEST_PAYLOAD} characters that GitHub takes"));
    }
    Ok(Due {
        target: target.name.clone(),
        repository: target.repository.clone(),
        package: finding.id.clone(),
        from: values["from"].clone(),
        version: values["to"].clone(),
        correlation: values[CORRELATION].clone(),
        retry,
        needs: target.needs.clone(),
        path,
        body,
    })
}

/// The whole payload of an event, which always tells the correlation id.
fn payload_of(payload: Option<&[(String, Template)]>, values: &Values) -> Result<Value, String> {
    // ten keys at the top are all that GitHub takes
    const DEFAULT: [&str; 10] =
        ["package", "group", "id", "from", "to", "severity", "update", "ref", "url", CORRELATION];
    let Some(payload) = payload else {
        return Ok(DEFAULT.iter().map(|name| ((*name).to_owned(), Value::from(values[name].as_str()))).collect());
    };
    let mut rendered = Template::Table(payload.to_vec()).render(values)?;
    if let Some(members) = rendered.as_object_mut() {
        members.entry(CORRELATION).or_insert_with(|| values[CORRELATION].as_str().into());
    }
    Ok(rendered)
}

/// Inputs are texts, whatever a workflow makes of them.
fn inputs_of(inputs: &[(String, Template)], values: &Values) -> Result<Value, String> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    inputs.iter().map(|(key, template)| Ok((key.clone(), Value::from(text(template.render(values)?))))).collect()
}

/// What templates can name of an update.
fn values(target: &Target, finding: &Finding, retry: u32) -> Result<Values, String> {
    let newest = finding.newest.as_ref().ok_or("no newest version is known")?;
    let upstream = finding.upstream.as_deref().unwrap_or(&finding.package);
    let reference = if finding.registry == RegistryId::Git { newest.version.as_str() } else { "" };
    let url = newest.url.as_deref().filter(|url| is_plain(url)).unwrap_or_default();
    let correlation = correlation(&target.name, finding, &newest.version, retry);
    let texts = [
        ("package", finding.package.as_str()),
        ("upstream", upstream),
        ("group", &finding.group),
        ("id", &finding.id),
        ("from", &finding.pinned.version),
        ("to", &newest.version),
    ];
    if let Some((name, text)) = texts.iter().find(|(_, text)| !is_plain(text)) {
        let text = escape::terminal(&words::label(text));
        return Err(format!("`{name}` is `{text}`, which a workflow could take for more than a text"));
    }
    let ours = [
        ("target", target.name.as_str()),
        ("registry", finding.registry.as_str()),
        ("severity", finding.severity.map_or("", Severity::as_str)),
        ("ref", reference),
        ("url", url),
        (CORRELATION, &correlation),
    ];
    let update = finding.update.map(|update| update.to_string()).unwrap_or_default();
    let all = texts.into_iter().chain(ours).map(|(name, text)| (name, text.to_owned()));
    Ok(all.chain([("update", update)]).collect())
}

/// Whether a text is nothing but a name, a version or an address. Workflows are written by people, and many put such a text
/// [into a script](https://docs.github.com/actions/concepts/security/script-injections), where one that begins with `-` is
/// an option, or print it, and a line that begins with `::` is a [command of the
/// runner](https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands).
fn is_plain(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+/@:~!=%,".contains(&byte);
    let is_command = text.starts_with('-') || text.starts_with("::");
    !text.is_empty() && !is_command && text.len() <= 2_000 && text.bytes().all(allowed)
}

/// The text by which a run is recognised: the same for the same target, package, version and attempt, so that a receiver can
/// tell a repetition.
fn correlation(target: &str, finding: &Finding, version: &str, retry: u32) -> String {
    format!("upmon-{}", crate::tracker::digest(&format!("{target}\n{}\n{version}\n{retry}", finding.id)))
}

impl Plan {
    /// What could not be done for a reason that somebody has to look at.
    pub fn failures(&self) -> impl Iterator<Item = String> + '_ {
        let failures = self.held.iter().filter(|held| held.why.is_failure());
        failures.map(|held| format!("`{}` for `{}`: {}", held.target, words::label(&held.package), held.message))
    }

    /// Names of a person's `--retry` that the plan has nothing for.
    pub fn unused<'a>(&self, retries: &'a [(String, String)]) -> Vec<&'a (String, String)> {
        let due: BTreeSet<(&str, &str)> =
            self.layers.iter().flatten().map(|due| (due.target.as_str(), due.package.as_str())).collect();
        retries.iter().filter(|(target, package)| !due.contains(&(target.as_str(), package.as_str()))).collect()
    }
}
