//! The network: the discriminator's encoder, dropout, and one linear layer on the words.
//!
//! Shapes: `B` windows, `S` pieces of a window, `W` words of all windows together, `L` labels.

use burn::module::Module;
use burn::prelude::*;
use electra_kernels as kernels;
use electra_model::dropout::{DropoutSites, Place};
use electra_model::embeddings::Embeddings;
use electra_model::encoder::Encoder;
use electra_model::fine_tuned;
use electra_model::init::{Init, Kernel};
use electra_model::layers::Dense;
use electra_model::parameters::{LoadError, NamedTensors};
use electra_model::shapes::{self, Shapes};
use electra_model::{Discriminator, HeadKind, ModelConfig, Precision, WindowBatch, WindowBatchData, hidden};

use crate::head::{CLASSIFIER, Crf, Head, HeadType};
use electra_annotations::LabelSet;

/// A discriminator's encoder with a head that labels words: `ElectraForTokenClassification` in
/// transformers.
#[derive(Module, Debug)]
pub struct TokenClassifier {
    /// Tables of width `E`.
    pub embeddings: Embeddings,
    /// `E -> H`, absent when they are equal.
    pub project: Option<Dense>,
    /// The encoder, of width `H`.
    pub encoder: Encoder,
    /// The classifier, `[H, L]`.
    pub classifier: Dense,
    /// Scores of sequences, where whole sentences are trained and decoded.
    pub crf: Option<Crf>,
}

/// Shape of a token classifier: sizes, labels and head.
#[derive(Clone, Copy, Debug)]
pub struct TaggerShape<'a> {
    /// Sizes of the discriminator.
    pub config: &'a ModelConfig,
    /// The labels of the tagger.
    pub labels: &'a LabelSet,
    /// The head, which labels the words.
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

impl TokenClassifier {
    /// A tagger with nothing learned, the control of every pretrained one: its encoder is the
    /// discriminator with which pretraining of the same seed begins.
    pub fn init(shape: TaggerShape, seed: u64, device: &Device, precision: Precision) -> Self {
        fine_tuned::with_random_init(shape.config, seed, device, precision, Self::build(shape, device))
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
        fine_tuned::with_pretrained_encoder(
            encoder,
            shape.config,
            seed,
            device,
            precision,
            Self::build(shape, device),
        )
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
        fine_tuned::from_parameters(tensors, device, precision, Self::build(shape, device))
    }

    /// Makes the network of the initial parameters of its encoder and those of its head.
    pub(crate) fn build(shape: TaggerShape<'_>, device: &Device) -> impl FnOnce(&Init, &Init) -> Self {
        let TaggerShape { config, labels, head: head_type } = shape;
        move |encoder, head| {
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
    }

    /// The head, which labels the words.
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
        hidden(&self.embeddings, &self.project, &self.encoder, ids, attention_mask, dropout)
    }

    /// Logits `[W, L]` of the words, at their first pieces, and nowhere else.
    pub fn forward(&self, batch: &WindowBatch, dropout: &DropoutSites) -> Tensor<2> {
        let words =
            batch.at_first_pieces(self.hidden(batch.ids.clone(), batch.attention_mask.clone(), dropout));
        self.head().logits(kernels::dropout(words, dropout.at(Place::Classifier)))
    }

    /// Logits of the words, `W` rows of `L`, on the host; `self` is on `device`, without autodiff.
    pub fn logits(&self, pass: kernels::Pass, batch: &WindowBatchData, device: &Device) -> Vec<f32> {
        kernels::on_workers(pass, device, || {
            let logits = self.forward(&batch.to_device(device), &DropoutSites::off());
            kernels::read(logits).iter::<f32>().collect()
        })
    }

    /// Logits `[B, S, L]` of all pieces, as transformers gives them.
    pub fn forward_all(&self, batch: &WindowBatch, dropout: &DropoutSites) -> Tensor<3> {
        let hidden = self.hidden(batch.ids.clone(), batch.attention_mask.clone(), dropout);
        self.head().logits(kernels::dropout(hidden, dropout.at(Place::Classifier)))
    }
}
