//! The command line as its users meet it: what it prints where, and how it ends.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such")]

mod check;
mod ending;
mod explain;
pub(crate) mod git;
mod help;
mod holds;
mod import;
mod init;
mod input;
mod list;
mod recording;
mod settings_pins;
pub(crate) mod world;
