//! A tagger of a few thousand parameters, its tokenizer and its folders.

use std::path::{Path, PathBuf};

use burn::prelude::*;
use electra_annotations::LabelSet;
use electra_model::{GeneratorConfig, ModelConfig, OutputBias, PositionStart, Precision, TieMode};
use electra_ner::{HeadType, TaggerShape, TokenClassifier, WindowBatchData};
use electra_text::vocab::SPECIAL_TOKENS;
use electra_text::wordpiece::Settings;
use electra_text::{Tokenizer, Vocabulary};

/// The device of the fused operations and one on which all of them are composed, for training.
// burn-ndarray is deprecated but still the other device for the CPU.
#[expect(deprecated)]
pub fn devices() -> [Device; 2] {
    [Device::flex().autodiff(), Device::ndarray().autodiff()]
}

/// The sizes of the golden tagger.
pub fn config() -> ModelConfig {
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
            tie: TieMode::Embeddings,
            width: None,
            hidden_size: Some(12),
            depth: None,
            num_hidden_layers: Some(2),
            num_attention_heads: Some(2),
            intermediate_size: Some(20),
            position_distances: None,
            output_bias: OutputBias::Zeros,
            residual_start: None,
        },
    }
}

/// A tagger without pretraining.
pub fn tagger(labels: &LabelSet, head: HeadType, seed: u64, device: &Device) -> TokenClassifier {
    TokenClassifier::init(TaggerShape { config: &config(), labels, head }, seed, device, Precision::F32)
}

/// Two windows, the first with a word of two pieces, the second shorter.
pub fn batch() -> WindowBatchData {
    let mut batch = WindowBatchData::new(8);
    batch.push(&[2, 10, 11, 12, 13, 14, 15, 3], &[1, 2, 4, 5, 6], 0);
    batch.push(&[2, 20, 21, 22, 3], &[1, 2, 3], 0);
    batch
}

/// The numbers of a tensor.
pub fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// A tokenizer of that many pieces.
pub fn tokenizer(pieces: usize) -> Tokenizer {
    let words = (0..pieces - SPECIAL_TOKENS.len()).map(|i| format!("w{i}"));
    let pieces = SPECIAL_TOKENS.map(str::to_owned).into_iter().chain(words).collect();
    Tokenizer::new(Vocabulary::new(pieces, Path::new("vocab.txt")).unwrap(), Settings::UNCASED)
}

/// A fixture of this crate.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A copy of a folder of transformers, with a tokenizer, which the fixtures lack.
pub fn transformers_folder(saved: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(saved.join(name), folder.path().join(name)).unwrap();
    }
    tokenizer(96).save(folder.path()).unwrap();
    folder
}
