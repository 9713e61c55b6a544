//! The two programs behind `benches/git-pace.sh`: a web server that runs `git http-backend`, and a client that asks the
//! git registry for the tags of many repositories at once, as a run of upmon does.
//!
//! ```text
//! git_pace serve FOLDER     prints the address it serves the repositories of FOLDER at, and serves until it is ended
//! git_pace ask < ADDRESSES  prints how many repositories and tags there are
//! ```

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints, and ends at the first failure")]

#[path = "../tests/it/git/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use std::io::Write;

use futures_util::future::BoxFuture;
use futures_util::stream::{StreamExt, iter};
use upmon::error::LookupError;
use upmon::http::{Decoder, Fetch, Fetched, Request};
use upmon::pin::Strategy;
use upmon::registry::git::Git;
use upmon::registry::{Query, Registry};

struct NoFetch;

impl Fetch for NoFetch {
    fn fetch<'a>(&'a self, request: Request, _: Decoder<'a>) -> BoxFuture<'a, Result<Fetched, LookupError>> {
        panic!("{request:?} did not go through git")
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", folder] => serve(folder.as_ref()),
        ["ask"] => ask().await,
        // what `cargo bench` says: this is measured by the script
        _ => println!("run benches/git-pace.sh"),
    }
}

fn serve(folder: &std::path::Path) {
    let web = support::Web::start(folder, support::Manner { keeps_no_log: true, ..support::Manner::default() });
    println!("http://{}", web.address);
    std::io::stdout().flush().unwrap();
    loop {
        std::thread::park();
    }
}

async fn ask() {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let git = Git::new(None);
    let queries: Vec<Query> = std::io::stdin().lines().map(|line| query(line.unwrap())).collect();
    let answers = iter(&queries).map(|query| git.releases(query, &NoFetch)).buffer_unordered(256);
    let tags: Vec<usize> = answers.map(|answer| answer.unwrap().facts.releases.len()).collect().await;
    println!("{} repositories, {} tags", tags.len(), tags.iter().sum::<usize>());
}

fn query(url: String) -> Query {
    let (package, tag_prefix) = (url.clone(), String::new());
    Query { package, url: Some(url), strategy: Strategy::Tags, tag_prefix, dates: false }
}
