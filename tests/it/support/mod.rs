//! What several topics share.

pub(crate) mod canned;
pub(crate) mod runner;
