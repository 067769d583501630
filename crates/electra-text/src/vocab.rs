//! The vocabulary: pieces, their ids, and which of them are special.

use std::path::{Path, PathBuf};

use ahash::AHashMap;
use serde::{Deserialize, Serialize};

/// The five special tokens of BERT, in the order in which a new vocabulary numbers them.
pub const SPECIAL_TOKENS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Marks a piece that continues a word.
pub const CONTINUATION: &str = "##";

/// Ids of the special tokens, looked up by name: they differ between vocabularies
/// (`[UNK]` is 100 in bert-uncased and 1 in a vocabulary trained here).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecialIds {
    /// `[PAD]`
    pub pad: u32,
    /// `[UNK]`
    pub unk: u32,
    /// `[CLS]`
    pub cls: u32,
    /// `[SEP]`
    pub sep: u32,
    /// `[MASK]`
    pub mask: u32,
}

impl SpecialIds {
    /// In the order of [`SPECIAL_TOKENS`].
    pub fn all(&self) -> [u32; 5] {
        [self.pad, self.unk, self.cls, self.sep, self.mask]
    }

    /// Whether `id` is a special token.
    pub fn contains(&self, id: u32) -> bool {
        self.all().contains(&id)
    }
}

/// What can be wrong with a vocabulary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// The file could not be read.
    #[error("cannot read the vocabulary {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A special token is missing.
    #[error(
        "{path} has no {token}: a vocabulary needs [PAD], [UNK], [CLS], [SEP] and [MASK]; copy the file again from where it came from"
    )]
    MissingSpecial {
        /// Where the vocabulary came from.
        path: PathBuf,
        /// The token.
        token: &'static str,
    },
    /// A piece stands there twice.
    #[error("line {line} of {path} repeats the piece {piece:?} of line {first}; remove one of them")]
    Repeated {
        /// Where the vocabulary came from.
        path: PathBuf,
        /// The second line, from 1.
        line: usize,
        /// The first line, from 1.
        first: usize,
        /// The piece.
        piece: String,
    },
    /// Ids with a hole.
    #[error(
        "{path} gives no piece the id {id}, though it has {pieces} pieces: ids must run from 0 without holes; copy the file again from where it came from"
    )]
    Hole {
        /// Where the vocabulary came from.
        path: PathBuf,
        /// The missing id.
        id: u32,
        /// Number of pieces.
        pieces: usize,
    },
}

/// Pieces numbered from 0, without repetition, with the five special tokens among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    pieces: Vec<String>,
    ids: AHashMap<String, u32>,
    special: SpecialIds,
}

impl Vocabulary {
    /// A vocabulary of these pieces; `path` is named in errors.
    pub fn new(pieces: Vec<String>, path: &Path) -> Result<Self, VocabularyError> {
        let mut ids = AHashMap::with_capacity(pieces.len());
        for (id, piece) in pieces.iter().enumerate() {
            if let Some(first) = ids.insert(piece.clone(), id as u32) {
                return Err(VocabularyError::Repeated {
                    path: path.to_owned(),
                    line: id + 1,
                    first: first as usize + 1,
                    piece: piece.clone(),
                });
            }
        }
        let special = |token: &'static str| {
            ids.get(token)
                .copied()
                .ok_or_else(|| VocabularyError::MissingSpecial { path: path.to_owned(), token })
        };
        let [pad, unk, cls, sep, mask] = SPECIAL_TOKENS.map(special);
        let special = SpecialIds { pad: pad?, unk: unk?, cls: cls?, sep: sep?, mask: mask? };
        Ok(Vocabulary { pieces, ids, special })
    }

    /// Reads a `vocab.txt`: one piece a line, its line number its id.
    pub fn read(path: &Path) -> Result<Self, VocabularyError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| VocabularyError::Read { path: path.to_owned(), source })?;
        // White space at the end of a line is no part of a piece, as in BERT's own reader.
        let pieces = text.lines().map(|line| line.trim_end().to_owned()).collect();
        Vocabulary::new(pieces, path)
    }

    /// A vocabulary from pairs of piece and id in any order.
    pub fn from_ids(
        ids: impl IntoIterator<Item = (String, u32)>,
        path: &Path,
    ) -> Result<Self, VocabularyError> {
        let mut pairs: Vec<(u32, String)> = ids.into_iter().map(|(piece, id)| (id, piece)).collect();
        pairs.sort_unstable();
        for (expected, (id, _)) in pairs.iter().enumerate() {
            if *id != expected as u32 {
                let pieces = pairs.len();
                return Err(VocabularyError::Hole { path: path.to_owned(), id: expected as u32, pieces });
            }
        }
        Vocabulary::new(pairs.into_iter().map(|(_, piece)| piece).collect(), path)
    }

    /// The text of a `vocab.txt`.
    pub fn to_text(&self) -> String {
        self.pieces.iter().flat_map(|piece| [piece.as_str(), "\n"]).collect()
    }

    /// Number of pieces.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there is no piece; never true, the special tokens are always there.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The pieces, in the order of their ids.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// The piece numbered `id`.
    pub fn piece(&self, id: u32) -> Option<&str> {
        self.pieces.get(id as usize).map(String::as_str)
    }

    /// The id of `piece`.
    pub fn id(&self, piece: &str) -> Option<u32> {
        self.ids.get(piece).copied()
    }

    /// Ids of the special tokens.
    pub fn special(&self) -> SpecialIds {
        self.special
    }

    /// Whether more than one piece in a hundred holds an upper-case letter: a vocabulary of cased
    /// text. Names in brackets (`[MASK]`) do not count.
    pub fn looks_cased(&self) -> bool {
        let in_brackets = |piece: &str| piece.starts_with('[') && piece.ends_with(']');
        let is_cased = |piece: &&String| !in_brackets(piece) && piece.chars().any(|c| c.is_uppercase());
        self.pieces.iter().filter(is_cased).count() * 100 > self.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(text: &str) -> Result<Vocabulary, VocabularyError> {
        Vocabulary::new(text.split(' ').map(str::to_owned).collect(), Path::new("v.txt"))
    }

    #[test]
    fn special_ids_are_looked_up_by_name() {
        let vocabulary = vocabulary("[PAD] a [MASK] [SEP] [CLS] b [UNK]").unwrap();
        assert_eq!(vocabulary.special(), SpecialIds { pad: 0, unk: 6, cls: 4, sep: 3, mask: 2 });
        assert_eq!(vocabulary.id("b"), Some(5));
        assert_eq!(vocabulary.piece(1), Some("a"));
    }

    #[test]
    fn a_repeated_piece_is_refused_with_both_lines() {
        let error = vocabulary("[PAD] [UNK] [CLS] [SEP] [MASK] a b a").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 8 of v.txt repeats the piece \"a\" of line 6; remove one of them"
        );
    }

    #[test]
    fn a_missing_special_token_is_named() {
        let error = vocabulary("[PAD] [UNK] [CLS] [SEP] a").unwrap_err();
        assert!(error.to_string().starts_with("v.txt has no [MASK]"), "{error}");
    }

    #[test]
    fn ids_with_a_hole_are_refused() {
        let pairs = [("[PAD]".to_owned(), 0), ("[UNK]".to_owned(), 2)];
        let error = Vocabulary::from_ids(pairs, Path::new("t.json")).unwrap_err();
        assert!(error.to_string().contains("the id 1"), "{error}");
    }

    #[test]
    fn upper_case_in_brackets_does_not_make_a_vocabulary_cased() {
        assert!(!vocabulary("[PAD] [UNK] [CLS] [SEP] [MASK] a ##é").unwrap().looks_cased());
        assert!(vocabulary("[PAD] [UNK] [CLS] [SEP] [MASK] a ##É").unwrap().looks_cased());
    }
}
