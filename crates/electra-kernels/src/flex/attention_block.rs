//! Multi-head self-attention with residual connection and layer normalisation, the first half of a post-LN
//! block: `layer_norm(x + dropout(attention(x Wq + bq, ..) Wo + bo))`.
//!
//! Nothing but products reads what the projections and the attention pass on, so it is kept in their
//! precision. In the backward pass the four gradients of `x` add up in one place.

use std::marker::PhantomData;
use std::sync::Arc;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;

use super::attention::{Attention, Layout, PARTS};
use super::buffer::{assume_init, uninit, write_chunks, written};
use super::element::{Element, matrix};
use super::gemm::{Matrix, Product};
use super::layer_norm::Norm;
use super::linear::{LinearLayer, add_bias, column_sums};
use super::residual::{Residual, ResidualState};
use super::storage::{contiguous, dims, tensor, values, values_mut};
use crate::fused::AttentionConfig;
use crate::{Dropout, Precision};

/// Rows from which it pays in bfloat16 to copy the three weights side by side: `x` is packed once for all,
/// and so are the gradients. Products of 32 bits read `x` as it lies, and a sum over the depth of all three
/// would round otherwise than three sums.
const WORTH_JOINING: usize = 512;

/// The operands, contiguous.
#[derive(Clone, Debug)]
struct Operands {
    /// The input, `[B, S, H]`.
    x: FlexTensor,
    /// The projections to queries, keys and values, each `[H, H]`.
    projections: [LinearLayer; 3],
    /// The output projection, `[H, H]`.
    output: LinearLayer,
    norm: Norm,
    /// The bias added to the scores of each key, `[B, S]`.
    key_bias: FlexTensor,
    attention: Attention,
    dropout: Dropout,
    layout: Layout,
}

/// One product for one or for all three projections.
struct Projection<'a> {
    /// The weight, `[H, columns]`.
    weight: Matrix<'a>,
    columns: usize,
    /// The first element of what belongs to it in the buffer of all three.
    first: usize,
}

/// Queries, keys and values, and the three weights side by side, `[H, 3H]`, where that pays.
#[derive(Clone, Debug)]
struct Projected<T> {
    qkv: Vec<T>,
    joined: Option<Vec<T>>,
}

impl Operands {
    /// The operands in the tensors, which are [in order](crate::fused::AttentionTensors::in_order).
    fn new<T: Element>(
        [x, wq, bq, wk, bk, wv, bv, wo, bo, gamma, beta, key_bias]: [FlexTensor; 12],
        AttentionConfig { heads, dropouts: [of_probabilities, dropout], eps }: AttentionConfig,
    ) -> Self {
        let [batch, sequence, hidden] = dims(&x);
        let projections = [LinearLayer::new(wq, bq), LinearLayer::new(wk, bk), LinearLayer::new(wv, bv)];
        let output = LinearLayer::new(wo, bo);
        for affine in projections.iter().chain([&output]) {
            assert_eq!(affine.sizes(), [hidden; 2], "maps of hidden states of {hidden}");
        }
        assert_eq!(dims(&key_bias), [batch, sequence], "one bias per key");
        let layout = match T::PRECISION == Precision::Bf16 && batch * sequence >= WORTH_JOINING {
            true => Layout::Beside,
            false => Layout::Apart,
        };
        Self {
            norm: Norm::new(&x, gamma, beta, eps),
            x: contiguous(x),
            projections,
            output,
            key_bias: contiguous(key_bias),
            attention: Attention::new([batch, sequence, hidden], heads, of_probabilities, layout),
            layout,
            dropout,
        }
    }

    /// Rows and width of `x`.
    fn sizes(&self) -> [usize; 2] {
        let [batch, sequence, hidden] = dims(&self.x);
        [batch * sequence, hidden]
    }

    fn x(&self) -> Matrix<'_> {
        let [rows, hidden] = self.sizes();
        Matrix::new(values(&self.x), rows, hidden, hidden)
    }

    /// The three weights side by side, where queries, keys and values lie so.
    fn joined<T: Element>(&self) -> Option<Vec<T>> {
        let [_, hidden] = self.sizes();
        (self.layout == Layout::Beside).then(|| {
            let weights = self.projections.each_ref().map(LinearLayer::weight_elements);
            written(PARTS * hidden * hidden, |joined| {
                write_chunks(joined, hidden, |i, row| {
                    T::convert(&weights[i % PARTS][i / PARTS * hidden..][..hidden], row)
                })
            })
        })
    }

    /// The products that give queries, keys and values.
    fn products<'a, T: Element>(&'a self, joined: Option<&'a [T]>) -> Vec<Projection<'a>> {
        let [rows, hidden] = self.sizes();
        if let Some(joined) = joined {
            let columns = PARTS * hidden;
            return vec![Projection { weight: matrix(joined, hidden, columns, columns), columns, first: 0 }];
        }
        let parts = self.projections.iter().enumerate();
        parts
            .map(|(i, affine)| Projection {
                weight: affine.weight(),
                columns: hidden,
                first: i * rows * hidden,
            })
            .collect()
    }

    fn project<T: Element>(&self) -> Projected<T> {
        let [rows, hidden] = self.sizes();
        let joined = self.joined::<T>();
        let biases: Vec<f32> = self.projections.iter().flat_map(LinearLayer::bias).copied().collect();
        let products = self.products(joined.as_deref());
        let parts = products.iter().zip(biases.chunks_exact((biases.len() / products.len()).max(1)));
        let mut qkv = uninit(PARTS * rows * hidden);
        let mut left = &mut qkv[..];
        for (Projection { weight, columns, .. }, bias) in parts {
            let (to, behind) = left.split_at_mut(rows * columns);
            T::write(&Product::new(self.x(), *weight, T::PRECISION), to, |_, column, y| {
                add_bias(y, &bias[column..][..y.len()]);
            });
            left = behind;
        }
        assert!(left.is_empty(), "{} elements of queries, keys and values are not written", left.len());
        // SAFETY: the products have written one part after the other, and none is left.
        let qkv = unsafe { assume_init(qkv) };
        drop(products);
        Projected { qkv, joined }
    }

    fn residual(&self) -> Residual {
        Residual::new(self.x.clone(), self.norm.clone(), self.dropout)
    }

    /// The product `context Wo`.
    fn output_product<'a, T: Element>(&'a self, context: &'a [T]) -> Product<'a> {
        let [rows, hidden] = self.sizes();
        Product::new(matrix(context, rows, hidden, hidden), self.output.weight(), T::PRECISION)
    }

    fn forward<T: Element>(&self) -> FlexTensor {
        let Projected { qkv, .. } = self.project::<T>();
        let context = self.attention.forward(&qkv, values(&self.key_bias));
        drop(qkv);
        self.residual().of_product(&self.output_product(&context), self.output.bias())
    }

    fn forward_tracked<T: Element>(self) -> (FlexTensor, State<T>) {
        let projected = self.project();
        let (context, probabilities) = self.attention.forward_tracked(&projected.qkv, values(&self.key_bias));
        let (y, residual) =
            self.residual().of_tracked_product(&self.output_product(&context), self.output.bias());
        let state = State {
            operands: self,
            projected: Arc::new(projected),
            probabilities: Arc::new(probabilities),
            context: Arc::new(context),
            residual,
        };
        (y, state)
    }
}

/// The state that the backward pass needs.
#[derive(Clone, Debug)]
struct State<T> {
    operands: Operands,
    projected: Arc<Projected<T>>,
    /// Attention probabilities, `[B, A, S, S]`.
    probabilities: Arc<Vec<f32>>,
    /// The context: the weighted sums of values of all heads, `[B, S, H]`.
    context: Arc<Vec<T>>,
    residual: ResidualState,
}

/// `layer_norm(x + dropout(attention(..)))`.
pub(crate) fn attention_block(
    tensors: [FlexTensor; 12],
    settings: AttentionConfig,
    precision: Precision,
) -> FlexTensor {
    match precision {
        Precision::Bf16 => Operands::new::<u16>(tensors, settings).forward::<u16>(),
        _ => Operands::new::<f32>(tensors, settings).forward::<f32>(),
    }
}

#[derive(Debug)]
struct AttentionBlock<T>(PhantomData<T>);

impl<T: Element> Backward<Flex, 12> for AttentionBlock<T> {
    type State = State<T>;

    fn backward(self, ops: Ops<State<T>, 12>, grads: &mut Gradients, _: &mut Checkpointer) {
        let nodes = ops.parents.map(|node| node.map(|node| node.id));
        let [x, wq, bq, wk, bk, wv, bv, wo, bo, gamma, beta, key_bias] = nodes;
        let dy = grads.consume::<Flex>(&ops.node);
        let State { operands, projected, probabilities, context, residual } = ops.state;
        let [rows, hidden] = operands.sizes();
        let gradient = residual.backward::<T>(dy);
        let mut register = |node, value: FlexTensor| {
            if let Some(node) = node {
                grads.register::<Flex>(node, value);
            }
        };
        register(gamma, gradient.gamma.clone());
        register(beta, gradient.beta.clone());
        register(bo, gradient.bias.clone());
        if wo.is_some() {
            let context = matrix(&context, rows, hidden, hidden);
            let dw = Product::new(context.transposed(), gradient.branch(), T::PRECISION).to_vec();
            register(wo, tensor(dw, [hidden; 2]));
        }
        drop(context);
        let weight = operands.output.weight().transposed();
        let product = Product::new(gradient.branch(), weight, T::PRECISION);
        let dcontext: Vec<T> = written(rows * hidden, |out| T::write(&product, out, |_, _, _| {}));
        let mut dx = gradient.into_x();

        let (qkv, biases) = (&projected.qkv, key_bias.is_some());
        let (dqkv, dkey_bias) = operands.attention.backward(qkv, &probabilities, &dcontext, biases);
        drop((probabilities, dcontext));
        if let Some(dkey_bias) = dkey_bias {
            register(key_bias, tensor(dkey_bias, operands.key_bias.layout().shape().clone()));
        }
        let products = operands.products(projected.joined.as_deref());
        let of = |p: &Projection<'_>| &dqkv[p.first..][..rows * p.columns];
        let dbias: Vec<f32> = products.iter().flat_map(|p| column_sums(of(p), p.columns)).collect();
        for (node, dbias) in [bq, bk, bv].into_iter().zip(dbias.chunks_exact(hidden.max(1))) {
            register(node, tensor(dbias.to_vec(), [hidden]));
        }
        let operand = |p: &Projection<'_>| matrix(of(p), rows, p.columns, p.columns);
        if [wq, wk, wv].iter().any(Option::is_some) {
            let mut dw = Vec::with_capacity(PARTS);
            for p in &products {
                let joined = Product::new(operands.x().transposed(), operand(p), T::PRECISION).to_vec();
                dw.extend(apart(joined, p.columns, hidden));
            }
            for (node, dw) in [wq, wk, wv].into_iter().zip(dw) {
                register(node, tensor(dw, [hidden; 2]));
            }
        }
        if x.is_some() {
            // From the last to the first, as gradients are added up where each product is an operation.
            for p in products.iter().rev() {
                Product::new(operand(p), p.weight.transposed(), T::PRECISION).add_to(values_mut(&mut dx));
            }
            register(x, dx);
        }
    }
}

/// Matrices of `width` columns that lie side by side in one of `columns`.
fn apart(joined: Vec<f32>, columns: usize, width: usize) -> Vec<Vec<f32>> {
    if columns == width {
        return vec![joined];
    }
    let part = |at: usize| joined.chunks_exact(columns).flat_map(move |row| &row[at..at + width]).copied();
    (0..columns).step_by(width.max(1)).map(|at| part(at).collect()).collect()
}

/// `layer_norm(x + dropout(attention(..)))` with its gradient.
pub(crate) fn tracked_attention_block<C: CheckpointStrategy>(
    tensors: [FloatTensor<Autodiff<Flex, C>>; 12],
    settings: AttentionConfig,
    precision: Precision,
) -> FloatTensor<Autodiff<Flex, C>> {
    match precision {
        Precision::Bf16 => tracked::<C, u16>(tensors, settings),
        _ => tracked::<C, f32>(tensors, settings),
    }
}

fn tracked<C: CheckpointStrategy, T: Element>(
    tensors: [FloatTensor<Autodiff<Flex, C>>; 12],
    settings: AttentionConfig,
) -> FloatTensor<Autodiff<Flex, C>> {
    let guards = tensors.each_ref().map(|x| x.node());
    let operands = Operands::new::<T>(tensors.map(|x| x.into_primitive()), settings);
    match AttentionBlock::<T>(PhantomData).prepare::<C>(guards).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let (y, state) = operands.forward_tracked();
            prep.finish(state, y)
        }
        OpsKind::UnTracked(prep) => prep.finish(operands.forward::<T>()),
    }
}
