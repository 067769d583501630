//! `[model]` of a recipe that leaves it to the weights.

use std::path::Path;

use electra_files::regular;
use electra_run::recipe::Beneath;
use electra_text::DataSet;
use toml::{Table, Value};

use super::weights::{InitialWeights, config};

impl InitialWeights {
    /// What a recipe that states `stated` leaves to these weights: all of `[model]`, or the sizes that it lacks. The
    /// vocabulary is that of the data, if it has more pieces.
    ///
    /// Where a recipe states how networks start, so that its table is complete, a key that it lacks has a meaning
    /// and is not filled in.
    pub fn beneath(&self, stated: &Table) -> Option<Beneath> {
        let mut config = config(self);
        let data = stated.get("data").and_then(folder);
        if let Some(data) = data.and_then(|path| DataSet::open(path).ok()) {
            config.vocab_size = config.vocab_size.max(data.tokenizer().vocab_size());
        }
        let mut model = Table::try_from(&config).expect("sizes are TOML");
        let empty = Table::new();
        let own = stated.get("model").and_then(Value::as_table).unwrap_or(&empty);
        if own.contains_key("initializer_range") {
            for key in ["kernel_gain", "position_start", "position_distances"] {
                model.remove(key);
            }
        }
        let of_generator = own.get("generator").and_then(Value::as_table).unwrap_or(&empty);
        match model.get_mut("generator").and_then(Value::as_table_mut) {
            Some(generator) if is_complete(of_generator) => generator.clear(),
            Some(generator) => fill(generator, of_generator),
            None => {}
        }
        let values = Table::from_iter([("model".to_owned(), Value::Table(model))]);
        Some(Beneath { name: self.path().display().to_string(), values })
    }
}

/// The first data folder of `[data]`.
fn folder(data: &Value) -> Option<&str> {
    let first = || data.get("sources")?.as_array()?.first()?.get("path");
    data.get("path").or_else(first)?.as_str()
}

/// Whether the table of a generator says all that has to be said.
fn is_complete(stated: &Table) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| stated.contains_key(*key));
    let tied = stated.get("tie").and_then(Value::as_str) == Some("all");
    has(&["tie"]) && (tied || has(&["width", "hidden_size"]) && has(&["depth", "num_hidden_layers"]))
}

/// Takes out of `generator` what contradicts the keys that are stated, or follows from them.
fn fill(generator: &mut Table, stated: &Table) {
    let has = |key: &str| stated.contains_key(key);
    let mut given = vec![];
    if has("width") || has("hidden_size") {
        given.extend(["width", "hidden_size", "num_attention_heads", "intermediate_size"]);
    }
    if has("depth") || has("num_hidden_layers") {
        given.extend(["depth", "num_hidden_layers"]);
    }
    for key in given {
        generator.remove(key);
    }
}

/// `[model]` of the run in a folder, for a recipe that leaves it to the weights that the run began with.
pub fn model_of_run(run: &Path) -> Option<Beneath> {
    let path = run.join("recipe.toml");
    let recipe: Table = regular::read_to_string(&path).ok()?.parse().ok()?;
    let values = Table::from_iter([("model".to_owned(), recipe.get("model")?.clone())]);
    Some(Beneath { name: path.display().to_string(), values })
}
