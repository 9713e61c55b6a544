//! GitHub Actions: the `uses` of workflows and of composite actions.
//! <https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax>
//!
//! An action is a git repository, and its pin a tag. Who pins a commit writes the tag behind it as a comment, which other
//! tools keep true as well; then the comment is the pin. What runs in a container is an image, which no registry of
//! upmon lists.

use std::sync::Arc;

use super::Dependency;
use super::files::Files;
use super::image::Reference;
use super::text::{Document, Shape, without_secrets};
use crate::document::{Entry, FileError, Node, Source};
use crate::pin::{Place, Written};
use crate::registry::RegistryId;

/// Reads a workflow, or the `action.yml` of an action.
pub(super) fn read(file: &Arc<Source>, _files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let document = Document::yaml(Arc::clone(file))?.shaped(&[(&["jobs"], Shape::Table), (&["runs"], Shape::Table)])?;
    let jobs = document.root.get("jobs").map(Node::entries).unwrap_or_default();
    let own = document.root.get("runs").into_iter();
    let mut found = Vec::new();
    for part in jobs.iter().map(|job| &job.node).chain(own) {
        found.extend(part.get("uses").and_then(|uses| used(&document, uses)));
        found.extend(images(part).filter_map(|image| no_image(&document, image)));
        found.extend(own_image(&document, part));
        let steps = part.get("steps").map(Node::items).unwrap_or_default();
        found.extend(steps.iter().filter_map(|step| used(&document, step.get("uses")?)));
    }
    Ok(found)
}

/// The images of a job: its container and its services.
fn images(job: &Node) -> impl Iterator<Item = &Node> {
    let services = job.get("services").map(Node::entries).unwrap_or_default();
    let container = job.get("container").into_iter();
    container.chain(services.iter().map(|Entry { node, .. }| node)).map(|node| node.get("image").unwrap_or(node))
}

fn no_image(document: &Document, image: &Node) -> Option<Dependency> {
    let text = image.text().filter(|text| !text.is_empty())?;
    Some(image_at(document, image, text.strip_prefix(IMAGE).unwrap_or(text)))
}

/// The image of an action: without the [word before it](https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax#runsimage)
/// it is a Dockerfile of the repository.
fn own_image(document: &Document, job: &Node) -> Option<Dependency> {
    let image = job.get("image")?;
    Some(image_at(document, image, image.text()?.strip_prefix(IMAGE)?))
}

const IMAGE: &str = "docker://";

/// An image, with its tag where it has one; `text` is the end of the node's.
fn image_at(document: &Document, node: &Node, text: &str) -> Dependency {
    if text.contains("${{") {
        return Dependency::open(text, document.place(node), "an image whose name is computed");
    }
    let reference = Reference::of(text);
    let tag = reference.tag.clone().map(|tag| document.part(node, &text[tag]));
    let place = tag.as_ref().map_or_else(|| document.place(node), |tag| tag.place.clone());
    reference.dependency(&place, tag)
}

fn used(document: &Document, uses: &Node) -> Option<Dependency> {
    let text = uses.text()?;
    let open = |name: &str, why: &str| Some(Dependency::open(name, document.place(uses), why));
    if text.starts_with("./") || text.starts_with("../") {
        return open(text, "an action of this repository");
    }
    if let Some(image) = text.strip_prefix(IMAGE) {
        return Some(image_at(document, uses, image));
    }
    if text.contains("://") {
        return open(&without_secrets(text), "an address: upmon knows actions of GitHub");
    }
    let Some((path, reference)) = text.rsplit_once('@') else {
        return open(text, "names no tag");
    };
    let is_computed = reference.contains("${{") || !path.chars().all(is_plain);
    let Some((owner, rest)) = path.split_once('/').filter(|_| !is_computed) else {
        return open(text, "is computed, or names no repository");
    };
    let repository = rest.split('/').next().unwrap_or(rest);
    let is_branch = reference.starts_with("refs/heads/");
    let reference = reference.strip_prefix("refs/tags/").unwrap_or(reference);
    let url = Some(format!("https://github.com/{owner}/{repository}"));
    let version = if is_commit(reference) { noted(document, uses) } else { Some(document.part(uses, reference)) };
    let of_repository =
        |dependency: Dependency| Dependency { url: url.clone(), ..dependency }.of(&format!("{owner}/{repository}"));
    let why = match &version {
        None => "pinned to a commit without its tag: write the tag behind it, such as `# v4.2.0`",
        Some(version) if is_branch || !version.text.contains(|character: char| character.is_ascii_digit()) => {
            "follows a branch, which is no release"
        }
        Some(version) => {
            // https://docs.github.com/actions/how-tos/create-and-publish-actions/using-immutable-releases-and-tags-to-manage-your-actions-releases
            let moves = version.text.matches('.').count() < 2 && version.text == reference;
            let pinned = Dependency::pinned(RegistryId::Git, path, version.clone());
            return Some(of_repository(Dependency { moves, ..pinned }));
        }
    };
    open(path, why).map(of_repository)
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '/')
}

fn is_commit(reference: &str) -> bool {
    matches!(reference.len(), 40 | 64) && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The tag in the comment behind a value: its first word that looks like one, as `# v4.2.0`, `# tag=v4.2.0`, `# pin@v4` or
/// `# ratchet:owner/name@v4`.
fn noted(document: &Document, node: &Node) -> Option<Written> {
    const BETWEEN: [char; 5] = [' ', '\t', '=', ',', '@'];
    let text = document.source.text();
    let line = text[node.span.end..].lines().next()?;
    let (before, comment) = line.split_once('#')?;
    if !before.trim_matches([' ', '\t', '"', '\'', '}', ']']).is_empty() {
        return None;
    }
    let mut start = node.span.end + before.len() + 1;
    let placed = comment.split_inclusive(BETWEEN).map(|word| {
        start += word.len();
        (start - word.len(), word.trim_end_matches(BETWEEN))
    });
    let is_tag = |word: &str| word.trim_start_matches(['v', 'V']).starts_with(|first: char| first.is_ascii_digit());
    let (start, word) = placed.filter(|(_, word)| !word.is_empty()).take(3).find(|(_, word)| is_tag(word))?;
    Some(Written { text: word.to_owned(), place: Place::of(&document.source, &(start..start + word.len())) })
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    const SHA: &str = "8e8c483db84b4bee98b60c0593521ed34d9990e8";

    fn told(text: &str) -> Vec<String> {
        let files = Memory::of(&[("w.yml", text)]);
        let file = files.read("w.yml".as_ref()).unwrap().unwrap();
        let told = |one: Dependency| {
            let version = one.version.map_or("-".to_owned(), |version| {
                assert_eq!(&file.text()[version.place.span.clone()], version.text);
                version.text
            });
            format!("{} {version} {} {}", one.name, one.url.unwrap_or_default(), one.obstacle.unwrap_or_default())
                .trim_end()
                .to_owned()
        };
        read(&file, &files).unwrap_or_else(|error| panic!("{}", error.render(false))).into_iter().map(told).collect()
    }

    #[test]
    fn actions_are_pinned_by_tag_or_by_a_commit_with_its_tag() {
        let steps: String = [
            "actions/checkout@v4".to_owned(),
            format!("actions/checkout@{SHA} # v5.0.1"),
            format!("\"a/b/sub@{SHA}\"   # tag=1.2.3 (why)"),
            format!("a/b@{SHA} # pin@v1.2.4"),
            format!("a/b@{SHA} # ratchet:a/b-v1@v1"),
            format!("c/d@{SHA}"),
            format!("c/d@{SHA} # for the win"),
            "dtolnay/rust-toolchain@stable".to_owned(),
            "./.github/actions/x".to_owned(),
            "docker://alpine:3".to_owned(),
            "e/f".to_owned(),
            "${{ matrix.x }}@v1".to_owned(),
            "f/g@${{ env.V1 }}".to_owned(),
            "g/h@refs/tags/v4.1.0".to_owned(),
            "g/h@refs/heads/v4".to_owned(),
            "https://me:token@git.example/a/b@v1".to_owned(),
        ]
        .map(|uses| {
            format!("      - uses: {uses}\n      - run: uses: x@v1\n").replace("run: uses: x@v1", "run: 'uses: x@v1'")
        })
        .concat();
        let text = format!(
            "on: push\njobs:\n  a:\n    container: node:20\n    services: {{ db: {{ image: 'postgres:16' }} }}\n    steps:\n{steps}  \
             b:\n    uses: g/h/.github/workflows/i.yml@v2.1\n"
        );
        let image = "an image, and upmon cannot ask image registries yet";
        let untold = "pinned to a commit without its tag: write the tag behind it, such as `# v4.2.0`";
        assert_eq!(
            told(&text),
            [
                format!("node 20  {image}"),
                format!("postgres 16  {image}"),
                "actions/checkout v4 https://github.com/actions/checkout".to_owned(),
                "actions/checkout v5.0.1 https://github.com/actions/checkout".to_owned(),
                "a/b/sub 1.2.3 https://github.com/a/b".to_owned(),
                "a/b v1.2.4 https://github.com/a/b".to_owned(),
                "a/b v1 https://github.com/a/b".to_owned(),
                format!("c/d - https://github.com/c/d {untold}"),
                format!("c/d - https://github.com/c/d {untold}"),
                "dtolnay/rust-toolchain - https://github.com/dtolnay/rust-toolchain follows a branch, which is no release".to_owned(),
                "./.github/actions/x -  an action of this repository".to_owned(),
                format!("alpine 3  {image}"),
                "e/f -  names no tag".to_owned(),
                "${{ matrix.x }}@v1 -  is computed, or names no repository".to_owned(),
                "f/g@${{ env.V1 }} -  is computed, or names no repository".to_owned(),
                "g/h v4.1.0 https://github.com/g/h".to_owned(),
                "g/h - https://github.com/g/h follows a branch, which is no release".to_owned(),
                "https://git.example/a/b@v1 -  an address: upmon knows actions of GitHub".to_owned(),
                "g/h/.github/workflows/i.yml v2.1 https://github.com/g/h".to_owned(),
            ]
        );
    }

    #[test]
    fn an_action_of_its_own_uses_others() {
        assert_eq!(
            told("runs:\n  using: composite\n  steps:\n    - uses: a/b@v1\n"),
            ["a/b v1 https://github.com/a/b"]
        );
        for image in ["Dockerfile", "sub/Dockerfile", "Dockerfile.slim"] {
            assert_eq!(told(&format!("runs: {{ using: docker, image: {image} }}\n")), [""; 0]);
        }
        assert_eq!(
            told("runs: { using: docker, image: 'docker://debian:12.5-slim' }\n"),
            ["debian 12.5-slim  an image, and upmon cannot ask image registries yet"]
        );
    }
}
