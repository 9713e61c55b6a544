//! What is wrong with a file, and how a person sees it: the line, a caret under the spot, what was expected.
//!
//! miette draws. What it draws is a copy of the text in which control characters and everything that may be a credential
//! are covered, byte for byte, so that places stay true.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceSpan};

use super::Source;

/// One thing that is wrong, at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    span: Range<usize>,
    message: String,
    label: Option<String>,
    help: Option<String>,
    earlier: Option<(Range<usize>, &'static str)>,
    is_secret: bool,
}

impl Problem {
    /// A problem at a range of the text; the message is lower case, without a final stop.
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        // messages quote what people wrote; what would steer a terminal, or may be a credential, is covered there too
        Self { span, message: covered(&message.into(), &[]), label: None, help: None, earlier: None, is_secret: false }
    }

    /// A few words under the caret.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        self.maybe_help(Some(help.into()))
    }

    /// The same with advice that may be missing.
    #[must_use]
    pub fn maybe_help(self, help: Option<String>) -> Self {
        Self { help: help.map(|help| covered(&help, &[])), ..self }
    }

    /// Another place that belongs to it, with a few words.
    #[must_use]
    pub fn earlier(self, span: Range<usize>, label: &'static str) -> Self {
        Self { earlier: Some((span, label)), ..self }
    }

    /// Covers the text at the place wherever it is shown: it may hold a credential.
    #[must_use]
    pub fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// The range of the text.
    pub const fn span(&self) -> &Range<usize> {
        &self.span
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// A file with everything that is wrong with it, in the order of the file. Displays as one line a problem.
#[derive(Debug, Clone)]
pub struct Wrong {
    source: Arc<Source>,
    problems: Vec<Problem>,
}

/// A reader mends a file from the top; a thousand more would only push that part off the screen.
const MOST_SHOWN: usize = 20;

impl Wrong {
    /// Puts the problems of a file in order.
    pub fn new(source: Arc<Source>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.span.start);
        Self { source, problems }
    }

    /// What is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Line and column of a problem, both from 1, the column in characters.
    pub fn place(&self, problem: &Problem) -> (usize, usize) {
        self.source.line_and_column(problem.span.start)
    }

    /// The problems as errors, with source lines and carets; after the first twenty only their number. Apart from colour
    /// (and the file's own letters) it is plain ASCII, so that a log shows it as a terminal does.
    pub fn render(&self, color: bool) -> String {
        self.draw(color, miette::Severity::Error)
    }

    /// The same as warnings.
    pub fn render_warnings(&self, color: bool) -> String {
        self.draw(color, miette::Severity::Warning)
    }

    fn draw(&self, color: bool, severity: miette::Severity) -> String {
        let theme = if color { GraphicalTheme::ascii() } else { GraphicalTheme::none() };
        // wrapped lines would break `due-after` at its hyphen
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_wrap_lines(false)
            .with_links(false)
            .with_context_lines(0)
            .without_cause_chain();
        let shown = Shown::new(self);
        let mut drawn = String::new();
        for (index, problem) in self.problems.iter().take(MOST_SHOWN).enumerate() {
            drawn.push_str(if index == 0 { "" } else { "\n" });
            handler
                .render_report(&mut drawn, &Drawn { problem, shown: &shown, severity })
                .expect("a problem's places lie in its own text");
        }
        if self.problems.len() > MOST_SHOWN {
            let more = self.problems.len() - MOST_SHOWN;
            let file = self.source.name().display();
            writeln!(drawn, "\n  ... and {more} more in `{file}`").expect("a string takes every text");
        }
        drawn
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let (line, column) = self.place(problem);
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{}:{line}:{column}: {problem}", self.source.name().display())?;
        }
        Ok(())
    }
}

impl std::error::Error for Wrong {}

/// A problem as miette wants to see it.
#[derive(Debug)]
struct Drawn<'a> {
    problem: &'a Problem,
    shown: &'a Shown<'a>,
    severity: miette::Severity,
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.problem.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.problem.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(self.shown)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = |span: &Range<usize>| self.shown.on_one_line(span);
        let (at, length) = span(&self.problem.span);
        let main = LabeledSpan::new_primary_with_span(self.problem.label.clone(), (at, length));
        let earlier = self.problem.earlier.as_ref().map(|(place, label)| {
            let (at, length) = span(place);
            LabeledSpan::new(Some((*label).to_owned()), at, length)
        });
        Some(Box::new(earlier.into_iter().chain([main])))
    }
}

/// A source as it may be shown.
#[derive(Debug)]
struct Shown<'a> {
    source: &'a Source,
    text: String,
}

/// Longest part of a line that is drawn, in bytes; a file without line breaks is one very long line.
const LONGEST_LINE: usize = 160;

impl<'a> Shown<'a> {
    fn new(wrong: &'a Wrong) -> Self {
        let secrets: Vec<_> =
            wrong.problems.iter().filter(|problem| problem.is_secret).map(|problem| problem.span.clone()).collect();
        Self { source: &wrong.source, text: covered(wrong.source.text(), &secrets) }
    }

    /// A table that fills half the file is pointed at by its first line, or by the part of a long line that is drawn.
    fn on_one_line(&self, span: &Range<usize>) -> (usize, usize) {
        let line = self.source.line(span.start);
        let end = self.text.floor_char_boundary(span.end.min(line.end).min(span.start + LONGEST_LINE));
        (span.start, end.saturating_sub(span.start))
    }

    /// The lines that a range touches, or the part of a long line around it.
    fn window(&self, start: usize, end: usize) -> Range<usize> {
        let whole = self.source.line(start).start..self.source.line(end).end;
        if whole.len() <= LONGEST_LINE || self.text[whole.clone()].contains('\n') {
            return whole;
        }
        let from = self.text.floor_char_boundary(start.saturating_sub(LONGEST_LINE / 4).max(whole.start));
        let to = self.text.floor_char_boundary((from + LONGEST_LINE).max(end).min(whole.end));
        from..to
    }
}

impl miette::SourceCode for Shown<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        _lines_before: usize,
        _lines_after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'b> + 'b>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        let window = self.window(start, end);
        if window.len() > 4 * LONGEST_LINE && span.len() > LONGEST_LINE {
            // two places far apart on one line are drawn apart
            return Err(MietteError::OutOfBounds);
        }
        let (line, column) = self.source.line_and_column(start);
        let lines = 1 + self.text[window.clone()].matches('\n').count();
        Ok(Box::new(MietteSpanContents::new_named(
            self.source.name().display().to_string(),
            &self.text.as_bytes()[window.clone()],
            (window.start, window.len()).into(),
            line - 1,
            column - 1,
            lines,
        )))
    }
}

/// A copy of the same length in bytes, without what steers a terminal and without what may be a credential.
fn covered(text: &str, secrets: &[Range<usize>]) -> String {
    let mut copy = String::with_capacity(text.len());
    for (offset, character) in text.char_indices() {
        let is_line_end = character == '\n' || character == '\r' && text[offset + 1..].starts_with('\n');
        match (super::hidden_character(character) && !is_line_end, character.len_utf8()) {
            (false, _) => copy.push(character),
            (true, 1) => copy.push(if character == '\t' { ' ' } else { '?' }),
            (true, 2) => copy.push('\u{b7}'),
            (true, 3) => copy.push('\u{fffd}'),
            (true, _) => copy.push('\u{1f7cf}'),
        }
    }
    for secret in credentials(text).chain(secrets.iter().cloned()) {
        let stars: String = text[secret.clone()].chars().map(|c| if c == '\n' { '\n' } else { '*' }).collect();
        let padding = secret.len() - stars.len();
        copy.replace_range(secret, &format!("{stars}{}", "*".repeat(padding)));
    }
    copy
}

/// User and password of every address in the text, and its query.
fn credentials(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let is_border = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    let mut start = 0;
    text.split(is_border).flat_map(move |word| {
        let from = start;
        start += word.len() + text[start + word.len()..].chars().next().map_or(0, char::len_utf8);
        credentials_in(word).into_iter().flatten().map(move |range| range.start + from..range.end + from)
    })
}

fn credentials_in(word: &str) -> [Option<Range<usize>>; 2] {
    let Some(authority) = ["//", "/\\/"].iter().filter_map(|mark| word.find(mark).map(|at| at + mark.len())).min()
    else {
        return [None, None];
    };
    let end = word[authority..].find(['/', '\\', '?', '#']).map_or(word.len(), |length| authority + length);
    let user = word[authority..end].rfind('@').map(|length| authority..authority + length);
    let query = word[authority..].find('?').map(|at| authority + at + 1..word.len());
    [user, query]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_control_characters_are_covered_byte_for_byte() {
        let rows = [
            ("\"https://user:pw@host/x\"", "\"https://*******@host/x\""),
            ("https:\\/\\/user:pw@host\\/x", "https:\\/\\/*******@host\\/x"),
            ("https://host/x?token=abc y", "https://host/x?********* y"),
            ("\"@types/node\": \"20.1.0\"", "\"@types/node\": \"20.1.0\""),
            ("\"ssh://git@host/x\"", "\"ssh://***@host/x\""),
            ("a\u{1b}[31m\u{9b}b\u{202e}c\tz\r\n\rx", "a?[31m\u{b7}b\u{fffd}c z\r\n?x"),
            ("\u{e9}https://\u{e9}@h \u{4e16}", "\u{e9}https://**@h \u{4e16}"),
        ];
        for (text, expected) in rows {
            assert_eq!(covered(text, &[]), expected);
            assert_eq!(expected.len(), text.len());
        }
        let secret = 2..5;
        assert_eq!(covered("a \u{e9}b c", std::slice::from_ref(&secret)), "a *** c");
    }
}
