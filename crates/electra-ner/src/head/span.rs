//! Entities among the labels of a sentence, and the probability of each.

use std::ops::Range;

use electra_annotations::{LabelSet, TagRole};

use super::chain::{Chain, Posterior};

/// Rules by which labels make entities: those of `conlleval`. An entity begins at `B`, `S` and `U`, behind `E`,
/// `L`, `S` and `U`, and where the type changes. A label without a prefix is a type of its own, and neighbours
/// with the same one are one entity.
#[derive(Clone, Debug)]
pub(super) struct SpanRules {
    /// For each label the number of its type; none for `O`.
    kinds: Vec<Option<usize>>,
    /// Whether the word behind may go on with the entity.
    is_open: Vec<bool>,
    /// Whether an entity begins here, whatever is before.
    begins: Vec<bool>,
}

/// Decoded entity: a run of words with its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodedSpan {
    /// The words of the entity in the sentence, at least one.
    pub words: Range<usize>,
    /// Number of the label of its first word, which has its type.
    pub label: usize,
    /// The probability of the entity: what it is made of says [`decode_spans`](super::Decoder::decode_spans).
    pub probability: f64,
}

impl SpanRules {
    pub(super) fn of(labels: &LabelSet) -> Self {
        let kinds = labels.kinds();
        let number = |kind: &str| kinds.binary_search(&kind).expect("a kind of these labels");
        let ids = || 0..labels.len();
        let role = |id| labels.role(id);
        Self {
            kinds: ids().map(|id| labels.kind(id).map(number)).collect(),
            is_open: ids().map(|id| matches!(role(id), TagRole::Begin | TagRole::Inside)).collect(),
            begins: ids().map(|id| matches!(role(id), TagRole::Begin | TagRole::Single)).collect(),
        }
    }

    /// Number of labels, `L`.
    pub(super) fn labels(&self) -> usize {
        self.kinds.len()
    }

    /// Whether a word with the label `next` belongs to the entity of the word before it, which has `label`.
    fn continues(&self, label: usize, next: usize) -> bool {
        self.kinds[label].is_some()
            && self.kinds[label] == self.kinds[next]
            && self.is_open[label]
            && !self.begins[next]
    }

    /// The entities of a sentence with these labels, in reading order.
    pub(super) fn spans(&self, labels: impl IntoIterator<Item = usize>) -> Vec<Range<usize>> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        let mut before = None;
        for (word, label) in labels.into_iter().enumerate() {
            match spans.last_mut() {
                Some(last) if before.is_some_and(|before| self.continues(before, label)) => {
                    last.end = word + 1;
                }
                _ if self.kinds[label].is_some() => spans.push(word..word + 1),
                _ => {}
            }
            before = Some(label);
        }
        spans
    }
}

/// The paths of a sentence through a chain, weighted.
pub(super) struct Paths<'a> {
    rules: &'a SpanRules,
    labels: usize,
    posterior: &'a Posterior,
    /// `[L, L]`: weights of the transitions.
    next: Vec<f64>,
}

impl<'a> Paths<'a> {
    pub(super) fn of(chain: &Chain, posterior: &'a Posterior, rules: &'a SpanRules) -> Self {
        Self { rules, labels: chain.labels(), posterior, next: chain.step_weights() }
    }

    /// The probability that just these words are an entity of the type of `label`: the share of all paths that
    /// have it, whatever stands around it, from the forward and the backward pass.
    pub(super) fn probability(&self, words: Range<usize>, label: usize) -> f64 {
        let (l, rules, next) = (self.labels, self.rules, &self.next);
        let n = self.posterior.words.len() / l;
        let forward = |word: usize, label: usize| self.posterior.forward[word * l + label];
        let onward = |word: usize, label: usize| self.posterior.onward[word * l + label];
        let of_kind: Vec<usize> = (0..l).filter(|&id| rules.kinds[id] == rules.kinds[label]).collect();
        // Of the paths that are in an entity of this type, and nothing but it, since its first word: the
        // probability of each label.
        let mut open = vec![0.0; l];
        for &label in &of_kind {
            let begins = words.start.checked_sub(1).map_or(1.0, |before| {
                share(
                    l,
                    |from| forward(before, from) * next[from * l + label],
                    |from| !rules.continues(from, label),
                )
            });
            open[label] = self.posterior.words[words.start * l + label] * begins;
        }
        for word in words.start + 1..words.end {
            let mut longer = vec![0.0; l];
            for &from in of_kind.iter().filter(|&&from| open[from] > 0.0) {
                let weight = |to: usize| next[from * l + to] * onward(word, to);
                let all: f64 = (0..l).map(weight).sum();
                for &to in of_kind.iter().filter(|&&to| all > 0.0 && rules.continues(from, to)) {
                    longer[to] += open[from] * weight(to) / all;
                }
            }
            open = longer;
        }
        let ends = |label: usize| match words.end < n {
            true => {
                share(l, |to| next[label * l + to] * onward(words.end, to), |to| !rules.continues(label, to))
            }
            false => 1.0,
        };
        let sum: f64 = of_kind.iter().map(|&label| open[label] * ends(label)).sum();
        sum.clamp(0.0, 1.0)
    }
}

/// The share of the weight that is of numbers `of`, among all numbers below `n`; 0 if nothing has weight.
fn share(n: usize, weight: impl Fn(usize) -> f64, of: impl Fn(usize) -> bool) -> f64 {
    let all: f64 = (0..n).map(&weight).sum();
    let part: f64 = (0..n).filter(|&number| of(number)).map(&weight).sum();
    if all > 0.0 { part / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use electra_annotations::LabelScheme;
    use proptest::prelude::*;

    /// Entities of words with these labels, written `first..end TYPE`.
    fn found(names: &[&str], tags: &str) -> Vec<String> {
        let labels = LabelSet::from_names(names.iter().map(ToString::to_string).collect()).unwrap();
        let ids: Vec<usize> = tags.split(' ').map(|tag| labels.id(tag).unwrap()).collect();
        let spans = SpanRules::of(&labels).spans(ids.iter().copied());
        spans.iter().map(|words| format!("{words:?} {}", labels.kind(ids[words.start]).unwrap())).collect()
    }

    #[test]
    fn entities_begin_and_end_where_conlleval_has_them() {
        let iob2 = ["O", "B-A", "I-A", "B-B", "I-B"];
        assert_eq!(found(&iob2, "B-A I-A O B-A B-A"), ["0..2 A", "3..4 A", "4..5 A"]);
        assert_eq!(found(&iob2, "O I-A I-A I-B B-B"), ["1..3 A", "3..4 B", "4..5 B"]);
        let iobes = ["O", "B-A", "I-A", "E-A", "S-A"];
        assert_eq!(found(&iobes, "B-A I-A E-A I-A S-A"), ["0..3 A", "3..4 A", "4..5 A"]);
        assert_eq!(found(&iobes, "S-A E-A E-A O I-A"), ["0..1 A", "1..2 A", "2..3 A", "4..5 A"]);
        let bilou = ["O", "B-A", "I-A", "L-A", "U-A", "U-B"];
        assert_eq!(found(&bilou, "U-B O U-A B-A L-A"), ["0..1 B", "2..3 A", "3..5 A"]);
        assert_eq!(found(&bilou, "B-A I-A L-A I-A U-A"), ["0..3 A", "3..4 A", "4..5 A"]);
        let bmes = ["O", "B-A", "M-A", "E-A", "S-A"];
        assert_eq!(found(&bmes, "B-A M-A E-A M-A S-A"), ["0..3 A", "3..4 A", "4..5 A"]);
        let iob1 = ["O", "I-A", "B-A", "I-B"];
        assert_eq!(found(&iob1, "I-A I-A B-A I-A I-B O I-B"), ["0..2 A", "2..4 A", "4..5 B", "6..7 B"]);
    }

    #[test]
    fn a_label_of_no_scheme_is_a_type() {
        let labels = ["O", "PER", "B_X", "LABEL-3"];
        let expected = ["0..2 PER", "3..4 B_X", "4..5 LABEL-3", "5..6 PER"];
        assert_eq!(found(&labels, "PER PER O B_X LABEL-3 PER"), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Against all paths counted, in every scheme, with learned scores or with what the scheme allows alone.
        #[test]
        fn the_probability_of_an_entity_is_that_of_the_paths_that_have_it(
            which in 0usize..5,
            n in 1usize..5,
            emissions in prop::collection::vec(-3.0f32..3.0, 36),
            scores in prop::collection::vec(-2.0..2.0, 100),
            is_learned in any::<bool>(),
        ) {
            use LabelScheme::*;
            let labels = match [Iob1, Iob2, Iobes, Bilou].get(which) {
                Some(&scheme) => LabelSet::new(["A", "B"], scheme),
                None => LabelSet::from_names(["O", "A", "B"].map(String::from).to_vec()).unwrap(),
            };
            let l = labels.len();
            let n = if l > 5 { n.min(3) } else { n };
            let chain = match is_learned {
                true => Chain::new(scores[..l].to_vec(), scores[l..][..l * l].iter().copied().chain([0.0; 81]).take(l * l).collect(), scores[..l].to_vec()),
                false => Chain::legal(&labels),
            };
            let emissions = &emissions.iter().copied().cycle().take(n * l).collect::<Vec<f32>>();
            let rules = SpanRules::of(&labels);
            let posterior = chain.posterior(emissions);
            let paths = Paths::of(&chain, &posterior, &rules);
            let all = (0..l.pow(n as u32)).map(|number| -> Vec<usize> {
                (0..n).map(|t| number / l.pow(t as u32) % l).collect()
            });
            let mut weights = std::collections::BTreeMap::<(usize, usize, usize), f64>::new();
            for path in all {
                let weight = (chain.score(emissions, &path) - posterior.log_partition).exp();
                for words in rules.spans(path.iter().copied()) {
                    let kind = rules.kinds[path[words.start]].unwrap();
                    *weights.entry((words.start, words.end, kind)).or_default() += weight;
                }
            }
            for ((start, end, kind), weight) in weights {
                let label = (0..l).find(|&id| rules.kinds[id] == Some(kind)).unwrap();
                let found = paths.probability(start..end, label);
                prop_assert!((found - weight).abs() < 1e-9, "{start}..{end} of {kind}: {found}, expected {weight}");
            }
        }
    }
}
