//! Changes of a file that people write: one value, one entry, one item; every other byte stays as it is.
//!
//! A change is a range of the text and what stands there instead, so what is outside of the range cannot change. New text
//! follows what the file shows: line ends, indentation, the blanks around braces, colons and commas, and whether a table
//! is written in one line or in several. jsonc-parser's own editor was rejected: it breaks every table in which it inserts
//! something into lines and drops blank lines.

mod style;

use std::ops::Range;

use serde_json::Value as Json;

use self::style::Style;
use super::{Entry, Node, Source, Value};

/// A range of a text, without the byte order mark, and what stands there afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    /// The bytes that go; empty for what is only inserted.
    pub(crate) span: Range<usize>,
    /// The bytes that come.
    pub(crate) text: String,
}

impl Source {
    /// The file's text, with the byte order mark if it has one: what has to be written.
    pub(crate) fn whole(&self) -> String {
        let mark = if self.byte_order_mark > 0 { "\u{feff}" } else { "" };
        format!("{mark}{}", self.text)
    }

    /// A range of the file's bytes as a range of the text; the way back from [`Source::in_file`].
    pub(crate) fn in_text(&self, span: &Range<usize>) -> Range<usize> {
        span.start - self.byte_order_mark..span.end - self.byte_order_mark
    }

    /// The same file after some changes, none of which overlap; they are given in any order.
    pub(crate) fn edited(&self, edits: &[Edit]) -> Self {
        let mut ordered: Vec<&Edit> = edits.iter().collect();
        ordered.sort_by_key(|edit| (edit.span.start, edit.span.end));
        let mut whole = String::with_capacity(self.text.len() + 64);
        if self.byte_order_mark > 0 {
            whole.push('\u{feff}');
        }
        let mut kept = 0;
        for edit in ordered {
            assert!(kept <= edit.span.start, "changes of one file do not overlap");
            whole.push_str(&self.text[kept..edit.span.start]);
            whole.push_str(&edit.text);
            kept = edit.span.end;
        }
        whole.push_str(&self.text[kept..]);
        Self::new(&self.name, whole)
    }
}

/// A JSON file that is to be changed. Every method plans one change and leaves the file alone; places are those of the
/// tree that the editor was made with, so after a change the new text needs a new tree.
#[derive(Debug)]
pub(crate) struct JsonEditor<'file> {
    source: &'file Source,
    root: &'file Node,
    style: Style,
}

impl<'file> JsonEditor<'file> {
    /// An editor of a text and the tree that [`super::read_json`] made of it.
    pub(crate) fn new(source: &'file Source, root: &'file Node) -> Self {
        Self { source, root, style: Style::of(source.text(), root) }
    }

    /// Puts a value where another stands.
    pub(crate) fn set(&self, node: &Node, value: &Json) -> Edit {
        let depth = self.depth(node);
        let is_in_lines = self.parent(node).is_none_or(|parent| self.style.is_in_lines(self.source.text(), parent));
        let text = self.style.write(value, depth, self.indentation(node.span.start), is_in_lines);
        Edit { span: node.span.clone(), text }
    }

    /// Puts entries into a table before the one at an index; at the end, where the index is the number of entries.
    /// Nothing changes where there are none to put in.
    pub(crate) fn insert_entries(&self, table: &Node, at: usize, entries: &[(&str, Json)]) -> Edit {
        let siblings: Vec<_> = table.entries().iter().map(entry_span).collect();
        let write = |(key, value): &(&str, Json), indentation: &str, is_in_lines: bool| {
            let value = self.style.write(value, self.depth(table) + 1, indentation, is_in_lines);
            format!("{}{}{value}", quoted(key), self.colon(table))
        };
        self.insert(table, &siblings, at, entries, &write)
    }

    /// Puts items into a list before the one at an index; at the end, where the index is the number of items.
    pub(crate) fn insert_items(&self, list: &Node, at: usize, items: &[Json]) -> Edit {
        let siblings: Vec<_> = list.items().iter().map(|item| item.span.clone()).collect();
        let write = |value: &Json, indentation: &str, is_in_lines: bool| {
            self.style.write(value, self.depth(list) + 1, indentation, is_in_lines)
        };
        self.insert(list, &siblings, at, items, &write)
    }

    /// Takes the entry or the item at an index out of a table or a list.
    #[expect(clippy::unused_self, reason = "asked for like the other changes, and may come to need the style")]
    pub(crate) fn remove(&self, container: &Node, index: usize) -> Edit {
        let siblings = spans(container);
        let (first, last) = (index == 0, index + 1 == siblings.len());
        let span = match (first, last) {
            (true, true) => inside(container),
            (true, false) => siblings[0].start..siblings[1].start,
            (false, _) => siblings[index - 1].end..siblings[index].end,
        };
        Edit { span, text: String::new() }
    }

    fn insert<New>(
        &self,
        container: &Node,
        siblings: &[Range<usize>],
        at: usize,
        new: &[New],
        write: &dyn Fn(&New, &str, bool) -> String,
    ) -> Edit {
        let text = self.source.text();
        if siblings.is_empty() {
            return self.fill(container, new, write);
        }
        let is_in_lines = self.style.is_in_lines(text, container);
        let gap = self.gap(container, siblings);
        let indentation = gap.rsplit('\n').next().filter(|_| gap.contains('\n')).unwrap_or_default();
        let indentation =
            if is_in_lines { indentation.to_owned() } else { self.indentation(container.span.start).to_owned() };
        let written: Vec<String> = new.iter().map(|new| write(new, &indentation, is_in_lines)).collect();
        let (place, parts): (usize, Vec<[&str; 3]>) = match at.checked_sub(1) {
            Some(before) => {
                (siblings[before].end, written.iter().map(|written| [",", gap.as_str(), written]).collect())
            }
            None => (siblings[0].start, written.iter().map(|written| [written.as_str(), ",", &gap]).collect()),
        };
        let text = parts.concat().concat();
        Edit { span: place..place, text }
    }

    /// Writes the first content of a table or list that is empty.
    fn fill<New>(&self, container: &Node, new: &[New], write: &dyn Fn(&New, &str, bool) -> String) -> Edit {
        let span = inside(container);
        if new.is_empty() {
            return Edit { span: span.start..span.start, text: String::new() };
        }
        let is_list = matches!(container.value, Value::List(_));
        let outer = self.indentation(container.span.start);
        let may_break = self.parent(container).is_none_or(|parent| self.style.is_in_lines(self.source.text(), parent));
        let text = if may_break && self.style.breaks(is_list, self.depth(container)) {
            let indentation = format!("{outer}{}", self.style.indent);
            let written: Vec<String> = new.iter().map(|new| write(new, &indentation, true)).collect();
            self.style.in_lines(&written, outer)
        } else {
            let written: Vec<String> = new.iter().map(|new| write(new, outer, false)).collect();
            self.style.in_one_line(&written, is_list)
        };
        Edit { span, text }
    }

    /// What stands between a comma and the next sibling: what the file shows, else what fits the table.
    fn gap(&self, container: &Node, siblings: &[Range<usize>]) -> String {
        let text = self.source.text();
        let before = match siblings {
            [_, .., last] => &text[blank_start(text, last.start)..last.start],
            [only] if self.style.is_in_lines(text, container) => &text[inside(container).start..only.start],
            _ => return self.style.comma.clone(),
        };
        // blank lines part groups of siblings, so the new one does not repeat them
        match before.rfind('\n') {
            Some(at) => format!("{}{}", self.style.newline, &before[at + 1..]),
            None => before.to_owned(),
        }
    }

    /// What stands between a key and its value: as in the same table, if that is not lined up over several keys.
    fn colon(&self, table: &Node) -> String {
        let text = self.source.text();
        let shown = table.entries().first().map(|entry| &text[entry.key_span.end..entry.node.span.start]);
        shown.filter(|shown| shown.len() <= 3 && !shown.contains('\n')).unwrap_or(&self.style.colon).to_owned()
    }

    /// The blanks at the start of the line that holds an offset.
    fn indentation(&self, offset: usize) -> &'file str {
        let line = &self.source.text()[self.source.line(offset)];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// In how many tables and lists a node lies.
    fn depth(&self, node: &Node) -> usize {
        ancestors(self.root, &node.span).len()
    }

    /// The table or list around a node.
    fn parent(&self, node: &Node) -> Option<&'file Node> {
        ancestors(self.root, &node.span).pop()
    }
}

/// The tables and lists around a range, outermost first.
fn ancestors<'tree>(root: &'tree Node, span: &Range<usize>) -> Vec<&'tree Node> {
    let mut found = Vec::new();
    let mut here = root;
    while here.span != *span {
        found.push(here);
        let holds = |node: &&Node| node.span.start <= span.start && span.end <= node.span.end;
        match children(here).find(holds) {
            Some(child) => here = child,
            None => break,
        }
    }
    found
}

/// The values in a table or list.
fn children(node: &Node) -> impl Iterator<Item = &Node> {
    node.items().iter().chain(node.entries().iter().map(|entry| &entry.node))
}

/// The ranges of the entries of a table, keys included, or of the items of a list.
fn spans(container: &Node) -> Vec<Range<usize>> {
    let items = container.items().iter().map(|item| item.span.clone());
    container.entries().iter().map(entry_span).chain(items).collect()
}

fn entry_span(entry: &Entry) -> Range<usize> {
    entry.key_span.start..entry.node.span.end
}

/// What stands between the braces or brackets.
const fn inside(container: &Node) -> Range<usize> {
    container.span.start + 1..container.span.end - 1
}

/// Where the white space before an offset starts.
fn blank_start(text: &str, offset: usize) -> usize {
    text[..offset].trim_end_matches([' ', '\t', '\r', '\n']).len()
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

#[cfg(test)]
mod tests;
