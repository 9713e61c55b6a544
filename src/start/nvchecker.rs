//! Takes over what nvchecker watches: each table of its configuration becomes a pin, or is told with the reason why not.
//!
//! What counts is nvchecker's own documentation, <https://nvchecker.readthedocs.io/en/latest/usage.html>. The versions that
//! are held stand in its record of old versions. Options that upmon has no equal for are told with their lines, since
//! without them another release may be the newest.

mod record;
mod source;

use serde_json::{Map, Value as Json, json};

pub use self::record::Record;
use self::source::Upstream;
use super::additions::NewPin;
use crate::document::{Entry, Node, Source, Value, Wrong, read_toml};
use crate::pin::project::files::directory;
use crate::registry::RegistryId;

/// The table that holds settings instead of a package.
const CONFIG: &str = "__config__";

/// Something that is told of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The line, from 1.
    pub line: usize,
    /// The package, or nothing where it is about the whole file.
    pub package: String,
    /// A sentence fragment.
    pub text: String,
}

/// What becomes of a configuration.
#[derive(Debug, Default)]
pub struct Import {
    /// The pins.
    pub pins: Vec<NewPin>,
    /// Packages that do not become pins.
    pub left_out: Vec<Remark>,
    /// Options that are not taken over.
    pub remarks: Vec<Remark>,
}

/// A configuration of nvchecker.
#[derive(Debug)]
pub struct Config {
    source: Source,
    root: Node,
}

impl Config {
    /// Reads the text of a configuration.
    ///
    /// # Errors
    /// When it is not TOML.
    pub fn parse(source: Source) -> Result<Self, Wrong> {
        match read_toml(&source) {
            Ok(root) => Ok(Self { source, root }),
            Err(problems) => Err(Wrong::new(source.into(), problems)),
        }
    }

    /// The record of old versions that the configuration names, from its own directory; nothing where none is named.
    pub fn record(&self, home: Option<&str>) -> Option<std::path::PathBuf> {
        let named = self.root.at(&[CONFIG, "oldver"])?.text()?;
        let named = match (named.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => format!("{home}/{rest}"),
            _ => named.to_owned(),
        };
        Some(directory(self.source.name()).join(named))
    }

    /// The line of a package, from 1.
    pub fn line(&self, package: &str) -> Option<usize> {
        let entry = self.root.entries().iter().find(|entry| entry.key == package)?;
        Some(self.source.line_and_column(entry.key_span.start).0)
    }

    /// What becomes of it, with the versions of a record.
    pub fn import(&self, record: &Record) -> Import {
        let mut import = Import::default();
        for entry in self.root.entries() {
            match &entry.node.value {
                Value::Table(options) if entry.key == CONFIG => self.settings(options, &mut import),
                Value::Table(_) => self.package(entry, record, &mut import),
                _ => import.left_out.push(self.remark(entry, &entry.key, "is no table, and so no package".to_owned())),
            }
        }
        import
    }

    fn remark(&self, entry: &Entry, package: &str, text: String) -> Remark {
        let (line, _) = self.source.line_and_column(entry.key_span.start);
        Remark { line, package: package.to_owned(), text }
    }

    fn settings(&self, options: &[Entry], import: &mut Import) {
        for option in options {
            let remedy = match option.key.as_str() {
                // where versions are kept, and how nvchecker works, say nothing about a package
                "oldver" | "newver" | "max_concurrency" => continue,
                "proxy" => "set `HTTPS_PROXY`",
                "http_timeout" => "set `timeout` in `[network]` of upmon.toml",
                "keyfile" => "give upmon its tokens by the environment",
                "source" => "set `url` in `[registries]` of upmon.toml",
                _ => "upmon has no equal",
            };
            import.remarks.push(self.remark(option, "", format!("`{}` is not taken over: {remedy}", option.key)));
        }
    }

    fn package(&self, entry: &Entry, record: &Record, import: &mut Import) {
        let upstream = match Upstream::of(&entry.key, &entry.node) {
            Ok(upstream) => upstream,
            Err(reason) => return import.left_out.push(self.remark(entry, &entry.key, reason)),
        };
        let Some(held) = record.of(&entry.key) else {
            let reason = "no version of it is known; take it into the record with `nvtake`, or pin it by hand";
            return import.left_out.push(self.remark(entry, &entry.key, reason.to_owned()));
        };
        let option = |key: &str| entry.node.get(key).and_then(Node::text).filter(|text| !text.is_empty());
        let version = match (upstream.registry, held.tag.as_deref()) {
            // a commit is no tag, and has no spelling but its own
            (RegistryId::Git, _) if upstream.commits => held.version.clone(),
            (RegistryId::Git, Some(tag)) => tag.to_owned(),
            _ => {
                let is_respelled = option("from_pattern").is_some() && option("prefix").is_none();
                let is_cut = upstream.registry != RegistryId::Git && option("prefix").is_some();
                if is_respelled || is_cut {
                    let key = if is_respelled { "from_pattern" } else { "prefix" };
                    let reason = format!(
                        "`{key}` respells its versions, so upstream's own spelling of `{}` is not known; pin it by hand",
                        held.version
                    );
                    return import.left_out.push(self.remark(entry, &entry.key, reason));
                }
                format!("{}{}", option("prefix").unwrap_or_default(), held.version)
            }
        };
        let mut pin = Map::new();
        pin.insert("version".to_owned(), version.as_str().into());
        if upstream.name != entry.key && upstream.registry != RegistryId::Git {
            pin.insert("package".to_owned(), upstream.name.as_str().into());
        }
        pin.extend(upstream.url.iter().map(|url| ("url".to_owned(), Json::from(url.as_str()))));
        if upstream.commits {
            pin.insert("strategy".to_owned(), "commits".into());
            pin.extend(option("branch").map(|branch| ("branch".to_owned(), branch.into())));
        }
        for option in entry.node.entries() {
            self.option(entry, option, &upstream, &mut pin, import);
        }
        let value = if pin.len() == 1 { Json::from(version) } else { Json::Object(pin) };
        import.pins.push((group(upstream.registry).to_owned(), entry.key.clone(), value));
    }

    /// What an option becomes: a key of the pin, or a remark.
    fn option(
        &self,
        entry: &Entry,
        option: &Entry,
        upstream: &Upstream,
        pin: &mut Map<String, Json>,
        import: &mut Import,
    ) {
        let key = option.key.as_str();
        let is_off = option.node.value == Value::Boolean(false) || option.node.text() == Some("");
        if upstream.uses(key) || is_off {
            return;
        }
        let text = option.node.text().unwrap_or_default();
        let remedy = match key {
            "prefix" => return,
            "use_pre_release" | "include_prereleases" if !upstream.commits => {
                pin.insert("prereleases".to_owned(), true.into());
                return;
            }
            "ignored" if !upstream.commits => match ignored(upstream.registry, text) {
                Some(list) => {
                    pin.insert("ignore".to_owned(), list);
                    return;
                }
                None => "write it as `ignore` of the pin, in the words of its version scheme",
            },
            "include_regex"
                if text.strip_suffix(".*").and_then(literal).is_some() && upstream.registry == RegistryId::Git =>
            {
                let prefix = text.strip_suffix(".*").and_then(literal).unwrap_or_default();
                // the pin's own spelling already says which tags are of its series
                let version = pin["version"].as_str().unwrap_or_default();
                if version.starts_with(&prefix) && !prefix.is_empty() {
                    return;
                }
                "write it as `tag` of the pin, such as `v{version}`"
            }
            "include_regex" | "exclude_regex" if upstream.registry == RegistryId::Git => {
                "the pinned tag's spelling says which tags count, and prereleases do not; else write it as `tag` or `ignore` of the pin"
            }
            "include_regex" | "exclude_regex" => "write it as `ignore` of the pin",
            "use_latest_release" | "use_latest_tag" | "use_max_release" => {
                "the highest tag counts, whether it has a release or not"
            }
            "query" => "the pinned tag's spelling says which tags count; else write it as `tag` of the pin",
            "from_pattern" | "to_pattern" => "upmon compares the tags as they are",
            "sort_version_key" if text == "parse_version" => return,
            "sort_version_key" => {
                "upmon compares in the order of the version scheme; `scheme` of the pin names another"
            }
            "token" | "httptoken" => "give upmon its tokens by the environment",
            "proxy" => "set `HTTPS_PROXY`",
            _ => "upmon has no equal",
        };
        import.remarks.push(self.remark(option, &entry.key, format!("`{key}` is not taken over: {remedy}")));
    }
}

/// The group that its pins come to.
fn group(registry: RegistryId) -> &'static str {
    registry.groups().first().copied().unwrap_or(registry.as_str())
}

/// Versions that are named one by one, as entries of `ignore`.
fn ignored(registry: RegistryId, versions: &str) -> Option<Json> {
    let operator = match registry {
        RegistryId::PyPi => "==",
        _ => "=",
    };
    let one = |version: &str| {
        let versions = format!("{operator}{version}");
        registry.scheme().requirement(&versions).ok().map(|_| json!({ "versions": versions }))
    };
    let list: Option<Vec<Json>> = versions.split_whitespace().map(one).collect();
    list.filter(|list| !list.is_empty()).map(Json::Array)
}

/// The text that a regular expression without any sign of its own stands for.
fn literal(expression: &str) -> Option<String> {
    let expression = expression.strip_prefix('^').unwrap_or(expression);
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_/@".contains(character);
    let mut text = String::new();
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        let character = match character {
            '\\' => characters.next().filter(|escaped| !escaped.is_ascii_alphanumeric())?,
            plain if is_plain(plain) => plain,
            _ => return None,
        };
        text.push(character);
    }
    Some(text)
}

#[cfg(test)]
mod tests;
