//! Which documents are kept from training, decided by what they say.
//!
//! A document is held out if a hash of its text, and of a salt, falls into the lowest part of
//! its range. So the decision depends neither on the order of the documents nor on which other
//! documents there are, copies of a document stay on one side, and a part of a corpus is divided
//! as the whole is. Where files are held out instead, the documents of the others that are copies of
//! theirs are found by what a model sees of them.

use ahash::AHashSet;

use crate::corpus::{CorpusError, Document, DocumentReader};
use crate::invisible::is_zero_width;
use crate::wordpiece::Settings;

/// Identity of a document: the hash of its words, white space between them reduced to one space.
pub fn document_identity(document: &Document) -> blake3::Hash {
    let mut words = String::with_capacity(document.text().len());
    for word in document.text().split_whitespace() {
        words.push_str(word);
        words.push(' ');
    }
    blake3::hash(words.as_bytes())
}

/// Decides by hash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeldOutSplit {
    salt: u64,
    /// Documents below are held out. As wide as needed to hold "all of them".
    threshold: u128,
}

impl HeldOutSplit {
    /// Holds out a share of `fraction` (0 to 1) of all documents.
    pub fn new(fraction: f64, salt: u64) -> Self {
        assert!((0.0..=1.0).contains(&fraction), "a fraction of {fraction}");
        HeldOutSplit { salt, threshold: (fraction * 2f64.powi(64)) as u128 }
    }

    /// Whether the document of this identity is held out.
    pub fn holds_out(&self, identity: &blake3::Hash) -> bool {
        u128::from(self.place(identity)) < self.threshold
    }

    /// Raises the fraction, if need be, so that at least one of `documents` is held out: the one
    /// with the lowest hash, and its copies.
    ///
    /// Reads all documents. The result is a function of their set alone.
    pub fn with_at_least_one(
        self,
        documents: impl Iterator<Item = Result<Document, CorpusError>>,
    ) -> Result<Self, CorpusError> {
        let mut lowest = None;
        for document in documents {
            let place = self.place(&document_identity(&document?));
            lowest = Some(lowest.map_or(place, |lowest: u64| lowest.min(place)));
            if u128::from(place) < self.threshold {
                return Ok(self);
            }
        }
        let needed = lowest.map_or(0, |lowest| u128::from(lowest) + 1);
        Ok(HeldOutSplit { threshold: self.threshold.max(needed), ..self })
    }

    fn place(&self, identity: &blake3::Hash) -> u64 {
        let mut hasher = blake3::Hasher::new_derive_key("electra held-out split 1");
        hasher.update(&self.salt.to_le_bytes());
        hasher.update(identity.as_bytes());
        let mut place = [0; 8];
        hasher.finalize_xof().fill(&mut place);
        u64::from_le_bytes(place)
    }
}

/// Documents that are held out whatever their hash, and must not be trained on: those of files
/// given for that.
///
/// A document is a copy of one of them if a model sees the same words: white space, characters that
/// are not seen, and the case and accents that the tokenizer drops make no other document.
///
/// Sixteen bytes of each identity are kept, whatever the length of the document; two of a billion
/// documents share them with a probability of one in 10^21.
#[derive(Clone, Debug)]
pub struct HeldOutDocuments {
    identities: AHashSet<[u8; 16]>,
    settings: Settings,
}

impl HeldOutDocuments {
    /// Reads all of `documents`; `settings` are those of the tokenizer.
    pub fn of(documents: DocumentReader, settings: Settings) -> Result<Self, CorpusError> {
        let identity = |document: Result<Document, _>| Ok(seen_identity(&document?, settings));
        let identities = documents.map(identity).collect::<Result<_, CorpusError>>()?;
        Ok(HeldOutDocuments { identities, settings })
    }

    /// Whether a document is a copy of one of them.
    pub fn contains(&self, document: &Document) -> bool {
        !self.identities.is_empty() && self.identities.contains(&seen_identity(document, self.settings))
    }
}

/// Identity of what a model sees of a document.
fn seen_identity(document: &Document, settings: Settings) -> [u8; 16] {
    let mut words = String::with_capacity(document.text().len());
    let mut push = |word: &str| {
        if !word.is_empty() {
            words.push_str(word);
            words.push(' ');
        }
    };
    for word in document.text().split_whitespace() {
        let mut seen: String = word.chars().filter(|&c| !is_zero_width(c)).collect();
        if !seen.is_ascii() {
            settings.normalized(&seen).split_whitespace().for_each(&mut push);
            continue;
        }
        if settings.lowercase {
            seen.make_ascii_lowercase();
        }
        push(&seen);
    }
    short(&blake3::hash(words.as_bytes()))
}

fn short(identity: &blake3::Hash) -> [u8; 16] {
    *identity.as_bytes().first_chunk().expect("a hash has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::ReadOptions;

    fn identity(text: &str) -> blake3::Hash {
        blake3::hash(text.as_bytes())
    }

    #[test]
    fn about_the_given_fraction_is_held_out() {
        let split = HeldOutSplit::new(0.05, 0);
        let held_out = (0..20_000).filter(|n| split.holds_out(&identity(&n.to_string()))).count();
        assert!((900..1100).contains(&held_out), "{held_out} of 20000");
        assert!(!(0..100).any(|n| HeldOutSplit::new(0.0, 0).holds_out(&identity(&n.to_string()))));
        assert!((0..100).all(|n| HeldOutSplit::new(1.0, 0).holds_out(&identity(&n.to_string()))));
    }

    #[test]
    fn another_salt_holds_out_other_documents_and_a_larger_fraction_keeps_the_old_ones() {
        let held_out = |fraction, salt| -> Vec<u32> {
            let split = HeldOutSplit::new(fraction, salt);
            (0..1000).filter(|n| split.holds_out(&identity(&n.to_string()))).collect()
        };
        assert_ne!(held_out(0.1, 0), held_out(0.1, 1));
        let more = held_out(0.2, 0);
        assert!(held_out(0.1, 0).iter().all(|n| more.contains(n)));
    }

    #[test]
    fn a_small_corpus_has_one_held_out_document_in_whatever_order_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let texts = ["one  two", "three", "four\nfive", "six"];
        let choose = |order: [usize; 4]| -> Vec<&str> {
            let path = folder.path().join("a.txt");
            std::fs::write(&path, order.map(|n| texts[n]).join("\n\n")).unwrap();
            let read = || DocumentReader::new(vec![path.clone()], ReadOptions::default());
            let split = HeldOutSplit::new(1e-9, 0).with_at_least_one(read()).unwrap();
            let held_out = read().map(Result::unwrap).filter(|d| split.holds_out(&document_identity(d)));
            held_out
                .map(|document| texts[texts.iter().position(|&t| t == document.text()).unwrap()])
                .collect()
        };
        let chosen = choose([0, 1, 2, 3]);
        assert_eq!(chosen.len(), 1);
        assert_eq!(choose([3, 2, 1, 0]), chosen);
        assert_eq!(choose([2, 0, 3, 1]), chosen);
    }

    #[test]
    fn white_space_does_not_change_the_identity() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, "a b\nc\n\n a  b\tc\n\na bc\n").unwrap();
        let identities: Vec<_> = DocumentReader::new(vec![path], ReadOptions::default())
            .map(|document| document_identity(&document.unwrap()))
            .collect();
        assert_eq!(identities[0], identities[1]);
        assert_ne!(identities[0], identities[2]);
    }
}
