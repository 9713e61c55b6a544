//! The HTML form of the simple API: anchors of files, no versions and, by the book, no times.
//!
//! The page is kept until its end and then read in one go: the tokenizer pulls, and pages are a fraction of the size of
//! their JSON. A page may leave out much that HTML wants, but not the end of its body, since nothing else tells a
//! complete list from one that was cut; and not every page is a list: a page to sign in is none.

use std::collections::BTreeMap;

use html5gum::emitters::default::{DefaultEmitter, StartTag, Token};
use html5gum::{HtmlString, Spanned, Tokenizer};
use percent_encoding::percent_decode;

use super::file_name::is_distribution;
use super::json::{check_api_version, status};
use super::listing::{File, Listing, content};
use crate::http::{Decode, Malformed};
use crate::release::{ReleaseSet, parse_time};

/// The largest page that is read, in bytes: a hundred thousand files.
const CAP: usize = 32 << 20;

/// What every index titles its lists of files, since the first one did.
const TITLE: &[u8] = b"Links for ";

/// Reads one page.
#[derive(Debug)]
pub(super) struct Html {
    page: Vec<u8>,
    learned: Learned,
}

#[derive(Debug)]
struct Learned {
    listing: Listing,
    /// The page says that it is a list of files, however few.
    is_list: bool,
    /// The end of the body was seen, and no anchor behind it.
    is_complete: bool,
    status: Option<String>,
    status_reason: Option<String>,
}

impl Html {
    /// For a page about the project of that normalised name.
    pub(super) fn of(project: &str) -> Self {
        let listing = Listing::of(project);
        let learned = Learned { listing, is_list: false, is_complete: false, status: None, status_reason: None };
        Self { page: Vec::new(), learned }
    }
}

impl Decode for Html {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        if self.page.len() + bytes.len() > CAP {
            return Err(Malformed::new(format!("the list of files is larger than {CAP} bytes")));
        }
        self.page.extend_from_slice(bytes);
        Ok(())
    }

    fn held(&self) -> usize {
        self.page.capacity()
    }

    fn finish(self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        let Self { page, mut learned } = *self;
        let mut emitter = DefaultEmitter::default();
        emitter.naively_switch_states(true);
        for token in Tokenizer::new_with_emitter(&page[..], emitter) {
            let Ok(token) = token;
            learned.take(&token)?;
        }
        learned.into_facts()
    }
}

impl Learned {
    fn take(&mut self, token: &Token<()>) -> Result<(), Malformed> {
        match token {
            Token::StartTag(tag) if tag.name == b"a" => self.anchor(&Attributes::of(tag)),
            Token::StartTag(tag) if tag.name == b"meta" => self.meta(&Attributes::of(tag))?,
            Token::String(text) if text.trim_ascii_start().starts_with(TITLE) => self.is_list = true,
            Token::EndTag(tag) if tag.name == b"body" || tag.name == b"html" => self.is_complete = true,
            _ => {}
        }
        Ok(())
    }

    /// The file's name is the last part of the address, as pip reads it; the text between the tags may be cut for show.
    fn anchor(&mut self, attributes: &Attributes<'_>) {
        self.is_complete = false;
        let Some(address) = attributes.get(b"href") else { return };
        let name = last_segment(&address);
        if !is_distribution(&name) {
            return;
        }
        self.is_list = true;
        let uploaded = attributes.get(b"data-upload-time").and_then(|time| parse_time(&time));
        let digest = address.split_once('#').and_then(|(_, fragment)| fragment.strip_prefix("sha256="));
        let content = digest.and_then(|digest| content(&name, digest));
        self.listing
            .add_file(&name, File { yanked: attributes.get(b"data-yanked").map(Into::into), uploaded, content });
    }

    /// `pypi:repository-version`, `pypi:project-status` and its reason.
    fn meta(&mut self, attributes: &Attributes<'_>) -> Result<(), Malformed> {
        let content = attributes.get(b"content").unwrap_or_default();
        match attributes.get(b"name").as_deref() {
            Some("pypi:repository-version") => {
                self.is_list = true;
                return check_api_version(&content);
            }
            Some("pypi:project-status") => self.status = Some(content),
            Some("pypi:project-status-reason") => self.status_reason = Some(content),
            _ => {}
        }
        Ok(())
    }

    fn into_facts(mut self) -> Result<ReleaseSet, Malformed> {
        if !self.is_list {
            return Err(Malformed::new("expected a list of files, got another HTML page"));
        }
        if !self.is_complete {
            return Err(Malformed::new("the HTML page ends too early"));
        }
        self.listing.status = self.status.map(|marker| status(&marker, self.status_reason.as_deref()));
        Ok(self.listing.into_facts())
    }
}

/// The attributes of a tag, as text.
struct Attributes<'tag>(&'tag BTreeMap<HtmlString, Spanned<HtmlString, ()>>);

impl<'tag> Attributes<'tag> {
    fn of(tag: &'tag StartTag<()>) -> Self {
        Self(&tag.attributes)
    }

    fn get(&self, name: &[u8]) -> Option<String> {
        self.0.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }
}

/// The file's name in an address, which may be relative.
fn last_segment(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let segment = path.rsplit('/').next().unwrap_or_default();
    percent_decode(segment.as_bytes()).decode_utf8_lossy().into_owned()
}
