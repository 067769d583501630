//! The contrasts that an experiment states, as a table.

use super::cells::{Table, difference, empty_cell, in_units, probability, spread, verdict_with_p};
use crate::comparison::{Comparison, ContrastSummary};

/// The heading above the table.
pub const CONTRASTS: &str = "Contrasts that the experiment states, the first arm less the second:";

/// A row for each contrast; none where the experiment states none.
#[must_use]
pub fn contrasts(comparison: &Comparison) -> Option<Table> {
    if comparison.contrasts.is_empty() {
        return None;
    }
    let metric = comparison.metric;
    let head = ["contrast", "means over the pairs", "pairs", "difference [95 %]", "p", "p, Holm"];
    let head = head.into_iter().map(str::to_owned);
    let head = head.chain(comparison.margin.map(|margin| format!("within ±{}", in_units(margin, metric))));
    let row = |contrast: &ContrastSummary| {
        let means = contrast.pairs.as_ref().map(|pairs| {
            let [arm, base] = [&pairs.arm, &pairs.base].map(|sample| spread(sample, metric.decimals()));
            format!("{arm} against {base}")
        });
        let paired = contrast.paired.as_ref();
        let mut row = vec![
            contrast.name(),
            means.unwrap_or_else(empty_cell),
            paired.map_or(0, |paired| paired.difference.n).to_string(),
            paired.map_or_else(empty_cell, |paired| difference(paired, metric)),
            paired.map_or_else(empty_cell, |paired| probability(paired.p)),
            contrast.p_holm.map_or_else(empty_cell, probability),
        ];
        let verdict = || contrast.equivalence.map_or_else(empty_cell, |tests| verdict_with_p(&tests));
        row.extend(comparison.margin.map(|_| verdict()));
        row
    };
    Some(Table { head: head.collect(), rows: comparison.contrasts.iter().map(row).collect() })
}

#[cfg(test)]
mod tests {
    use crate::comparison::tests::subject;
    use crate::comparison::{Comparison, Subject};
    use crate::experiment::Contrast;
    use crate::record::tests::result;
    use crate::table::{json, markdown, text};

    #[test]
    fn contrasts_stand_in_text_markdown_and_json_and_holm_says_over_how_many_tests() {
        let contrast = |arm: &str, against: &str| Contrast { arm: arm.into(), against: against.into() };
        let subject = Subject {
            contrasts: vec![contrast("c", "b"), contrast("d", "b")],
            margin: Some(0.02),
            ..subject(&["a", "b", "c", "d"])
        };
        let mut results = Vec::new();
        for seed in 1..=3 {
            results.push(result("a", seed, 0.5));
            results.push(result("b", seed, 0.6));
            results.push(result("c", seed, 0.61 + 0.01 * seed as f64));
        }
        let comparison = Comparison::new(subject, &results);
        let markdown = markdown(&comparison);
        for part in [
            "Contrasts that the experiment states, the first arm less the second:",
            "| contrast | means over the pairs | pairs | difference [95 %] | p | p, Holm | within ±0.020 |",
            // Differences .02 .03 .04: 4.3027 * .01 / sqrt 3 = .02484.
            "| c − b | 0.630 ± 0.010 against 0.600 ± 0.000 | 3 | +0.030 [+0.005, +0.055] | 0.250 | 0.750 |",
            "| d − b | – | 0 | – | – | – | – |",
            "Holm's correction is over 3 tests: 2 arms and 1 contrast.",
        ] {
            assert!(markdown.contains(part), "{part} is missing in\n{markdown}");
        }
        let text = text(&comparison);
        assert!(text.contains("c − b") && text.contains("3 tests: 2 arms and 1 contrast"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&json(&comparison)).unwrap();
        assert_eq!(json["contrasts"][0]["against"], "b");
        assert_eq!(json["contrasts"][0]["paired"]["difference"]["n"], 3);
    }
}
