//! Which positions of an example the generator has to fill in.

use std::collections::BTreeSet;

use electra_model::batch::Slot;
use electra_text::SpecialIds;
use rand::seq::{SliceRandom, index};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// The masking strategy: the way in which positions are drawn.
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
    /// Distinct positions in spans, each of which shows \[MASK\] (SpanBERT, Joshi et al. 2020, §3.1).
    ///
    /// A span begins at any position that is not taken yet, and its length follows a geometric
    /// distribution without its tail. It ends early at a special token, at another span, and when
    /// the share is reached. Unlike SpanBERT's, spans count word pieces and may begin within a word.
    Span {
        /// Share of an example's tokens, special tokens counted.
        probability: f64,
        /// Probability that a span ends after a token; 0.2 in SpanBERT.
        end_probability: f64,
        /// The longest span, in tokens; 10 in SpanBERT.
        max_length: usize,
    },
    /// Distinct positions, all pieces of a word or none, each of which shows \[MASK\] (whole word
    /// masking of google-research/bert). A word that no longer fits into the share is passed over;
    /// if none fits, the first pieces of one are taken.
    WholeWord {
        /// Share of an example's tokens, special tokens counted.
        probability: f64,
    },
}

impl Masking {
    /// Share of tokens to choose.
    pub fn probability(&self) -> f64 {
        match *self {
            Self::WithoutReplacement { probability }
            | Self::Google { probability, .. }
            | Self::Span { probability, .. }
            | Self::WholeWord { probability } => probability,
        }
    }

    /// The same strategy with another share.
    #[must_use]
    pub fn with_probability(mut self, share: f64) -> Self {
        let (Self::WithoutReplacement { probability }
        | Self::Google { probability, .. }
        | Self::Span { probability, .. }
        | Self::WholeWord { probability }) = &mut self;
        *probability = share;
        self
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
    ///
    /// `continues` says whether an id continues the word before it; only [`Masking::WholeWord`] asks.
    pub fn choose(
        &self,
        ids: &[u32],
        special: SpecialIds,
        continues: impl Fn(u32) -> bool,
        slots: usize,
        rng: &mut impl Rng,
    ) -> Vec<Slot> {
        let is_candidate = |id: u32| is_candidate(id, special);
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
                shown(chosen.into_iter().map(|i| candidates[i]))
            }
            Self::Span { end_probability, max_length, .. } => {
                shown(spans(&candidates, wanted, end_probability, max_length, rng))
            }
            Self::WholeWord { .. } => {
                let is_inner = |&position: &usize| {
                    continues(ids[position]) && position > 0 && is_candidate(ids[position - 1])
                };
                shown(whole_words(&candidates, is_inner, wanted, rng))
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

/// Whether masking may choose a token: never \[CLS\], \[SEP\] or \[MASK\].
pub fn is_candidate(id: u32, special: SpecialIds) -> bool {
    id != special.cls && id != special.sep && id != special.mask
}

/// Slots that show \[MASK\].
fn shown(positions: impl IntoIterator<Item = usize>) -> Vec<Slot> {
    positions.into_iter().map(|position| Slot { position, shows_mask: true }).collect()
}

/// `wanted` of the `candidates` or all of them, in spans, in order.
fn spans(
    candidates: &[usize],
    wanted: usize,
    end_probability: f64,
    max_length: usize,
    rng: &mut impl Rng,
) -> BTreeSet<usize> {
    let mut free: BTreeSet<usize> = candidates.iter().copied().collect();
    let mut chosen = BTreeSet::new();
    while chosen.len() < wanted && !free.is_empty() {
        let start = *free.iter().nth(rng.random_range(0..free.len())).expect("an index below the length");
        let length = span_length(end_probability, max_length, rng.random()).min(wanted - chosen.len());
        for position in (start..start + length).take_while(|position| free.remove(position)) {
            chosen.insert(position);
        }
    }
    chosen
}

/// Length of a span at which the distribution function of `p (1 - p)^(length - 1)` on `1..=max`,
/// scaled to end at 1, passes `uniform`.
fn span_length(p: f64, max: usize, uniform: f64) -> usize {
    let up_to = |length: usize| 1.0 - (1.0 - p).powi(length as i32);
    (1..max).find(|&length| uniform * up_to(max) < up_to(length)).unwrap_or(max)
}

/// At most `wanted` of the `candidates`, whole words in random order as long as they fit, in order.
fn whole_words(
    candidates: &[usize],
    is_inner: impl Fn(&usize) -> bool,
    wanted: usize,
    rng: &mut impl Rng,
) -> BTreeSet<usize> {
    let mut words: Vec<&[usize]> = candidates.chunk_by(|_, next| is_inner(next)).collect();
    words.shuffle(rng);
    let mut chosen = BTreeSet::new();
    for word in &words {
        if chosen.len() + word.len() <= wanted {
            chosen.extend(word.iter().copied());
        }
    }
    if chosen.is_empty() {
        chosen.extend(words[0].iter().take(wanted).copied());
    }
    chosen
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

    const SPAN: Masking = Masking::Span { probability: 0.15, end_probability: 0.2, max_length: 10 };
    const WORD: Masking = Masking::WholeWord { probability: 0.15 };

    fn never(_: u32) -> bool {
        false
    }

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
        let slots = PAPER.choose(&example(128), SPECIAL, never, 19, &mut rng(1));
        assert_eq!(slots.len(), 19);
        assert_eq!(slots.iter().map(|s| s.position).collect::<HashSet<_>>().len(), 19);
        assert!(slots.iter().all(|s| s.shows_mask));
    }

    #[test]
    fn the_number_of_positions_rounds_halves_to_even() {
        // 30 * .15 = 4.5 rounds to 4, 50 * .15 = 7.5 to 8.
        assert_eq!(PAPER.choose(&example(30), SPECIAL, never, 99, &mut rng(1)).len(), 4);
        assert_eq!(PAPER.choose(&example(50), SPECIAL, never, 99, &mut rng(1)).len(), 8);
    }

    #[test]
    fn the_shortest_example_gets_one_and_an_empty_one_none() {
        assert_eq!(
            PAPER.choose(&[2, 77, 3], SPECIAL, never, 19, &mut rng(1)),
            [Slot { position: 1, shows_mask: true }]
        );
        assert_eq!(PAPER.choose(&[2, 3], SPECIAL, never, 19, &mut rng(1)), []);
    }

    #[test]
    fn google_mode_hits_13_8_percent_of_the_tokens_and_masks_85_percent_of_the_draws() {
        let (mut distinct, mut masked, mut draws) = (0, 0, 0);
        for seed in 0..2000 {
            let slots = GOOGLE.choose(&example(128), SPECIAL, never, 19, &mut rng(seed));
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

    #[test]
    fn lengths_of_spans_are_those_of_spanbert() {
        let mean = |count: usize| {
            (0..count).map(|i| span_length(0.2, 10, (i as f64 + 0.5) / count as f64) as f64).sum::<f64>()
                / count as f64
        };
        // Joshi et al. 2020, §3.1: "a mean span length of 3.8".
        assert!((mean(10_000) - 3.797).abs() < 0.01, "{}", mean(10_000));
        assert_eq!([0.0, 0.2, 0.999_999].map(|u| span_length(0.2, 10, u)), [1, 1, 10]);
        assert_eq!(span_length(0.5, 2, 0.66), 1);
        assert_eq!(span_length(0.5, 2, 0.67), 2);
    }

    #[test]
    fn spans_are_runs_of_neighbours_and_fill_the_share_exactly() {
        let mut runs = 0;
        for seed in 0..200 {
            let slots = SPAN.choose(&example(128), SPECIAL, never, 19, &mut rng(seed));
            let positions: Vec<usize> = slots.iter().map(|slot| slot.position).collect();
            assert_eq!(positions.iter().collect::<HashSet<_>>().len(), 19);
            assert!(slots.iter().all(|slot| slot.shows_mask));
            runs += positions.chunk_by(|a, b| a + 1 == *b).count();
        }
        // 19 positions in runs of 3.8 or a little more, where spans touch; alone they would be about 16.
        assert!((3.5..5.5).contains(&(runs as f64 / 200.0)), "{runs}");
    }

    #[test]
    fn a_word_is_masked_whole_or_not_at_all() {
        // Words of one to four pieces, a piece that continues another is odd.
        let ids = [2, 10, 11, 20, 30, 31, 33, 40, 3, 51, 50, 61, 63, 65, 70, 71, 80, 90, 3];
        let words: [&[usize]; 10] =
            [&[1, 2], &[3], &[4, 5, 6], &[7], &[9], &[10, 11, 12, 13], &[14, 15], &[16], &[17], &[]];
        let masking = Masking::WholeWord { probability: 0.3 };
        let mut seen = HashSet::new();
        for seed in 0..300 {
            let slots = masking.choose(&ids, SPECIAL, |id| id % 2 == 1, 19, &mut rng(seed));
            let chosen: HashSet<usize> = slots.iter().map(|slot| slot.position).collect();
            // 19 * .3 = 5.7; of the five words of one piece no longer one can make six.
            assert!((5..=6).contains(&slots.len()), "{chosen:?}");
            for word in words {
                let inside = word.iter().filter(|position| chosen.contains(position)).count();
                assert!(inside == 0 || inside == word.len(), "{word:?} of {chosen:?}");
            }
            seen.extend(chosen);
        }
        assert_eq!(seen.len(), 16);
        // A word longer than the share gives its first pieces.
        let one = Masking::WholeWord { probability: 0.1 };
        let slots = one.choose(&[2, 10, 11, 13, 15, 3], SPECIAL, |id| id % 2 == 1, 19, &mut rng(1));
        assert_eq!(slots, [Slot { position: 1, shows_mask: true }]);
    }

    proptest! {
        #[test]
        fn masking_never_picks_specials(
            ids in proptest::collection::vec(0u32..30, 1..200),
            seed in any::<u64>(),
            kind in 0usize..4,
        ) {
            let masking = [PAPER, GOOGLE, SPAN, WORD][kind];
            let slots = masking.choose(&ids, SPECIAL, |id| id % 3 == 0, 19, &mut rng(seed));
            for slot in &slots {
                prop_assert!(![2, 3, 4].contains(&ids[slot.position]));
            }
            // As many as the share asks for, where words do not get in the way.
            let candidates = ids.iter().filter(|id| ![2, 3, 4].contains(*id)).count();
            let wanted = ((ids.len() as f64 * 0.15).round_ties_even() as usize).clamp(1, 19);
            prop_assert!(slots.len() <= wanted && (candidates == 0) == slots.is_empty());
            let may_fall_short = matches!(masking, Masking::Google { .. } | Masking::WholeWord { .. });
            prop_assert!(may_fall_short || slots.len() == wanted.min(candidates), "{} slots", slots.len());
        }
    }
}
