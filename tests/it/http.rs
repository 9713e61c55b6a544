//! The network layer against servers that behave, misbehave and lie.

mod basic;
mod support;
