//! Hostile text, made harmless for where it is shown: one function a place.
//!
//! Whoever publishes a package chooses its versions, its deprecation notes and its addresses; nothing of that may move a
//! cursor, reorder a line, ping a person, close an issue or command a runner. Nothing is dropped either: what cannot be
//! shown as it is shows as an escape (`\u{202e}`), so that a reader sees that something is there.

use std::fmt::Write as _;
use std::io::{self, Write};

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// For a terminal or a log: one line, no control character, no text that reorders, hides or takes no space.
///
/// Letters of every script, combining marks and emoji stay; spaces of every width become a plain one; the rest is
/// written as Rust would escape it. What is printable is the standard library's table (neither control nor format
/// character, surrogate, private use or unassigned), less the few [default ignorable code
/// points](https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point) that it takes for letters and marks.
///
/// A runner also obeys the older command syntax `##[error]` [wherever it stands in a
/// line](https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs), so that is taken apart.
pub fn terminal(text: &str) -> String {
    visible(text).replace("##[", "##\\u{5b}")
}

fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' '..='~' => shown.push(character),
            _ if is_shown(character) => shown.push(character),
            _ if is_wide_space(character) => shown.push(' '),
            '\n' | '\r' | '\t' | '\0' => shown.extend(character.escape_debug()),
            _ => shown.extend(character.escape_unicode()),
        }
    }
    shown
}

fn is_shown(character: char) -> bool {
    let hidden = matches!(character,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0d}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}');
    // behind another letter a combining mark is not escaped, only what is not printable is
    !hidden && format!("a{character}").escape_debug().count() == 2
}

fn is_wide_space(character: char) -> bool {
    character.is_whitespace() && !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}')
}

/// For a whole JSON document that may be shown on a terminal or in a log: reads back as the same values.
///
/// `serde_json` escapes what the grammar asks for, which leaves C1 controls, bidirectional overrides and the like in
/// their strings; those are escaped too, and `##[` is taken apart as in [`terminal`]. Outside of strings JSON has none of
/// them, so no string has to be told from the rest. Most documents need none of it and come back as they are.
pub fn json(document: String) -> String {
    escaped_json(&document).unwrap_or(document)
}

/// `None` where nothing has to be escaped.
fn escaped_json(document: &str) -> Option<String> {
    const MARK: &str = "##[";
    // without an early end, so that many bytes are looked at at once
    let is_plain = document.bytes().fold(true, |all, byte| all & matches!(byte, b' '..=b'~' | b'\n'));
    if is_plain && !document.contains(MARK) {
        return None;
    }
    let mut escaped = String::with_capacity(document.len());
    let mut units = [0; 2];
    for character in document.chars() {
        match character {
            ' '..='~' | '\n' => escaped.push(character),
            _ if is_shown(character) || is_wide_space(character) => escaped.push(character),
            _ => {
                for unit in character.encode_utf16(&mut units) {
                    write!(escaped, "\\u{unit:04x}").expect("a string takes every write");
                }
            }
        }
    }
    Some(escaped.replace(MARK, "##\\u005b"))
}

/// Escapes a JSON document of many lines as [`json`] does, on its way out, so that the whole of it never stands in memory.
/// What is written has to be UTF-8 in the end; [`Write::flush`] hands on what is left.
#[derive(Debug)]
pub struct JsonWriter<W> {
    out: W,
    held: Vec<u8>,
}

impl<W: Write> JsonWriter<W> {
    /// What is handed on at once, in bytes.
    const BLOCK: usize = 1 << 16;

    /// In front of `out`.
    pub fn new(out: W) -> Self {
        Self { out, held: Vec::new() }
    }

    /// Hands on what stands before `end`, where a line ends.
    fn hand_on(&mut self, end: usize) -> io::Result<()> {
        let lines = str::from_utf8(&self.held[..end]).map_err(io::Error::other)?;
        match escaped_json(lines) {
            Some(escaped) => self.out.write_all(escaped.as_bytes())?,
            None => self.out.write_all(lines.as_bytes())?,
        }
        self.held.drain(..end);
        Ok(())
    }
}

impl<W: Write> Write for JsonWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= Self::BLOCK
            && let Some(end) = memchr::memrchr(b'\n', &self.held)
        {
            self.hand_on(end + 1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_on(self.held.len())?;
        self.out.flush()
    }
}

/// An invisible break, which ends whatever GitHub would have recognised across it.
const BREAK: &str = "&#8203;";

/// For running text and table cells in Markdown as GitHub renders it: shows the text and nothing else happens.
///
/// What stands in a pair of backticks becomes a code span, as [`markdown_code`] makes it; other syntax becomes numeric
/// entities, which hold in a table cell too. [Mentions, references to issues and
/// commits](https://docs.github.com/get-started/writing-on-github/working-with-advanced-formatting/autolinked-references-and-urls),
/// bare addresses and emoji names are recognised after entities are decoded, so they are broken by a zero-width space;
/// with that, a closing keyword has nothing left to close. Text that people copy belongs into [`markdown_code`].
pub fn markdown(text: &str) -> String {
    let shown = visible(text);
    let mut escaped = String::with_capacity(shown.len());
    let mut rest = shown.as_str();
    while let Some((before, code, after)) = between_backticks(rest).filter(|(_, code, _)| is_plain_code(code)) {
        push_text(&mut escaped, before);
        if escaped.ends_with('`') {
            // two spans that touch would read as one
            escaped.push_str(BREAK);
        }
        write!(escaped, "`{code}`").expect("a string takes every write");
        rest = after;
    }
    push_text(&mut escaped, rest);
    escaped
}

/// What stands between the first pair of backticks, and what around it.
fn between_backticks(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (code, after) = rest.split_once('`')?;
    Some((before, code, after))
}

/// Whether a code span can hold this line without ending early, in a table too, and without commanding a runner that
/// prints it, as [`terminal`] tells.
fn is_plain_code(line: &str) -> bool {
    !line.trim().is_empty() && !line.contains(['`', '|', '\\']) && !line.contains("##[")
}

fn push_text(escaped: &mut String, text: &str) {
    for (index, character) in text.char_indices() {
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '"' | '$' | '#' | '@')
        {
            write!(escaped, "&#{};", u32::from(character)).expect("a string takes every write");
        } else {
            escaped.push(character);
        }
        if is_recognised(&text[..index], character, &text[index + character.len_utf8()..]) {
            escaped.push_str(BREAK);
        }
    }
}

/// Whether GitHub would make more than text of what stands around this character.
fn is_recognised(before: &str, character: char, after: &str) -> bool {
    let follows = |wanted: fn(&char) -> bool| after.chars().next().as_ref().is_some_and(wanted);
    match character {
        '@' => follows(|next| *next != ' '),
        // not the ones in a time of day
        ':' => follows(|next| *next != ' ') && !(before.ends_with(is_digit) && follows(char::is_ascii_digit)),
        '#' => follows(char::is_ascii_digit),
        '-' => ends_with_ignoring_case(before, "gh") && follows(char::is_ascii_digit),
        'w' | 'W' => ends_with_ignoring_case(before, "ww") && after.starts_with('.'),
        _ => splits_commit_id(before, character, after),
    }
}

fn is_digit(character: char) -> bool {
    character.is_ascii_digit()
}

fn ends_with_ignoring_case(text: &str, ending: &str) -> bool {
    let start = text.len().checked_sub(ending.len());
    start.and_then(|start| text.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
}

/// Whether this is the sixth, twelfth... of seven or more hexadecimal digits that stand alone: seven are a commit.
fn splits_commit_id(before: &str, character: char, after: &str) -> bool {
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit();
    let left = before.bytes().rev().take_while(is_hex).count();
    let right = after.bytes().take_while(is_hex).count();
    let is_word = !before[..before.len() - left].ends_with(char::is_alphanumeric)
        && !after[right..].starts_with(char::is_alphanumeric);
    character.is_ascii_hexdigit() && is_word && left + 1 + right >= 7 && (left + 1) % 6 == 0
}

/// For names and versions in Markdown: a code span, in which GitHub recognises nothing and which copies clean.
///
/// What would end the span or the table cell around it is shown as [`markdown`] text instead; an empty text stays empty.
pub fn markdown_code(text: &str) -> String {
    let shown = visible(text);
    if is_plain_code(&shown) {
        return format!("`{shown}`");
    }
    let mut escaped = String::with_capacity(shown.len());
    push_text(&mut escaped, &shown);
    escaped
}

/// What Markdown would not take for part of a link's address.
const NOT_IN_ADDRESS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// For the address of a Markdown link: `None` for anything but http(s) with a host.
///
/// Credentials are left out. A link to somebody's issue, pull request, discussion or commit on GitHub would leave a
/// backlink there; it goes through `redirect.github.com`, [as Renovate's
/// do](https://github.com/renovatebot/renovate/blob/main/lib/util/markdown.ts).
pub fn markdown_address(address: &str) -> Option<String> {
    let mut url = web_url(address)?;
    if leaves_backlink(&url) {
        url.set_host(Some("redirect.github.com")).ok()?;
    }
    Some(utf8_percent_encode(url.as_str(), NOT_IN_ADDRESS).to_string().replace('&', "&amp;"))
}

/// The address of a page on the web, fit for a link: `None` for anything but http(s) with a host. Credentials are left
/// out. What the place of the link needs ([`xml`] in an attribute) is still to be escaped.
pub fn web_address(address: &str) -> Option<String> {
    web_url(address).map(String::from)
}

fn web_url(address: &str) -> Option<Url> {
    let mut url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())?;
    url.set_username("").and_then(|()| url.set_password(None)).ok()?;
    Some(url)
}

fn leaves_backlink(url: &Url) -> bool {
    let is_github = matches!(url.host_str(), Some("github.com" | "www.github.com"));
    is_github
        && url.path_segments().is_some_and(|mut segments| {
            segments.any(|segment| matches!(segment, "issues" | "pull" | "discussions" | "commit"))
        })
}

/// For text and attribute values in XML, SVG among them.
///
/// [`terminal`] comes first, since most of what it shows as an escape is [no character of
/// XML](https://www.w3.org/TR/xml/#charsets), not even as an entity.
pub fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in terminal(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// For running text in HTML: what stands in a pair of backticks becomes a `code` element, the rest is [`xml`] text, whose
/// entities HTML knows too.
pub fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, code, after)) = between_backticks(rest).filter(|(_, code, _)| !code.is_empty()) {
        write!(escaped, "{}<code>{}</code>", xml(before), xml(code)).expect("a string takes every write");
        rest = after;
    }
    escaped + &xml(rest)
}

/// For a name in an address or an `id`: letters, digits, `-`, `.`, `_` and `~` stay, the rest is percent-encoded.
pub fn segment(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

/// For the message of a [workflow
/// command](https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions): one line; line ends
/// are encoded and shown as such by GitHub.
pub fn workflow_data(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for part in text.split_inclusive(['%', '\r', '\n']) {
        let (plain, last) = part.split_at(part.trim_end_matches(['%', '\r', '\n']).len());
        escaped.push_str(&terminal(plain));
        escaped.push_str(match last {
            "%" => "%25",
            "\r" => "%0D",
            "\n" => "%0A",
            _ => "",
        });
    }
    escaped
}

/// For a property of a workflow command, such as `title`.
pub fn workflow_property(text: &str) -> String {
    workflow_data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_terminal_gets_one_harmless_line() {
        let table = [
            ("1.40.0+build~x", "1.40.0+build~x"),
            ("a\u{1b}[31mred\u{1b}]8;;http://x\u{7}", r"a\u{1b}[31mred\u{1b}]8;;http://x\u{7}"),
            ("\u{9b}2J", r"\u{9b}2J"),
            ("one\r\ntwo\tthree\0", r"one\r\ntwo\tthree\0"),
            ("line\u{2028}sep\u{2029}\u{85}", r"line\u{2028}sep\u{2029}\u{85}"),
            ("1.0\u{202e}0.2\u{2066}x\u{2069}\u{200f}\u{61c}", r"1.0\u{202e}0.2\u{2066}x\u{2069}\u{200f}\u{61c}"),
            ("to\u{200b}ki\u{200d}o\u{feff}\u{ad}\u{2060}", r"to\u{200b}ki\u{200d}o\u{feff}\u{ad}\u{2060}"),
            ("tag\u{e0041}\u{e0100}\u{3164}\u{fe01}", r"tag\u{e0041}\u{e0100}\u{3164}\u{fe01}"),
            ("\u{e000}\u{ffff}", r"\u{e000}\u{ffff}"),
            ("non\u{a0}breaking\u{3000}wide", "non breaking wide"),
            ("na\u{303}o, 日本語, العربية, ⚠\u{fe0f} 🦀", "na\u{303}o, 日本語, العربية, ⚠\u{fe0f} 🦀"),
            ("x ##[error]y", r"x ##\u{5b}error]y"),
            (r"it's a \path", r"it's a \path"),
        ];
        for (text, shown) in table {
            assert_eq!(terminal(text), shown, "{text:?}");
        }
    }

    #[test]
    fn markdown_text_is_only_text() {
        let table = [
            ("plain words, 1.2.3 (and more) - fine!", "plain words, 1.2.3 (and more) - fine!"),
            ("a|b", "a&#124;b"),
            ("`@a``#1` and ` odd", "`@a`&#8203;`#1` and &#96; odd"),
            ("`a|b` `x\\` ``", "&#96;a&#124;b&#96; &#96;x&#92;&#96; &#96;&#96;"),
            (
                "`co_de` **bold** _it_ ~~no~~",
                "`co_de` &#42;&#42;bold&#42;&#42; &#95;it&#95; &#126;&#126;no&#126;&#126;",
            ),
            ("<img src=x onerror=y>", "&#60;img src=x onerror=y&#62;"),
            ("![i](http://x)", "!&#91;i&#93;(http:&#8203;//x)"),
            ("[ref]: http", "&#91;ref&#93;: http"),
            ("&lt;", "&#38;lt;"),
            ("back\\slash", "back&#92;slash"),
            ("@octocat and a@b.c", "&#64;&#8203;octocat and a&#64;&#8203;b.c"),
            ("fixes #1, closes o/r#2", "fixes &#35;&#8203;1, closes o/r&#35;&#8203;2"),
            ("GH-1 gh-23 weigh-in GH-x", "GH-&#8203;1 gh-&#8203;23 weigh-in GH-x"),
            ("see https://github.com/o/r/issues/1", "see https:&#8203;//github.com/o/r/issues/1"),
            ("WWW.example.org www.x.org", "WWW&#8203;.example.org www&#8203;.x.org"),
            (":tada: 10:30 ok: yes", ":&#8203;tada: 10:30 ok: yes"),
            ("at 0123abc, not 0123abcz or 012ab", "at 0123ab&#8203;c, not 0123abcz or 012ab"),
            ("two\nlines\u{202e}", "two&#92;nlines&#92;u{202e}"),
            ("$x$", "&#36;x&#36;"),
        ];
        for (text, shown) in table {
            assert_eq!(markdown(text), shown, "{text:?}");
        }
    }

    #[test]
    fn markdown_code_never_ends_early() {
        let table = [
            ("@types/node", "`@types/node`"),
            ("1.0#1 GH-1 <b>", "`1.0#1 GH-1 <b>`"),
            ("a`b", "a&#96;b"),
            ("a|b", "a&#124;b"),
            ("a\\", "a&#92;"),
            ("a\nb", "a&#92;nb"),
            ("##[error]x", "&#35;&#35;&#91;error&#93;x"),
            ("", ""),
        ];
        for (text, shown) in table {
            assert_eq!(markdown_code(text), shown, "{text:?}");
        }
    }

    #[test]
    fn only_web_addresses_become_links() {
        let table = [
            ("https://crates.io/crates/tokio/1.54.1", Some("https://crates.io/crates/tokio/1.54.1")),
            ("https://x.org/a(b)|c d?e=1&copy;=[2]", Some("https://x.org/a%28b%29%7Cc%20d?e=1&amp;copy;=%5B2%5D")),
            ("https://user:secret@x.org/", Some("https://x.org/")),
            ("https://github.com/o/r/issues/1", Some("https://redirect.github.com/o/r/issues/1")),
            ("https://github.com/o/r/releases", Some("https://github.com/o/r/releases")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("//x.org", None),
            ("not an address", None),
        ];
        for (address, link) in table {
            assert_eq!(markdown_address(address).as_deref(), link, "{address:?}");
        }
    }

    #[test]
    fn html_text_is_only_text_and_code() {
        let table = [
            ("plain words", "plain words"),
            ("`1.0` is <b>yanked</b>", "<code>1.0</code> is &lt;b&gt;yanked&lt;/b&gt;"),
            ("`<i>` & `\"'`", "<code>&lt;i&gt;</code> &amp; <code>&quot;&#39;</code>"),
            ("odd ` and ``", "odd <code> and </code>`"),
            ("`` empty", "`` empty"),
            ("line\nend\u{202e}", r"line\nend\u{202e}"),
        ];
        for (text, shown) in table {
            assert_eq!(html(text), shown, "{text:?}");
        }
    }

    #[test]
    fn an_address_is_of_the_web_and_without_credentials() {
        let table = [
            ("https://x.org/a(b)?c=<d>&e", Some("https://x.org/a(b)?c=%3Cd%3E&e")),
            ("http://user:secret@[::1]:8080/", Some("http://[::1]:8080/")),
            ("javascript:alert(1)", None),
            ("JAVASCRIPT:alert(1)", None),
            ("data:text/html,x", None),
            ("vbscript:x", None),
            ("file:///etc/passwd", None),
            ("//x.org", None),
        ];
        for (address, link) in table {
            assert_eq!(web_address(address).as_deref(), link, "{address:?}");
        }
    }

    #[test]
    fn a_segment_is_one_segment() {
        let table = [("tokio", "tokio"), ("@types/node", "%40types%2Fnode"), ("a b\"<é>", "a%20b%22%3C%C3%A9%3E")];
        for (name, segmented) in table {
            assert_eq!(segment(name), segmented, "{name:?}");
        }
    }

    #[test]
    fn workflow_commands_take_no_orders() {
        assert_eq!(workflow_data("50%\r\nnext: a, b\u{1b}[2J"), r"50%25%0D%0Anext: a, b\u{1b}[2J");
        assert_eq!(workflow_data("%0A\n::error::x"), "%250A%0A::error::x");
        assert_eq!(workflow_property("a: b, c%\n::stop"), "a%3A b%2C c%25%0A%3A%3Astop");
    }

    #[test]
    fn a_json_document_reads_back_and_shows_harmless() {
        let texts =
            ["plain é 日本 🦀", "\u{1b}\u{9b}2J\u{7f}\n", "\u{202e}\u{2028}\u{feff}\u{e0041}", "x ##[error]y \\##["];
        let document = serde_json::to_string(&texts).unwrap();
        let escaped = json(document);
        assert_eq!(
            escaped,
            r#"["plain é 日本 🦀","\u001b\u009b2J\u007f\n","\u202e\u2028\ufeff\udb40\udc41","x ##\u005berror]y \\##\u005b"]"#
        );
        assert_eq!(serde_json::from_str::<Vec<String>>(&escaped).unwrap(), texts);
    }

    /// Any text, with a liking for what is dangerous.
    fn hostile() -> impl Strategy<Value = String> {
        let dangerous = prop::sample::select(vec![
            "\u{1b}[31m",
            "\u{202e}",
            "\u{200b}",
            "\n",
            "\r",
            "|",
            "\\",
            "`",
            "::",
            "##[",
            "%",
            "@a",
            "#1",
            "<",
            "日",
            ",",
        ]);
        prop::collection::vec(prop_oneof![dangerous.prop_map(str::to_owned), any::<String>()], 0..12)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn no_control_character_reaches_a_terminal(text in hostile()) {
            let shown = terminal(&text);
            let is_harmful = |character: char| character.is_control() || "\u{202e}\u{200b}\u{feff}".contains(character);
            prop_assert!(!shown.contains(is_harmful), "{shown}");
            prop_assert!(!shown.contains("##["));
        }

        #[test]
        fn showing_twice_changes_nothing_more(text in hostile()) {
            let once = terminal(&text);
            prop_assert_eq!(terminal(&once), once);
        }

        #[test]
        fn a_markdown_cell_stays_one_cell(text in hostile()) {
            for cell in [markdown(&text), markdown_code(&text)] {
                prop_assert!(!cell.contains(['|', '\n', '\r', '\\']), "{cell}");
                prop_assert_eq!(cell.matches('`').count() % 2, 0, "{}", cell);
                prop_assert!(!cell.contains("``"), "{}", cell);
            }
        }

        #[test]
        fn a_workflow_command_is_one_line_and_gives_the_text_back(text in "[ -~\r\n]{0,40}") {
            prop_assume!(!text.contains("##["));
            let data = workflow_data(&text);
            prop_assert!(!data.contains(['\r', '\n']));
            prop_assert_eq!(data.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%"), text);
        }

        #[test]
        fn a_property_never_starts_another(text in hostile()) {
            prop_assert!(!workflow_property(&text).contains([':', ',', '\n', '\r']));
        }
    }
}
