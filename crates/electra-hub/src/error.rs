//! Errors of finding a model.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A model that cannot be found or fetched.
#[derive(Debug, Error, miette::Diagnostic)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum HubError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    #[diagnostic(help(
        "the cache of models is where HF_HUB_CACHE or HF_HOME says: name a folder that can be written to"
    ))]
    Write { path: PathBuf, source: io::Error },
    /// The environment names no home.
    #[error("there is no place for the cache of models: neither HF_HUB_CACHE, HF_HOME nor HOME is set")]
    #[diagnostic(help("set HF_HUB_CACHE to a folder"))]
    NoHome,
    /// An address that is none.
    #[error("HF_ENDPOINT is {found:?}, expected an address such as https://huggingface.co")]
    #[diagnostic(help("correct it, or unset it for the Hub itself"))]
    Endpoint { found: String },
    /// A token with characters that no token has.
    #[error("the token of {origin} has characters that no token has")]
    #[diagnostic(help("copy it again: it is one line of letters and digits that begins with hf_"))]
    TokenCharacters { origin: String },
    /// Certificates that cannot be used.
    #[error("{path} holds no certificates that can be used: {what}")]
    #[diagnostic(help(
        "REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE names it: a file of PEM, or unset the variable"
    ))]
    Certificates { path: PathBuf, what: String },
    /// A link that leads elsewhere.
    #[error("{path} leads out of the cache, to {target}")]
    #[diagnostic(help("remove the link: the file is downloaded again"))]
    OutsideCache { path: PathBuf, target: PathBuf },
    /// A file of the cache that names no commit.
    #[error("{path} names no commit: it holds {found:?}")]
    #[diagnostic(help("remove the file: the server is asked again"))]
    Reference { path: PathBuf, found: String },
    /// Not there, and nobody may be asked.
    #[error("{name} is not in the cache {cache}, and {variable} forbids asking the server")]
    #[diagnostic(help("unset {variable}, or copy the model into the cache from a machine that has it"))]
    Offline { name: String, cache: PathBuf, variable: &'static str },
    /// Not there, and nobody can be asked.
    #[error("{name} is not in the cache {cache}, and this program was built without downloads")]
    #[diagnostic(help("build it with the feature hub, or download it in Python: hf download {name}"))]
    NoClient { name: String, cache: PathBuf },
    /// Some of it is there, and nobody may be asked for the rest.
    #[error("the cache has {name} only in part: {missing} of commit {commit} is missing")]
    #[diagnostic(help("let the server be asked for it (unset HF_HUB_OFFLINE), or give: hf download {name}"))]
    InPart { name: String, commit: String, missing: String },
    /// The server does not answer.
    #[error("{server} does not answer: {what}")]
    #[diagnostic(help(
        "try again later; of a model that is in the cache no server is asked; HTTPS_PROXY names a proxy, \
         REQUESTS_CA_BUNDLE its certificates, HF_ENDPOINT another server"
    ))]
    Unreachable { server: String, what: String },
    /// No such model, or none for whoever asks.
    #[error("{server} has no model {name}, or not for everybody: it answers {status}, and no token was sent")]
    #[diagnostic(help(
        "compare the name with the address of the model's page; for a private model set HF_TOKEN, or log in once: \
         hf auth login"
    ))]
    NoModelForAll { name: String, server: String, status: u16 },
    /// No such model for this token.
    #[error("{server} has no model {name} for the token of {origin}: it answers {status}")]
    #[diagnostic(help(
        "compare the name with the address of the model's page; a private model needs a token of whoever may read it"
    ))]
    NoModelForToken { name: String, server: String, status: u16, origin: String },
    /// A model whose conditions were not accepted.
    #[error("{server} gives {name} only to those who have accepted its conditions")]
    #[diagnostic(help("accept them on {server}/{name} and set HF_TOKEN to a token of that account"))]
    Gated { name: String, server: String },
    /// No such branch, tag or commit.
    #[error("{name} has no revision {revision:?} on {server}")]
    #[diagnostic(help("give a branch, a tag or a commit of its page, or none for `main`"))]
    NoRevision { name: String, revision: String, server: String },
    /// Another answer than one of the protocol.
    #[error("{url} answers {status}")]
    #[diagnostic(help("try again later; HF_ENDPOINT names another server"))]
    Status { url: String, status: u16 },
    /// An answer that is not of the protocol.
    #[error("{url} answers otherwise than the Hub does: {what}")]
    #[diagnostic(help("if HF_ENDPOINT names a mirror, it has to pass on what the Hub answers"))]
    Protocol { url: String, what: String },
    /// A file that came to an end too early, again and again.
    #[error("the download of {file} ended early: {there} of {bytes} bytes are there ({why})")]
    #[diagnostic(help("give the command again: it goes on where this one ended"))]
    Cut { file: String, there: u64, bytes: u64, why: String },
    /// Another file than the server named.
    #[error("{file} is not what the server named: its {kind} is {found}, expected {expected}")]
    #[diagnostic(help("it was removed: give the command again"))]
    Hash { file: String, kind: &'static str, found: String, expected: String },
    /// Nothing that can be read.
    #[error("{name} at commit {commit} has no {missing}; it has {files}")]
    #[diagnostic(help(
        "give the name of an ELECTRA that transformers saved; weights of TensorFlow or Flax have to be converted first"
    ))]
    NoModel { name: String, commit: String, missing: String, files: String },
    /// An index that does not name shards.
    #[error("{path} does not say which shard each tensor is in: {what}")]
    #[diagnostic(help("remove the file: it is downloaded again"))]
    Index { path: PathBuf, what: String },
    /// Another process that downloads the same, or a folder that cannot be locked.
    #[error("{0}")]
    Lock(
        #[from]
        #[diagnostic_source]
        electra_files::lock::LockError,
    ),
}
