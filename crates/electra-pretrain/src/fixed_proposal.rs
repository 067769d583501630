//! Replacements without a generator: drawn from a distribution that is the same in every context.

use std::sync::Arc;

use electra_model::{GeneratorDiscriminatorConfig, Proposals};
use electra_text::SpecialIds;

/// A proposal distribution over the vocabulary of the data, uniform or unigram, at a temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedProposal {
    /// `[V]` probability of each id and of all before it; the last is 1.
    cumulative: Arc<[f64]>,
    disallow_correct: bool,
}

impl FixedProposal {
    /// The proposal distribution of `joint` over the `vocab_size` ids that the data's vocabulary has, or None
    /// if a generator learns what to propose. `log_frequencies` gives the logarithm of each id's share of the
    /// training text.
    pub fn of(
        joint: &GeneratorDiscriminatorConfig,
        vocab_size: usize,
        special: SpecialIds,
        log_frequencies: impl FnOnce() -> Vec<f32>,
    ) -> Option<Self> {
        let tempered = |log: f64| (log / joint.temperature).exp();
        let weights: Vec<f64> = match joint.proposals {
            Proposals::Learned => return None,
            Proposals::Uniform => vec![1.0; vocab_size],
            Proposals::Unigram => {
                let logs = log_frequencies();
                let of = |(id, &log): (usize, &f32)| match special.contains(id as u32) {
                    true => 0.0,
                    false => tempered(f64::from(log)),
                };
                logs.iter().enumerate().map(of).collect()
            }
        };
        let total: f64 = weights.iter().sum();
        let mut below = 0.0;
        let cumulative = weights.iter().map(|weight| {
            below += weight / total;
            below
        });
        Some(Self { cumulative: cumulative.collect(), disallow_correct: joint.disallow_correct })
    }

    /// The id at which the distribution function passes `uniform`, a number in `[0, 1)`; where the
    /// original may not be drawn, that of the distribution without it.
    pub fn draw(&self, uniform: f32, original: u32) -> u32 {
        let original = original as usize;
        let up_to = |id: usize| self.cumulative[id];
        let before = |id: usize| if id == 0 { 0.0 } else { self.cumulative[id - 1] };
        let total = up_to(self.cumulative.len() - 1);
        if !self.disallow_correct {
            return self.at(f64::from(uniform) * total);
        }
        let gap = up_to(original) - before(original);
        let place = f64::from(uniform) * (total - gap);
        let found = self.at(if place < before(original) { place } else { place + gap });
        // Rounding may end one short of the gap or beyond the last id.
        if found as usize != original {
            found
        } else {
            let other = |&id: &usize| id != original && up_to(id) > before(id);
            let below = (0..original).rev().find(other);
            below.or_else(|| (original..self.cumulative.len()).find(other)).unwrap_or(original) as u32
        }
    }

    fn at(&self, place: f64) -> u32 {
        let last = self.cumulative.len() - 1;
        self.cumulative.partition_point(|&up_to| up_to <= place).min(last) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECIAL: SpecialIds = SpecialIds { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 };

    fn chance(proposals: Proposals, temperature: f64, disallow_correct: bool) -> FixedProposal {
        let joint = GeneratorDiscriminatorConfig {
            generator_weight: 1.0,
            discriminator_weight: 50.0,
            temperature,
            disallow_correct,
            proposals,
        };
        // Of the words 5, 6 and 7 one half, one quarter and one eighth; specials have the rest.
        let shares = [0.025f32, 0.025, 0.025, 0.025, 0.025, 0.5, 0.25, 0.125];
        FixedProposal::of(&joint, 8, SPECIAL, || shares.map(f32::ln).to_vec()).unwrap()
    }

    fn drawn(chance: &FixedProposal, original: u32, count: usize) -> Vec<u32> {
        (0..count).map(|i| chance.draw((i as f32 + 0.5) / count as f32, original)).collect()
    }

    #[test]
    fn uniform_draws_every_id_alike() {
        assert_eq!(drawn(&chance(Proposals::Uniform, 1.0, false), 3, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(drawn(&chance(Proposals::Uniform, 1.0, true), 3, 7), [0, 1, 2, 4, 5, 6, 7]);
    }

    #[test]
    fn unigram_draws_words_as_often_as_they_occur() {
        // 4 : 2 : 1, and at half the temperature 16 : 4 : 1.
        assert_eq!(drawn(&chance(Proposals::Unigram, 1.0, false), 5, 7), [5, 5, 5, 5, 6, 6, 7]);
        let sharp = drawn(&chance(Proposals::Unigram, 0.5, false), 5, 21);
        assert_eq!([5, 6, 7].map(|id| sharp.iter().filter(|d| **d == id).count()), [16, 4, 1]);
        assert_eq!(drawn(&chance(Proposals::Unigram, 1.0, true), 5, 3), [6, 6, 7]);
        assert_eq!(drawn(&chance(Proposals::Unigram, 1.0, true), 7, 6), [5, 5, 5, 5, 6, 6]);
    }

    #[test]
    fn the_ends_of_the_interval_draw_a_word_that_is_not_the_original() {
        let chance = chance(Proposals::Unigram, 1.0, true);
        for original in 0..8 {
            for uniform in [0.0, 0.5, 1.0 - f32::EPSILON / 2.0] {
                let found = chance.draw(uniform, original);
                assert!(found >= 5 && found != original, "{found} for {original} at {uniform}");
            }
        }
    }
}
