//! The first half of a post-LN block: `layer_norm(x + dropout(attention(x Wq + bq, ..) Wo + bo))`.
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
use burn::backend::{Autodiff, Backend, ExtensionType, Flex, tensor::FloatTensor};
use burn_flex::FlexTensor;

use super::attention::{Attention, Layout, PARTS};
use super::element::{Element, matrix};
use super::gemm::{Destination, Matrix, Product};
use super::layer_norm::Norm;
use super::linear::{Affine, AffineTensors, add_bias, column_sums};
use super::residual::{Kept, Residual};
use super::storage::{contiguous, dims, tensor, uninitialised, values, values_mut};
use crate::{Dropout, Precision};

/// Rows from which it pays in bfloat16 to copy the three weights side by side: `x` is packed once for all,
/// and so are the gradients. Products of 32 bits read `x` as it lies, and a sum over the depth of all three
/// would round otherwise than three sums.
const WORTH_JOINING: usize = 512;

/// What is no tensor.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub heads: usize,
    /// Of the probabilities, and of the branch.
    pub drops: [Dropout; 2],
    pub eps: f64,
}

/// The tensors of a block.
#[derive(ExtensionType)]
pub struct AttentionTensors<B: Backend> {
    pub x: FloatTensor<B>,
    #[extension_type]
    pub query: AffineTensors<B>,
    #[extension_type]
    pub key: AffineTensors<B>,
    #[extension_type]
    pub value: AffineTensors<B>,
    #[extension_type]
    pub output: AffineTensors<B>,
    pub gamma: FloatTensor<B>,
    pub beta: FloatTensor<B>,
    pub key_bias: FloatTensor<B>,
}

impl<B: Backend> AttentionTensors<B> {
    /// Weights before their biases.
    pub fn in_order(self) -> [FloatTensor<B>; 12] {
        let Self { x, query: q, key: k, value: v, output: o, gamma, beta, key_bias } = self;
        [x, q.weight, q.bias, k.weight, k.bias, v.weight, v.bias, o.weight, o.bias, gamma, beta, key_bias]
    }
}

/// The operands, contiguous.
#[derive(Clone, Debug)]
struct Operands {
    /// `[B, S, H]`
    x: FlexTensor,
    /// Of queries, keys and values, each `[H, H]`.
    projections: [Affine; 3],
    /// `[H, H]`
    output: Affine,
    norm: Norm,
    /// `[B, S]`
    key_bias: FlexTensor,
    attention: Attention,
    drop: Dropout,
    layout: Layout,
}

/// One product for one or for all three projections.
struct Projection<'a> {
    /// `[H, columns]`
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
    /// Of the tensors [in order](AttentionTensors::in_order).
    fn new<T: Element>(
        [x, wq, bq, wk, bk, wv, bv, wo, bo, gamma, beta, key_bias]: [FlexTensor; 12],
        Settings { heads, drops: [of_probabilities, drop], eps }: Settings,
    ) -> Self {
        let [batch, sequence, hidden] = dims(&x);
        let projections = [Affine::new(wq, bq), Affine::new(wk, bk), Affine::new(wv, bv)];
        let output = Affine::new(wo, bo);
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
            drop,
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
            let mut joined = uninitialised(PARTS * hidden * hidden);
            let [q, k, v] = self.projections.each_ref().map(Affine::rows);
            for (to, ((q, k), v)) in joined.chunks_exact_mut(PARTS * hidden).zip(q.zip(k).zip(v)) {
                to.chunks_exact_mut(hidden).zip([q, k, v]).for_each(|(to, from)| T::store(from, to));
            }
            joined
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
        let biases: Vec<f32> = self.projections.iter().flat_map(Affine::bias).copied().collect();
        let mut qkv = uninitialised(PARTS * rows * hidden);
        let products = self.products(joined.as_deref());
        for (Projection { weight, columns, first }, bias) in
            products.iter().zip(biases.chunks_exact((biases.len() / products.len()).max(1)))
        {
            let to = &mut qkv[*first..][..rows * columns];
            T::write(&Product::new(self.x(), *weight, T::PRECISION), to, |_, column, y| {
                add_bias(y, &bias[column..][..y.len()]);
            });
        }
        drop(products);
        Projected { qkv, joined }
    }

    fn residual(&self) -> Residual {
        Residual::new(self.x.clone(), self.norm.clone(), self.drop)
    }

    /// `context Wo`.
    fn outward<'a, T: Element>(&'a self, context: &'a [T]) -> Product<'a> {
        let [rows, hidden] = self.sizes();
        Product::new(matrix(context, rows, hidden, hidden), self.output.weight(), T::PRECISION)
    }

    fn forward<T: Element>(&self) -> FlexTensor {
        let Projected { qkv, .. } = self.project::<T>();
        let context = self.attention.forward(&qkv, values(&self.key_bias), &mut []);
        drop(qkv);
        self.residual().of_product(&self.outward(&context), self.output.bias())
    }

    fn forward_tracked<T: Element>(self) -> (FlexTensor, State<T>) {
        let projected = self.project();
        let mut probabilities = uninitialised(self.attention.scores_of_all());
        let context = self.attention.forward(&projected.qkv, values(&self.key_bias), &mut probabilities);
        let (y, kept) = self.residual().of_tracked_product(&self.outward(&context), self.output.bias());
        let state = State {
            operands: self,
            projected: Arc::new(projected),
            probabilities: Arc::new(probabilities),
            context: Arc::new(context),
            kept,
        };
        (y, state)
    }
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
struct State<T> {
    operands: Operands,
    projected: Arc<Projected<T>>,
    /// `[B, A, S, S]`
    probabilities: Arc<Vec<f32>>,
    /// `[B, S, H]`: what the heads found.
    context: Arc<Vec<T>>,
    kept: Kept,
}

/// `layer_norm(x + dropout(attention(..)))`.
pub fn attention_block(tensors: [FlexTensor; 12], settings: Settings, precision: Precision) -> FlexTensor {
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
        let State { operands, projected, probabilities, context, kept } = ops.state;
        let [rows, hidden] = operands.sizes();
        let gradient = kept.backward::<T>(dy);
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
            let mut dw = uninitialised(hidden * hidden);
            Product::new(context.transposed(), gradient.branch(), T::PRECISION)
                .write(&mut dw, Destination::Overwrite);
            register(wo, tensor(dw, [hidden; 2]));
        }
        drop(context);
        let mut dcontext = uninitialised(rows * hidden);
        let weight = operands.output.weight().transposed();
        let product = Product::new(gradient.branch(), weight, T::PRECISION);
        T::write(&product, &mut dcontext, |_, _, _| {});
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
                let mut joined = uninitialised(hidden * p.columns);
                Product::new(operands.x().transposed(), operand(p), T::PRECISION)
                    .write(&mut joined, Destination::Overwrite);
                dw.extend(apart(joined, p.columns, hidden));
            }
            for (node, dw) in [wq, wk, wv].into_iter().zip(dw) {
                register(node, tensor(dw, [hidden; 2]));
            }
        }
        if x.is_some() {
            // From the last to the first, as gradients are added up where each product is an operation.
            for p in products.iter().rev() {
                Product::new(operand(p), p.weight.transposed(), T::PRECISION)
                    .write(values_mut(&mut dx), Destination::Add);
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
pub fn tracked_attention_block<C: CheckpointStrategy>(
    tensors: [FloatTensor<Autodiff<Flex, C>>; 12],
    settings: Settings,
    precision: Precision,
) -> FloatTensor<Autodiff<Flex, C>> {
    match precision {
        Precision::Bf16 => tracked::<C, u16>(tensors, settings),
        _ => tracked::<C, f32>(tensors, settings),
    }
}

fn tracked<C: CheckpointStrategy, T: Element>(
    tensors: [FloatTensor<Autodiff<Flex, C>>; 12],
    settings: Settings,
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
