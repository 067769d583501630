//! The options `--min-score` and `--precision-target`: which entities are kept by their scores.

use std::collections::BTreeMap;

use electra_files::shown::on_terminal;
use electra_ner::{MinScores, TaggerFolder, TypeThreshold};
use electra_run::record::thousands;
use electra_train::layout::CALIBRATION;

use crate::failure::Failure;

/// Lowest scores as they are written: one for all types, or one for each of some.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MinScoreArgument {
    all: f64,
    types: BTreeMap<String, f64>,
}

impl MinScoreArgument {
    /// Reads `.8`, `PER=.9,ORG=.7` or `.5,PER=.9`.
    ///
    /// # Errors
    /// What is no score.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut found = Self::default();
        let mut is_given = false;
        for part in text.split(',') {
            let (kind, score) =
                part.rsplit_once('=').map_or((None, part), |(kind, score)| (Some(kind), score));
            let score = probability(score).map_err(|_| {
                format!("expected a number from 0 to 1, such as .8 or PER=.9,ORG=.7, found {part:?}")
            })?;
            let again = match kind {
                Some(kind) => found.types.insert(kind.trim().to_owned(), score).is_some(),
                None => {
                    found.all = score;
                    std::mem::replace(&mut is_given, true)
                }
            };
            if again {
                return Err(format!("{part:?} is a second score for the same types"));
            }
        }
        Ok(found)
    }

    /// The lowest scores for a tagger of these types.
    ///
    /// # Errors
    /// A type that the tagger does not know.
    pub(super) fn of_types(&self, kinds: &[&str]) -> Result<MinScores, Failure> {
        if let Some(unknown) = self.types.keys().find(|kind| !kinds.contains(&kind.as_str())) {
            return Err(Failure::new(
                format!("--min-score names the type {unknown:?}, which the tagger does not know"),
                format!("its types are {}", kinds.join(", ")),
            ));
        }
        let types = self.types.iter().map(|(kind, score)| (kind.clone(), Some(*score))).collect();
        Ok(MinScores { all: self.all, types })
    }
}

/// Reads a number between 0 and 1.
///
/// # Errors
/// What was found instead.
pub(super) fn probability(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| format!("expected a number from 0 to 1, such as .9, for all types, found {text:?}"))
}

/// The lowest scores that a precision asks for, and what has to be said of them.
///
/// # Errors
/// A tagger without the evidence for it.
pub(super) fn of_precision(folder: &TaggerFolder, precision: f64) -> Result<MinScores, Failure> {
    let Some(calibration) = folder.calibration() else {
        let path = folder.path.display();
        return Err(Failure::new(
            match &folder.calibration {
                None => format!("{path} has no {CALIBRATION}, from which thresholds of a precision come"),
                Some(_) => {
                    format!("{path}: {CALIBRATION} is about another decoding than --decoding asks for")
                }
            },
            "give scores with --min-score; or fine-tune again, which writes it, and use the tagger's own decoding",
        ));
    };
    let thresholds = calibration.thresholds(&folder.labels.kinds(), precision);
    for threshold in &thresholds {
        eprintln!("note: {}", description(threshold, precision, &calibration.data.file));
    }
    Ok(MinScores::of_thresholds(&thresholds))
}

fn description(TypeThreshold { kind, reached, best }: &TypeThreshold, precision: f64, file: &str) -> String {
    let (kind, file) = (on_terminal(kind), on_terminal(file));
    let counts = |correct, predicted| format!("{} of {} correct", thousands(correct), thousands(predicted));
    match (reached, best) {
        (Some(found), _) => format!(
            "{kind} from a score of {:.3} on: {} on {file}, so that its precision is at least {:.3}",
            found.min_score,
            counts(found.correct, found.predicted),
            found.precision_bound()
        ),
        (None, Some(best)) => format!(
            "{kind} does not reach a precision of {precision} on {file}, and is left out: at best, from a score of {:.3} on, {}, \
             a precision of at least {:.3}",
            best.min_score,
            counts(best.correct, best.predicted),
            best.precision_bound()
        ),
        (None, None) => {
            format!("no {kind} was found in {file}: nothing is known of its precision, and it is left out")
        }
    }
}

/// The sentence that counts the entities that were left out for their score, by type.
pub(super) fn left_out<'a>(counts: impl IntoIterator<Item = (&'a str, u64)>) -> Option<String> {
    let counts: Vec<(&str, u64)> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    let sum: u64 = counts.iter().map(|(_, count)| count).sum();
    let listed: Vec<String> =
        counts.iter().map(|(kind, count)| format!("{} {kind}", thousands(*count))).collect();
    let noun = if sum == 1 { "entity was" } else { "entities were" };
    (sum > 0).then(|| format!("{} {noun} left out for the score: {}", thousands(sum), listed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_for_all_types_or_for_some() {
        let read = |text: &str| {
            let found = MinScoreArgument::read(text).unwrap().of_types(&["ORG", "PER"]);
            found.unwrap_or_else(|_| panic!("{text} names types of the tagger"))
        };
        assert_eq!(read(".8"), MinScores { all: 0.8, types: BTreeMap::new() });
        let some = read("PER=.9,ORG=0.7");
        assert_eq!((some.all, some.types["PER"], some.types["ORG"]), (0.0, Some(0.9), Some(0.7)));
        assert_eq!(read(".5, PER=1").all, 0.5);
        for wrong in ["", "high", "PER=", "1.5", "PER=-1", ".5,.6", "PER=.1,PER=.2", "NaN"] {
            assert!(MinScoreArgument::read(wrong).is_err(), "{wrong}");
        }
        let unknown = MinScoreArgument::read("PRE=.9").unwrap().of_types(&["ORG", "PER"]);
        assert!(unknown.is_err());
    }

    #[test]
    fn what_is_left_out_is_counted_by_type() {
        assert_eq!(left_out([("PER", 0)]), None);
        let said = left_out([("LOC", 1200), ("PER", 1)]).unwrap();
        assert_eq!(said, "1,201 entities were left out for the score: 1,200 LOC, 1 PER");
        assert!(left_out([("PER", 1)]).unwrap().starts_with("1 entity was"));
    }
}
