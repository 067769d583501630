//! The notes of a table on its numbers: which are of one task, and what a margin makes of differences.

use super::cells::{NameStyle, in_list, in_units};
use crate::comparison::Comparison;
use crate::metric::Metric;
use crate::task::OwnTask;

/// Sentences about the margin, if arms are compared, and about what the numbers measure.
pub(super) fn notes(comparison: &Comparison, names: &NameStyle, is_compared: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(margin) = comparison.margin.filter(|_| is_compared) {
        notes.push(format!(
            "A margin of {} was stated: an arm is equivalent where two one-sided paired t tests at 5 % say so, that is \
             where its 90 % interval lies within the margin; different where the paired t test says so after Holm's \
             correction at 5 %, with one arm a 95 % interval without zero; else they are not told apart.",
            in_units(margin, comparison.metric)
        ));
    }
    notes.extend(comparison.own_tasks.iter().map(|own| own_task(own, comparison, names)));
    notes.extend(common_measures(comparison, names));
    notes
}

/// The note on numbers that are no common measure.
fn own_task(own: &OwnTask, comparison: &Comparison, names: &NameStyle) -> String {
    let keys: Vec<String> = own.because.iter().map(|key| (names.code)(key)).collect();
    let titles: Vec<&str> = own.metrics.iter().map(|metric| metric.title()).collect();
    let is_own = |metric: &Metric| comparison.own_tasks.iter().any(|own| own.metrics.contains(metric));
    let verdict = match own.metrics.contains(&comparison.metric) {
        true => format!(", {} above among them", comparison.metric.title()),
        false => String::new(),
    };
    let common: Vec<&str> =
        comparison.measured().into_iter().filter(|metric| !is_own(metric)).map(Metric::title).collect();
    let common = match common.is_empty() {
        true => "no number here is of one task".to_owned(),
        false => format!("of one task {} {}", if common.len() == 1 { "is" } else { "are" }, in_list(&common)),
    };
    format!(
        "Arms differ in {}: {} {} of each arm's own task and cannot rank them{verdict}; {common}.",
        in_list(&keys),
        in_list(&titles),
        if titles.len() == 1 { "is" } else { "are" },
    )
}

/// The notes on numbers that were meant to be common.
fn common_measures(comparison: &Comparison, names: &NameStyle) -> Vec<String> {
    let (mut notes, measured) = (Vec::new(), comparison.measured());
    if measured.contains(&Metric::COMMON_AUC) || measured.contains(&Metric::UNIGRAM_AUC) {
        notes.push(
            "Common AUC is on samples of the base arm's generator of the same seed, unigram AUC on samples from the \
             frequencies of words: the same masks and samples for all arms."
                .to_owned(),
        );
    }
    if let [own] = &comparison.judged_on_own_generator[..] {
        notes.push(format!(
            "{} was trained beside that generator and knows its samples, the others do not: its common \
             AUC has that advantage.",
            (names.text)(own)
        ));
    }
    if !comparison.not_judged.is_empty() {
        notes.push(format!(
            "No figures on them, as there is no discriminator that detects replaced tokens, or it was not judged: {}.",
            in_list(&comparison.not_judged.iter().map(|arm| (names.text)(arm)).collect::<Vec<_>>())
        ));
    }
    if !comparison.unlike_corruptions.is_empty() {
        let seeds: Vec<String> = comparison.unlike_corruptions.iter().map(ToString::to_string).collect();
        notes.push(format!(
            "Arms were judged on unlike corruptions, and their common figures cannot be held against each other, with \
             {} {}.",
            if seeds.len() == 1 { "seed" } else { "seeds" },
            in_list(&seeds)
        ));
    }
    if comparison.vocabularies_differ {
        notes.push(
            "Arms have unlike vocabularies: losses of a token, or of the sum, are left out, as a token is something \
             else in each; losses by byte can be compared."
                .to_owned(),
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Subject;
    use crate::comparison::tests::{comparison, subject};
    use crate::metric::tests::metric;
    use crate::record::tests::result;
    use crate::table::{json, markdown, notes};

    #[test]
    fn what_arms_change_is_said_of_each_number_that_it_makes_another() {
        let mut changed = result("b", 1, 0.5);
        changed.differences.insert("masking.probability".into(), 0.4.into());
        let of = |metric| {
            let subject = Subject { metric, ..subject(&["a", "b"]) };
            notes(&Comparison::new(subject, &[result("a", 1, 0.5), changed.clone()])).join(" ")
        };
        let said = "Arms differ in `masking.probability`: AUC and total loss are of each arm's own task";
        assert!(
            of(metric("rtd-auc"))
                .contains("cannot rank them, AUC above among them; no number here is of one task.")
        );
        assert!(of(Metric::PROBE_F1).contains("cannot rank them; no number"), "{}", of(Metric::PROBE_F1));
        assert!(of(metric("rtd-auc")).contains(said), "{}", of(metric("rtd-auc")));
        assert!(!notes(&comparison()).join(" ").contains("own task"));
    }

    #[test]
    fn a_verdict_of_a_margin_stands_in_table_notes_and_json() {
        let mut results = Vec::new();
        for (seed, small) in (1..).zip([0.001, -0.001, 0.002, -0.002]) {
            results.push(result("a", seed, 0.5));
            results.push(result("b", seed, 0.5 + small));
        }
        let subject = Subject { margin: Some(0.02), ..subject(&["a", "b"]) };
        let comparison = Comparison::new(subject, &results);
        let markdown = markdown(&comparison);
        for part in [
            "| p, Holm | within ±0.020 |",
            "| – | – | – |",
            "| equivalent, p ",
            "A margin of 0.020 was stated",
        ] {
            assert!(markdown.contains(part), "{part} is missing in\n{markdown}");
        }
        let json: serde_json::Value = serde_json::from_str(&json(&comparison)).unwrap();
        assert_eq!(json["margin"], 0.02);
        assert_eq!(json["arms"][1]["equivalence"]["verdict"], "equivalent");
        assert_eq!(in_units(0.00025, metric("rtd-auc")), "0.00025");
    }
}
