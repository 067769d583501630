//! A comparison as rows of text: Markdown, aligned columns, and what the report shows.

mod measures;

use electra_files::shown::{code_in_markdown, in_markdown};

use crate::comparison::{ArmSummary, Comparison, MeasuredOn};
use crate::metric::Metric;
use crate::standing::{self, ALSO, also, operations};
use crate::statistics::equivalence::{Equivalence, Verdict};
use crate::statistics::{Sample, sign_flip};

use measures::in_units;

/// A table of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// As Markdown. The first column is names, which may be of somebody else; the others are ours, and
    /// stand at the right.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cell = |(i, text): (usize, &String)| if i == 0 { in_markdown(text) } else { text.clone() };
            format!("| {} |\n", cells.iter().enumerate().map(cell).collect::<Vec<_>>().join(" | "))
        };
        let rule: Vec<String> =
            (0..self.head.len()).map(|i| if i == 0 { "---" } else { "---:" }.to_owned()).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{}{rows}", line(&self.head), line(&rule))
    }

    /// In aligned columns.
    #[must_use]
    pub fn text(&self) -> String {
        let all = || std::iter::once(&self.head).chain(&self.rows);
        let width = |i: usize| all().map(|row| row[i].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cell = |(i, text): (usize, &String)| match i {
                0 => format!("{text:<width$}", width = widths[i]),
                _ => format!("{text:>width$}", width = widths[i]),
            };
            let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
            format!("{}\n", cells.join("  ").trim_end())
        };
        all().map(line).collect()
    }
}

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
        let verdict = || arm.equivalence.map_or_else(absent, |tests| decided(&tests));
        let mut row = vec![
            arm.name.clone(),
            count(arm.parameters.total),
            count(arm.parameters.generator),
            operations(arm.flops, arm.standing.off_budget),
            count(arm.steps),
            arm.standing.of_seeds(arm.seeds.len()),
            mean(comparison, arm),
            arm.paired.map_or_else(absent, |paired| paired.difference.n.to_string()),
            difference,
            p,
            holm,
        ];
        row.extend(comparison.margin.map(|_| verdict()));
        row
    };
    Table { head: head.collect(), rows: comparison.arms.iter().map(row).collect() }
}

/// A verdict with the probability that decides it: of the two one-sided tests, or of the paired t test after
/// Holm's correction, which is another than that of the sign flips beside it.
fn decided(tests: &Equivalence) -> String {
    let p = match tests.verdict {
        Verdict::Equivalent => tests.p,
        Verdict::Different => tests.p_difference,
        Verdict::NotToldApart => None,
    };
    let words = tests.verdict.words();
    p.map_or_else(|| words.to_owned(), |p| format!("{words}, p {}", probability(p)))
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
            arm.metrics.get(metric).map_or_else(absent, |sample| spread(sample, metric.decimals()))
        };
        let minutes = |seconds: f64| seconds / 60.0;
        let of_time = |time: Sample| Sample { mean: minutes(time.mean), sd: time.sd.map(minutes), ..time };
        let time = arm.seconds.map_or_else(absent, |seconds| spread(&of_time(seconds), 1));
        std::iter::once(arm.name.clone()).chain(metrics.iter().map(cell)).chain([time]).collect()
    };
    Table { head: head.collect(), rows: comparison.arms.iter().map(row).collect() }
}

/// How the numbers came about, in sentences.
#[must_use]
pub fn notes(comparison: &Comparison) -> Vec<String> {
    notes_with(comparison, &NamesIn { text: str::to_owned, code: |name| format!("`{name}`") })
}

/// How names, which may be of somebody else, are written in a sentence.
pub(crate) struct NamesIn {
    pub(crate) text: fn(&str) -> String,
    pub(crate) code: fn(&str) -> String,
}

fn notes_with(comparison: &Comparison, names: &NamesIn) -> Vec<String> {
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
    let mut pairs: Vec<usize> =
        comparison.arms.iter().filter_map(|arm| Some(arm.paired?.difference.n)).collect();
    let arms = pairs.len();
    pairs.sort_unstable();
    pairs.dedup();
    if comparison.base().is_none() {
        notes.push(format!("The base arm {base_arm} has no result yet."));
    } else if arms > 0 {
        let floors: Vec<String> = pairs
            .iter()
            .map(|n| format!("{} with {}", probability(sign_flip::floor(*n)), seeds(*n)))
            .collect();
        notes.push(format!(
            "Differences are from {base_arm}, paired by seed, with 95 % intervals by Student's t; p is exact over all flips of their signs, two-sided, and cannot be below 2/2^n: {}; Holm's correction is over {} {}.",
            floors.join(", "),
            arms,
            if arms == 1 { "arm" } else { "arms" },
        ));
    }
    notes.extend(measures::notes(comparison, names, arms > 0));
    notes.extend(standing::notes(comparison, names));
    for arm in comparison.arms.iter().filter(|arm| arm.found_nothing > 0) {
        notes.push(format!(
            "Of {}, {} of {} fine-tuning runs found nothing in any epoch: their 0 is in its probe F1.",
            (names.text)(&arm.name),
            arm.found_nothing,
            arm.fine_tuned
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

/// The comparison as Markdown: both tables and the notes.
#[must_use]
pub fn markdown(comparison: &Comparison) -> String {
    if comparison.arms.is_empty() {
        return "No results yet.\n".to_owned();
    }
    let names = NamesIn { text: in_markdown, code: code_in_markdown };
    let notes = notes_with(comparison, &names).join(" ");
    let also = also(comparison).map_or_else(String::new, |table| format!("{ALSO}\n\n{}\n", table.markdown()));
    format!("{}\n{notes}\n\n{also}{}", verdict(comparison).markdown(), details(comparison).markdown())
}

/// The comparison as aligned text.
#[must_use]
pub fn text(comparison: &Comparison) -> String {
    if comparison.arms.is_empty() {
        return "No results yet.\n".to_owned();
    }
    let notes = notes(comparison).join("\n");
    let also = also(comparison).map_or_else(String::new, |table| format!("{ALSO}\n{}\n", table.text()));
    format!("{}\n{notes}\n\n{also}{}", verdict(comparison).text(), details(comparison).text())
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
    let Some(own) = arm.metrics.get(&metric) else { return absent() };
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
        return ["base".to_owned(), absent(), absent()];
    }
    let Some(paired) = arm.paired else { return [absent(), absent(), absent()] };
    let decimals = comparison.metric.decimals();
    let mean = format!("{:+.decimals$}", paired.difference.mean);
    let difference = match paired.interval {
        Some([low, high]) => format!("{mean} [{low:+.decimals$}, {high:+.decimals$}]"),
        None => format!("{mean} (one pair)"),
    };
    [difference, probability(paired.p), arm.p_holm.map_or_else(absent, probability)]
}

/// Mean and deviation; of one value, the value and that it is one.
#[must_use]
pub fn spread(sample: &Sample, decimals: usize) -> String {
    match sample.sd {
        Some(sd) => format!("{:.decimals$} ± {sd:.decimals$}", sample.mean),
        None => format!("{:.decimals$} (one seed)", sample.mean),
    }
}

fn seeds(n: usize) -> String {
    if n == 1 { "1 seed".to_owned() } else { format!("{n} seeds") }
}

fn probability(p: f64) -> String {
    if p < 0.0005 { format!("{p:.0e}") } else { format!("{p:.3}") }
}

fn count(number: u64) -> String {
    electra_run::record::thousands(number)
}

fn absent() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use electra_run::record::{HeldoutMeasure, HeldoutRows};

    use super::*;
    use crate::comparison::Subject;
    use crate::comparison::tests::{comparison, subject};
    use crate::record::tests::result;
    use crate::record::{ProbeScore, ProbeScores, ResultRecord};

    #[test]
    fn a_mean_never_stands_alone() {
        let table = verdict(&comparison());
        assert_eq!(table.rows[0][6..], ["0.600 ± 0.100", "–", "base", "–", "–"]);
        assert_eq!(table.rows[1][6..], ["0.620 ± 0.105", "3", "+0.020 [-0.005, +0.045]", "0.250", "0.500"]);
        let mean = "0.500 (one seed); over the pairs 0.500 (one seed) against 0.600 (one seed)";
        assert_eq!(table.rows[2][5..], ["1", mean, "1", "-0.100 (one pair)", "1.000", "1.000"]);
    }

    #[test]
    fn a_name_is_no_markup_and_ends_no_cell() {
        let table = Table { head: vec!["arm".into()], rows: vec![vec!["a|b <i>\n# c".into()]] };
        assert_eq!(table.markdown(), "| arm |\n| --- |\n| a\\|b &lt;i&gt; \\# c |\n");
        // In sentences as well, wherever one stands.
        let odd = ["`<img src=x>`", "<img src=y>\n# z", "<img src=w>"];
        let score = ProbeScore { seed: 1, dev_f1: 0.0, test_f1: None };
        let probe = Some(ProbeScores { hash: String::new(), recipe: None, scores: vec![score] });
        let measure = Some(HeldoutMeasure { rows: HeldoutRows::Spread, examples: 1500 });
        let results = [
            ResultRecord { probe, ..result(odd[0], 1, 0.5) },
            ResultRecord { measure, ..result(odd[1], 1, 0.5) },
        ];
        for base_arm in [odd[0], odd[2]] {
            let subject = Subject { base_arm: base_arm.into(), ..subject(&odd) };
            let comparison = Comparison::new(subject, &results);
            let markdown = markdown(&comparison);
            for part in ["found nothing", "unlike measures", "No result yet"] {
                assert!(markdown.contains(part), "{part} is missing in\n{markdown}");
            }
            // As code it is no markup.
            let code = code_in_markdown(base_arm);
            assert!(markdown.contains(&code), "{markdown}");
            let rest = markdown.replace(&code, "");
            assert!(!rest.contains("<img") && !rest.contains("\n# "), "{markdown}");
        }
    }

    #[test]
    fn markdown_has_both_tables_and_says_how_small_p_can_be() {
        let markdown = markdown(&comparison());
        for part in [
            "| arm | parameters | generator | FLOP | steps | seeds | AUC, mean ± sd | pairs | difference [95 %] | p | p, Holm |",
            "| a | 1,100 | 100 | 2.00e9 | 20 | 3 | 0.600 ± 0.100 | – | base | – | – |",
            "cannot be below 2/2^n: 1.000 with 1 seed, 0.250 with 3 seeds; Holm's correction is over 2 arms.",
            "No result yet: d.",
            "| arm | total loss | minutes |",
        ] {
            assert!(markdown.contains(part), "{part} is missing in\n{markdown}");
        }
        let rules = markdown.lines().filter(|line| line.starts_with("| --- | ---: |")).count();
        assert_eq!(rules, 2);
    }

    #[test]
    fn a_mean_says_how_many_of_its_seeds_found_nothing() {
        let with = |arm: &str, f1: &[f64]| {
            let scores =
                (1..).zip(f1).map(|(seed, &dev_f1)| ProbeScore { seed, dev_f1, test_f1: None }).collect();
            ResultRecord {
                probe: Some(ProbeScores { hash: String::new(), recipe: None, scores }),
                ..result(arm, 1, 0.5)
            }
        };
        let results = [with("a", &[0.5, 0.4]), with("b", &[0.0, 0.6, 0.0])];
        let comparison =
            Comparison::new(Subject { metric: Metric::PROBE_F1, ..subject(&["a", "b"]) }, &results);
        let told = "Of b, 2 of 3 fine-tuning runs found nothing in any epoch: their 0 is in its probe F1.";
        assert_eq!(notes(&comparison).iter().filter(|note| note.contains("found nothing")).count(), 1);
        assert!(
            markdown(&comparison).contains(told) && text(&comparison).contains(told),
            "{}",
            text(&comparison)
        );
        let json: serde_json::Value = serde_json::from_str(&json(&comparison)).unwrap();
        assert_eq!(
            (&json["arms"][1]["found_nothing"], &json["arms"][1]["fine_tuned"]),
            (&2.into(), &3.into())
        );
    }

    #[test]
    fn unlike_measures_are_said_and_one_measure_is_not() {
        let notes_of = |first: Option<HeldoutMeasure>, second: Option<HeldoutMeasure>| {
            let with = |arm: &str, measure| ResultRecord { measure, ..result(arm, 1, 0.5) };
            notes(&Comparison::new(subject(&["a", "b"]), &[with("a", first), with("b", second)])).join(" ")
        };
        let spread = Some(HeldoutMeasure { rows: HeldoutRows::Spread, examples: 1500 });
        let said = notes_of(None, spread);
        let expected = "unlike measures and cannot be held against each other: the first rows, as many as the \
                        recipe asks for, for a; 1,500 held-out rows, spread evenly, for b.";
        assert!(said.contains(expected), "{said}");
        for alike in [None, spread] {
            assert!(!notes_of(alike, alike).contains("unlike"));
        }
    }

    #[test]
    fn text_is_aligned() {
        let text = verdict(&comparison()).text();
        let ends: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    }

    #[test]
    fn nothing_to_compare_is_said() {
        let empty = Comparison::new(subject(&["a"]), &[]);
        assert_eq!(
            (markdown(&empty), text(&empty)),
            ("No results yet.\n".into(), "No results yet.\n".into())
        );
    }

    #[test]
    fn json_holds_every_number() {
        let json: serde_json::Value = serde_json::from_str(&json(&comparison())).unwrap();
        assert_eq!(json["arms"][1]["paired"]["p"], 0.25);
        assert_eq!(json["arms"][1]["metrics"]["rtd-auc"]["n"], 3);
    }
}
