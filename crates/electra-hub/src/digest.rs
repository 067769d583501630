//! The two hashes by which the Hub names content.

use std::io::{self, Read};
use std::path::Path;

use electra_files::regular;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

/// The hash that content has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Digest {
    /// SHA-256 of a large file.
    Sha256(String),
    /// git's hash of a small one: SHA-1 of a header and the content.
    Git(String),
}

impl Digest {
    /// The hash that an `ETag` is; `None` if it is none.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let tag = tag.trim().trim_start_matches("W/").trim_matches('"');
        let is_hash = tag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match tag.len() {
            64 if is_hash => Some(Self::Sha256(tag.to_owned())),
            40 if is_hash => Some(Self::Git(tag.to_owned())),
            _ => None,
        }
    }

    /// The hash in hexadecimal.
    pub(crate) fn hex(&self) -> &str {
        match self {
            Self::Sha256(hex) | Self::Git(hex) => hex,
        }
    }

    /// The name of its kind.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::Git(_) => "git hash",
        }
    }

    /// The hash of this kind that the file at `path` has, in hexadecimal.
    ///
    /// # Errors
    /// The system's answer.
    pub(crate) fn measured(&self, path: &Path) -> io::Result<String> {
        let mut file = regular::open(path)?;
        let mut context = match self {
            Self::Sha256(_) => Context::new(&SHA256),
            Self::Git(_) => {
                let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
                context.update(format!("blob {}\0", file.metadata()?.len()).as_bytes());
                context
            }
        };
        let mut block = vec![0; 1 << 16];
        loop {
            match file.read(&mut block)? {
                0 => break,
                length => context.update(&block[..length]),
            }
        }
        Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_git_and_sha256sum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "hello\n").unwrap();
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        for (tag, hash) in
            [(format!("\"{git}\""), git), (format!("W/\"{git}\""), git), (sha256.to_owned(), sha256)]
        {
            let digest = Digest::of_tag(&tag).unwrap();
            assert_eq!((digest.hex(), digest.measured(&path).unwrap().as_str()), (hash, hash));
        }
        for tag in ["", "\"abc\"", &git.to_uppercase(), &format!("{git}-gzip"), "../../etc/passwd"] {
            assert_eq!(Digest::of_tag(tag), None, "{tag}");
        }
    }
}
