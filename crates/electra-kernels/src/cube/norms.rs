//! Squared norms of many tensors together, in a fixed order.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::launch::{UNITS, cubes, element_type, elements, empty};
use super::reduce::over_cube;

/// Tensors that one kernel reads: of the 31 buffers that Metal can bind.
const TENSORS: usize = 24;
/// Elements that a unit adds up before they are added to those of other units.
const RUN: u32 = 16;

/// The sums of squares of parts of tensors, a part a cube: each tensor has parts of its own, from the number in
/// `first_parts` on.
#[cube(launch_unchecked)]
fn parts_kernel<F: Float>(
    tensors: &Sequence<OwnedTensor<F>>,
    first_parts: &Sequence<u32>,
    sizes: &Sequence<u32>,
    sums: &mut Tensor<f32>,
    parts: u32,
    before: u32,
    #[comptime] run: u32,
    #[define(F)] _element: ElemType,
) {
    let mut scratch = Shared::<[f32]>::new_slice(256usize);
    let part = CUBE_POS as u32;
    let mut sum = f32::new(0.0);
    #[unroll]
    for i in 0..tensors.len() {
        let first = *first_parts.index(i);
        if part >= first {
            let start = (part - first) * (CUBE_DIM_X * run) + UNIT_POS;
            let size = *sizes.index(i);
            for step in 0u32..run {
                let at = start + step * CUBE_DIM_X;
                if at < size {
                    let value = f32::cast_from(tensors.index(i)[at as usize]);
                    sum += value * value;
                }
            }
        }
    }
    let sum = over_cube(sum, &mut scratch, true);
    if UNIT_POS == 0u32 && part < parts {
        sums[(before + part) as usize] = sum;
    }
}

/// The sums of the parts of each tensor: a cube a tensor. `bounds` has the first part of each, and the end.
#[cube(launch_unchecked)]
fn tensors_kernel(parts: &Tensor<f32>, bounds: &Tensor<u32>, norms: &mut Tensor<f32>, tensors: u32) {
    let mut scratch = Shared::<[f32]>::new_slice(256usize);
    let own = CUBE_POS as u32;
    let tensor = select(own < tensors, own, 0u32);
    let end = bounds[(tensor + 1u32) as usize];
    let mut part = bounds[tensor as usize] + UNIT_POS;
    let mut sum = f32::new(0.0);
    while part < end {
        sum += parts[part as usize];
        part += CUBE_DIM_X;
    }
    let sum = over_cube(sum, &mut scratch, true);
    if UNIT_POS == 0u32 && own < tensors {
        norms[own as usize] = sum;
    }
}

/// The sum of the squares of each of the tensors, which are contiguous: `[n]`.
pub(crate) fn squared_norms(tensors: Vec<CubeTensor>) -> CubeTensor {
    let like = &tensors[0];
    let parts_of = |x: &CubeTensor| elements(x).div_ceil((UNITS * RUN) as usize);
    let mut bounds = vec![0u32];
    for x in &tensors {
        assert!(elements(x) < u32::MAX as usize / 2, "elements are counted in 32 bits");
        bounds.push(bounds[bounds.len() - 1] + parts_of(x) as u32);
    }
    let all = bounds[bounds.len() - 1] as usize;
    let norms = empty(like, [tensors.len()]);
    // One part at least, so that there is a buffer.
    let sums = empty(like, [all.max(1)]);
    let dim = CubeDim::new_1d(UNITS);
    for (group, starts) in tensors.chunks(TENSORS).zip(bounds.chunks(TENSORS)) {
        let (before, parts) = (starts[0] as usize, group.iter().map(parts_of).sum::<usize>());
        if parts == 0 {
            continue;
        }
        let mut args = SequenceArg::new();
        let (mut first_parts, mut sizes) = (SequenceArg::new(), SequenceArg::new());
        for (x, start) in group.iter().zip(starts) {
            args.push(x.clone().into_tensor_arg());
            first_parts.push(start - before as u32);
            sizes.push(elements(x) as u32);
        }
        // SAFETY: units read below the size of a tensor alone, and cubes beyond the parts write nothing.
        unsafe {
            parts_kernel::launch_unchecked(
                &like.client.clone(),
                cubes(like, parts, dim),
                dim,
                args,
                first_parts,
                sizes,
                sums.clone().into_tensor_arg(),
                parts as u32,
                before as u32,
                RUN,
                element_type(like),
            );
        }
    }
    let bounds = {
        let bytes: Vec<u8> = bounds.iter().flat_map(|bound| bound.to_ne_bytes()).collect();
        let handle = like.client.create_from_slice(&bytes);
        let shape = [tensors.len() + 1].into();
        CubeTensor::new_contiguous(
            like.client.clone(),
            like.device.clone(),
            shape,
            handle,
            burn::tensor::DType::U32,
        )
    };
    // SAFETY: cubes beyond the tensors write nothing and read the first one's parts.
    unsafe {
        tensors_kernel::launch_unchecked(
            &like.client.clone(),
            cubes(like, tensors.len(), dim),
            dim,
            sums.into_tensor_arg(),
            bounds.into_tensor_arg(),
            norms.clone().into_tensor_arg(),
            tensors.len() as u32,
        );
    }
    norms
}
