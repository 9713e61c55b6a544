//! Schemas of values that `table!` does not declare.

use schemars::{Schema, json_schema};

use super::Word;

/// Gives a type a schema that is written out wherever it stands, by a function of the generator.
macro_rules! inline_schema {
    ($name:ident, |$generator:pat_param| $schema:expr) => {
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema($generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}
pub(crate) use inline_schema;

/// One of a fixed set of words.
pub(crate) fn schema_of_words<T: Word>() -> Schema {
    let words: Vec<&str> = T::all().into_iter().map(T::word).collect();
    json_schema!({ "type": "string", "enum": words })
}
