// A tagger of one small layer with random weights, for programs that need some tagger. What it finds means
// nothing.

use std::error::Error;
use std::path::{Path, PathBuf};

use burn::prelude::Device;
use electra_annotations::{LabelScheme, LabelSet};
use electra_model::{ModelConfig, Precision};
use electra_ner::{
    ClassifierDropout, Context, Decoding, HeadType, TaggerFolder, TaggerSettings, TaggerShape,
    TokenClassifier,
};
use electra_text::vocab::SPECIAL_TOKENS;
use electra_text::wordpiece::Settings;
use electra_text::{Tokenizer, Vocabulary};

/// Writes the tagger below a folder, and gives back its path.
pub fn write(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    // A piece for each character of English.
    let characters = ('a'..='z').chain('0'..='9').chain(".,!?-'".chars());
    let pieces = characters.flat_map(|c| [c.to_string(), format!("##{c}")]);
    let pieces = SPECIAL_TOKENS.map(str::to_owned).into_iter().chain(pieces).collect();
    let tokenizer = Tokenizer::new(Vocabulary::new(pieces, Path::new("vocab.txt"))?, Settings::UNCASED);
    // Large weights: words that differ get labels that differ.
    let config: ModelConfig = serde_json::from_value(serde_json::json!({
        "vocab_size": tokenizer.vocab_size(),
        "embedding_size": 16,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "initializer_range": 0.5,
        "generator": {"tie": "embeddings", "width": 0.5, "depth": 1.0},
    }))?;
    let labels = LabelSet::new(["LOC", "PER"], LabelScheme::Iob2);
    let shape = TaggerShape { config: &config, labels: &labels, head: HeadType::Linear };
    let network = TokenClassifier::init(shape, 5, &Device::flex(), Precision::F32);
    let (decoding, context) = (Decoding::Viterbi, Context::Sentence);
    let settings = TaggerSettings { decoding, context, window: 64, division: None };
    let path = folder.join("tagger");
    TaggerFolder::new(&path, &network, shape, ClassifierDropout::PAPER, settings, tokenizer).write()?;
    Ok(path)
}
