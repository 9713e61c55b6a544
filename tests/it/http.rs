//! The network layer against servers that behave, misbehave and lie.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which clippy does not know for such")]

mod cache;
mod faults;
mod pace;
mod recording;
mod secrets;
mod statuses;
mod support;
mod tls;
