//! Servers that answer in one way.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use url::Url;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::fixtures::Page;

/// A server on this machine; it ends with the value.
pub(super) enum Server {
    Mock(MockServer),
    Raw(String, JoinHandle<()>),
    /// The port is held, so that no other test's server gets it.
    Gone {
        uri: String,
        _held: TcpSocket,
    },
}

impl Server {
    pub(super) fn base(&self) -> Url {
        let uri = match self {
            Self::Mock(server) => &server.uri(),
            Self::Raw(uri, _) | Self::Gone { uri, .. } => uri,
        };
        Url::parse(uri).expect("a server's address is a URL")
    }

    /// An address where nobody listens.
    pub(super) fn gone() -> Self {
        let socket = TcpSocket::new_v4().expect("this machine has sockets");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("this machine has a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        Self::Gone { uri: format!("http://{address}"), _held: socket }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Self::Raw(_, task) = self {
            task.abort();
        }
    }
}

/// Has these pages, and 404 for everything else.
pub(super) async fn serving(pages: Vec<Page>) -> Server {
    let server = MockServer::start().await;
    for page in pages {
        let response = ResponseTemplate::new(200).set_body_raw(page.body, page.media_type);
        Mock::given(method(page.method)).and(path(page.path)).respond_with(response).mount(&server).await;
    }
    Server::Mock(server)
}

/// Answers every request in this way.
pub(super) async fn answering(response: ResponseTemplate) -> Server {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(response).mount(&server).await;
    Server::Mock(server)
}

/// Promises these pages whole, and closes the connection after half of each.
pub(super) async fn breaking_off(pages: Vec<Page>) -> Server {
    let (listener, uri) = listen().await;
    let pages = Arc::new(pages);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let pages = Arc::clone(&pages);
            tokio::spawn(async move { half(stream, &pages).await });
        }
    });
    Server::Raw(uri, task)
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("this machine has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    (listener, format!("http://{address}"))
}

async fn half(mut stream: TcpStream, pages: &[Page]) -> std::io::Result<()> {
    let asked = request(&mut stream).await?;
    let answer = match pages.iter().find(|page| asked.starts_with(&format!("{} {}", page.method, page.path))) {
        Some(Page { media_type, body, .. }) => {
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n", body.len());
            [head.as_bytes(), &body[..body.len() / 2]].concat()
        }
        None => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
    };
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

/// The head of a request.
async fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
