//! Ids of one text or pair with the place in the text that each came from.

use tokenizers::tokenizer::{Encoding as LibraryEncoding, InputSequence};
use tokenizers::utils::truncation::{TruncationParams, truncate_encodings};

use super::tokenizer::Tokenizer;

/// The unit in which offsets are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetUnit {
    /// Bytes of UTF-8: right for slicing a `&str`.
    Bytes,
    /// Unicode code points: what Python counts.
    Chars,
}

/// `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`; all vectors have one entry per token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Ids of the pieces.
    pub ids: Vec<u32>,
    /// 0 for `[CLS] A [SEP]`, 1 for `B [SEP]`.
    pub type_ids: Vec<u32>,
    /// The start and end of each piece in its original text (in its word for pre-tokenised input); (0, 0) for
    /// special tokens.
    pub offsets: Vec<(usize, usize)>,
    /// Which word of its text the piece belongs to, from 0; `None` for special tokens.
    pub word_ids: Vec<Option<u32>>,
    /// Flags of the tokens that were added by the template and are no part of a text.
    pub is_special: Vec<bool>,
}

impl Encoding {
    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no token; never true, `[CLS]` and `[SEP]` are always there.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

impl Tokenizer {
    /// Encodes one text, cut to `max_length` tokens (`[CLS]` and `[SEP]` counted) if given.
    ///
    /// A special token written out in the text (`"Paris is [MASK]"`) becomes that token, as in
    /// transformers.
    pub fn encode(&self, text: &str, unit: OffsetUnit, max_length: Option<usize>) -> Encoding {
        self.encode_sequences(text.into(), None, unit, max_length)
    }

    /// Encodes a pair; `max_length` cuts the longer text first.
    pub fn encode_pair(&self, a: &str, b: &str, unit: OffsetUnit, max_length: Option<usize>) -> Encoding {
        self.encode_sequences(a.into(), Some(b.into()), unit, max_length)
    }

    /// Encodes text that is already divided into words: word ids are indices into `words`, and
    /// offsets start from 0 in every word.
    pub fn encode_words<S: AsRef<str>>(
        &self,
        words: &[S],
        unit: OffsetUnit,
        max_length: Option<usize>,
    ) -> Encoding {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        self.encode_sequences(words.into(), None, unit, max_length)
    }

    fn encode_sequences(
        &self,
        a: InputSequence<'_>,
        b: Option<InputSequence<'_>>,
        unit: OffsetUnit,
        max_length: Option<usize>,
    ) -> Encoding {
        let special_tokens = if b.is_some() { 3 } else { 2 };
        let encode = |text: InputSequence<'_>| {
            match unit {
                OffsetUnit::Bytes => self.library.encode(text, false),
                OffsetUnit::Chars => self.library.encode_char_offsets(text, false),
            }
            .expect("WordPiece with [UNK] in its vocabulary encodes every text")
        };
        let mut a = encode(a);
        let mut b = b.map(encode);
        if let Some(max_length) = max_length {
            assert!(
                max_length >= special_tokens,
                "{max_length} tokens leave no room for {special_tokens} special tokens"
            );
            // The library's default strategy takes from the longer text first.
            let params = TruncationParams { max_length: max_length - special_tokens, ..Default::default() };
            (a, b) = truncate_encodings(a, b, &params).expect("a longest-first cut always exists");
        }
        let encoding = self.library.post_process(a, b, true).expect("BERT's template takes one text or two");
        Encoding::from(&encoding)
    }
}

impl From<&LibraryEncoding> for Encoding {
    fn from(encoding: &LibraryEncoding) -> Self {
        Encoding {
            ids: encoding.get_ids().to_vec(),
            type_ids: encoding.get_type_ids().to_vec(),
            offsets: encoding.get_offsets().to_vec(),
            word_ids: encoding.get_word_ids().to_vec(),
            is_special: encoding.get_special_tokens_mask().iter().map(|&bit| bit != 0).collect(),
        }
    }
}
