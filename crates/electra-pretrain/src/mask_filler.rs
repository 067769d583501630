//! Masked language modelling with a pretrained generator: a text with a gap in, guesses for the gap out.

use std::ops::Range;

use burn::prelude::*;
use burn::tensor::TensorData;
use electra_kernels::read;
use electra_model::{Architecture, DropoutSites, Electra, GeneratorKind, Pass, on_workers};
use electra_text::Tokenizer;
use electra_text::wordpiece::OffsetUnit;
use electra_train::model_folder::{ModelFolder, ModelFolderError};

/// A word piece that a generator puts in a gap.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Guess {
    /// The word piece.
    pub token: String,
    /// Its probability among all pieces of the vocabulary.
    pub probability: f64,
}

/// A pretrained generator that fills gaps.
pub struct MaskFiller {
    model: Electra,
    tokenizer: Tokenizer,
    device: Device,
}

impl MaskFiller {
    /// The generator of a folder, on `device` without autodiff; none if the folder has none that reads masked text.
    ///
    /// # Errors
    /// Weights that do not fit the sizes.
    pub fn of(folder: &ModelFolder, device: Device) -> Result<Option<Self>, ModelFolderError> {
        if Architecture::of(&folder.tensors).generator != GeneratorKind::Masked {
            return Ok(None);
        }
        let model = folder.electra(&device)?;
        Ok(Some(Self { model, tokenizer: folder.tokenizer.clone(), device }))
    }

    /// The `n` likeliest pieces that begin a word, for the gap that is left where the characters `gap` of a text
    /// are taken out: one piece stands there. Of a text that is longer than the position table the part around the
    /// gap is read. A gap that is no range of the text's characters has no guesses.
    #[must_use]
    pub fn guesses(&self, text: &str, gap: Range<usize>, n: usize) -> Vec<Guess> {
        let byte =
            |character: usize| text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(character);
        let (Some(start), Some(end)) = (byte(gap.start), byte(gap.end)) else { return Vec::new() };
        let (Some(before), Some(after)) = (text.get(..start), text.get(end.max(start)..)) else {
            return Vec::new();
        };
        let (before, after) = (self.last_pieces(before), self.first_pieces(after));
        let (ids, position) = self.window(&before, &after);
        let mut probabilities: Vec<(usize, f64)> =
            softmax(&self.logits(&ids, position)).into_iter().enumerate().collect();
        probabilities.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let guess = |(id, probability): (usize, f64)| {
            let token = self.tokenizer.vocabulary().piece(id as u32)?;
            let is_special = token.starts_with('[') && token.ends_with(']');
            let begins_a_word = !is_special && !token.starts_with("##");
            begins_a_word.then(|| Guess { token: token.to_string(), probability })
        };
        probabilities.into_iter().filter_map(guess).take(n).collect()
    }

    /// Pieces around a gap that a window has room for.
    fn room(&self) -> usize {
        self.model.generator_embeddings().position.dims()[0] - 3
    }

    /// The last pieces of a text: all that a window has room for, and perhaps more.
    fn last_pieces(&self, text: &str) -> Vec<u32> {
        for length in lengths(self.room()) {
            // Between two words: each is divided into pieces by itself.
            let from = text.floor_char_boundary(text.len().saturating_sub(length));
            let Some(space) = text[from..].find(' ').filter(|_| from > 0) else { continue };
            let pieces = self.pieces(&text[from + space..]);
            if pieces.len() >= self.room() {
                return pieces;
            }
        }
        self.pieces(text)
    }

    /// The first pieces of a text: all that a window has room for, and perhaps more.
    fn first_pieces(&self, text: &str) -> Vec<u32> {
        for length in lengths(self.room()).filter(|&length| length < text.len()) {
            let Some(space) = text[..text.floor_char_boundary(length)].rfind(' ') else { continue };
            let pieces = self.pieces(&text[..space]);
            if pieces.len() >= self.room() {
                return pieces;
            }
        }
        self.pieces(text)
    }

    fn pieces(&self, text: &str) -> Vec<u32> {
        let encoding = self.tokenizer.encode(text, OffsetUnit::Chars, None);
        (0..encoding.len()).filter(|&i| !encoding.is_special[i]).map(|i| encoding.ids[i]).collect()
    }

    /// `[CLS]`, what fits of the pieces around the gap, `[SEP]`, and the place of the gap.
    fn window(&self, before: &[u32], after: &[u32]) -> (Vec<u32>, usize) {
        let special = self.tokenizer.special();
        let room = self.room();
        // What one side leaves free the other may have.
        let behind = after.len().min((room / 2).max(room.saturating_sub(before.len())));
        let front = before.len().min(room - behind);
        let mut ids = vec![special.cls];
        ids.extend_from_slice(&before[before.len() - front..]);
        let position = ids.len();
        ids.push(special.mask);
        ids.extend_from_slice(&after[..behind]);
        ids.push(special.sep);
        (ids, position)
    }

    /// Logits of the vocabulary at a position.
    fn logits(&self, ids: &[u32], position: usize) -> Vec<f32> {
        let ids: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
        let s = ids.len();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, s]), &self.device);
        let position = TensorData::new(vec![position as i32], [1, 1]);
        let position = Tensor::<2, Int>::from_data(position, &self.device);
        let attention_mask = Tensor::ones([1, s], &self.device);
        on_workers(Pass::Detection, &self.device, || {
            let (types, off) = (ids.zeros_like(), DropoutSites::off());
            let logits = self.model.generator_logits(ids.clone(), types, attention_mask, position, &off);
            read(logits).iter::<f32>().collect()
        })
    }
}

/// Bytes of text in which so many pieces may be, tried one after the other before the whole text is read.
fn lengths(pieces: usize) -> impl Iterator<Item = usize> {
    (0..3).map(move |step| (16 * pieces) << (3 * step))
}

fn softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&logit| f64::from(logit - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}
