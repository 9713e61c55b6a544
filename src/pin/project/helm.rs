//! Helm: `Chart.yaml` and `Chart.lock`, which name charts, and `values.yaml`, which names images.
//! <https://helm.sh/docs/topics/charts/>

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Dependency;
use super::files::Files;
use super::image::Reference;
use super::text::{Document, Shape, beside};
use crate::document::{Entry, FileError, Node, Source, Value};
use crate::pin::Written;
use crate::registry::RegistryId;
use crate::version::SchemeId;

/// Who lists the versions of charts: nobody yet, so that a chart is told with its reason. With a registry here, it is a
/// pin.
const REGISTRY: Option<RegistryId> = None;

/// Reads `Chart.lock`, and from `Chart.yaml` beside it what is required.
pub(super) fn lock(file: &Arc<Source>, files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let lock = charted(Arc::clone(file))?;
    let locked: Vec<&Node> = charts(&lock).collect();
    let manifest = files.read(&beside(file, "Chart.yaml"))?.map(charted).transpose()?;
    let Some(manifest) = manifest else { return Ok(locked.iter().filter_map(|node| chart(&lock, node)).collect()) };
    // a chart may be used twice under two aliases: the lock file keeps the order of the manifest
    let mut left: Vec<Option<&Node>> = locked.iter().copied().map(Some).collect();
    let mut places: HashMap<_, VecDeque<usize>> = HashMap::new();
    for (at, node) in locked.into_iter().enumerate() {
        places.entry(named_by(node)).or_default().push_back(at);
    }
    let mut found = Vec::new();
    for declared in charts(&manifest) {
        let Some(named) = chart(&manifest, declared) else { continue };
        let required =
            declared.get("version").filter(|node| node.text() != Some("")).and_then(|node| manifest.written(node));
        let next = places.get_mut(&named_by(declared)).and_then(VecDeque::pop_front);
        if let Some(node) = next.and_then(|at| left[at].take()) {
            found.extend(chart(&lock, node).map(|chart| {
                let chart = Dependency { name: named.name, ..chart };
                if chart.version.is_some() { chart.requiring(required) } else { chart }
            }));
        } else {
            let reason = format!("`{}` does not hold it: run `helm dependency update`", file.name().display());
            found.push(Dependency { version: None, requirement: required, obstacle: Some(reason), ..named });
        }
    }
    found.extend(left.into_iter().flatten().filter_map(|node| chart(&lock, node)));
    Ok(found)
}

/// Reads `Chart.yaml` without a lock file.
pub(super) fn manifest(file: &Arc<Source>, _files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let document = charted(Arc::clone(file))?;
    Ok(charts(&document).filter_map(|node| chart(&document, node)).collect())
}

/// Reads `values.yaml`.
pub(super) fn values(file: &Arc<Source>, _files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let says_nothing = |line: &str| matches!(line.trim(), "" | "---") || line.trim_start().starts_with('#');
    if file.text().lines().all(says_nothing) {
        return Ok(Vec::new());
    }
    let document = Document::yaml(Arc::clone(file))?;
    let mut found = Vec::new();
    images(&document, &document.root, false, &mut found);
    Ok(found)
}

/// Reads `Chart.yaml` or `Chart.lock`.
fn charted(file: Arc<Source>) -> Result<Document, FileError> {
    Document::yaml(file)?.shaped(&[(&["dependencies"], Shape::List)])
}

fn charts(document: &Document) -> impl Iterator<Item = &Node> {
    document.root.get("dependencies").map(Node::items).unwrap_or_default().iter()
}

/// What a chart is told by, beside its alias.
fn named_by(node: &Node) -> [&str; 2] {
    ["name", "repository"].map(|key| part(node, key))
}

fn part<'a>(node: &'a Node, key: &str) -> &'a str {
    node.get(key).and_then(Node::text).unwrap_or_default().trim_end_matches('/')
}

/// A chart under its alias; at a version, where that is exact.
fn chart(document: &Document, node: &Node) -> Option<Dependency> {
    let name = node.get("alias").or_else(|| node.get("name")).and_then(Node::text)?;
    let repository = part(node, "repository");
    let upstream = format!("{repository}/{}", part(node, "name"));
    let version = node.get("version").filter(|node| node.text() != Some(""));
    let (place, written) = (document.place(version.unwrap_or(node)), version.and_then(|node| document.written(node)));
    let open = |reason: &str| Dependency::open(name, place.clone(), reason);
    let (exact, range): (Option<Written>, Option<Written>) = match written {
        Some(written) if is_exact(&written.text) => (Some(written), None),
        other => (None, other),
    };
    let dependency = match (repository.split_once("://"), exact) {
        (Some(("file", _)), _) => open("a chart of this repository"),
        (None, _) if repository.is_empty() => open("a chart of this repository"),
        (None, _) => open("comes from a repository that only the Helm of a machine knows under this name"),
        (_, None) => open("the file requires a range and pins no version: name the `Chart.lock`"),
        (_, Some(version)) => match REGISTRY {
            Some(registry) => Dependency::pinned(registry, name, version),
            None => {
                Dependency { version: Some(version), ..open("a chart, and upmon cannot ask chart repositories yet") }
            }
        },
    };
    Some(dependency.of(upstream.trim_start_matches('/')).requiring(range))
}

/// Whether a requirement is one version: [Helm](https://github.com/Masterminds/semver#basic-comparisons) takes a whole
/// version for itself, also behind `=` or `v`.
fn is_exact(text: &str) -> bool {
    SchemeId::Semver.parse(text.strip_prefix('v').unwrap_or(text)).is_ok()
}

/// The images below a node, by the habits of charts: a table with `repository` and `tag`, or a text or a table under a key
/// that ends in `image`. What a table repeats through an alias stands where it was written.
fn images(document: &Document, node: &Node, is_image: bool, found: &mut Vec<Dependency>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| images(document, item, false, found)),
        Value::Table(entries) => {
            if let Some(image) = table(document, node, is_image) {
                return found.push(image);
            }
            for entry in entries {
                let is_image = entry.key.to_lowercase().ends_with("image");
                match &entry.node.value {
                    Value::Text(text) if is_image => found.extend(text_image(document, node, entry, text)),
                    _ => images(document, &entry.node, is_image, found),
                }
            }
        }
        _ => {}
    }
}

/// `{ registry, repository, tag, digest }`; without a tag only where the key says that it is an image.
fn table(document: &Document, node: &Node, is_image: bool) -> Option<Dependency> {
    let repository = node.get("repository").and_then(Node::text).filter(|text| !text.is_empty())?;
    let tag = node.get("tag");
    if tag.is_none() && !is_image {
        return None;
    }
    let tag = tag.and_then(|tag| Some((tag, tag.text()?)));
    let name = match part(node, "registry") {
        registry if is_nothing(registry) => repository.to_owned(),
        registry => format!("{registry}/{repository}"),
    };
    let has_digest = !is_nothing(part(node, "digest"));
    Some(tagged(document, node, &name, tag.filter(|(_, text)| !is_nothing(text)), has_digest))
}

/// Whether a value is left out: empty, or YAML's null.
fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "~" | "null")
}

/// `image: "repository:tag"`, or the tag beside it: of `initImage` as `initImageTag`, `imageTag` or `tag`.
fn text_image(document: &Document, table: &Node, entry: &Entry, text: &str) -> Option<Dependency> {
    let node = &entry.node;
    if text.contains("{{") {
        return Some(Dependency::open(text, document.place(node), "is computed by a template"));
    }
    if text.is_empty() || text.contains(char::is_whitespace) {
        return None;
    }
    let reference = Reference::of(text);
    let own = format!("{}Tag", entry.key);
    let tag = [own.as_str(), "imageTag", "tag"].into_iter().find_map(|key| table.get(key));
    let tag = tag.filter(|tag| !tag.text().is_some_and(is_nothing));
    match (&reference.tag, tag) {
        (None, Some(tag)) => {
            let text = tag.text()?;
            Some(tagged(document, node, reference.name, Some((tag, text)), reference.has_digest))
        }
        (None, None) => Some(reference.dependency(&document.place(node), None)),
        (Some(range), _) => {
            let tag = document.part(node, &text[range.clone()]);
            Some(reference.dependency(&tag.place.clone(), Some(tag)))
        }
    }
}

/// An image whose tag has a place of its own.
fn tagged(document: &Document, node: &Node, name: &str, tag: Option<(&Node, &str)>, has_digest: bool) -> Dependency {
    let reference = Reference { name, tag: None, has_digest };
    // a tag may hold its digest, too
    let tag = tag.map(|(node, text)| document.part(node, text.split('@').next().unwrap_or(text)));
    let place = tag.as_ref().map_or_else(|| document.place(node), |tag| tag.place.clone());
    let is_open = tag.is_none() && !has_digest;
    let dependency = reference.dependency(&place, tag);
    if is_open {
        let reason = "an image without a tag here: most charts take their `appVersion` then".to_owned();
        return Dependency { obstacle: Some(reason), ..dependency };
    }
    dependency
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    fn told(read: super::super::Reader, name: &'static str, files: &[(&'static str, &str)]) -> Vec<String> {
        let files = Memory::of(files);
        let file = files.read(name.as_ref()).unwrap().unwrap();
        let told = |one: Dependency| {
            let version = one.version.map_or("-".to_owned(), |version| {
                let raw = &file.text()[version.place.span.clone()];
                assert_eq!(raw.trim_matches('"'), version.text);
                format!("{}@{}", version.text, version.place.line)
            });
            let required = one.requirement.map_or("-".to_owned(), |required| required.text);
            format!("{} ({}) {version} {required} {}", one.name, one.upstream, one.obstacle.unwrap_or_default())
        };
        read(&file, &files).unwrap_or_else(|error| panic!("{}", error.render(false))).into_iter().map(told).collect()
    }

    const CHART: &str = "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- name: redis\n  version: 18.x.x\n  \
        repository: https://charts.example.org/\n- name: pg\n  alias: db\n  version: \"12.1.9\"\n  \
        repository: oci://registry.example.org/charts\n- name: common\n  repository: file://../common\n  version: 1.0.0\n\
        - name: odd\n  repository: \"@stable\"\n  version: 1.0.0\n- name: late\n  repository: https://x\n  version: ^1\n";

    const WAITS: &str = "a chart, and upmon cannot ask chart repositories yet";

    #[test]
    fn charts_are_told_with_what_is_required_and_locked() {
        let elsewhere = "comes from a repository that only the Helm of a machine knows under this name";
        assert_eq!(
            told(manifest, "Chart.yaml", &[("Chart.yaml", CHART)]),
            [
                "redis (https://charts.example.org/redis) - 18.x.x the file requires a range and pins no version: name the `Chart.lock`",
                &format!("db (oci://registry.example.org/charts/pg) 12.1.9@10 - {WAITS}"),
                "common (file://../common/common) - - a chart of this repository",
                &format!("odd (@stable/odd) - - {elsewhere}"),
                "late (https://x/late) - ^1 the file requires a range and pins no version: name the `Chart.lock`",
            ]
        );
        let lock_text = "dependencies:\n- name: redis\n  repository: https://charts.example.org\n  version: 18.4.0\n\
            - name: pg\n  repository: oci://registry.example.org/charts\n  version: 12.1.9\n- name: common\n  \
            repository: file://../common\n  version: 1.0.0\n- name: gone\n  repository: https://x\n  version: 3.0.0\n\
            digest: sha256:ab\ngenerated: \"2026-01-01T00:00:00Z\"\n";
        assert_eq!(
            told(lock, "c/Chart.lock", &[("c/Chart.yaml", CHART), ("c/Chart.lock", lock_text)]),
            [
                &format!("redis (https://charts.example.org/redis) 18.4.0@4 18.x.x {WAITS}"),
                &format!("db (oci://registry.example.org/charts/pg) 12.1.9@7 12.1.9 {WAITS}"),
                "common (file://../common/common) - - a chart of this repository",
                "odd (@stable/odd) - 1.0.0 `c/Chart.lock` does not hold it: run `helm dependency update`",
                "late (https://x/late) - ^1 `c/Chart.lock` does not hold it: run `helm dependency update`",
                &format!("gone (https://x/gone) 3.0.0@13 - {WAITS}"),
            ]
        );
    }

    #[test]
    fn a_chart_may_have_no_values() {
        assert_eq!(told(values, "values.yaml", &[("values.yaml", "# none\n---\n\n  # yet\n")]), [""; 0]);
    }

    #[test]
    fn images_are_found_by_the_habits_of_charts() {
        let text = "image:\n  registry: quay.io\n  repository: a/b\n  tag: \"1.10\"\n  pullPolicy: Always\nx:\n  - sidecarImage: c:2.0@sha256:ab\n    \
            z: 1\n  - image: d\n    imageTag: 3.1\n  - { image: e, pull: x }\ny: { image: { repository: f, tag: \"\" } }\n\
            w: &w { repository: g, tag: 4.0, digest: \"\" }\nv: *w\nu: { image: \"\", template: \"{{ .x }}\", tag: 9 }\n\
            t: { image: \"{{ .x }}:1\", proxyImage: \"h:5\" }\ns: { repository: i, tag: 6.0@sha256:ab }\n\
            r: { initImage: j, initImageTag: 7.0, tag: 8 }\nq: { image: { repository: k, digest: null } }\n\
            p: { registry: ~, repository: l, tag: ~ }\no: { image: { repository: m, digest: \"sha256:ab\" } }\n\
            n: { repository: https://charts.example }\nm: [{ repository: n, tag: 9.0 }]\nl: { image: o, tag: null }\n";
        let waits = "an image, and upmon cannot ask image registries yet";
        let untagged = "an image without a tag here: most charts take their `appVersion` then";
        assert_eq!(
            told(values, "values.yaml", &[("values.yaml", text)]),
            [
                &format!("quay.io/a/b (quay.io/a/b) 1.10@4 - {waits}"),
                &format!("c (docker.io/library/c) 2.0@7 - {waits}"),
                &format!("d (docker.io/library/d) 3.1@10 - {waits}"),
                "e (docker.io/library/e) - - an image without a tag",
                &format!("f (docker.io/library/f) - - {untagged}"),
                &format!("g (docker.io/library/g) 4.0@13 - {waits}"),
                &format!("g (docker.io/library/g) 4.0@13 - {waits}"),
                "{{ .x }}:1 ({{ .x }}:1) - - is computed by a template",
                &format!("h (docker.io/library/h) 5@16 - {waits}"),
                &format!("i (docker.io/library/i) 6.0@17 - {waits}"),
                &format!("j (docker.io/library/j) 7.0@18 - {waits}"),
                &format!("k (docker.io/library/k) - - {untagged}"),
                &format!("l (docker.io/library/l) - - {untagged}"),
                "m (docker.io/library/m) - - an image that is held by its digest alone: write its tag before that, as in `alpine:3.20@sha256:...`",
                &format!("n (docker.io/library/n) 9.0@23 - {waits}"),
                "o (docker.io/library/o) - - an image without a tag",
            ]
        );
    }
}
