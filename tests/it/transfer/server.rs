//! A small HTTP server on loopback that answers as a test wants it to, rightly or wrongly.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The path with its query.
    pub path: String,
    /// The first byte of its range, if it has one, and the last.
    pub range: Option<(usize, Option<usize>)>,
    /// The state that the range must be of.
    pub if_range: Option<String>,
    /// Who it says it is.
    pub authorization: Option<String>,
}

/// An answer, right or wrong.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// What `Content-Length` says, where that is not the body's length.
    pub announced: Option<usize>,
    /// The connection breaks after so many bytes of the body.
    pub cut: Option<usize>,
}

impl Answer {
    pub fn of(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn cut(self, bytes: usize) -> Self {
        Self { cut: Some(bytes), ..self }
    }

    /// A file as a good server sends it: the range that was asked for.
    pub fn file(bytes: &[u8], asked: &Asked) -> Self {
        let Some((start, end)) = asked.range else {
            return Self { body: bytes.to_vec(), ..Self::of(200) }.with("Accept-Ranges", "bytes");
        };
        if start >= bytes.len() {
            return Self::of(416);
        }
        let end = end.map_or(bytes.len(), |end| (end + 1).min(bytes.len()));
        let range = format!("bytes {start}-{}/{}", end - 1, bytes.len());
        Self { body: bytes[start..end].to_vec(), ..Self::of(206) }.with("Content-Range", &range)
    }
}

type Handler = dyn Fn(&Asked, usize) -> Answer + Send + Sync;

/// The server; its threads end with the process.
pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Starts one; `answer` also gets how many were asked before.
    pub fn start(answer: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (seen, answer): (_, Arc<Handler>) = (asked.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (seen.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &seen, &*answer));
            }
        });
        Self { address, asked }
    }

    /// All that was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The first bytes of the ranges that were asked, less those of the first look.
    pub fn starts(&self) -> Vec<usize> {
        let ranges = self.asked().into_iter().filter(|asked| asked.range != Some((0, Some(0))));
        ranges.map(|asked| asked.range.map_or(0, |(start, _)| start)).collect()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Asked>>, answer: &Handler) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':').unwrap().1.trim().to_owned())
    };
    let range = header("range").map(|range| {
        let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        (start.parse().unwrap(), end.parse().ok())
    });
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let asked = Asked { path, range, if_range: header("if-range"), authorization: header("authorization") };
    let before = {
        let mut seen = seen.lock().unwrap();
        seen.push(asked.clone());
        seen.len() - 1
    };
    let answer = answer(&asked, before);
    let length = answer.announced.unwrap_or(answer.body.len());
    let mut text =
        format!("HTTP/1.1 {} X\r\nContent-Length: {length}\r\nConnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let sent = answer.cut.map_or(answer.body.len(), |cut| cut.min(answer.body.len()));
    // The client may be gone.
    let sent = stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(&answer.body[..sent]));
    drop((sent, stream.flush()));
}
