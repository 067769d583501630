//! A tagger for sentences whose words are given.

use burn::prelude::Device;
use electra_annotations::{LabelSet, Sentences, TagSequences};
use electra_model::Precision;
use electra_text::Tokenizer;

use super::predictor::PredictorError;
use super::windowed::WindowedSentences;
use crate::head::Decoder;
use crate::tagger_folder::TaggerFolder;
use crate::token_classifier::TokenClassifier;
use crate::window::WindowSettings;

/// Windows that go through the network together.
const BATCH_SIZE: usize = 32;

/// A tagger for sentences whose words are given, such as those of annotated files: it reads them as fine-tuning
/// does when it scores.
pub struct SentenceTagger {
    tagger: TokenClassifier,
    decoder: Decoder,
    labels: LabelSet,
    tokenizer: Tokenizer,
    windows: WindowSettings,
    device: Device,
}

impl SentenceTagger {
    /// The tagger of a folder on a device, with matrix products in `precision`.
    ///
    /// # Errors
    /// Weights that do not fit the folder's own sizes, or a window too short for any word.
    pub fn new(folder: &TaggerFolder, device: &Device, precision: Precision) -> Result<Self, PredictorError> {
        let windows = WindowSettings::new(folder.settings.window, folder.settings.context);
        windows.validate().map_err(|source| PredictorError::Window { path: folder.path.clone(), source })?;
        let tagger = folder.tagger(device, precision)?;
        Ok(Self {
            decoder: folder.decoder(&tagger),
            tagger,
            labels: folder.labels.clone(),
            tokenizer: folder.tokenizer.clone(),
            windows,
            device: device.clone(),
        })
    }

    /// The labels that it tells apart.
    #[must_use]
    pub fn labels(&self) -> &LabelSet {
        &self.labels
    }

    /// One tag for each word of each sentence, in IOB2; the tags that the sentences have are not looked at.
    #[must_use]
    pub fn tags(&self, sentences: &Sentences) -> TagSequences {
        let (windowed, logits) = self.read(sentences);
        windowed.decoded_tags(&logits, &self.decoder, &self.labels)
    }

    /// The probability of each label at each word, `[W, L]`: among all labels, or among all sequences that have
    /// it there where sentences are decoded whole.
    #[must_use]
    pub fn probabilities(&self, sentences: &Sentences) -> Vec<f64> {
        let (windowed, logits) = self.read(sentences);
        let l = self.labels.len();
        let words = windowed.windows.sentences();
        words.flat_map(|words| self.decoder.probabilities(&logits[words.start * l..words.end * l])).collect()
    }

    fn read(&self, sentences: &Sentences) -> (WindowedSentences, Vec<f32>) {
        let windowed = WindowedSentences::new(sentences, &self.tokenizer, &self.windows);
        let logits = windowed.logits(&self.tagger, &self.labels, BATCH_SIZE, &self.device, &mut |_| ());
        (windowed, logits)
    }
}
