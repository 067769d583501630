//! Each fused operation against the composed one in double precision, in value and in gradient.

mod adam;
mod attention_block;
mod cross_entropy;
mod determinism;
mod elementwise;
mod embed;
mod feed_forward_block;
mod laws;
mod layer_norm;
mod linear;
mod reference;
mod sampling;
