//! The same bits for any number of ranks.

use electra_pretrain::RunEnd;

use crate::run::Bench;

/// Asserts that the runs of several ranks have what that of one process has.
fn assert_same(bench: &Bench, ranks: &[usize], changes: &[&str]) {
    bench.finish("one", 1, changes);
    let log = bench.log("one");
    for &ranks in ranks {
        let run = format!("{ranks}-ranks");
        bench.finish(&run, ranks, changes);
        for file in [
            "model.safetensors",
            "average/model.safetensors",
            "checkpoints/step-0000000006/optimizer.safetensors",
            "checkpoints/best.json",
            "recipe.toml",
        ] {
            if bench.path("one").join(file).exists() || !file.starts_with("average") {
                let [one, several] = ["one", &run].map(|run| bench.bytes(&format!("{run}/{file}")));
                assert!(one == several, "{file} of {ranks} ranks differs");
            }
        }
        assert_eq!(bench.log(&run), log, "the log of {ranks} ranks");
    }
}

#[test]
fn weights_losses_and_evaluations_of_any_number_of_ranks_are_those_of_one_process() {
    let bench = Bench::new();
    assert_same(&bench, &[2, 3, 4, 5, 8], &[]);
    assert!(bench.path("one/average/model.safetensors").exists());
}

#[test]
fn shares_may_be_uneven_and_stages_may_train_a_part_of_the_networks() {
    let bench = Bench::new();
    let stages = "scheme={kind=\"two-stage\",generator_steps=4}";
    assert_same(&bench, &[2, 3], &["train.batch_size=6", "train.micro_batch_size=2", stages]);
}

#[test]
fn decisions_on_sixteen_bit_gradients_are_those_of_one_process() {
    let bench = Bench::new();
    let wide = ["train.precision=f16", "objective.discriminator_weight=30000.0", "log.every_steps=1"];
    assert_same(&bench, &[2, 3], &wide);
    let told = bench.log("one").into_iter().filter_map(|line| line["message"].as_str().map(str::to_owned));
    let told: Vec<String> = told.filter(|message| message.contains("loss scale")).collect();
    assert_eq!(told.len(), 1, "no gradient overflowed: {told:?}");
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks_and_the_same_bits() {
    let bench = Bench::new();
    bench.finish("straight", 1, &[]);
    // Whoever is asked to stop, all stop after the same step.
    for (begin, stop, end) in [(3, (1, 4), 2), (1, (0, 2), 8), (4, (3, 5), 1)] {
        let run = format!("{begin}-{end}");
        let ends = bench.train(&run, begin, |_| bench.recipe(&[]), Some(stop));
        assert!(ends.iter().all(|end| matches!(end, Ok(RunEnd::Interrupted))), "{ends:?}");
        let last = bench.log(&run).pop().unwrap();
        assert_eq!((&last["kind"], last["step"].as_u64()), (&"end".into(), Some(stop.1)));
        bench.finish(&run, end, &[]);
        for file in ["model.safetensors", "average/model.safetensors"] {
            let [straight, broken] = ["straight", &run].map(|run| bench.bytes(&format!("{run}/{file}")));
            assert!(straight == broken, "{file} of {run} differs");
        }
    }
    // What is finished is finished on every rank.
    bench.finish("straight", 3, &[]);
}

#[test]
fn two_micro_batches_have_one_sum_and_more_have_that_of_their_recipe() {
    let bench = Bench::new();
    let weights = |run: &str, ranks: usize, rows: &str, order: &str| {
        let recipe = |_| {
            let mut recipe = bench.recipe(&[&format!("train.micro_batch_size={rows}")]);
            recipe.value.train.gradient_sum = match order {
                "absent" => None,
                "fold" => Some(electra_pretrain::recipe::GradientSum::Fold),
                _ => Some(electra_pretrain::recipe::GradientSum::Tree),
            };
            recipe
        };
        let ends = bench.train(run, ranks, recipe, None);
        assert!(ends.iter().all(Result::is_ok), "{run}: {ends:?}");
        bench.bytes(&format!("{run}/model.safetensors"))
    };
    let of_two = weights("two", 1, "4", "absent");
    assert!(of_two == weights("two-tree", 1, "4", "tree"));
    assert!(of_two == weights("two-ranks", 2, "4", "absent"));
    let of_eight = weights("eight", 1, "1", "absent");
    assert!(of_eight == weights("eight-fold", 1, "1", "fold"));
    assert!(of_eight != weights("eight-tree", 1, "1", "tree"));
}
