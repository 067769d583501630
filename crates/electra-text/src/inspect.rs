//! Statistics of a data folder: counts, lengths, frequent pieces, examples as text.

use serde::Serialize;

use crate::dataset::{DataSet, Examples};
use crate::manifest::{Manifest, SplitCounts};
use crate::shard::{Example, Split};
use crate::wordpiece::Tokenizer;

/// Bars of the histogram of lengths.
const LENGTH_BINS: usize = 8;

/// Statistics of one split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SplitStatistics {
    /// The split that was counted.
    pub split: Split,
    /// Sums from the manifest.
    #[serde(flatten)]
    pub counts: SplitCounts,
    /// Share of the places in all rows that hold a token.
    pub fill_rate: f64,
    /// Share of the tokens of the text that are `[UNK]`.
    pub unknown_rate: f64,
    /// Share of the words of the text that are `[UNK]`; none where the folder was built before words
    /// were counted.
    pub unknown_word_rate: Option<f64>,
    /// Share of the characters of the text that stand in such words.
    pub unknown_character_rate: Option<f64>,
    /// Share of the tokens of the text that are in a row; below 1 in mode `google`.
    pub kept_rate: f64,
    /// Share of the rows that have a segment B.
    pub pair_rate: f64,
    /// The histogram of row lengths, in bins of equal width.
    pub lengths: Vec<LengthBin>,
    /// Pieces that occur at least once, special tokens aside.
    pub distinct_pieces: usize,
    /// The most frequent pieces, special tokens aside, the most frequent first.
    pub frequent_pieces: Vec<PieceCount>,
}

/// One bar of the histogram of lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LengthBin {
    /// The shortest length in the bin.
    pub from: usize,
    /// The longest length in the bin.
    pub to: usize,
    /// The number of rows.
    pub examples: u64,
}

/// The number of times that a piece occurs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PieceCount {
    /// The text of the piece.
    pub piece: String,
    /// The id of the piece.
    pub id: u32,
    /// Occurrences in the rows.
    pub count: u64,
}

/// Reads every row of a split and counts; `frequent` is how many pieces to name.
pub fn statistics(data: &DataSet, tokenizer: &Tokenizer, split: Split, frequent: usize) -> SplitStatistics {
    let manifest = data.manifest();
    let counted = Counted::of(data.split(split), manifest);
    let counts = *manifest.counts(split);
    let special = manifest.tokenizer.special;
    let seq_len = manifest.settings.pack.seq_len;
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };

    let text_pieces = |id: u32| id == special.unk || !special.contains(id);
    let mut pieces: Vec<(u32, u64)> =
        (0u32..).zip(counted.pieces).filter(|&(id, count)| count > 0 && text_pieces(id)).collect();
    let in_rows: u64 = pieces.iter().map(|&(_, count)| count).sum();
    let distinct_pieces = pieces.len();
    pieces.sort_by_key(|&(id, count)| (std::cmp::Reverse(count), id));
    let width = seq_len.div_ceil(LENGTH_BINS);
    let lengths = (1..=seq_len)
        .step_by(width)
        .map(|from| {
            let to = (from + width - 1).min(seq_len);
            LengthBin { from, to, examples: counted.lengths[from..=to].iter().sum() }
        })
        .collect();
    SplitStatistics {
        split,
        counts,
        fill_rate: share(counts.tokens, counts.examples * seq_len as u64),
        unknown_rate: share(counts.unknown, counts.text_tokens),
        unknown_word_rate: counts.coverage.map(|coverage| coverage.unknown_word_share()),
        unknown_character_rate: counts.coverage.map(|coverage| coverage.unknown_character_share()),
        kept_rate: share(in_rows, counts.text_tokens),
        pair_rate: share(counted.pairs, counts.examples),
        lengths,
        distinct_pieces,
        frequent_pieces: pieces
            .into_iter()
            .take(frequent)
            .map(|(id, count)| PieceCount {
                piece: tokenizer.vocabulary().piece(id).unwrap_or("[?]").to_owned(),
                id,
                count,
            })
            .collect(),
    }
}

struct Counted {
    /// Rows by length.
    lengths: Vec<u64>,
    /// Occurrences by id.
    pieces: Vec<u64>,
    pairs: u64,
}

impl Counted {
    fn of(examples: &Examples, manifest: &Manifest) -> Self {
        let mut counted = Counted {
            lengths: vec![0; manifest.settings.pack.seq_len + 1],
            pieces: vec![0; manifest.tokenizer.vocab_size],
            pairs: 0,
        };
        for example in examples.iter() {
            counted.lengths[example.ids.len()] += 1;
            counted.pairs += u64::from(example.segment_b_start != 0);
            for id in example.ids {
                // Only a damaged row has an id outside the vocabulary; `verify` names it.
                if let Some(count) = counted.pieces.get_mut(id as usize) {
                    *count += 1;
                }
            }
        }
        counted
    }
}

/// An example as text; `masked` are positions to show as `[MASK]`.
pub fn example_text(example: Example<'_>, tokenizer: &Tokenizer, masked: &[usize]) -> String {
    let mask = tokenizer.special().mask;
    let ids = example.ids.iter().enumerate();
    tokenizer.decode(ids.map(|(at, id)| if masked.contains(&at) { mask } else { id }))
}
