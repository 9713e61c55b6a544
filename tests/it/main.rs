//! Integration tests: one binary, a module a topic. No test needs the network beyond this machine.

mod config;
mod manifest;
mod schema;
