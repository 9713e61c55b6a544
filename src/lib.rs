//! `upmon` tells which of the upstream packages you pin have moved on, how far behind each pin is, and how bad that is.
//!
//! ```text
//! pins -> releases -> lag -> severity -> report -> actions
//! ```
//!
//! Each arrow is one module: [`pin`] reads what we hold, [`registry`] asks what upstream offers (through [`http`], the
//! only way out), [`select`] and [`lag`] measure the distance with the rules of [`version`], [`policy`] judges it,
//! [`report`] shows it, [`badge`] says it in a few words, and [`lookup`] runs many pins at once. Only the first and the last touch the outside; everything
//! between takes values and returns values, `now` included.
//!
//! The library exists for the binary and its tests. Its interface follows the binary's needs and promises no stability;
//! the contracts are the pins file, the settings, the report's JSON and the exit codes.

pub mod badge;
pub mod cli;
pub mod config;
pub mod dispatch;
pub mod doctor;
pub mod document;
pub mod error;
pub mod explain;
pub mod holds;
pub mod http;
pub mod lag;
pub mod lookup;
pub mod pin;
pub mod policy;
pub(crate) mod program;
pub mod registry;
pub mod release;
pub mod replace;
pub mod report;
pub mod schema;
pub mod select;
pub mod server;
pub mod start;
pub(crate) mod take;
pub mod tracker;
pub mod version;
