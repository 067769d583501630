//! Whole runs whose mask rate, networks and learning rates change on the way, with Muon and an average of weights.

#[allow(dead_code)]
#[path = "initial_weights/small.rs"]
mod small;

use std::fs;
use std::path::Path;

use burn::prelude::Device;
use electra_pretrain::{Detector, InitialWeights, report};
use electra_run::record::{Record, read_metrics};
use electra_train::model_folder::{ModelFolder, PretrainedEncoder};
use small::{Small, weights_of};

const EVERYTHING: [&str; 6] = [
    "mask_rate={kind=\"piecewise\",probabilities=[0.3,0.15,0.1],ends=[0.5,0.75]}",
    "schedule.decay={kind=\"warmup-stable-decay\",share=0.25,form=\"1-sqrt\"}",
    "schedule.generator_factor=0.5",
    "average={decay=0.8,start_step=3}",
    "optimizer.muon={rate_factor=1.0,adjust_rate=\"original\",momentum=0.95,nesterov=true,weight_decay=0.1}",
    "scheme={kind=\"generator-warmup\",generator_steps=3}",
];

fn log_of(run: &Path) -> Vec<Record> {
    read_metrics(&run.join("metrics.jsonl")).unwrap()
}

#[test]
fn a_run_that_is_interrupted_at_any_step_ends_with_the_bits_of_an_unbroken_one() {
    let small = Small::new();
    let recipe = small.sized(&EVERYTHING);
    small.run(&recipe, "straight", None, None).unwrap();
    let files = ["model.safetensors", "average/model.safetensors"];
    let of = |run: &str| files.map(|file| fs::read(small.path(run).join(file)).unwrap());
    let expected = of("straight");
    assert_ne!(expected[0], expected[1]);
    // Before, at and after the seams: 3 of the generator and the average, 4 and 6 of mask rates, 6 of the decay.
    for stop in 1..8 {
        let run = format!("stopped-{stop}");
        small.run(&recipe, &run, None, Some(stop)).unwrap();
        assert!(!small.path(&run).join("average").exists());
        small.run(&recipe, &run, None, None).unwrap();
        assert!(of(&run) == expected, "stopped after {stop} steps");
    }
    let train: Vec<Record> =
        log_of(&small.path("straight")).into_iter().filter(|r| r.kind == "train").collect();
    let of_log = |key: &str| train.iter().map(|record| record.number(key)).collect::<Vec<_>>();
    assert_eq!(of_log("mask_probability"), [0.3, 0.3, 0.3, 0.3, 0.15, 0.15, 0.1, 0.1].map(Some));
    // 8 steps, of which 2 are warmup and 2 decay; the last rate is 1 - sqrt(1/2) of the peak.
    let last = 1e-3 * (1.0 - 0.5f64.sqrt());
    let rates = [0.0, 5e-4, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, last];
    for ((found, of_generator), expected) in
        of_log("learning_rate").into_iter().zip(of_log("generator_learning_rate")).zip(rates)
    {
        let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-9;
        assert!(close(found, expected) && close(of_generator, expected / 2.0), "{found:?} {of_generator:?}");
    }
    assert_eq!(
        of_log("rtd_loss").iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, false, false, true, true, true, true, true]
    );
    let page = report::render(&small.path("straight")).unwrap();
    for title in ["Mask rate", "Learning rate of the generator", "held-out loss of the averaged weights"] {
        assert!(page.contains(title), "{title} is not in the report");
    }
}

#[test]
fn the_average_of_a_finished_run_is_a_model_like_any_other() {
    let small = Small::new();
    let recipe = small.sized(&["average={decay=0.8,start_step=1}", "evaluate.every_steps=8"]);
    small.run(&recipe, "run", None, None).unwrap();
    let (run, average) = (small.path("run"), small.path("run").join("average"));
    let folder = ModelFolder::open(&average).unwrap();
    assert_eq!(folder.config, ModelFolder::open(&run).unwrap().config);
    assert!(folder.has_generator() && folder.tensors != weights_of(&run));
    folder.electra(&Device::flex()).unwrap();
    PretrainedEncoder::open(&average).unwrap();
    InitialWeights::open(&average, None).unwrap();
    assert!(!Detector::open(&average).unwrap().detect("the river runs").is_empty());

    // Its held-out loss stands in the log once, beside that of the weights themselves.
    let log = log_of(&run);
    let of = |kind: &str| log.iter().filter(|record| record.kind == kind).collect::<Vec<_>>();
    let [record] = of("average")[..] else { panic!("{log:?}") };
    let own = of("eval").last().unwrap().number("loss").unwrap();
    let loss = record.number("loss").unwrap();
    assert!(loss.is_finite() && loss != own);
    let said = format!("held-out loss of the averaged weights {loss:.3}, of the weights themselves {own:.3}");
    assert!(of("event").iter().any(|event| event.fields["message"] == said.as_str()), "{said}");

    // What is damaged or gone is written again from the last checkpoint.
    let file = average.join("model.safetensors");
    let whole = fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&file, damaged).unwrap();
    small.run(&recipe, "run", None, None).unwrap();
    assert!(fs::read(&file).unwrap() == whole);
    fs::remove_dir_all(&average).unwrap();
    small.run(&recipe, "run", None, None).unwrap();
    assert!(fs::read(&file).unwrap() == whole);

    // A run without an average has no such folder.
    small.run(&small.sized(&[]), "plain", None, None).unwrap();
    assert!(!small.path("plain").join("average").exists());
    assert!(weights_of(&small.path("plain")) == weights_of(&run));
}
