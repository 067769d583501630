//! Copies of tensors on the host.

use burn::prelude::*;

/// Copies a tensor to host memory that belongs to the caller.
///
/// What burn 0.22.1 returns from [`Tensor::to_data`] may be the device's own staging buffer: on
/// wgpu over a software driver its bytes change when a later tensor is read or the device goes
/// on. Whoever keeps numbers while the device goes on reads them with this; whoever uses them up
/// at once need not.
pub fn read_to_host<const D: usize>(tensor: &Tensor<D>) -> TensorData {
    let data = tensor.to_data();
    TensorData::from_bytes_vec(data.as_bytes().to_vec(), data.shape().clone(), data.dtype())
}
