//! Dockerfiles: the images of `FROM`, `COPY --from`, `RUN --mount=from` and of the `syntax` directive.
//! <https://docs.docker.com/reference/dockerfile/>
//!
//! Which tag a variable stands for is known where the file itself gives it a default. Then the default is what is pinned,
//! and its place is where a newer tag would be written.

mod expand;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use parse_dockerfile::{Flag, Instruction, parse_iter};

use self::expand::{Arguments, Spelled};
use super::Dependency;
use super::files::Files;
use super::image::Reference;
use super::text::wrong;
use crate::document::{FileError, Source};
use crate::pin::{Place, Written};

/// Reads a Dockerfile.
pub(super) fn read(file: &Arc<Source>, _files: &dyn Files) -> Result<Vec<Dependency>, FileError> {
    let mut reader = Reader::new(file);
    let instructions = parse_iter(file.text()).map_err(|error| not_one(file, &error))?;
    for instruction in instructions {
        reader.take(&instruction.map_err(|error| not_one(file, &error))?);
    }
    Ok(reader.found)
}

fn not_one(file: &Arc<Source>, error: &parse_dockerfile::Error) -> FileError {
    let text = file.text();
    let start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let at = text.floor_char_boundary((start + error.column().saturating_sub(1)).min(text.len()));
    // the words of the parser may repeat a whole line
    let told: String = format!("{error:#}").chars().take(200).collect();
    wrong(file, at..at, format!("not a Dockerfile: {told}"))
}

/// What has been read so far.
struct Reader<'a> {
    file: &'a Arc<Source>,
    found: Vec<Dependency>,
    /// The variables that `FROM` sees: those before the first stage.
    arguments: Arguments,
    has_stage: bool,
    /// The stages, in lower case: they are [found in either](https://docs.docker.com/reference/dockerfile/#from).
    stages: HashSet<String>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a Arc<Source>) -> Self {
        let directives = directives(file.text());
        let of = |name: &str| directives.iter().find(|(key, _)| key == name).map(|(_, span)| span.clone());
        let escape = of("escape").and_then(|span| file.text()[span].chars().next());
        let arguments = Arguments::new(escape.unwrap_or('\\'));
        let mut reader = Self { file, found: Vec::new(), arguments, has_stage: false, stages: HashSet::new() };
        if let Some(span) = of("syntax") {
            reader.image(&Spelled::literal(&file.text()[span.clone()], span.start), &span);
        }
        reader
    }

    fn take(&mut self, instruction: &Instruction<'_>) {
        let text = self.file.text();
        match instruction {
            Instruction::Arg(arg) if !self.has_stage => {
                let span = arg.arguments.span.clone();
                self.arguments.declare(&text[span.clone()], span.start);
            }
            Instruction::From(from) => {
                self.has_stage = true;
                self.from(&from.image.span);
                self.stages.extend(from.as_.as_ref().map(|(_, name)| name.value.to_lowercase()));
            }
            Instruction::Copy(copy) => self.named(&copy.options, "from", |value| Some((0, value))),
            Instruction::Run(run) => self.named(&run.options, "mount", mounted),
            Instruction::Onbuild(onbuild) => self.take(&onbuild.instruction),
            _ => {}
        }
    }

    fn from(&mut self, span: &Range<usize>) {
        let raw = &self.file.text()[span.clone()];
        match self.arguments.expand(raw, span.start) {
            Ok(image) => self.image(&image, span),
            Err(reason) => {
                let place = Place::of(self.file, span);
                self.found.push(Dependency::open(raw, place, reason));
            }
        }
    }

    /// An option that names a stage, the number of one, or an image. Variables are
    /// [not read there](https://docs.docker.com/reference/dockerfile/#copy---from).
    fn named(&mut self, options: &[Flag<'_>], option: &str, image: fn(&str) -> Option<(usize, &str)>) {
        let file = self.file;
        for value in options.iter().filter(|flag| flag.name.value == option).filter_map(|flag| flag.value.as_ref()) {
            let Some((at, name)) = image(&file.text()[value.span.clone()]) else { continue };
            let span = value.span.start + at..value.span.start + at + name.len();
            if !name.bytes().all(|byte| byte.is_ascii_digit()) {
                self.image(&Spelled::literal(name, span.start), &span);
            }
        }
    }

    fn image(&mut self, image: &Spelled, span: &Range<usize>) {
        let text = image.text();
        if text.is_empty() || text == "scratch" || self.stages.contains(&text.to_lowercase()) {
            return;
        }
        let reference = Reference::of(text);
        let tag = reference.tag.clone().and_then(|tag| {
            let place = Place::of(self.file, &image.place(&tag)?);
            Some(Written { text: text[tag].to_owned(), place })
        });
        let place = tag.as_ref().map_or_else(|| Place::of(self.file, span), |tag| tag.place.clone());
        self.found.push(reference.dependency(&place, tag));
    }
}

/// The image of `--mount=type=bind,from=image,source=...`, and where in the text it starts.
fn mounted(text: &str) -> Option<(usize, &str)> {
    let mut at = 0;
    for part in text.split(',') {
        if let Some(image) = part.strip_prefix("from=") {
            return Some((at + "from=".len(), image));
        }
        at += part.len() + 1;
    }
    None
}

/// The [directives](https://docs.docker.com/reference/dockerfile/#parser-directives) before the first line that is none.
fn directives(text: &str) -> Vec<(String, Range<usize>)> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let Some((key, value)) = line.strip_prefix('#').and_then(|comment| comment.split_once('=')) else { break };
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            break;
        }
        let from = start + line.len() - value.trim_start().len();
        found.push((key.to_ascii_lowercase(), from..from + value.trim().len()));
        start += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let files = Memory::of(&[("Dockerfile", text)]);
        let file = files.read("Dockerfile".as_ref()).unwrap().unwrap();
        let told = |one: Dependency| {
            let version = one.version.map_or("-".to_owned(), |version| {
                assert_eq!(&file.text()[version.place.span.clone()], version.text);
                format!("{}@{}", version.text, version.place.line)
            });
            let reason = one.obstacle.unwrap_or_default();
            let reason = reason.strip_prefix("an image").unwrap_or(&reason).trim_start_matches(", and ").trim();
            format!("{} {version} {reason}", one.name)
        };
        match read(&file, &files) {
            Ok(found) => found.into_iter().map(told).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    const LISTED: &str = "upmon cannot ask image registries yet";

    #[test]
    fn images_are_found_wherever_a_dockerfile_names_them() {
        let text = "# syntax=docker/dockerfile:1.7\n# escape=`\n\nARG V=3.20 W=\"22.1\"\nARG BASE=node:${W}\nARG NONE\n\
            from --platform=$BUILDPLATFORM alpine:$V As Build\nFROM build AS next\nFROM ${BASE}-slim\nFROM $BASE\n\
            FROM host:5000/a/b:${TAG:-1.2}@sha256:ab `\n  AS `\n # a comment\n  last\nFROM golang:${NONE}\nFROM scratch\n\
            FROM debian:bookworm\nFROM x@sha256:ab\nFROM x\nARG V=9.9\nFROM alpine:${V}\n\
            COPY --from=0 /a /b\nCOPY --chown=x --from=Next /a /b\nCOPY --from=ghcr.io/astral-sh/uv:0.5.1 /uv /bin/\n\
            RUN --mount=type=bind,from=busybox:1.36,target=/b true\n\
            RUN <<EOF\nFROM no:1\nEOF\nONBUILD COPY --from=nginx:1.27 /a /b\nCOPY <<E /x\nFROM no:2\nE\n";
        assert_eq!(
            told(text),
            [
                format!("docker/dockerfile 1.7@1 {LISTED}"),
                format!("alpine 3.20@4 {LISTED}"),
                "node - whose tag is put together, so that it stands at no one place".to_owned(),
                format!("node 22.1@4 {LISTED}"),
                format!("host:5000/a/b 1.2@11 {LISTED}"),
                "golang:${NONE} - the variable `NONE` has no default in the file".to_owned(),
                "debian bookworm@17 whose tag is no version".to_owned(),
                "x - that is held by its digest alone: write its tag before that, as in `alpine:3.20@sha256:...`"
                    .to_owned(),
                "x - without a tag".to_owned(),
                format!("alpine 3.20@4 {LISTED}"),
                format!("ghcr.io/astral-sh/uv 0.5.1@24 {LISTED}"),
                format!("busybox 1.36@25 {LISTED}"),
                format!("nginx 1.27@29 {LISTED}"),
            ]
        );
    }

    #[test]
    fn line_ends_of_windows_are_line_ends() {
        let text =
            "# syntax = docker/dockerfile:1\r\nARG V=1.2\r\nFROM a:$V AS b\r\nFROM c/d:3 \\\r\n  AS e\r\nFROM b\r\n";
        assert_eq!(
            told(text),
            [format!("docker/dockerfile 1@1 {LISTED}"), format!("a 1.2@2 {LISTED}"), format!("c/d 3@4 {LISTED}")]
        );
    }

    #[test]
    fn what_is_no_dockerfile_is_refused_with_its_line() {
        for (text, line) in [
            ("ARG A=1\n", 1),
            ("", 1),
            ("FROM a:1\n\nHELLO x\n", 3),
            ("RUN x\n", 1),
            ("FROM a:1 b\n", 1),
            ("FROM a\nRUN <<E\nx\n", 4),
        ] {
            let told = told(text);
            assert!(
                told[0].starts_with(&format!("Dockerfile:{line}:")) && told[0].contains("not a Dockerfile: "),
                "{told:?}"
            );
        }
    }
}
