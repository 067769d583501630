//! A linear chain of labels on the host: the best path, the partition function, the marginals.
//!
//! `N` words of a sentence, `L` labels. A chain scores a path by its emissions, the transitions
//! between neighbours, and how it begins and ends; the probability of a path is proportional to
//! the exponential of its score (Lafferty et al. 2001).

use electra_annotations::LabelSet;

/// The scores of a linear chain: what a path gains besides its emissions; minus infinity where it may not go.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    labels: usize,
    begin: Vec<f64>,
    next: Vec<f64>,
    end: Vec<f64>,
}

/// The posterior probabilities of the labels, all paths considered.
#[derive(Clone, Debug, PartialEq)]
pub struct Posterior {
    /// Logarithm of the sum of the exponentials of all paths' scores.
    pub log_partition: f64,
    /// `[N, L]`: probability of each label at each word.
    pub words: Vec<f64>,
    /// `[L, L]`: expected number of times that a label follows another.
    pub transitions: Vec<f64>,
    /// `[N, L]`: weight of the paths up to each word that end with each label, scaled word by word.
    pub(super) forward: Vec<f64>,
    /// `[N, L]`: weight of the paths from each word on that begin with each label, scaled word by word.
    pub(super) onward: Vec<f64>,
}

impl Chain {
    /// Scores `begin [L]`, `next [L, L]` from row to column, and `end [L]`.
    pub fn new(begin: Vec<f64>, next: Vec<f64>, end: Vec<f64>) -> Self {
        let labels = begin.len();
        assert_eq!((next.len(), end.len()), (labels * labels, labels), "scores of {labels} labels");
        Self { labels, begin, next, end }
    }

    /// Number of labels, `L`.
    pub(super) fn labels(&self) -> usize {
        self.labels
    }

    /// The chain that knows nothing but what the scheme forbids.
    pub fn legal(labels: &LabelSet) -> Self {
        let score = |may: bool| if may { 0.0 } else { f64::NEG_INFINITY };
        let ids = || 0..labels.len();
        Self::new(
            ids().map(|id| score(labels.may_begin(id))).collect(),
            ids().flat_map(|id| ids().map(move |next| score(labels.may_follow(id, next)))).collect(),
            ids().map(|id| score(labels.may_end(id))).collect(),
        )
    }

    /// The path of the highest score for `emissions [N, L]`; of equal ones the one with the lower
    /// label at the last word where they differ.
    pub fn best_path(&self, emissions: &[f32]) -> Vec<usize> {
        let l = self.labels;
        let mut words = self.words(emissions);
        let Some(first) = words.next() else { return vec![] };
        let mut scores: Vec<f64> = self.begin.iter().zip(first).map(|(b, e)| b + f64::from(*e)).collect();
        // For each word but the first and each label, the label before it on the best path.
        let mut before = Vec::new();
        for word in words {
            let best: Vec<(usize, f64)> = (0..l)
                .map(|to| largest((0..l).map(|from| scores[from] + self.next[from * l + to])))
                .collect();
            before.push(best.iter().map(|(from, _)| *from).collect::<Vec<_>>());
            scores = best.iter().zip(word).map(|((_, score), e)| score + f64::from(*e)).collect();
        }
        let (mut label, _) = largest(scores.iter().zip(&self.end).map(|(score, end)| score + end));
        let mut path = vec![label];
        for best in before.iter().rev() {
            label = best[label];
            path.push(label);
        }
        path.reverse();
        path
    }

    /// The score of `path` for `emissions [N, L]`; 0 for a sentence without words.
    pub fn score(&self, emissions: &[f32], path: &[usize]) -> f64 {
        let l = self.labels;
        assert_eq!(emissions.len(), path.len() * l, "emissions for a path of {} words", path.len());
        let (Some(&first), Some(&last)) = (path.first(), path.last()) else { return 0.0 };
        let words = self.words(emissions).zip(path).map(|(word, &label)| f64::from(word[label]));
        let steps = path.windows(2).map(|pair| self.next[pair[0] * l + pair[1]]);
        self.begin[first] + words.sum::<f64>() + steps.sum::<f64>() + self.end[last]
    }

    /// Forward and backward pass over `emissions [N, L]`.
    ///
    /// Exponentials are taken once, of scores whose largest is zero, and every word's forward and
    /// backward values are divided by their sum, so that nothing overflows in a long sentence.
    pub fn posterior(&self, emissions: &[f32]) -> Posterior {
        let l = self.labels;
        let n = emissions.len() / l;
        if n == 0 {
            let [words, forward, onward] = [const { Vec::new() }; 3];
            return Posterior { log_partition: 0.0, words, transitions: vec![0.0; l * l], forward, onward };
        }
        let [(begin, begin_max), (next, next_max), (end, end_max)] =
            [&self.begin, &self.next, &self.end].map(|scores| exponentials(scores.iter().copied()));
        let words: Vec<(Vec<f64>, f64)> =
            self.words(emissions).map(|word| exponentials(word.iter().map(|&e| f64::from(e)))).collect();

        let mut log_partition = begin_max + end_max + next_max * (n - 1) as f64;
        let mut forward: Vec<Vec<f64>> = Vec::with_capacity(n);
        for (t, (word, word_max)) in words.iter().enumerate() {
            let mut values = match t.checked_sub(1) {
                None => begin.clone(),
                Some(before) => {
                    let before = &forward[before];
                    (0..l).map(|to| (0..l).map(|from| before[from] * next[from * l + to]).sum()).collect()
                }
            };
            values.iter_mut().zip(word).for_each(|(value, e)| *value *= e);
            log_partition += normalise(&mut values).ln() + word_max;
            forward.push(values);
        }
        log_partition += forward[n - 1].iter().zip(&end).map(|(f, e)| f * e).sum::<f64>().ln();

        let mut marginals = vec![0.0; n * l];
        let mut transitions = vec![0.0; l * l];
        let mut onward = vec![0.0; n * l];
        let mut backward = end;
        for t in (0..n).rev() {
            let marginal = &mut marginals[t * l..][..l];
            for ((marginal, f), b) in marginal.iter_mut().zip(&forward[t]).zip(&backward) {
                *marginal = f * b;
            }
            normalise(marginal);
            let after = &mut onward[t * l..][..l];
            after.iter_mut().zip(&words[t].0).zip(&backward).for_each(|((after, e), b)| *after = e * b);
            let Some(before) = t.checked_sub(1) else { break };
            let mut pairs: Vec<f64> =
                (0..l * l).map(|pair| forward[before][pair / l] * next[pair] * after[pair % l]).collect();
            normalise(&mut pairs);
            transitions.iter_mut().zip(pairs).for_each(|(sum, pair)| *sum += pair);
            backward =
                next.chunks(l).map(|row| row.iter().zip(after.iter()).map(|(n, a)| n * a).sum()).collect();
            normalise(&mut backward);
        }
        Posterior { log_partition, words: marginals, transitions, forward: forward.concat(), onward }
    }

    /// Logarithm of the sum of the exponentials of all paths' scores, for `emissions [N, L]`: that of
    /// [`posterior`](Self::posterior), in less time.
    pub(super) fn log_partition(&self, emissions: &[f32]) -> f64 {
        let l = self.labels;
        let [(begin, begin_max), (next, next_max), (end, end_max)] =
            [&self.begin, &self.next, &self.end].map(|scores| exponentials(scores.iter().copied()));
        let mut forward: Vec<f64> = Vec::new();
        let mut sum = 0.0;
        for word in self.words(emissions) {
            let mut values = match forward.is_empty() {
                true => begin.clone(),
                false => {
                    sum += next_max;
                    (0..l).map(|to| (0..l).map(|from| forward[from] * next[from * l + to]).sum()).collect()
                }
            };
            let (word, word_max) = exponentials(word.iter().map(|&e| f64::from(e)));
            values.iter_mut().zip(word).for_each(|(value, e)| *value *= e);
            sum += normalise(&mut values).ln() + word_max;
            forward = values;
        }
        match forward.is_empty() {
            true => 0.0,
            false => {
                sum + begin_max + end_max + forward.iter().zip(&end).map(|(f, e)| f * e).sum::<f64>().ln()
            }
        }
    }

    /// The chain with all scores divided by a temperature: probabilities are flatter above 1, steeper below,
    /// and the best path is the same.
    pub(super) fn at_temperature(&self, temperature: f64) -> Self {
        let divided = |scores: &[f64]| scores.iter().map(|score| score / temperature).collect();
        Self::new(divided(&self.begin), divided(&self.next), divided(&self.end))
    }

    /// Exponentials of the transitions' scores, `[L, L]`, scaled.
    pub(super) fn step_weights(&self) -> Vec<f64> {
        exponentials(self.next.iter().copied()).0
    }

    fn words<'a>(&self, emissions: &'a [f32]) -> impl Iterator<Item = &'a [f32]> {
        assert!(
            emissions.len().is_multiple_of(self.labels),
            "{} emissions of {} labels",
            emissions.len(),
            self.labels
        );
        emissions.chunks(self.labels)
    }
}

/// Index and value of the largest number, the first of equal ones. Numbers that are none are
/// passed over.
pub(super) fn largest(values: impl Iterator<Item = f64>) -> (usize, f64) {
    let start = (0, f64::NEG_INFINITY);
    values.enumerate().fold(start, |best, new| if new.1 > best.1 { new } else { best })
}

/// `exp(score - largest)` for each score, and the largest.
fn exponentials(scores: impl Iterator<Item = f64> + Clone) -> (Vec<f64>, f64) {
    let (_, largest) = largest(scores.clone());
    (scores.map(|score| (score - largest).exp()).collect(), largest)
}

/// Divides by the sum, which is returned.
fn normalise(values: &mut [f64]) -> f64 {
    let sum = values.iter().sum::<f64>();
    values.iter_mut().for_each(|value| *value /= sum);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use electra_annotations::LabelScheme;
    use proptest::prelude::*;

    /// Every path of `n` words.
    fn paths(labels: usize, n: usize) -> impl Iterator<Item = Vec<usize>> {
        let path = move |number: usize| (0..n).map(|t| number / labels.pow(t as u32) % labels).collect();
        (0..labels.pow(n as u32)).map(path)
    }

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
    }

    #[test]
    fn two_words_and_two_labels_can_be_added_up_by_hand() {
        let ln = f64::ln;
        let chain = Chain::new(vec![0.0, ln(2.0)], vec![0.0, ln(3.0), 0.0, 0.0], vec![0.0, 0.0]);
        let emissions = [0.0; 4];
        // Paths 00, 01, 10, 11 weigh 1, 3, 2, 2.
        let posterior = chain.posterior(&emissions);
        assert!(close(posterior.log_partition, ln(8.0)), "{}", posterior.log_partition);
        for (found, expected) in posterior.words.iter().zip([0.5, 0.5, 0.375, 0.625]) {
            assert!(close(*found, expected), "{posterior:?}");
        }
        for (found, expected) in posterior.transitions.iter().zip([0.125, 0.375, 0.25, 0.25]) {
            assert!(close(*found, expected), "{posterior:?}");
        }
        assert_eq!(chain.best_path(&emissions), [0, 1]);
    }

    #[test]
    fn a_sentence_without_words_has_one_empty_path() {
        let chain = Chain::legal(&LabelSet::new(["PER"], LabelScheme::Iob2));
        assert_eq!(chain.best_path(&[]), [0; 0]);
        assert_eq!(chain.posterior(&[]).log_partition, 0.0);
        assert_eq!(chain.score(&[], &[]), 0.0);
    }

    #[test]
    fn long_sentences_and_large_scores_stay_finite() {
        let chain = Chain::new(vec![300.0, -300.0], vec![200.0, -200.0, 5.0, 150.0], vec![-400.0, 100.0]);
        let emissions: Vec<f32> = (0..4000).map(|i| if i % 3 == 0 { 80.0 } else { -80.0 }).collect();
        let posterior = chain.posterior(&emissions);
        assert!(posterior.log_partition.is_finite());
        assert!(posterior.words.iter().all(|p| (0.0..=1.0 + 1e-9).contains(p)));
        let sum: f64 = posterior.transitions.iter().sum();
        assert!((sum - 1999.0).abs() < 1e-6, "{sum}");
    }

    #[test]
    fn legal_paths_alone_are_ever_chosen() {
        for (scheme, n) in [(LabelScheme::Iob2, 4), (LabelScheme::Iobes, 3)] {
            let labels = LabelSet::new(["A", "B"], scheme);
            let chain = Chain::legal(&labels);
            let is_legal = |path: &[usize]| {
                labels.may_begin(path[0])
                    && path.windows(2).all(|pair| labels.may_follow(pair[0], pair[1]))
                    && labels.may_end(path[n - 1])
            };
            let emissions = vec![0.0; n * labels.len()];
            let count = paths(labels.len(), n).filter(|path| is_legal(path)).count();
            let posterior = chain.posterior(&emissions);
            assert!(close(posterior.log_partition.exp(), count as f64), "{scheme:?}: {count}");
            // A network that is sure of illegal paths gets the best of the legal ones.
            for wish in paths(labels.len(), n) {
                let mut emissions = vec![0.0; n * labels.len()];
                wish.iter().enumerate().for_each(|(t, &label)| emissions[t * labels.len() + label] = 5.0);
                let path = chain.best_path(&emissions);
                assert!(is_legal(&path), "{path:?} for {wish:?}");
                assert!(!is_legal(&wish) || path == wish, "{path:?} for {wish:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Against the sum and the maximum over all paths, some of them forbidden.
        #[test]
        fn passes_and_best_path_agree_with_all_paths_counted(
            n in 1usize..5,
            emissions in prop::collection::vec(-4.0f32..4.0, 12),
            scores in prop::collection::vec(-3.0..3.0, 15),
            forbidden in prop::collection::vec(prop::bool::weighted(0.2), 9),
        ) {
            let l = 3;
            let mut next = scores[..9].to_vec();
            // Label 0 may stand anywhere, as O may, so that some path is always open.
            for pair in (0..l * l).filter(|pair| forbidden[*pair] && pair / l != 0 && pair % l != 0) {
                next[pair] = f64::NEG_INFINITY;
            }
            let chain = Chain::new(scores[9..12].to_vec(), next, scores[12..].to_vec());
            let emissions = &emissions[..n * l];

            let weight = |path: &[usize]| chain.score(emissions, path).exp();
            let total: f64 = paths(l, n).map(|path| weight(&path)).sum();
            let posterior = chain.posterior(emissions);
            prop_assert!(close(posterior.log_partition, total.ln()));
            prop_assert!(close(chain.log_partition(emissions), total.ln()));
            for t in 0..n {
                for label in 0..l {
                    let with_it = paths(l, n).filter(|path| path[t] == label);
                    let share = with_it.map(|path| weight(&path)).sum::<f64>() / total;
                    prop_assert!(close(posterior.words[t * l + label], share));
                }
            }
            for pair in 0..l * l {
                let count = |p: &[usize]| p.windows(2).filter(|w| w[0] * l + w[1] == pair).count() as f64;
                let expected: f64 = paths(l, n).map(|p| weight(&p) * count(&p)).sum::<f64>() / total;
                prop_assert!(close(posterior.transitions[pair], expected));
            }

            let best = chain.best_path(emissions);
            let scores = paths(l, n).map(|path| chain.score(emissions, &path));
            prop_assert!(close(chain.score(emissions, &best), scores.fold(f64::NEG_INFINITY, f64::max)));
        }
    }
}
