//! The bare client that upmon is measured against: the same HTTP stack asks the same addresses with the same headers,
//! streams and decompresses the same bytes, 300 in flight, and decides nothing.
//!
//! `bare-client LIST`: lines of `address TAB Accept TAB ETag`; the last may be empty.

#![expect(clippy::print_stdout, reason = "a program of its own, whose output this is")]

use futures_util::StreamExt;

/// Requests in flight.
const IN_FLIGHT: usize = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("the first provider of the process");
    let list = std::fs::read_to_string(std::env::args().nth(1).expect("usage: bare-client LIST"))
        .expect("the list is readable");
    #[expect(clippy::disallowed_methods, reason = "this is what upmon's one client is compared with")]
    let client = reqwest::Client::builder().build().expect("a client");
    let asked = futures_util::stream::iter(list.lines()).map(|line| ask(&client, line)).buffer_unordered(IN_FLIGHT);
    let (answers, bytes) =
        asked.fold((0_u64, 0_u64), |(answers, bytes), size| async move { (answers + 1, bytes + size) }).await;
    println!("{answers} answers, {bytes} bytes");
}

async fn ask(client: &reqwest::Client, line: &str) -> u64 {
    let mut fields = line.split('\t');
    let (Some(address), Some(accept)) = (fields.next(), fields.next()) else { return 0 };
    let mut request = client.get(address).header("accept", accept);
    if let Some(tag) = fields.next().filter(|tag| !tag.is_empty()) {
        request = request.header("if-none-match", tag);
    }
    let mut response = request.send().await.expect("an answer");
    let mut size = 0;
    while let Some(chunk) = response.chunk().await.expect("a whole body") {
        size += chunk.len() as u64;
    }
    size
}
