//! Ranks that cannot train together.

use electra_pretrain::TrainError;
use electra_ranks::RankError;

use crate::run::Bench;

/// The errors of all ranks as sentences.
fn errors(ends: Vec<Result<electra_pretrain::RunEnd, TrainError>>) -> Vec<String> {
    ends.into_iter().map(|end| end.unwrap_err().to_string()).collect()
}

#[test]
fn more_ranks_than_micro_batches_are_refused() {
    let bench = Bench::new();
    let recipe = |_| bench.recipe(&["train.micro_batch_size=4"]);
    for error in errors(bench.train("run", 3, recipe, None)) {
        assert!(error.starts_with("3 ranks for the 2 micro-batches of a step"), "{error}");
    }
    assert!(!bench.path("run").exists());
}

#[test]
fn a_run_whose_gradients_are_folded_is_refused_with_several_ranks() {
    let bench = Bench::new();
    let fold = |_| {
        let mut recipe = bench.recipe(&[]);
        recipe.value.train.gradient_sum = None;
        recipe
    };
    for error in errors(bench.train("run", 2, fold, None)) {
        assert!(error.contains("gradients of its 8 micro-batches one after the other"), "{error}");
    }
    assert!(bench.train("run", 1, fold, None)[0].is_ok());
}

#[test]
fn ranks_with_another_recipe_are_named() {
    let bench = Bench::new();
    let recipe = |rank| bench.recipe(if rank == 2 { &["seed=5"] } else { &[] });
    for error in errors(bench.train("run", 3, recipe, None)) {
        assert!(error.starts_with("rank 2 has another recipe than rank 0: "), "{error}");
    }
    // Where data lies is no difference; what it holds is.
    let other = Bench::new();
    let data = format!("data.path={:?}", other.path("data").display().to_string());
    let moved = [data.as_str()];
    let elsewhere = |rank| bench.recipe(if rank == 1 { &moved } else { &[] });
    assert!(bench.train("moved", 2, elsewhere, None).iter().all(Result::is_ok));
    assert!(!bench.path("run").exists());
}

#[test]
fn the_error_of_the_first_rank_ends_all() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("run")).unwrap();
    std::fs::write(bench.path("run").join("letter.txt"), "dear").unwrap();
    let found = errors(bench.train("run", 3, |_| bench.recipe(&[]), None));
    assert!(found[0].contains("is not empty and not a run folder"), "{found:?}");
    assert_eq!(found[1], format!("rank 0: {}", found[0]));
    assert_eq!(found[2], found[1]);
}

#[test]
fn an_error_of_one_rank_in_the_middle_ends_all() {
    let bench = Bench::new();
    let ends = bench.train("run", 2, |_| bench.recipe(&[]), Some((0, 1)));
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    // A folder stands in the place of the final weights, which the first rank alone writes.
    std::fs::create_dir(bench.path("run/model.safetensors")).unwrap();
    let ends = bench.train("run", 2, |_| bench.recipe(&[]), None);
    assert!(matches!(ends[0], Err(TrainError::Run(_))), "{ends:?}");
    assert!(matches!(ends[1], Err(TrainError::Ranks(RankError::Failed { rank: 0, .. }))), "{ends:?}");
}
