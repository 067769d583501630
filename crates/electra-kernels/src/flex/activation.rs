//! Activation functions and dropout: exact gelu, its derivative, and masks applied to tensors.

use std::mem::MaybeUninit;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;

use super::buffer::{write_parts, written};
use super::element::Element;
use super::mask::each_factor;
use super::simd::{fma, normal, vectorised};
use super::storage::{contiguous, exclusive, row_elements, tensor, values, values_mut};
use crate::Dropout;
use crate::dropout::DropoutMask;
use crate::workers::{chunks, chunks_mut, each_part};

/// Elements of one parallel task.
const CHUNK: usize = 16 * 1024;

/// `1 / sqrt(2 pi)`.
const NORMAL_DENSITY: f32 = 0.398_942_3;

vectorised! {
    /// `y = gelu(x)`, for the elements of `y` that correspond to one of `x`.
    fn write_gelu<const FMA: bool>(x: &[f32], y: &mut [MaybeUninit<f32>]) {
        for (y, &x) in y.iter_mut().zip(x) {
            y.write(x * normal::<FMA>(x).0);
        }
    }

    /// Turns `x` into `gelu(x)`.
    pub(crate) fn gelu_in_place<const FMA: bool>(x: &mut [f32]) {
        for x in x.iter_mut() {
            *x *= normal::<FMA>(*x).0;
        }
    }

    /// `y = gelu(x)`, and `x` becomes the derivative of gelu there, for the elements that correspond.
    fn write_gelu_and_slope<const FMA: bool, T: Element>(x: &mut [f32], y: &mut [MaybeUninit<T>]) {
        for (y, x) in y.iter_mut().zip(x) {
            let (phi, e) = normal::<FMA>(*x);
            y.write(T::from_f32(*x * phi));
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

    /// Multiplies `x` by `y`, element by element.
    pub(crate) fn multiply<const FMA: bool>(x: &mut [f32], y: &[f32]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x *= y;
        }
    }
}

/// Writes `gelu(x)` to `y`, and turns `x` into the derivative of gelu there.
pub(crate) fn gelu_and_slope<'a, T: Element>(x: &mut [f32], y: &'a mut [MaybeUninit<T>]) -> &'a mut [T] {
    assert_eq!(x.len(), y.len(), "as many results as inputs");
    write_gelu_and_slope(x, y);
    // SAFETY: each element of `y` corresponds to one of `x`, and was written.
    unsafe { y.assume_init_mut() }
}

fn gelu_to<'a>(x: &[f32], y: &'a mut [MaybeUninit<f32>]) -> &'a mut [f32] {
    assert_eq!(x.len(), y.len(), "as many results as inputs");
    write_gelu(x, y);
    // SAFETY: each element of `y` corresponds to one of `x`, and was written.
    unsafe { y.assume_init_mut() }
}

/// The activation `gelu(x)`.
pub(crate) fn gelu(x: &FlexTensor) -> FlexTensor {
    let x = contiguous(x.clone());
    let parts = chunks(values(&x), CHUNK);
    let y = written(values(&x).len(), |y| write_parts(y, CHUNK, parts, |_, y, x| gelu_to(x, y)));
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
pub(crate) fn tracked_gelu<C: CheckpointStrategy>(
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
pub(crate) fn dropout(x: FlexTensor, dropout: Dropout) -> FlexTensor {
    let Some(mask) = DropoutMask::of(dropout, row_elements(&x)) else { return x };
    let mut y = exclusive(x);
    each_part(chunks_mut(values_mut(&mut y), CHUNK), |chunk, y| {
        each_factor(Some(mask), chunk * CHUNK, y.len(), |part, factors| multiply(&mut y[part], factors));
    });
    y
}

#[derive(Debug)]
struct DropoutBackward;

impl Backward<Flex, 1> for DropoutBackward {
    type State = Dropout;

    fn backward(self, ops: Ops<Dropout, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        if let [Some(x)] = ops.parents {
            grads.register::<Flex>(x.id, dropout(dy, ops.state));
        }
    }
}

/// `dropout(x)` with its gradient.
pub(crate) fn tracked_dropout<C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<Flex, C>>,
    dropout: Dropout,
) -> FloatTensor<Autodiff<Flex, C>> {
    match DropoutBackward.prepare::<C>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(dropout, self::dropout(x.into_primitive(), dropout)),
        OpsKind::UnTracked(prep) => prep.finish(self::dropout(x.into_primitive(), dropout)),
    }
}
