//! What the fuzz targets share: which member of a list a run is about.

use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;

use upmon::document::{FileError, Source};
use upmon::pin::project::files::Files;

/// The member of `all` that the environment variable `FUZZ_OF` names. Without it the names are printed, one a line, and
/// the program ends: `fuzz/run` learns from that what there is.
pub fn chosen<T: Copy>(cell: &OnceLock<T>, all: &[T], name: impl Fn(T) -> &'static str) -> T {
    *cell.get_or_init(|| {
        let wanted = std::env::var("FUZZ_OF").ok();
        all.iter().copied().find(|it| Some(name(*it)) == wanted.as_deref()).unwrap_or_else(|| {
            all.iter().for_each(|it| println!("{}", name(*it)));
            std::process::exit(0)
        })
    })
}

/// Starts every file of an input after the first: a byte that no text file holds, then the name, then a line end.
pub const FILE_SEPARATOR: char = '\u{1c}';

/// The files of an input.
#[derive(Debug)]
pub struct Input<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Input<'a> {
    /// The first file is called `first`.
    pub fn new(first: &'a str, input: &'a str) -> Self {
        let mut parts = input.split(FILE_SEPARATOR);
        let main = (first, parts.next().unwrap_or_default());
        Self(std::iter::once(main).chain(parts.filter_map(|part| part.split_once('\n'))).collect())
    }

    /// The text of a file.
    pub fn text(&self, name: &Path) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| Path::new(known) == plain(name)).map(|(_, text)| *text)
    }
}

fn plain(name: &Path) -> &Path {
    name.strip_prefix(".").unwrap_or(name)
}

impl Files for Input<'_> {
    fn read(&self, name: &Path) -> Result<Option<Arc<Source>>, FileError> {
        Ok(self.text(name).map(|text| Arc::new(Source::new(name, text))))
    }

    fn list(&self, directory: &Path) -> Vec<String> {
        let below = self.0.iter().filter_map(|(name, _)| Path::new(name).strip_prefix(plain(directory)).ok());
        below.filter_map(|path| Some(path.components().next()?.as_os_str().to_str()?.to_owned())).collect()
    }
}
