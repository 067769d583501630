//! Which positions of an example the generator has to fill in.

use electra_model::batch::Slot;
use electra_text::SpecialIds;
use rand::seq::index;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// How positions are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Masking {
    /// Distinct positions, each of which shows \[MASK\] to the generator (Clark et al. 2020, §3.1).
    WithoutReplacement {
        /// Share of an example's tokens, special tokens counted.
        probability: f64,
    },
    /// As `pretrain_helpers.mask` of the reference does it: positions drawn with replacement, so
    /// that some count twice, and a share of them left as they are. A position drawn twice ends
    /// up with the mean of its two sampled ids (issue 41 of google-research/electra).
    Google {
        /// Share of an example's tokens, special tokens counted.
        probability: f64,
        /// Share of the drawn positions that show \[MASK\]; 0.85 in the reference.
        mask_token_share: f64,
    },
}

impl Masking {
    /// Share of tokens to choose.
    pub fn probability(&self) -> f64 {
        match *self {
            Self::WithoutReplacement { probability } | Self::Google { probability, .. } => probability,
        }
    }

    /// Slots of a row of `sequence_length` tokens: `int((p + 0.005) * length)`
    /// (`configure_pretraining.py`), at least one.
    pub fn slots(&self, sequence_length: usize) -> usize {
        (((self.probability() + 0.005) * sequence_length as f64) as usize).max(1)
    }

    /// Chooses positions among `ids`, an example without its padding: never \[CLS\], \[SEP\] or
    /// \[MASK\], but \[UNK\] too.
    ///
    /// Their number is `max(1, min(slots, round_half_even(length * p)))`, fewer only if the
    /// example has fewer candidates, and none if it has none.
    pub fn choose(&self, ids: &[u32], special: SpecialIds, slots: usize, rng: &mut impl Rng) -> Vec<Slot> {
        let is_candidate = |id: u32| id != special.cls && id != special.sep && id != special.mask;
        let candidates: Vec<usize> = (0..ids.len()).filter(|&i| is_candidate(ids[i])).collect();
        if candidates.is_empty() {
            return vec![];
        }
        let wanted = (ids.len() as f64 * self.probability()).round_ties_even() as usize;
        let wanted = wanted.min(slots).max(1);
        match *self {
            Self::WithoutReplacement { .. } => {
                let mut chosen =
                    index::sample(rng, candidates.len(), wanted.min(candidates.len())).into_vec();
                chosen.sort_unstable();
                chosen.into_iter().map(|i| Slot { position: candidates[i], shows_mask: true }).collect()
            }
            Self::Google { mask_token_share, .. } => (0..wanted)
                .map(|_| Slot {
                    position: candidates[rng.random_range(0..candidates.len())],
                    shows_mask: rng.random::<f64>() < mask_token_share,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use std::collections::HashSet;

    const SPECIAL: SpecialIds = SpecialIds { pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 };
    const PAPER: Masking = Masking::WithoutReplacement { probability: 0.15 };
    const GOOGLE: Masking = Masking::Google { probability: 0.15, mask_token_share: 0.85 };

    fn rng(seed: u64) -> impl Rng {
        rand::rngs::StdRng::seed_from_u64(seed)
    }

    /// `[CLS] words [SEP]` of `length` tokens in all.
    fn example(length: usize) -> Vec<u32> {
        (0..length)
            .map(|i| {
                if i == 0 {
                    2
                } else if i + 1 == length {
                    3
                } else {
                    10 + i as u32
                }
            })
            .collect()
    }

    #[test]
    fn slots_are_those_of_the_released_configurations() {
        assert_eq!([128, 512].map(|s| PAPER.slots(s)), [19, 79]);
        assert_eq!(Masking::WithoutReplacement { probability: 0.25 }.slots(512), 130);
    }

    #[test]
    fn a_full_row_of_128_gets_19_distinct_positions() {
        let slots = PAPER.choose(&example(128), SPECIAL, 19, &mut rng(1));
        assert_eq!(slots.len(), 19);
        assert_eq!(slots.iter().map(|s| s.position).collect::<HashSet<_>>().len(), 19);
        assert!(slots.iter().all(|s| s.shows_mask));
    }

    #[test]
    fn the_number_of_positions_rounds_halves_to_even() {
        // 30 * .15 = 4.5 rounds to 4, 50 * .15 = 7.5 to 8.
        assert_eq!(PAPER.choose(&example(30), SPECIAL, 99, &mut rng(1)).len(), 4);
        assert_eq!(PAPER.choose(&example(50), SPECIAL, 99, &mut rng(1)).len(), 8);
    }

    #[test]
    fn the_shortest_example_gets_one_and_an_empty_one_none() {
        assert_eq!(
            PAPER.choose(&[2, 77, 3], SPECIAL, 19, &mut rng(1)),
            [Slot { position: 1, shows_mask: true }]
        );
        assert_eq!(PAPER.choose(&[2, 3], SPECIAL, 19, &mut rng(1)), []);
    }

    #[test]
    fn google_mode_hits_13_8_percent_of_the_tokens_and_masks_85_percent_of_the_draws() {
        let (mut distinct, mut masked, mut draws) = (0, 0, 0);
        for seed in 0..2000 {
            let slots = GOOGLE.choose(&example(128), SPECIAL, 19, &mut rng(seed));
            distinct += slots.iter().map(|s| s.position).collect::<HashSet<_>>().len();
            masked += slots.iter().filter(|s| s.shows_mask).count();
            draws += slots.len();
        }
        let distinct = distinct as f64 / 2000.0;
        assert_eq!(draws, 19 * 2000);
        // 126 candidates, 19 draws: 126 (1 - (125/126)^19) = 17.69.
        assert!((distinct - 17.69).abs() < 0.05, "{distinct}");
        assert!((masked as f64 / draws as f64 - 0.85).abs() < 0.006);
    }

    proptest! {
        #[test]
        fn masking_never_picks_specials(
            ids in proptest::collection::vec(0u32..30, 1..200),
            seed in any::<u64>(),
            google in any::<bool>(),
        ) {
            let masking = if google { GOOGLE } else { PAPER };
            for slot in masking.choose(&ids, SPECIAL, 19, &mut rng(seed)) {
                prop_assert!(![2, 3, 4].contains(&ids[slot.position]));
            }
        }
    }
}
