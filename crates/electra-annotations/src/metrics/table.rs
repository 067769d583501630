//! Scores as text: percent, one line a type.

use std::fmt::{self, Display, Formatter};

use electra_files::shown::column_width;

use super::{
    Average, Confusion, Credit, Difference, ErrorClasses, Evaluation, Interval, Mode, PartialCredit, Recall,
    Scores, Slice, Slices, TypeScores,
};

impl Display for Mode {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("mode default (as conlleval), scheme any"),
            Self::Strict(scheme) => write!(f, "mode strict, scheme {scheme}"),
        }
    }
}

/// A table with a line for each type and each average.
impl Display for Scores {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.mode)?;
        writeln!(
            f,
            "tokens scored {}/{} in {} sentences, token accuracy {:.2} %",
            self.tokens_scored,
            self.tokens,
            self.sentences,
            100.0 * self.token_accuracy
        )?;
        let width = column_width(self.types.keys().map(String::as_str).chain(["weighted"]));
        writeln!(f)?;
        header(f, "", width)?;
        for (kind, scores) in &self.types {
            with_counts(f, kind, width, scores)?;
        }
        if !self.types.is_empty() {
            writeln!(f)?;
        }
        with_counts(f, "micro", width, &self.micro)?;
        match &self.macro_average {
            Some(_) if self.micro.gold == 0 => write!(f, "{:width$} no gold entity", "macro")?,
            Some(average) => ratios(f, "macro", width, average)?,
            None => write!(f, "{:width$} no type occurs", "macro")?,
        }
        writeln!(f)?;
        match self.micro.gold {
            0 => write!(f, "{:width$} no gold entity", "weighted")?,
            _ => ratios(f, "weighted", width, &self.weighted)?,
        }
        writeln!(f)
    }
}

fn ratios(f: &mut Formatter<'_>, name: &str, width: usize, average: &Average) -> fmt::Result {
    let [precision, recall, f1] = [average.precision, average.recall, average.f1].map(|ratio| 100.0 * ratio);
    write!(f, "{name:width$} {precision:9.2} {recall:7.2} {f1:7.2}")
}

fn with_counts(f: &mut Formatter<'_>, name: &str, width: usize, scores: &TypeScores) -> fmt::Result {
    let [precision, recall, f1] = scores.percents();
    let TypeScores { gold, predicted, correct, .. } = scores;
    writeln!(f, "{name:width$} {precision:>9} {recall:>7} {f1:>7} {gold:8} {predicted:9} {correct:8}")
}

/// Slices that a table has at most.
const MAX_SLICES: usize = 20;

/// A table with a line for each slice; of many those with most mistakes.
impl Display for Slices {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut shown: Vec<&Slice> = self.slices.iter().collect();
        let hidden = shown.len().saturating_sub(MAX_SLICES);
        if hidden > 0 {
            let mistakes =
                |slice: &&Slice| slice.scores.gold + slice.scores.predicted - 2 * slice.scores.correct;
            shown.sort_by_key(|slice| std::cmp::Reverse(mistakes(slice)));
            shown.truncate(MAX_SLICES);
        }
        let title = format!("by {}", self.by);
        let width = column_width(shown.iter().map(|slice| slice.value.as_str()).chain([&*title]));
        header(f, &title, width)?;
        for slice in shown {
            with_counts(f, &slice.value, width, &slice.scores)?;
        }
        if hidden > 0 {
            writeln!(f, "and {hidden} more, with fewer mistakes each")?;
        }
        Ok(())
    }
}

/// The heads of the columns of [`with_counts`].
fn header(f: &mut Formatter<'_>, title: &str, width: usize) -> fmt::Result {
    let header = ["precision", "recall", "F1", "support", "predicted", "correct"];
    let [precision, recall, f1, support, predicted, correct] = header;
    writeln!(f, "{title:width$} {precision:>9} {recall:>7} {f1:>7} {support:>8} {predicted:>9} {correct:>8}")
}

/// A ratio in percent; `-` where there is nothing to divide by, which is no number.
pub fn percent_of(ratio: f64, denominator: u64) -> String {
    if denominator == 0 { "-".to_owned() } else { format!("{:.2}", 100.0 * ratio) }
}

impl TypeScores {
    /// Precision, recall and F1 in percent; `-` for precision where nothing was predicted, and for recall
    /// and F1 where there was nothing to find.
    #[must_use]
    pub fn percents(&self) -> [String; 3] {
        [
            percent_of(self.precision, self.predicted),
            percent_of(self.recall, self.gold),
            percent_of(self.f1, self.gold),
        ]
    }
}

/// The table of the mode that was analysed, a line on the other mode, and everything else.
impl Display for Evaluation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.runs > 1 {
            writeln!(f, "{} runs together", self.runs)?;
        }
        writeln!(f, "{}", self.scores())?;
        let strict = self.strict.as_ref();
        match (self.comparison.mode(), strict, &self.strict_refused) {
            (Mode::Strict(_), ..) => brief(f, &self.default)?,
            (Mode::Default, Some(strict), _) => brief(f, strict)?,
            (Mode::Default, None, reason) => {
                writeln!(f, "mode strict: no scores, {}", reason.as_deref().unwrap_or_default())?;
            }
        }
        let [_, _, micro] = self.scores().micro.percents();
        match self.scores().micro.gold {
            0 => writeln!(f, "micro F1 -: there is no gold entity to find")?,
            _ => writeln!(f, "micro F1 {micro}, 95 % interval {}", self.f1_interval)?,
        }
        if self.left_out > 0 {
            writeln!(
                f,
                "{} gold entities are not made of whole words, which no tags can say: they count as missed",
                self.left_out
            )?;
        }
        if let Some(seen) = &self.seen {
            writeln!(f, "recall of entities seen in training {}, of others {}", seen.seen, seen.unseen)?;
        }
        write!(f, "\n{}\n{}\n{}", self.partial_credit, self.errors, self.confusion)
    }
}

fn brief(f: &mut Formatter<'_>, scores: &Scores) -> fmt::Result {
    let TypeScores { gold, predicted, correct, .. } = scores.micro;
    let [precision, recall, f1] = scores.micro.percents();
    writeln!(
        f,
        "{}: precision {precision}, recall {recall}, F1 {f1} ({correct} of {gold} found, {predicted} predicted)",
        scores.mode
    )
}

impl Display for Interval {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.2} to {:.2} ({} resamples of the {}, seed {})",
            100.0 * self.low,
            100.0 * self.high,
            self.resamples,
            self.drawn(),
            self.seed
        )
    }
}

impl Display for Recall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let recall = percent_of(self.recall.unwrap_or_default(), self.gold);
        write!(f, "{recall} ({} of {})", self.correct, self.gold)
    }
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "micro F1 {:.2} against {:.2}: difference {:+.2}, 95 % interval {}",
            100.0 * self.f1,
            100.0 * self.against_f1,
            100.0 * self.difference,
            self.interval
        )?;
        writeln!(
            f,
            "paired bootstrap: p = {:.4} (two-sided), better in {:.1} % of the resamples",
            self.p_value,
            100.0 * self.wins
        )
    }
}

impl Display for PartialCredit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "partial credit  precision  recall      F1  correct incorrect partial missed spurious")?;
        for (name, credit) in self.all.list() {
            let Credit { correct, incorrect, partial, missed, spurious } = credit;
            let taken = correct + incorrect + partial;
            let precision = percent_of(credit.precision(), taken + spurious);
            let [recall, f1] = [credit.recall(), credit.f1()].map(|ratio| percent_of(ratio, taken + missed));
            writeln!(
                f,
                "  {name:13} {precision:>9} {recall:>7} {f1:>7} {correct:8} {incorrect:9} {partial:7} {missed:6} {spurious:8}"
            )?;
        }
        Ok(())
    }
}

impl Display for ErrorClasses {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "entities by what became of them")?;
        for (class, count) in self.list() {
            writeln!(f, "  {:17} {count:7}", class.name())?;
        }
        Ok(())
    }
}

impl Display for Confusion {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let types = || self.labels[..self.labels.len() - 1].iter().map(String::as_str);
        let first = column_width(types().chain(["gold / predicted"]));
        let width = column_width(types().chain([Self::MISSED]));
        write!(f, "{:first$}", "gold / predicted")?;
        for label in types().chain([Self::MISSED]) {
            write!(f, " {label:>width$}")?;
        }
        writeln!(f)?;
        for (label, counts) in types().chain([Self::NO_ENTITY]).zip(&self.counts) {
            write!(f, "{label:first$}")?;
            for count in counts {
                write!(f, " {count:width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
