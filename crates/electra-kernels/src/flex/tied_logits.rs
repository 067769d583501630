//! Logits over the vocabulary with tied embeddings: the word table is the output matrix.
//!
//! `y = h W^T + b` with the table `W [V, E]`; `dh = dy W`, `dW = dy^T h`.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;

use super::gemm::{Matrix, Product};
use super::linear::{add_bias, column_sums};
use super::storage::{contiguous, dims, tensor, values};
use crate::Precision;

#[derive(Clone, Debug)]
struct Operands {
    h: FlexTensor,
    table: FlexTensor,
    precision: Precision,
}

impl Operands {
    fn new(h: FlexTensor, table: FlexTensor, precision: Precision) -> Self {
        let ([_, e], [_, width]) = (dims(&h), dims(&table));
        assert_eq!(e, width, "hidden states of width {e} for a table of width {width}");
        Self { h: contiguous(h), table: contiguous(table), precision }
    }

    /// `h [M, E]` and `W [V, E]`.
    fn matrices(&self) -> (Matrix<'_>, Matrix<'_>) {
        let ([m, e], [v, _]) = (dims(&self.h), dims(&self.table));
        (Matrix::new(values(&self.h), m, e, e), Matrix::new(values(&self.table), v, e, e))
    }

    fn forward(&self, bias: FlexTensor) -> FlexTensor {
        let ([m, _], [v, _]) = (dims(&self.h), dims(&self.table));
        let bias = contiguous(bias);
        assert_eq!(dims(&bias), [v], "one bias per entry of the vocabulary");
        let bias = values(&bias);
        let (h, table) = self.matrices();
        let y = Product::new(h, table.transposed(), self.precision)
            .to_vec_then(|_, column, y| add_bias(y, &bias[column..][..y.len()]));
        tensor(y, [m, v])
    }
}

/// `tied_logits(h, table, bias)`.
pub(crate) fn tied_logits(
    h: FlexTensor,
    table: FlexTensor,
    bias: FlexTensor,
    precision: Precision,
) -> FlexTensor {
    Operands::new(h, table, precision).forward(bias)
}

#[derive(Debug)]
struct TiedLogits;

impl Backward<Flex, 3> for TiedLogits {
    type State = Operands;

    fn backward(self, ops: Ops<Operands, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [h_node, table_node, bias_node] = ops.parents;
        let dy = contiguous(grads.consume::<Flex>(&ops.node));
        let ([m, e], [v, _]) = (dims(&ops.state.h), dims(&ops.state.table));
        let ((h, table), precision) = (ops.state.matrices(), ops.state.precision);
        if let Some(node) = bias_node {
            grads.register::<Flex>(node.id, tensor(column_sums(values(&dy), v), [v]));
        }
        let dy = Matrix::new(values(&dy), m, v, v);
        if let Some(node) = h_node {
            let dh = Product::new(dy, table, precision).to_vec();
            grads.register::<Flex>(node.id, tensor(dh, [m, e]));
        }
        if let Some(node) = table_node {
            let dtable = Product::new(dy.transposed(), h, precision).to_vec();
            grads.register::<Flex>(node.id, tensor(dtable, [v, e]));
        }
    }
}

/// `tied_logits(h, table, bias)` with its gradient.
pub(crate) fn tracked_tied_logits<C: CheckpointStrategy>(
    h: FloatTensor<Autodiff<Flex, C>>,
    table: FloatTensor<Autodiff<Flex, C>>,
    bias: FloatTensor<Autodiff<Flex, C>>,
    precision: Precision,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = [h.node(), table.node(), bias.node()];
    let operands = Operands::new(h.into_primitive(), table.into_primitive(), precision);
    let y = operands.forward(bias.into_primitive());
    match TiedLogits.prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(operands, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    }
}
