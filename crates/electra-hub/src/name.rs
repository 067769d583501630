//! Names of models: `owner/name@revision`.

use std::fmt;

/// Characters of a name at most, the owner's with them.
const MAX_NAME: usize = 96;
/// Characters of a revision at most.
const MAX_REVISION: usize = 250;
/// The revision of a name that says none.
const MAIN: &str = "main";
/// What a name may begin with, so that it is not taken for a folder.
const SCHEMES: [&str; 3] = ["hf://", "https://huggingface.co/", "https://hf.co/"];

/// The name of a model on the Hub, and which of its revisions is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// `owner/name`, or the name of a model that has no owner.
    pub repository: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// Whether it begins with a scheme, and so cannot be a folder.
    pub is_explicit: bool,
}

impl ModelName {
    /// Reads `owner/name`, `owner/name@revision`, and the same behind `hf://` or the address of a page. `None` if it
    /// cannot be a name: a path of several folders, or characters that no name has.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let scheme = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = scheme.unwrap_or(text);
        let (repository, revision) = rest.split_once('@').unwrap_or((rest, MAIN));
        let repository = if scheme.is_some() { repository.trim_end_matches('/') } else { repository };
        // The page of a revision.
        let (repository, revision) = match repository.split_once("/tree/") {
            Some((repository, of_page)) if scheme.is_some() && revision == MAIN => (repository, of_page),
            _ => (repository, revision),
        };
        let parts: Vec<&str> = repository.split('/').collect();
        let is_name = matches!(parts[..], [_, _]) || (scheme.is_some() && parts.len() == 1);
        let is_whole = is_name && repository.len() <= MAX_NAME && parts.iter().all(|part| is_part(part));
        (is_whole && is_revision(revision)).then(|| Self {
            repository: repository.to_owned(),
            revision: revision.to_owned(),
            is_explicit: scheme.is_some(),
        })
    }

    /// The first part of the name, which is a folder's if the whole is a path.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.repository.split_once('/').map(|(owner, _)| owner)
    }

    /// Whether the revision is a commit, which no one moves.
    #[must_use]
    pub fn is_of_commit(&self) -> bool {
        is_commit(&self.revision)
    }

    /// The folder of the model in a cache.
    #[must_use]
    pub fn cache_folder(&self) -> String {
        format!("models--{}", self.repository.replace('/', "--"))
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision.as_str() {
            MAIN => write!(out, "{}", self.repository),
            revision => write!(out, "{}@{revision}", self.repository),
        }
    }
}

/// Whether it can be an owner or a name: as `huggingface_hub` has it.
fn is_part(part: &str) -> bool {
    let is_character = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let at_end = |c: char| "-.".contains(c);
    !part.is_empty()
        && part.chars().all(is_character)
        && !part.starts_with(at_end)
        && !part.ends_with(at_end)
        && !part.contains("--")
        && !part.contains("..")
        && !part.ends_with(".git")
}

/// Whether it can be a branch, a tag or a commit, and a path below a folder.
fn is_revision(revision: &str) -> bool {
    let is_character = |c: char| c.is_ascii_alphanumeric() || "-_./+".contains(c);
    let is_plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains("..");
    revision.len() <= MAX_REVISION && revision.chars().all(is_character) && revision.split('/').all(is_plain)
}

/// Whether it is a whole commit.
pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_revision_and_scheme() {
        let commit = "fa8239aadc095e9164941d05878b98afe9b953c3";
        let with = format!("google/electra-small-discriminator@{commit}");
        for (text, repository, revision) in [
            ("google/electra-small-discriminator", "google/electra-small-discriminator", "main"),
            (with.as_str(), "google/electra-small-discriminator", commit),
            ("a/b@refs/pr/1", "a/b", "refs/pr/1"),
            ("hf://a/b@v1.0", "a/b", "v1.0"),
            ("hf://bert-base-uncased", "bert-base-uncased", "main"),
            ("https://huggingface.co/a/b/", "a/b", "main"),
            ("https://huggingface.co/a/b/tree/v2", "a/b", "v2"),
        ] {
            let name = ModelName::parse(text).unwrap();
            assert_eq!((name.repository.as_str(), name.revision.as_str()), (repository, revision), "{text}");
        }
        let name = ModelName::parse("KoELECTRA/small_v3.x").unwrap();
        assert_eq!(
            (name.cache_folder().as_str(), name.owner()),
            ("models--KoELECTRA--small_v3.x", Some("KoELECTRA"))
        );
        assert_eq!((name.to_string().as_str(), name.is_explicit), ("KoELECTRA/small_v3.x", false));
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in [
            "",
            "runs",
            "runs/tiny/average",
            "./runs",
            "../tiny",
            "/runs",
            "/a/b",
            "a/",
            "a/b/",
            "a b/c",
            "a/b@",
            "a/b@x y",
            "a/b@../x",
            "a/b@/x",
            "a/b@.x",
            "a--b/c",
            "a..b/c",
            "-a/b",
            "a/b.",
            "a/b.git",
            "~/a",
            "é/b",
            "hf://",
            "hf://a/b/c",
            "http://127.0.0.1/a/b",
            "a/b@x..y",
        ] {
            assert_eq!(ModelName::parse(text), None, "{text}");
        }
        assert_eq!(ModelName::parse(&format!("a/{}", "b".repeat(95))), None);
    }
}
