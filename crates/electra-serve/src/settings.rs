//! Settings of the service: who may ask, and how much.

use std::net::SocketAddr;
use std::time::Duration;

/// Settings of a service.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// The address to listen on; with port 0 the system chooses one.
    pub address: SocketAddr,
    /// Who is answered.
    pub access: Access,
    /// Names, beside addresses and `localhost`, by which requests may come (`Host`).
    pub hosts: Vec<String>,
    /// Origins of pages that may ask from a browser, such as `https://example.org`.
    pub origins: Vec<String>,
    /// Bounds of requests.
    pub limits: Limits,
}

/// The rule that decides who is answered.
#[derive(Clone, Debug)]
pub enum Access {
    /// Whoever reaches the address.
    Open,
    /// Whoever sends this token.
    Token(Token),
}

/// A token that requests have to carry as `Authorization: Bearer TOKEN`. Only its hash is kept.
#[derive(Clone)]
pub struct Token(blake3::Hash);

/// A text that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("a token has at least {MIN_TOKEN} characters, each a letter, a digit or one of -._~+/=")]
#[diagnostic(help("make one with `openssl rand -hex 32`"))]
pub struct WeakToken;

/// Characters of a token at least.
const MIN_TOKEN: usize = 16;

/// Bounds of requests and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Texts of a request.
    pub texts: usize,
    /// Unicode characters of a text.
    pub characters: usize,
    /// Requests that are in work or wait for it.
    pub requests: usize,
    /// Bytes of all bodies that are in memory.
    pub bytes_in_memory: usize,
    /// Bytes that all answers may have in memory, as far as they can be told from the lengths of the texts. A text
    /// whose answer alone may have more is taken when there is no other.
    pub answer_bytes: usize,
    /// Open connections; more wait until one is closed.
    pub connections: usize,
    /// Time for the head of a request, and for which a connection may wait for the next.
    pub head_time: Duration,
    /// Time for the body of a request.
    pub body_time: Duration,
    /// Time for the answer to a text, from when it is read.
    pub text_time: Duration,
    /// Time for which a reader may take nothing of its answer.
    pub stall_time: Duration,
    /// Time for requests in work when the service is told to end.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 8 << 20,
            texts: 10_000,
            characters: 8 << 20,
            requests: 256,
            bytes_in_memory: 64 << 20,
            answer_bytes: 1 << 30,
            connections: 4096,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            text_time: Duration::from_secs(120),
            stall_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(30),
        }
    }
}

impl Token {
    /// The token of this text.
    ///
    /// # Errors
    /// A text that is too short, or has characters that no token has.
    pub fn new(text: &str) -> Result<Self, WeakToken> {
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
        let is_token = text.len() >= MIN_TOKEN && text.chars().all(is_of_token);
        is_token.then(|| Self(blake3::hash(text.as_bytes()))).ok_or(WeakToken)
    }

    /// Whether this is the token: in a time that does not depend on how much of it is right.
    pub(crate) fn is(&self, text: &[u8]) -> bool {
        // The comparison of hashes takes constant time.
        self.0 == blake3::hash(text)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_of_letters() {
        let token = Token::new("0123456789abcdef").unwrap();
        assert!(token.is(b"0123456789abcdef"));
        assert!(!token.is(b"0123456789abcdeF") && !token.is(b""));
        assert_eq!(format!("{token:?}"), "Token");
        for wrong in ["", "short", "0123456789 abcdef", "0123456789abcdef\n"] {
            assert!(Token::new(wrong).is_err(), "{wrong:?}");
        }
    }
}
