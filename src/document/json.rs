//! Strict JSON with places.
//!
//! jsonc-parser gives the byte range of every value and key and keeps duplicate keys, which `serde_json` silently drops;
//! but even with all its loose options off it takes raw control characters and odd white space. So `serde_json` is asked
//! first whether the text is JSON at all (it also bounds the nesting), and jsonc-parser then says where things stand.

use jsonc_parser::ast::Value as Ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::node::Syntax;
use super::{Entry, Node, Problem, Source, Value};

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads a whole text, or says where it stops being JSON.
pub(crate) fn read_json(source: &Source) -> Result<Node, Vec<Problem>> {
    let text = source.text();
    if text.trim().is_empty() {
        return Err(vec![Problem::new(0..0, "the file is empty").help("a file without pins is written `{}`")]);
    }
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        return Err(vec![not_json(text, &error)]);
    }
    match parse_to_ast(text, &CollectOptions::default(), &STRICT) {
        Ok(result) => Ok(node(result.value.expect("a text that is JSON holds a value"))),
        Err(error) => Err(vec![syntax(&error)]),
    }
}

/// jsonc-parser points better, where it sees the same mistake; it is not asked about text that is nested too deeply.
fn not_json(text: &str, error: &serde_json::Error) -> Problem {
    let reason = error.to_string();
    let is_deep = reason.starts_with("recursion limit exceeded");
    let better = (!is_deep).then(|| parse_to_ast(text, &CollectOptions::default(), &STRICT).err()).flatten();
    if let Some(better) = better {
        return syntax(&better);
    }
    let at = offset_of(text, error.line(), error.column());
    let reason = reason.split(" at line ").next().unwrap_or(&reason);
    Problem::new(at..at, format!("not valid JSON: {reason}"))
}

fn syntax(error: &jsonc_parser::errors::ParseError) -> Problem {
    let range = error.range();
    let mut reason = error.kind().to_string();
    reason[..1].make_ascii_lowercase();
    Problem::new(range.start..range.end, format!("not valid JSON: {reason}"))
}

/// The byte offset of a line and column as `serde_json` counts them: lines from 1, the column in bytes read of the line,
/// so that column 0 is the line end before it.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    text.floor_char_boundary((start + column).saturating_sub(1).min(text.len()))
}

fn node(ast: Ast<'_>) -> Node {
    let range = ast.range();
    let value = match ast {
        Ast::StringLit(text) => Value::Text(text.value.into_owned()),
        Ast::NumberLit(number) => Value::Number(number.value.to_owned()),
        Ast::BooleanLit(boolean) => Value::Boolean(boolean.value),
        Ast::NullKeyword(_) => Value::Other("null"),
        Ast::Array(array) => Value::List(array.elements.into_iter().map(node).collect()),
        Ast::Object(object) => Value::Table(object.properties.into_iter().map(entry).collect()),
    };
    Node { span: range.start..range.end, value, syntax: Syntax::Json }
}

fn entry(property: jsonc_parser::ast::ObjectProp<'_>) -> Entry {
    let range = property.name.range();
    Entry { key_span: range.start..range.end, key: property.name.into_string(), node: node(property.value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strict_json_is_read() {
        let refused = [
            "",
            " ",
            "{",
            "{}{}",
            "{'a':1}",
            "{a:1}",
            "{\"a\":1,}",
            "[1,]",
            "// c\n{}",
            "{}/**/",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":NaN}",
            "{\"a\":0x1}",
            "{\"a\":01}",
            "{\"a\" 1}",
            "{\"a\":1 \"b\":2}",
            "\u{b}{}",
            "\u{a0}{}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\x41\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":tru}",
            "{\"a\"",
            "\"",
        ];
        for text in refused {
            let problems = read_json(&Source::new("pins", text)).expect_err(text);
            assert!(problems.len() == 1 && problems[0].span().end <= text.len(), "{text}: {problems:?}");
        }
        for text in ["{}", "{\"a\": [1, -2.5e3, true, null, \"\\u00e9\\ud83d\\ude00\"]}", "\r\n\t {}\n", "null"] {
            assert!(read_json(&Source::new("pins", text)).is_ok(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        for depth in [129, 500, 10_000, 1_000_000] {
            let problems = read_json(&Source::new("pins", "[".repeat(depth))).expect_err("too deep");
            assert!(problems[0].to_string().contains("recursion limit"), "{problems:?}");
            let closed = format!("{}{}", "{\"a\":".repeat(depth), "}".repeat(depth));
            assert!(read_json(&Source::new("pins", closed)).is_err());
        }
    }

    #[test]
    fn keys_and_values_know_where_they_stand() {
        let text = "{\"\\u0061\": \"x\", \"a\": 2}";
        let Value::Table(entries) = read_json(&Source::new("pins", text)).unwrap().value else { panic!("a table") };
        let seen: Vec<_> =
            entries.iter().map(|e| (e.key.as_str(), &text[e.key_span.clone()], &text[e.node.span.clone()])).collect();
        assert_eq!(seen, [("a", "\"\\u0061\"", "\"x\""), ("a", "\"a\"", "2")]);
    }
}
