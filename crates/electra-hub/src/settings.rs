//! Where the cache is, which server is asked and with which token: the environment of `huggingface_hub`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use electra_files::regular;

use crate::error::HubError;

/// The server of a user who names none.
const ENDPOINT: &str = "https://huggingface.co";
/// Bytes of a file with a token at most.
const MAX_TOKEN_FILE: u64 = 10_000;

/// A secret that is sent to the server alone, and shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    #[cfg_attr(not(feature = "download"), allow(dead_code, reason = "nothing is sent"))]
    secret: String,
    /// The variable or the file that it is from.
    pub origin: String,
}

impl Token {
    /// What is sent.
    #[cfg(feature = "download")]
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.secret)
    }

    fn new(secret: &str, origin: String) -> Result<Option<Self>, HubError> {
        let secret = secret.trim();
        match secret.is_empty() {
            true => Ok(None),
            false if secret.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(Self { secret: secret.to_owned(), origin }))
            }
            false => Err(HubError::TokenCharacters { origin }),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Token(from {})", self.origin)
    }
}

/// What the environment says of the Hub.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of the cache.
    pub cache: PathBuf,
    /// The address of the server, without a slash behind it.
    pub endpoint: String,
    /// The token, if there is one.
    pub token: Option<Token>,
    /// Whether no server may be asked, and the variable that says so.
    pub offline: Option<&'static str>,
    /// A file of certificates that are trusted in place of Mozilla's.
    pub certificates: Option<PathBuf>,
    /// The pause after a connection was lost; each further one is twice as long.
    pub pause: Duration,
}

impl Settings {
    /// Reads the variables that `huggingface_hub` reads: `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`,
    /// `HF_TOKEN_PATH`, `HF_HUB_DISABLE_IMPLICIT_TOKEN`, `HF_HUB_OFFLINE`, and `REQUESTS_CA_BUNDLE` or
    /// `SSL_CERT_FILE`; `variable` gives their values.
    ///
    /// # Errors
    /// No place for the cache, an address that is none, a file with a token that cannot be read.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, HubError> {
        let set = |key: &str| variable(key).filter(|value| !value.trim().is_empty());
        let is_true = |key: &str| set(key).is_some_and(|value| is_true(&value));
        let user = set("HOME").map(PathBuf::from);
        let expanded = |path: String| match (path.strip_prefix("~/"), &user) {
            (Some(rest), Some(user)) => user.join(rest),
            _ => PathBuf::from(path),
        };
        let of_caches =
            || set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(user.as_ref()?.join(".cache")));
        let home = set("HF_HOME").map(expanded).or_else(|| Some(of_caches()?.join("huggingface")));
        let cache = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"].into_iter().find_map(set).map(expanded);
        let cache = cache.or_else(|| Some(home.as_ref()?.join("hub"))).ok_or(HubError::NoHome)?;
        let endpoint =
            set("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned()).trim_end_matches('/').to_owned();
        let has_scheme = endpoint.starts_with("https://") || endpoint.starts_with("http://");
        // A user's name or an argument in it has no meaning here, and would be part of every address.
        if !has_scheme || endpoint.contains(['@', '?', '#', ' ']) || !endpoint.is_ascii() {
            return Err(HubError::Endpoint { found: endpoint });
        }
        let offline = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].into_iter().find(|key| is_true(key));
        let mut token = None;
        for key in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
            if token.is_none() {
                token = Token::new(&set(key).unwrap_or_default(), key.to_owned())?;
            }
        }
        let file = set("HF_TOKEN_PATH").map(expanded).or_else(|| Some(home?.join("token")));
        if let Some(file) = file.filter(|_| token.is_none() && !is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
            token = match regular::read_at_most(&file, MAX_TOKEN_FILE) {
                Ok(bytes) => Token::new(&String::from_utf8_lossy(&bytes), file.display().to_string())?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(source) => return Err(HubError::Read { path: file, source }),
            };
        }
        let certificates =
            ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"].into_iter().find_map(set);
        let certificates = certificates.map(PathBuf::from);
        Ok(Self { cache, endpoint, token, offline, certificates, pause: Duration::from_millis(500) })
    }
}

fn is_true(value: &str) -> bool {
    ["1", "ON", "YES", "TRUE"].contains(&value.trim().to_ascii_uppercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings, HubError> {
        let find =
            |key: &str| variables.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
        Settings::from_environment(find)
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        for (variables, cache) in [
            (&[("HOME", "/home/ada")][..], "/home/ada/.cache/huggingface/hub"),
            (&[("HOME", "/home/ada"), ("XDG_CACHE_HOME", "/caches")], "/caches/huggingface/hub"),
            (&[("HOME", "/home/ada"), ("HF_HOME", "~/models")], "/home/ada/models/hub"),
            (&[("HF_HOME", "/models"), ("HF_HUB_CACHE", "/hub")], "/hub"),
            (&[("HF_HOME", "/models"), ("HF_HUB_CACHE", "")], "/models/hub"),
            (&[("HUGGINGFACE_HUB_CACHE", "/older")], "/older"),
        ] {
            assert_eq!(settings(variables).unwrap().cache, PathBuf::from(cache), "{variables:?}");
        }
        assert!(settings(&[]).unwrap_err().to_string().contains("no place for the cache"));
    }

    #[test]
    fn the_environment_says_server_and_whether_it_is_asked() {
        let found = settings(&[("HOME", "/nowhere")]).unwrap();
        assert_eq!((found.endpoint.as_str(), found.offline, found.token), (ENDPOINT, None, None));
        for (value, offline) in [("1", true), ("yes", true), ("ON", true), ("0", false), ("no", false)] {
            let found = settings(&[("HOME", "/nowhere"), ("HF_HUB_OFFLINE", value)]).unwrap();
            assert_eq!(found.offline, offline.then_some("HF_HUB_OFFLINE"), "{value}");
        }
        let mirror = settings(&[("HOME", "/nowhere"), ("HF_ENDPOINT", "http://127.0.0.1:80/hub/")]).unwrap();
        assert_eq!(mirror.endpoint, "http://127.0.0.1:80/hub");
        for endpoint in
            ["mirror.example", "ftp://mirror.example", "https://ada@mirror.example", "https://a?b"]
        {
            let error = settings(&[("HOME", "/nowhere"), ("HF_ENDPOINT", endpoint)]).unwrap_err();
            assert!(error.to_string().contains(endpoint), "{error}");
        }
    }

    #[test]
    fn a_token_is_that_of_the_variable_or_of_the_file_that_login_wrote_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        let home = folder.path().to_str().unwrap();
        let token = |more: &[(&'static str, &'static str)]| {
            settings(&[&[("HF_HOME", home)], more].concat()).map(|found| found.token)
        };
        let of_file = token(&[]).unwrap().unwrap();
        assert_eq!(
            (of_file.secret.as_str(), of_file.origin.as_str()),
            ("hf_file", &*format!("{home}/token"))
        );
        let of_variable = token(&[("HF_TOKEN", " hf_variable ")]).unwrap().unwrap();
        assert_eq!((of_variable.secret.as_str(), of_variable.origin.as_str()), ("hf_variable", "HF_TOKEN"));
        assert!(!format!("{of_variable:?}").contains("hf_variable"));
        assert_eq!(token(&[("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]).unwrap(), None);
        assert_eq!(token(&[("HF_TOKEN_PATH", "/nowhere/token")]).unwrap(), None);
        let error = token(&[("HF_TOKEN", "hf\r\nX-Other: 1")]).unwrap_err().to_string();
        assert!(error.contains("HF_TOKEN") && !error.contains("X-Other"), "{error}");
    }
}
