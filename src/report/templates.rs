//! What the templates of every format share: they stand in the binary, name nothing that is not there, and escape all that
//! they show unless a helper of theirs does so itself.

use handlebars::{Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext};

/// Templates by name that escape this way.
///
/// # Panics
/// When one does not parse.
pub(crate) fn embedded<'a>(
    escape: fn(&str) -> String,
    texts: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Handlebars<'static> {
    let mut templates = Handlebars::new();
    templates.set_strict_mode(true);
    templates.register_escape_fn(escape);
    for (name, text) in texts {
        templates.register_template_string(name, text).expect("the embedded template parses");
    }
    templates
}

/// A helper whose text is written as it is.
pub(crate) fn helper(write: fn(&Helper<'_>) -> String) -> Box<dyn HelperDef + Send + Sync> {
    let helper = move |helper: &Helper<'_>,
                       _: &Handlebars<'_>,
                       _: &Context,
                       _: &mut RenderContext<'_, '_>,
                       out: &mut dyn Output|
          -> HelperResult { Ok(out.write(&write(helper))?) };
    Box::new(helper)
}

/// An argument of a helper; empty where it is `null`.
pub(crate) fn text<'a>(helper: &'a Helper<'_>, index: usize) -> &'a str {
    helper.param(index).and_then(|argument| argument.value().as_str()).unwrap_or_default()
}
