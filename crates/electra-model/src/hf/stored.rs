//! A tensor as far as it is known: all of it, or its header alone.
//!
//! What a file of transformers holds is renamed and turned the same way whether its numbers were read
//! or not, so that its sizes are looked at before memory is taken for the numbers.

use burn::tensor::{DType, TensorData};

use crate::parameters::TensorHeader;

/// A tensor, or its header.
pub trait Stored: PartialEq {
    /// The type that the tensor's elements are read as.
    fn dtype(&self) -> DType;

    /// The shape of the tensor.
    fn shape(&self) -> Vec<usize>;

    /// The transpose of a matrix of 32-bit floats.
    #[must_use]
    fn transposed(&self, rows: usize, columns: usize) -> Self;
}

impl Stored for TensorHeader {
    fn dtype(&self) -> DType {
        self.dtype
    }

    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn transposed(&self, rows: usize, columns: usize) -> Self {
        Self { shape: vec![columns, rows], ..self.clone() }
    }
}

impl Stored for TensorData {
    fn dtype(&self) -> DType {
        TensorData::dtype(self)
    }

    fn shape(&self) -> Vec<usize> {
        TensorData::shape(self).to_vec()
    }

    fn transposed(&self, _: usize, _: usize) -> Self {
        transpose(self)
    }
}

pub(super) fn transpose(data: &TensorData) -> TensorData {
    let (rows, columns) = (data.shape()[0], data.shape()[1]);
    let values = data.as_slice::<f32>().expect("parameters are collected as 32-bit floats");
    let mut out = vec![0.0; values.len()];
    for r in 0..rows {
        for c in 0..columns {
            out[c * rows + r] = values[r * columns + c];
        }
    }
    TensorData::new(out, [columns, rows])
}
