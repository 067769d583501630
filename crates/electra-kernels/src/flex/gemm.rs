//! Matrix products on strided operands.
//!
//! On AVX-512 they are our own: of bfloat16 (`blocked`, on AMX too), of few rows (`few_rows`), of many
//! (`unpacked_a`), and gradients of weights (`transposed_a`). Else they are those of the `gemm` crate. Bits
//! do not depend on the number of threads.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512_bf16;
#[cfg(target_arch = "x86_64")]
mod bf16_kernel;
#[cfg(target_arch = "x86_64")]
mod blocked;
#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod bounds;
#[cfg(target_arch = "x86_64")]
mod few_rows;
mod matrix;
#[cfg(target_arch = "x86_64")]
mod packing;
mod portable;
mod product;
#[cfg(target_arch = "x86_64")]
mod results;
mod run;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod tile;
#[cfg(target_arch = "x86_64")]
mod transposed_a;
#[cfg(target_arch = "x86_64")]
mod unpacked_a;

pub(crate) use self::matrix::{Elements, Matrix, span};
pub(crate) use self::product::Product;
