//! The sections `[policy]`, `[policies.NAME]` and `[[rules]]`.

use std::ops::Range;

use chrono::TimeDelta;
use globset::{Glob, GlobMatcher};
use schemars::json_schema;

use crate::document::{
    Field, FromText, Node, Placed, Problem, Read, Refusal, Term, Text, Value, Whole, inline_schema, nearest, table,
    wrong_kind,
};
use crate::policy::{AgeRow, Policies, Policy, PolicyRule, Severity};

table! {
    /// A table from lag to severity.
    #[schemars(rename = "policy")]
    struct PolicyTable {
        /// One patch behind, or one release of a finer step.
        #[schemars(extend("default" = "info"), example = &"none")]
        patch = "patch": Severity,
        /// Two or more of these behind.
        #[schemars(extend("default" = "notice"), example = &"warning")]
        patches = "patches": Severity,
        /// One minor behind. With the severity `warning` the update is due after `due-after`.
        #[schemars(extend("default" = "warning"), example = &"notice")]
        minor = "minor": Severity,
        /// Two or more minors behind.
        #[schemars(extend("default" = "error"), example = &"warning")]
        minors = "minors": Severity,
        /// One or more majors behind.
        #[schemars(extend("default" = "critical"), example = &"error")]
        major = "major": Severity,
        /// How long after the first newer release an update by one minor is due: hours (h), days (d) or weeks (w).
        #[schemars(extend("default" = "14d"), example = &"30d")]
        due_after = "due-after": Term,
        /// Whether a new minor of a 0.x version counts as a major, as Cargo and npm treat it.
        #[schemars(extend("default" = false), example = true)]
        zero_minor_is_major = "zero-minor-is-major": bool,
        /// How old a release must be before it is a target. One without a date is as old as upmon's knowledge of it.
        #[schemars(extend("default" = "0d"), example = &"3d")]
        minimum_age = "minimum-age": Term,
        /// Severities by age instead of by segment, for calendar versions: from so many days after the first newer
        /// release, this severity. An empty list judges by segment.
        #[schemars(extend("default" = []), extend("examples" = [[{ "days": 30, "severity": "notice" }, { "days": 180, "severity": "error" }]]))]
        by_age = "by-age": Vec<Placed<AgeRowTable>>,
        /// At least this severe when the pinned release is yanked.
        #[schemars(extend("default" = "error"), example = &"critical")]
        pin_yanked = "pin-yanked": Severity,
        /// At least this severe when the pinned release is no longer listed upstream.
        #[schemars(extend("default" = "error"), example = &"critical")]
        pin_removed = "pin-removed": Severity,
        /// At least this severe when the pinned release is deprecated.
        #[schemars(extend("default" = "warning"), example = &"notice")]
        pin_deprecated = "pin-deprecated": Severity,
        /// At least this severe when the tag of the pinned release moved, or it was published again with other content.
        #[schemars(extend("default" = "error"), example = &"critical")]
        pin_replaced = "pin-replaced": Severity,
        /// How far the first number of a release must be above that of every other, and more than twice as high, to be held
        /// as an absurd jump until it is acknowledged; 0 for no limit.
        #[schemars(extend("default" = 20), example = 100)]
        major_jump = "major-jump": Whole,
        /// At least this severe when the registry has quarantined the package as possibly harmful.
        #[schemars(extend("default" = "error"), example = &"critical")]
        pin_quarantined = "pin-quarantined": Severity,
    }
}

table! {
    /// From so many days behind, this severity.
    #[schemars(rename = "row-by-age")]
    struct AgeRowTable required ["days", "severity"] {
        /// Whole days since the first newer release was published. Required.
        #[schemars(example = 30)]
        days = "days": Whole,
        /// The severity from then on. Required.
        #[schemars(example = &"notice")]
        severity = "severity": Severity,
    }
}

table! {
    /// Gives the pins that a glob matches a named policy.
    #[schemars(rename = "rule")]
    struct RuleTable required ["pins", "policy"] {
        /// A glob over `group/package`, or a list of globs: `*` stands for any characters, slashes included. Required.
        #[schemars(extend("examples" = ["rust/*", ["python/boto*", "typescript/@types/*"]]))]
        pins = "pins": Globs,
        /// The policy's name, one of `[policies]` or `default`. Required.
        #[schemars(example = &"relaxed")]
        policy = "policy": Text,
    }
}

/// Policies by name, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct NamedPolicies(Vec<(String, PolicyTable)>);

impl Read for NamedPolicies {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let Value::Table(entries) = &node.value else {
            problems.push(wrong_kind(node, name, "a table of policies"));
            return None;
        };
        let mut policies = Vec::new();
        for entry in entries {
            if entry.key == Policy::default().name {
                let problem = Problem::new(entry.key_span.clone(), "`default` is the name of the section `[policy]`");
                problems.push(problem.help("write these rows there, or choose another name"));
            }
            if let Err(refusal) = Text::from_text(&entry.key) {
                problems.push(Problem::new(entry.key_span.clone(), format!("the policy's name {}", refusal.reason)));
            }
            // one that cannot be read still has its name, so that its rules are not told as well
            let policy = PolicyTable::read(&entry.node, &entry.key, problems).unwrap_or_default();
            policies.push((entry.key.clone(), policy));
        }
        Some(Self(policies))
    }
}

inline_schema!(NamedPolicies, |generator| json_schema!({
    "type": "object",
    "propertyNames": { "not": { "const": "default" } },
    "additionalProperties": generator.subschema_for::<PolicyTable>(),
}));

/// One glob or several, each with its place.
#[derive(Debug, Clone)]
pub(crate) struct Globs(Vec<Placed<GlobMatcher>>);

impl Globs {
    /// The globs without their places.
    pub(super) fn matchers(self) -> Vec<GlobMatcher> {
        self.0.into_iter().map(|glob| glob.value).collect()
    }
}

impl Read for Globs {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let nodes = match &node.value {
            Value::Text(_) => std::slice::from_ref(node),
            Value::List(nodes) if !nodes.is_empty() => nodes,
            Value::List(_) => {
                problems
                    .push(Problem::new(node.span.clone(), format!("`{name}` is an empty list, which matches no pin")));
                return None;
            }
            _ => {
                problems.push(wrong_kind(node, name, "a glob or a list of globs"));
                return None;
            }
        };
        let glob = |node: &Node| {
            let value = GlobText::read(node, name, problems)?.0;
            Some(Placed { value, span: node.span.clone() })
        };
        Some(Self(nodes.iter().filter_map(glob).collect()))
    }
}

inline_schema!(Globs, |_| {
    let glob = json_schema!({ "type": "string", "pattern": "\\S" });
    json_schema!({ "anyOf": [glob, { "type": "array", "items": glob, "minItems": 1 }] })
});

struct GlobText(GlobMatcher);

impl FromText for GlobText {
    fn expected() -> Option<String> {
        Some("a glob over `group/package`, such as \"rust/*\"".to_owned())
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        Text::from_text(text)?;
        match Glob::new(text) {
            Ok(glob) => Ok(Self(glob.compile_matcher())),
            Err(error) => Err(Refusal::new(format!("is not a glob: {}", error.kind()))),
        }
    }
}

/// Puts the sections together; the places are those of the rules' globs.
pub(super) fn policies(
    default: &PolicyTable,
    named: &NamedPolicies,
    rules: &[Placed<RuleTable>],
    problems: &mut Vec<Problem>,
) -> (Policies, Vec<Range<usize>>) {
    let default = policy(Policy::default(), default, problems);
    let named = named.0.iter().map(|(name, table)| {
        let base = Policy { name: name.clone(), ..default.clone() };
        policy(base, table, problems)
    });
    let mut policies = Policies { named: named.collect(), default, rules: Vec::new() };
    let mut places = Vec::new();
    for rule in rules {
        let (Some(globs), Some(name)) = (rule.value.pins.get(), rule.value.policy.placed()) else { continue };
        problems.extend(unknown_policy(&policies, name));
        for glob in &globs.0 {
            policies.rules.push(PolicyRule { pins: glob.value.clone(), policy: name.value.0.clone() });
            places.push(glob.span.clone());
        }
    }
    (policies, places)
}

/// What is wrong with a policy's name, if there is no such policy.
pub(super) fn unknown_policy(policies: &Policies, name: &Placed<Text>) -> Option<Problem> {
    if policies.named(&name.value.0).is_some() {
        return None;
    }
    let known = policies.names();
    let help = match nearest(&name.value.0, &known) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("known policies: {}", known.join(", ")),
    };
    Some(Problem::new(name.span.clone(), format!("there is no policy `{}`", name.value.0)).help(help))
}

/// The rows of a table over those of another policy.
fn policy(base: Policy, table: &PolicyTable, problems: &mut Vec<Problem>) -> Policy {
    let row = |field: &Field<Severity>, base: Severity| field.cloned().unwrap_or(base);
    let minimum_age = table.minimum_age.get().map_or(base.minimum_age, |term| Some(term.0));
    Policy {
        patch: row(&table.patch, base.patch),
        patches: row(&table.patches, base.patches),
        minor: row(&table.minor, base.minor),
        minors: row(&table.minors, base.minors),
        major: row(&table.major, base.major),
        due_after: table.due_after.get().map_or(base.due_after, |term| term.0),
        zero_minor_is_major: table.zero_minor_is_major.cloned().unwrap_or(base.zero_minor_is_major),
        // no age at all must not cost a question for dates
        minimum_age: minimum_age.filter(|age| *age > TimeDelta::zero()),
        major_jump: table.major_jump.get().map_or(base.major_jump, |jump| jump.0.unsigned_abs()),
        pin_replaced: row(&table.pin_replaced, base.pin_replaced),
        by_age: table.by_age.get().map_or(base.by_age, |rows| by_age(rows, problems)),
        pin_yanked: row(&table.pin_yanked, base.pin_yanked),
        pin_removed: row(&table.pin_removed, base.pin_removed),
        pin_deprecated: row(&table.pin_deprecated, base.pin_deprecated),
        pin_quarantined: row(&table.pin_quarantined, base.pin_quarantined),
        name: base.name,
    }
}

/// The rows in ascending order; two for one day contradict each other.
fn by_age(rows: &[Placed<AgeRowTable>], problems: &mut Vec<Problem>) -> Vec<AgeRow> {
    let mut ascending: Vec<AgeRow> = Vec::new();
    for row in rows {
        let (Some(days), Some(severity)) = (row.value.days.get(), row.value.severity.get()) else { continue };
        if ascending.iter().any(|earlier| earlier.days == days.0) {
            problems.push(Problem::new(row.span.clone(), format!("a second row for {} days", days.0)));
        }
        ascending.push(AgeRow { days: days.0, severity: *severity });
    }
    ascending.sort_by_key(|row| row.days);
    ascending
}
