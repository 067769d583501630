//! Which held-out measures go with the probe, as a table.

use super::cells::{Table, empty_cell, in_list};
use crate::comparison::{Coefficients, Comparison, MeasureCorrelation};
use crate::metric::{MASKED_TASK, Metric};

/// The heading above the table.
pub const CORRELATIONS: &str = "How paired differences from the base arm go with those of probe F1, by Pearson's coefficient and by that of ranks:";

/// A row for each measure that is held against the probe; none without a probe.
#[must_use]
pub fn correlations(comparison: &Comparison) -> Option<Table> {
    let found = comparison.probe_correlations.as_ref()?;
    let mut head = vec!["measure", "pairs", "correlation", "of ranks"];
    if found.sets_apart() {
        head.extend(["pairs at word frequencies", "correlation there", "of ranks there"]);
    }
    let of = |coefficient: Option<f64>| coefficient.map_or_else(empty_cell, |r| format!("{r:+.2}"));
    let cells = |group: &Coefficients| [group.pairs.to_string(), of(group.pearson), of(group.spearman)];
    let row = |measure: &MeasureCorrelation| {
        let mut row = vec![title(measure.metric).to_owned()];
        row.extend(cells(&measure.started));
        if found.sets_apart() {
            row.extend(cells(&measure.at_word_frequencies));
        }
        row
    };
    let head = head.into_iter().map(str::to_owned).collect();
    Some(Table { head, rows: found.measures.iter().map(row).collect() })
}

/// The notes on the correlations: their points, and what is missing.
#[must_use]
pub fn correlation_notes(comparison: &Comparison) -> Vec<String> {
    let Some(found) = &comparison.probe_correlations else { return Vec::new() };
    let mut notes = vec![
        "A pair is a run less the base arm's with its seed; pairs of one seed share that run, so they are not \
         independent."
            .to_owned(),
    ];
    match found.word_frequency_loss {
        Some(loss) => notes.push(format!(
            "Pairs of which a generator is at the word frequencies, with an MLM loss of {loss} or more, or is none, \
             are apart."
        )),
        None if is_masked_measured(comparison) => notes.push(
            "Generators that stayed at the word frequencies are not set apart: the experiment states no \
             `word_frequency_loss`."
                .to_owned(),
        ),
        None => {}
    }
    let pairs = |measure: &MeasureCorrelation| measure.started.pairs + measure.at_word_frequencies.pairs;
    if let Some(planned) = found.planned_pairs {
        let of = |measure: &MeasureCorrelation| {
            let has = pairs(measure);
            (has < planned).then(|| format!("{} has {has}", title(measure.metric)))
        };
        let short: Vec<String> = found.measures.iter().filter_map(of).collect();
        if !short.is_empty() {
            let noun = if planned == 1 { "pair is" } else { "pairs are" };
            notes.push(format!("{planned} {noun} planned, of which {}.", in_list(&short)));
        }
    }
    notes
}

/// Whether some arm has the loss of who fills in masked positions.
fn is_masked_measured(comparison: &Comparison) -> bool {
    let mut metrics = comparison.arms.iter().flat_map(|arm| arm.metrics.keys());
    metrics.any(|metric| metric.task() == MASKED_TASK)
}

/// The title of a measure among the others.
fn title(metric: Metric) -> &'static str {
    metric.beside_probe().unwrap_or_else(|| metric.title())
}

#[cfg(test)]
mod tests {
    use crate::comparison::tests::subject;
    use crate::comparison::{Comparison, Subject};
    use crate::record::tests::result;
    use crate::record::{ProbeScore, ProbeScores, ResultRecord};
    use crate::standing::ArmContext;
    use crate::table::{json, markdown, text};

    fn run(arm: &str, seed: u64, auc: f64, mlm_loss: f64) -> ResultRecord {
        let scores = vec![ProbeScore { seed: 1, dev_f1: auc / 2.0, test_f1: None }];
        let probe = Some(ProbeScores { hash: String::new(), recipe: None, scores });
        let mut run = ResultRecord { probe, ..result(arm, seed, auc) };
        run.heldout.insert("mlm_loss".into(), mlm_loss);
        run
    }

    fn compared(word_frequency_loss: Option<f64>) -> Comparison {
        let mut results: Vec<ResultRecord> = (1..=4).map(|seed| run("a", seed, 0.5, 6.0)).collect();
        results.extend(
            [(1, 0.6, 5.9), (2, 0.61, 5.8), (3, 0.64, 5.7)].map(|(n, auc, loss)| run("b", n, auc, loss)),
        );
        results.push(run("c", 4, 0.8, 6.8));
        let known = ArmContext { seeds: vec![1, 2, 3, 4], ..ArmContext::default() };
        Comparison::new(Subject { word_frequency_loss, known, ..subject(&["a", "b", "c"]) }, &results)
    }

    #[test]
    fn measures_stand_beside_the_probe_with_their_pairs_and_what_is_missing() {
        let comparison = compared(Some(6.7));
        let markdown = markdown(&comparison);
        for part in [
            "| measure | pairs | correlation | of ranks | pairs at word frequencies | correlation there | of ranks there |",
            "| own AUC | 3 | +1.00 | +1.00 | 1 | – | – |",
            "| common AUC | 0 | – | – | 0 | – | – |",
            "with an MLM loss of 6.7 or more",
            "8 pairs are planned, of which common AUC has 0, unigram AUC has 0, own AUC has 4 and generator's loss has 4.",
        ] {
            assert!(markdown.contains(part), "{part} is missing in\n{markdown}");
        }
        assert!(text(&comparison).contains("own AUC"));
        let json: serde_json::Value = serde_json::from_str(&json(&comparison)).unwrap();
        let measure = &json["probe_correlations"]["measures"][3];
        assert_eq!((&measure["metric"], &measure["started"]["pairs"]), (&"mlm-loss".into(), &3.into()));
        assert_eq!(measure["started"]["spearman"], -1.0);
    }

    #[test]
    fn without_a_loss_to_tell_by_it_is_said_that_nothing_is_apart() {
        let markdown = markdown(&compared(None));
        assert!(
            markdown.contains("are not set apart: the experiment states no `word_frequency_loss`"),
            "{markdown}"
        );
        assert!(markdown.contains("| measure | pairs | correlation | of ranks |\n"), "{markdown}");
    }
}
