//! Laws of windows: every word is scored once, where it has most context, and every window fits.

mod pieces;

use std::collections::HashMap;
use std::sync::LazyLock;

use electra_annotations::{AlignedSentence, Aligner};
use electra_ner::{
    BatchSettings, Context, MIN_WINDOW, ScoredWord, Window, WindowError, WindowSettings, batches, plan,
};
use electra_text::{SpecialIds, Tokenizer};
use pieces::tokenizer;
use proptest::prelude::*;

const SPECIAL: SpecialIds = SpecialIds { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 };

/// Sentences of words with these numbers of pieces, as (document, lengths). Signs are words to
/// BERT, so that a word of n signs has n pieces; they differ from word to word.
fn sentences(lengths: &[(usize, Vec<usize>)]) -> Vec<AlignedSentence> {
    static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| tokenizer("uncased"));
    let mut aligner = Aligner::new(&TOKENIZER);
    let mut signs = "-.,+%'".chars().cycle();
    lengths
        .iter()
        .map(|(document, lengths)| {
            let words: Vec<String> =
                lengths.iter().map(|&length| signs.by_ref().take(length).collect()).collect();
            let sentence = aligner.align(&words, *document);
            let found: Vec<usize> = (0..words.len()).map(|word| sentence.word(word).len()).collect();
            assert_eq!(found, *lengths);
            sentence
        })
        .collect()
}

fn settings(length: usize, context: Context, overlap: usize) -> WindowSettings {
    WindowSettings { length, context, overlap }
}

/// Sentence and word of what is scored in each window.
fn scored(windows: &[Window]) -> Vec<Vec<(usize, usize)>> {
    windows.iter().map(|window| window.scored.iter().map(|at| (at.sentence, at.word)).collect()).collect()
}

fn words(sentence: usize, words: std::ops::Range<usize>) -> Vec<(usize, usize)> {
    words.map(|word| (sentence, word)).collect()
}

#[test]
fn a_short_sentence_is_one_window_with_labels_at_first_pieces() {
    let sentences = sentences(&[(0, vec![1, 3, 1]), (0, vec![2])]);
    let windows = plan(&sentences, SPECIAL, &WindowSettings::new(8, Context::Sentence));
    assert_eq!(scored(&windows), [words(0, 0..3), words(1, 0..1)]);
    assert_eq!(windows[0].ids, [&[2], sentences[0].pieces(), &[3]].concat());
    assert_eq!((windows[0].context_before, windows[0].context_after), (0, 0));
    let labels = windows[0].labels(-100, |ScoredWord { sentence, word, .. }| (10 * sentence + word) as i64);
    //                [CLS] w0 w1    ##    ##   w2  [SEP]
    assert_eq!(labels, [-100, 0, 1, -100, -100, 2, -100]);
}

#[test]
fn words_of_a_long_sentence_are_scored_where_their_poorer_side_is_richest() {
    // Room for 6 pieces: words 0..6, 3..9, and the last window filled at its start: 4..10.
    let sentences = sentences(&[(0, vec![1; 10])]);
    let windows = plan(&sentences, SPECIAL, &settings(8, Context::Sentence, 3));
    // Word 4 has one piece behind it in the first window and one in front in the second: a tie.
    // Word 6 has two behind it in the second and two in front in the third.
    assert_eq!(scored(&windows), [words(0, 0..5), words(0, 5..7), words(0, 7..10)]);
    let context: Vec<_> =
        windows.iter().map(|window| (window.context_before, window.context_after)).collect();
    assert_eq!(context, [(0, 1), (2, 2), (3, 0)]);
    let lengths: Vec<_> = windows.iter().map(|window| window.ids.len()).collect();
    assert_eq!(lengths, [8, 8, 8]);
}

#[test]
fn neighbours_of_the_same_document_fill_the_window_on_both_sides() {
    // Documents of 3, 1 and 2 sentences; room for 10 pieces.
    let sentences = sentences(&[
        (0, vec![1; 4]),
        (0, vec![1; 4]),
        (0, vec![1; 4]),
        (1, vec![1; 2]),
        (2, vec![1; 3]),
        (2, vec![1; 3]),
    ]);
    let windows = plan(&sentences, SPECIAL, &settings(12, Context::Document, 5));
    // Document 0: pieces 0..10 and 2..12. Its middle sentence has 4 in front and 2 behind, then 2
    // and 4: a tie, which the earlier window wins.
    let found = scored(&windows);
    assert_eq!(found[0], [words(0, 0..4), words(1, 0..4)].concat());
    assert_eq!(found[1], words(2, 0..4));
    assert_eq!((windows[1].context_before, windows[1].context_after), (6, 0));
    assert_eq!(found[2], words(3, 0..2));
    assert_eq!(found[3], [words(4, 0..3), words(5, 0..3)].concat());
    assert_eq!(windows.len(), 4);
}

#[test]
fn a_sentence_that_fits_a_window_is_never_divided() {
    // Room for 10. The sentence of 9 would be cut at 10 and again at 10 - 2.
    let sentences = sentences(&[(0, vec![1; 6]), (0, vec![1; 9]), (0, vec![1; 6])]);
    let windows = plan(&sentences, SPECIAL, &settings(12, Context::Document, 2));
    let home = |sentence| {
        let mut homes: Vec<usize> = Vec::new();
        for (at, window) in windows.iter().enumerate() {
            homes.extend(window.scored.iter().filter(|word| word.sentence == sentence).map(|_| at));
        }
        homes.dedup();
        homes
    };
    assert_eq!([home(0), home(1), home(2)], [[0], [1], [2]]);
}

#[test]
fn a_word_longer_than_a_window_is_cut_and_still_scored() {
    let sentences = sentences(&[(0, vec![1, 20, 1])]);
    let windows = plan(&sentences, SPECIAL, &WindowSettings::new(8, Context::Sentence));
    assert_eq!(scored(&windows), [words(0, 0..1), words(0, 1..2), words(0, 2..3)]);
    assert_eq!(windows[1].ids[1..7], sentences[0].word(1)[..6]);
}

#[test]
fn sentences_without_words_have_no_window() {
    let sentences = sentences(&[(0, vec![]), (0, vec![1]), (0, vec![])]);
    for context in [Context::Sentence, Context::Document] {
        assert_eq!(scored(&plan(&sentences, SPECIAL, &WindowSettings::new(8, context))), [words(1, 0..1)]);
    }
    assert!(plan(&[], SPECIAL, &WindowSettings::new(8, Context::Document)).is_empty());
}

#[test]
fn windows_that_cannot_move_are_refused() {
    let error = settings(7, Context::Sentence, 0).validate().unwrap_err();
    assert_eq!(error, WindowError::TooShort { length: 7 });
    assert!(settings(8, Context::Sentence, 5).validate().is_ok());
    let error = settings(8, Context::Sentence, 6).validate().unwrap_err();
    assert!(error.to_string().ends_with("leave 5 at most"), "{error}");
}

#[test]
fn context_is_written_in_kebab_case() {
    let settings: WindowSettings =
        serde_json::from_str(r#"{"length": 128, "context": "document", "overlap": 63}"#).unwrap();
    assert_eq!(settings, WindowSettings::new(128, Context::Document));
    let unknown = r#"{"length": 128, "context": "document", "overlap": 63, "stride": 1}"#;
    assert!(serde_json::from_str::<WindowSettings>(unknown).is_err());
}

/// Windows of these lengths, specials counted.
fn windows_of(lengths: &[usize]) -> Vec<Window> {
    let sentences = sentences(&lengths.iter().map(|&length| (0, vec![1; length - 2])).collect::<Vec<_>>());
    plan(&sentences, SPECIAL, &WindowSettings::new(64, Context::Sentence))
}

#[test]
fn windows_of_like_length_are_padded_together() {
    let windows = windows_of(&[3, 9, 4, 10, 3]);
    let mut settings = BatchSettings { size: 2, pool: usize::MAX, multiple_of: 1, max_length: 64 };
    let summary = |order: &[usize], settings: &BatchSettings| -> Vec<(Vec<usize>, usize, usize)> {
        let batches = batches(&windows, order, settings);
        batches.into_iter().map(|batch| (batch.windows, batch.length, batch.padding)).collect()
    };
    let all = [0, 1, 2, 3, 4];
    assert_eq!(summary(&all, &settings), [(vec![3, 1], 10, 1), (vec![2, 0], 4, 1), (vec![4], 3, 0)]);
    // Rows of a multiple of 4, but never beyond what the position table holds.
    (settings.multiple_of, settings.max_length) = (4, 11);
    assert_eq!(summary(&all, &settings), [(vec![3, 1], 11, 3), (vec![2, 0], 4, 1), (vec![4], 4, 1)]);
    // Pools of one batch keep the order.
    (settings.multiple_of, settings.pool) = (1, 1);
    assert_eq!(summary(&[4, 3, 2], &settings), [(vec![3, 4], 10, 7), (vec![2], 4, 0)]);
}

#[test]
fn padded_rows_hold_the_windows() {
    let windows = windows_of(&[3, 5]);
    let settings = BatchSettings { size: 2, pool: 1, multiple_of: 1, max_length: 64 };
    let batch = &batches(&windows, &[0, 1], &settings)[0];
    let ids = batch.padded_ids(&windows, 0);
    assert_eq!(ids[..5], windows[1].ids);
    assert_eq!(ids[5..], [windows[0].ids.as_slice(), &[0, 0]].concat());
}

/// Sentences of a few documents, most words short, some longer than a window.
fn any_sentences() -> impl Strategy<Value = Vec<(usize, Vec<usize>)>> {
    let word = prop_oneof![12 => 1usize..4, 1 => 4usize..40];
    let sentence = (0usize..4, proptest::collection::vec(word, 0..30));
    proptest::collection::vec(sentence, 0..14).prop_map(|mut sentences| {
        // A new document now and then.
        let mut document = 0;
        for (n, (number, _)) in sentences.iter_mut().enumerate() {
            document += usize::from(n > 0 && *number == 0);
            *number = document;
        }
        sentences
    })
}

fn any_settings() -> impl Strategy<Value = WindowSettings> {
    (MIN_WINDOW..50, 0usize..1000, any::<bool>()).prop_map(|(length, overlap, document)| {
        let context = if document { Context::Document } else { Context::Sentence };
        settings(length, context, overlap % (length - 2))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn each_word_is_scored_once_in_reading_order_and_every_window_fits(
        lengths in any_sentences(), settings in any_settings(),
    ) {
        let sentences = sentences(&lengths);
        let windows = plan(&sentences, SPECIAL, &settings);
        let expected: Vec<(usize, usize)> =
            sentences.iter().enumerate().flat_map(|(n, sentence)| words(n, 0..sentence.words())).collect();
        prop_assert_eq!(scored(&windows).concat(), expected);
        for window in &windows {
            prop_assert!(!window.scored.is_empty());
            prop_assert!(window.ids.len() <= settings.length);
            prop_assert_eq!((window.ids[0], *window.ids.last().unwrap()), (SPECIAL.cls, SPECIAL.sep));
            for at in &window.scored {
                // All pieces of the word that fit stand there in one piece.
                let pieces = sentences[at.sentence].word(at.word);
                let pieces = &pieces[..pieces.len().min(settings.length - 2)];
                prop_assert_eq!(&window.ids[at.piece..at.piece + pieces.len()], pieces);
            }
        }
    }

    #[test]
    fn context_is_of_the_same_document_and_a_fitting_sentence_has_one_window(
        lengths in any_sentences(), settings in any_settings(),
    ) {
        let sentences = sentences(&lengths);
        let windows = plan(&sentences, SPECIAL, &settings);
        let capacity = settings.length - 2;
        let of_sentence = |window: &Window, sentence| window.scored.iter().any(|word| word.sentence == sentence);
        for window in &windows {
            // The window is a stretch of the sequence that its context is made of.
            let sequence = sequence(&sentences, window.scored[0].sentence, &settings);
            let at = window.scored[0];
            let start = sequence.starts[&(at.sentence, at.word)] + 1 - at.piece;
            let pieces = &window.ids[1..window.ids.len() - 1];
            prop_assert_eq!(pieces, &sequence.pieces[start..start + pieces.len()]);
            prop_assert_eq!(window.context_before, at.piece - 1);
            let last = window.scored.last().unwrap();
            let last = sequence.starts[&(last.sentence, last.word)]
                + sentences[last.sentence].word(last.word).len().min(capacity);
            prop_assert_eq!(window.context_after, start + pieces.len() - last);
        }
        for (n, sentence) in sentences.iter().enumerate() {
            let homes = windows.iter().filter(|window| of_sentence(window, n)).count();
            if sentence.words() > 0 && sentence.pieces().len() <= capacity {
                prop_assert_eq!(homes, 1);
            }
            if settings.context == Context::Sentence && homes == 1 {
                let window = windows.iter().find(|window| of_sentence(window, n)).unwrap();
                prop_assert!(window.ids.len() <= sentence.pieces().len() + 2);
            }
        }
    }

    #[test]
    fn no_other_window_would_give_more_context(lengths in any_sentences(), settings in any_settings()) {
        let sentences = sentences(&lengths);
        let windows = plan(&sentences, SPECIAL, &settings);
        let capacity = settings.length - 2;
        let sequences: Vec<Sequence> =
            (0..sentences.len()).map(|n| sequence(&sentences, n, &settings)).collect();
        // The first sentence of each window's sequence, and where the window lies in it.
        let placed: Vec<(usize, i64, i64)> = windows
            .iter()
            .map(|window| {
                let at = window.scored[0];
                let sequence = &sequences[at.sentence];
                let start = sequence.starts[&(at.sentence, at.word)] + 1 - at.piece;
                (sequence.first, start as i64, (start + window.ids.len() - 2) as i64)
            })
            .collect();
        for (home, window) in windows.iter().enumerate() {
            for at in &window.scored {
                let sequence = &sequences[at.sentence];
                let sentence = &sentences[at.sentence];
                let whole = (0..sentence.words()).map(|w| sentence.word(w).len().min(capacity)).sum::<usize>();
                // What is scored together: the sentence, or the word if the sentence is too long.
                let (start, length) = if whole <= capacity {
                    (sequence.starts[&(at.sentence, 0)], whole)
                } else {
                    (sequence.starts[&(at.sentence, at.word)], sentence.word(at.word).len().min(capacity))
                };
                let context = |&(_, left, right): &(usize, i64, i64)| {
                    (start as i64 - left).min(right - (start + length) as i64)
                };
                let best = placed
                    .iter()
                    .enumerate()
                    .filter(|(_, window)| window.0 == sequence.first && context(window) >= 0)
                    .max_by_key(|(n, window)| (context(window), std::cmp::Reverse(*n)));
                prop_assert_eq!(best.map(|(n, _)| n), Some(home));
            }
        }
    }

    #[test]
    fn the_cost_is_bounded_by_the_overlap(words in 1usize..600, length in 8usize..60, overlap in 0usize..60) {
        let settings = settings(length, Context::Sentence, overlap % (length - 2));
        let windows = plan(&sentences(&[(0, vec![1; words])]), SPECIAL, &settings);
        let (capacity, overlap) = (length - 2, settings.overlap);
        let needed = 1 + words.saturating_sub(capacity).div_ceil(capacity - overlap);
        prop_assert!(windows.len() <= needed, "{} windows, {needed} needed", windows.len());
    }

    #[test]
    fn batches_hold_what_was_ordered_and_count_their_padding(
        lengths in proptest::collection::vec(3usize..40, 1..60),
        size in 1usize..9, pool in 1usize..5, multiple_of in 1usize..17,
    ) {
        let windows = windows_of(&lengths);
        let order: Vec<usize> = (0..windows.len()).rev().collect();
        let settings = BatchSettings { size, pool, multiple_of, max_length: 40 };
        let found = batches(&windows, &order, &settings);
        prop_assert_eq!(&found, &batches(&windows, &order, &settings));
        let mut all: Vec<usize> = found.iter().flat_map(|batch| batch.windows.clone()).collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..windows.len()).collect::<Vec<_>>());
        for batch in &found {
            prop_assert!(batch.windows.len() <= size && batch.length <= 40);
            let real: usize = batch.windows.iter().map(|&window| windows[window].ids.len()).sum();
            prop_assert_eq!(batch.padding, batch.windows.len() * batch.length - real);
            prop_assert!(batch.windows.iter().all(|&window| windows[window].ids.len() <= batch.length));
        }
    }
}

/// The pieces that a sentence's context is taken from.
struct Sequence {
    /// The index of its first sentence.
    first: usize,
    pieces: Vec<u32>,
    starts: HashMap<(usize, usize), usize>,
}

fn sequence(sentences: &[AlignedSentence], sentence: usize, settings: &WindowSettings) -> Sequence {
    let document = sentences[sentence].document;
    let belongs = |n: &usize| match settings.context {
        Context::Sentence => *n == sentence,
        Context::Document => sentences[*n].document == document,
    };
    let members: Vec<usize> = (0..sentences.len()).filter(belongs).collect();
    let mut sequence = Sequence { first: members[0], pieces: Vec::new(), starts: HashMap::new() };
    for n in members {
        for word in 0..sentences[n].words() {
            sequence.starts.insert((n, word), sequence.pieces.len());
            let pieces = sentences[n].word(word);
            sequence.pieces.extend(&pieces[..pieces.len().min(settings.length - 2)]);
        }
    }
    sequence
}
