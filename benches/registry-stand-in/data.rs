//! What the stand-in serves: packages with the shapes and sizes that the real registries send.
//!
//! Sizes follow what was seen on the public registries (number of releases at the 10th, 25th, 50th, 75th, 90th and 99th
//! percentile of packages that people pin). Everything is made from the package's number, so two runs serve the same.

use std::fmt::Write as _;
use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// One origin of the stand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sparse index.
    Crates,
    /// Simple API as JSON, and the project JSON API.
    PyPi,
    /// Compact index.
    RubyGems,
    /// Packuments, abbreviated and full.
    Npm,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Crates, Self::PyPi, Self::RubyGems, Self::Npm];

    pub(crate) const fn variable(self) -> &'static str {
        match self {
            Self::Crates => "CRATES_IO",
            Self::PyPi => "PYPI",
            Self::RubyGems => "RUBYGEMS",
            Self::Npm => "NPM",
        }
    }

    const fn group(self) -> &'static str {
        match self {
            Self::Crates => "rust",
            Self::PyPi => "python",
            Self::RubyGems => "ruby",
            Self::Npm => "node",
        }
    }

    /// By the public host's name, for a client that is led here by a hosts entry.
    pub(crate) fn of_host(host: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .zip(["crates", "pypi", "rubygems", "npmjs"])
            .find(|(_, word)| host.contains(word))
            .map(|(kind, _)| kind)
    }
}

/// One answer: compressed once, sent many times.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) media_type: &'static str,
    pub(crate) etag: String,
    pub(crate) gzip: Bytes,
}

/// Bodies of one registry, one a package, since each tells its package's name and upmon believes no other.
#[derive(Debug)]
struct Shelf {
    main: Vec<Page>,
    /// npm's full packuments and the forms that other tools ask for.
    full: Vec<Page>,
}

/// Everything that is served.
#[derive(Debug)]
pub(crate) struct Catalogue {
    packages: usize,
    shelves: Vec<Shelf>,
}

impl Catalogue {
    pub(crate) fn new(packages: usize) -> Self {
        let shelves = Kind::ALL.into_iter().map(|kind| Shelf::new(kind, packages.div_ceil(Kind::ALL.len())));
        Self { packages, shelves: shelves.collect() }
    }

    /// The page under a path, in the form that `Accept` asks for.
    pub(crate) fn find(&self, kind: Kind, path: &str, accept: &str) -> Option<&Page> {
        let Shelf { main, full } = &self.shelves[kind as usize];
        let number: usize = path
            .trim_end_matches("/json")
            .trim_end_matches(".json")
            .trim_end_matches('/')
            .rsplit("pkg")
            .next()?
            .parse()
            .ok()?;
        let is_full = match kind {
            Kind::Npm => !accept.contains("install-v1"),
            Kind::Crates | Kind::RubyGems => path.contains("/api/"),
            Kind::PyPi => path.starts_with("/pypi/"),
        };
        let pages = if is_full { full } else { main };
        pages.get(number)
    }

    /// Pins over all packages, the registries in turn, each some releases behind.
    pub(crate) fn pins(&self) -> String {
        let mut groups: Vec<String> = vec![String::new(); Kind::ALL.len()];
        for number in 0..self.packages {
            let (kind, index) = (Kind::ALL[number % 4], number / 4);
            let count = releases(index);
            let pinned = version(count.saturating_sub(1 + index % 7));
            let comma = if groups[kind as usize].is_empty() { "" } else { ",\n" };
            write!(groups[kind as usize], "{comma}    \"pkg{index:05}\": \"{pinned}\"").expect("writing to a string");
        }
        let groups: Vec<String> = Kind::ALL
            .iter()
            .zip(&groups)
            .filter(|(_, pins)| !pins.is_empty())
            .map(|(kind, pins)| format!("  \"{}\": {{\n{pins}\n  }}", kind.group()))
            .collect();
        format!("{{\n{}\n}}\n", groups.join(",\n"))
    }
}

/// How many releases a package has: the quantiles in turn, spread by the number.
fn releases(index: usize) -> usize {
    const QUANTILES: [usize; 10] = [8, 14, 22, 32, 45, 60, 85, 120, 190, 320];
    QUANTILES[index % QUANTILES.len()] + index / QUANTILES.len() % 13
}

/// The n-th version of a package: some patches to a minor, some minors to a major.
fn version(number: usize) -> String {
    format!("{}.{}.{}", number / 40, number / 8 % 5, number % 8)
}

/// When the n-th version was published: a fortnight after the one before.
fn published(number: usize) -> String {
    let day = number * 14;
    format!(
        "{}-{:02}-{:02}T{:02}:{:02}:00Z",
        2013 + day / 336,
        day % 336 / 28 + 1,
        day % 28 + 1,
        number % 24,
        number % 60
    )
}

/// A digest that looks like one, so that it compresses as badly.
fn digest(seed: usize) -> String {
    let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let mut text = String::with_capacity(64);
    while text.len() < 64 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        write!(text, "{state:016x}").expect("writing to a string");
    }
    text
}

impl Shelf {
    fn new(kind: Kind, bodies: usize) -> Self {
        let page = |body: fn(usize, usize) -> String, media_type| {
            move |index| Page::new(&body(index, releases(index)), media_type)
        };
        let all = |make: &dyn Fn(usize) -> Page| (0..bodies).map(make).collect::<Vec<Page>>();
        match kind {
            Kind::Crates => {
                Self { main: all(&page(sparse_index, "text/plain")), full: all(&page(crates_api, "application/json")) }
            }
            Kind::PyPi => Self {
                main: all(&page(simple_json, "application/vnd.pypi.simple.v1+json")),
                full: all(&page(project_json, "application/json")),
            },
            Kind::RubyGems => Self {
                main: all(&page(compact_index, "text/plain")),
                full: all(&page(gem_versions, "application/json")),
            },
            Kind::Npm => Self {
                main: all(&page(|index, count| packument(index, count, false), "application/vnd.npm.install-v1+json")),
                full: all(&page(|index, count| packument(index, count, true), "application/json")),
            },
        }
    }
}

impl Page {
    fn new(body: &str, media_type: &'static str) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(5));
        encoder.write_all(body.as_bytes()).expect("writing to memory");
        let gzip = Bytes::from(encoder.finish().expect("writing to memory"));
        Self {
            media_type,
            etag: format!("\"{}\"", &digest(body.len() * 31 + usize::from(gzip[gzip.len() / 2]))[..32]),
            gzip,
        }
    }
}

fn joined(count: usize, separator: &str, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().join(separator)
}

/// One line a version, most of it dependencies and features, as on the sparse index.
fn sparse_index(index: usize, count: usize) -> String {
    let line = |number: usize| {
        let dependency = |at: usize| {
            format!(
                r#"{{"name":"dependency-{at}","req":"^{at}.{}","features":["std"],"optional":{},"default_features":true,"target":null,"kind":"{}"}}"#,
                number % 9,
                at.is_multiple_of(3),
                if at.is_multiple_of(4) { "dev" } else { "normal" }
            )
        };
        format!(
            "{{\"name\":\"pkg{index:05}\",\"vers\":\"{}\",\"deps\":[{}],\"cksum\":\"{}\",\"features\":{{\"default\":[\"std\"],\"std\":[],\"full\":[{}]}},\"yanked\":{},\"pubtime\":\"{}\"}}\n",
            version(number),
            joined(4 + index % 12, ",", dependency),
            digest(index * 1000 + number),
            joined(6, ",", |at| format!("\"dep:dependency-{at}\"")),
            number % 41 == 40,
            published(number)
        )
    };
    joined(count, "", line)
}

/// crates.io's web API, for tools that ask that.
fn crates_api(index: usize, count: usize) -> String {
    let line = |number: usize| {
        format!(
            r#"{{"id":{number},"crate":"pkg{index:05}","num":"{}","created_at":"{}","yanked":false,"license":"MIT","checksum":"{}"}}"#,
            version(number),
            published(number),
            digest(number)
        )
    };
    let newest = version(count - 1);
    format!(
        r#"{{"crate":{{"id":"pkg{index:05}","max_version":"{newest}","max_stable_version":"{newest}"}},"versions":[{}]}}"#,
        joined(count, ",", line)
    )
}

/// Two files a version, as PEP 691 lists them.
fn simple_json(index: usize, count: usize) -> String {
    let file = |number: usize, suffix: &str| {
        format!(
            r#"{{"core-metadata":{{"sha256":"{0}"}},"data-dist-info-metadata":{{"sha256":"{0}"}},"filename":"pkg{index:05}-{1}{suffix}","hashes":{{"sha256":"{2}"}},"provenance":null,"requires-python":">=3.8","size":{3},"upload-time":"{4}.123456Z","url":"https://files.example/packages/aa/bb/{2}/pkg{index:05}-{1}{suffix}","yanked":false}}"#,
            digest(number + 7),
            version(number),
            digest(index * 999 + number),
            10_000 + number,
            published(number).trim_end_matches('Z')
        )
    };
    let files =
        joined(count, ",", |number| format!("{},{}", file(number, "-py3-none-any.whl"), file(number, ".tar.gz")));
    let versions = joined(count, ",", |number| format!("\"{}\"", version(number)));
    format!(
        r#"{{"alternate-locations":[],"files":[{files}],"meta":{{"_last-serial":1,"api-version":"1.4"}},"name":"pkg{index:05}","project-status":{{"status":"active"}},"versions":[{versions}]}}"#
    )
}

fn project_json(index: usize, count: usize) -> String {
    let line = |number: usize| {
        format!(
            r#""{}":[{{"filename":"pkg{index:05}-{0}.tar.gz","upload_time_iso_8601":"{1}","yanked":false,"digests":{{"sha256":"{2}"}}}}]"#,
            version(number),
            published(number),
            digest(number)
        )
    };
    format!(
        r#"{{"info":{{"name":"pkg{index:05}","version":"{}","project_urls":{{"Changelog":"https://pkg.example/changes"}}}},"releases":{{{}}},"urls":[]}}"#,
        version(count - 1),
        joined(count, ",", line)
    )
}

/// The second version of the compact index' lines.
fn compact_index(index: usize, count: usize) -> String {
    let line = |number: usize| {
        format!(
            "{} alpha:>= 1.0&< 3,beta:~> 2.{}|checksum:{},ruby:>= 2.7,created_at:{}\n",
            version(number),
            number % 9,
            digest(index * 77 + number),
            published(number)
        )
    };
    format!("---\n{}", joined(count, "", line))
}

fn gem_versions(_index: usize, count: usize) -> String {
    let line = |number: usize| {
        format!(
            r#"{{"number":"{}","platform":"ruby","created_at":"{}","prerelease":false,"sha":"{}"}}"#,
            version(number),
            published(number),
            digest(number)
        )
    };
    format!("[{}]", joined(count, ",", line))
}

/// A packument; the full form adds times, readme and what package.json holds.
fn packument(index: usize, count: usize, is_full: bool) -> String {
    let manifest = |number: usize| {
        let dependencies = joined(3 + index % 9, ",", |at| format!("\"dependency-{at}\":\"^{at}.{}.0\"", number % 9));
        let extra = if is_full {
            format!(
                r#","description":"A package","keywords":["a","b"],"license":"MIT","scripts":{{"build":"tsc -p .","test":"node --test"}},"author":{{"name":"A"}},"gitHead":"{}""#,
                &digest(number)[..40]
            )
        } else {
            String::new()
        };
        format!(
            r#""{0}":{{"name":"pkg{index:05}","version":"{0}","dependencies":{{{dependencies}}},"devDependencies":{{{dependencies}}},"engines":{{"node":">=18"}},"dist":{{"integrity":"sha512-{1}","shasum":"{2}","tarball":"https://files.example/pkg{index:05}/-/pkg{index:05}-{0}.tgz","fileCount":12,"unpackedSize":123456}}{extra}}}"#,
            version(number),
            digest(index * 555 + number),
            &digest(number + 3)[..40]
        )
    };
    let newest = version(count - 1);
    let tail = if is_full {
        let times = joined(count, ",", |number| {
            format!("\"{}\":\"{}\"", version(number), published(number).replace('Z', ".000Z"))
        });
        format!(
            r#","time":{{"created":"{}","modified":"{}",{times}}},"repository":{{"type":"git","url":"git+https://git.example/pkg{index:05}.git"}},"readme":"{}""#,
            published(0),
            published(count - 1),
            "A line of a readme that nobody reads here.\\n".repeat(120)
        )
    } else {
        format!(r#","modified":"{}""#, published(count - 1))
    };
    format!(
        r#"{{"name":"pkg{index:05}","dist-tags":{{"latest":"{newest}"}},"versions":{{{}}}{tail}}}"#,
        joined(count, ",", manifest)
    )
}
