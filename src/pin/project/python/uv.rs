//! `uv.lock`: the projects of the repository stand in it beside what was chosen for them.
//! <https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile>

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::Dependency;
use super::super::files::Files;
use super::super::text::{Document, beside};
use super::declared;
use super::{FROM_ADDRESS, FROM_GIT, OTHER_INDEX, OURS, Package, by_name, fold, is_pypi, locked};
use crate::document::{FileError, Node, Source};

/// Reads the lock file and the manifests of its projects.
pub(in crate::pin::project) fn lock(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let lock = Lock::read(Arc::clone(file))?;
    let root = files.read(&beside(file, "pyproject.toml"))?.map(declared::manifest).transpose()?;
    let of_root = |key| root.as_ref().map(|root| declared::of_uv(root, key)).unwrap_or_default();
    let (overrides, constraints) = (of_root("override-dependencies"), of_root("constraint-dependencies"));
    let overrides = by_name(&overrides, |one| one.name.as_str());
    let constraints = by_name(&constraints, |one| one.name.as_str());
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for (node, directory) in lock.projects() {
        let manifest = files.read(&beside(&lock.document.source, directory).join("pyproject.toml"))?;
        let manifest = manifest.map(declared::manifest).transpose()?;
        let declared = manifest.as_ref().map(declared::of).unwrap_or_default();
        let named = by_name(&declared, |one| one.name.as_str());
        // an extra of the project itself is no dependency
        let mut told: HashSet<String> = node.get("name").and_then(Node::text).map(fold).into_iter().collect();
        for (name, chosen) in lock.chosen(node) {
            let name = fold(name);
            let meant = overrides.get(&name).or_else(|| named.get(&name)).map(Vec::as_slice).unwrap_or_default();
            let packages: Vec<&Package> = chosen.iter().map(|&index| &lock.packages[index]).collect();
            seen.extend(chosen);
            found.extend(locked(&packages, meant));
            // a constraint narrows what is required, and requires nothing itself
            for narrowed in constraints.get(&name).into_iter().flatten() {
                let accepted = packages.iter().filter(|package| narrowed.accepts(package.text()));
                let pinned = |package: &&Package| package.pinned(&package.name, narrowed.requirement.clone());
                found.extend(accepted.filter_map(pinned));
            }
            told.insert(name);
        }
        let reason = format!("`{}` does not hold it: run `uv lock`", lock.document.source.name().display());
        let rest = declared.iter().filter(|declared| !told.contains(&fold(&declared.name)));
        found.extend(rest.map(|declared| declared.open(reason.as_str())));
    }
    let rest = lock.packages.iter().enumerate().filter(|(index, _)| !seen.contains(index));
    let rest = rest
        .filter(|(_, package)| package.obstacle != Some(OURS))
        .filter_map(|(_, package)| package.pinned(&package.name, None));
    found.extend(rest.map(|dependency| Dependency { is_direct: false, ..dependency }));
    Ok(found)
}

struct Lock {
    document: Document,
    packages: Vec<Package>,
    by_name: HashMap<String, Vec<usize>>,
}

impl Lock {
    fn read(file: Arc<Source>) -> Result<Self, FileError> {
        let document = Document::toml(file)?;
        let listed = document.root.get("package").map(Node::items).unwrap_or_default();
        let package = |node: &Node| match node.get("name").and_then(Node::text) {
            Some(name) => Ok(Package {
                name: name.to_owned(),
                version: node.get("version").and_then(|version| document.written(version)),
                obstacle: obstacle(node),
            }),
            None => Err(document.wrong(node, "a package of the lock file has no name")),
        };
        let packages = listed.iter().map(package).collect::<Result<Vec<_>, _>>()?;
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, package) in packages.iter().enumerate() {
            by_name.entry(package.name.clone()).or_default().push(index);
        }
        Ok(Self { document, packages, by_name })
    }

    fn nodes(&self) -> &[Node] {
        self.document.root.get("package").map(Node::items).unwrap_or_default()
    }

    /// The projects of the repository, each with its directory.
    fn projects(&self) -> impl Iterator<Item = (&Node, &str)> {
        self.nodes().iter().filter_map(|node| {
            let source = node.get("source")?;
            let directory = ["editable", "virtual", "directory"].iter().find_map(|key| source.get(key))?.text()?;
            (!directory.starts_with("..")).then_some((node, directory))
        })
    }

    /// What was chosen for a project, by name in the order of the file: the indices of every version.
    fn chosen<'a>(&'a self, project: &'a Node) -> Vec<(&'a str, Vec<usize>)> {
        let tables = ["optional-dependencies", "dev-dependencies"].iter().filter_map(|key| project.get(key));
        let lists = project
            .get("dependencies")
            .into_iter()
            .chain(tables.flat_map(|table| table.entries().iter().map(|entry| &entry.node)));
        let mut chosen: Vec<(&str, Vec<usize>)> = Vec::new();
        let mut places: HashMap<&str, (usize, HashSet<usize>)> = HashMap::new();
        for edge in lists.flat_map(Node::items) {
            let Some(name) = edge.get("name").and_then(Node::text) else { continue };
            let version = edge.get("version").and_then(Node::text);
            let all = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
            let (place, known) = places.entry(name).or_insert_with(|| {
                chosen.push((name, Vec::new()));
                (chosen.len() - 1, HashSet::new())
            });
            let is_meant = |index: &&usize| version.is_none_or(|version| self.packages[**index].text() == version);
            let new = all.iter().filter(is_meant).filter(|index| known.insert(**index));
            chosen[*place].1.extend(new);
        }
        chosen
    }
}

/// Why a package is none of PyPI's.
fn obstacle(package: &Node) -> Option<&'static str> {
    let source = package.get("source")?;
    if let Some(registry) = source.get("registry").and_then(Node::text) {
        return (!is_pypi(registry)).then_some(OTHER_INDEX);
    }
    let has = |key: &str| source.get(key).is_some();
    Some(match () {
        () if has("git") => FROM_GIT,
        () if has("url") => FROM_ADDRESS,
        () => OURS,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::files::Memory;
    use super::*;

    #[test]
    fn what_holds_everywhere_is_about_the_only_version() {
        let lock_text = "[[package]]\nname = 'a'\nversion = '2.0'\nsource = { registry = 'https://pypi.org/simple' }\n[[package]]\n\
            name = 'own'\nversion = '0.1'\nsource = { editable = '.' }\ndependencies = [{ name = 'a' }]\n";
        let manifest = "[project]\nname = 'own'\ndependencies = ['a>=1', \"a<2; python_version < '3.8'\"]\n\
            [dependency-groups]\ndev = ['a<1.9']\n";
        let files = Memory::of(&[("uv.lock", lock_text), ("pyproject.toml", manifest)]);
        let file = files.read("uv.lock".as_ref()).unwrap().unwrap();
        let required: Vec<_> =
            lock(&file, &files).unwrap().into_iter().filter_map(|one| Some(one.requirement?.text)).collect();
        assert_eq!(required, [">=1", "<1.9"]);
    }

    #[test]
    fn overrides_stand_for_what_is_required_and_constraints_narrow_it() {
        let package = |name: &str, version: &str| {
            format!(
                "[[package]]\nname = '{name}'\nversion = '{version}'\nsource = {{ registry = 'https://pypi.org/simple' }}\n"
            )
        };
        let lock_text = format!(
            "{}{}{}[[package]]\nname = 'own'\nversion = '0.1'\nsource = {{ editable = '.' }}\n\
             dependencies = [{{ name = 'a' }}, {{ name = 'b-b' }}, {{ name = 'c' }}]\n",
            package("a", "1.5.0"),
            package("b-b", "1.0"),
            package("c", "3.0")
        );
        let manifest = "[project]\nname = 'own'\ndependencies = ['a<1.5', 'B.b>=1', 'c<3']\n[tool.uv]\n\
            override-dependencies = ['a==1.5.0', 'other==1']\nconstraint-dependencies = ['b_b<2', 'c<4', 'c<2', 'more<1']\n";
        let files = Memory::of(&[("uv.lock", lock_text.as_str()), ("pyproject.toml", manifest)]);
        let file = files.read("uv.lock".as_ref()).unwrap().unwrap();
        let told: Vec<String> = lock(&file, &files)
            .unwrap()
            .into_iter()
            .filter_map(|one| Some(format!("{} {} {}", one.name, one.version?.text, one.requirement?.text)))
            .collect();
        // what is refused is no less required for a constraint that accepts it
        assert_eq!(told, ["a 1.5.0 ==1.5.0", "B.b 1.0 >=1", "b-b 1.0 <2", "c 3.0 <3", "c 3.0 <4"]);
    }
}
