//! Bootstrap interval and paired test: how far scores would move with other sentences.
//!
//! The unit is the document where at least two are known, and the sentence otherwise: sentences of one
//! document are right and wrong together, and drawn one by one they promise more than they hold. Each
//! resample draws as many units as there are, with replacement, and computes micro F1 from their
//! counts, which are summed over runs beforehand. So it tells how much the choice of the test data
//! matters; runs (seeds) are taken as they are.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::Counts;
use crate::Sentences;

/// The settings of the bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Number of resamples, at least 1.
    pub resamples: usize,
    /// The seed of the bootstrap: the same seed draws the same units.
    pub seed: u64,
}

impl Default for Bootstrap {
    /// 10,000 resamples, seed 0.
    fn default() -> Self {
        Self { resamples: 10_000, seed: 0 }
    }
}

/// The unit that a resample draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Sentence by sentence.
    #[default]
    Sentence,
    /// All sentences of a document together.
    Document,
}

impl Unit {
    /// The plural of the unit's name.
    #[must_use]
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Sentence => "sentences",
            Self::Document => "documents",
        }
    }
}

/// The units of a set of sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// The kind of the units.
    pub unit: Unit,
    /// The number of sentences of each unit, in their order.
    sizes: Vec<usize>,
}

impl Units {
    /// Documents if the sentences are of at least two, otherwise each sentence by itself.
    #[must_use]
    pub fn of(sentences: &Sentences) -> Self {
        let mut sizes: Vec<usize> = Vec::new();
        let mut before = None;
        for sentence in sentences.iter() {
            match sizes.last_mut().filter(|_| before == Some(sentence.document)) {
                Some(size) => *size += 1,
                None => sizes.push(1),
            }
            before = Some(sentence.document);
        }
        match sizes.len() {
            0 | 1 => Self::sentences(sentences.len()),
            _ => Self { unit: Unit::Document, sizes },
        }
    }

    /// The units of a number of sentences, each by itself.
    #[must_use]
    pub fn sentences(number: usize) -> Self {
        Self { unit: Unit::Sentence, sizes: vec![1; number] }
    }

    /// The counts of each unit, from those of each sentence.
    fn counts(&self, mut sentences: &[Counts]) -> Vec<Counts> {
        assert_eq!(sentences.len(), self.sizes.iter().sum::<usize>(), "units of other sentences");
        let mut unit = |&size: &usize| {
            let (these, others) = sentences.split_at(size);
            sentences = others;
            these.iter().copied().sum()
        };
        self.sizes.iter().map(&mut unit).collect()
    }
}

/// The interval in which 95 % of the resamples lie: between their 2.5 and 97.5 percentiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5 percentile.
    pub low: f64,
    /// 97.5 percentile.
    pub high: f64,
    /// Number of resamples.
    pub resamples: usize,
    /// Seed of the random numbers.
    pub seed: u64,
    /// The unit that was drawn; sentences where an earlier version wrote it.
    #[serde(default)]
    pub unit: Unit,
    /// The number of units; `None` where an earlier version wrote it.
    #[serde(default)]
    pub units: Option<usize>,
}

impl Interval {
    /// The units that were drawn, in words: `12 documents`.
    #[must_use]
    pub fn drawn(&self) -> String {
        match self.units {
            Some(units) => format!("{units} {}", self.unit.plural()),
            None => self.unit.plural().to_owned(),
        }
    }
}

/// Micro F1 of two systems on the same sentences.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Micro F1 of the first.
    pub f1: f64,
    /// Micro F1 of the second.
    pub against_f1: f64,
    /// The difference: the first less the second.
    pub difference: f64,
    /// The interval in which 95 % of the resampled differences lie.
    pub interval: Interval,
    /// Share of the resamples in which the first is better, ties counted by half.
    pub wins: f64,
    /// Two-sided p-value: `(1 + k) / (1 + resamples)`, where `k` resampled differences are at least
    /// as far from the observed difference as that is from 0 (the bootstrap distribution, moved to
    /// the null hypothesis; Berg-Kirkpatrick et al. 2012, §2, two-sided).
    pub p_value: f64,
}

/// The interval of micro F1, from the counts of each sentence.
///
/// # Panics
/// If there is no sentence or no resample, or the units are of other sentences.
#[must_use]
pub fn f1_interval(sentences: &[Counts], units: &Units, settings: Bootstrap) -> Interval {
    let counts: Vec<[Counts; 1]> = units.counts(sentences).into_iter().map(|counts| [counts]).collect();
    interval(resample(&counts, settings).map(|[counts]| counts.f1()), units, settings)
}

/// Compares two systems, from their counts of each sentence, in the same order.
///
/// Runs of a system may be summed before: F1 does not depend on how many there are.
///
/// # Panics
/// If there is no sentence or no resample, or the units are of other sentences.
#[must_use]
pub fn paired_bootstrap(
    first: &[Counts],
    second: &[Counts],
    units: &Units,
    settings: Bootstrap,
) -> Difference {
    let pairs = units.counts(first).into_iter().zip(units.counts(second));
    let pairs: Vec<[Counts; 2]> = pairs.map(|(a, b)| [a, b]).collect();
    let [f1, against_f1] = [first, second].map(|counts| counts.iter().copied().sum::<Counts>().f1());
    let difference = f1 - against_f1;
    let resampled: Vec<f64> = resample(&pairs, settings).map(|[a, b]| a.f1() - b.f1()).collect();
    // Sums in another order differ in the last bits; such ties count against the first system.
    let far = |d: &&f64| (*d - difference).abs() >= difference.abs() - 1e-12;
    let extreme = resampled.iter().filter(far).count();
    let wins: f64 = resampled.iter().map(|d| if *d > 0.0 { 1.0 } else { 0.5 * f64::from(*d == 0.0) }).sum();
    Difference {
        f1,
        against_f1,
        difference,
        wins: wins / settings.resamples as f64,
        p_value: (1 + extreme) as f64 / (1 + settings.resamples) as f64,
        interval: interval(resampled, units, settings),
    }
}

/// The summed counts of each resample.
fn resample<const N: usize>(units: &[[Counts; N]], settings: Bootstrap) -> impl Iterator<Item = [Counts; N]> {
    assert!(!units.is_empty() && settings.resamples > 0, "nothing to resample");
    let all = units.len();
    // Most sentences of most data have no entity: they are drawn, but there is nothing to add.
    let nothing = [Counts::default(); N];
    let filled: Vec<[Counts; N]> = units.iter().filter(|&counts| *counts != nothing).copied().collect();
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    (0..settings.resamples).map(move |_| {
        let mut sum = nothing;
        for _ in 0..all {
            if let Some(counts) = filled.get(rng.random_range(0..all)) {
                for (sum, counts) in sum.iter_mut().zip(counts) {
                    *sum += *counts;
                }
            }
        }
        sum
    })
}

fn interval(values: impl IntoIterator<Item = f64>, units: &Units, settings: Bootstrap) -> Interval {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let Bootstrap { resamples, seed } = settings;
    Interval {
        low: quantile(&values, 0.025),
        high: quantile(&values, 0.975),
        resamples,
        seed,
        unit: units.unit,
        units: Some(units.sizes.len()),
    }
}

/// Linear between the two nearest of the sorted values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f1_interval(sentences: &[Counts], settings: Bootstrap) -> Interval {
        super::f1_interval(sentences, &Units::sentences(sentences.len()), settings)
    }

    fn paired_bootstrap(first: &[Counts], second: &[Counts], settings: Bootstrap) -> Difference {
        super::paired_bootstrap(first, second, &Units::sentences(first.len()), settings)
    }

    /// A sentence with one gold and one predicted entity: micro F1 is then the share of hits.
    fn one(hit: bool) -> Counts {
        Counts { gold: 1, predicted: 1, correct: u64::from(hit) }
    }

    fn hits(pattern: impl Iterator<Item = bool>) -> Vec<Counts> {
        pattern.map(one).collect()
    }

    const SETTINGS: Bootstrap = Bootstrap { resamples: 2_000, seed: 7 };

    #[test]
    fn the_interval_of_a_coin_is_the_binomial_one() {
        // 200 hits in 400: standard error sqrt(.25 / 400) = .025, so .5 -+ 1.96 * .025.
        let interval = f1_interval(&hits((0..400).map(|i| i % 2 == 0)), SETTINGS);
        assert!((interval.low - 0.451).abs() < 0.006, "{interval:?}");
        assert!((interval.high - 0.549).abs() < 0.006, "{interval:?}");
    }

    /// So many sentences of one word, in documents of these sizes.
    fn in_documents(sizes: &[usize]) -> Sentences {
        let sentence = |document| crate::Sentence {
            tokens: vec!["a".to_owned()],
            tags: vec!["O".to_owned()],
            document,
            line: 1,
        };
        sizes.iter().enumerate().flat_map(|(document, &size)| vec![sentence(document); size]).collect()
    }

    #[test]
    fn documents_are_drawn_whole_where_they_are_known() {
        // Twelve documents of 25 sentences, eight of them right and four wrong as wholes.
        let counts = hits((0..300).map(|i| i / 25 % 3 > 0));
        let units = Units::of(&in_documents(&[25; 12]));
        let by_document = super::f1_interval(&counts, &units, SETTINGS);
        // Binomial of 12: standard error sqrt(2/3 * 1/3 / 12) = .136, against .027 of 300.
        assert_eq!(by_document.drawn(), "12 documents");
        assert!(by_document.low < 0.45 && by_document.high > 0.88, "{by_document:?}");
        let by_sentence = f1_interval(&counts, SETTINGS);
        assert_eq!(by_sentence.drawn(), "300 sentences");
        assert!(by_sentence.low > 0.6 && by_sentence.high < 0.73, "{by_sentence:?}");
        // A difference is drawn in the same way.
        let other = hits((0..300).map(|i| i / 25 % 3 > 1));
        let difference = super::paired_bootstrap(&counts, &other, &units, SETTINGS);
        assert_eq!(difference.interval.unit, Unit::Document);
        assert!(difference.interval.high - difference.interval.low > 0.4, "{difference:?}");
    }

    #[test]
    fn one_document_alone_is_drawn_by_its_sentences() {
        assert_eq!(Units::of(&in_documents(&[7])), Units::sentences(7));
        // Documents of one sentence give the interval of their sentences, to the bit.
        let counts = hits((0..40).map(|i| i % 3 > 0));
        let documents = super::f1_interval(&counts, &Units::of(&in_documents(&[1; 40])), SETTINGS);
        let sentences = f1_interval(&counts, SETTINGS);
        assert_eq!((documents.low, documents.high), (sentences.low, sentences.high));
    }

    #[test]
    fn sentences_without_entities_widen_the_interval_a_little() {
        // The number of entities now varies too, but hits and misses as before.
        let mut sentences = hits((0..400).map(|i| i % 2 == 0));
        sentences.resize(4_000, Counts::default());
        let interval = f1_interval(&sentences, SETTINGS);
        assert!((interval.low - 0.451).abs() < 0.01 && (interval.high - 0.549).abs() < 0.01, "{interval:?}");
    }

    #[test]
    fn equal_systems_do_not_differ() {
        let sentences = hits((0..50).map(|i| i % 3 == 0));
        let d = paired_bootstrap(&sentences, &sentences, SETTINGS);
        assert_eq!([d.difference, d.interval.low, d.interval.high], [0.0; 3]);
        assert_eq!([d.p_value, d.wins], [1.0, 0.5]);
    }

    #[test]
    fn one_right_more_in_a_hundred_is_chance_and_twenty_are_not() {
        // The first system is right wherever the second is, and in `more` sentences besides. All
        // of them are missed by a resample with probability (1 - more / 100)^100: .37 for one.
        let system = |right: usize| hits((0..100).map(move |i| i < right));
        let d = paired_bootstrap(&system(51), &system(50), SETTINGS);
        assert!((d.difference - 0.01).abs() < 1e-12 && d.p_value > 0.3, "{d:?}");
        assert_eq!(d.interval.low, 0.0);
        let d = paired_bootstrap(&system(70), &system(50), SETTINGS);
        assert!((d.difference - 0.2).abs() < 1e-12, "{d:?}");
        assert!(d.p_value < 0.001 && d.interval.low > 0.1 && d.interval.high < 0.3 && d.wins == 1.0, "{d:?}");
    }

    #[test]
    fn exchanged_systems_change_the_sign_alone() {
        let (a, b) = (hits((0..90).map(|i| i % 3 > 0)), hits((0..90).map(|i| i % 5 > 1)));
        let (d, e) = (paired_bootstrap(&a, &b, SETTINGS), paired_bootstrap(&b, &a, SETTINGS));
        assert_eq!((d.p_value, d.difference), (e.p_value, -e.difference));
        for (x, y) in
            [(d.interval.low, -e.interval.high), (d.interval.high, -e.interval.low), (d.wins, 1.0 - e.wins)]
        {
            assert!((x - y).abs() < 1e-12, "{d:?} {e:?}");
        }
    }

    #[test]
    fn systems_that_are_equally_good_differ_significantly_in_one_of_twenty_cases() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let trials = 400;
        let significant = (0..trials).filter(|&seed| {
            let mut system = || hits((0..60).map(|_| rng.random_bool(0.6)).collect::<Vec<_>>().into_iter());
            let (a, b) = (system(), system());
            paired_bootstrap(&a, &b, Bootstrap { resamples: 200, seed }).p_value < 0.05
        });
        let share = significant.count() as f64 / trials as f64;
        assert!((0.02..0.09).contains(&share), "{share}");
    }

    #[test]
    fn doubling_the_runs_changes_nothing_and_another_seed_a_little() {
        let (a, b) = (hits((0..90).map(|i| i % 3 > 0)), hits((0..90).map(|i| i % 5 > 1)));
        let twice: Vec<Counts> = a.iter().map(|&counts| counts + counts).collect();
        let d = paired_bootstrap(&a, &b, SETTINGS);
        assert_eq!(paired_bootstrap(&twice, &b, SETTINGS), d);
        let other = paired_bootstrap(&a, &b, Bootstrap { seed: 8, ..SETTINGS });
        assert_ne!(other.interval.low, d.interval.low);
        assert!((other.interval.low - d.interval.low).abs() < 0.03);
    }

    #[test]
    fn quantiles_lie_between_values() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[1.0], 0.975), 1.0);
    }
}
