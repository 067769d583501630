//! Networks of a few thousand parameters, with weights so large that a mistake shows, and
//! batches for them.

use burn::prelude::*;
use electra_model::batch::Slot;
use electra_model::parameters::{NamedTensors, collect, load};
use electra_model::{
    Architecture, BatchData, Electra, GeneratorConfig, ModelConfig, OutputBias, PositionStart, Precision,
    TieMode,
};

pub const PAD: u32 = 0;
pub const CLS: u32 = 2;
pub const SEP: u32 = 3;
pub const MASK: u32 = 4;
/// The first id that is a word.
pub const FIRST_WORD: u32 = 5;

/// Two networks whose sizes all differ where they can.
pub fn config(tie: TieMode) -> ModelConfig {
    let own = (tie != TieMode::All).then_some(());
    ModelConfig {
        vocab_size: 96,
        embedding_size: 16,
        max_position_embeddings: 32,
        type_vocab_size: 2,
        hidden_size: 24,
        num_hidden_layers: 3,
        num_attention_heads: 4,
        intermediate_size: 48,
        initializer_range: 0.02,
        kernel_gain: None,
        position_start: PositionStart::Random,
        position_distances: None,
        generator: GeneratorConfig {
            tie,
            width: None,
            hidden_size: own.map(|()| 12),
            depth: None,
            num_hidden_layers: own.map(|()| 2),
            num_attention_heads: own.map(|()| 2),
            intermediate_size: own.map(|()| 20),
            position_distances: None,
            output_bias: OutputBias::Zeros,
            residual_start: None,
        },
    }
}

/// Networks of the paper with every parameter random, biases and layer norms too.
pub fn electra(config: &ModelConfig, seed: u64, device: &Device) -> Electra {
    electra_of(config, Architecture::ELECTRA, seed, device)
}

/// Networks of any architecture with random parameters.
pub fn electra_of(config: &ModelConfig, networks: Architecture, seed: u64, device: &Device) -> Electra {
    let mut noise = Noise(seed);
    let start = Electra::init_with(config, networks, 0, device, Precision::F32);
    let random = |(path, data): (String, TensorData)| {
        let shape = data.shape().to_vec();
        let leaf = path.rsplit('.').next().unwrap().to_owned();
        let (mean, deviation) = match (leaf.as_str(), &shape[..]) {
            ("gamma", _) => (1.0, 0.2),
            ("weight", [inputs, _]) => (0.0, 1.2 / (*inputs as f64).sqrt()),
            (_, [_, _]) => (0.0, 0.5),
            _ => (0.0, 0.1),
        };
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|_| (mean + deviation * noise.wave()) as f32).collect();
        (path, TensorData::new(values, shape))
    };
    let tensors: NamedTensors = collect(&start).into_iter().map(random).collect();
    load(start, tensors).unwrap()
}

/// One row for each length, in two segments, with up to three masked slots a row.
pub fn batch(lengths: &[usize], sequence_length: usize, seed: u64) -> BatchData {
    let mut noise = Noise(seed);
    let mut batch = BatchData { examples: lengths.len(), sequence_length, slots: 3, ..BatchData::default() };
    for &length in lengths {
        let words = 96 - FIRST_WORD as usize;
        let mut ids: Vec<u32> = (0..length).map(|_| FIRST_WORD + noise.below(words) as u32).collect();
        (ids[0], ids[length / 2], ids[length - 1]) = (CLS, SEP, SEP);
        let mut words: Vec<usize> = (0..length).filter(|&i| ids[i] >= FIRST_WORD).collect();
        let mut slots = vec![];
        for _ in 0..(1 + length / 6).min(3).min(words.len()) {
            let position = words.swap_remove(noise.below(words.len()));
            slots.push(Slot { position, shows_mask: true });
        }
        batch.push(&ids, |i| u32::from(i > length / 2), PAD, MASK, &slots);
    }
    batch.uniforms = (0..lengths.len() * 3).map(|_| noise.unit() as f32).collect();
    batch
}

/// `count` rows of a batch from row `first` on.
pub fn rows(batch: &BatchData, first: usize, count: usize) -> BatchData {
    let (s, n) = (batch.sequence_length, batch.slots);
    let tokens = |values: &[i32]| values[first * s..(first + count) * s].to_vec();
    let slots = |values: &[i32]| values[first * n..(first + count) * n].to_vec();
    BatchData {
        examples: count,
        sequence_length: s,
        slots: n,
        ids: tokens(&batch.ids),
        masked_ids: tokens(&batch.masked_ids),
        token_type_ids: tokens(&batch.token_type_ids),
        attention_mask: batch.attention_mask[first * s..(first + count) * s].to_vec(),
        positions: slots(&batch.positions),
        targets: slots(&batch.targets),
        weights: batch.weights[first * n..(first + count) * n].to_vec(),
        uniforms: batch.uniforms[first * n..(first + count) * n].to_vec(),
        candidates: batch.candidates.get(first * s..(first + count) * s).unwrap_or_default().to_vec(),
        probability: batch.probability,
        proposals: batch.proposals.get(first * n..(first + count) * n).unwrap_or_default().to_vec(),
    }
}

/// A linear congruential generator (Knuth's MMIX constants).
pub struct Noise(pub u64);

impl Noise {
    /// A number in `[0, 1)` that a 32-bit float can hold.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1u64 << 24) as f64
    }

    /// An integer below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.unit() * bound as f64) as usize
    }

    /// A number of mean 0 and variance 1.
    fn wave(&mut self) -> f64 {
        (self.unit() * 2.0 - 1.0) * 3f64.sqrt()
    }
}
