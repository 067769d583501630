//! The output of a forward pass, whatever the objective.

use burn::prelude::*;

use crate::corrupt::Corrupted;

/// The output of one forward pass; `None` is what its objective does not have.
#[derive(Clone, Debug)]
pub struct JointOutput {
    /// Weighted sum of the losses, `[1]`: what is differentiated.
    pub total: Tensor<1>,
    /// Masked language modelling loss of whoever reads \[MASK\], `[1]`, detached.
    pub mlm: Option<Tensor<1>>,
    /// The logits of that network, `[B * N, V]`, detached.
    pub generator_logits: Option<Tensor<2>>,
    /// The text with replacements, and which they are.
    pub corrupted: Option<Corrupted>,
    /// Replaced token detection loss, `[1]`, detached.
    pub rtd: Option<Tensor<1>>,
    /// `[B, S]`, detached.
    pub discriminator_logits: Option<Tensor<2>>,
    /// `[B, S]`: 1 where the detection counts.
    pub judged: Option<Tensor<2>>,
    /// The discriminator's prediction of tokens, where it predicts instead of detecting.
    pub prediction: Option<Prediction>,
}

impl JointOutput {
    /// A loss `[1]` and nothing that was measured.
    pub(super) fn of(total: Tensor<1>) -> Self {
        Self {
            total,
            mlm: None,
            generator_logits: None,
            corrupted: None,
            rtd: None,
            discriminator_logits: None,
            judged: None,
            prediction: None,
        }
    }

    /// The loss alone. With what was measured gone, the backward pass writes over the logits instead of
    /// copying them.
    pub fn into_total(self) -> Tensor<1> {
        self.total
    }
}

/// Original tokens as a network predicts them from corrupted text, at `M` positions.
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The loss of the prediction, `[1]`, detached.
    pub loss: Tensor<1>,
    /// The divisor of the sum over positions that gives the loss.
    pub divisor: f64,
    /// `[M, V]`, detached.
    pub logits: Tensor<2>,
    /// `[M]` original ids.
    pub targets: Tensor<1, Int>,
    /// `[M]` 1 where the prediction counts.
    pub weights: Tensor<1>,
    /// Logits `[M]` of the gate that copies the input, detached, and that input `[M]`.
    pub copy: Option<(Tensor<1>, Tensor<1, Int>)>,
}

impl Prediction {
    /// The likeliest token of each position, `[M]`.
    pub fn first_choice(&self) -> Tensor<1, Int> {
        let [m, _] = self.logits.dims();
        let best = self.logits.clone().argmax(1); // [M, 1]
        let Some((gate, input)) = &self.copy else {
            return best.reshape([m]);
        };
        // Copying beats the vocabulary's best b if D + (1 - D) q(x) >= (1 - D) q(b).
        let q = burn::tensor::activation::softmax(self.logits.clone(), 1);
        let of = |ids: Tensor<2, Int>| q.clone().gather(1, ids).reshape([m]);
        let copied = gate.clone().exp() + of(input.clone().reshape([m, 1]));
        let is_copied = copied.greater_equal(of(best.clone()));
        best.reshape([m]).mask_where(is_copied, input.clone())
    }
}
