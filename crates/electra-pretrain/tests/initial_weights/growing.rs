//! Vocabularies and position tables that grow.

use electra_pretrain::InitialWeights;
use electra_pretrain::initial_weights::TensorState;

use crate::small::{PIECES, Small, weights_of};
use crate::starting::started;

fn rows(data: &burn::tensor::TensorData) -> Vec<Vec<f32>> {
    let values: Vec<f32> = data.iter::<f32>().collect();
    let width = values.len() / data.shape()[0];
    values.chunks(width).map(<[f32]>::to_vec).collect()
}

#[test]
fn new_pieces_begin_as_the_mean_of_those_that_stood_for_them() {
    let small = Small::new();
    // Pieces from which the new ones were divided before.
    let old = Small::longer(&["##s", "##side"]);
    small.build("data", old.clone(), 16);
    let size = format!("model.vocab_size={}", old.vocab_size());
    let run = small.trained("a", &[&size]);
    let there = weights_of(&run);

    let new = Small::longer(&["##s", "##side", "rivers", "seaside", "##sides", "fjord"]);
    assert_eq!(new.vocab_size(), old.vocab_size() + 4);
    small.build("data", new.clone(), 16);
    let weights = InitialWeights::open(&run, None).unwrap();
    let recipe = small.recipe(Some(&weights), &[]);
    assert_eq!(recipe.value.model.vocab_size, new.vocab_size());
    let (tensors, file) = started(&weights, &recipe);
    let mut grown = Vec::new();
    for tensor in file.tensors.iter().filter(|tensor| tensor.rows.is_some()) {
        let counts = tensor.rows.unwrap();
        assert_eq!((counts.loaded, counts.grown, counts.unknown), (old.vocab_size(), 3, 1));
        assert_eq!((counts.started, counts.cut), (0, 0));
        let (before, now) = (rows(&there[&tensor.name]), rows(&tensors[&tensor.name]));
        assert_eq!(now[..before.len()], before[..], "{}", tensor.name);
        for (piece, of) in [
            ("rivers", &["river", "##s"][..]),
            ("seaside", &["sea", "##side"]),
            ("##sides", &["##side", "##s"]),
            // The old vocabulary has no piece for its first letters: it is unknown.
            ("fjord", &["[UNK]"]),
        ] {
            let row = &now[new.vocabulary().id(piece).unwrap() as usize];
            for (column, value) in row.iter().enumerate() {
                let of: Vec<f64> = of
                    .iter()
                    .map(|piece| f64::from(before[old.vocabulary().id(piece).unwrap() as usize][column]))
                    .collect();
                assert_eq!(*value, (of.iter().sum::<f64>() / of.len() as f64) as f32, "{piece}, {column}");
            }
        }
        grown.push(tensor.name.as_str());
    }
    assert_eq!(grown, ["discriminator.embeddings.word", "generator.head.output_bias"]);
    let said = file.sentences().join("\n");
    let expected = "3 grown as the mean of the pieces that stood for theirs, 1 as [UNK], having no piece that stood for them";
    assert!(said.contains(expected), "{said}");

    // Such a run trains, and another one begins with it.
    small.run(&recipe, "b", Some(weights), None).unwrap();
    let again = InitialWeights::open(&small.path("b"), None).unwrap();
    let (tensors, file) = started(&again, &small.recipe(Some(&again), &[]));
    assert_eq!(tensors, weights_of(&small.path("b")));
    assert!(file.tensors.iter().all(|tensor| tensor.state == TensorState::Loaded && tensor.rows.is_none()));
}

#[test]
fn rows_of_no_piece_are_taken_by_new_ones_and_others_stay() {
    let small = Small::new();
    // Two rows more than pieces.
    let run = small.trained("a", &[&format!("model.vocab_size={}", PIECES + 2)]);
    let there = rows(&weights_of(&run)["discriminator.embeddings.word"]);
    let new = Small::longer(&["##s"]);
    small.build("data", new, 16);
    let weights = InitialWeights::open(&run, None).unwrap();
    let pieces = weights.tokenizer().vocab_size();
    let recipe = small.recipe(Some(&weights), &["model.vocab_size=33"]);
    let (tensors, file) = started(&weights, &recipe);
    let found = rows(&tensors["discriminator.embeddings.word"]);
    assert_eq!(found.len(), 33);
    for (row, values) in there.iter().enumerate().filter(|(row, _)| *row != pieces) {
        assert_eq!(&found[row], values, "row {row}");
    }
    assert_ne!(found[pieces], there[pieces]);
    let counts = file.tensors.iter().find_map(|tensor| tensor.rows).unwrap();
    // The old vocabulary has no piece of it.
    assert_eq!((counts.loaded, counts.grown, counts.unknown), (31, 0, 1));
    assert_eq!((counts.started, counts.cut), (1, 1));
}

#[test]
fn positions_grow_as_the_recipe_says_and_of_fewer_the_first_are_taken() {
    let small = Small::new();
    let run = small.trained("a", &[]);
    let there = rows(&weights_of(&run)["discriminator.embeddings.position"]);
    small.build("long", Small::longer(&[]), 32);
    let weights = InitialWeights::open(&run, None).unwrap();
    let path = format!("data.path={:?}", small.path("long").display().to_string());
    let long = [path.as_str(), "data.sequence_length=32", "model.max_position_embeddings=32"];
    let start = |changes: &[&str]| started(&weights, &small.recipe(Some(&weights), changes));

    let (tensors, file) = start(&long);
    let found = rows(&tensors["discriminator.embeddings.position"]);
    assert_eq!(found[..16], there[..]);
    assert!(found[16..].iter().all(|row| *row == there[15]));
    assert!(file.sentences().join("\n").contains("16 rows loaded, 16 grown from the learned ones"));

    let (tensors, file) = start(&[&long[..], &["init.positions=interpolate"]].concat());
    assert!(file.sentences().join("\n").contains("2 rows loaded, 30 grown from the learned ones"));
    let found = rows(&tensors["discriminator.embeddings.position"]);
    assert_eq!((&found[0], &found[31]), (&there[0], &there[15]));
    // Position 2 of 31 is position 30/31 of 15.
    let share = 30.0 / 31.0;
    let between = |a: f32, b: f32| ((1.0 - share) * f64::from(a) + share * f64::from(b)) as f32;
    let expected: Vec<f32> = there[0].iter().zip(&there[1]).map(|(&a, &b)| between(a, b)).collect();
    assert_eq!(found[2], expected);

    small.build("short", Small::longer(&[]), 8);
    let path = format!("data.path={:?}", small.path("short").display().to_string());
    let (tensors, file) = start(&[&path, "data.sequence_length=8", "model.max_position_embeddings=8"]);
    assert_eq!(rows(&tensors["discriminator.embeddings.position"]), there[..8]);
    assert!(file.sentences().join("\n").contains("8 rows loaded, the last 8 of the weights left out"));
}
