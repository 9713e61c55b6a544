//! How a JSON file is written, as far as new text has to look like it.

use serde_json::Value as Json;

use super::{children, inside, quoted, spans};
use crate::document::{Node, Value};

/// Above this many characters a table goes into several lines, where it may.
const WIDTH: usize = 120;

/// How many levels are written in lines where the file shows nothing: the file and its groups.
const LEVELS_IN_LINES: usize = 2;

/// What a file shows of its style; where it shows nothing, the style of upmon's own examples.
#[derive(Debug)]
pub(super) struct Style {
    pub(super) newline: &'static str,
    /// One level of indentation.
    pub(super) indent: String,
    /// Between a key and its value.
    pub(super) colon: String,
    /// Between the siblings of one line: the blank after the comma.
    pub(super) comma: String,
    /// Inside the braces of a table of one line.
    padding: String,
    /// Inside the brackets of a list of one line.
    list_padding: String,
    /// By kind (tables, lists) and depth: whether the first that is not empty is written in lines.
    shown: [Vec<Option<bool>>; 2],
}

impl Style {
    pub(super) fn of(text: &str, root: &Node) -> Self {
        let mut style = Self {
            newline: if text.split_inclusive('\n').next().is_some_and(|line| line.ends_with("\r\n")) {
                "\r\n"
            } else {
                "\n"
            },
            indent: indent_of(text, root).unwrap_or("  ").to_owned(),
            colon: ": ".to_owned(),
            comma: " ".to_owned(),
            padding: " ".to_owned(),
            list_padding: String::new(),
            shown: [Vec::new(), Vec::new()],
        };
        if let Some(entry) = root.entries().first() {
            let colon = &text[entry.key_span.end..entry.node.span.start];
            if colon == ":" {
                (style.colon, style.comma, style.padding) = (":".to_owned(), String::new(), String::new());
            } else if !colon.contains('\n') && colon.len() <= 3 {
                colon.clone_into(&mut style.colon);
            }
        }
        style.look(text, root, 0);
        if let Some(padding) = one_line_padding(text, root, false) {
            padding.clone_into(&mut style.padding);
        }
        if let Some(padding) = one_line_padding(text, root, true) {
            padding.clone_into(&mut style.list_padding);
        }
        style
    }

    fn look(&mut self, text: &str, node: &Node, depth: usize) {
        if children(node).next().is_none() {
            return;
        }
        let shown = &mut self.shown[usize::from(matches!(node.value, Value::List(_)))];
        shown.resize(shown.len().max(depth + 1), None);
        if shown[depth].is_none() {
            shown[depth] = Some(starts_a_line(text, node));
        }
        children(node).for_each(|child| self.look(text, child, depth + 1));
    }

    /// Whether the content of a table or list stands in lines of its own.
    pub(super) fn is_in_lines(&self, text: &str, container: &Node) -> bool {
        if children(container).next().is_some() { starts_a_line(text, container) } else { self.breaks(false, 0) }
    }

    /// Whether a table or list at this depth goes into lines, as far as the file or habit says.
    pub(super) fn breaks(&self, is_list: bool, depth: usize) -> bool {
        let is_compact = self.colon == ":" && self.shown[0].first() == Some(&Some(false));
        let shown = self.shown[usize::from(is_list)].get(depth).copied().flatten();
        shown.unwrap_or(depth < LEVELS_IN_LINES && !is_compact)
    }

    /// A value as text. `indentation` is that of its line; only where `may_break` is it written in several lines.
    pub(super) fn write(&self, value: &Json, depth: usize, indentation: &str, may_break: bool) -> String {
        let is_list = value.is_array();
        let parts = |indentation: &str, may_break: bool| -> Vec<String> {
            let write = |value: &Json| self.write(value, depth + 1, indentation, may_break);
            match value {
                Json::Array(items) => items.iter().map(write).collect(),
                Json::Object(entries) => entries
                    .iter()
                    .map(|(key, value)| format!("{}{}{}", quoted(key), self.colon, write(value)))
                    .collect(),
                _ => Vec::new(),
            }
        };
        let (open, close) = match value {
            Json::Array(items) if !items.is_empty() => ('[', ']'),
            Json::Object(entries) if !entries.is_empty() => ('{', '}'),
            other => return other.to_string(),
        };
        if may_break && self.breaks(is_list, depth) {
            let inner = format!("{indentation}{}", self.indent);
            return format!("{open}{}{close}", self.in_lines(&parts(&inner, true), indentation));
        }
        let line = format!("{open}{}{close}", self.in_one_line(&parts(indentation, false), is_list));
        if !may_break || indentation.len() + line.chars().count() <= WIDTH {
            return line;
        }
        let inner = format!("{indentation}{}", self.indent);
        format!("{open}{}{close}", self.in_lines(&parts(&inner, true), indentation))
    }

    /// Siblings in lines of their own; `outer` is the indentation of the closing brace.
    pub(super) fn in_lines(&self, parts: &[String], outer: &str) -> String {
        let (newline, indent) = (self.newline, &self.indent);
        let gap = format!("{newline}{outer}{indent}");
        format!("{gap}{}{newline}{outer}", parts.join(&format!(",{gap}")))
    }

    /// Siblings in one line.
    pub(super) fn in_one_line(&self, parts: &[String], is_list: bool) -> String {
        let padding = if is_list { &self.list_padding } else { &self.padding };
        format!("{padding}{}{padding}", parts.join(&format!(",{}", self.comma)))
    }
}

/// Whether the first sibling stands in another line than the brace before it.
fn starts_a_line(text: &str, container: &Node) -> bool {
    spans(container).first().is_some_and(|first| text[inside(container).start..first.start].contains('\n'))
}

/// The blanks by which the first entry of the file that starts a line, or else one in a group, is further in.
fn indent_of<'text>(text: &'text str, root: &Node) -> Option<&'text str> {
    let first = spans(root).first()?.start;
    let line = text[..first].rfind('\n')? + 1;
    let blanks = &text[line..first];
    (!blanks.is_empty() && blanks.bytes().all(|byte| matches!(byte, b' ' | b'\t'))).then_some(blanks)
}

/// The blanks behind the brace of the first table, or the bracket of the first list, that is written in one line.
fn one_line_padding<'text>(text: &'text str, node: &Node, of_lists: bool) -> Option<&'text str> {
    let is_kind = matches!(node.value, Value::List(_)) == of_lists;
    let first = spans(node).first().cloned();
    let own = first.filter(|_| is_kind).map(|first| &text[inside(node).start..first.start]);
    own.filter(|blanks| !blanks.contains('\n'))
        .or_else(|| children(node).find_map(|child| one_line_padding(text, child, of_lists)))
}
