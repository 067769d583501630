//! The share of masked tokens as a function of the step.

use serde::{Deserialize, Serialize};

use crate::mask::Masking;

/// The mask rate of training over time. Held-out rows are masked at `masking.probability` whatever it is, so that
/// evaluations of all steps and all recipes measure the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MaskRate {
    /// `masking.probability` at every step.
    Constant {},
    /// One rate after another, each for a part of the steps (mmBERT, Marone et al. 2025, arXiv 2509.06888: .3, .15
    /// and .05).
    Piecewise {
        /// The rates, in order; at least two.
        probabilities: Vec<f64>,
        /// Shares of all steps that are done where a rate ends and the next begins; one fewer than rates, ascending.
        ends: Vec<f64>,
    },
}

impl Default for MaskRate {
    fn default() -> Self {
        Self::Constant {}
    }
}

impl MaskRate {
    /// Whether it is that of masking itself.
    pub fn is_constant(&self) -> bool {
        *self == Self::Constant {}
    }

    /// First steps of the rates in a run of so many steps, and the rates; `None` is that of masking itself.
    fn rates(&self, steps: u64) -> Vec<(u64, Option<f64>)> {
        match self {
            Self::Constant {} => vec![(0, None)],
            Self::Piecewise { probabilities, ends } => {
                let firsts = ends.iter().map(|end| (end * steps as f64).round() as u64);
                let firsts = std::iter::once(0).chain(firsts);
                firsts.zip(probabilities).map(|(first, &probability)| (first, Some(probability))).collect()
            }
        }
    }

    /// First steps of the rates in a run of so many steps, in order.
    pub fn firsts(&self, steps: u64) -> Vec<u64> {
        self.rates(steps).into_iter().map(|(first, _)| first).collect()
    }

    /// The masking of the step after `step` others in a run of so many steps: `masking` at the rate of that step.
    pub fn masking(&self, masking: Masking, step: u64, steps: u64) -> Masking {
        let rate =
            self.rates(steps).into_iter().rfind(|(first, _)| *first <= step).and_then(|(_, rate)| rate);
        rate.map_or(masking, |probability| masking.with_probability(probability))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASKING: Masking = Masking::Google { probability: 0.15, mask_token_share: 0.85 };

    #[test]
    fn a_rate_begins_where_the_one_before_ends_and_only_the_share_of_tokens_changes() {
        let rate = MaskRate::Piecewise { probabilities: vec![0.3, 0.15, 0.05], ends: vec![0.5, 0.84] };
        let found: Vec<f64> = (0..11).map(|step| rate.masking(MASKING, step, 10).probability()).collect();
        assert_eq!(found, [0.3, 0.3, 0.3, 0.3, 0.3, 0.15, 0.15, 0.15, 0.05, 0.05, 0.05]);
        assert_eq!(rate.firsts(10), [0, 5, 8]);
        let expected = Masking::Google { probability: 0.05, mask_token_share: 0.85 };
        assert_eq!(rate.masking(MASKING, 9, 10), expected);
        // Slots of 100 tokens: int((p + .005) * 100).
        assert_eq!([0, 5, 9].map(|step| rate.masking(MASKING, step, 10).slots(100)), [30, 15, 5]);
    }

    #[test]
    fn without_a_course_the_rate_is_that_of_masking() {
        assert_eq!(MaskRate::default().masking(MASKING, 7, 10), MASKING);
        assert_eq!(MaskRate::default().firsts(10), [0]);
    }

    #[test]
    fn a_rate_reads_what_it_writes_and_refuses_what_it_does_not_know() {
        let text = r#"{"kind":"piecewise","probabilities":[0.3,0.15],"ends":[0.5]}"#;
        let rate: MaskRate = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&rate).unwrap(), text);
        assert!(serde_json::from_str::<MaskRate>(r#"{"kind":"constant","ends":[0.5]}"#).is_err());
        assert!(serde_json::from_str::<MaskRate>(r#"{"kind":"piecewise","probabilities":[0.3]}"#).is_err());
    }
}
