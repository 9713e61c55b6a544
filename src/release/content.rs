//! Which bytes a release consists of, as far as its registry tells: enough to notice that they have changed.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The first 96 bits of a checksum that a registry publishes for one part of a release: a file, or a platform's build.
///
/// A release may have many parts, and more may be added later without anything being wrong. So of each release one part is
/// kept, always the same as long as it is there: the smallest in the order of this type, in which main parts come first.
/// Two of these are comparable when they are of the same part. They take 16 bytes, which is what every release of every
/// package costs in memory and in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Content {
    part: NonZeroU32,
    digest: [u8; 12],
}

/// Set in [`Content::part`] of a part that is not the main one.
const MINOR: u32 = 1 << 31;

impl Content {
    /// From a checksum in hexadecimal; `None` for what is too short or none. `is_main` tells parts that every release has,
    /// such as a source archive, from others.
    pub fn of_hex(part: &str, is_main: bool, checksum: &str) -> Option<Self> {
        let digits = checksum.as_bytes().get(..24)?;
        let mut digest = [0; 12];
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
        }
        Some(Self::new(part, is_main, digest))
    }

    /// The same from a checksum in Base64, such as npm's `integrity` behind its algorithm.
    pub fn of_base64(part: &str, is_main: bool, checksum: &str) -> Option<Self> {
        let digest = STANDARD.decode(checksum.get(..16)?).ok()?;
        Some(Self::new(part, is_main, digest.try_into().ok()?))
    }

    fn new(part: &str, is_main: bool, digest: [u8; 12]) -> Self {
        // FNV-1a: stable for ever, since it is written into the state file
        let hash = part.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let part = if is_main { hash & !MINOR } else { hash | MINOR };
        Self { part: NonZeroU32::new(part).unwrap_or(NonZeroU32::MIN), digest }
    }

    /// The part that is kept of two.
    pub fn least(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).min()
    }
}

impl fmt::Display for Content {
    /// Eight digits for the part, 24 for its checksum.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", self.part)?;
        self.digest.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_read_in_both_alphabets() {
        let hex = Content::of_hex("a", true, "000102030405060708090a0b0c0d").unwrap();
        assert_eq!(&hex.to_string()[8..], "000102030405060708090a0b");
        assert_eq!(Content::of_base64("a", true, "AAECAwQFBgcICQoLDA0="), Some(hex));
        assert_eq!(Content::of_hex("a", true, "000102030405060708090A0B"), Some(hex));
        for wrong in ["", "00", "zz0102030405060708090a0b", "größe größe größe größe"] {
            assert_eq!(Content::of_hex("a", true, wrong), None, "{wrong}");
        }
        for wrong in ["", "AAEC", "!!!!!!!!!!!!!!!!", "größe größe größe"] {
            assert_eq!(Content::of_base64("a", true, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_main_part_is_kept_whatever_its_name() {
        let digest = "000102030405060708090a0b";
        for name in ["a", "b", "x-1.0.whl", "y"] {
            let main = Content::of_hex(name, true, digest);
            let other = Content::of_hex("other", false, digest);
            assert_eq!(Content::least(other, main), main);
            assert_eq!(Content::least(main, None), main);
        }
    }

    #[test]
    fn it_takes_sixteen_bytes() {
        assert_eq!(size_of::<Option<Content>>(), 16);
    }
}
