//! Feed-forward network with residual connection and layer normalisation, the second half of a post-LN block:
//! `layer_norm(x + dropout(gelu(x W1 + b1) W2 + b2))`.
//!
//! The inner activation is four times as wide as anything else in a block. Results of the first product
//! go through bias and gelu while they are in the cache; what the second product takes and the slope of
//! gelu are kept in the precision of the products.

use std::marker::PhantomData;
use std::sync::Arc;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;

use super::activation::{gelu_and_slope, gelu_in_place};
use super::buffer::{SharedSlice, assume_init, uninit, written};
use super::element::{Element, matrix};
use super::gemm::{Matrix, Product};
use super::layer_norm::Norm;
use super::linear::{LinearLayer, add_bias, add_columns};
use super::residual::{Residual, ResidualState};
use super::simd::vectorised;
use super::storage::{contiguous, tensor, values, zeros};
use crate::{Dropout, Precision};

vectorised! {
    /// Turns `dh` into `dh * slope`, and adds it to `sums`.
    fn gelu_backward<const FMA: bool, T: Element>(dh: &mut [f32], slope: &[T], sums: &mut [f32]) {
        for ((dh, slope), sum) in dh.iter_mut().zip(slope).zip(sums) {
            *dh *= slope.to_f32();
            *sum += *dh;
        }
    }
}

/// The operands, contiguous.
#[derive(Clone, Debug)]
struct Operands {
    /// The input, `[.., H]`.
    x: FlexTensor,
    /// The two linear layers, `[H, I]` and `[I, H]`.
    maps: [LinearLayer; 2],
    norm: Norm,
    dropout: Dropout,
}

impl Operands {
    /// The operands in the tensors, which are [in order](crate::fused::FeedForwardTensors::in_order).
    fn new([x, w1, b1, w2, b2, gamma, beta]: [FlexTensor; 7], dropout: Dropout, eps: f64) -> Self {
        let norm = Norm::new(&x, gamma, beta, eps);
        let maps = [LinearLayer::new(w1, b1), LinearLayer::new(w2, b2)];
        let [[inputs, inner], second] = maps.each_ref().map(LinearLayer::sizes);
        assert_eq!(
            [inputs, second[0], second[1]],
            [norm.width(), inner, norm.width()],
            "maps there and back"
        );
        Self { x: contiguous(x), maps, norm, dropout }
    }

    /// Rows of `x`, its width and the inner one.
    fn sizes(&self) -> [usize; 3] {
        let [width, inner] = self.maps[0].sizes();
        [values(&self.x).len() / width.max(1), width, inner]
    }

    fn x(&self) -> Matrix<'_> {
        let [rows, width, _] = self.sizes();
        Matrix::new(values(&self.x), rows, width, width)
    }

    /// `finish(x W1 + b1)` in a new buffer. `finish` is given pieces of rows and the place of each in the
    /// buffer; each place comes once.
    fn intermediate<T: Element>(&self, finish: impl Fn(usize, &mut [f32]) + Sync) -> Vec<T> {
        let [rows, _, inner] = self.sizes();
        let product = Product::new(self.x(), self.maps[0].weight(), T::PRECISION);
        written(rows * inner, |out| {
            T::write(&product, out, |row, column, u| {
                add_bias(u, &self.maps[0].bias()[column..][..u.len()]);
                finish(row * inner + column, u);
            })
        })
    }

    /// The product `h W2`.
    fn output_product<'a, T: Element>(&'a self, h: &'a [T]) -> Product<'a> {
        let [rows, _, inner] = self.sizes();
        Product::new(matrix(h, rows, inner, inner), self.maps[1].weight(), T::PRECISION)
    }

    fn residual(&self) -> Residual {
        Residual::new(self.x.clone(), self.norm.clone(), self.dropout)
    }

    fn forward<T: Element>(&self) -> FlexTensor {
        let h = self.intermediate::<T>(|_, u| gelu_in_place(u));
        self.residual().of_product(&self.output_product(&h), self.maps[1].bias())
    }

    fn forward_tracked<T: Element>(self) -> (FlexTensor, State<T>) {
        let [rows, _, inner] = self.sizes();
        let mut h = uninit::<T>(rows * inner);
        let shared = SharedSlice::of_uninit(&mut h);
        let slope = self.intermediate::<T>(|at, u| {
            // SAFETY: each place is given to one call.
            gelu_and_slope(u, unsafe { shared.uninit_slice(at, u.len()) });
        });
        // SAFETY: `intermediate` has called with each place of as many results, and each was written.
        let h = unsafe { assume_init(h) };
        let (y, residual) = self.residual().of_tracked_product(&self.output_product(&h), self.maps[1].bias());
        (y, State { operands: self, h: Arc::new(h), slope: Arc::new(slope), residual })
    }
}

/// The state that the backward pass needs.
#[derive(Clone, Debug)]
struct State<T> {
    operands: Operands,
    /// `[.., I]`: the inner activation.
    h: Arc<Vec<T>>,
    /// `[.., I]`: the derivative of gelu.
    slope: Arc<Vec<T>>,
    residual: ResidualState,
}

/// `layer_norm(x + dropout(gelu(x W1 + b1) W2 + b2))`.
pub(crate) fn feed_forward_block(
    tensors: [FlexTensor; 7],
    dropout: Dropout,
    eps: f64,
    precision: Precision,
) -> FlexTensor {
    let operands = Operands::new(tensors, dropout, eps);
    match precision {
        Precision::Bf16 => operands.forward::<u16>(),
        _ => operands.forward::<f32>(),
    }
}

#[derive(Debug)]
struct FeedForwardBlock<T>(PhantomData<T>);

impl<T: Element> Backward<Flex, 7> for FeedForwardBlock<T> {
    type State = State<T>;

    fn backward(self, ops: Ops<State<T>, 7>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [x, w1, b1, w2, b2, gamma, beta] = ops.parents.map(|node| node.map(|node| node.id));
        let dy = grads.consume::<Flex>(&ops.node);
        let State { operands, h, slope, residual } = ops.state;
        let [rows, width, inner] = operands.sizes();
        let gradient = residual.backward::<T>(dy);
        let mut register = |node, value: FlexTensor| {
            if let Some(node) = node {
                grads.register::<Flex>(node, value);
            }
        };
        register(gamma, gradient.gamma.clone());
        register(beta, gradient.beta.clone());
        register(b2, gradient.bias.clone());
        if w2.is_some() {
            let h = matrix(&h, rows, inner, inner).transposed();
            let dw = Product::new(h, gradient.branch(), T::PRECISION).to_vec();
            register(w2, tensor(dw, [inner, width]));
        }
        drop(h);

        // The gradient of the sums inside gelu, and its column sums by the rows that come together.
        let group = Product::rows_of_group(T::PRECISION);
        let mut partials = zeros(rows.div_ceil(group) * inner);
        let of_partials = SharedSlice::of(&mut partials);
        let product = Product::new(gradient.branch(), operands.maps[1].weight().transposed(), T::PRECISION);
        let du: Vec<T> = written(rows * inner, |du| {
            T::write_row_groups(&product, du, |row, dh| {
                // SAFETY: each group of rows comes once, and has sums of its own.
                let sums = unsafe { of_partials.slice(row / group * inner, inner) };
                for (i, dh) in dh.chunks_exact_mut(inner).enumerate() {
                    gelu_backward(dh, &slope[(row + i) * inner..][..inner], sums);
                }
            })
        });
        drop(slope);
        let dsum = gradient.into_x();
        if inner > 0 {
            let mut db = zeros(inner);
            add_columns(&mut db, partials.as_slice());
            register(b1, tensor(db, [inner]));
        }
        let du = matrix(&du, rows, inner, inner);
        if w1.is_some() {
            let dw = Product::new(operands.x().transposed(), du, T::PRECISION).to_vec();
            register(w1, tensor(dw, [width, inner]));
        }
        if x.is_some() {
            let through_sum = values(&dsum);
            let dx = Product::new(du, operands.maps[0].weight().transposed(), T::PRECISION).to_vec_then(
                |row, column, dx| add_columns(dx, &through_sum[row * width + column..][..dx.len()]),
            );
            register(x, tensor(dx, dsum.layout().shape().clone()));
        }
    }
}

/// `layer_norm(x + dropout(gelu(x W1 + b1) W2 + b2))` with its gradient.
pub(crate) fn tracked_feed_forward_block<C: CheckpointStrategy>(
    tensors: [FloatTensor<Autodiff<Flex, C>>; 7],
    dropout: Dropout,
    eps: f64,
    precision: Precision,
) -> FloatTensor<Autodiff<Flex, C>> {
    match precision {
        Precision::Bf16 => tracked::<C, u16>(tensors, dropout, eps),
        _ => tracked::<C, f32>(tensors, dropout, eps),
    }
}

fn tracked<C: CheckpointStrategy, T: Element>(
    tensors: [FloatTensor<Autodiff<Flex, C>>; 7],
    dropout: Dropout,
    eps: f64,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = tensors.each_ref().map(|x| x.node());
    let operands = Operands::new(tensors.map(|x| x.into_primitive()), dropout, eps);
    match FeedForwardBlock::<T>(PhantomData).prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let (y, state) = operands.forward_tracked();
            prep.finish(state, y)
        }
        OpsKind::UnTracked(prep) => prep.finish(operands.forward::<T>()),
    }
}
