//! TOML with places.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::node::Syntax;
use super::{Entry, Node, Problem, Source, Value};

/// Reads a whole text, or says everything that stops it from being TOML.
pub(crate) fn read_toml(source: &Source) -> Result<Node, Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(source.text());
    if errors.is_empty() {
        let (span, value) = (table.span(), Value::Table(entries(table.into_inner())));
        return Ok(Node { span, value, syntax: Syntax::Toml });
    }
    Err(errors.iter().map(|error| syntax(error, source.text())).collect())
}

fn syntax(error: &toml::de::Error, text: &str) -> Problem {
    let span = error.span().unwrap_or(0..0);
    let span = span.start.min(text.len())..span.end.min(text.len());
    Problem::new(span, format!("not valid TOML: {}", error.message()))
}

/// In the order of the file, whatever order the map keeps.
fn entries(table: DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| Entry { key_span: key.span(), key: key.into_inner().into_owned(), node: node(value) })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    entries
}

fn node(value: Spanned<DeValue<'_>>) -> Node {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Number(number.to_string()),
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(boolean) => Value::Boolean(boolean),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(array) => Value::List(array.iter().cloned().map(node).collect()),
        DeValue::Table(table) => Value::Table(entries(table)),
    };
    Node { span, value, syntax: Syntax::Toml }
}
