//! Integration tests: one binary, a module a topic. No test needs the network beyond this machine.

mod oracle_lag;
mod oracle_tags;
mod oracles;
mod pins;
mod properties;
