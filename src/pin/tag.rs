//! How a tag spells a version: an anchored template such as `gopls/v{version}`, and the habits of tags.
//!
//! A repository's tags hold more than one package's versions: other components (`gopls/v0.15.0` beside `v1.21.0`),
//! markers (`before_ftp_statemachine`), an older numbering. A template says which tags belong to the pin, and it is
//! strict: `v{version}` takes `v1.2.3` and neither `1.2.3` nor `gopls/v1.2.3`, since real repositories hold an old
//! `19.0614` that would outrank every `v1.14.2`. A repository that changed its spelling for good needs a new pin, or a
//! `tag` in it.
//!
//! Which version a text is, and how two compare, is the scheme's business; here the text is only brought into a form
//! that a scheme can read.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::Pin;
use crate::registry::RegistryId;
use crate::version::SchemeId;
use crate::version::words::{self, Cut, Meaning, Word};

const PLACEHOLDER: &str = "{version}";

/// Which tags are versions of a package, and where in them the version stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagTemplate {
    prefix: Box<str>,
    suffix: Box<str>,
    /// Whether it was read off a pin; then a few respellings of the prefix are the same series.
    is_inferred: bool,
    habits: Option<Habits>,
}

/// What the words of a free-form label mean in this series, as the pin shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Habits {
    /// Words of the pin that mark no prerelease, since the pin is what is run: `ga` of `jdk-21-ga`, `win` of `4.5-win`,
    /// `gke` of `1.18.0-gke.1`.
    own_words: Vec<Box<str>>,
    /// Whether the pin is a numbered build, `17.0.9+8`, so that builds are this series' releases.
    counts_builds: bool,
    /// Whether the series is spelled as npm's tools spell theirs, `name@1.0.4-8`: there a number behind a dash is a
    /// prerelease, elsewhere it is a later build (`7.1.1-21`).
    is_npm: bool,
}

/// Why a text is not a tag template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagTemplateError {
    /// The version's place is not marked.
    #[error("`{0}` holds no `{{version}}`")]
    NoPlace(String),
    /// It is marked more than once.
    #[error("`{0}` holds `{{version}}` more than once")]
    ManyPlaces(String),
    /// Some other use of braces.
    #[error("`{0}` holds a brace outside of `{{version}}`, which is the only placeholder")]
    Brace(String),
    /// A character that git allows in no tag.
    #[error("`{text}` holds `{}`, which no tag can hold", .character.escape_debug())]
    Character {
        /// The template.
        text: String,
        /// The first such character.
        character: char,
    },
}

impl FromStr for TagTemplate {
    type Err = TagTemplateError;

    fn from_str(text: &str) -> Result<Self, TagTemplateError> {
        Self::parse(text)
    }
}

impl fmt::Display for TagTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{PLACEHOLDER}{}", self.prefix, self.suffix)
    }
}

/// The template that tags must match: the pin's own, else the one that the pin's own spelling implies.
pub fn template_of(pin: &Pin) -> Option<TagTemplate> {
    let inferred = || (pin.registry == RegistryId::Git).then(|| TagTemplate::infer(&pin.version));
    pin.tag.clone().or_else(inferred).map(|template| template.following(&pin.version, pin.scheme))
}

impl TagTemplate {
    /// Reads a template: any text with exactly one `{version}` in it.
    ///
    /// # Errors
    /// When the place is missing or not unique, or when [no tag](https://git-scm.com/docs/git-check-ref-format) could
    /// ever match.
    pub fn parse(text: &str) -> Result<Self, TagTemplateError> {
        let (prefix, suffix) =
            text.split_once(PLACEHOLDER).ok_or_else(|| TagTemplateError::NoPlace(text.to_owned()))?;
        if suffix.contains(PLACEHOLDER) {
            return Err(TagTemplateError::ManyPlaces(text.to_owned()));
        }
        let fixed = || prefix.chars().chain(suffix.chars());
        if fixed().any(|c| matches!(c, '{' | '}')) {
            return Err(TagTemplateError::Brace(text.to_owned()));
        }
        if let Some(character) = fixed().find(|c| c.is_control() || " ~^:?*[\\".contains(*c)) {
            return Err(TagTemplateError::Character { text: text.to_owned(), character });
        }
        Ok(Self { prefix: prefix.into(), suffix: suffix.into(), is_inferred: false, habits: None })
    }

    /// The template that a pin's own spelling implies: `v{version}` for `v2.10.24`, `curl-{version}` for `curl-8_4_0`,
    /// `@changesets/cli@{version}` for `@changesets/cli@2.27.1`. A pin without any number implies the empty prefix.
    ///
    /// Beside the exact prefix, three spellings count as the same series, all of them seen in real repositories: with or
    /// without a `v` behind a name (`tokio-v0.1.10` beside `tokio-0.1.9`, though never `v1.0` beside `1.0`), and, where `_`
    /// separates the numbers, another sign behind the name (`curl_7_6` beside `curl-7_6_1`) or none behind a word that
    /// means "version" (`REL9_6_24` beside `REL_15_2`).
    pub fn infer(pin: &str) -> Self {
        let start = version_start(pin).unwrap_or_default();
        Self { prefix: pin[..start].into(), suffix: "".into(), is_inferred: true, habits: None }
    }

    /// The same template, reading words as a free-form scheme needs it and as the pin's own spelling shows. Under any
    /// other scheme words are the scheme's business and stay.
    #[must_use]
    pub fn following(self, pin: &str, scheme: SchemeId) -> Self {
        let is_free = matches!(scheme, SchemeId::Loose | SchemeId::Calver);
        let is_npm = self.prefix.trim_end_matches('v').ends_with('@');
        let habits = is_free.then(|| Habits { is_npm, ..Habits::of(self.place_in(pin).unwrap_or(pin)) });
        Self { habits, ..self }
    }

    /// The fixed text before the version.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The version in a tag, its separators turned into dots; `None` when the tag does not match the whole template.
    ///
    /// Between the leading numbers `_` becomes a dot, and so does `-` where nothing else separates (`2024-01-15`);
    /// elsewhere `_` becomes `-`. For a free-form scheme (see [`TagTemplate::following`]) it also drops a word that only
    /// says "released" (`-stable`, `.Final`, the pin's own), writes what comes after the release as a patch level
    /// (`10.0_P1` is `10.0-pl1`), hangs a prerelease word from before the version behind it (`rc-8_22_0-2` is
    /// `8.22.0-rc2`), and marks npm's numbered prereleases (`gatsby@1.0.4-8` is `1.0.4-a8`).
    pub fn version_in<'tag>(&self, tag: &'tag str) -> Option<Cow<'tag, str>> {
        let text = self.place_in(tag).filter(|text| is_version(text))?;
        self.normal_form(text)
    }

    /// The pinned version, spelled as a tag (`v1.2.3`) or without the template's text (`1.2.3`); `None` when there is
    /// no version in it.
    pub fn version_of<'pin>(&self, pin: &'pin str) -> Option<Cow<'pin, str>> {
        self.version_in(pin).or_else(|| is_version(pin).then(|| self.normal_form(pin)).flatten())
    }

    /// The text in the place of the version, which starts with a digit.
    fn place_in<'tag>(&self, tag: &'tag str) -> Option<&'tag str> {
        let exact = tag.strip_prefix(&*self.prefix).filter(|text| starts_with_digit(text));
        exact.or_else(|| self.respelled(tag))?.strip_suffix(&*self.suffix)
    }

    /// The place in a tag of the same name that is set off from the version in another way.
    fn respelled<'tag>(&self, tag: &'tag str) -> Option<&'tag str> {
        if !self.is_inferred {
            return None;
        }
        let with_v =
            |name: &str, tag: &'tag str| tag.strip_prefix(name)?.strip_prefix('v').filter(|_| is_set_off(name));
        let without_v = |name: &str| tag.strip_prefix(name.strip_suffix('v').filter(|name| is_set_off(name))?);
        let by_v = with_v(&self.prefix, tag).or_else(|| without_v(&self.prefix));
        by_v.filter(|text| starts_with_digit(text)).or_else(|| self.respelled_with_underscores(tag))
    }

    fn respelled_with_underscores<'tag>(&self, tag: &'tag str) -> Option<&'tag str> {
        let name = self.prefix.trim_end_matches(['-', '_']);
        let rest = tag.strip_prefix(name).filter(|_| !name.is_empty())?;
        let text = rest.strip_prefix(['-', '_']).or_else(|| means_version(name).then_some(rest))?;
        let behind_number = &text[words::digits(text)..];
        (starts_with_digit(text) && behind_number.starts_with('_')).then_some(text)
    }

    fn normal_form<'text>(&self, text: &'text str) -> Option<Cow<'text, str>> {
        let cut = words::cut(text)?;
        let rest = match &self.habits {
            None => Cow::Borrowed(cut.rest),
            Some(habits) => habits.plain(cut.rest, self.word_before())?,
        };
        if rest == cut.rest && !text.contains('_') && !cut.numbers.contains('-') {
            return Some(text.into());
        }
        Some(format!("{}{}", cut.numbers.replace(['_', '-'], "."), rest.replace('_', "-")).into())
    }

    /// The prerelease word that is the whole prefix: `rc` of `rc-8_22_0-2`, but not `test` of `tokio-test-0.4.5`.
    fn word_before(&self) -> Option<&str> {
        const WORDS: [&str; 10] =
            ["alpha", "beta", "canary", "daily", "nightly", "pre", "prerelease", "rc", "snapshot", "weekly"];
        let word = self.prefix.trim_end_matches(['-', '_', '.']);
        WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)).then_some(word)
    }
}

impl Habits {
    fn of(version: &str) -> Self {
        let rest = words::cut(version).map_or("", |cut| cut.rest);
        let main = rest.split('+').next().unwrap_or_default();
        let is_own = |word: &Word<'_>| match word.meaning() {
            Meaning::Final => word.end() == main.len(),
            Meaning::Unknown => word.text.len() > 1,
            _ => false,
        };
        Self {
            own_words: words::words(main).filter(is_own).map(|word| word.text.to_ascii_lowercase().into()).collect(),
            counts_builds: words::build_number(rest).is_some(),
            is_npm: false,
        }
    }

    fn owns(&self, word: &Word<'_>) -> bool {
        self.own_words.iter().any(|own| word.text.eq_ignore_ascii_case(own))
    }

    /// What follows the numbers, spelled so that libversion reads it as it is meant. `None` for a numbered build
    /// (`jdk-21+35`) in a series whose releases carry a word of their own (`jdk-21-ga`).
    fn plain<'text>(&self, rest: &'text str, word_before: Option<&str>) -> Option<Cow<'text, str>> {
        if let Some(build) = words::build_number(rest) {
            let release = &rest[..rest.len() - build.len() - 1];
            return match (self.counts_builds, self.own_words.is_empty()) {
                (true, _) => Some(format!("{}pl{build}", self.respelled(release)).into()),
                (false, true) => Some(rest.into()),
                (false, false) => None,
            };
        }
        let spelled = self.respelled(self.without_released(rest));
        Some(match (word_before, spelled.strip_prefix('-')) {
            (Some(word), _) => format!("-{word}{}", spelled.trim_start_matches(['-', '_', '.'])).into(),
            (None, Some(number)) if self.is_npm && starts_with_digit(number) => format!("-a{number}").into(),
            _ => spelled,
        })
    }

    /// The text without the words at its end that only say "released".
    fn without_released<'text>(&self, rest: &'text str) -> &'text str {
        let says_released = |word: &Word<'_>| self.owns(word) || word.meaning() == Meaning::Final;
        let shorter = words::without_last_word(rest, says_released);
        if shorter.len() == rest.len() { rest } else { self.without_released(shorter) }
    }

    /// Writes every word for "after the release", and the pin's own, as `pl`, which libversion always understands (it
    /// takes `p1` for a prerelease), and the `T` and `Z` of a time as separators. What follows `+` stays.
    fn respelled<'text>(&self, rest: &'text str) -> Cow<'text, str> {
        let main = rest.split('+').next().unwrap_or_default();
        let mut spelled = String::new();
        let mut copied = 0;
        for word in words::words(main) {
            let replacement = match word.meaning() {
                Meaning::Patch => "pl",
                Meaning::Unknown if self.owns(&word) => "pl",
                Meaning::Time => ".",
                Meaning::Letters if word.text == "Z" && rest.starts_with('T') => "",
                _ => continue,
            };
            spelled.push_str(&rest[copied..word.start]);
            spelled.push_str(replacement);
            copied = word.end();
        }
        if copied == 0 {
            return rest.into();
        }
        spelled.push_str(&rest[copied..]);
        spelled.into()
    }
}

/// Whether a prefix is a name and a sign that sets it off.
fn is_set_off(name: &str) -> bool {
    name.ends_with(['-', '_', '/', '@'])
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a text is one version from its first digit to its end.
fn is_version(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'@');
    starts_with_digit(text) && text.bytes().all(is_plain) && words::cut(text).is_some_and(|cut| !names_another(&cut))
}

/// Whether the number is part of a name that has a version of its own behind it: `1-config-1.0.11`, `4j-2.17.1`.
fn names_another(cut: &Cut<'_>) -> bool {
    let main = cut.rest.split('+').next().unwrap_or_default();
    let is_one_number = cut.numbers().nth(1).is_none();
    let name = words::words(main).find(|word| matches!(word.meaning(), Meaning::Unknown | Meaning::Letters));
    name.filter(|_| is_one_number).is_some_and(|word| {
        let behind = &main[word.end()..];
        behind
            .match_indices(['-', '_'])
            .filter_map(|(at, _)| words::cut(&behind[at + 1..]))
            .any(|cut| matches!(cut.before, "" | "v" | "V") && cut.numbers().nth(1).is_some())
    })
}

/// Where the version starts in a tag; `None` when it holds none.
fn version_start(tag: &str) -> Option<usize> {
    let base = base_start(tag);
    let mut number_starts = tag[base..]
        .char_indices()
        .map(|(at, _)| base + at)
        .filter(|&at| starts_with_digit(&tag[at..]) && !tag[base..at].ends_with(|c: char| c.is_ascii_digit()));
    number_starts.find(|&at| is_version(&tag[at..]) && !is_part_of_name(&tag[base..at], &tag[at..]))
}

/// Where the part begins that holds the version: behind the last `@` or `/` with a number behind it.
fn base_start(tag: &str) -> usize {
    let holds_number = |at: &usize| tag[*at..].contains(|c: char| c.is_ascii_digit());
    let behind = |sign: char| tag.rfind(sign).map(|at| at + 1).filter(holds_number);
    behind('@').or_else(|| behind('/')).unwrap_or_default()
}

/// Whether the number that `text` starts with belongs to the name before it, as in `gtk3-3.24.1` and `ekg2_0-1`: the sign
/// behind the number is another than between the numbers that follow.
fn is_part_of_name(before: &str, text: &str) -> bool {
    let letters = before.len() - before.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    let word = &before[before.len() - letters..];
    if before.is_empty() || means_version(word) {
        return false;
    }
    let sign_behind = |text: &'_ str| {
        let behind = &text[words::digits(text)..];
        let sign = behind.chars().next().filter(char::is_ascii_punctuation)?;
        starts_with_digit(&behind[1..]).then_some(sign)
    };
    let Some(first @ ('-' | '_')) = sign_behind(text) else { return false };
    let second = sign_behind(&text[words::digits(text) + 1..]);
    match (first, second) {
        (_, None) => false,
        ('_', Some('-')) if word.is_empty() => false,
        (first, Some(second)) => first != second,
    }
}

/// Words that stand before a version and name nothing.
pub(crate) fn means_version(word: &str) -> bool {
    const WORDS: [&str; 9] = ["n", "r", "rel", "release", "rev", "tag", "v", "ver", "version"];
    WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(pin: &str) -> TagTemplate {
        TagTemplate::infer(pin).following(pin, SchemeId::Loose)
    }

    #[test]
    fn a_template_holds_one_version_and_nothing_that_no_tag_can_hold() {
        for (text, prefix) in
            [("v{version}", "v"), ("gopls/v{version}", "gopls/v"), ("{version}-final", ""), ("REL_{version}", "REL_")]
        {
            let template = TagTemplate::parse(text).unwrap();
            assert_eq!(template.prefix(), prefix);
            assert_eq!(template.to_string(), text);
        }
        for (text, message) in [
            ("", "`` holds no `{version}`"),
            ("v*", "`v*` holds no `{version}`"),
            ("{version}{version}", "`{version}{version}` holds `{version}` more than once"),
            (
                "{name}-{version}",
                "`{name}-{version}` holds a brace outside of `{version}`, which is the only placeholder",
            ),
            ("v {version}", "`v {version}` holds ` `, which no tag can hold"),
            ("{version}\n", "`{version}\n` holds `\\n`, which no tag can hold"),
        ] {
            assert_eq!(text.parse::<TagTemplate>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_pin_implies_its_series() {
        for (pin, template) in [
            ("v2.10.24", "v{version}"),
            ("1.2.3", "{version}"),
            ("curl-8_4_0", "curl-{version}"),
            ("tiny-curl-8_4_0", "tiny-curl-{version}"),
            ("release-1.2.3", "release-{version}"),
            ("jq-1.7.1", "jq-{version}"),
            ("package@1.2.3", "package@{version}"),
            ("@changesets/cli@2.27.1", "@changesets/cli@{version}"),
            ("gatsby-1-config-css-modules@1.0.11", "gatsby-1-config-css-modules@{version}"),
            ("pkg@v1.0.0-rc.1", "pkg@v{version}"),
            ("gopls/v0.15.0", "gopls/v{version}"),
            ("releases/gcc-13.2.0", "releases/gcc-{version}"),
            ("REL_15_2", "REL_{version}"),
            ("REL9_6_24", "REL{version}"),
            ("mysql-8.0.33", "mysql-{version}"),
            ("n7.0", "n{version}"),
            ("go1.21rc2", "go{version}"),
            ("ekg2_0-1", "ekg2_{version}"),
            ("gtk3-3.24.1", "gtk3-{version}"),
            ("log4j-2.17.1", "log4j-{version}"),
            ("x265_3.5", "x265_{version}"),
            ("libgit2-sys-0.16.1+1.7.1", "libgit2-sys-{version}"),
            ("RELEASE.2024-01-01T16-36-33Z", "RELEASE.{version}"),
            ("r2011-03-24", "r{version}"),
            ("V_10_0_P1", "V_{version}"),
            ("OTP_R16B03-1", "OTP_R{version}"),
            ("jdk-21+35", "jdk-{version}"),
            ("FIREFOX_118_0b9_RELEASE", "FIREFOX_{version}"),
            ("e2fsprogs-v1.47.0", "e2fsprogs-v{version}"),
            ("jetty-9.4.53.v20231009", "jetty-{version}"),
            ("llvmorg-17.0.6", "llvmorg-{version}"),
            ("php-8.3.0RC1", "php-{version}"),
            ("v.1.1", "v.{version}"),
            ("20240115", "{version}"),
            ("latest", "{version}"),
            ("", "{version}"),
        ] {
            assert_eq!(TagTemplate::infer(pin).to_string(), template, "{pin}");
        }
    }

    #[test]
    fn the_version_of_a_tag_is_plain() {
        for (tag, version) in [
            ("v2.10.24", "2.10.24"),
            ("curl-8_4_0", "8.4.0"),
            ("curl-7_6_1-pre1", "7.6.1-pre1"),
            ("REL_16_BETA1", "16-BETA1"),
            ("V_1_2_3_PRE18", "1.2.3-PRE18"),
            ("V_10_0_P1", "10.0-pl1"),
            ("sudo-1.9.12p1", "1.9.12pl1"),
            ("release-2.1.12-stable", "2.1.12"),
            ("5.2.0.RELEASE", "5.2.0"),
            ("3.0.0.Final", "3.0.0"),
            ("1.0.SP2", "1.0.pl2"),
            ("4.5-win", "4.5"),
            ("rc-8_22_0-2", "8.22.0-rc2"),
            ("weekly.2012-03-27", "2012.03.27-weekly"),
            ("tokio-test-0.4.5", "0.4.5"),
            ("release-6-3", "6.3"),
            ("r2011-03-24", "2011.03.24"),
            ("RELEASE.2024-01-01T16-36-33Z", "2024.01.01.16-36-33"),
            ("7.1.1-21", "7.1.1-21"),
            ("OpenSSL_0_9_8zh", "0.9.8zh"),
            ("jdk-17.0.9+8", "17.0.9pl8"),
            ("jdk-17.0.9-crac+8", "17.0.9-plpl8"),
            ("v1.28.4+k3s1", "1.28.4+k3s1"),
            ("v2.0.0+incompatible", "2.0.0+incompatible"),
            ("v1.18.0-gke.1", "1.18.0-pl.1"),
            ("FIREFOX_115_4_0esr_RELEASE", "115.4.0"),
            ("jetty-9.4.53.v20231009", "9.4.53.v20231009"),
            ("prerelease-2.29.0", "2.29.0-prerelease"),
            ("gatsby@1.0.4-8", "1.0.4-a8"),
            ("gatsby@v1.0.4-next.2", "1.0.4-next.2"),
            ("v1.0-rc1-win", "1.0-rc1"),
            ("1.0.2k-fips-2.0.12", "1.0.2k-pl-2.0.12"),
        ] {
            assert_eq!(loose(tag).version_in(tag).as_deref(), Some(version), "{tag}");
        }
    }

    #[test]
    fn tags_of_another_series_are_refused() {
        for (pin, tag) in [
            ("gopls/v0.15.0", "v0.15.0"),
            ("v1.2.3", "gopls/v0.15.0"),
            ("v1.2.3", "1.2.3"),
            ("1.2.3", "v1.2.3"),
            ("v1.1.4", "v.1.1"),
            ("curl-8_4_0", "tiny-curl-8_4_0"),
            ("curl-8_4_0", "CURL-8_4_0"),
            ("tokio-1.0.0", "tokio-util-0.7.1"),
            ("gatsby-1.0.0", "gatsby-1-config-css-modules@1.0.11"),
            ("gatsby-1.0.0", "gatsby-1-config-1.0.11"),
            ("1.2.3", "latest"),
            ("1.2.3", ""),
            ("1.2.3", "1.2.3/rc"),
            ("1.2.3", "1.2 3"),
            ("v1.2.3", "v1.2.3é"),
            ("jdk-20-ga", "jdk-21+35"),
            ("foo-1_0", "foo2_1_0"),
        ] {
            assert_eq!(loose(pin).version_in(tag), None, "{tag} for {pin}");
        }
    }

    #[test]
    fn a_few_respellings_are_the_same_series() {
        for (pin, tag, version) in [
            ("curl-7_6_1", "curl_7_6-pre3", "7.6-pre3"),
            ("REL9_6_24", "REL_16_1", "16.1"),
            ("REL_15_2", "REL9_6_24", "9.6.24"),
            ("tokio-0.1.9", "tokio-v0.1.10", "0.1.10"),
            ("tokio-v0.1.10", "tokio-1.0.0", "1.0.0"),
            ("4.5-win", "4.6", "4.6"),
            ("v5.2.0.RELEASE", "v5.3.0", "5.3.0"),
        ] {
            assert_eq!(loose(pin).version_in(tag).as_deref(), Some(version), "{tag} for {pin}");
        }
        let written = TagTemplate::parse("tokio-{version}").unwrap();
        assert_eq!(written.version_in("tokio-v0.1.10"), None);
    }

    #[test]
    fn a_written_template_is_anchored_at_both_ends() {
        let template = TagTemplate::parse("{version}-final").unwrap();
        assert_eq!(template.version_in("1.2-final").as_deref(), Some("1.2"));
        for tag in ["1.2", "1.2-final2", "v1.2-final", "-final", "final"] {
            assert_eq!(template.version_in(tag), None, "{tag}");
        }
    }

    #[test]
    fn a_pin_may_leave_out_the_text_of_the_template() {
        let template = TagTemplate::parse("REL_{version}").unwrap();
        assert_eq!(template.version_of("REL_15_2").as_deref(), Some("15.2"));
        assert_eq!(template.version_of("15_2").as_deref(), Some("15.2"));
        assert_eq!(template.version_of("v15.2"), None);
        assert_eq!(template.version_of("latest"), None);
    }

    #[test]
    fn another_scheme_keeps_its_words() {
        for (tag, version) in
            [("v1.0.0-p1", "1.0.0-p1"), ("v1.0.0+7", "1.0.0+7"), ("v2.1-stable", "2.1-stable"), ("v1_0_0", "1.0.0")]
        {
            let template = TagTemplate::infer(tag).following(tag, SchemeId::Semver);
            assert_eq!(template.version_in(tag).as_deref(), Some(version), "{tag}");
        }
    }

    #[test]
    fn numbered_builds_count_for_a_pin_that_is_one() {
        assert_eq!(loose("jdk-17.0.9+8").version_in("jdk-17.0.10+7").as_deref(), Some("17.0.10pl7"));
        assert_eq!(loose("jdk-17.0.9").version_in("jdk-17.0.10+7").as_deref(), Some("17.0.10+7"));
    }

    proptest::proptest! {
        #[test]
        fn a_pin_that_holds_a_version_matches_the_template_that_it_implies(pin in "\\PC{0,24}|[a-z@/v_.-]{0,8}[0-9._+-]{1,8}[a-zA-Z0-9._+-]{0,8}") {
            let template = loose(&pin);
            let version = template.version_in(&pin);
            proptest::prop_assert_eq!(version.is_some(), version_start(&pin).is_some());
            proptest::prop_assert!(version.is_none_or(|version| starts_with_digit(&version)));
        }
    }
}
