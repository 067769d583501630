//! The vocabulary: pieces, their ids, and which of them are special.

use std::path::{Path, PathBuf};

use ahash::AHashMap;
use serde::{Deserialize, Serialize};

use crate::read_once;

/// The five special tokens of BERT, in the order in which a new vocabulary numbers them.
pub const SPECIAL_TOKENS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// The most pieces that a vocabulary may have: the largest of BERT's kind has half a million.
pub const MAX_VOCAB_SIZE: usize = 1 << 20;

/// The most bytes that the file of a vocabulary or a tokenizer may have.
pub(crate) const MAX_FILE_BYTES: u64 = 64 << 20;

/// Marks a piece that continues a word.
pub const CONTINUATION: &str = "##";

/// Ids of the special tokens, looked up by name: they differ between vocabularies
/// (`[UNK]` is 100 in bert-uncased and 1 in a vocabulary trained here).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpecialIds {
    /// The id of `[PAD]`, padding.
    pub pad: u32,
    /// The id of `[UNK]`, an unknown word.
    pub unk: u32,
    /// The id of `[CLS]`, the start of a row.
    pub cls: u32,
    /// The id of `[SEP]`, the end of a segment.
    pub sep: u32,
    /// The id of `[MASK]`, a masked piece.
    pub mask: u32,
}

impl SpecialIds {
    /// The ids of all special tokens, in the order of [`SPECIAL_TOKENS`].
    pub fn all(&self) -> [u32; 5] {
        [self.pad, self.unk, self.cls, self.sep, self.mask]
    }

    /// Whether `id` is a special token.
    pub fn contains(&self, id: u32) -> bool {
        self.all().contains(&id)
    }
}

/// An error of reading a vocabulary.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum VocabularyError {
    /// The file could not be read.
    #[error("cannot read the vocabulary {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    /// A special token is missing.
    #[error("{path} has no {token}: a vocabulary needs [PAD], [UNK], [CLS], [SEP] and [MASK]")]
    #[diagnostic(help("copy the file again from where it came from"))]
    MissingSpecial {
        /// The path that the vocabulary was read from.
        path: PathBuf,
        /// The missing token.
        token: &'static str,
    },
    /// A mark that is no part of the first piece.
    #[error("{path} begins with a byte order mark, which would be a part of its first piece")]
    #[diagnostic(help("save it without"))]
    ByteOrderMark { path: PathBuf },
    /// More pieces than a vocabulary has.
    #[error("{path} has {pieces} pieces, expected at most {MAX_VOCAB_SIZE}")]
    #[diagnostic(help("copy the file again"))]
    TooLarge {
        /// The path that the vocabulary was read from.
        path: PathBuf,
        pieces: usize,
    },
    /// Many ids without a piece, and a last piece that is long.
    #[error(
        "{path} has {holes} ids without a piece and a last piece of {bytes} bytes, which stands for them in a vocab.txt"
    )]
    #[diagnostic(help("copy the file again"))]
    Unwritable {
        /// The path that the vocabulary was read from.
        path: PathBuf,
        /// Ids without a piece.
        holes: usize,
        /// Length of the last piece.
        bytes: usize,
    },
    /// Two pieces with one id.
    #[error("{path} gives the pieces {first:?} and {second:?} the same id {id}")]
    #[diagnostic(help("copy the file again"))]
    Shared {
        /// The path that the vocabulary was read from.
        path: PathBuf,
        /// The id with two pieces.
        id: u32,
        /// The first of the two pieces.
        first: String,
        /// The other of the two pieces.
        second: String,
    },
    /// Ids with more holes than pieces.
    #[error(
        "{path} gives a piece the id {id}, though it has {pieces} pieces: expected ids from 0 on with few holes"
    )]
    #[diagnostic(help("copy the file again"))]
    Sparse {
        /// The path that the vocabulary was read from.
        path: PathBuf,
        /// The largest id.
        id: u32,
        pieces: usize,
    },
}

/// Pieces numbered from 0 with the five special tokens among them, and behind them tokens that were
/// added later.
///
/// An id may have no piece: of a piece that is repeated the last id counts, as in BERT's own reader,
/// and models were trained with vocabularies that repeat some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// The text of each piece, by id. Where an id has no piece stands the last one, which is repeated at its
    /// own id: so a `vocab.txt` of these lines reads as the same vocabulary.
    pieces: Vec<String>,
    ids: AHashMap<String, u32>,
    special: SpecialIds,
    added: Vec<String>,
}

impl Vocabulary {
    /// A vocabulary of these pieces; `path` is named in errors.
    pub fn new(mut pieces: Vec<String>, path: &Path) -> Result<Self, VocabularyError> {
        check_size(pieces.len(), path)?;
        let ids: AHashMap<String, u32> = pieces.iter().cloned().zip(0u32..).collect();
        let last = pieces.last().cloned().unwrap_or_default();
        check_holes(pieces.len() - ids.len(), &last, path)?;
        for (piece, id) in pieces.iter_mut().zip(0u32..) {
            if ids[piece] != id {
                piece.clone_from(&last);
            }
        }
        let special = |token: &'static str| {
            ids.get(token)
                .copied()
                .ok_or_else(|| VocabularyError::MissingSpecial { path: path.to_owned(), token })
        };
        let [pad, unk, cls, sep, mask] = SPECIAL_TOKENS.map(special);
        let special = SpecialIds { pad: pad?, unk: unk?, cls: cls?, sep: sep?, mask: mask? };
        Ok(Vocabulary { pieces, ids, special, added: Vec::new() })
    }

    /// Reads a `vocab.txt`: one piece a line, its line number its id.
    pub fn read(path: &Path) -> Result<Self, VocabularyError> {
        let text = read_once::read(path, MAX_FILE_BYTES)
            .and_then(read_once::utf8)
            .map_err(|source| VocabularyError::Read { path: path.to_owned(), source })?;
        Vocabulary::of_text(&text, path)
    }

    /// The vocabulary whose `vocab.txt` has this text; `path` is named in errors.
    pub(crate) fn of_text(text: &str, path: &Path) -> Result<Self, VocabularyError> {
        if text.starts_with('\u{feff}') {
            return Err(VocabularyError::ByteOrderMark { path: path.to_owned() });
        }
        // White space at the end of a line is no part of a piece, as in BERT's own reader: of a line
        // of nothing else remains an empty piece, which no word has, and its id.
        check_size(text.lines().count(), path)?;
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
        if let Some([(id, first), (_, second)]) = pairs.array_windows().find(|[a, b]| a.0 == b.0) {
            let (first, second) = (first.clone(), second.clone());
            return Err(VocabularyError::Shared { path: path.to_owned(), id: *id, first, second });
        }
        let (largest, last) = pairs.last().cloned().unwrap_or_default();
        if largest as usize > 2 * pairs.len() {
            return Err(VocabularyError::Sparse { path: path.to_owned(), id: largest, pieces: pairs.len() });
        }
        check_size(largest as usize + 1, path)?;
        check_holes((largest as usize + 1).saturating_sub(pairs.len()), &last, path)?;
        let mut pieces = Vec::with_capacity(largest as usize + 1);
        for (id, piece) in pairs {
            pieces.resize(id as usize, last.clone());
            pieces.push(piece);
        }
        Vocabulary::new(pieces, path)
    }

    /// This vocabulary with `tokens` added behind its pieces; the first of them gets the next id.
    pub(crate) fn with_added(mut self, tokens: Vec<String>) -> Self {
        self.ids.extend(tokens.iter().cloned().zip(self.pieces.len() as u32..));
        self.added = tokens;
        self
    }

    /// The text of a `vocab.txt`.
    pub fn to_text(&self) -> String {
        self.pieces.iter().flat_map(|piece| [piece.as_str(), "\n"]).collect()
    }

    /// The number of ids, added tokens included.
    pub fn len(&self) -> usize {
        self.pieces.len() + self.added.len()
    }

    /// Whether there is no piece; never true, the special tokens are always there.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The pieces that words are divided into, in the order of their ids.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// The piece or the added token numbered `id`.
    pub fn piece(&self, id: u32) -> Option<&str> {
        let piece = match (id as usize).checked_sub(self.pieces.len()) {
            None => &self.pieces[id as usize],
            Some(behind) => self.added.get(behind)?,
        };
        (self.ids[piece] == id).then_some(piece)
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
        self.pieces.iter().filter(is_cased).count() * 100 > self.pieces.len()
    }
}

fn check_size(pieces: usize, path: &Path) -> Result<(), VocabularyError> {
    match pieces <= MAX_VOCAB_SIZE {
        true => Ok(()),
        false => Err(VocabularyError::TooLarge { path: path.to_owned(), pieces }),
    }
}

/// Refuses to put `last` in the place of so many ids that no file would hold it.
fn check_holes(holes: usize, last: &str, path: &Path) -> Result<(), VocabularyError> {
    let bytes = last.len();
    match holes.checked_mul(bytes) {
        Some(sum) if sum as u64 <= MAX_FILE_BYTES => Ok(()),
        _ => Err(VocabularyError::Unwritable { path: path.to_owned(), holes, bytes }),
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
    fn of_a_repeated_piece_the_last_id_counts_and_all_others_keep_theirs() {
        let found = vocabulary("[PAD] [UNK] [CLS] [SEP] [MASK] a b a c").unwrap();
        assert_eq!(["a", "b", "c"].map(|piece| found.id(piece)), [Some(7), Some(6), Some(8)]);
        assert_eq!([5, 7, 8, 9].map(|id| found.piece(id)), [None, Some("a"), Some("c"), None]);
        assert_eq!(found.len(), 9);
        let again = Vocabulary::new(found.to_text().lines().map(str::to_owned).collect(), Path::new("v"));
        assert_eq!(again.unwrap(), found);
    }

    #[test]
    fn a_missing_special_token_is_named() {
        let error = vocabulary("[PAD] [UNK] [CLS] [SEP] a").unwrap_err();
        assert!(error.to_string().starts_with("v.txt has no [MASK]"), "{error}");
    }

    #[test]
    fn ids_may_have_holes_but_no_two_pieces() {
        let ids = |more: &[(&str, u32)]| {
            let special = SPECIAL_TOKENS.into_iter().zip(0..);
            let all = special.chain(more.iter().copied());
            Vocabulary::from_ids(all.map(|(piece, id)| (piece.to_owned(), id)), Path::new("t.json"))
        };
        let found = ids(&[("b", 8), ("", 6)]).unwrap();
        assert_eq!([5, 6, 7, 8].map(|id| found.piece(id)), [None, Some(""), None, Some("b")]);
        let again = Vocabulary::new(found.to_text().lines().map(str::to_owned).collect(), Path::new("v"));
        assert_eq!(again.unwrap(), found);
        let shared = ids(&[("a", 5), ("b", 5)]).unwrap_err().to_string();
        assert!(shared.contains("\"a\" and \"b\" the same id 5"), "{shared}");
        let sparse = ids(&[("a", 4_000_000_000)]).unwrap_err().to_string();
        assert!(sparse.contains("the id 4000000000, though it has 6 pieces"), "{sparse}");
    }

    #[test]
    fn upper_case_in_brackets_does_not_make_a_vocabulary_cased() {
        assert!(!vocabulary("[PAD] [UNK] [CLS] [SEP] [MASK] a ##é").unwrap().looks_cased());
        assert!(vocabulary("[PAD] [UNK] [CLS] [SEP] [MASK] a ##É").unwrap().looks_cased());
    }
}
