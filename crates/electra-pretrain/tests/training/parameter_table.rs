//! Every parameter of tiny networks: path, shape, initial values, and whether it decays.

use std::collections::BTreeMap;

use burn::prelude::*;
use electra_model::parameters::collect;
use electra_model::{Electra, TieMode};
use electra_optim::has_weight_decay;

use crate::golden::{fixture, largest};
use crate::tiny;

#[test]
fn every_parameter_is_as_in_the_table() {
    let text = std::fs::read_to_string(fixture("parameters.txt")).unwrap();
    let table: BTreeMap<&str, Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .map(|columns| (columns[0], columns[1..].to_vec()))
        .collect();
    let found = collect(&Electra::init(&tiny::config(TieMode::Embeddings), 7, &Device::flex()));

    let shape = |data: &TensorData| data.shape().iter().map(usize::to_string).collect::<Vec<_>>().join("x");
    let columns: Vec<(&str, String, &str)> = found
        .iter()
        .map(|(path, data)| (path.as_str(), shape(data), if has_weight_decay(path) { "decays" } else { "-" }))
        .collect();
    let expected: Vec<(&str, String, &str)> =
        table.iter().map(|(path, columns)| (*path, columns[0].to_owned(), columns[2])).collect();
    assert_eq!(columns, expected);
    for (path, data) in &found {
        assert_initial(path, data, table[path.as_str()][1]);
    }
}

fn assert_initial(path: &str, data: &TensorData, kind: &str) {
    let values: Vec<f64> = data.iter::<f64>().collect();
    let (bound, deviation) = match kind {
        "zeros" => return assert!(values.iter().all(|&v| v == 0.0), "{path}"),
        "ones" => return assert!(values.iter().all(|&v| v == 1.0), "{path}"),
        // Deviation 0.02, cut at two of them, which leaves 0.8796 of it.
        "truncated-normal" => (0.04, 0.02 * 0.8796),
        "glorot-uniform" => {
            let limit = (6.0 / data.shape().iter().sum::<usize>() as f64).sqrt();
            (limit, limit / 3f64.sqrt())
        }
        other => panic!("{other} of {path}"),
    };
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let found = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    // Five times the deviation of both estimates for normal values; those of bounded ones are less.
    assert!(largest(&values) <= bound, "{path}: {} beyond {bound}", largest(&values));
    assert!(mean.abs() < 5.0 * deviation / n.sqrt(), "{path} has mean {mean}");
    let share = found / deviation;
    assert!(
        (share - 1.0).abs() < 5.0 / (2.0 * n).sqrt(),
        "{path} deviates {share} times as much as it should"
    );
}
