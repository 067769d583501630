//! The hyperparameters that TensorBoard compares runs by.

use electra_model::GeneratorKind;
use electra_run::record::HParam;

use crate::recipe::Recipe;

pub(super) fn hparams(r: &Recipe) -> Vec<(String, HParam)> {
    let number = |name: &str, value: f64| (name.to_string(), HParam::Number(value));
    let mut numbers = vec![
        ("name".to_string(), HParam::Text(r.name.clone())),
        ("objective".to_string(), HParam::Text(r.objective.kind().to_string())),
        number("seed", r.seed as f64),
        number("hidden_size", r.model.hidden_size as f64),
        number("num_hidden_layers", r.model.num_hidden_layers as f64),
        number("batch_size", r.train.batch_size as f64),
        number("learning_rate", r.schedule.learning_rate),
        number("masking_probability", r.masking.probability()),
        number("dropout", r.train.dropout),
    ];
    if r.architecture().generator != GeneratorKind::None {
        let generator = r.model.generator();
        numbers.push(number("generator_hidden_size", generator.hidden_size as f64));
        numbers.push(number("generator_num_hidden_layers", generator.num_hidden_layers as f64));
    }
    if r.schedule.generator_factor != 1.0 {
        numbers.push(number("generator_factor", r.schedule.generator_factor));
    }
    if let Some(muon) = r.optimizer.muon {
        numbers.push(number("muon_rate_factor", muon.rate_factor));
    }
    if !r.phases.is_empty() {
        numbers.push(number("phases", r.phases.len() as f64));
    }
    if let Some(average) = r.average {
        numbers.push(number("average_decay", average.decay));
    }
    numbers
}
