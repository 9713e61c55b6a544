//! Sixty-four bytes of JSON at a time, as sets of places: a bit for each byte, the lowest for the first.
//!
//! Looking at bytes one by one costs several instructions each; packing comparisons of sixteen at once into bits costs
//! about one, and the few places that matter are then taken from the bits.

use wide::{i8x16, u8x16, u8x64};

/// Bytes of a block.
pub(super) const SIZE: usize = 64;

/// Where the bytes stand that a scanner follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) quotes: u64,
    pub(super) backslashes: u64,
    /// Opening and closing brackets of both kinds.
    pub(super) brackets: u64,
}

impl Block {
    #[inline]
    pub(super) fn of(bytes: [u8; SIZE]) -> Self {
        let bytes = u8x64::new(bytes);
        // `[` and `{`, `]` and `}` differ in this bit alone, and no other byte becomes one of them by it
        let folded = bytes | u8x64::splat(b'{' ^ b'[');
        Self {
            quotes: bytes.simd_eq(u8x64::splat(b'"')).to_bitmask(),
            backslashes: bytes.simd_eq(u8x64::splat(b'\\')).to_bitmask(),
            brackets: (folded.simd_eq(u8x64::splat(b'{')) | folded.simd_eq(u8x64::splat(b'}'))).to_bitmask(),
        }
    }
}

/// The places behind a backslash that is not itself behind one, and whether the byte after the block is one of them.
/// `is_first` says that the first byte is.
pub(super) fn escaped(backslashes: u64, is_first: bool) -> (u64, bool) {
    let mut escaped = u64::from(is_first);
    let mut left = backslashes & !escaped;
    while left != 0 {
        let next = 2_u64.checked_shl(left.trailing_zeros()).unwrap_or_default();
        if next == 0 {
            return (escaped, true);
        }
        escaped |= next;
        left &= left - 1;
        left &= !next;
    }
    (escaped, false)
}

/// Every place with an odd number of set bits up to and including it: what lies between quotes, the opening one included.
pub(super) const fn between(quotes: u64) -> u64 {
    let mut inside = quotes;
    inside ^= inside << 1;
    inside ^= inside << 2;
    inside ^= inside << 4;
    inside ^= inside << 8;
    inside ^= inside << 16;
    inside ^ inside << 32
}

/// The numbers of the bits that are set, lowest first.
pub(super) fn places(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = set.trailing_zeros();
        set &= set.wrapping_sub(1);
        (lowest < u64::BITS).then_some(lowest as usize)
    })
}

/// Sixteen bytes of a string.
#[derive(Debug, Clone, Copy)]
struct Piece(u8x16);

impl Piece {
    fn quotes(self) -> u32 {
        self.0.simd_eq(u8x16::splat(b'"')).to_bitmask()
    }

    fn backslashes(self) -> u32 {
        self.0.simd_eq(u8x16::splat(b'\\')).to_bitmask()
    }

    /// Control characters and what is not ASCII: as signed bytes these are the ones below the blank.
    fn unusual(self) -> u32 {
        let signed = i8x16::new(self.0.to_array().map(u8::cast_signed));
        signed.simd_lt(i8x16::splat(b' '.cast_signed())).to_bitmask()
    }
}

/// How long the plain text in front of the first quote is: ASCII without controls and backslashes, which means itself. `None`
/// when another byte comes first, or no quote at all.
#[inline]
pub(super) fn plain_text(bytes: &[u8]) -> Option<usize> {
    let (pieces, rest) = bytes.as_chunks::<16>();
    for (index, piece) in pieces.iter().enumerate() {
        let piece = Piece(u8x16::new(*piece));
        let (quotes, others) = (piece.quotes(), piece.backslashes() | piece.unusual());
        if quotes | others != 0 {
            return (quotes.trailing_zeros() < others.trailing_zeros())
                .then_some(index * 16 + quotes.trailing_zeros() as usize);
        }
    }
    let end = rest.iter().position(|byte| *byte == b'"' || !is_plain_byte(*byte))?;
    (rest[end] == b'"').then_some(pieces.len() * 16 + end)
}

/// Where the first quote or backslash stands. Most strings are short, so a few pieces are looked at before `memchr` is
/// called, whose call costs as much as they do.
#[inline]
pub(super) fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    const SHORT: usize = 4;
    let (pieces, _) = bytes.as_chunks::<16>();
    for (index, piece) in pieces.iter().take(SHORT).enumerate() {
        let piece = Piece(u8x16::new(*piece));
        let found = piece.quotes() | piece.backslashes();
        if found != 0 {
            return Some(index * 16 + found.trailing_zeros() as usize);
        }
    }
    let seen = pieces.len().min(SHORT) * 16;
    memchr::memchr2(b'"', b'\\', &bytes[seen..]).map(|at| seen + at)
}

const fn is_plain_byte(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | 0x7f) && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(bytes: &[u8], wanted: &[u8]) -> u64 {
        bytes.iter().enumerate().filter(|(_, byte)| wanted.contains(byte)).map(|(at, _)| 1 << at).sum()
    }

    #[test]
    fn every_byte_is_told_from_every_other() {
        for byte in 0..=u8::MAX {
            let bytes = [byte; SIZE];
            let expected =
                Block { quotes: of(&bytes, b"\""), backslashes: of(&bytes, b"\\"), brackets: of(&bytes, b"{}[]") };
            assert_eq!(Block::of(bytes), expected, "{byte:#x}");
            for length in [1, 16, 17] {
                let text = [&vec![byte; length][..], b"\""].concat();
                let is_plain = (0x20..0x80).contains(&byte) && byte != b'\\';
                let expected = if byte == b'"' { Some(0) } else { is_plain.then_some(length) };
                assert_eq!(plain_text(&text), expected, "{length} of {byte:#x}");
            }
        }
    }

    #[test]
    fn what_stands_behind_a_backslash_is_escaped_and_escapes_nothing() {
        for (backslashes, is_first, expected) in [
            (0, false, (0, false)),
            (0, true, (0b1, false)),
            (0b1, false, (0b10, false)),
            (0b11, false, (0b10, false)),
            (0b111, false, (0b1010, false)),
            (0b1, true, (0b1, false)),
            (0b11, true, (0b101, false)),
            (1 << 63, false, (0, true)),
            (0b11 << 62, false, (1 << 63, false)),
        ] {
            assert_eq!(escaped(backslashes, is_first), expected, "{backslashes:#b} {is_first}");
        }
    }

    #[test]
    fn between_holds_the_opening_quote_and_not_the_closing_one() {
        for (quotes, expected) in [(0, 0), (0b1, u64::MAX), (0b1001, 0b0111), (0b0011, 0b0001), (1 << 63, 1 << 63)] {
            assert_eq!(between(quotes), expected, "{quotes:#b}");
        }
    }

    proptest! {
        #[test]
        fn pieces_find_what_single_bytes_find(
            bytes in prop::collection::vec(prop_oneof![8 => Just(b'a'), 1 => Just(b'"'), 1 => Just(b'\\'), 1 => any::<u8>()], 0..150),
        ) {
            let first = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            prop_assert_eq!(quote_or_backslash(&bytes), first);
            let end = bytes.iter().position(|byte| *byte == b'"' || !is_plain_byte(*byte));
            prop_assert_eq!(plain_text(&bytes), end.filter(|end| bytes[*end] == b'"'));
        }
    }
}
