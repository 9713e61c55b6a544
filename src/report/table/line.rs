//! Lines of plain text: wrapped to the terminal, made harmless for a runner's log, painted last.

use anstyle::Style;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

/// One line, and what colour puts on it.
pub(super) struct Line {
    text: String,
    paint: Paint,
}

#[derive(Clone, Copy)]
pub(super) enum Paint {
    Nothing,
    All(Style),
    /// The first time that the word stands in the line.
    Word(&'static str, Style),
}

impl Line {
    /// A line without trailing spaces that no runner takes for a [workflow
    /// command](https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions), which starts with
    /// `::`, whatever the wrapping put in front.
    pub(super) fn new(text: &str, paint: Paint) -> Self {
        let text = text.trim_end();
        let start = text.len() - text.trim_start().len();
        let command = text[start..].strip_prefix("::").map(|rest| format!("{}.:{rest}", &text[..start]));
        Self { text: command.unwrap_or_else(|| text.to_owned()), paint }
    }

    pub(super) fn empty() -> Self {
        Self::new("", Paint::Nothing)
    }

    /// The line with its newline, coloured where that is wanted.
    pub(super) fn painted(&self, colour: bool) -> String {
        let Self { text, paint } = self;
        match *paint {
            Paint::All(style) if colour && !text.is_empty() => format!("{style}{text}{style:#}\n"),
            Paint::Word(word, style) if colour => match text.split_once(word) {
                Some((before, after)) => format!("{before}{style}{word}{style:#}{after}\n"),
                None => format!("{text}\n"),
            },
            _ => format!("{text}\n"),
        }
    }
}

/// Lines of which the first carries the paint.
pub(super) fn first_painted(texts: Vec<String>, paint: Paint) -> impl Iterator<Item = Line> {
    let paints = std::iter::once(paint).chain(std::iter::repeat(Paint::Nothing));
    texts.into_iter().zip(paints).map(|(text, paint)| Line::new(&text, paint))
}

/// A table without lines, which gives the texts in its cells back wrapped and aligned.
pub(super) fn plain_table(width: u16) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table
}

/// A text in lines of at most `width` columns, all of them indented.
pub(super) fn wrapped(text: &str, indent: u16, width: u16) -> Vec<String> {
    let mut table = plain_table(width);
    table.add_row([text]);
    if let Some(column) = table.column_mut(0) {
        column.set_padding((indent, 0)).set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
    }
    table.lines().collect()
}
