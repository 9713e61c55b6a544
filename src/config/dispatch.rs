//! The section `[dispatch]` and its `[dispatch.targets.NAME]`: what is started where, by what, and in which order.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::GlobMatcher;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::Repository;
use super::policy::Globs;
use super::template::{CORRELATION, Inputs, Payload, Template};
use crate::document::{
    Environment, FilePath, FromText, InFile, Lapse, Node, Placed, Problem, Read, Refusal, Table, Text, Timeout, Value,
    Word, nearest, repeated_keys, table, wrong_kind,
};
use crate::policy::Severity;
use crate::version::Step;

table! {
    /// What `upmon dispatch` starts, by what, and in which order.
    #[schemars(rename = "dispatch")]
    struct DispatchTable {
        /// What is started, by name.
        #[schemars(extend("default" = {}), extend("examples" = [{ "image": { "repository": "acme/images", "event-type": "upstream" } }]))]
        targets = "targets": Targets,
        /// Which updates wait until a person approves them on the package's issue.
        #[schemars(extend("default" = "major"), example = &"always")]
        approval = "approval": Approval,
        /// Where it is kept what was started: in a file, in the package's issue, or in the database of `upmon serve`.
        #[schemars(extend("default" = "file"), example = &"issue")]
        record = "record": RecordWord,
        /// The file of `record = "file"`; a relative path is meant from the settings file. Default:
        /// `upmon-dispatches.json`.
        #[schemars(example = &"/var/lib/upmon/dispatches.json")]
        record_file = "record-file": FilePath,
        /// How long after a dispatch that was cut off a run of which there is no trace counts as never started.
        #[schemars(extend("default" = "10m"), example = &"30m")]
        settle = "settle": Lapse,
        /// The pause between two writes.
        #[schemars(extend("default" = "1s"), example = &"2s")]
        pace = "pace": Lapse,
        /// With `--wait`, the pause between two looks at the runs.
        #[schemars(extend("default" = "15s"), example = &"1m")]
        poll = "poll": Lapse,
        /// With `--wait`, how long runs are followed.
        #[schemars(extend("default" = "1h"), example = &"3h")]
        timeout = "timeout": Timeout,
    }
}

table! {
    /// Something that is started when upstream has moved on.
    #[schemars(rename = "dispatch-target")]
    struct TargetTable required ["repository"] {
        /// The repository, as `owner/name`. Required.
        #[schemars(example = &"acme/images")]
        repository = "repository": Repository,
        /// The type of a `repository_dispatch`. Either this or `workflow` is there. Default: none.
        #[schemars(example = &"upstream-moved")]
        event_type = "event-type": EventType,
        /// The workflow of a `workflow_dispatch`: the name of its file. Default: none.
        #[schemars(example = &"rebuild.yml")]
        workflow = "workflow": Workflow,
        /// The branch or tag of the repository on which the workflow runs; there whenever `workflow` is. Default: none.
        #[schemars(example = &"main")]
        reference = "ref": Text,
        /// What the event carries; texts are templates. `correlation` is always added. Default: everything that is known
        /// of the update.
        #[schemars(extend("examples" = [{ "package": "{{package}}", "version": "{{to}}" }]))]
        payload = "payload": Payload,
        /// The inputs of the workflow; texts are templates. Default: none.
        #[schemars(extend("examples" = [{ "version": "{{to}}", "correlation": "{{correlation}}" }]))]
        inputs = "inputs": Inputs,
        /// The pins that it is for: a glob over `group/package`, or a list of globs. A pin that names its targets has those
        /// and no others. Default: only the pins that name it.
        #[schemars(extend("examples" = ["rust/*", ["ruby/*", "python/boto*"]]))]
        packages = "packages": Globs,
        /// The mildest severity that starts it. Default: any.
        #[schemars(example = &"warning")]
        severity = "severity": Severity,
        /// The smallest update that starts it. Default: any.
        #[schemars(example = &"minor")]
        update = "update": UpdateWord,
        /// Targets whose runs have to end in success before this one is started.
        #[schemars(extend("default" = []), extend("examples" = [["base"]]))]
        needs = "needs": Vec<Placed<InFile<Text>>>,
        /// Whether the `run-name` of the workflows shows the correlation id, so that a run can be found by it, and one that
        /// is not found was never started.
        #[schemars(extend("default" = false), example = true)]
        traced = "traced": bool,
        /// Which updates wait for approval, in place of what `[dispatch]` says. Default: what that says.
        #[schemars(example = &"never")]
        approval = "approval": Approval,
    }
}

/// Which updates wait until a person approves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Approval {
    /// Those to another major version, or to one of which nobody knows whether it is.
    #[default]
    Major,
    /// All.
    Always,
    /// None.
    Never,
}

impl Word for Approval {
    const KIND: &'static str = "a way to approve";

    fn all() -> Vec<Self> {
        vec![Self::Major, Self::Always, Self::Never]
    }

    fn word(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// Where the record is, as the file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RecordWord {
    #[default]
    File,
    Issue,
    Store,
}

impl Word for RecordWord {
    const KIND: &'static str = "a place for the record";

    fn all() -> Vec<Self> {
        vec![Self::File, Self::Issue, Self::Store]
    }

    fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Issue => "issue",
            Self::Store => "store",
        }
    }
}

/// A size of update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UpdateWord(Step);

impl Word for UpdateWord {
    const KIND: &'static str = "a size of update";

    fn all() -> Vec<Self> {
        [Step::Prerelease, Step::Patch, Step::Minor, Step::Major].map(Self).to_vec()
    }

    fn word(self) -> &'static str {
        match self.0 {
            Step::None => "none",
            Step::Prerelease => "prerelease",
            Step::Patch => "patch",
            Step::Minor => "minor",
            Step::Major => "major",
        }
    }
}

macro_rules! schema_of_words {
    ($($name:ident),+) => {$(
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                let words: Vec<&str> = Self::all().into_iter().map(Self::word).collect();
                json_schema!({ "type": "string", "enum": words })
            }
        }
    )+};
}
schema_of_words!(Approval, RecordWord, UpdateWord);

/// The type of a `repository_dispatch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventType(String);

/// GitHub refuses [longer types](https://docs.github.com/rest/repos/repos#create-a-repository-dispatch-event).
const LONGEST_TYPE: usize = 100;

impl FromText for EventType {
    fn expected() -> Option<String> {
        None
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let Text(name) = Text::from_text(text)?;
        if name.chars().count() > LONGEST_TYPE {
            return Err(Refusal::new(format!("is longer than {LONGEST_TYPE} characters")));
        }
        Ok(Self(name))
    }
}

impl JsonSchema for EventType {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "EventType".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "\\S", "maxLength": LONGEST_TYPE })
    }
}

/// The file of a workflow, or its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workflow(String);

const WORKFLOW: &str = "^([0-9]+|[A-Za-z0-9._-]+\\.ya?ml)$";

impl FromText for Workflow {
    fn expected() -> Option<String> {
        Some("the name of a file below .github/workflows, such as \"rebuild.yml\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let stem = text.strip_suffix(".yml").or_else(|| text.strip_suffix(".yaml")).unwrap_or_default();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if is_number || (!stem.is_empty() && stem.bytes().all(allowed)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Refusal::new("is not a workflow"))
        }
    }
}

impl JsonSchema for Workflow {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Workflow".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": WORKFLOW })
    }
}

/// Targets by name, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets(Vec<Named>);

#[derive(Debug, Clone)]
struct Named {
    name: String,
    span: Range<usize>,
    table: TargetTable,
}

/// A name is part of correlation ids, of the record and of `--retry TARGET/PACKAGE`.
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_-]{0,49}$";

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    text.len() <= 50 && text.bytes().all(allowed) && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

impl Read for Targets {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let Value::Table(entries) = &node.value else {
            problems.push(wrong_kind(node, name, "a table of targets"));
            return None;
        };
        problems.extend(repeated_keys(entries));
        let mut targets = Vec::new();
        for entry in entries {
            if !is_name(&entry.key) {
                let problem = Problem::new(entry.key_span.clone(), format!("`{}` is no name for a target", entry.key));
                problems.push(problem.help("letters, digits, `-` and `_`, at most 50"));
            }
            let before = problems.len();
            // one that cannot be read still has its name, so that who needs it is not told as well
            let table = TargetTable::read(&entry.node, &entry.key, problems).unwrap_or_default();
            if problems.len() == before {
                problems.extend(table.contradictions(&entry.key, &entry.key_span));
            }
            targets.push(Named { name: entry.key.clone(), span: entry.key_span.clone(), table });
        }
        Some(Self(targets))
    }
}

impl JsonSchema for Targets {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "targets".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": generator.subschema_for::<TargetTable>(),
        })
    }
}

impl TargetTable {
    /// Keys that say nothing, or too much, together.
    fn contradictions(&self, name: &str, span: &Range<usize>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let help = "`event-type` makes it a repository_dispatch, `workflow` with `ref` a workflow_dispatch";
        let mut wrong =
            |span: &Range<usize>, message: String| problems.push(Problem::new(span.clone(), message).help(help));
        match (self.event_type.span(), self.workflow.span()) {
            (None, None) => wrong(span, format!("`{name}` says neither `event-type` nor `workflow`")),
            (Some(_), Some(workflow)) => wrong(workflow, format!("`{name}` says both `event-type` and `workflow`")),
            (None, Some(_)) if self.reference.get().is_none() => wrong(span, format!("`{name}` says no `ref`")),
            _ => {}
        }
        let of_workflow = [("ref", self.reference.span()), ("inputs", self.inputs.span())];
        let is_event = self.event_type.get().is_some() && self.workflow.get().is_none();
        for (key, span) in of_workflow.into_iter().filter(|_| is_event) {
            if let Some(span) = span {
                wrong(span, format!("`{key}` has no effect without `workflow`"));
            }
        }
        if let Some(span) = self.payload.span().filter(|_| self.workflow.get().is_some()) {
            wrong(span, "`payload` has no effect without `event-type`".to_owned());
        }
        problems.extend(self.untraceable());
        problems
    }

    /// A workflow that is to show a correlation id which it is not told.
    fn untraceable(&self) -> Option<Problem> {
        let told = |inputs: &Inputs| inputs.0.iter().any(|(_, template)| template.names(CORRELATION));
        let is_told = self.workflow.get().is_none() || self.inputs.get().is_some_and(told);
        let span = self.traced.span().filter(|_| self.traced.get() == Some(&true) && !is_told)?;
        let problem = Problem::new(span.clone(), "`traced` has no effect here: no input tells the correlation id");
        Some(problem.help("add an input such as `correlation = \"{{correlation}}\"`, and show it in `run-name`"))
    }

    fn target(&self, name: &str, needs: Vec<String>, approval: Approval) -> Option<Target> {
        let kind = match (self.event_type.cloned(), self.workflow.cloned()) {
            (Some(EventType(event_type)), _) => {
                Kind::Repository { event_type, payload: self.payload.cloned().map(|Payload(payload)| payload) }
            }
            (None, Some(Workflow(workflow))) => Kind::Workflow {
                workflow,
                reference: self.reference.cloned()?.0,
                inputs: self.inputs.cloned().map(|Inputs(inputs)| inputs).unwrap_or_default(),
            },
            (None, None) => return None,
        };
        Some(Target {
            name: name.to_owned(),
            repository: self.repository.cloned()?,
            kind,
            packages: self.packages.cloned().map(Globs::matchers).unwrap_or_default(),
            severity: self.severity.cloned(),
            update: self.update.cloned().map(|UpdateWord(step)| step),
            needs,
            traced: self.traced.cloned().unwrap_or_default(),
            approval: self.approval.cloned().unwrap_or(approval),
        })
    }
}

/// Something that is started when upstream has moved on.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name in the settings.
    pub name: String,
    /// Where it is.
    pub repository: Repository,
    /// How it is started.
    pub kind: Kind,
    /// The findings that it is for, beside those that name it.
    pub packages: Vec<GlobMatcher>,
    /// The mildest severity that starts it.
    pub severity: Option<Severity>,
    /// The smallest update that starts it.
    pub update: Option<Step>,
    /// The targets that come before it.
    pub needs: Vec<String>,
    /// Whether its runs show their correlation id.
    pub traced: bool,
    /// Which of its updates wait for a person.
    pub approval: Approval,
}

/// How a target is started.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// By a [`repository_dispatch`](https://docs.github.com/rest/repos/repos#create-a-repository-dispatch-event).
    Repository {
        /// Its type.
        event_type: String,
        /// What it carries; `None` for everything that is known.
        payload: Option<Vec<(String, Template)>>,
    },
    /// By a [`workflow_dispatch`](https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event).
    Workflow {
        /// The file of the workflow, or its number.
        workflow: String,
        /// The branch or tag on which it runs.
        reference: String,
        /// Its inputs.
        inputs: Vec<(String, Template)>,
    },
}

/// Where it is kept what was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordPlace {
    /// In this file.
    File(PathBuf),
    /// In the hidden marker of the package's issue.
    Issue,
    /// In the database of the service.
    Store,
}

/// What is set for dispatches, with its defaults.
#[derive(Debug, Clone)]
pub struct DispatchSettings {
    /// What is started; those that others need come before them.
    pub targets: Vec<Target>,
    /// Where it is kept what was started.
    pub record: RecordPlace,
    /// How long a server may not yet show what it was asked for.
    pub settle: Duration,
    /// The pause between two writes.
    pub pace: Duration,
    /// The pause between two looks at runs.
    pub poll: Duration,
    /// How long runs are followed.
    pub timeout: Duration,
}

/// The record's name, where none is set.
const RECORD: &str = "upmon-dispatches.json";

impl Default for DispatchSettings {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            record: RecordPlace::File(RECORD.into()),
            settle: Duration::from_mins(10),
            pace: Duration::from_secs(1),
            poll: Duration::from_secs(15),
            timeout: Duration::from_hours(1),
        }
    }
}

impl DispatchSettings {
    /// A target by its name.
    pub fn target(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }
}

impl DispatchTable {
    /// `file` is the settings file, beside which its relative paths lie.
    pub(super) fn merge(
        mut self,
        file: &Path,
        environment: &mut Environment<'_>,
        problems: &mut Vec<Problem>,
    ) -> DispatchSettings {
        self.record_file = self.record_file.map(|path| path.beside(file));
        self.overlay(super::DISPATCH, environment);
        let defaults = DispatchSettings::default();
        let lapse = |field: Option<Lapse>, default| field.map_or(default, |Lapse(lapse)| lapse);
        DispatchSettings {
            record: self.place(file, problems),
            settle: lapse(self.settle.cloned(), defaults.settle),
            pace: lapse(self.pace.cloned(), defaults.pace),
            poll: lapse(self.poll.cloned(), defaults.poll),
            timeout: self.timeout.cloned().map_or(defaults.timeout, |Timeout(timeout)| timeout),
            targets: self.targets(problems),
        }
    }

    fn place(&self, file: &Path, problems: &mut Vec<Problem>) -> RecordPlace {
        let elsewhere = match self.record.get() {
            Some(RecordWord::Issue) => Some((RecordPlace::Issue, "in issues")),
            Some(RecordWord::Store) => Some((RecordPlace::Store, "in the database")),
            Some(RecordWord::File) | None => None,
        };
        if let Some((place, kept)) = elsewhere {
            problems.extend(self.record_file.span().map(|span| {
                Problem::new(span.clone(), format!("`record-file` has no effect here: the record is kept {kept}"))
            }));
            return place;
        }
        let FilePath(path) = self.record_file.cloned().unwrap_or_else(|| FilePath(RECORD.into()).beside(file));
        RecordPlace::File(path)
    }

    /// The targets, each behind those that it needs.
    fn targets(&self, problems: &mut Vec<Problem>) -> Vec<Target> {
        let Targets(named) = self.targets.cloned().unwrap_or_default();
        let before = problems.len();
        let needs: BTreeMap<&str, Vec<&Placed<InFile<Text>>>> = (named.iter())
            .map(|named| (named.name.as_str(), named.table.needs.get().into_iter().flatten().collect()))
            .collect();
        for need in needs.values().flatten() {
            problems.extend(unknown_need(need, &needs));
        }
        problems.extend(needed_and_untraced(&named, &needs));
        if problems.len() == before {
            problems.extend(cycle(&named, &needs));
        }
        if problems.len() > before {
            return Vec::new();
        }
        let approval = self.approval.cloned().unwrap_or_default();
        let of = |name: &str| needs[name].iter().map(|need| need.value.0.0.clone()).collect();
        let mut targets: Vec<Target> =
            named.iter().filter_map(|Named { name, table, .. }| table.target(name, of(name), approval)).collect();
        let depths: BTreeMap<String, usize> =
            targets.iter().map(|target| (target.name.clone(), depth(&target.name, &needs))).collect();
        targets.sort_by_key(|target| depths[&target.name]);
        targets
    }
}

type Needs<'a> = BTreeMap<&'a str, Vec<&'a Placed<InFile<Text>>>>;

fn unknown_need(need: &Placed<InFile<Text>>, needs: &Needs<'_>) -> Option<Problem> {
    let InFile(Text(name)) = &need.value;
    if needs.contains_key(name.as_str()) {
        return None;
    }
    let problem = Problem::new(need.span.clone(), format!("there is no dispatch target `{name}`"));
    let known: Vec<&str> = needs.keys().copied().collect();
    Some(match nearest(name, &known) {
        Some(word) => problem.help(format!("did you mean `{word}`?")),
        None => problem.help(format!("known targets: {}", known.join(", "))),
    })
}

/// Nobody can wait for runs that cannot be found.
fn needed_and_untraced(named: &[Named], needs: &Needs<'_>) -> Vec<Problem> {
    let untraced = |name: &str| {
        let found = named.iter().find(|named| named.name == name);
        found.is_some_and(|named| named.table.event_type.get().is_some() && named.table.traced.get() != Some(&true))
    };
    let needed = needs.values().flatten().filter(|need| untraced(&need.value.0.0));
    needed
        .map(|need| {
            let message = format!("nobody can wait for `{}`: a repository_dispatch tells no run", need.value.0.0);
            let help = "show the correlation id in the `run-name` of its workflow, and say `traced = true` there";
            Problem::new(need.span.clone(), message).help(help)
        })
        .collect()
}

/// The first way that leads from a target back to it.
fn cycle(named: &[Named], needs: &Needs<'_>) -> Option<Problem> {
    named.iter().find_map(|named| {
        let mut path = vec![named.name.as_str()];
        way_back(&mut path, needs).then(|| {
            let path: Vec<String> = path.iter().map(|name| format!("`{name}`")).collect();
            let message = format!("targets that need each other can never start: {}", path.join(" needs "));
            Problem::new(named.span.clone(), message)
        })
    })
}

/// Extends the path until it ends where it began, if it can.
fn way_back<'a>(path: &mut Vec<&'a str>, needs: &Needs<'a>) -> bool {
    let last = path[path.len() - 1];
    for need in &needs[last] {
        let name = need.value.0.0.as_str();
        let is_seen = path.contains(&name);
        path.push(name);
        if name == path[0] || (!is_seen && way_back(path, needs)) {
            return true;
        }
        path.pop();
    }
    false
}

/// How many layers of targets come before one. Only for targets without a cycle.
fn depth(name: &str, needs: &Needs<'_>) -> usize {
    needs[name].iter().map(|need| 1 + depth(&need.value.0.0, needs)).max().unwrap_or(0)
}
