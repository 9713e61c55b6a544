//! The `upmon` binary.

fn main() {}
