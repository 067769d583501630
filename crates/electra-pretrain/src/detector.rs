//! Which tokens of a text look replaced.

use burn::prelude::*;
use burn::tensor::TensorData;
use electra_model::{Discriminator, DropoutSites, Pass, on_workers};
use electra_text::Tokenizer;
use electra_text::wordpiece::OffsetUnit;

/// One token of a text and how likely the discriminator thinks that it was replaced.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Detection {
    /// The word piece.
    pub token: String,
    /// First character of the token in the text, counted in Unicode characters.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Probability that it was replaced.
    pub probability: f64,
}

/// Runs the discriminator over `text` of any length, in windows as long as its position table.
///
/// Panics if it learned no detection.
pub fn detect(model: &Discriminator, tokenizer: &Tokenizer, text: &str, device: &Device) -> Vec<Detection> {
    let encoding = tokenizer.encode(text, OffsetUnit::Chars, None);
    let pieces: Vec<usize> = (0..encoding.len()).filter(|&i| !encoding.is_special[i]).collect();
    let special = tokenizer.special();
    let window = model.embeddings.position.dims()[0] - 2;
    let mut detections = Vec::with_capacity(pieces.len());
    for chunk in pieces.chunks(window) {
        let inner = chunk.iter().map(|&i| encoding.ids[i]);
        let ids: Vec<i32> =
            [special.cls].into_iter().chain(inner).chain([special.sep]).map(|id| id as i32).collect();
        let s = ids.len();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, s]), device);
        let attention_mask = Tensor::ones([1, s], device);
        let logits: Vec<f32> = on_workers(Pass::Detection, device, || {
            let logits = model.forward(ids.clone(), ids.zeros_like(), attention_mask, &DropoutSites::off());
            logits.into_data().iter::<f32>().collect()
        });
        for (&i, &logit) in chunk.iter().zip(&logits[1..]) {
            let (start, end) = encoding.offsets[i];
            let token = tokenizer.vocabulary().piece(encoding.ids[i]).unwrap_or("[UNK]").to_string();
            detections.push(Detection {
                token,
                start,
                end,
                probability: 1.0 / (1.0 + (-f64::from(logit)).exp()),
            });
        }
    }
    detections
}
