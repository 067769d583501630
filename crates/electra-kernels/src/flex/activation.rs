//! Elementwise operations: exact gelu and dropout.

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;

use super::element::Element;
use super::mask::Mask;
use super::simd::{fma, normal, vectorised};
use super::storage::{contiguous, exclusive, row_elements, tensor, uninitialised, values, values_mut};
use crate::Dropout;
use crate::workers::{chunks, chunks_mut, each_part, each_part_with};

/// Elements of one parallel task.
const CHUNK: usize = 16 * 1024;

/// `1 / sqrt(2 pi)`.
const NORMAL_DENSITY: f32 = 0.398_942_3;

vectorised! {
    /// `y = gelu(x)`.
    fn gelu_of<const FMA: bool>(x: &[f32], y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = x * normal::<FMA>(x).0;
        }
    }

    /// `x = gelu(x)`.
    pub fn gelu_in_place<const FMA: bool>(x: &mut [f32]) {
        for x in x.iter_mut() {
            *x *= normal::<FMA>(*x).0;
        }
    }

    /// `y = gelu(x)`, and `x` becomes the derivative of gelu there.
    pub fn gelu_and_slope<const FMA: bool, T: Element>(x: &mut [f32], y: &mut [T]) {
        for (y, x) in y.iter_mut().zip(x) {
            let (phi, e) = normal::<FMA>(*x);
            *y = T::of(*x * phi);
            *x = fma::<FMA>(*x * NORMAL_DENSITY, e, phi);
        }
    }

    /// `dy *= gelu'(x)`.
    fn times_slope<const FMA: bool>(dy: &mut [f32], x: &[f32]) {
        for (dy, &x) in dy.iter_mut().zip(x) {
            let (phi, e) = normal::<FMA>(x);
            *dy *= fma::<FMA>(x * NORMAL_DENSITY, e, phi);
        }
    }

    /// `x *= y`.
    pub fn multiply<const FMA: bool>(x: &mut [f32], y: &[f32]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x *= y;
        }
    }
}

/// `gelu(x)`.
pub fn gelu(x: &FlexTensor) -> FlexTensor {
    let x = contiguous(x.clone());
    let mut y = uninitialised(values(&x).len());
    each_part((chunks_mut(&mut y, CHUNK), chunks(values(&x), CHUNK)), |_, (y, x)| gelu_of(x, y));
    tensor(y, x.layout().shape().clone())
}

fn gelu_backward(x: FlexTensor, dy: FlexTensor) -> FlexTensor {
    let (x, mut dx) = (contiguous(x), exclusive(dy));
    let parts = (chunks_mut(values_mut(&mut dx), CHUNK), chunks(values(&x), CHUNK));
    each_part(parts, |_, (dy, x)| times_slope(dy, x));
    dx
}

#[derive(Debug)]
struct Gelu;

impl Backward<Flex, 1> for Gelu {
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        if let [Some(x)] = ops.parents {
            grads.register::<Flex>(x.id, gelu_backward(ops.state, dy));
        }
    }
}

/// `gelu(x)` with its gradient.
pub fn tracked_gelu<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
) -> FloatTensor<Autodiff<Flex, C>> {
    match Gelu.prepare::<C>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let x = x.into_primitive();
            let y = gelu(&x);
            prep.finish(x, y)
        }
        OpsKind::UnTracked(prep) => prep.finish(gelu(&x.into_primitive())),
    }
}

/// `dropout(x)`; its gradient is the same function of `dy`.
pub fn dropout(x: FlexTensor, drop: Dropout) -> FlexTensor {
    let Some(mask) = Mask::of(drop, row_elements(&x)) else { return x };
    let mut y = exclusive(x);
    each_part_with(
        chunks_mut(values_mut(&mut y), CHUNK),
        || uninitialised(CHUNK),
        |factors, chunk, y| {
            let factors = &mut factors[..y.len()];
            mask.factors(chunk * CHUNK, factors);
            multiply(y, factors);
        },
    );
    y
}

#[derive(Debug)]
struct Drop;

impl Backward<Flex, 1> for Drop {
    type State = Dropout;

    fn backward(self, ops: Ops<Dropout, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        if let [Some(x)] = ops.parents {
            grads.register::<Flex>(x.id, dropout(dy, ops.state));
        }
    }
}

/// `dropout(x)` with its gradient.
pub fn tracked_dropout<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    drop: Dropout,
) -> FloatTensor<Autodiff<Flex, C>> {
    match Drop.prepare::<C>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(drop, dropout(x.into_primitive(), drop)),
        OpsKind::UnTracked(prep) => prep.finish(dropout(x.into_primitive(), drop)),
    }
}
