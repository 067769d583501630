//! The network: the discriminator's encoder, dropout, and one linear layer on the words.
//!
//! Shapes: `B` windows, `S` pieces of a window, `W` words of all windows together, `L` labels.

use std::iter::repeat_n;

use burn::module::Module;
use burn::prelude::*;
use burn::tensor::TensorData;
use electra_kernels as kernels;
use electra_model::dropout::{DropoutSites, Place};
use electra_model::embeddings::Embeddings;
use electra_model::encoder::{Encoder, key_bias};
use electra_model::init::{Init, Kernel};
use electra_model::layers::Dense;
use electra_model::parameters::{LoadError, NamedTensors, collect, load};
use electra_model::shapes::{self, Shapes};
use electra_model::{Discriminator, HeadKind, ModelConfig, Precision};

use crate::head::{CLASSIFIER, Crf, Head, HeadType, is_of_head};
use electra_annotations::LabelSet;

/// A discriminator's encoder with a head that labels words: `ElectraForTokenClassification` in
/// transformers.
#[derive(Module, Debug)]
pub struct TokenClassifier {
    /// Tables of width `E`.
    pub embeddings: Embeddings,
    /// `E -> H`, absent when they are equal.
    pub project: Option<Dense>,
    /// Width `H`.
    pub encoder: Encoder,
    /// `[H, L]`
    pub classifier: Dense,
    /// Scores of sequences, where whole sentences are trained and decoded.
    pub crf: Option<Crf>,
}

/// Shape of a token classifier: sizes, labels and head.
#[derive(Clone, Copy, Debug)]
pub struct TaggerShape<'a> {
    /// Sizes of the discriminator.
    pub config: &'a ModelConfig,
    /// What it tells apart.
    pub labels: &'a LabelSet,
    /// What labels the words.
    pub head: HeadType,
}

impl TaggerShape<'_> {
    /// Names and shapes of the parameters that such a tagger has.
    pub fn parameters(&self) -> Shapes {
        let mut shapes = shapes::of_encoder(self.config);
        shapes.extend(self.head.parameters(self.config.hidden_size, self.labels.len()));
        shapes
    }
}

/// Windows in host memory: all of one length, padded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowBatchData {
    /// `B`
    pub windows: usize,
    /// `S`
    pub length: usize,
    /// `[B, S]` piece ids, `[CLS]`, `[SEP]` and padding included.
    pub ids: Vec<i32>,
    /// `[B, S]` 1 at pieces, 0 at padding.
    pub attention_mask: Vec<f32>,
    /// `[W]` the first piece of each word, as index into the `B * S` pieces.
    pub first_pieces: Vec<i32>,
}

/// The same on a device.
#[derive(Clone, Debug)]
pub struct WindowBatch {
    /// `[B, S]`
    pub ids: Tensor<2, Int>,
    /// `[B, S]`
    pub attention_mask: Tensor<2>,
    /// `[W]`
    pub first_pieces: Tensor<1, Int>,
}

impl WindowBatchData {
    /// An empty batch of windows of `length` pieces.
    pub fn new(length: usize) -> Self {
        Self { length, ..Self::default() }
    }

    /// Appends a window and pads it with `pad`; `first_pieces` are the positions within it of the
    /// words that are to have logits. The words are numbered through all windows, in the order in
    /// which they are given.
    ///
    /// Panics if the window is longer than the batch's or a position lies outside of it.
    pub fn push(&mut self, ids: &[u32], first_pieces: &[usize], pad: u32) {
        assert!(ids.len() <= self.length, "a window of {} pieces in rows of {}", ids.len(), self.length);
        let (padding, start) = (self.length - ids.len(), self.ids.len());
        for &position in first_pieces {
            assert!(position < ids.len(), "a word at {position} of a window of {} pieces", ids.len());
            self.first_pieces.push((start + position) as i32);
        }
        self.windows += 1;
        self.ids.extend(ids.iter().map(|&id| id as i32));
        self.ids.extend(repeat_n(pad as i32, padding));
        self.attention_mask.extend(repeat_n(1.0, ids.len()));
        self.attention_mask.extend(repeat_n(0.0, padding));
    }

    /// Number of words, `W`.
    pub fn words(&self) -> usize {
        self.first_pieces.len()
    }

    /// Moves the batch to a device.
    pub fn to_device(&self, device: &Device) -> WindowBatch {
        let shape = [self.windows, self.length];
        let first_pieces = TensorData::new(self.first_pieces.clone(), [self.words()]);
        WindowBatch {
            ids: Tensor::from_data(TensorData::new(self.ids.clone(), shape), device),
            attention_mask: Tensor::from_data(TensorData::new(self.attention_mask.clone(), shape), device),
            first_pieces: Tensor::from_data(first_pieces, device),
        }
    }
}

impl TokenClassifier {
    /// A tagger with nothing learned, the control of every pretrained one: its encoder is the
    /// discriminator with which pretraining of the same seed begins.
    pub fn init(shape: TaggerShape, seed: u64, device: &Device, precision: Precision) -> Self {
        let root = Init::of(shape.config, seed, device, precision);
        Self::build(shape, &root.child("discriminator"), &root, device)
    }

    /// A tagger on a pretrained encoder, in our names below the discriminator
    /// (`encoder.layers.0.attention.query.weight`). The linear layer starts Glorot-uniform, its
    /// bias and the CRF at zero.
    ///
    /// # Errors
    /// An encoder of other sizes than `shape` says.
    pub fn from_encoder(
        encoder: NamedTensors,
        shape: TaggerShape,
        seed: u64,
        device: &Device,
        precision: Precision,
    ) -> Result<Self, LoadError> {
        let root = Init::of(shape.config, seed, device, precision);
        let start = Self::build(shape, &Init::blank(device).with_precision(precision), &root, device);
        let head = collect(&start).into_iter().filter(|(path, _)| is_of_head(path));
        load(start, encoder.into_iter().chain(head).collect())
    }

    /// A tagger whose parameters are all at hand.
    ///
    /// # Errors
    /// Parameters that do not fit `shape`.
    pub fn from_parameters(
        tensors: NamedTensors,
        shape: TaggerShape,
        device: &Device,
        precision: Precision,
    ) -> Result<Self, LoadError> {
        let blank = Init::blank(device).with_precision(precision);
        load(Self::build(shape, &blank, &blank, device), tensors)
    }

    fn build(shape: TaggerShape, encoder: &Init, head: &Init, device: &Device) -> Self {
        let TaggerShape { config, labels, head: head_type } = shape;
        let Discriminator { embeddings, project, encoder, .. } =
            Discriminator::init(encoder, config, HeadKind::ReplacedToken);
        let head = head.child(CLASSIFIER);
        Self {
            embeddings,
            project,
            encoder,
            classifier: Dense::init(&head, Kernel::GlorotUniform, config.hidden_size, labels.len()),
            crf: (head_type == HeadType::Crf).then(|| Crf::init(labels, device)),
        }
    }

    /// What labels the words.
    pub fn head(&self) -> Head<'_> {
        Head::new(&self.classifier, self.crf.as_ref())
    }

    /// Last hidden state `[B, S, H]`; `attention_mask [B, S]` is 1 at pieces and 0 at padding. All pieces
    /// have token type 0.
    pub fn hidden(
        &self,
        ids: Tensor<2, Int>,
        attention_mask: Tensor<2>,
        dropout: &DropoutSites,
    ) -> Tensor<3> {
        let token_type_ids = ids.zeros_like();
        let x = self.embeddings.forward(ids, token_type_ids, dropout);
        let x = match &self.project {
            Some(project) => project.forward(x),
            None => x,
        };
        self.encoder.forward(x, &key_bias(attention_mask), dropout)
    }

    /// Logits `[W, L]` of the words, at their first pieces, and nowhere else.
    pub fn forward(&self, batch: &WindowBatch, dropout: &DropoutSites) -> Tensor<2> {
        let hidden = self.hidden(batch.ids.clone(), batch.attention_mask.clone(), dropout);
        let [b, s, h] = hidden.dims();
        // All windows as one sequence, in which the words' positions are given.
        let hidden = hidden.reshape([1, b * s, h]);
        let words = kernels::gather_positions(hidden, batch.first_pieces.clone().unsqueeze()); // [W, H]
        self.head().logits(kernels::dropout(words, dropout.at(Place::Classifier)))
    }

    /// Logits of the words, `W` rows of `L`, on the host; `self` is on `device`, without autodiff.
    pub fn logits(&self, pass: kernels::Pass, batch: &WindowBatchData, device: &Device) -> Vec<f32> {
        kernels::on_workers(pass, device, || {
            let logits = self.forward(&batch.to_device(device), &DropoutSites::off());
            logits.into_data().iter::<f32>().collect()
        })
    }

    /// Logits `[B, S, L]` of all pieces, as transformers gives them.
    pub fn forward_all(&self, batch: &WindowBatch, dropout: &DropoutSites) -> Tensor<3> {
        let hidden = self.hidden(batch.ids.clone(), batch.attention_mask.clone(), dropout);
        self.head().logits(kernels::dropout(hidden, dropout.at(Place::Classifier)))
    }
}
