//! A comparison as one HTML page that needs nothing else: no network, no script.

mod forest;
mod hue;
mod lines;
mod scatter;

use electra_run::report::render as rendered;
use serde::Serialize;

use crate::comparison::{ArmSummary, Comparison};
use crate::metric::{Metric, Source};
use crate::table::{self, UNNAMED_DIFFERENCES, unnamed_differences_table};
use hue::HUES;

/// The content of the page.
#[derive(Serialize)]
struct Page {
    name: String,
    question: String,
    prediction: String,
    status: String,
    base_arm: String,
    metric: &'static str,
    better: &'static str,
    margin: bool,
    verdict: Sheet,
    contrasts: Option<Sheet>,
    contrasts_title: &'static str,
    also: Option<Sheet>,
    also_title: &'static str,
    correlations: Option<Sheet>,
    correlations_title: &'static str,
    correlation_notes: Vec<String>,
    details: Sheet,
    notes: Vec<String>,
    forest: Option<String>,
    legend: Vec<Key>,
    figures: Vec<Figure>,
}

#[derive(Serialize)]
struct Sheet {
    head: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    hue: usize,
    is_base: bool,
    cells: Vec<String>,
}

#[derive(Serialize)]
struct Key {
    hue: usize,
    name: String,
}

#[derive(Serialize)]
struct Figure {
    title: String,
    under: String,
    svg: String,
}

const OPERATIONS: &str = "floating-point operations";
/// Keys of what is drawn over steps.
const CURVES: [&str; 3] = ["loss", "rtd_auc", "mlm_loss"];

/// The HTML page of a comparison.
#[must_use]
pub fn render(comparison: &Comparison) -> String {
    let runs: usize = comparison.arms.iter().map(|arm| arm.seeds.len()).sum();
    let failed: usize = comparison.arms.iter().map(|arm| arm.standing.failed.len()).sum();
    let and_failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let sheet = |table: table::Table| Sheet {
        head: table.head,
        rows: table
            .rows
            .into_iter()
            .enumerate()
            .map(|(i, cells)| Row { hue: i % HUES, is_base: cells[0] == comparison.base_arm, cells })
            .collect(),
    };
    let key = |(i, arm): (usize, &ArmSummary)| Key { hue: i % HUES, name: arm.name.clone() };
    let page = Page {
        name: comparison.name.clone(),
        question: comparison.question.clone(),
        prediction: comparison.prediction.clone(),
        status: format!(
            "{} of {}, {}{and_failed}",
            comparison.arms.len(),
            table::with_noun(comparison.arms.len() + comparison.missing.len(), "arm"),
            table::with_noun(runs, "run")
        ),
        base_arm: comparison.base_arm.clone(),
        metric: comparison.metric.title(),
        better: if comparison.metric.more_is_better() { "more is better" } else { "less is better" },
        margin: comparison.margin.is_some(),
        verdict: sheet(table::verdict(comparison)),
        contrasts: table::contrasts(comparison).map(sheet),
        contrasts_title: table::CONTRASTS,
        also: unnamed_differences_table(comparison).map(sheet),
        also_title: UNNAMED_DIFFERENCES,
        correlations: table::correlations(comparison).map(sheet),
        correlations_title: table::CORRELATIONS,
        correlation_notes: table::correlation_notes(comparison),
        details: sheet(table::details(comparison)),
        notes: table::notes(comparison),
        forest: forest::draw(comparison),
        legend: comparison.arms.iter().enumerate().map(key).collect(),
        figures: figures(comparison),
    };
    let title = format!("{} · ELECTRA experiment", page.name);
    rendered(&title, include_str!("report/experiment.css"), include_str!("report/report.html"), &page)
}

/// The metric, and F1 where there is a probe, by generator and by arithmetic, then curves by steps and by arithmetic.
fn figures(comparison: &Comparison) -> Vec<Figure> {
    let mut figures = Vec::new();
    let title = |metric: Metric, by: &str| format!("{} by {by}", metric.title());
    let mut add = |metric: Metric, by: &str, under: &str, svg: Option<String>| {
        let is_own = comparison.own_tasks.iter().any(|own| own.metrics.contains(&metric));
        let own = match (metric.source(), &comparison.judged_on_own_generator[..]) {
            (Source::Common(_), [own]) => format!("; {own} was trained beside the generator"),
            _ if is_own => "; each arm on its own task".to_owned(),
            _ => String::new(),
        };
        let under = format!("{under}{own}");
        figures.extend(svg.map(|svg| Figure { title: title(metric, by), under, svg }));
    };
    let bars = "mean over seeds, 95 % interval";
    let of_generator = |arm: &ArmSummary| arm.parameters.generator as f64;
    let others = [Metric::PROBE_F1, Metric::COMMON_AUC].into_iter().filter(|m| *m != comparison.metric);
    for metric in std::iter::once(comparison.metric).chain(others) {
        if differ(comparison, of_generator) {
            let by = "parameters of the generator";
            add(metric, by, bars, scatter::draw(comparison, metric, &title(metric, by), of_generator));
        }
        if differ(comparison, |arm| arm.flops) {
            let svg = scatter::draw(comparison, metric, &title(metric, OPERATIONS), |arm| arm.flops);
            add(metric, OPERATIONS, bars, svg);
        }
    }
    let per_step = |arm: &ArmSummary| arm.flops / arm.steps as f64;
    let measured = comparison.measured();
    let drawn = CURVES.iter().filter_map(|key| measured.iter().find(|metric| metric.key() == Some(key)));
    for metric in drawn.copied() {
        let held_out = "held out, mean over seeds";
        add(metric, "steps", held_out, lines::draw(comparison, metric, &title(metric, "steps"), |_| 1.0));
        if differ(comparison, per_step) {
            let svg = lines::draw(comparison, metric, &title(metric, OPERATIONS), per_step);
            add(metric, OPERATIONS, held_out, svg);
        }
    }
    figures
}

/// Whether arms are apart in something. Those of equal budgets differ by less than a step; drawn by
/// that, they would look like a finding.
fn differ(comparison: &Comparison, of: impl Fn(&ArmSummary) -> f64) -> bool {
    let values: Vec<f64> = comparison.arms.iter().map(of).collect();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    values.iter().any(|&value| value > 1.05 * least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::tests::{comparison, subject};
    use crate::metric::tests::metric;
    use crate::task::OwnTask;
    use electra_run::report::check::faults;

    #[test]
    fn a_page_is_complete_and_needs_nothing_else() {
        let mut comparison = comparison();
        comparison.arms[1].flops *= 2.0;
        let html = render(&comparison);
        for part in [
            "Is a &lt; b?",
            "0.620 ± 0.105",
            "<svg",
            "AUC by steps",
            "total loss by floating-point",
            "2&#x2f;2^n",
        ] {
            assert!(html.contains(part), "{part} is missing");
        }
        for forbidden in ["<script", "http://", "https://", "NaN", "inf"] {
            assert!(!html.replace("information", "").contains(forbidden), "{forbidden}");
        }
        assert_eq!(faults(&html), Vec::<String>::new());
        assert_eq!(render(&comparison), html);
    }

    #[test]
    fn a_margin_is_drawn_where_one_was_stated() {
        let mut comparison = comparison();
        assert!(!render(&comparison).contains("class=\"margin\"") && !render(&comparison).contains("shaded"));
        comparison.margin = Some(0.02);
        let html = render(&comparison);
        assert!(
            html.contains("<rect class=\"margin\"") && html.contains("shaded: the margin of equivalence")
        );
    }

    #[test]
    fn a_drawing_says_where_each_arm_is_on_its_own_task() {
        let mut comparison = comparison();
        assert!(!render(&comparison).contains("own task"));
        let because = vec!["masking.probability".to_owned()];
        comparison.own_tasks = vec![OwnTask { metrics: vec![metric("rtd-auc")], because }];
        let html = render(&comparison);
        // Of two curves that of the area under the curve alone.
        assert_eq!(html.matches("held out, mean over seeds; each arm on its own task").count(), 1, "{html}");
    }

    #[test]
    fn what_all_arms_have_alike_is_no_axis() {
        let mut comparison = comparison();
        for arm in &mut comparison.arms {
            (arm.flops, arm.steps, arm.parameters.generator) = (1e9, 10, 7);
        }
        let html = render(&comparison);
        assert!(html.contains("AUC by steps"));
        assert!(!html.contains("by floating-point") && !html.contains("by parameters"));
    }

    #[test]
    fn a_page_without_results_says_so() {
        let html = render(&Comparison::new(subject(&["a"]), &[]));
        assert!(html.contains("No results yet") && !html.contains("<svg"));
        assert_eq!(faults(&html), Vec::<String>::new());
    }
}
