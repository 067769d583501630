//! One batch of pretraining examples: on the host, then on the device.

use std::collections::HashSet;
use std::iter::repeat_n;

use burn::prelude::*;
use burn::tensor::TensorData;
use electra_kernels as kernels;

/// A batch in host memory. Row-major; every row has `sequence_length` tokens and `slots` slots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchData {
    /// The number of rows, `B`.
    pub examples: usize,
    /// The tokens of a row, `S`.
    pub sequence_length: usize,
    /// The masked slots of a row, `N`.
    pub slots: usize,
    /// `[B, S]` original ids.
    pub ids: Vec<i32>,
    /// `[B, S]` ids with \[MASK\] at the chosen positions: what the generator reads.
    pub masked_ids: Vec<i32>,
    /// `[B, S]` token types.
    pub token_type_ids: Vec<i32>,
    /// `[B, S]` 1 at tokens, 0 at padding.
    pub attention_mask: Vec<f32>,
    /// `[B, N]` chosen positions; unused slots point at 0.
    pub positions: Vec<i32>,
    /// `[B, N]` original ids at the positions.
    pub targets: Vec<i32>,
    /// `[B, N]` 1 for used slots, 0 for unused.
    pub weights: Vec<f32>,
    /// `[B, N]` uniform numbers in `[0, 1)` that decide the generator's samples.
    pub uniforms: Vec<f32>,
    /// `[B, N]` samples of a generator that does not learn; empty where one does.
    pub proposals: Vec<i32>,
    /// `[B, S]` 1 at tokens that could have been chosen; empty where the objective does not ask.
    pub candidates: Vec<f32>,
    /// Share of tokens that masking chooses.
    pub probability: f64,
}

/// A batch on a device, with the tensors of [`BatchData`].
#[derive(Clone, Debug)]
pub struct Batch {
    /// Original ids, `[B, S]`.
    pub ids: Tensor<2, Int>,
    /// Ids with \[MASK\] at the chosen positions, `[B, S]`.
    pub masked_ids: Tensor<2, Int>,
    /// Token types, `[B, S]`.
    pub token_type_ids: Tensor<2, Int>,
    /// 1 at tokens, 0 at padding, `[B, S]`.
    pub attention_mask: Tensor<2>,
    /// Chosen positions, `[B, N]`; unused slots point at 0.
    pub positions: Tensor<2, Int>,
    /// Original ids at the positions, `[B * N]`.
    pub targets: Tensor<1, Int>,
    /// 1 for used slots, 0 for unused, `[B * N]`.
    pub weights: Tensor<1>,
    /// Uniform numbers in `[0, 1)` that decide the generator's samples, `[B * N]`.
    pub uniforms: Tensor<1>,
    /// Samples of a generator that does not learn, `[B * N]`.
    pub proposals: Option<Tensor<1, Int>>,
    /// 1 at tokens that could have been chosen, `[B, S]`.
    pub candidates: Option<Tensor<2>>,
    /// Share of tokens that masking chooses.
    pub probability: f64,
}

impl Batch {
    /// `[B, S]`: 1 at the chosen positions, 0 elsewhere.
    pub fn chosen(&self) -> Tensor<2> {
        let ones = self.targets.ones_like();
        let (positions, weights) = (self.positions.clone(), self.weights.clone());
        kernels::scatter_positions(self.ids.zeros_like(), positions, ones, weights).float()
    }
}

/// The divisors of the losses, counted over the whole optimizer step, so that the gradients of its
/// micro-batches add up to exactly those of the large batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalizer {
    /// Sum of the slot weights, plus 1e-6 (`run_pretraining.py`).
    pub mlm: f64,
    /// Number of real tokens, plus 1e-6.
    pub rtd: f64,
    /// Number of chosen positions, each counted once, plus 1e-6.
    pub chosen: f64,
    /// Number of tokens that could have been chosen, plus 1e-6.
    pub candidates: f64,
}

impl Normalizer {
    /// Losses as sums, for whoever adds up batches of different sizes.
    pub const SUMS: Self = Self { mlm: 1.0, rtd: 1.0, chosen: 1.0, candidates: 1.0 };

    /// Counts over all micro-batches of a step.
    pub fn over<'a>(batches: impl IntoIterator<Item = &'a BatchData>) -> Self {
        Self::of_counts(batches.into_iter().map(Self::counts))
    }

    /// The counts of one micro-batch, without what is added to them.
    pub fn counts(batch: &BatchData) -> Self {
        let sum = |values: &[f32]| values.iter().map(|&v| f64::from(v)).sum::<f64>();
        Self {
            mlm: sum(&batch.weights),
            rtd: sum(&batch.attention_mask),
            chosen: batch.chosen() as f64,
            candidates: sum(&batch.candidates),
        }
    }

    /// The divisors of a step whose micro-batches have these counts.
    pub fn of_counts(counts: impl IntoIterator<Item = Self>) -> Self {
        let start = Self { mlm: 1e-6, rtd: 1e-6, chosen: 1e-6, candidates: 1e-6 };
        counts.into_iter().fold(start, |total, counts| Self {
            mlm: total.mlm + counts.mlm,
            rtd: total.rtd + counts.rtd,
            chosen: total.chosen + counts.chosen,
            candidates: total.candidates + counts.candidates,
        })
    }
}

/// One chosen position of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Index into the example.
    pub position: usize,
    /// Whether the generator sees \[MASK\] there, or the original token.
    pub shows_mask: bool,
}

impl BatchData {
    /// Number of chosen positions, each counted once however many slots name it.
    pub fn chosen(&self) -> usize {
        let used = self.positions.iter().zip(&self.weights).enumerate().filter(|(_, (_, w))| **w > 0.0);
        let places = used.map(|(slot, (position, _))| (slot / self.slots, *position));
        places.collect::<HashSet<_>>().len()
    }

    /// Appends an example without its uniform numbers: pads `ids` to the sequence length and
    /// masks `slots`.
    ///
    /// Panics if the example is longer than a row or has more slots than the batch.
    pub fn push(
        &mut self,
        ids: &[u32],
        token_type: impl Fn(usize) -> u32,
        pad: u32,
        mask: u32,
        slots: &[Slot],
    ) {
        let (length, row) = (ids.len(), self.ids.len());
        assert!(
            length <= self.sequence_length,
            "example of {length} tokens in rows of {}",
            self.sequence_length
        );
        assert!(slots.len() <= self.slots, "{} slots in rows of {}", slots.len(), self.slots);
        let padding = self.sequence_length - length;
        self.ids.extend(ids.iter().map(|&id| id as i32));
        self.ids.extend(repeat_n(pad as i32, padding));
        self.token_type_ids.extend((0..length).map(|i| token_type(i) as i32));
        self.token_type_ids.extend(repeat_n(0, padding));
        self.attention_mask.extend(repeat_n(1.0, length));
        self.attention_mask.extend(repeat_n(0.0, padding));
        self.masked_ids.extend_from_slice(&self.ids[row..]);
        for slot in slots {
            if slot.shows_mask {
                self.masked_ids[row + slot.position] = mask as i32;
            }
            self.positions.push(slot.position as i32);
            self.targets.push(ids[slot.position] as i32);
            self.weights.push(1.0);
        }
        let unused = self.slots - slots.len();
        self.positions.extend(repeat_n(0, unused));
        self.targets.extend(repeat_n(self.ids[row], unused));
        self.weights.extend(repeat_n(0.0, unused));
    }

    /// Moves the batch to a device: the only host-to-device transfer of a step.
    pub fn to_device(&self, device: &Device) -> Batch {
        let (b, s, n) = (self.examples, self.sequence_length, self.slots);
        let ints = |v: &[i32], shape: [usize; 2]| {
            Tensor::<2, Int>::from_data(TensorData::new(v.to_vec(), shape), device)
        };
        let flat = |v: &[f32]| Tensor::<1>::from_data(TensorData::new(v.to_vec(), [b * n]), device);
        Batch {
            ids: ints(&self.ids, [b, s]),
            masked_ids: ints(&self.masked_ids, [b, s]),
            token_type_ids: ints(&self.token_type_ids, [b, s]),
            attention_mask: Tensor::from_data(TensorData::new(self.attention_mask.clone(), [b, s]), device),
            positions: ints(&self.positions, [b, n]),
            targets: ints(&self.targets, [b, n]).reshape([b * n]),
            weights: flat(&self.weights),
            uniforms: flat(&self.uniforms),
            candidates: (!self.candidates.is_empty())
                .then(|| Tensor::from_data(TensorData::new(self.candidates.clone(), [b, s]), device)),
            probability: self.probability,
            proposals: (!self.proposals.is_empty()).then(|| ints(&self.proposals, [b, n]).reshape([b * n])),
        }
    }
}
