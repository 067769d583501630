//! Every operation written with the tensor operations that each backend has.

pub(crate) mod blocks;
pub(crate) mod operations;

pub use self::blocks::{attention_block, attention_block_biased, feed_forward_block};
pub use self::operations::{
    adam_update, dropout, embed, gather_positions, gelu, is_f32, layer_norm, linear, linear_gelu,
    residual_layer_norm, sample_categorical, scatter_positions, softplus, squared_norm, tied_logits,
    weighted_binary_cross_entropy, weighted_cross_entropy,
};
