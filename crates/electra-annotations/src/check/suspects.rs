//! Suspected label errors by confident learning (Northcutt, Jiang and Chuang 2021): labels that a tagger which has
//! not learned from them holds for improbable.
//!
//! A label counts as confidently predicted where its probability is at least the mean that it has at the words
//! which carry it. A word is suspected if a label other than its own is confidently predicted: the only one, or,
//! of several, the most probable of all. That is what `cleanlab` 2.9 does with `filter_by="confident_learning"`; the
//! paper takes the most probable of the confident ones, which differs where a label that is not confident is above
//! two that are.

use serde::Serialize;

/// A word whose label is suspected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SuspectedWord {
    /// Number of the word, over all sentences, from 0.
    pub word: usize,
    /// Number of its label.
    pub given: usize,
    /// Number of the label that is confidently predicted.
    pub suggested: usize,
    /// The probability of its label (self-confidence).
    pub probability: f64,
    /// That probability less the largest of the others (normalised margin): the lower, the more suspect.
    pub margin: f64,
}

/// The words with suspected labels, the most suspect first: `labels` are those that words have, none where it is
/// not known to the tagger; `probabilities [W, L]` are those of a tagger that has not learned from these words.
///
/// # Panics
/// If there are not `count` probabilities for each word, or a label is none of `count`.
#[must_use]
pub fn suspected_words(labels: &[Option<usize>], probabilities: &[f64], count: usize) -> Vec<SuspectedWord> {
    assert_eq!(probabilities.len(), labels.len() * count, "probabilities of {count} labels");
    let of_word = || probabilities.chunks(count.max(1)).zip(labels);
    // Mean self-confidence of each label.
    let (mut sums, mut words) = (vec![0.0; count], vec![0u64; count]);
    for (row, label) in of_word() {
        if let Some(label) = *label {
            sums[label] += row[label];
            words[label] += 1;
        }
    }
    // A label that no word has is never confident.
    let thresholds: Vec<f64> = sums
        .iter()
        .zip(&words)
        .map(|(sum, &words)| if words > 0 { sum / words as f64 } else { f64::INFINITY })
        .collect();
    let suspect = |(word, (row, label)): (usize, (&[f64], &Option<usize>))| {
        let given = (*label)?;
        // Rounding must not exclude the words that are the mean.
        let is_confident = |label: &usize| row[*label] >= thresholds[*label] - 1e-6;
        let mut confident = (0..count).filter(is_confident);
        let only = confident.next()?;
        let better = |best: usize, other: usize| if row[other] > row[best] { other } else { best };
        let suggested = match confident.next() {
            None => only,
            Some(_) => (1..count).fold(0, better),
        };
        let others = (0..count).filter(|&other| other != given).map(|other| row[other]);
        let margin = row[given] - others.fold(0.0, f64::max);
        // Where its own label is the most probable of all nobody can be asked to change it.
        (suggested != given && margin < 0.0).then_some(SuspectedWord {
            word,
            given,
            suggested,
            probability: row[given],
            margin,
        })
    };
    let mut suspects: Vec<SuspectedWord> = of_word().enumerate().filter_map(suspect).collect();
    suspects.sort_by(|a, b| a.margin.total_cmp(&b.margin).then(a.word.cmp(&b.word)));
    suspects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_suspected_where_another_is_confidently_predicted() {
        let labels = [Some(0), Some(0), Some(0), Some(1), Some(1), None];
        // Mean self-confidence: of label 0 (.9 + .8 + .1) / 3 = .6, of label 1 (.7 + .5) / 2 = .6.
        let probabilities = [0.9, 0.1, 0.8, 0.2, 0.1, 0.9, 0.3, 0.7, 0.5, 0.5, 0.0, 1.0];
        let found = suspected_words(&labels, &probabilities, 2);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].word, found[0].given, found[0].suggested), (2, 0, 1));
        assert!((found[0].probability - 0.1).abs() < 1e-12 && (found[0].margin + 0.8).abs() < 1e-12);
    }

    #[test]
    fn the_most_suspect_comes_first_and_labels_that_no_word_has_are_never_suggested() {
        let labels = [Some(0), Some(0), Some(0), Some(0), Some(1), Some(1)];
        let row = |p: f64| [p, 1.0 - p - 0.01, 0.01];
        let probabilities: Vec<f64> = [0.95, 0.9, 0.3, 0.05, 0.2, 0.4].into_iter().flat_map(row).collect();
        let found = suspected_words(&labels, &probabilities, 3);
        let words: Vec<usize> = found.iter().map(|suspect| suspect.word).collect();
        // Threshold of label 1: (.79 + .59) / 2 = .69.
        assert_eq!(words, [3, 2]);
        assert!(found.windows(2).all(|pair| pair[0].margin <= pair[1].margin));
        assert!(suspected_words(&[], &[], 3).is_empty());
    }
}
