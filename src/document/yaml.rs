//! YAML with places.
//!
//! Every scalar is a text as it was written: `1.10` is a version, not a number, and `on` is a key. Aliases are replaced by
//! what they stand for, up to a bound, since a file of a few lines can name billions of nodes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScanError, Span};

use super::node::Syntax;
use super::{Entry, Node, Problem, Source, Value};

/// A lock file of 16 MiB has fewer nodes.
const MOST_NODES: usize = 4_000_000;

/// Aliases of aliases can nest deeper than what was written, which the parser bounds to 255.
const DEEPEST: usize = 256;

/// Reads the one document of a text, or says where it stops being YAML.
pub(crate) fn read_yaml(source: &Source) -> Result<Node, Vec<Problem>> {
    Builder::default().read(source)
}

/// Reads the last document of a text that may hold several.
pub(crate) fn read_last_yaml(source: &Source) -> Result<Node, Vec<Problem>> {
    Builder { takes_last: true, ..Builder::default() }.read(source)
}

fn range(span: &Span, text: &str) -> Range<usize> {
    let range = span.byte_range().unwrap_or(0..0);
    range.start.min(text.len())..range.end.min(text.len())
}

fn syntax(error: &ScanError, text: &str) -> Problem {
    let at = text.floor_char_boundary(error.marker().byte_offset().unwrap_or(0).min(text.len()));
    Problem::new(at..at, format!("not valid YAML: {}", error.kind()))
}

/// A node with what it costs to repeat it.
#[derive(Clone)]
struct Built {
    node: Node,
    nodes: usize,
    depth: usize,
}

/// A list or table that is not yet at its end.
struct Open {
    start: usize,
    anchor: usize,
    is_table: bool,
    items: Vec<Built>,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Built>,
    root: Option<Built>,
    nodes: usize,
    /// Whether a document takes the place of the one before it.
    takes_last: bool,
}

/// Nothing, or the one thing that is wrong.
type Step = Result<(), Vec<Problem>>;

impl Builder {
    fn read(mut self, source: &Source) -> Result<Node, Vec<Problem>> {
        let text = source.text();
        for event in Parser::new_from_str(text) {
            match event {
                Ok((event, span)) => self.take(event, &range(&span, text))?,
                Err(error) => return Err(vec![syntax(&error, text)]),
            }
        }
        self.root.map(|root| root.node).ok_or_else(|| vec![Problem::new(0..0, "the file is empty")])
    }

    fn take(&mut self, event: Event<'_>, span: &Range<usize>) -> Step {
        match event {
            Event::Scalar(text, _, anchor, _) => {
                self.count(1, span)?;
                self.place(scalar(text, span), anchor, span)
            }
            Event::SequenceStart(_, anchor, _) => self.start(anchor, false, span),
            Event::MappingStart(_, anchor, _) => self.start(anchor, true, span),
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
            Event::Alias(anchor) => self.repeat(anchor, span),
            _ => Ok(()),
        }
    }

    fn start(&mut self, anchor: usize, is_table: bool, span: &Range<usize>) -> Step {
        self.open.push(Open { start: span.start, anchor, is_table, items: Vec::new() });
        self.count(1, span)
    }

    fn end(&mut self, span: &Range<usize>) -> Step {
        let Some(Open { start, anchor, is_table, items }) = self.open.pop() else { return Ok(()) };
        let nodes = 1 + items.iter().map(|item| item.nodes).sum::<usize>();
        let depth = 1 + items.iter().map(|item| item.depth).max().unwrap_or(0);
        let value = if is_table {
            Value::Table(entries(items))
        } else {
            Value::List(items.into_iter().map(|item| item.node).collect())
        };
        let node = Node { span: start..span.end.max(start), value, syntax: Syntax::Yaml };
        self.place(Built { node, nodes, depth }, anchor, span)
    }

    fn repeat(&mut self, anchor: usize, span: &Range<usize>) -> Step {
        let Some(nodes) = self.anchors.get(&anchor).map(|known| known.nodes) else {
            return wrong(span, "the alias stands for something that holds the alias");
        };
        self.count(nodes, span)?;
        let repeated = self.anchors[&anchor].clone();
        self.place(repeated, 0, span)
    }

    /// Puts a node where it belongs, and remembers it under its anchor.
    fn place(&mut self, built: Built, anchor: usize, span: &Range<usize>) -> Step {
        if built.depth + self.open.len() > DEEPEST {
            return wrong(span, "not valid YAML: nested too deeply");
        }
        if anchor != 0 {
            self.count(built.nodes, span)?;
            self.anchors.insert(anchor, built.clone());
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(built),
            None if self.root.is_some() && !self.takes_last => {
                return wrong(span, "the file holds a second document, and only one is read");
            }
            None => self.root = Some(built),
        }
        Ok(())
    }

    /// Counts nodes before they are made.
    fn count(&mut self, nodes: usize, span: &Range<usize>) -> Step {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            let problem = Problem::new(span.clone(), "the aliases of the file stand for more than can be read");
            return Err(vec![problem.help("write out what they stand for")]);
        }
        Ok(())
    }
}

fn wrong(span: &Range<usize>, message: &str) -> Step {
    Err(vec![Problem::new(span.clone(), message)])
}

fn scalar(text: Cow<'_, str>, span: &Range<usize>) -> Built {
    // the parser has a word for what is not written at all
    let text = if span.is_empty() { String::new() } else { text.into_owned() };
    let node = Node { span: span.clone(), value: Value::Text(text), syntax: Syntax::Yaml };
    Built { node, nodes: 1, depth: 1 }
}

/// Keys and values take turns. A key that is no scalar has no name, and nothing is looked up by it.
fn entries(items: Vec<Built>) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        if let Value::Text(name) = key.node.value {
            entries.push(Entry { key: name, key_span: key.node.span, node: value.node });
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, Vec<Problem>> {
        read_yaml(&Source::new("x.yml", text))
    }

    #[test]
    fn scalars_are_texts_that_know_where_they_stand() {
        let text = "on: [push]\n\"v\": 1.10 # why\nt: 'a''b'\n\u{e9}: &x\n  - |\n    two\n    lines\nsame: *x\nnone:\n";
        let root = read(text).unwrap();
        assert_eq!(root.at(&["on"]).unwrap().items()[0].text(), Some("push"));
        let version = root.get("v").unwrap();
        assert_eq!((version.text(), &text[version.span.clone()]), (Some("1.10"), "1.10"));
        let quoted = root.get("t").unwrap();
        assert_eq!((quoted.text(), &text[quoted.span.clone()]), (Some("a'b"), "'a''b'"));
        assert_eq!(root.get("same"), root.get("\u{e9}"));
        assert_eq!(root.get("none").unwrap().text(), Some(""));
    }

    #[test]
    fn the_last_document_can_be_meant() {
        let text = "---\na: &x 1\n---\nb: 2\n";
        let last = |text: &str| read_last_yaml(&Source::new("x.yml", text));
        let root = last(text).unwrap();
        assert_eq!((root.get("a"), root.get("b").and_then(Node::text)), (None, Some("2")));
        assert_eq!(&text[root.get("b").unwrap().span.clone()], "2");
        assert_eq!(last("b: 2\n").unwrap().get("b").and_then(Node::text), Some("2"));
        assert!(last("---\na: &x 1\n---\nb: *x\n").is_err(), "an anchor is of its document");
        assert!(last("a: [\n---\nb: 2\n").is_err());
    }

    #[test]
    fn what_is_no_yaml_or_too_much_of_it_is_an_error() {
        let level = |level: usize, aliases: usize| {
            let before = vec![format!("*a{}", level - 1); aliases].join(",");
            format!("a{level}: &a{level} [{before}]\n")
        };
        let levels =
            |last: usize, aliases: usize| (1..last).map(|number| level(number, aliases)).collect::<Vec<_>>().concat();
        let bomb = format!("a0: &a0 x\n{}", levels(20, 9));
        let chain = format!("a0: &a0 x\n{}", levels(400, 1));
        for (text, expected) in [
            ("", "the file is empty"),
            ("# only a comment\n", "the file is empty"),
            ("a: [", "not valid YAML"),
            ("a: b: c", "not valid YAML"),
            ("\tx: 1\n\ty", "not valid YAML"),
            ("a: *b", "not valid YAML"),
            ("a: &x [*x]", "holds the alias"),
            ("a: 1\n---\nb: 2\n", "a second document"),
            (&bomb, "stand for more than can be read"),
            (&chain, "nested too deeply"),
            (&"[".repeat(100_000), "not valid YAML"),
            (&"- ".repeat(100_000), "not valid YAML"),
            (&"{a: ".repeat(100_000), "not valid YAML"),
        ] {
            let problems = read(text).expect_err(&text[..text.len().min(60)]);
            assert!(problems[0].to_string().contains(expected), "{problems:?}");
        }
    }
}
