//! `upmon serve`: the real binary on a free port, against registries of this machine.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such")]

mod actions;
mod api;
mod badges;
mod bounds;
mod database;
mod metrics;
mod pages;
mod pins;
mod running;
mod service;
mod webhooks;
