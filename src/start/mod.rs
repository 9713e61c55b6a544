//! First steps: finds the files that upmon can read pins from, takes over what another tool watches, and plans how the
//! pins file changes.
//!
//! Nothing here asks anybody or writes; a plan is the whole text of each file as it will be, so that what is shown and
//! what is written are the same.

pub mod additions;
pub(crate) mod discover;
pub mod nvchecker;
mod planned;
pub(crate) mod workflow;

pub(crate) use planned::Planned;
