//! A badge as a picture of its own, through `templates/badge-flat.svg.hbs` and `templates/badge-flat-square.svg.hbs`.
//!
//! The template arranges, this module measures. Whatever the template shows goes through [`escape::xml`].

use std::sync::LazyLock;

use handlebars::Handlebars;
use serde::Serialize;

use super::Badge;
use super::width::pixels;
use crate::report::escape;
use crate::report::templates::embedded;

/// How a badge is drawn; the words are those of Shields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
pub enum Style {
    /// Round corners and a little shade
    #[default]
    Flat,
    /// Square corners and no shade
    FlatSquare,
}

impl Style {
    /// Every style.
    pub const ALL: [Self; 2] = [Self::Flat, Self::FlatSquare];

    /// The word on the command line and at Shields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::FlatSquare => "flat-square",
        }
    }

    const fn template(self) -> &'static str {
        match self {
            Self::Flat => include_str!("../../templates/badge-flat.svg.hbs"),
            Self::FlatSquare => include_str!("../../templates/badge-flat-square.svg.hbs"),
        }
    }
}

static TEMPLATES: LazyLock<Handlebars<'static>> =
    LazyLock::new(|| embedded(escape::xml, Style::ALL.map(|style| (style.as_str(), style.template()))));

/// The room left and right of a text.
const PADDING: u32 = 5;

/// The radius of a round corner.
const RADIUS: u32 = 3;

/// What the template shows. Lengths are in pixels; those that begin with `text` in tenths, in which the text is set so
/// that its place is not rounded.
#[derive(Serialize)]
struct Picture<'a> {
    title: String,
    label: &'a str,
    message: &'a str,
    color: &'static str,
    is_light: bool,
    width: u32,
    left: u32,
    right: u32,
    /// Where the round corner on the right begins.
    corner: u32,
    text_left: u32,
    text_left_length: u32,
    text_right: u32,
    text_right_length: u32,
}

/// A badge as an SVG document with a final newline.
///
/// Nothing in it needs a font, a script or another file, and it has a title that says what it shows. Several of them may
/// stand in one page: what they share under one id is the same in all.
pub fn render(badge: &Badge, style: Style) -> String {
    TEMPLATES.render(style.as_str(), &Picture::of(badge)).expect("the picture has every field that the template names")
}

impl<'a> Picture<'a> {
    fn of(badge: &'a Badge) -> Self {
        let (label, message) = (pixels(&badge.label), pixels(&badge.message));
        let (left, right) = (label + 2 * PADDING, message + 2 * PADDING);
        Self {
            title: format!("{}: {}", badge.label, badge.message),
            label: &badge.label,
            message: &badge.message,
            color: badge.color.hex(),
            is_light: badge.color.is_light(),
            width: left + right,
            left,
            right,
            corner: left + right - RADIUS,
            text_left: left * 5,
            text_left_length: label * 10,
            text_right: left * 10 + right * 5,
            text_right_length: message * 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Color;
    use super::*;

    fn badge(label: &str, color: Color) -> Badge {
        Badge { label: label.to_owned(), message: "14 minor behind, 810 d".to_owned(), color, is_error: false }
    }

    #[test]
    fn a_flat_badge() {
        insta::assert_snapshot!(render(&badge("tokio", Color::Error), Style::Flat));
    }

    #[test]
    fn a_flat_square_badge_with_dark_text() {
        insta::assert_snapshot!(render(&badge("@types/node", Color::Warning), Style::FlatSquare));
    }

    #[test]
    fn a_name_never_becomes_markup() {
        for style in Style::ALL {
            let svg = render(&badge("</text><script>\"'&{{x}}", Color::Current), style);
            assert!(svg.contains("&lt;/text&gt;&lt;script&gt;&quot;&#39;&amp;{{x}}"), "{svg}");
            assert_eq!(svg.matches("<script").count(), 0);
        }
    }

    #[test]
    fn the_templates_show_nothing_unescaped() {
        for style in Style::ALL {
            assert!(!style.template().contains("{{{") && !style.template().contains("{{&"));
        }
    }
}
