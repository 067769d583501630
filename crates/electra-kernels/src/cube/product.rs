//! Matrix products, by a kernel that follows from the device, the shapes and the precision alone.
//!
//! burn times its kernels and keeps the fastest, so that another run may add up in another order. Here the
//! kernel is fixed: results are the same bits on every run on one device. Operands have the type of the
//! precision; sums and results are 32-bit floats.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use burn::backend::TensorMetadata;
use burn::tensor::DType;
use burn_cubecl::kernel::cast;
use burn_cubecl::ops::permute;
use burn_cubecl::tensor::CubeTensor;
use cubek::matmul::definition::{MatmulElems, MatmulGlobalElems};
use cubek::matmul::multi_level::Strategy as MultiLevel;
use cubek::matmul::strategy::Strategy;
use cubek::std::InputBinding;

use super::columns::{PendingSums, zeros};
use super::launch::{dims, element_type, empty, reshaped};
use crate::Precision;
use crate::tensor_cores::count_product_without;

/// A matrix, or matrices of a batch, with rows and columns exchanged: a view.
pub(crate) fn transposed(x: CubeTensor) -> CubeTensor {
    let rank = x.shape().num_dims();
    let mut axes: Vec<usize> = (0..rank).collect();
    axes.swap(rank - 2, rank - 1);
    permute(x, &axes)
}

/// The type of the operands of products in `precision`. Tensor cores round 32-bit floats to TF32 by themselves.
pub(crate) fn operand_type(precision: Precision) -> DType {
    precision.half_dtype().map_or(DType::F32, Into::into)
}

/// `x` in the type of the operands of products in `precision`.
pub(crate) fn operand(x: CubeTensor, precision: Precision) -> CubeTensor {
    let dtype = operand_type(precision);
    if x.dtype == dtype { x } else { cast(x, dtype) }
}

/// `a @ b` of matrices, or of each pair of matrices of a batch: `[.., M, K]` and `[.., K, N]`, both of the
/// [type of operands](operand_type), to `[.., M, N]` of 32-bit floats.
///
/// In [`Precision::F32`] no tensor core takes part, which would round the operands. In the others tensor cores
/// multiply, except where the device or the shape has no use for them: such products are counted.
pub(crate) fn product(a: CubeTensor, b: CubeTensor, precision: Precision) -> CubeTensor {
    let dtype = operand_type(precision);
    assert_eq!([a.dtype, b.dtype], [dtype; 2], "operands of a product in {precision:?}");
    let mut shape = a.shape();
    let rank = shape.num_dims();
    let depth = shape[rank - 1];
    assert_eq!(depth, b.shape()[rank - 2], "as many columns as rows");
    shape[rank - 1] = b.shape()[rank - 1];
    let out = empty(&a, shape.clone());
    if shape.num_elements() == 0 {
        return out;
    }
    if depth == 0 {
        return reshaped(zeros(&a, shape.num_elements()), shape);
    }
    if precision != Precision::F32 {
        if runs_on_tensor_cores(precision, &a, &b, &out) {
            return out;
        }
        count_product_without();
    }
    if let Err(error) = launched(MultiLevel::SimpleUnit(Default::default()), &a, &b, &out) {
        panic!("the product {shape:?} over {depth}: {error}");
    }
    out
}

/// Operands for which a kernel is compiled: precision, shapes and strides.
type Kind = (Precision, [Vec<usize>; 4]);

/// Kinds of operands that were tried on tensor cores, and whether their kernel runs.
static TRIED: LazyLock<Mutex<HashMap<Kind, bool>>> = LazyLock::new(Mutex::default);

/// Launches a product on tensor cores, if they take its operands.
///
/// A kernel that does not compile says so later and not when it is launched: the device is asked once for each kind
/// of operands, which does not wait for what it computes.
fn runs_on_tensor_cores(precision: Precision, a: &CubeTensor, b: &CubeTensor, out: &CubeTensor) -> bool {
    let sizes = |x: &CubeTensor| [x.meta.shape().to_vec(), x.meta.strides().to_vec()];
    let ([shape_a, strides_a], [shape_b, strides_b]) = (sizes(a), sizes(b));
    let kind = (precision, [shape_a, strides_a, shape_b, strides_b]);
    let mut tried = TRIED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = tried.get(&kind).copied();
    if known == Some(false) {
        return false;
    }
    let is_launched = launched(MultiLevel::SimpleCyclicCmma(Default::default()), a, b, out).is_ok();
    if known.is_some() {
        return is_launched;
    }
    let runs = is_launched && a.client.check([&out.handle]).is_ok();
    tried.insert(kind, runs);
    runs
}

/// Launches a product by a kernel, if that takes its shapes and types.
fn launched(kernel: MultiLevel, a: &CubeTensor, b: &CubeTensor, out: &CubeTensor) -> Result<(), String> {
    let [of_operands, of_result] = [a, out].map(element_type);
    let mut types =
        MatmulElems::from_globals(&MatmulGlobalElems { lhs: of_operands, rhs: of_operands, out: of_result });
    cubek::matmul::launch::launch_ref(
        &Strategy::MultiLevel(kernel),
        &a.client,
        InputBinding::new(a.clone().binding(), of_operands),
        InputBinding::new(b.clone().binding(), of_operands),
        out.clone().binding(),
        &mut types,
    )
    .map_err(|error| format!("{error:?}"))
}

/// Rows from which a depth is cut in pieces.
const WORTH_CUTTING: usize = 1024;
/// The most pieces.
const PIECES: usize = 16;

/// `a^T @ b` for `a [R, M]` and `b [R, N]`, in pieces of the rows that have to be added up: `[pieces, M, N]`. With
/// many rows and few columns there is work for a whole card.
fn products_of_pieces(a: CubeTensor, b: CubeTensor, precision: Precision) -> (CubeTensor, usize) {
    let ([rows, m], [of_b, n]) = (dims(&a), dims(&b));
    assert_eq!(rows, of_b, "as many rows");
    let mut pieces = 1;
    while pieces < PIECES && rows % (pieces * 2) == 0 && rows / (pieces * 2) >= WORTH_CUTTING / 2 {
        pieces *= 2;
    }
    let a = reshaped(a, [pieces, rows / pieces, m]);
    let b = reshaped(b, [pieces, rows / pieces, n]);
    (product(transposed(a), b, precision), pieces)
}

/// `a^T @ b` for `a [R, M]` and `b [R, N]`, as for the gradients of weights: `[M, N]`, one of the `sums`.
pub(crate) fn product_over_rows(
    a: CubeTensor,
    b: CubeTensor,
    precision: Precision,
    sums: &mut PendingSums,
) -> CubeTensor {
    let [product] = products_over_rows(a, dims::<2>(&b)[1], b, precision, sums);
    product
}

/// `a^T @ b` for each of the `N` matrices of `width` columns that stand side by side in `b`: of each `[M, width]`, some
/// of the `sums`.
pub(crate) fn products_over_rows<const N: usize>(
    a: CubeTensor,
    width: usize,
    b: CubeTensor,
    precision: Precision,
    sums: &mut PendingSums,
) -> [CubeTensor; N] {
    let [_, m] = dims(&a);
    let (products, pieces) = products_of_pieces(a, b, precision);
    sums.apart(&products, pieces, width, [m, width])
}
