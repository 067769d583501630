//! Copies of tensors on the host.
//!
//! A card computes while the host goes on; whoever reads from it waits until it has done all that it was asked
//! before. So every read goes through here, where it is counted, and a test holds a step to one or two of them.

use std::sync::atomic::{AtomicU64, Ordering};

use burn::prelude::*;
use burn::tensor::kind::Basic;

static READS: AtomicU64 = AtomicU64::new(0);

/// The number of tensors that this process has read from devices, the CPU's among them.
pub fn host_reads() -> u64 {
    READS.load(Ordering::Relaxed)
}

/// Reads a tensor to the host, which waits for the device.
///
/// What burn 0.22.1 returns may be the device's own staging buffer: on wgpu over a software driver its bytes
/// change when a later tensor is read or the device goes on. Whoever uses the numbers up at once reads them with
/// this; whoever keeps them, with [`read_to_host`].
#[allow(clippy::disallowed_methods)]
pub fn read<const D: usize, K: Basic>(tensor: Tensor<D, K>) -> TensorData {
    READS.fetch_add(1, Ordering::Relaxed);
    tensor.into_data()
}

/// Reads the number that a tensor of one element holds.
///
/// # Panics
/// If it has another number of elements.
pub fn read_number<const D: usize>(tensor: Tensor<D>) -> f64 {
    assert_eq!(tensor.shape().num_elements(), 1, "a tensor of one element");
    read(tensor).iter::<f64>().sum()
}

/// Copies a tensor to host memory that belongs to the caller; see [`read`].
pub fn read_to_host<const D: usize>(tensor: &Tensor<D>) -> TensorData {
    let data = read(tensor.clone());
    TensorData::from_bytes_vec(data.as_bytes().to_vec(), data.shape().clone(), data.dtype())
}
