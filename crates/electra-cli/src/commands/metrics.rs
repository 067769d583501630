//! The scalars of pretraining as the numbers that experiments can be compared by.

use std::sync::LazyLock;

use electra_ablate::metric::{Catalogue, HeldoutMetric, MAX_LOSS, Metric};
use electra_pretrain::metrics::experiments::EXPERIMENT_METRICS;
use electra_pretrain::metrics::table::metric;

/// All numbers that can be compared.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
        Catalogue::new(EXPERIMENT_METRICS.iter().map(|experiment| HeldoutMetric {
            key: experiment.key,
            title: experiment.title,
            more_is_better: metric(experiment.key).is_higher_better(),
            is_by_token: experiment.is_by_token,
            decimals: experiment.digits,
            task: experiment.task.name(),
            greatest_difference: experiment.greatest_difference.unwrap_or(MAX_LOSS),
            beside_probe: experiment.beside_finetuning,
        }))
    });
    &CATALOGUE
}

/// A number by its name in an experiment's file.
pub fn by_name(name: &str) -> Result<Metric, String> {
    catalogue().get(name).ok_or_else(|| format!("expected one of {}", catalogue().names()))
}
