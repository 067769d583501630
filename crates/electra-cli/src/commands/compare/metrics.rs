//! The default metric of a comparison, where nobody has named one.

use electra_ablate::metric::Metric;
use electra_ablate::record::ResultRecord;
use electra_ablate::task;

use crate::commands::metrics::catalogue;
use crate::failure::Failure;

/// The advice for losses of unlike vocabularies.
pub(super) const PER_BYTE_HELP: &str =
    "compare by a number that they have in common: --metric mlm-loss-per-byte, or --metric probe-f1";

/// The area under the curve, where it is of one task in all arms.
///
/// # Errors
/// Where it is not: with the numbers that there are.
pub(super) fn default(results: &[ResultRecord]) -> Result<Metric, Failure> {
    let usual = catalogue().get("rtd-auc").expect("the table of pretraining has it");
    let is_measured = |metric: &Metric| results.iter().any(|result| metric.of(result).is_some());
    let because = task::deciding_keys(usual, results);
    let message = match (is_measured(&usual), &because[..]) {
        (true, []) => return Ok(usual),
        (true, because) => format!(
            "runs differ in {}: {} is of each run's own task, and nothing says by what else to compare",
            some_of(because),
            usual.name()
        ),
        (false, _) => format!("no run has {}, and nothing says by what else to compare", usual.name()),
    };
    let measured: Vec<Metric> = catalogue().all().iter().copied().filter(is_measured).collect();
    let (common, own): (Vec<Metric>, Vec<Metric>) =
        measured.into_iter().partition(|metric| task::deciding_keys(*metric, results).is_empty());
    let listed = |metrics: &[Metric]| match metrics {
        [] => "none here".to_owned(),
        _ => metrics.iter().map(|metric| metric.name()).collect::<Vec<_>>().join(", "),
    };
    let help = format!(
        "choose one with --metric. Of one task in all runs: {}. Of each run's own: {}",
        listed(&common),
        listed(&own)
    );
    Err(Failure::new(message, help))
}

/// The first of many keys.
fn some_of(keys: &[String]) -> String {
    const MAX_KEYS: usize = 4;
    let shown: Vec<String> = keys.iter().take(MAX_KEYS).map(|key| format!("`{key}`")).collect();
    match keys.len().saturating_sub(MAX_KEYS) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
