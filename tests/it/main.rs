//! Integration tests: one binary, a module a topic. No test needs the network beyond this machine.

mod badge;
mod cli;
mod config;
mod contract;
mod crates_io;
mod decisions;
mod doctor;
mod git;
mod http;
mod issues;
mod manifest;
mod names;
mod network;
mod npm;
mod oracle_lag;
mod oracle_tags;
mod oracles;
mod pins;
mod properties;
mod pypi;
mod readme;
mod report;
mod rubygems;
mod sarif;
mod schema;
mod support;
