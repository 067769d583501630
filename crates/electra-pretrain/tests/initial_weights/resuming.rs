//! A run that begins with weights goes on as any other does.

use electra_model::hf::HfNetwork;
use electra_pretrain::{InitialWeights, InitialWeightsError, TrainError};
use electra_run::run_folder::RunFolderError;
use electra_train::RunError;

use crate::small::Small;

#[test]
fn a_run_that_is_interrupted_and_goes_on_ends_with_the_bits_of_an_unbroken_one() {
    let small = Small::new();
    let run = small.trained("a", &[]);
    let folder = small.exported(&run, HfNetwork::Discriminator, "discriminator");
    let open = || InitialWeights::open(&folder, None).unwrap();
    let recipe = small.recipe(Some(&open()), &["model.generator.num_attention_heads=2"]);
    let unbroken = small.run(&recipe, "unbroken", Some(open()), None).unwrap();
    assert!(
        unbroken.said.iter().any(|said| said.contains("started as the recipe has it: generator.encoder"))
    );

    small.run(&recipe, "broken", Some(open()), Some(2)).unwrap();
    // With the same weights, and without: what the run began with is known.
    small.run(&recipe, "broken", Some(open()), Some(5)).unwrap();
    std::fs::rename(&folder, small.path("elsewhere")).unwrap();
    let notes = small.run(&recipe, "broken", None, None).unwrap();
    assert!(!notes.said.iter().any(|said| said.contains("begins with")), "{:?}", notes.said);
    let [unbroken, broken] = ["unbroken", "broken"].map(|run| small.path(run).join("model.safetensors"));
    assert!(std::fs::read(unbroken).unwrap() == std::fs::read(broken).unwrap(), "other bits");
}

#[test]
fn other_weights_are_refused_where_a_run_has_begun() {
    let small = Small::new();
    let (a, b) = (small.trained("a", &[]), small.trained("b", &["seed=2"]));
    let open = |run: &std::path::Path| InitialWeights::open(run, None).unwrap();
    let recipe = small.recipe(Some(&open(&a)), &[]);
    small.run(&recipe, "run", Some(open(&a)), Some(2)).unwrap();
    for (name, weights) in [("run", open(&b)), ("scratch", open(&a))] {
        if name == "scratch" {
            small.run(&recipe, name, None, Some(2)).unwrap();
        }
        match small.run(&recipe, name, Some(weights), None).err() {
            Some(TrainError::Run(RunError::Folder(RunFolderError::Different { what, .. }))) => {
                assert!(what.starts_with("another model to start from (hash "), "{what}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn weights_that_have_changed_are_named_before_what_follows_from_that() {
    let small = Small::new();
    let a = small.trained("a", &[]);
    let open = || InitialWeights::open(&a, None).unwrap();
    let recipe = small.recipe(Some(&open()), &[]);
    small.run(&recipe, "run", Some(open()), Some(2)).unwrap();
    // Other values, and other sizes, by which the recipe is another one as well.
    for changes in [&["seed=2"][..], &["model.intermediate_size=64"]] {
        std::fs::remove_dir_all(&a).unwrap();
        small.trained("a", changes);
        let error = small.run(&small.recipe(Some(&open()), &[]), "run", Some(open()), None).err().unwrap();
        assert!(matches!(error, TrainError::Weights(InitialWeightsError::ChangedSince { .. })), "{error}");
        assert!(error.to_string().contains("a holds other weights than when "), "{error}");
    }
}

#[test]
fn without_a_checkpoint_the_weights_are_read_again_and_have_to_be_the_same() {
    let small = Small::new();
    let a = small.trained("a", &[]);
    let weights = InitialWeights::open(&a, None).unwrap();
    let recipe = small.recipe(Some(&weights), &[]);
    small.run(&recipe, "expected", Some(weights.clone()), None).unwrap();
    // Killed before the first checkpoint.
    small.run(&recipe, "run", Some(weights), Some(2)).unwrap();
    let forget = || {
        std::fs::remove_dir_all(small.path("run/checkpoints")).unwrap();
        std::fs::remove_file(small.path("run/metrics.jsonl")).unwrap();
    };
    forget();
    small.run(&recipe, "run", None, None).unwrap();
    let [expected, found] = ["expected", "run"].map(|run| small.path(run).join("model.safetensors"));
    assert!(std::fs::read(expected).unwrap() == std::fs::read(&found).unwrap(), "other bits");

    forget();
    std::fs::remove_file(found).unwrap();
    let b = small.trained("b", &["seed=2"]);
    std::fs::rename(&a, small.path("moved")).unwrap();
    let error = small.run(&recipe, "run", None, None).err().unwrap();
    assert!(matches!(error, TrainError::Weights(InitialWeightsError::Gone { .. })), "{error}");
    assert!(
        error.to_string().contains("has no checkpoint yet, and the weights that it began with"),
        "{error}"
    );
    std::fs::rename(&b, &a).unwrap();
    let error = small.run(&recipe, "run", None, None).err().unwrap();
    assert!(matches!(error, TrainError::Weights(InitialWeightsError::Changed { .. })), "{error}");
    std::fs::write(small.path("run/init.json"), "{").unwrap();
    let error = small.run(&recipe, "run", None, None).err().unwrap();
    assert!(matches!(error, TrainError::Weights(InitialWeightsError::Damaged { .. })), "{error}");
}
