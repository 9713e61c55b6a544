//! Catalogs: requirements that the projects of a workspace share. `catalog:` in a `package.json` stands for one of them.
//! <https://pnpm.io/catalogs>, <https://yarnpkg.com/features/catalogs>

use std::path::Path;

use super::files::Files;
use super::text::Document;
use crate::document::{FileError, Node};

/// The file that holds catalogs under `catalog` and `catalogs`, if the project has it.
#[derive(Debug)]
pub(super) struct Catalogs(Option<Document>);

impl Catalogs {
    /// Reads `pnpm-workspace.yaml` or `.yarnrc.yml`.
    pub(super) fn read(name: &Path, files: &dyn Files) -> Result<Self, FileError> {
        Ok(Self(files.read(name)?.map(Document::yaml).transpose()?))
    }

    /// What `catalog:` or `catalog:NAME` stands for in the dependency on a package, and the file it stands in.
    pub(super) fn meant(&self, package: &str, text: &str) -> Option<(&Document, &Node)> {
        let document = self.0.as_ref()?;
        Some((document, named(&document.root, package, text)?))
    }
}

/// The entry of the catalog that `text` names.
pub(super) fn named<'a>(root: &'a Node, package: &str, text: &str) -> Option<&'a Node> {
    let name = text.trim().strip_prefix("catalog:")?.trim();
    let of = |name: &str| root.get("catalogs")?.get(name)?.get(package);
    match name {
        // the one without a name may also be called so
        "" | "default" => root.get("catalog").and_then(|catalog| catalog.get(package)).or_else(|| of("default")),
        name => of(name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    #[test]
    fn a_name_leads_to_its_catalog() {
        let text = "catalog:\n  a: ^1\ncatalogs:\n  old:\n    a: ^0.9\n  default:\n    b: ^2\n";
        let catalogs = Catalogs::read("w.yaml".as_ref(), &Memory::of(&[("w.yaml", text)])).unwrap();
        for (package, text, expected) in [
            ("a", "catalog:", Some("^1")),
            ("a", "catalog:default", Some("^1")),
            ("b", "catalog:", Some("^2")),
            ("a", "catalog:old", Some("^0.9")),
            ("b", "catalog:old", None),
            ("a", "catalog:none", None),
            ("a", "^1", None),
        ] {
            assert_eq!(catalogs.meant(package, text).and_then(|(_, node)| node.text()), expected, "{package} {text}");
        }
        assert!(Catalogs::read("none.yaml".as_ref(), &Memory::of(&[])).unwrap().meant("a", "catalog:").is_none());
    }
}
