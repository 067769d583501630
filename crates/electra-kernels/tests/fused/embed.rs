//! Sums of embeddings and gathered positions.

use burn::prelude::*;
use electra_kernels::{composed, embed, gather_positions};

use crate::reference::{check, device, doubles, floats, input, noise};

fn ids<const D: usize>(values: &[i64], shape: [usize; D], device: &Device) -> Tensor<D, Int> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

#[test]
fn embeddings_agree_with_double_precision_also_for_repeated_ids() {
    for [b, s, v, p, t, e] in
        [[1, 1, 5, 1, 1, 1], [2, 7, 5, 9, 2, 12], [3, 4, 300, 4, 3, 5], [40, 9, 11, 16, 2, 33]]
    {
        let n = b * s;
        let words: Vec<i64> =
            noise(n, 5, v as f64 / 2.0).iter().map(|x| (x + v as f64 / 2.0) as i64).collect();
        let token_type_ids: Vec<i64> = (0..n as i64).map(|i| i * i % t as i64).collect();
        let run = |tensors: &[Tensor<1>], fused: bool| {
            let [word, position, token_type] =
                [(0, v), (1, p), (2, t)].map(|(i, rows)| tensors[i].clone().reshape([rows, e]));
            let device = word.device();
            let (words, token_type_ids) =
                (ids(&words, [b, s], &device), ids(&token_type_ids, [b, s], &device));
            let call = if fused { embed } else { composed::embed };
            call(word, position, token_type, words, token_type_ids).reshape([n * e])
        };
        check(
            &format!("embed {b} x {s} of {v}"),
            &[input(v * e, 1, 1.0), input(p * e, 2, 1.0), input(t * e, 3, 1.0)],
            5e-6,
            |t| run(t, true),
            |t| run(t, false),
        );
    }
}

#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
#[test]
fn an_id_outside_the_table_is_named() {
    let device = device();
    let table = Tensor::<2>::zeros([5, 2], &device);
    let zeros = ids(&[0, 0], [1, 2], &device);
    for wrong in [5, -1] {
        let (table, zeros) = (table.clone(), zeros.clone());
        let words = ids(&[0, wrong], [1, 2], &device);
        let call = move || embed(table.clone(), table.clone(), table, words, zeros);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert_eq!(*message, format!("token id {wrong} is not in 0..5"));
    }
}

#[test]
fn gathered_positions_agree_with_double_precision_also_when_repeated() {
    for (b, s, h, slots) in [
        (1, 1, 3, vec![0]),
        (2, 5, 4, vec![4, 0, 0, 3, 3, 3]),
        (3, 7, 33, vec![6, 5, 4, 3, 2, 1, 0, 0, 0]),
        (2, 4, 6, vec![]),
    ] {
        let run = |t: &[Tensor<1>], fused: bool| {
            let x = t[0].clone().reshape([b, s, h]);
            let positions = ids(&slots, [b, slots.len() / b], &x.device());
            if fused {
                gather_positions(x, positions).reshape([slots.len() * h])
            } else {
                composed::gather_positions(x, positions).reshape([slots.len() * h])
            }
        };
        if slots.is_empty() {
            let x = floats(&noise(b * s * h, 1, 1.0), [b * s * h]);
            assert_eq!(run(&[x], true).dims(), [0]);
            continue;
        }
        let what = format!("{} of {b} x {s}", slots.len());
        check(&what, &[input(b * s * h, 1, 1.0)], 1e-6, |t| run(t, true), |t| run(t, false));
    }
}

#[test]
fn gathering_from_a_view_gives_what_its_copy_gives() {
    let x = floats(&noise(2 * 6 * 4, 1, 1.0), [6, 2, 4]).swap_dims(0, 1);
    let positions = ids(&[5, 0, 2, 2], [2, 2], &device());
    let copy = floats(&doubles(x.clone()), [2, 6, 4]);
    let expected = doubles(gather_positions(copy, positions.clone()));
    assert_eq!(doubles(gather_positions(x, positions)), expected);
}
