//! The `upmon` binary: arguments in, exit code out; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    upmon::cli::main(std::env::args_os()).into()
}
