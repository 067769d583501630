//! A tagger of a few thousand random parameters that finds something everywhere.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;

use burn::prelude::*;
use electra_annotations::{
    LabelScheme, LabelSet, LineBreaks, SentenceDivision, SentenceSettings, WordDivision,
};
use electra_model::{ModelConfig, Precision};
use electra_ner::{
    ClassifierDropout, Context, Decoding, Documents, HeadType, PredictError, PredictSettings,
    PredictionSummary, Predictor, TaggedSentence, TaggerFolder, TaggerSettings, TaggerShape, TextForm,
    TokenClassifier,
};
use electra_text::vocab::SPECIAL_TOKENS;
use electra_text::wordpiece::Settings;
use electra_text::{Tokenizer, Vocabulary};
use serde_json::json;

/// Pieces in a window.
pub const WINDOW: usize = 32;

pub const RUNNING: TextForm = TextForm::Running(SentenceSettings {
    words: WordDivision::Corpus,
    sentences: SentenceDivision::FullStop,
    max_words: 1000,
    line_breaks: LineBreaks::Space,
});

pub const SETTINGS: PredictSettings =
    PredictSettings { form: RUNNING, documents: Documents::Whole, batch_size: 8 };

/// Pieces of one character.
pub fn tokenizer() -> Tokenizer {
    let characters = ('a'..='z').chain('0'..='9').chain(".,!?-'北京大学在上海東京。".chars());
    let pieces = characters.flat_map(|c| [c.to_string(), format!("##{c}")]);
    let mut seen = std::collections::HashSet::new();
    let pieces = SPECIAL_TOKENS.map(str::to_owned).into_iter().chain(pieces);
    let pieces = pieces.filter(|piece| seen.insert(piece.clone())).collect();
    Tokenizer::new(Vocabulary::new(pieces, Path::new("vocab.txt")).unwrap(), Settings::UNCASED)
}

/// A tagger at rest, nowhere on disk.
pub fn folder(context: Context, decoding: Decoding) -> TaggerFolder {
    let tokenizer = tokenizer();
    // Large random weights: logits that differ from word to word and with the context.
    let config: ModelConfig = serde_json::from_value(json!({
        "vocab_size": tokenizer.vocab_size(),
        "embedding_size": 16,
        "max_position_embeddings": 48,
        "type_vocab_size": 2,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "initializer_range": 0.5,
        "generator": {"tie": "embeddings", "width": 0.5, "depth": 1.0},
    }))
    .unwrap();
    let labels = LabelSet::new(["LOC", "PER"], LabelScheme::Iob2);
    let shape = TaggerShape { config: &config, labels: &labels, head: HeadType::trained_for(decoding) };
    let tagger = TokenClassifier::init(shape, 5, &Device::flex(), Precision::F32);
    let settings = TaggerSettings { decoding, context, window: WINDOW, division: None };
    TaggerFolder::new(Path::new("tagger"), &tagger, shape, ClassifierDropout::PAPER, settings, tokenizer)
}

pub fn predictor(context: Context) -> Predictor {
    Predictor::new(&folder(context, Decoding::Argmax), &Device::flex(), Precision::F32).unwrap()
}

/// Everything that is found in a stream.
pub fn tagged_stream(
    predictor: &Predictor,
    input: impl Read + Send + 'static,
    settings: &PredictSettings,
) -> (Vec<TaggedSentence>, Result<PredictionSummary, PredictError>) {
    let found = Mutex::new(Vec::new());
    let summary = predictor.run(input, settings, |sentences| {
        found.lock().unwrap().extend_from_slice(sentences);
        Ok(())
    });
    (found.into_inner().unwrap(), summary)
}

/// Everything that is found in a text.
pub fn tagged(predictor: &Predictor, text: &str, settings: &PredictSettings) -> Vec<TaggedSentence> {
    let (found, summary) = tagged_stream(predictor, io::Cursor::new(text.to_owned()), settings);
    let summary = summary.unwrap();
    assert_eq!(
        summary.words as usize,
        found.iter().map(|sentence| sentence.sentence.words.len()).sum::<usize>()
    );
    assert!(found.iter().all(|sentence| sentence.tags.len() == sentence.sentence.words.len()));
    found
}

/// The tags of all words.
pub fn tags(found: &[TaggedSentence]) -> Vec<&str> {
    found.iter().flat_map(|sentence| &sentence.tags).map(String::as_str).collect()
}

/// So many sentences of 3 to 12 words, every fifth behind a blank line.
pub fn story(sentences: usize) -> String {
    let mut state = 7u64;
    let mut next = move |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut text = String::new();
    for sentence in 0..sentences {
        if sentence > 0 {
            text += if sentence % 5 == 0 { "\n\n" } else { " " };
        }
        for word in 0..3 + next(10) {
            text += if word == 0 { "The" } else { " " };
            (0..u64::from(word > 0) * (1 + next(4))).for_each(|_| text.push((b'a' + next(26) as u8) as char));
        }
        text.push('.');
    }
    text
}
