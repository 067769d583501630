//! A small tagger with random weights, made without a fine-tuning.

use burn::prelude::Device;
use electra_annotations::{LabelScheme, LabelSet};
use electra_model::{ModelConfig, Precision};
use electra_ner::{
    ClassifierDropout, Context, Decoding, HeadType, TaggerFolder, TaggerSettings, TaggerShape,
    TokenClassifier,
};
use electra_text::Tokenizer;
use serde_json::json;

use super::{Workbench, corpus};

/// Pieces that a tagger sees at once.
pub const WINDOW: usize = 32;

impl Workbench {
    /// A folder with `corpus.txt`, `tokenizer` and, in `tagger`, a tagger of LOC and PER of one layer with
    /// large random weights; with a CRF if that decodes. Gives back its sizes too.
    pub fn with_tagger(vocab_size: usize, hidden_size: usize, decoding: Decoding) -> (Self, ModelConfig) {
        let bench = Self::new();
        bench.write("corpus.txt", corpus(120, 1));
        bench
            .succeed(&format!("data tokenizer --input corpus.txt --vocab-size {vocab_size} --out tokenizer"));
        let tokenizer = Tokenizer::load(bench.path("tokenizer")).unwrap();
        let config: ModelConfig = serde_json::from_value(json!({
            "vocab_size": tokenizer.vocab_size(),
            "embedding_size": hidden_size,
            "max_position_embeddings": WINDOW + 8,
            "type_vocab_size": 2,
            "hidden_size": hidden_size,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": hidden_size,
            "initializer_range": 0.5,
            "generator": {"tie": "embeddings", "width": 0.5, "depth": 1.0},
        }))
        .unwrap();
        let labels = LabelSet::new(["LOC", "PER"], LabelScheme::Iob2);
        let shape = TaggerShape { config: &config, labels: &labels, head: HeadType::trained_for(decoding) };
        let tagger = TokenClassifier::init(shape, 5, &Device::flex(), Precision::F32);
        let settings =
            TaggerSettings { decoding, context: Context::Sentence, window: WINDOW, division: None };
        let path = bench.path("tagger");
        let folder = TaggerFolder::new(&path, &tagger, shape, ClassifierDropout::PAPER, settings, tokenizer);
        folder.write().unwrap();
        (bench, config)
    }
}
