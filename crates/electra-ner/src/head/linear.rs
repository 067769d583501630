//! A linear layer on the hidden state of each word.

use burn::prelude::*;
use electra_model::layers::Dense;
use electra_model::shapes::Shapes;

/// Path of the layer among the parameters of a token classifier; transformers has the same.
pub(crate) const CLASSIFIER: &str = "classifier";

/// The linear layer of a token classifier.
#[derive(Clone, Copy, Debug)]
pub struct LinearHead<'a> {
    /// The weight and bias from hidden states to labels, `[H, L]`.
    pub(super) classifier: &'a Dense,
}

impl LinearHead<'_> {
    /// Logits `[.., L]` of hidden states `[.., H]`.
    pub(super) fn logits<const D: usize>(&self, hidden: Tensor<D>) -> Tensor<D> {
        self.classifier.forward(hidden)
    }
}

/// Names and shapes of its parameters.
pub(super) fn parameters(hidden_size: usize, labels: usize) -> Shapes {
    let mut shapes = Shapes::new();
    shapes.insert(format!("{CLASSIFIER}.weight"), vec![hidden_size, labels]);
    shapes.insert(format!("{CLASSIFIER}.bias"), vec![labels]);
    shapes
}
