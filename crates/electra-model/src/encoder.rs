//! The post-LN transformer encoder that both networks use.

use burn::module::Module;
use burn::prelude::*;
use electra_kernels as kernels;

use crate::config::EncoderConfig;
use crate::dropout::{DropoutSites, Place};
use crate::init::{Init, Kernel};
use crate::layers::{Dense, LayerNorm};
use electra_kernels::Precision;

/// Added to the scores of padded keys (`modeling.py`, `attention_mask`).
pub const PADDING_BIAS: f64 = -10_000.0;

/// A stack of blocks, without a final layer norm.
#[derive(Module, Debug)]
pub struct Encoder {
    /// The blocks, first to last.
    pub layers: Vec<Block>,
}

/// Self-attention and feed-forward, each followed by residual and layer norm.
#[derive(Module, Debug)]
pub struct Block {
    /// Multi-head self-attention.
    pub attention: Attention,
    /// Position-wise feed-forward.
    pub feed_forward: FeedForward,
}

/// Multi-head self-attention with its residual and layer norm.
#[derive(Module, Debug)]
pub struct Attention {
    /// The projection to queries, `[H, H]`.
    pub query: Dense,
    /// The projection to keys, `[H, H]`.
    pub key: Dense,
    /// The projection to values, `[H, H]`.
    pub value: Dense,
    /// The output projection, `[H, H]`.
    pub output: Dense,
    /// After the residual.
    pub norm: LayerNorm,
    #[module(skip)]
    heads: usize,
    #[module(skip)]
    precision: Precision,
}

/// `H -> intermediate, gelu, -> H` with its residual and layer norm.
#[derive(Module, Debug)]
pub struct FeedForward {
    /// `[H, intermediate]`
    pub intermediate: Dense,
    /// `[intermediate, H]`
    pub output: Dense,
    /// After the residual.
    pub norm: LayerNorm,
}

impl Encoder {
    /// An encoder of new blocks.
    pub fn init(init: &Init, config: &EncoderConfig) -> Self {
        let h = config.hidden_size;
        let dense = |init: &Init, name, kernel, i, o| Dense::init(&init.child(name), kernel, i, o);
        let heads = config.num_attention_heads;
        // Heads above the encoder read its last layer norm, which stays as it is.
        let inner = init.residual_start();
        let layers = (0..config.num_hidden_layers)
            .map(|layer| {
                let init = init.child("layers").child(layer);
                let (attention, feed_forward) = (init.child("attention"), init.child("feed_forward"));
                let reads_embeddings = layer == 0;
                let reading = attention.clone().with_input_scale(if reads_embeddings { 1.0 } else { inner });
                let is_last = layer + 1 == config.num_hidden_layers;
                let [query, key] = match layer {
                    0 => [Kernel::FirstQuery(heads), Kernel::FirstKey(heads)],
                    _ => [Kernel::Dense; 2],
                };
                let residual = if layer == 0 { Kernel::Dense } else { Kernel::LaterResidual };
                Block {
                    attention: Attention {
                        query: Dense::init(&reading.child("query"), query, h, h),
                        key: Dense::init(&reading.child("key"), key, h, h),
                        value: dense(&reading, "value", Kernel::Dense, h, h),
                        output: dense(&attention, "output", residual, h, h),
                        norm: LayerNorm::with_gain(&attention.child("norm"), inner, h),
                        heads,
                        precision: init.precision(),
                    },
                    feed_forward: FeedForward {
                        intermediate: dense(
                            &feed_forward.clone().with_input_scale(inner),
                            "intermediate",
                            Kernel::Dense,
                            h,
                            config.intermediate_size,
                        ),
                        output: dense(&feed_forward, "output", residual, config.intermediate_size, h),
                        norm: LayerNorm::with_gain(
                            &feed_forward.child("norm"),
                            if is_last { 1.0 } else { inner },
                            h,
                        ),
                    },
                }
            })
            .collect();
        Self { layers }
    }

    /// Last hidden state of `x [B, S, H]`; `key_bias [B, S]` from [`key_bias`].
    pub fn forward(&self, x: Tensor<3>, key_bias: &Tensor<2>, dropout: &DropoutSites) -> Tensor<3> {
        let layers = self.layers.iter().enumerate();
        layers.fold(x, |x, (i, block)| block.forward(x, key_bias, None, dropout, i))
    }

    /// The forward pass where a token attends to itself and to those on one side of it alone.
    pub fn forward_towards(
        &self,
        direction: Direction,
        x: Tensor<3>,
        key_bias: &Tensor<2>,
        dropout: &DropoutSites,
    ) -> Tensor<3> {
        let [b, s, _] = x.dims();
        let bias = key_bias.clone().reshape([b, 1, 1, s]) + direction.bias(s, &x.device());
        let layers = self.layers.iter().enumerate();
        layers.fold(x, |x, (i, block)| block.forward(x, key_bias, Some(&bias), dropout, i))
    }

    /// Input and the output of every block: `layers + 1` tensors `[B, S, H]`.
    pub fn hidden_states(
        &self,
        x: Tensor<3>,
        key_bias: &Tensor<2>,
        dropout: &DropoutSites,
    ) -> Vec<Tensor<3>> {
        let mut states = vec![x];
        for (i, block) in self.layers.iter().enumerate() {
            states.push(block.forward(states[i].clone(), key_bias, None, dropout, i));
        }
        states
    }
}

impl Block {
    /// `pair_bias [B, 1, S, S]` in place of `key_bias [B, S]`, if given.
    fn forward(
        &self,
        x: Tensor<3>,
        key_bias: &Tensor<2>,
        pair_bias: Option<&Tensor<4>>,
        dropout: &DropoutSites,
        layer: usize,
    ) -> Tensor<3> {
        let a = &self.attention;
        let attention = kernels::AttentionBlock {
            query: a.query.affine(),
            key: a.key.affine(),
            value: a.value.affine(),
            output: a.output.affine(),
            norm: a.norm.norm(),
            heads: a.heads,
        };
        let dropouts =
            [Place::Attention(layer), Place::AttentionOutput(layer)].map(|place| dropout.at(place));
        let x = match pair_bias {
            Some(bias) => {
                kernels::composed::attention_block_biased(x, bias.clone(), attention, dropouts, a.precision)
            }
            None => kernels::attention_block(x, key_bias.clone(), attention, dropouts, a.precision),
        };
        let f = &self.feed_forward;
        let feed_forward = kernels::FeedForwardBlock {
            intermediate: f.intermediate.affine(),
            output: f.output.affine(),
            norm: f.norm.norm(),
        };
        kernels::feed_forward_block(x, feed_forward, dropout.at(Place::FeedForwardOutput(layer)), a.precision)
    }
}

/// The side of a token that it attends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Each token attends to those before it.
    LeftToRight,
    /// Each token attends to those after it.
    RightToLeft,
}

impl Direction {
    /// `[1, 1, S, S]`: 0 where a query may attend to a key, -10000 elsewhere.
    fn bias(self, s: usize, device: &Device) -> Tensor<4> {
        let places = Tensor::<1, Int>::arange(0..s as i64, device);
        let ahead = places.clone().reshape([1, s]) - places.reshape([s, 1]); // [query, key]
        let is_hidden = match self {
            Self::LeftToRight => ahead.greater_elem(0),
            Self::RightToLeft => ahead.lower_elem(0),
        };
        (is_hidden.float() * PADDING_BIAS).reshape([1, 1, s, s])
    }
}

/// The bias of the attention scores of each key: 0 where `attention_mask [B, S]` is 1, -10000 where 0.
///
/// Queries at padding are not masked, as in the reference.
pub fn key_bias(attention_mask: Tensor<2>) -> Tensor<2> {
    (attention_mask - 1.0) * -PADDING_BIAS
}
