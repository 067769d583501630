//! Phases that say what the recipe says are the recipe; and any number of ranks computes any phases.

use burn::prelude::Device;
use electra_pretrain::snapshot;
use electra_run::checkpoint::CheckpointStore;
use electra_run::recipe::{Resolved, load_str};

use crate::run::Bench;
use crate::{POSITIONS, SHORT_THEN_LONG, bench};

fn finish(bench: &Bench, run: &str, ranks: usize, recipe: &Resolved<electra_pretrain::Recipe>) {
    let ends = bench.train(run, ranks, |_| recipe.clone(), None);
    assert!(ends.iter().all(Result::is_ok), "{run}: {ends:?}");
}

/// Weights, average, moments: all that a run ends with but its position in phases.
fn ends_with(bench: &Bench, run: &str, steps: u64) -> Vec<Vec<u8>> {
    let checkpoint = format!("{run}/checkpoints/step-{steps:010}/optimizer.safetensors");
    let files = [format!("{run}/model.safetensors"), format!("{run}/average/model.safetensors"), checkpoint];
    files.iter().map(|file| bench.bytes(file)).collect()
}

#[test]
fn a_run_that_is_divided_into_phases_that_say_the_same_has_the_bits_of_the_undivided_one() {
    let bench = bench();
    finish(&bench, "whole", 1, &bench.recipe(&[]));
    let whole = ends_with(&bench, "whole", 8);
    for (run, phases) in [
        ("one", "[[phases]]\nsteps = 8\n"),
        ("two", "[[phases]]\nsteps = 3\n[[phases]]\nsteps = 5\n"),
        // What is named and is what the recipe has.
        (
            "named",
            "[[phases]]\nsteps = 1\nbatch_size = 8\n[[phases]]\nsteps = 4\nmicro_batch_size = 1\n\
             masking = { kind = \"without-replacement\", probability = 0.15 }\n\
             [[phases]]\nsteps = 3\ndata = { path = \"DIR/data\", sequence_length = 16 }\n",
        ),
    ] {
        finish(&bench, run, 1, &bench.phased(phases, &[]));
        assert!(ends_with(&bench, run, 8) == whole, "{run}");
    }
    // A course of its own is another one.
    let own = "[[phases]]\nsteps = 3\n[[phases]]\nsteps = 5\nschedule = { learning_rate = 1e-3 }\n";
    finish(&bench, "own", 1, &bench.phased(own, &[]));
    assert!(ends_with(&bench, "own", 8) != whole);
}

#[test]
fn a_mixture_is_read_on_across_a_seam_as_if_there_were_none() {
    let bench = bench();
    bench.build("sea", 16, &bench.pieces, electra_text::wordpiece::Settings::UNCASED, &[1, 0, 3, 2, 0]);
    let [a, b] = ["data", "sea"].map(|name| format!("{{ path = {:?}, weight = ", bench.path(name).display()));
    let sources = |one: &str, two: &str| format!("data.sources=[{a}{one} }}, {b}{two} }}]");
    let mixed = sources("2", "1");
    finish(&bench, "whole", 1, &bench.recipe(&[&mixed]));
    let parts = "[[phases]]\nsteps = 3\n[[phases]]\nsteps = 5\n";
    finish(&bench, "two", 1, &bench.phased(parts, &[&mixed]));
    assert!(ends_with(&bench, "two", 8) == ends_with(&bench, "whole", 8));
}

#[test]
fn any_number_of_ranks_computes_phases_with_the_bits_of_one_process() {
    let bench = bench();
    let recipe = bench.phased(SHORT_THEN_LONG, &[POSITIONS]);
    finish(&bench, "one", 1, &recipe);
    let one = ends_with(&bench, "one", 9);
    for ranks in [2, 3] {
        let run = format!("{ranks}-ranks");
        finish(&bench, &run, ranks, &recipe);
        assert!(ends_with(&bench, &run, 9) == one, "{ranks} ranks");
        assert_eq!(bench.log(&run), bench.log("one"), "the log of {ranks} ranks");
    }
    // The second phase has three micro-batches.
    for end in bench.train("four", 4, |_| recipe.clone(), None) {
        let error = end.unwrap_err().to_string();
        assert!(error.starts_with("4 ranks for the 3 micro-batches of a step of phase 2"), "{error}");
    }
}

#[test]
fn moments_and_their_count_of_updates_go_on_across_a_seam() {
    let bench = bench();
    let corrected = bench.phased(SHORT_THEN_LONG, &[POSITIONS, "optimizer.bias_correction=true"]);
    finish(&bench, "run", 1, &corrected);
    let store = CheckpointStore::reading(bench.path("run/checkpoints"));
    for step in [3, 4, 6, 9] {
        let checkpoint = store.of_step(step).unwrap();
        let device = Device::flex().autodiff();
        let loaded = snapshot::load(&checkpoint, &corrected.value, &device).unwrap();
        for (path, moments) in &loaded.optimizer().moments {
            assert_eq!(moments.updates, step, "{path}");
        }
        let position = loaded.progress.position.unwrap();
        let expected = match step {
            // At the seam the next step is of the second phase.
            3 => (1, 3, 24),
            step => (2, step - 4, 6 * (step - 4)),
        };
        assert_eq!((position.phase, position.steps, position.rows), expected, "step {step}");
    }
}

#[test]
fn a_checkpoint_that_stands_elsewhere_in_the_data_is_refused() {
    let bench = bench();
    let recipe = bench.phased(SHORT_THEN_LONG, &[POSITIONS]);
    finish(&bench, "run", 1, &recipe);
    let checkpoint = CheckpointStore::reading(bench.path("run/checkpoints")).of_step(6).unwrap();
    let later =
        recipe.text.replacen("steps = 4\n", "steps = 5\n", 1).replacen("steps = 9\n", "steps = 10\n", 1);
    let later: Resolved<electra_pretrain::Recipe> = load_str("later.toml", &later, &[]).unwrap();
    let error = match snapshot::load(&checkpoint, &later.value, &Device::flex().autodiff()) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("a checkpoint of another place was loaded"),
    };
    assert!(error.contains("it stands 12 rows and 2 steps into phase 2"), "{error}");
    assert!(error.contains("step 6 of the recipe 6 rows and 1 steps into phase 2"), "{error}");
}
