//! Names of the files of a run folder.

pub(super) const RUN: &str = "run.json";
pub(super) const RECIPE: &str = "recipe.toml";
pub(super) const LOCK: &str = "lock";
/// Files of runs that earlier versions wrote under their names with `.tmp` behind them.
pub(super) const FORMER_FILES: [&str; 17] = [
    RUN,
    RECIPE,
    "model.safetensors",
    "model.json",
    "metrics.jsonl",
    "report.html",
    "scores.json",
    "config.json",
    "tagger.json",
    "crf.safetensors",
    "README.md",
    "predictions-dev.conll",
    "predictions-test.conll",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
];
