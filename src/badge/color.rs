//! How a badge is painted. A colour only repeats what the words say; text on it keeps [the contrast that everybody can
//! read](https://www.w3.org/TR/WCAG22/#contrast-minimum).

use super::troubles;
use crate::lag::Status;
use crate::policy::Severity;
use crate::report::Finding;

/// What the right side of a badge is painted by, calmest first. What is unknown may hide anything, so it stands above what
/// is known to be harmless and below what is known to be bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Color {
    /// Known to be fine: the only green.
    Current,
    /// No action needed.
    Info,
    /// Consider updating.
    Notice,
    /// Update by the due date.
    Warning,
    /// Not known, or not known any more.
    Unknown,
    /// Urgent.
    Error,
    /// Migration required.
    Critical,
}

impl Color {
    /// By severity, and green only for what is current in every way: a policy may call a yanked pin harmless, which does
    /// not make it current, and facts that are no longer fresh prove nothing.
    pub(super) fn of(finding: &Finding) -> Self {
        let known = match finding.severity {
            None => Self::Unknown,
            Some(Severity::None) => Self::Current,
            Some(Severity::Info) => Self::Info,
            Some(Severity::Notice) => Self::Notice,
            Some(Severity::Warning) => Self::Warning,
            Some(Severity::Error) => Self::Error,
            Some(Severity::Critical) => Self::Critical,
        };
        let at_least = match finding.status {
            _ if finding.is_stale() => Self::Unknown,
            _ if troubles(finding).next().is_some() => Self::Notice,
            Status::Current => Self::Current,
            Status::Ahead | Status::Behind => Self::Info,
            Status::Unknown => Self::Unknown,
        };
        known.max(at_least)
    }

    /// Six hexadecimal digits, as Shields and, behind a `#`, SVG take them.
    pub const fn hex(self) -> &'static str {
        match self {
            Self::Current => "2e7d32",
            Self::Info => "5f7a16",
            Self::Notice => "0969da",
            Self::Warning => "ffca28",
            Self::Unknown => "656d76",
            Self::Error => "c2410c",
            Self::Critical => "b3161b",
        }
    }

    /// Whether text on it is dark.
    pub const fn is_light(self) -> bool {
        matches!(self, Self::Warning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Color; 7] =
        [Color::Current, Color::Info, Color::Notice, Color::Warning, Color::Unknown, Color::Error, Color::Critical];

    fn channels(hex: &str) -> [f64; 3] {
        [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()))
    }

    /// [Relative luminance](https://www.w3.org/TR/WCAG22/#dfn-relative-luminance).
    fn luminance(hex: &str) -> f64 {
        let linear = |channel: f64| {
            let part = channel / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = channels(hex).map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    #[test]
    fn text_can_be_read_on_every_colour() {
        for color in ALL {
            let text = if color.is_light() { "333333" } else { "ffffff" };
            let (one, other) = (luminance(color.hex()), luminance(text));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(contrast >= 4.5, "{color:?}: {contrast:.2}");
        }
    }

    /// Shields [chooses](https://github.com/badges/shields/blob/master/badge-maker/lib/badge-renderers.js) dark text above
    /// a brightness of 0.69, so its badges can be read as ours can.
    #[test]
    fn shields_chooses_the_same_text_colour() {
        for color in ALL {
            let [red, green, blue] = channels(color.hex());
            let brightness = (red * 299.0 + green * 587.0 + blue * 114.0) / 255_000.0;
            assert_eq!(brightness > 0.69, color.is_light(), "{color:?}: {brightness}");
        }
    }
}
