//! The circles that there are.

/// Circles of source files that are still to be taken apart. One that is goes from here as well.
pub const KNOWN: &[(&str, &[&str])] = &[
    (
        "electra-cli",
        &[
            "commands/ablate.rs",
            "commands/ablate/child.rs",
            "commands/ablate/driver.rs",
            "commands/ablate/dry_run.rs",
            "commands/ablate/job.rs",
            "commands/ablate/probe.rs",
            "commands/ablate/ruler.rs",
            "commands/ablate/slurm.rs",
            "commands/compare.rs",
            "commands/compare/experiment.rs",
            "commands/compare/readmes.rs",
            "commands/eval/detection.rs",
        ],
    ),
    (
        "electra-cli",
        &[
            "commands/data.rs",
            "commands/data/inspect.rs",
            "commands/data/merge.rs",
            "commands/data/tokenizer.rs",
            "commands/data/verify.rs",
        ],
    ),
    ("electra-cli", &["commands/mod.rs", "main.rs"]),
    (
        "electra-cli",
        &[
            "commands/predict.rs",
            "commands/predict/conll.rs",
            "commands/predict/html.rs",
            "commands/predict/json.rs",
            "commands/predict/text.rs",
        ],
    ),
    ("electra-cli", &["watch.rs", "watch/epochs.rs"]),
    ("electra-ner", &["finetune.rs", "finetune/board.rs", "finetune/outputs.rs", "model_card.rs"]),
];
