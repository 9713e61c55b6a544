//! The frame of every decoder for an answer that is one JSON document: members in, facts out.

use std::fmt;

use crate::http::splitter::{Part, Splitter, Wanted};
use crate::http::{Decode, Malformed};
use crate::release::ReleaseSet;

/// What is learned from the members of a document.
pub(super) trait Learn: fmt::Debug + Send {
    /// The names of the wanted places.
    type Field: Copy + fmt::Debug + Send + Sync + 'static;

    /// The wanted places.
    const WANTED: &'static [Wanted<Self::Field>];

    /// Takes one of them.
    ///
    /// # Errors
    /// When it makes the answer unusable.
    fn take(&mut self, part: Part<'_, Self::Field>) -> Result<(), Malformed>;

    /// Bytes of memory that it takes so far, roughly.
    fn held(&self) -> usize;

    /// Everything that was told, joined.
    ///
    /// # Errors
    /// When something was not told that such an answer cannot be without.
    fn into_facts(self) -> Result<ReleaseSet, Malformed>;
}

/// Reads one document.
#[derive(Debug)]
pub(super) struct Document<L: Learn> {
    splitter: Splitter<L::Field>,
    learned: L,
}

impl<L: Learn> Document<L> {
    /// Of which nothing has come yet.
    pub(super) fn of(learned: L) -> Self {
        Self { splitter: Splitter::new(L::WANTED), learned }
    }
}

impl<L: Learn> Decode for Document<L> {
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let Self { splitter, learned } = self;
        splitter.chunk(bytes, &mut |part| learned.take(part))
    }

    fn held(&self) -> usize {
        self.splitter.held() + self.learned.held()
    }

    fn finish(self: Box<Self>) -> Result<ReleaseSet, Malformed> {
        self.splitter.finish()?;
        self.learned.into_facts()
    }
}

/// Takes a member that may stand once: of two, neither can be believed.
///
/// # Errors
/// When it stood before.
pub(super) fn once<T, V>(slot: &mut Option<V>, part: &Part<'_, T>, value: V) -> Result<(), Malformed> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed::new(format!("`{}` stands twice", part.key))),
    }
}
