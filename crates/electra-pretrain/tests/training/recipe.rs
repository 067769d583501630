//! A recipe for tiny networks.

use electra_model::TieMode;
use electra_pretrain::Recipe;
use serde_json::json;

use crate::tiny;

/// The paper's recipe with a high learning rate from the start and the given dropout; nothing is
/// read from its data folder.
pub fn recipe(dropout: f64) -> Recipe {
    let recipe = json!({
        "name": "tiny",
        "seed": 7,
        "data": { "path": "unused", "sequence_length": 32 },
        "model": tiny::config(TieMode::Embeddings),
        "objective": {
            "kind": "replaced-token-detection",
            "generator_weight": 1.0,
            "discriminator_weight": 50.0,
            "temperature": 1.0,
            "disallow_correct": false,
        },
        "masking": { "kind": "without-replacement", "probability": 0.15 },
        "optimizer": {
            "beta_1": 0.9,
            "beta_2": 0.999,
            "epsilon": 1e-6,
            "weight_decay": 0.01,
            "bias_correction": false,
            "max_grad_norm": 1.0,
        },
        "schedule": {
            "learning_rate": 2e-3,
            "warmup_steps": 0,
            "decay": { "kind": "polynomial", "power": 1.0 },
        },
        "train": { "steps": 200, "batch_size": 8, "dropout": dropout, "precision": "f32" },
        "evaluate": { "every_steps": 100, "max_examples": 8 },
        "checkpoint": { "every_steps": 100, "keep_last": 1 },
        "log": { "every_steps": 10, "histogram_every_steps": 100 },
    });
    serde_json::from_value(recipe).unwrap()
}
