//! The two halves of a post-LN transformer block, each one operation with a gradient of its own.

use burn::backend::TensorMetadata;
use burn::tensor::Shape;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::attention::{Attention, AttentionState};
use super::columns::PendingSums;
use super::launch::{dims, reshaped, rows_and_width};
use super::layer_norm::{Branch, NormGradients, NormState, norm, norm_backward};
use super::linear::{LinearGeluState, LinearState, added};
use super::product::{operand, operand_type, product, products_over_rows, transposed};
use super::side_by_side::joined;
use super::tracked::Operation;
use crate::fused::AttentionConfig;
use crate::{Dropout, Precision};

/// The operation [`crate::feed_forward_block`], of the tensors
/// [in order](crate::fused::FeedForwardTensors::in_order).
#[derive(Clone, Copy, Debug)]
pub(crate) struct FeedForward {
    pub(crate) dropout: Dropout,
    pub(crate) eps: f64,
    pub(crate) precision: Precision,
}

/// The saved tensors of a feed-forward block, for its backward pass.
#[derive(Clone, Debug)]
pub(crate) struct FeedForwardState {
    intermediate: LinearGeluState,
    output: LinearState,
    norm: NormState,
}

impl Operation<7> for FeedForward {
    type State = FeedForwardState;

    fn forward(&self, [x, w1, b1, w2, b2, gamma, beta]: [CubeTensor; 7]) -> (CubeTensor, FeedForwardState) {
        let x = into_contiguous(x);
        let rounded = operand_type(self.precision);
        let (h, intermediate) = LinearGeluState::forward(x.clone(), w1, b1, self.precision, rounded);
        let output = LinearState::new(h, w2, self.precision);
        let value = reshaped(output.product(), x.shape());
        let branch = Branch { value, bias: Some(b2), dropout: self.dropout };
        let (y, norm) = norm(x, Some(branch), gamma, beta, self.eps);
        (y, FeedForwardState { intermediate, output, norm })
    }

    fn backward(&self, state: FeedForwardState, dy: CubeTensor, _: [bool; 7]) -> [Option<CubeTensor>; 7] {
        let FeedForwardState { intermediate, output, norm } = state;
        PendingSums::together(|sums| {
            let NormGradients { x: dz, branch, gamma, beta, bias } =
                norm_backward(norm, dy, operand_type(self.precision), sums);
            let [rows, width] = rows_and_width(&branch);
            let branch = reshaped(branch, [rows, width]);
            let w2 = output.of_weight(branch.clone(), sums);
            let dh = output.of_input(branch);
            let dproduct = intermediate.of_product(dh);
            let [_, inner] = dims(&dproduct);
            let w1 = intermediate.linear.of_weight(dproduct.clone(), sums);
            let b1 = sums.of_columns(&dproduct, rows, inner);
            let x = added(intermediate.linear.of_input(dproduct), &dz);
            [Some(x), Some(w1), Some(b1), Some(w2), bias, Some(gamma), Some(beta)]
        })
    }
}

/// The operation [`crate::attention_block`], of the tensors
/// [in order](crate::fused::AttentionTensors::in_order).
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttentionOperation {
    pub(crate) config: AttentionConfig,
    pub(crate) precision: Precision,
}

/// The saved tensors of an attention block, for its backward pass.
#[derive(Clone, Debug)]
pub(crate) struct AttentionBlockState {
    attention: Attention,
    /// `[B * S, H]`, an operand as the others.
    x: CubeTensor,
    shape: Shape,
    /// The projections to queries, keys and values side by side, `[H, 3H]`.
    projection: CubeTensor,
    of_attention: AttentionState,
    output: LinearState,
    norm: NormState,
}

impl Operation<12> for AttentionOperation {
    type State = AttentionBlockState;

    fn forward(&self, tensors: [CubeTensor; 12]) -> (CubeTensor, AttentionBlockState) {
        let [x, wq, bq, wk, bk, wv, bv, wo, bo, gamma, beta, key_bias] = tensors.map(into_contiguous);
        let Self { config, precision } = *self;
        let AttentionConfig { heads, dropouts: [of_probabilities, dropout], eps } = config;
        let [batch, sequence, hidden] = dims(&x);
        for weight in [&wq, &wk, &wv, &wo] {
            assert_eq!(dims(weight), [hidden; 2], "maps of hidden states of {hidden}");
        }
        for bias in [&bq, &bk, &bv, &bo] {
            assert_eq!(dims(bias), [hidden], "one bias per output");
        }
        assert_eq!(dims(&key_bias), [batch, sequence], "one bias per key");
        let attention = Attention::new([batch, sequence, hidden], heads, of_probabilities, precision);
        let flat = operand(reshaped(x.clone(), [batch * sequence, hidden]), precision);
        let projection = joined(&[wq, wk, wv], operand_type(precision));
        let projected = product(flat.clone(), projection.clone(), precision);
        let (context, of_attention) = attention.forward(&projected, [bq, bk, bv], key_bias);
        let output = LinearState::new(context, wo, precision);
        let shape = x.shape();
        let value = reshaped(output.product(), shape.clone());
        let (y, norm) = norm(x, Some(Branch { value, bias: Some(bo), dropout }), gamma, beta, eps);
        (y, AttentionBlockState { attention, x: flat, shape, projection, of_attention, output, norm })
    }

    fn backward(
        &self,
        state: AttentionBlockState,
        dy: CubeTensor,
        wanted: [bool; 12],
    ) -> [Option<CubeTensor>; 12] {
        let precision = self.precision;
        let AttentionBlockState { attention, x, shape, projection, of_attention, output, norm } = state;
        PendingSums::together(|sums| {
            let NormGradients { x: dz, branch, gamma, beta, bias: bo } =
                norm_backward(norm, dy, operand_type(precision), sums);
            let [rows, hidden] = dims(&x);
            let branch = reshaped(branch, [rows, hidden]);
            let wo = output.of_weight(branch.clone(), sums);
            let dcontext = output.of_input(branch);
            let (dprojected, dkey_bias) = attention.backward(of_attention, &dcontext, wanted[11]);
            let [bq, bk, bv] = sums.apart(&dprojected, rows, hidden, [hidden]).map(Some);
            let [wq, wk, wv] = products_over_rows(x, hidden, dprojected.clone(), precision, sums).map(Some);
            let dx = product(dprojected, transposed(projection), precision);
            let dx = added(reshaped(dx, shape), &dz);
            [Some(dx), wq, bq, wk, bk, wv, bv, Some(wo), bo, Some(gamma), Some(beta), dkey_bias]
        })
    }
}
