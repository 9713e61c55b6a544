//! Which of an index's three forms an answer has.

use super::html::Html;
use super::json::Json;
use crate::http::splitter::excerpt;
use crate::http::{Decode, Head, Malformed};
use crate::release::ReleaseSet;

/// What the media types of the simple API start with; the major version follows.
const SIMPLE: &str = "application/vnd.pypi.simple.v";

/// A decoder for an answer about `project`.
///
/// The first byte that is no blank decides, for servers say one thing and send another. Only the simple API's own media
/// types say something that the body does not: its major version.
pub(super) fn decode(project: &str, head: &Head) -> Result<Box<dyn Decode>, Malformed> {
    let media_type = head.media_type.as_deref().unwrap_or_default();
    match media_type.strip_prefix(SIMPLE) {
        Some(version) if !version.starts_with("1+") => {
            Err(Malformed::new(format!("expected version 1 of the simple API, got `{media_type}`")))
        }
        _ => Ok(Box::new(Answer { project: project.to_owned(), form: None })),
    }
}

struct Answer {
    project: String,
    /// Known with the first byte that is no blank.
    form: Option<Box<dyn Decode>>,
}

impl Decode for Answer {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        if let Some(form) = &mut self.form {
            return form.chunk(bytes);
        }
        let text = bytes.trim_ascii_start();
        let Some(first) = text.first() else { return Ok(()) };
        self.form.insert(form_of(*first, text, &self.project)?).chunk(text)
    }

    fn held(&self) -> usize {
        self.form.as_ref().map_or(0, |form| form.held())
    }

    fn finish(self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        self.form.ok_or_else(|| Malformed::new("expected a list of files, got nothing"))?.finish()
    }
}

fn form_of(first: u8, text: &[u8], project: &str) -> Result<Box<dyn Decode>, Malformed> {
    match first {
        b'{' => Ok(Box::new(Json::of(project))),
        // the first byte of a byte order mark, which HTML may have and JSON may not
        b'<' | 0xef => Ok(Box::new(Html::of(project))),
        _ => Err(Malformed::new(format!("expected JSON or HTML, got `{}`", excerpt(text)))),
    }
}
