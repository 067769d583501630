//! Scores as text: percent, one line a type.

use std::fmt::{self, Display, Formatter};

use super::{
    Average, Confusion, Difference, ErrorClasses, Evaluation, Interval, Mode, Recall, Scores, TypeScores,
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
        let width = name_width(self.types.keys().map(String::as_str).chain(["weighted"]));
        let header = ["precision", "recall", "F1", "support", "predicted", "correct"];
        let [precision, recall, f1, support, predicted, correct] = header;
        writeln!(
            f,
            "\n{:width$} {precision:>9} {recall:>7} {f1:>7} {support:>8} {predicted:>9} {correct:>8}",
            ""
        )?;
        for (kind, scores) in &self.types {
            with_counts(f, kind, width, scores)?;
        }
        if !self.types.is_empty() {
            writeln!(f)?;
        }
        with_counts(f, "micro", width, &self.micro)?;
        match &self.macro_average {
            Some(average) => ratios(f, "macro", width, average)?,
            None => write!(f, "{:width$} no type occurs", "macro")?,
        }
        writeln!(f)?;
        ratios(f, "weighted", width, &self.weighted)?;
        writeln!(f)
    }
}

fn name_width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| name.chars().count()).max().unwrap_or(0)
}

fn ratios(f: &mut Formatter<'_>, name: &str, width: usize, average: &Average) -> fmt::Result {
    let [precision, recall, f1] = [average.precision, average.recall, average.f1].map(|ratio| 100.0 * ratio);
    write!(f, "{name:width$} {precision:9.2} {recall:7.2} {f1:7.2}")
}

fn with_counts(f: &mut Formatter<'_>, name: &str, width: usize, scores: &TypeScores) -> fmt::Result {
    let TypeScores { precision, recall, f1, gold, predicted, correct } = *scores;
    ratios(f, name, width, &Average { precision, recall, f1 })?;
    writeln!(f, " {gold:8} {predicted:9} {correct:8}")
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
        let micro = self.scores().micro.f1;
        writeln!(f, "micro F1 {:.2}, 95 % interval {}", 100.0 * micro, self.f1_interval)?;
        if let Some(seen) = &self.seen {
            writeln!(f, "recall of entities seen in training {}, of others {}", seen.seen, seen.unseen)?;
        }
        write!(f, "\n{}\n{}", self.errors, self.confusion)
    }
}

fn brief(f: &mut Formatter<'_>, scores: &Scores) -> fmt::Result {
    let TypeScores { precision, recall, f1, gold, predicted, correct } = scores.micro;
    let [precision, recall, f1] = [precision, recall, f1].map(|ratio| 100.0 * ratio);
    writeln!(
        f,
        "{}: precision {precision:.2}, recall {recall:.2}, F1 {f1:.2} ({correct} of {gold} found, {predicted} predicted)",
        scores.mode
    )
}

impl Display for Interval {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.2} to {:.2} ({} resamples of the sentences, seed {})",
            100.0 * self.low,
            100.0 * self.high,
            self.resamples,
            self.seed
        )
    }
}

impl Display for Recall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({} of {})", 100.0 * self.recall, self.correct, self.gold)
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
        let labels = || self.labels.iter().map(String::as_str);
        let first = name_width(labels().chain(["gold / predicted"]));
        let width = name_width(labels()).max(6);
        write!(f, "{:first$}", "gold / predicted")?;
        for label in labels() {
            write!(f, " {label:>width$}")?;
        }
        writeln!(f)?;
        for (label, counts) in labels().zip(&self.counts) {
            write!(f, "{label:first$}")?;
            for count in counts {
                write!(f, " {count:width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
