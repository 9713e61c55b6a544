//! Unpacks gzip ([RFC 1952](https://www.rfc-editor.org/rfc/rfc1952)) while it arrives.
//!
//! The form in which nearly all registries answer. The client underneath can unpack it too, but makes 43 KiB of state for
//! every answer and takes it down again, which for answers of ten kilobytes is a tenth of the cost of unpacking them; here
//! the state of an answer that is read serves the next one. What is packed otherwise (brotli, zstd) is left to the client.

use std::sync::{Mutex, PoisonError};

use flate2::{Decompress, FlushDecompress, Status};

use super::Malformed;

/// Unpacked bytes that are handed on at once.
const PIECE: usize = 16 << 10;

/// A header holds a file name at most; registries write none.
const MAX_HEADER: usize = 64 << 10;

/// What one answer at a time uses: about 60 KiB.
struct Tools {
    inflate: Decompress,
    piece: Vec<u8>,
}

impl std::fmt::Debug for Tools {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tools").finish_non_exhaustive()
    }
}

/// The tools of answers that are read, for those to come.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Vec<Tools>>);

impl Shelf {
    fn take(&self) -> Tools {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| Tools { inflate: Decompress::new(false), piece: vec![0; PIECE] })
    }

    fn put_back(&self, tools: Tools) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tools);
    }
}

/// Takes what was unpacked.
pub(super) type Sink<'a, E> = &'a mut dyn FnMut(&[u8]) -> Result<(), E>;

/// Why unpacking ends early.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble<E> {
    /// The stream is broken.
    Packed(Malformed),
    /// Whoever takes what was unpacked wants no more.
    Sink(E),
}

impl<E> From<Malformed> for Trouble<E> {
    fn from(malformed: Malformed) -> Self {
        Self::Packed(malformed)
    }
}

/// One packed body. Chunk borders may fall anywhere.
#[derive(Debug)]
pub(super) struct Gunzip<'a> {
    shelf: &'a Shelf,
    /// Taken when the first byte comes.
    tools: Option<Tools>,
    place: Place,
    /// What has come of a header or a trailer.
    held: Vec<u8>,
    checksum: crc32fast::Hasher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first member.
    Start,
    Header,
    Body,
    Trailer,
    /// Behind a whole member; another may follow.
    Between,
}

impl<'a> Gunzip<'a> {
    pub(super) fn new(shelf: &'a Shelf) -> Self {
        Self { shelf, tools: None, place: Place::Start, held: Vec::new(), checksum: crc32fast::Hasher::new() }
    }

    /// Unpacks the next bytes.
    ///
    /// # Errors
    /// When they cannot be part of a gzip stream, or its checksum does not fit, and whatever `sink` says.
    pub(super) fn chunk<E>(&mut self, mut packed: &[u8], sink: Sink<'_, E>) -> Result<(), Trouble<E>> {
        while !packed.is_empty() {
            let used = match self.place {
                Place::Start | Place::Header | Place::Between => self.header(packed)?,
                Place::Body => self.body(packed, sink)?,
                Place::Trailer => self.trailer(packed)?,
            };
            packed = &packed[used..];
        }
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// When it was not complete.
    pub(super) fn finish(&self) -> Result<(), Malformed> {
        if self.place == Place::Between { Ok(()) } else { Err(Malformed::new("the gzip stream ends too early")) }
    }

    fn header(&mut self, packed: &[u8]) -> Result<usize, Malformed> {
        self.place = Place::Header;
        let held = self.held.len();
        self.held.extend_from_slice(packed);
        let Some(length) = header_length(&self.held)? else {
            let is_too_long = self.held.len() > MAX_HEADER;
            return if is_too_long { Err(not_gzip()) } else { Ok(packed.len()) };
        };
        self.held.clear();
        self.place = Place::Body;
        self.checksum = crc32fast::Hasher::new();
        self.tools.get_or_insert_with(|| self.shelf.take()).inflate.reset(false);
        Ok(length - held)
    }

    fn body<E>(&mut self, packed: &[u8], sink: Sink<'_, E>) -> Result<usize, Trouble<E>> {
        let Tools { inflate, piece } = self.tools.as_mut().expect("the header is behind us");
        let mut used = 0;
        loop {
            let before = (inflate.total_in(), inflate.total_out());
            let status = inflate
                .decompress(&packed[used..], piece, FlushDecompress::None)
                .map_err(|error| Malformed::new(format!("the gzip stream is corrupt: {error}")))?;
            used += size(inflate.total_in() - before.0);
            let written = &piece[..size(inflate.total_out() - before.1)];
            if !written.is_empty() {
                self.checksum.update(written);
                sink(written).map_err(Trouble::Sink)?;
            }
            if status == Status::StreamEnd {
                self.place = Place::Trailer;
                return Ok(used);
            }
            // a step may end early, at the end of its window or of the piece: only one without any progress is the last
            if (inflate.total_in(), inflate.total_out()) == before {
                let is_used_up = used == packed.len();
                return if is_used_up { Ok(used) } else { Err(stuck().into()) };
            }
        }
    }

    /// Checksum and length of what was unpacked.
    fn trailer(&mut self, packed: &[u8]) -> Result<usize, Malformed> {
        const LENGTH: usize = 8;
        let used = packed.len().min(LENGTH - self.held.len());
        self.held.extend_from_slice(&packed[..used]);
        if let Some((checksum, length)) = self.held.split_first_chunk::<4>().filter(|(_, rest)| rest.len() == 4) {
            let unpacked = self.tools.as_ref().expect("the header is behind us").inflate.total_out();
            let is_right = u32::from_le_bytes(*checksum) == self.checksum.clone().finalize()
                && *length == unpacked.to_le_bytes()[..4];
            if !is_right {
                return Err(Malformed::new("the gzip stream is corrupt: its checksum does not fit"));
            }
            self.held.clear();
            self.place = Place::Between;
        }
        Ok(used)
    }
}

impl Drop for Gunzip<'_> {
    fn drop(&mut self) {
        if let Some(tools) = self.tools.take() {
            self.shelf.put_back(tools);
        }
    }
}

/// Bytes of one step, which are never more than a buffer holds.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).expect("a buffer's size fits")
}

fn stuck() -> Malformed {
    Malformed::new("the gzip stream is corrupt: it does not go on")
}

fn not_gzip() -> Malformed {
    Malformed::new("what it calls gzip is none")
}

/// How long the header of a member is; `None` when it has not come yet.
fn header_length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    const FIXED: usize = 10;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const CHECKSUM: u8 = 2;
    const RESERVED: u8 = 0xe0;
    let magic = [0x1f, 0x8b, 8];
    if bytes.iter().zip(magic).any(|(byte, expected)| *byte != expected) {
        return Err(not_gzip());
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else { return Ok(None) };
    let flags = fixed[3];
    if flags & RESERVED != 0 {
        return Err(not_gzip());
    }
    let mut at = 0;
    if flags & EXTRA != 0 {
        let Some(length) = rest.first_chunk() else { return Ok(None) };
        at += 2 + usize::from(u16::from_le_bytes(*length));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let Some(end) = rest.get(at..).and_then(|rest| memchr::memchr(0, rest)) else { return Ok(None) };
            at += end + 1;
        }
    }
    if flags & CHECKSUM != 0 {
        at += 2;
    }
    Ok((rest.len() >= at).then_some(FIXED + at))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, GzBuilder};

    use super::*;

    fn pack(text: &[u8], builder: GzBuilder) -> Vec<u8> {
        let mut encoder = builder.write(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(packed: &[u8], size: usize, shelf: &Shelf) -> Result<Vec<u8>, Malformed> {
        let (mut gunzip, mut text) = (Gunzip::new(shelf), Vec::new());
        for chunk in packed.chunks(size) {
            let taken = gunzip.chunk::<()>(chunk, &mut |piece| {
                text.extend_from_slice(piece);
                Ok(())
            });
            taken.map_err(|trouble| match trouble {
                Trouble::Packed(malformed) => malformed,
                Trouble::Sink(()) => unreachable!("this sink takes everything"),
            })?;
        }
        gunzip.finish().map(|()| text)
    }

    /// Longer than several windows, and not too regular.
    fn text() -> Vec<u8> {
        (0..60_000_u32).flat_map(|number| (number.wrapping_mul(2_654_435_761) >> 20).to_string().into_bytes()).collect()
    }

    #[test]
    fn every_kind_of_header_is_read_in_any_chunks() {
        let (text, shelf) = (text(), Shelf::default());
        let plain = pack(&text, GzBuilder::new());
        let named = pack(&text, GzBuilder::new().filename("a").comment("b").extra(&b"cd"[..]));
        let mut checked = plain.clone();
        checked[3] |= 2;
        checked.splice(10..10, [0, 0]);
        for packed in [plain, named, checked, pack(b"", GzBuilder::new())] {
            let expected = if packed.len() < 100 { &b""[..] } else { &text };
            for size in [1, 7, 4096, packed.len()] {
                assert!(unpack(&packed, size, &shelf).unwrap() == expected, "by {size}");
            }
        }
        assert_eq!(shelf.0.lock().unwrap().len(), 1, "the tools are used again");
    }

    #[test]
    fn members_that_follow_each_other_are_one_text() {
        let packed = [pack(b"one ", GzBuilder::new()), pack(b"two", GzBuilder::new())].concat();
        for size in [1, 20, packed.len()] {
            assert_eq!(unpack(&packed, size, &Shelf::default()).unwrap(), b"one two");
        }
    }

    #[test]
    fn no_truncation_and_no_changed_byte_of_the_trailer_passes() {
        let (packed, shelf) = (pack(b"some text, some text", GzBuilder::new()), Shelf::default());
        for end in 0..packed.len() {
            assert_eq!(unpack(&packed[..end], 5, &shelf).unwrap_err().0, "the gzip stream ends too early", "{end}");
        }
        for at in packed.len() - 8..packed.len() {
            let mut broken = packed.clone();
            broken[at] ^= 1;
            assert!(unpack(&broken, 9, &shelf).unwrap_err().0.ends_with("its checksum does not fit"), "{at}");
        }
    }

    #[test]
    fn what_is_no_gzip_is_refused() {
        let shelf = Shelf::default();
        let behind = [&pack(b"text", GzBuilder::new())[..], b"more"].concat();
        let reserved = [0x1f, 0x8b, 8, 0x80, 0, 0, 0, 0, 0, 0];
        let endless = [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0][..], &vec![b'a'; MAX_HEADER]].concat();
        for packed in [&b"{}"[..], b"\x1f\x8b\x07", &behind, &reserved, &endless] {
            assert_eq!(unpack(packed, 1000, &shelf).unwrap_err(), not_gzip(), "{:?}", &packed[..3.min(packed.len())]);
        }
        let garbage = [&pack(b"", GzBuilder::new())[..10], &[0xff; 40]].concat();
        assert!(unpack(&garbage, 1000, &shelf).unwrap_err().0.starts_with("the gzip stream is corrupt"));
    }
}
