//! One JSON document: the report itself, indented, with a final newline.

use std::io::{self, Write};

use super::{Report, escape};

pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut out = escape::JsonWriter::new(out);
    serde_json::to_writer_pretty(&mut out, report)?;
    out.write_all(b"\n")?;
    out.flush()
}
