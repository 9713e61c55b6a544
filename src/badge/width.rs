//! How wide a text is in the font of badges, eleven pixels of Verdana, without having the font.

use unicode_width::UnicodeWidthChar as _;

/// Advance widths of the printable ASCII characters from the space on, in hundredths of a pixel, as a browser measured
/// them: from the table of npm's [`anafanafo` 2.0.0](https://www.npmjs.com/package/anafanafo), by which Shields lays out.
const ASCII: [u32; 95] = [
    387, 433, 505, 900, 699, 1184, 799, 295, 500, 500, 699, 900, 400, 500, 400, 500, 699, 699, 699, 699, 699, 699, 699,
    699, 699, 699, 500, 500, 900, 900, 900, 600, 1100, 752, 754, 768, 848, 696, 632, 853, 827, 463, 500, 762, 612, 927,
    823, 866, 663, 866, 765, 752, 678, 805, 752, 1088, 754, 677, 754, 500, 500, 500, 900, 699, 699, 661, 685, 573, 685,
    655, 387, 685, 696, 302, 379, 651, 302, 1070, 696, 668, 685, 685, 469, 573, 433, 696, 651, 900, 651, 651, 578, 698,
    500, 698, 900,
];

/// A column of any other script: Latin, Greek and Cyrillic letters measure 6.7 to 7.1 pixels on average.
const NARROW: u32 = 710;

/// Two columns: what Chinese, Japanese and Korean characters measure.
const WIDE: u32 = 1100;

/// The width of a text in whole pixels, rounded up to an odd number so that its middle falls on the grid of pixels.
///
/// Outside of ASCII it is an estimate; the SVG names it as the length of the text, to which a viewer fits the letters.
pub(super) fn pixels(text: &str) -> u32 {
    let hundredths: u32 = text.chars().map(of).sum();
    hundredths.div_ceil(100) | 1
}

fn of(character: char) -> u32 {
    let ascii = u32::from(character).checked_sub(u32::from(' ')).and_then(|at| ASCII.get(at as usize));
    ascii.copied().unwrap_or_else(|| match character.width() {
        None | Some(0) => 0,
        Some(1) => NARROW,
        Some(_) => WIDE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured with `anafanafo` itself, in pixels.
    #[test]
    fn a_text_is_as_wide_as_measured_rounded_up_to_an_odd_number() {
        let table = [
            ("", 0.0, 1),
            ("iiii", 12.08, 13),
            ("mmm", 32.10, 33),
            ("current", 39.91, 41),
            ("tokio", 27.22, 29),
            ("@types/node", 73.01, 75),
            ("all current", 56.43, 57),
            ("14 minor behind, 810 d", 130.52, 131),
            ("3 behind, worst error, 2 unknown", 186.28, 187),
        ];
        for (text, measured, expected) in table {
            assert_eq!(pixels(text), expected, "{text}");
            assert!((0.0..2.0).contains(&(f64::from(expected) - measured)), "{text}");
        }
    }

    #[test]
    fn other_scripts_take_the_room_of_their_columns() {
        let table = [("日本", 23), ("é", 9), ("e\u{301}", 7), ("🦀", 11), ("\u{7f}", 1)];
        for (text, expected) in table {
            assert_eq!(pixels(text), expected, "{text}");
        }
    }
}
