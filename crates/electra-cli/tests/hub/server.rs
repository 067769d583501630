//! A server at 127.0.0.1 that speaks the protocol of the Hub, and misbehaves where it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

/// The commit of every model of the server.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Where the content of large files lies, on the second server.
const STORAGE: &str = "/storage/";

/// A model of the server.
#[derive(Clone, Debug, Default)]
pub struct Model {
    files: BTreeMap<String, Vec<u8>>,
    /// Files whose content lies on the second server.
    large: BTreeSet<String>,
    /// The token without which there is no such model.
    token: Option<String>,
    is_gated: bool,
}

impl Model {
    pub fn with(mut self, file: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(file.to_owned(), content.into());
        self
    }

    pub fn with_large(mut self, file: &str, content: impl Into<Vec<u8>>) -> Self {
        self.large.insert(file.to_owned());
        self.with(file, content)
    }

    pub fn private(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub fn gated(mut self) -> Self {
        self.is_gated = true;
        self
    }
}

/// How the servers misbehave.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// A connection that gives content is cut after so many bytes, so many times.
    pub cut_after: usize,
    pub cuts: usize,
    /// Whole files are given, whatever part is asked for.
    pub without_ranges: bool,
    /// So many requests are answered with 503.
    pub busy: usize,
    /// The first byte of every content is another.
    pub spoils: bool,
    /// A model that has another name now.
    pub moved: Option<(String, String)>,
    /// Every request is passed on to where it came from.
    pub circles: bool,
    /// Content is named by something that is no hash.
    pub odd_tags: bool,
    /// The body of the listing is no JSON.
    pub odd_listing: bool,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whether it came to the second server.
    pub is_elsewhere: bool,
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct State {
    models: BTreeMap<String, Model>,
    faults: Faults,
    requests: Vec<Request>,
    /// Address of the second server.
    elsewhere: String,
}

/// A server of models, and a second one, at another port, with the content of large files.
#[derive(Debug)]
pub struct Server {
    pub address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub fn new() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let elsewhere = listen(&state, true);
        state.lock().unwrap().elsewhere = elsewhere;
        Self { address: listen(&state, false), state }
    }

    pub fn add(&self, name: &str, model: Model) {
        self.state.lock().unwrap().models.insert(name.to_owned(), model);
    }

    pub fn misbehave(&self, faults: Faults) {
        self.state.lock().unwrap().faults = faults;
    }

    /// The requests that came since the last time.
    pub fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }
}

fn listen(state: &Arc<Mutex<State>>, is_elsewhere: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let state = state.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let state = state.clone();
            thread::spawn(move || serve(&stream, &state, is_elsewhere));
        }
    });
    address
}

/// Answers the requests of a connection until one asks for its end or it is cut.
fn serve(stream: &TcpStream, state: &Mutex<State>, is_elsewhere: bool) -> Option<()> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    loop {
        let first = lines.next()?;
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next()?, words.next()?);
        let mut headers = BTreeMap::new();
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ")?;
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let request = Request { is_elsewhere, method, path, headers };
        let answer = {
            let mut state = state.lock().unwrap();
            state.requests.push(request.clone());
            let mut answer = state.answer(&request);
            if request.method == "HEAD" {
                answer.body.clear();
            } else if answer.is_content && state.faults.cuts > 0 {
                state.faults.cuts -= 1;
                answer.cut_after = Some(state.faults.cut_after);
            }
            answer
        };
        let mut out = stream;
        out.write_all(answer.head().as_bytes()).ok()?;
        let length = answer.cut_after.unwrap_or(usize::MAX).min(answer.body.len());
        out.write_all(&answer.body[..length]).ok()?;
        if answer.cut_after.is_some() {
            return stream.shutdown(std::net::Shutdown::Both).ok();
        }
    }
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    length: usize,
    is_content: bool,
    cut_after: Option<usize>,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { status, headers: Vec::new(), length: body.len(), body, is_content: false, cut_after: None }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn head(&self) -> String {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("HTTP/1.1 {} Answer\r\nContent-Length: {}\r\n{headers}\r\n", self.status, self.length)
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Answer {
        if self.faults.busy > 0 {
            self.faults.busy -= 1;
            return Answer::new(503, "busy");
        }
        if self.faults.circles {
            return Answer::new(302, "").with("Location", request.path.clone());
        }
        if let Some((old, new)) = &self.faults.moved
            && request.path.contains(&format!("/{old}/"))
        {
            return Answer::new(307, "").with("Location", request.path.replace(old, new));
        }
        if request.is_elsewhere {
            let content = request.path.strip_prefix(STORAGE).and_then(|hash| self.large(hash));
            return content.map_or(Answer::new(404, ""), |content| self.content(request, content));
        }
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match parts[..] {
            ["api", "models", owner, name, "revision", revision] => {
                self.listing(request, owner, name, revision)
            }
            [owner, name, "resolve", revision, file] => self.file(request, (owner, name), revision, file),
            _ => Answer::new(404, ""),
        }
    }

    /// A model as far as whoever asks may see it.
    fn model(&self, request: &Request, owner: &str, name: &str) -> Result<&Model, Answer> {
        let authorization = request.headers.get("authorization");
        let unseen = || Answer::new(if authorization.is_some() { 404 } else { 401 }, "no such model");
        let model = self.models.get(&format!("{owner}/{name}")).ok_or_else(unseen)?;
        let is_allowed =
            model.token.as_ref().is_none_or(|token| authorization == Some(&format!("Bearer {token}")));
        match (is_allowed, model.is_gated) {
            (false, _) => Err(unseen()),
            (true, true) => Err(Answer::new(403, "").with("X-Error-Code", "GatedRepo")),
            (true, false) => Ok(model),
        }
    }

    fn listing(&self, request: &Request, owner: &str, name: &str, revision: &str) -> Answer {
        let model = match self.model(request, owner, name) {
            Ok(model) => model,
            Err(answer) => return answer,
        };
        if !["main", "v1", "refs%2Fpr%2F1", COMMIT].contains(&revision) {
            return Answer::new(404, "").with("X-Error-Code", "RevisionNotFound");
        }
        if self.faults.odd_listing {
            return Answer::new(200, "<html>Welcome</html>");
        }
        let files: Vec<String> =
            model.files.keys().map(|file| format!("{{\"rfilename\": {file:?}}}")).collect();
        Answer::new(200, format!("{{\"sha\": \"{COMMIT}\", \"siblings\": [{}]}}", files.join(", ")))
    }

    fn file(&self, request: &Request, (owner, name): (&str, &str), revision: &str, file: &str) -> Answer {
        let model = match self.model(request, owner, name) {
            Ok(model) => model,
            Err(answer) => return answer,
        };
        let Some(content) = model.files.get(file).filter(|_| revision == COMMIT || revision == "main") else {
            return Answer::new(404, "").with("X-Error-Code", "EntryNotFound").with("X-Repo-Commit", COMMIT);
        };
        let hash = if model.large.contains(file) { sha256(content) } else { git_hash(content) };
        let tag = if self.faults.odd_tags { "\"nginx-1f\"".to_owned() } else { format!("\"{hash}\"") };
        if model.large.contains(file) {
            return Answer::new(302, "")
                .with("X-Repo-Commit", COMMIT)
                .with("X-Linked-Etag", tag)
                .with("X-Linked-Size", content.len().to_string())
                .with("Location", format!("{}{STORAGE}{hash}", self.elsewhere));
        }
        self.content(request, content.clone()).with("X-Repo-Commit", COMMIT).with("ETag", tag)
    }

    fn large(&self, hash: &str) -> Option<Vec<u8>> {
        let files = self.models.values().flat_map(|model| model.files.values());
        files.into_iter().find(|content| sha256(content) == hash).cloned()
    }

    /// Content, or the part of it that is asked for.
    fn content(&self, request: &Request, mut content: Vec<u8>) -> Answer {
        if self.faults.spoils
            && let Some(first) = content.first_mut()
        {
            *first ^= 1;
        }
        let range = request.headers.get("range").filter(|_| !self.faults.without_ranges);
        let start: Option<usize> =
            range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let mut answer = match start {
            Some(start) if start < content.len() => {
                let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
                Answer::new(206, &content[start..]).with("Content-Range", range)
            }
            Some(_) => Answer::new(416, ""),
            None => Answer::new(200, content),
        };
        answer.is_content = true;
        answer
    }
}

pub fn sha256(content: &[u8]) -> String {
    hex(digest(&SHA256, content).as_ref())
}

pub fn git_hash(content: &[u8]) -> String {
    let object = [format!("blob {}\0", content.len()).as_bytes(), content].concat();
    hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, &object).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
