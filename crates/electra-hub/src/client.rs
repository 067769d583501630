//! The protocol of the Hub.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use ureq::{Agent, AgentBuilder, Response};

use crate::digest::Digest;
use crate::error::HubError;
use crate::name::{ModelName, is_commit};
use crate::settings::{Settings, Token};

/// How often a request is passed on at most.
const MAX_REDIRECTS: usize = 10;
/// Bytes of an answer that is no file at most.
const MAX_ANSWER: u64 = 16 << 20;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(15);
/// How long the server may say nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// Servers of this machine, to which no proxy leads.
const LOOPBACKS: [&str; 3] = ["http://127.0.0.1", "http://localhost", "http://[::1]"];

/// Whoever asks the server.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    endpoint: String,
    token: Option<Token>,
}

/// A commit and the names of its files.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) commit: String,
    pub(crate) files: BTreeSet<String>,
}

/// What the server says of a file before it is fetched.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
}

/// An answer to a request for the rest of a file.
pub(crate) struct Rest {
    /// The byte with which it begins.
    pub(crate) start: u64,
    pub(crate) body: Box<dyn Read + Send + Sync>,
}

/// An answer, and the address that gave it.
struct Answer {
    response: Response,
    url: String,
}

impl Answer {
    fn status(&self) -> u16 {
        self.response.status()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.response.header(name)
    }

    fn protocol(&self, what: impl Into<String>) -> HubError {
        HubError::Protocol { url: self.url.clone(), what: what.into() }
    }
}

impl Client {
    pub(crate) fn new(settings: &Settings) -> Result<Self, HubError> {
        let is_here = LOOPBACKS.iter().any(|host| settings.endpoint.starts_with(host));
        let mut agent = AgentBuilder::new()
            // Followed here, as the token must not follow.
            .redirects(0)
            .timeout_connect(CONNECT)
            .timeout_read(SILENCE)
            .timeout_write(SILENCE)
            .try_proxy_from_env(!is_here)
            .user_agent(concat!("electra/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &settings.certificates {
            agent = agent.tls_config(Arc::new(tls_with(path)?));
        }
        let (endpoint, token) = (settings.endpoint.clone(), settings.token.clone());
        Ok(Self { agent: agent.build(), endpoint, token })
    }

    /// The commit of a revision and its files.
    pub(crate) fn list(&self, name: &ModelName, revision: &str) -> Result<Listing, HubError> {
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
        }
        #[derive(Deserialize)]
        struct Info {
            sha: String,
            siblings: Vec<Sibling>,
        }
        let revision = revision.replace('/', "%2F");
        let url = format!("{}/api/models/{}/revision/{revision}", self.endpoint, name.repository);
        let answer = self.ask(&url, false, None)?;
        self.check(&answer, name)?;
        let Answer { response, url } = answer;
        let mut text = Vec::new();
        let read = response.into_reader().take(MAX_ANSWER).read_to_end(&mut text);
        read.map_err(|error| unreachable(&url, error.to_string()))?;
        let protocol = |what: String| HubError::Protocol { url: url.clone(), what };
        let info: Info = serde_json::from_slice(&text).map_err(|error| protocol(error.to_string()))?;
        match is_commit(&info.sha) {
            true => {
                let files = info.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
                Ok(Listing { commit: info.sha, files })
            }
            false => Err(protocol(format!("{:?} is no commit", info.sha))),
        }
    }

    /// Hash and length of a file.
    pub(crate) fn content(&self, name: &ModelName, commit: &str, file: &str) -> Result<Content, HubError> {
        let answer = self.ask(&self.address(name, commit, file), true, None)?;
        self.check(&answer, name)?;
        if let Some(found) = answer.header("x-repo-commit").filter(|found| *found != commit) {
            return Err(answer.protocol(format!("commit {found}, asked for {commit}")));
        }
        let tag = answer.header("x-linked-etag").or_else(|| answer.header("etag"));
        let digest = tag.and_then(Digest::of_tag).ok_or_else(|| {
            answer.protocol(format!("ETag {:?}, expected SHA-256 or a hash of git", tag.unwrap_or_default()))
        })?;
        let of_content = || answer.header("content-length").filter(|_| answer.status() < 300);
        let bytes =
            answer.header("x-linked-size").or_else(of_content).and_then(|bytes| bytes.trim().parse().ok());
        let bytes = bytes.ok_or_else(|| answer.protocol(format!("no length of {file}")))?;
        Ok(Content { digest, bytes })
    }

    /// The content of a file from byte `start` on, or from its beginning if the server does not do parts.
    pub(crate) fn rest(
        &self,
        name: &ModelName,
        commit: &str,
        file: &str,
        start: u64,
    ) -> Result<Rest, HubError> {
        let answer = self.ask(&self.address(name, commit, file), false, (start > 0).then_some(start))?;
        self.check(&answer, name)?;
        let start = match answer.status() {
            206 => {
                let range = answer.header("content-range").unwrap_or_default();
                let begins =
                    range.strip_prefix("bytes ").and_then(|range| range.split('-').next()?.parse().ok());
                begins
                    .filter(|begins| *begins == start)
                    .ok_or_else(|| answer.protocol(format!("part {range:?}")))?
            }
            _ => 0,
        };
        Ok(Rest { start, body: answer.response.into_reader() })
    }

    fn address(&self, name: &ModelName, commit: &str, file: &str) -> String {
        format!("{}/{}/resolve/{commit}/{file}", self.endpoint, name.repository)
    }

    /// Asks the server, and whoever it passes the request on to. Of a question (`HEAD`) only passing on within the
    /// server is followed: what stands elsewhere is content, of which the server itself says hash and length.
    fn ask(&self, url: &str, is_question: bool, start: Option<u64>) -> Result<Answer, HubError> {
        let mut url = url.to_owned();
        for _ in 0..MAX_REDIRECTS {
            let mut headers = vec![("accept-encoding", "identity".to_owned())];
            if let Some(start) = start {
                headers.push(("range", format!("bytes={start}-")));
            }
            // The token is for the server that the user has named, and for no other.
            if let Some(token) = self.token.as_ref().filter(|_| origin(&url) == origin(&self.endpoint)) {
                headers.push(("authorization", token.header()));
            }
            let request = if is_question { self.agent.head(&url) } else { self.agent.get(&url) };
            let request = headers.iter().fold(request, |request, (name, value)| request.set(name, value));
            let response = match request.call() {
                Ok(response) | Err(ureq::Error::Status(_, response)) => response,
                Err(ureq::Error::Transport(error)) => return Err(unreachable(&url, error.to_string())),
            };
            let answer = Answer { response, url };
            if !(300..400).contains(&answer.status()) {
                return Ok(answer);
            }
            let Some(place) = answer.header("location") else {
                return Err(answer.protocol("it passes on to nowhere"));
            };
            let is_within = place.starts_with('/') && !place.starts_with("//");
            let stays = is_within || origin(place) == origin(&answer.url);
            if is_question && (!stays || answer.header("x-linked-etag").is_some()) {
                return Ok(answer);
            }
            url = match place {
                place if is_within => format!("{}{place}", origin(&answer.url).unwrap_or_default()),
                place if origin(place).is_some() => place.to_owned(),
                place => return Err(answer.protocol(format!("it passes on to {place:?}"))),
            };
        }
        Err(HubError::Protocol { url, what: format!("it passes on more than {MAX_REDIRECTS} times") })
    }

    /// Refuses an answer that is none to the question.
    fn check(&self, answer: &Answer, name: &ModelName) -> Result<(), HubError> {
        let status = answer.status();
        if status < 400 {
            return Ok(());
        }
        let (server, repository) = (self.endpoint.clone(), name.repository.clone());
        match (status, answer.header("x-error-code").unwrap_or_default()) {
            (401 | 403, "GatedRepo") => Err(HubError::Gated { name: repository, server }),
            (404, "RevisionNotFound") => {
                Err(HubError::NoRevision { name: repository, revision: name.revision.clone(), server })
            }
            // For who may not see a model the Hub has none.
            (401 | 403 | 404, _) if origin(&answer.url) == origin(&self.endpoint) => Err(match &self.token {
                Some(token) => {
                    let origin = token.origin.clone();
                    HubError::NoModelForToken { name: repository, server, status, origin }
                }
                None => HubError::NoModelForAll { name: repository, server, status },
            }),
            _ => Err(HubError::Status { url: answer.url.clone(), status }),
        }
    }
}

fn unreachable(url: &str, what: String) -> HubError {
    HubError::Unreachable { server: origin(url).unwrap_or_else(|| url.to_owned()), what }
}

/// The settings of TLS with the certificates in a file in place of Mozilla's.
fn tls_with(path: &Path) -> Result<ClientConfig, HubError> {
    let failed = |what: String| HubError::Certificates { path: path.into(), what };
    let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        // One that is no authority, or of a kind that is not known, is passed over, as others do.
        roots.add_parsable_certificates([certificate]);
    }
    if roots.is_empty() {
        return Err(failed("it has none".into()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| failed(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Scheme, host and port of an address, if it has them.
fn origin(url: &str) -> Option<String> {
    let scheme = ["https://", "http://"].into_iter().find(|scheme| url.starts_with(scheme))?;
    let rest = &url[scheme.len()..];
    let host =
        rest.split(['/', '?', '#', '\\']).next().filter(|host| !host.is_empty() && !host.contains('@'))?;
    Some(format!("{scheme}{}", host.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (url, expected) in [
            ("https://huggingface.co/a/b", Some("https://huggingface.co")),
            ("https://HuggingFace.co", Some("https://huggingface.co")),
            ("http://127.0.0.1:8080/a?b", Some("http://127.0.0.1:8080")),
            ("https://huggingface.co.example/a", Some("https://huggingface.co.example")),
            ("https://huggingface.co@example/a", None),
            ("https://example\\@huggingface.co", Some("https://example")),
            ("ftp://huggingface.co", None),
            ("//huggingface.co/a", None),
            ("https:///a", None),
        ] {
            assert_eq!(origin(url).as_deref(), expected, "{url}");
        }
    }
}
