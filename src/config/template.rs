//! What a dispatch carries: values of the settings whose texts are templates over what is known of an update.
//!
//! A template that names what there is not is refused when the settings are read, not on the night on which it is first
//! needed. Nothing is escaped: the values go into JSON, whose writer does that.

use std::collections::BTreeMap;

use handlebars::{Handlebars, RenderErrorReason, no_escape};
use schemars::json_schema;
use serde_json::{Number, Value as Json};

use crate::document::{Entry, Node, Problem, Read, Value, inline_schema, nearest, repeated_keys, wrong_kind};

/// What a template can name.
const NAMES: [&str; 13] = [
    "target",
    "package",
    "upstream",
    "group",
    "id",
    "registry",
    "from",
    "to",
    "severity",
    "update",
    "ref",
    "url",
    "correlation",
];

/// The name of the value by which a run is recognised.
pub const CORRELATION: &str = "correlation";

/// What is known of an update: a text for each of [`NAMES`], empty where there is none.
pub type Values = BTreeMap<&'static str, String>;

/// A value of the settings with templates in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// A text over [`Values`].
    Text(String),
    /// A number or a boolean.
    Plain(Json),
    /// A list of them.
    List(Vec<Self>),
    /// A table of them.
    Table(Vec<(String, Self)>),
}

impl Template {
    /// The value for an update.
    ///
    /// # Errors
    /// With what a template asks for and does not get, harmless to show.
    pub fn render(&self, values: &Values) -> Result<Json, String> {
        match self {
            Self::Text(text) => rendered(text, values).map(Json::String),
            Self::Plain(value) => Ok(value.clone()),
            Self::List(items) => items.iter().map(|item| item.render(values)).collect(),
            Self::Table(entries) => {
                entries.iter().map(|(key, value)| Ok((key.clone(), value.render(values)?))).collect()
            }
        }
    }

    /// Whether a text in it names a value.
    pub(super) fn names(&self, name: &str) -> bool {
        match self {
            // without the value the text is refused, or says something else
            Self::Text(text) => rendered(text, &sample("x")) != rendered(text, &with(name, "y")),
            Self::Plain(_) => false,
            Self::List(items) => items.iter().any(|item| item.names(name)),
            Self::Table(entries) => entries.iter().any(|(_, value)| value.names(name)),
        }
    }
}

fn sample(text: &str) -> Values {
    NAMES.into_iter().map(|name| (name, text.to_owned())).collect()
}

fn with(name: &str, text: &str) -> Values {
    let mut values = sample("x");
    values.extend(NAMES.into_iter().find(|known| *known == name).map(|known| (known, text.to_owned())));
    values
}

fn rendered(text: &str, values: &Values) -> Result<String, String> {
    let mut templates = Handlebars::new();
    templates.set_strict_mode(true);
    templates.register_escape_fn(no_escape);
    templates.render_template(text, values).map_err(|error| match error.reason() {
        RenderErrorReason::MissingVariable(Some(name)) => unknown_name(name),
        RenderErrorReason::TemplateError(error) => error.reason().to_string(),
        reason => reason.to_string(),
    })
}

fn unknown_name(name: &str) -> String {
    let help = match nearest(name, &NAMES) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("there are {}", NAMES.join(", ")),
    };
    format!("there is no value `{name}`; {help}")
}

impl Read for Template {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        match &node.value {
            Value::Text(text) => checked(text, node, name, problems),
            Value::Boolean(value) => Some(Self::Plain((*value).into())),
            Value::Number(text) => number(text, node, name, problems),
            Value::List(nodes) => {
                let items: Vec<_> = nodes.iter().map(|node| Self::read(node, name, problems)).collect();
                items.into_iter().collect::<Option<_>>().map(Self::List)
            }
            Value::Table(entries) => table(entries, problems).map(Self::Table),
            Value::Other(_) => {
                problems.push(wrong_kind(node, name, "a text, a number, a boolean, a list or a table"));
                None
            }
        }
    }
}

fn checked(text: &str, node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Template> {
    match rendered(text, &sample("x")) {
        Ok(_) => Some(Template::Text(text.to_owned())),
        Err(reason) => {
            problems.push(Problem::new(node.span.clone(), format!("`{name}` is not a template: {reason}")));
            None
        }
    }
}

fn number(text: &str, node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Template> {
    let number = text.parse::<Number>().ok();
    if number.is_none() {
        problems.push(Problem::new(node.span.clone(), format!("`{name}` is not a number that JSON has")));
    }
    number.map(|number| Template::Plain(number.into()))
}

fn table(entries: &[Entry], problems: &mut Vec<Problem>) -> Option<Vec<(String, Template)>> {
    problems.extend(repeated_keys(entries));
    let read = |entry: &Entry, problems: &mut Vec<Problem>| {
        Some((entry.key.clone(), Template::read(&entry.node, &entry.key, problems)?))
    };
    let entries: Vec<_> = entries.iter().map(|entry| read(entry, problems)).collect();
    entries.into_iter().collect()
}

/// What a `repository_dispatch` carries.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Payload(pub(crate) Vec<(String, Template)>);

/// What a `workflow_dispatch` carries.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inputs(pub(crate) Vec<(String, Template)>);

/// The most keys at the top of a payload: <https://docs.github.com/rest/repos/repos#create-a-repository-dispatch-event>.
const MOST_KEYS: usize = 10;

/// The most inputs: <https://docs.github.com/rest/actions/workflows#create-a-workflow-dispatch-event>.
const MOST_INPUTS: usize = 25;

impl Read for Payload {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let entries = entries(node, name, problems)?;
        let is_told = entries.iter().any(|entry| entry.key == CORRELATION);
        if entries.len() + usize::from(!is_told) > MOST_KEYS {
            let message = format!("`{name}` has more keys than the {MOST_KEYS} that GitHub takes");
            let problem = Problem::new(node.span.clone(), message);
            problems.push(problem.help(format!("`{CORRELATION}` is one of them: put the rest into a table below")));
        }
        table(entries, problems).map(Self)
    }
}

impl Read for Inputs {
    fn read(node: &Node, name: &str, problems: &mut Vec<Problem>) -> Option<Self> {
        let entries = entries(node, name, problems)?;
        if entries.len() > MOST_INPUTS {
            let message = format!("`{name}` has more than the {MOST_INPUTS} inputs that GitHub takes");
            problems.push(Problem::new(node.span.clone(), message));
        }
        let nested = entries.iter().filter(|entry| matches!(entry.node.value, Value::List(_) | Value::Table(_)));
        problems.extend(nested.map(|entry| wrong_kind(&entry.node, &entry.key, "a text, a number or a boolean")));
        table(entries, problems).map(Self)
    }
}

fn entries<'a>(node: &'a Node, name: &str, problems: &mut Vec<Problem>) -> Option<&'a [Entry]> {
    if let Value::Table(entries) = &node.value {
        return Some(entries);
    }
    problems.push(wrong_kind(node, name, node.table()));
    None
}

inline_schema!(
    Payload,
    |_| json_schema!({ "type": "object", "maxProperties": MOST_KEYS, "additionalProperties": true })
);

inline_schema!(Inputs, |_| {
    let plain = json_schema!({ "type": ["string", "number", "boolean"] });
    json_schema!({ "type": "object", "maxProperties": MOST_INPUTS, "additionalProperties": plain })
});

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_gives_what_it_names_and_refuses_what_there_is_not() {
        let values: Values =
            [("package", "a<b&\"c\""), ("to", "2.0.0"), ("ref", "")].map(|(k, v)| (k, v.to_owned())).into();
        let table = [
            ("{{package}}-{{to}}", Ok("a<b&\"c\"-2.0.0")),
            ("plain", Ok("plain")),
            ("{{#if ref}}{{ref}}{{else}}v{{to}}{{/if}}", Ok("v2.0.0")),
            ("{{pakage}}", Err("there is no value `pakage`; did you mean `package`?")),
        ];
        for (text, expected) in table {
            let rendered = Template::Text(text.to_owned()).render(&values);
            assert_eq!(rendered, expected.map(|text| json!(text)).map_err(str::to_owned), "{text}");
        }
        assert!(rendered("{{package", &values).is_err());
    }

    #[test]
    fn what_a_template_names_is_known() {
        let nested =
            Template::List(vec![Template::Table(vec![("a".to_owned(), Template::Text("x {{to}}".to_owned()))])]);
        assert!(nested.names("to") && !nested.names("from"));
        assert!(!Template::Text("correlation".to_owned()).names(CORRELATION));
    }
}
