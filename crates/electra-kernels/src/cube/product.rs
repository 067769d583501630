//! Matrix products, by a kernel that follows from the device and the precision alone.
//!
//! burn times its kernels and keeps the fastest, so that another run may add up in another order. Here the
//! kernel is fixed: results are the same bits on every run on one device.

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::ops::permute;
use burn_cubecl::tensor::CubeTensor;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::matmul::multi_level::Strategy as MultiLevel;
use cubek::matmul::strategy::Strategy;
use cubek::std::InputBinding;

use super::columns::{column_sums, column_sums_apart, zeros};
use super::launch::{dims, element_type, empty_of, reshaped};

/// A matrix, or matrices of a batch, with rows and columns exchanged: a view.
pub(crate) fn transposed(x: CubeTensor) -> CubeTensor {
    let rank = x.shape().num_dims();
    let mut axes: Vec<usize> = (0..rank).collect();
    axes.swap(rank - 2, rank - 1);
    permute(x, &axes)
}

/// `a @ b` of matrices, or of each pair of matrices of a batch: `[.., M, K]` and `[.., K, N]` to `[.., M, N]`,
/// in 32 bits throughout: no tensor core rounds the operands.
pub(crate) fn product(a: CubeTensor, b: CubeTensor) -> CubeTensor {
    assert_eq!(a.dtype, DType::F32, "products of 32-bit floats");
    let mut shape = a.shape();
    let rank = shape.num_dims();
    let depth = shape[rank - 1];
    assert_eq!(depth, b.shape()[rank - 2], "as many columns as rows");
    shape[rank - 1] = b.shape()[rank - 1];
    let out = empty_of(&a, shape.clone(), a.dtype);
    if shape.num_elements() == 0 {
        return out;
    }
    if depth == 0 {
        return reshaped(zeros(&a, shape.num_elements()), shape);
    }
    let element = element_type(&a);
    let mut types =
        MatmulElems::from_globals(&MatmulGlobalElems { lhs: element, rhs: element, out: element });
    let client = a.client.clone();
    let launched = cubek::matmul::launch::launch_ref(
        &Strategy::MultiLevel(MultiLevel::SimpleUnit(Default::default())),
        &client,
        InputBinding::new(a.binding(), element),
        InputBinding::new(b.binding(), element),
        out.clone().binding(),
        &mut types,
    );
    if let Err(error) = launched {
        panic!("the product {shape:?} over {depth}: {error:?}");
    }
    out
}

/// Rows from which a depth is cut in pieces.
const WORTH_CUTTING: usize = 1024;
/// The most pieces.
const PIECES: usize = 16;

/// `a^T @ b` for `a [R, M]` and `b [R, N]`, in pieces of the rows that have to be added up: `[pieces, M, N]`. With
/// many rows and few columns there is work for a whole card.
fn products_of_pieces(a: CubeTensor, b: CubeTensor) -> (CubeTensor, usize) {
    let ([rows, m], [of_b, n]) = (dims(&a), dims(&b));
    assert_eq!(rows, of_b, "as many rows");
    let mut pieces = 1;
    while pieces < PIECES && rows % (pieces * 2) == 0 && rows / (pieces * 2) >= WORTH_CUTTING / 2 {
        pieces *= 2;
    }
    let a = reshaped(a, [pieces, rows / pieces, m]);
    let b = reshaped(b, [pieces, rows / pieces, n]);
    (product(transposed(a), b), pieces)
}

/// `a^T @ b` for `a [R, M]` and `b [R, N]`, as for the gradients of weights: `[M, N]`.
pub(crate) fn product_over_rows(a: CubeTensor, b: CubeTensor) -> CubeTensor {
    let ([_, m], [_, n]) = (dims(&a), dims(&b));
    let (products, pieces) = products_of_pieces(a, b);
    reshaped(column_sums(&products, pieces, m * n), [m, n])
}

/// `a^T @ b` for each of the `N` matrices of `width` columns that stand side by side in `b`: of each `[M, width]`.
pub(crate) fn products_over_rows<const N: usize>(
    a: CubeTensor,
    b: CubeTensor,
    width: usize,
) -> [CubeTensor; N] {
    let [_, m] = dims(&a);
    let (products, pieces) = products_of_pieces(a, b);
    column_sums_apart(&products, pieces, width, [m, width])
}
