//! `[dispatch.targets.NAME]`: something that is started, read and judged by itself.

use std::ops::Range;

use globset::GlobMatcher;
use schemars::json_schema;

use super::values::{Approval, EventType, UpdateWord, Workflow};
use crate::config::Repository;
use crate::config::policy::Globs;
use crate::config::template::{CORRELATION, Inputs, Payload, Template};
use crate::document::{
    InFile, Node, Placed, Problem, Read, Text, Value, inline_schema, repeated_keys, table, wrong_kind,
};
use crate::policy::Severity;
use crate::version::Step;

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

/// Targets by name, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Targets(pub(super) Vec<Named>);

#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) span: Range<usize>,
    pub(super) table: TargetTable,
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

inline_schema!(Targets, |generator| json_schema!({
    "type": "object",
    "propertyNames": { "pattern": NAME },
    "additionalProperties": generator.subschema_for::<TargetTable>(),
}));

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

    pub(super) fn target(&self, name: &str, needs: Vec<String>, approval: Approval) -> Option<Target> {
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
