//! A comparison as rows of text: Markdown, aligned columns, and what the report shows.

mod cells;
mod contrasts;
mod correlations;
mod measures;
mod standing;

use electra_files::shown::{code_in_markdown, in_markdown};

use crate::comparison::{ArmSummary, Comparison, MeasuredOn};
use crate::metric::Metric;
use crate::statistics::{Sample, sign_flip};

pub use cells::{Table, spread, with_noun};
pub use contrasts::{CONTRASTS, contrasts};
pub use correlations::{CORRELATIONS, correlation_notes, correlations};
pub use standing::{UNNAMED_DIFFERENCES, operations, unnamed_differences_table};

use cells::{NameStyle, count, difference, empty_cell, in_units, probability, verdict_with_p};

/// The table of the verdict: what an arm costs, its metric, and its difference from the base arm.
#[must_use]
pub fn verdict(comparison: &Comparison) -> Table {
    let metric = comparison.metric;
    let head = ["arm", "parameters", "generator", "FLOP", "steps", "seeds"];
    let head = head.into_iter().map(str::to_owned).chain([
        format!("{}, mean ± sd", metric.title()),
        "pairs".to_owned(),
        "difference [95 %]".to_owned(),
        "p".to_owned(),
        "p, Holm".to_owned(),
    ]);
    let head = head.chain(comparison.margin.map(|margin| format!("within ±{}", in_units(margin, metric))));
    let row = |arm: &ArmSummary| {
        let [difference, p, holm] = differences(comparison, arm);
        let verdict = || arm.equivalence.map_or_else(empty_cell, |tests| verdict_with_p(&tests));
        let mut row = vec![
            arm.name.clone(),
            count(arm.parameters.total),
            count(arm.parameters.generator),
            operations(arm.flops, arm.standing.off_budget),
            count(arm.steps),
            arm.standing.of_seeds(arm.seeds.len()),
            mean(comparison, arm),
            arm.paired.map_or_else(empty_cell, |paired| paired.difference.n.to_string()),
            difference,
            p,
            holm,
        ];
        row.extend(comparison.margin.map(|_| verdict()));
        row
    };
    Table { head: head.collect(), rows: comparison.arms.iter().map(row).collect() }
}

/// The other numbers of each arm: what explains the verdict.
#[must_use]
pub fn details(comparison: &Comparison) -> Table {
    let metrics: Vec<Metric> =
        comparison.measured().into_iter().filter(|metric| *metric != comparison.metric).collect();
    let head = std::iter::once("arm".to_owned())
        .chain(metrics.iter().map(|metric| metric.title().to_owned()))
        .chain(["minutes".to_owned()]);
    let row = |arm: &ArmSummary| {
        let cell = |metric: &Metric| {
            arm.metrics.get(metric).map_or_else(empty_cell, |sample| spread(sample, metric.decimals()))
        };
        let minutes = |seconds: f64| seconds / 60.0;
        let of_time = |time: Sample| Sample { mean: minutes(time.mean), sd: time.sd.map(minutes), ..time };
        let time = arm.seconds.map_or_else(empty_cell, |seconds| spread(&of_time(seconds), 1));
        std::iter::once(arm.name.clone()).chain(metrics.iter().map(cell)).chain([time]).collect()
    };
    Table { head: head.collect(), rows: comparison.arms.iter().map(row).collect() }
}

/// The notes on the origin of the numbers, in sentences.
#[must_use]
pub fn notes(comparison: &Comparison) -> Vec<String> {
    notes_with(comparison, &NameStyle { text: str::to_owned, code: |name| format!("`{name}`") })
}

fn notes_with(comparison: &Comparison, names: &NameStyle) -> Vec<String> {
    let base_arm = (names.code)(&comparison.base_arm);
    let list = |arms: &[String]| arms.iter().map(|arm| (names.text)(arm)).collect::<Vec<_>>().join(", ");
    let metric = comparison.metric;
    let better = if metric.more_is_better() { "more" } else { "less" };
    let mut notes = vec![format!("{}: {better} is better.", metric.title())];
    if metric == Metric::PROBE_F1 {
        notes.push(
            "Probe F1 of a pretraining seed is the mean over its fine-tuning seeds; deviations are over pretraining seeds."
                .to_owned(),
        );
    }
    let of_arms = comparison.arms.iter().filter_map(|arm| arm.paired);
    let of_contrasts = comparison.contrasts.iter().filter_map(|contrast| contrast.paired);
    let mut pairs: Vec<usize> = of_arms.chain(of_contrasts).map(|paired| paired.difference.n).collect();
    let [arms, contrasts] = comparison.tests();
    pairs.sort_unstable();
    pairs.dedup();
    if comparison.base().is_none() {
        notes.push(format!("The base arm {base_arm} has no result yet."));
    } else if arms > 0 {
        let floors: Vec<String> = pairs
            .iter()
            .map(|n| format!("{} with {}", probability(sign_flip::least_p(*n)), with_noun(*n, "seed")))
            .collect();
        notes.push(format!(
            "Differences are from {base_arm}, paired by seed, with 95 % intervals by Student's t; p is exact over all flips of their signs, two-sided, and cannot be below 2/2^n: {}; Holm's correction is over {}.",
            floors.join(", "),
            family(arms, contrasts),
        ));
    }
    notes.extend(measures::notes(comparison, names, arms > 0));
    notes.extend(standing::notes(comparison, names));
    for arm in comparison.arms.iter().filter(|arm| arm.found_nothing > 0) {
        notes.push(format!(
            "Of {}, {} of {} found nothing in any epoch: their 0 is in its probe F1.",
            (names.text)(&arm.name),
            arm.found_nothing,
            with_noun(arm.fine_tuned, "fine-tuning run")
        ));
    }
    if comparison.measures.len() > 1 {
        let of = |on: &MeasuredOn| {
            let rows = on.measure.map_or_else(
                || "the first rows, as many as the recipe asks for".to_owned(),
                |measure| measure.to_string(),
            );
            format!("{rows}, for {}", list(&on.arms))
        };
        let measures: Vec<String> = comparison.measures.iter().map(of).collect();
        notes.push(format!(
            "Held-out numbers are of unlike measures and cannot be held against each other: {}.",
            measures.join("; ")
        ));
    }
    if !comparison.missing.is_empty() {
        notes.push(format!("No result yet: {}.", list(&comparison.missing)));
    }
    notes
}

/// The tests that Holm's correction is over.
fn family(arms: usize, contrasts: usize) -> String {
    match contrasts {
        0 => with_noun(arms, "arm"),
        _ => {
            let tests = with_noun(arms + contrasts, "test");
            format!("{tests}: {} and {}", with_noun(arms, "arm"), with_noun(contrasts, "contrast"))
        }
    }
}

/// A table below the verdict with what stands above it and behind it.
struct Further {
    title: &'static str,
    table: Table,
    notes: Vec<String>,
}

/// The tables between the verdict and the other numbers.
fn further(comparison: &Comparison) -> Vec<Further> {
    let contrasts = contrasts(comparison).map(|table| (CONTRASTS, table, Vec::new()));
    let also = unnamed_differences_table(comparison).map(|table| (UNNAMED_DIFFERENCES, table, Vec::new()));
    let correlations =
        correlations(comparison).map(|table| (CORRELATIONS, table, correlation_notes(comparison)));
    let found = [contrasts, also, correlations].into_iter().flatten();
    found.map(|(title, table, notes)| Further { title, table, notes }).collect()
}

/// The comparison as Markdown: all tables and the notes.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    if comparison.arms.is_empty() {
        return "No results yet.\n".to_owned();
    }
    let names = NameStyle { text: in_markdown, code: code_in_markdown };
    let notes = notes_with(comparison, &names).join(" ");
    let block = |Further { title, table, notes }: Further| {
        let behind = if notes.is_empty() { String::new() } else { format!("{}\n\n", notes.join(" ")) };
        format!("{title}\n\n{}\n{behind}", table.markdown())
    };
    let further: String = further(comparison).into_iter().map(block).collect();
    format!("{}\n{notes}\n\n{further}{}", verdict(comparison).markdown(), details(comparison).markdown())
}

/// The comparison as aligned text.
#[must_use]
pub fn text(comparison: &Comparison) -> String {
    if comparison.arms.is_empty() {
        return "No results yet.\n".to_owned();
    }
    let notes = notes(comparison).join("\n");
    let block = |Further { title, table, notes }: Further| {
        let notes: String = notes.iter().map(|note| format!("{note}\n")).collect();
        format!("{title}\n{}{notes}\n", table.text())
    };
    let further: String = further(comparison).into_iter().map(block).collect();
    format!("{}\n{notes}\n\n{further}{}", verdict(comparison).text(), details(comparison).text())
}

/// The comparison as JSON.
///
/// # Panics
/// Never: all of it can be JSON.
#[must_use]
pub fn json(comparison: &Comparison) -> String {
    serde_json::to_string_pretty(comparison).expect("a comparison is plain JSON") + "\n"
}

/// The mean over an arm's own seeds, and behind it those that belong to its difference, if they are others.
fn mean(comparison: &Comparison, arm: &ArmSummary) -> String {
    let metric = comparison.metric;
    let Some(own) = arm.metrics.get(&metric) else { return empty_cell() };
    let [own, paired, base] = match arm.mean_of_pairs(comparison) {
        Some(pairs) => [Some(own), Some(&pairs.arm), Some(&pairs.base)],
        None => [Some(own), None, None],
    }
    .map(|sample| sample.map(|sample| spread(sample, metric.decimals())));
    let own = own.unwrap_or_default();
    paired
        .zip(base)
        .map_or(own.clone(), |(paired, base)| format!("{own}; over the pairs {paired} against {base}"))
}

/// Difference with interval, p, and p after Holm.
fn differences(comparison: &Comparison, arm: &ArmSummary) -> [String; 3] {
    if arm.name == comparison.base_arm {
        return ["base".to_owned(), empty_cell(), empty_cell()];
    }
    let Some(paired) = arm.paired else { return [empty_cell(), empty_cell(), empty_cell()] };
    let holm = arm.p_holm.map_or_else(empty_cell, probability);
    [difference(&paired, comparison.metric), probability(paired.p), holm]
}

#[cfg(test)]
mod tests;
