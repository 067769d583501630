//! A service of the binary, and requests to it as bytes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PATIENCE, Workbench, json};

/// A service that runs until it is told to end, or until this is dropped.
pub struct Service {
    child: Child,
    /// The address that it has chosen.
    pub address: SocketAddr,
    errors: Option<JoinHandle<String>>,
}

/// An answer of a service.
#[derive(Debug)]
pub struct Answer {
    /// The status of the answer.
    pub status: u16,
    /// Headers by their names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Workbench {
    /// Starts `electra serve` with the words of `line` as further arguments, on a port of its own.
    pub fn serve(&self, line: &str) -> Service {
        self.serve_with(line, &[])
    }

    /// As [`Workbench::serve`], with variables of the environment.
    pub fn serve_with(&self, line: &str, variables: &[(&str, &str)]) -> Service {
        let mut command = self.command(&format!("serve --listen 127.0.0.1:0 {line}"));
        command.env_remove("ELECTRA_SERVE_TOKEN").envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("electra serve {line}: {error}"));
        let mut errors = child.stderr.take().expect("standard error is piped");
        let errors = std::thread::spawn(move || {
            let mut said = String::new();
            errors.read_to_string(&mut said).map(|_| said).unwrap_or_default()
        });
        let mut first = String::new();
        let stdout = child.stdout.take().expect("standard output is piped");
        BufReader::new(stdout).read_line(&mut first).expect("standard output is text");
        let Some(address) = first.trim().strip_prefix("listening on http://") else {
            panic!("electra serve {line} said {first:?} and {}", errors.join().unwrap());
        };
        Service { child, address: address.parse().expect("an address"), errors: Some(errors) }
    }
}

impl Service {
    /// A connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the service accepts connections");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The answers to these bytes, until the service closes the connection.
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        // Who has heard enough closes before all is sent.
        let _ = stream.write_all(bytes.as_ref());
        read_all(&mut stream)
    }

    /// The answer to one request.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        Answer::of(&self.send(bytes))
    }

    /// The answer to a GET.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    /// The answer to JSON.
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.request("POST", path, &[("Content-Type", "application/json")], body.as_ref())
    }

    /// The value of a measure, with its labels.
    pub fn measure(&self, name: &str) -> f64 {
        let measures = self.get("/metrics").body;
        let line = measures.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a measure is at least so much.
    pub fn wait_for(&self, name: &str, least: f64) {
        let deadline = Instant::now() + PATIENCE;
        while self.measure(name) < least {
            assert!(Instant::now() < deadline, "{name} is not {least} after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).unwrap();
        // SAFETY: the child has not been waited for, so that the number is its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0);
    }

    /// Waits until it has ended, and gives what it said on standard error.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("a child can be waited for");
        (status, self.errors.take().expect("asked for once").join().unwrap())
    }

    /// Ends it, and gives what it said on standard error.
    pub fn end(self) -> String {
        self.signal(libc::SIGTERM);
        let (status, said) = self.wait();
        assert!(status.success(), "{status}: {said}");
        said
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All that a connection gives until it is closed.
pub fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is reset has given what it gave.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8(bytes).expect("answers are text")
}

impl Answer {
    /// The answer in these bytes, and nothing behind it.
    pub fn of(text: &str) -> Self {
        let (answer, rest) = Self::first(text);
        assert_eq!(rest, "", "behind the answer");
        answer
    }

    /// The first answer in these bytes, and what stands behind it.
    pub fn first(text: &str) -> (Self, &str) {
        let (head, rest) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let headers: BTreeMap<String, String> = lines.map(header).collect();
        let status = status.parse().expect("a number");
        let (body, rest) = if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            chunked(rest)
        } else if let Some(length) = headers.get("content-length") {
            let (body, rest) = rest.split_at(length.parse().expect("a number"));
            (body.to_owned(), rest)
        } else {
            (rest.to_owned(), "")
        };
        (Self { status, headers, body }, rest)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        json(&self.body)
    }

    /// The kind of a problem, which has all its fields.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!((&problem["type"], &problem["status"]), (&"about:blank".into(), &self.status.into()));
        for field in ["title", "detail", "remedy"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field} of {problem}");
        }
        problem["kind"].as_str().expect("a kind").to_owned()
    }
}

fn chunked(mut text: &str) -> (String, &str) {
    let mut body = String::new();
    loop {
        let (size, rest) = text.split_once("\r\n").unwrap_or_else(|| panic!("a cut body: {body:?}"));
        let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
        let (chunk, rest) = rest.split_at(size);
        body += chunk;
        text = rest.strip_prefix("\r\n").expect("the end of a chunk");
        if size == 0 {
            return (body, text);
        }
    }
}
