//! Each fused operation against the composed one in double precision, in value and in gradient.

mod attention;
mod determinism;
mod elementwise;
mod layer_norm;
mod linear;
mod reference;
