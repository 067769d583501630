//! Operations with a gradient of their own, as nodes of burn's autodiff graph.

use std::fmt::Debug;
use std::marker::PhantomData;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, tensor::FloatTensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;

/// A differentiable function of `N` tensors.
pub(crate) trait Operation<const N: usize>: Clone + Debug + Send + 'static {
    /// The saved tensors, for the backward pass.
    type State: Clone + Debug + Send + 'static;

    /// The value, and the tensors that the backward pass needs.
    fn forward(&self, parents: [CubeTensor; N]) -> (CubeTensor, Self::State);

    /// The gradients of the parents that are wanted, given that of the value. What is not wanted may be left
    /// out or given.
    fn backward(
        &self,
        state: Self::State,
        gradient: CubeTensor,
        wanted: [bool; N],
    ) -> [Option<CubeTensor>; N];
}

/// The value of an operation.
pub(crate) fn untracked<const N: usize, O: Operation<N>>(
    operation: O,
    parents: [CubeTensor; N],
) -> CubeTensor {
    operation.forward(parents).0
}

#[derive(Debug)]
struct Node<O>(PhantomData<O>);

impl<const N: usize, O: Operation<N>> Backward<CubeBackend, N> for Node<O> {
    type State = (O, O::State);

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<CubeBackend>(&ops.node);
        let (operation, state) = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        for (parent, gradient) in ops.parents.into_iter().zip(operation.backward(state, gradient, wanted)) {
            if let Some(node) = parent {
                let gradient = gradient.expect("an operation gives the gradients that are wanted");
                grads.register::<CubeBackend>(node.id, gradient);
            }
        }
    }
}

/// The value of an operation, with its gradient.
pub(crate) fn tracked<const N: usize, O: Operation<N>, C: CheckpointStrategy>(
    operation: O,
    parents: [FloatTensor<Autodiff<CubeBackend, C>>; N],
) -> FloatTensor<Autodiff<CubeBackend, C>> {
    let guards = parents.each_ref().map(|parent| parent.node());
    let (value, state) = operation.forward(parents.map(|parent| parent.into_primitive()));
    match Node::<O>(PhantomData).prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish((operation, state), value),
        OpsKind::UnTracked(prep) => prep.finish(value),
    }
}
