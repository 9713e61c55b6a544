//! Integration tests: one binary, a module a topic. No test needs the network beyond this machine.

mod contract;
mod crates_io;
mod git;
mod http;
mod npm;
mod rubygems;
mod support;
