//! A server of our own that behaves as badly as it is told to.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Got {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What is done with it.
pub enum Do {
    /// Answered.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Answered, and the same answer sent once more.
    Twice(u16, String),
    /// Bytes that are no HTTP.
    Raw(Vec<u8>),
    /// Nothing, and the connection is kept open.
    Stall,
    /// Nothing, and the connection is closed.
    Close,
    /// The head of an answer that promises more than comes.
    Half(String),
}

/// An answer in JSON.
pub fn json(status: u16, body: &Value) -> Do {
    Do::Answer(status, vec![("Content-Type", "application/json".to_owned())], body.to_string())
}

/// A running server. It ends with the test's process.
pub struct Fake {
    pub address: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Fake {
    pub fn start(answer: impl Fn(&Got) -> Do + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&got), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &log, answer.as_ref()));
            }
        });
        Self { address, got }
    }

    /// Everything that was asked so far.
    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// How often a method was used on paths that begin so.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.got().iter().filter(|got| got.method == method && got.path.starts_with(path)).count()
    }
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<Got>>, answer: &dyn Fn(&Got) -> Do) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(got) = read(&mut reader) {
        log.lock().unwrap().push(got.clone());
        let head_only = got.method == "HEAD";
        match answer(&got) {
            Do::Answer(status, headers, body) => stream.write_all(&text(status, &headers, &body, head_only)).unwrap_or_default(),
            Do::Twice(status, body) => {
                let once = text(status, &[], &body, false);
                stream.write_all(&[once.clone(), once].concat()).unwrap_or_default();
            }
            Do::Raw(bytes) => return stream.write_all(&bytes).unwrap_or_default(),
            Do::Stall => std::thread::sleep(std::time::Duration::from_secs(60)),
            Do::Close => return,
            Do::Half(body) => {
                return stream
                    .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len() + 100).as_bytes())
                    .unwrap_or_default();
            }
        }
    }
}

fn text(status: u16, headers: &[(&str, String)], body: &str, head_only: bool) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} X\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if status != 204 {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text += "\r\n";
    if !head_only && status != 204 {
        text += body;
    }
    text.into_bytes()
}

fn read(reader: &mut impl BufRead) -> Option<Got> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Got { method, path, headers, body })
}
