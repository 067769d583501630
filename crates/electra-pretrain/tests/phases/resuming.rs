//! A run of several phases that is interrupted, or killed, ends with the bits of an unbroken one.

use std::fs;
use std::path::Path;

use electra_pretrain::RunEnd;

use crate::run::Bench;
use crate::{POSITIONS, SHORT_THEN_LONG, bench};

const FILES: [&str; 3] =
    ["model.safetensors", "average/model.safetensors", "checkpoints/step-0000000009/optimizer.safetensors"];

fn files(bench: &Bench, run: &str) -> Vec<Vec<u8>> {
    FILES.iter().map(|file| bench.bytes(&format!("{run}/{file}"))).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// A folder as one finds it that was killed after the checkpoint of `step`.
fn killed(bench: &Bench, run: &str, step: u64) -> String {
    let name = format!("killed-after-{step}");
    copy(&bench.path(run), &bench.path(&name));
    for entry in fs::read_dir(bench.path(&name).join("checkpoints")).unwrap() {
        let path = entry.unwrap().path();
        let number = path.file_name().unwrap().to_str().unwrap().strip_prefix("step-").map(str::to_owned);
        if number.is_some_and(|number| number.parse::<u64>().unwrap() > step) {
            fs::remove_dir_all(path).unwrap();
        }
    }
    fs::remove_file(bench.path(&name).join("model.safetensors")).unwrap();
    name
}

#[test]
fn a_run_that_is_interrupted_anywhere_ends_with_the_bits_of_an_unbroken_one() {
    let bench = bench();
    let recipe = |_| bench.phased(SHORT_THEN_LONG, &[POSITIONS]);
    assert!(bench.train("straight", 1, recipe, None)[0].is_ok());
    let straight = files(&bench, "straight");
    // In the first phase, exactly at the seam, in the second, and before its last step.
    for stop in [1, 3, 4, 5, 6, 8] {
        let run = format!("stopped-after-{stop}");
        let ends = bench.train(&run, 1, recipe, Some((0, stop)));
        assert!(matches!(ends[0], Ok(RunEnd::Interrupted)), "{ends:?}");
        // On with more ranks or as many.
        let ranks = if stop.is_multiple_of(2) { 2 } else { 1 };
        let ends = bench.train(&run, ranks, recipe, None);
        assert!(ends.iter().all(|end| matches!(end, Ok(RunEnd::Finished))), "{ends:?}");
        assert!(files(&bench, &run) == straight, "{run}");
    }
    // Twice, on both sides of the seam.
    for stop in [2, 7] {
        let ends = bench.train("twice", 1, recipe, Some((0, stop)));
        assert!(matches!(ends[0], Ok(RunEnd::Interrupted)), "{ends:?}");
    }
    assert!(bench.train("twice", 1, recipe, None)[0].is_ok());
    assert!(files(&bench, "twice") == straight);
}

#[test]
fn a_run_that_was_killed_goes_on_from_a_checkpoint_of_either_phase_and_of_the_seam() {
    let bench = bench();
    let recipe = |_| bench.phased(SHORT_THEN_LONG, &[POSITIONS]);
    assert!(bench.train("straight", 1, recipe, None)[0].is_ok());
    let straight = files(&bench, "straight");
    // Every third step is saved, and the last of a phase.
    for step in [3, 4, 6] {
        let run = killed(&bench, "straight", step);
        let ends = bench.train(&run, 1, recipe, None);
        assert!(matches!(ends[0], Ok(RunEnd::Finished)), "{ends:?}");
        assert!(files(&bench, &run) == straight, "{run}");
        let resumed = bench.log(&run).into_iter().find(|line| line["kind"] == "resume").unwrap();
        assert_eq!(resumed["step"], step);
    }
}

#[test]
fn other_schemes_rates_of_masking_and_a_warmup_of_the_generator_resume_across_a_seam() {
    let bench = bench();
    let phases = "[[phases]]\nsteps = 4\n[[phases]]\nsteps = 5\ndata = { path = \"DIR/long\", sequence_length = 32 }\n";
    let rates = "mask_rate={kind=\"piecewise\",probabilities=[0.3,0.15],ends=[0.6]}";
    let warmup = "scheme={kind=\"generator-warmup\",generator_steps=5}";
    let stages = "scheme={kind=\"two-stage\",generator_steps=5,initialise=false}";
    let untied = "model.generator.tie=\"none\"";
    for (name, changes) in [
        ("rates", &[rates][..]),
        ("warmup", &[warmup]),
        ("stages", &[stages, untied, "schedule.warmup_steps=1"]),
    ] {
        // A line of a step is of one stage: what a loss may come to is known by the first.
        let changes: Vec<&str> = changes.iter().copied().chain([POSITIONS, "log.every_steps=1"]).collect();
        let recipe = |_| bench.phased(phases, &changes);
        electra_pretrain::recipe::check(&recipe(0)).unwrap();
        let ends = bench.train(name, 1, recipe, None);
        assert!(ends[0].is_ok(), "{name}: {ends:?}");
        for stop in [3, 4, 6] {
            let run = format!("{name}-{stop}");
            assert!(matches!(bench.train(&run, 1, recipe, Some((0, stop)))[0], Ok(RunEnd::Interrupted)));
            assert!(matches!(bench.train(&run, 1, recipe, None)[0], Ok(RunEnd::Finished)));
            assert!(files(&bench, &run) == files(&bench, name), "{run}");
        }
    }
}

#[test]
fn a_run_whose_phases_were_changed_is_refused_by_their_keys() {
    let bench = bench();
    let recipe = |_| bench.phased(SHORT_THEN_LONG, &[POSITIONS]);
    assert!(matches!(bench.train("run", 1, recipe, Some((0, 2)))[0], Ok(RunEnd::Interrupted)));
    let changed = |from: &str, to: &str| {
        let phases = SHORT_THEN_LONG.replace(from, to);
        let ends = bench.train("run", 1, |_| bench.phased(&phases, &[POSITIONS]), None);
        ends.into_iter().next().unwrap().unwrap_err().to_string()
    };
    // Also where only a phase was changed that has not begun.
    for (from, to, said) in [
        ("steps = 5", "steps = 6", "phases.1.steps = 5 there, 6 now"),
        ("steps = 4", "steps = 3", "phases.0.steps = 4 there, 3 now"),
        ("probability = 0.3", "probability = 0.2", "phases.1.masking.probability = 0.3 there, 0.2 now"),
        ("learning_rate = 5e-4", "learning_rate = 4e-4", "phases.1.schedule.learning_rate"),
        ("batch_size = 6", "batch_size = 4", "phases.1.batch_size = 6 there, 4 now"),
    ] {
        let error = changed(from, to);
        assert!(error.contains("holds a run with another recipe (") && error.contains(said), "{error}");
    }
    // A phase may read its data from elsewhere, not other data.
    copy(&bench.path("long"), &bench.path("moved"));
    let moved = SHORT_THEN_LONG.replace("DIR/long", "DIR/moved");
    bench.build("other", 32, &bench.pieces, electra_text::wordpiece::Settings::UNCASED, &[3, 1, 2, 0, 1]);
    let error = changed("DIR/long", "DIR/other");
    assert!(error.contains("other data (hash ") && error.contains("another source 2 (hash "), "{error}");
    let ends = bench.train("run", 1, |_| bench.phased(&moved, &[POSITIONS]), None);
    assert!(matches!(ends[0], Ok(RunEnd::Finished)), "{ends:?}");
}
