//! Results that cannot be: numbers that no run measures, and curves that are none.
//!
//! A result may be damaged, or come from somebody else. Its numbers go into means and intervals, where a
//! single one that cannot be is not seen any more.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use electra_run::code::CodeVersions;
use serde_json::Value;

use crate::arms;
use crate::failed::FailedRun;
use crate::quantities::Quantities;

use super::common_corruption::{CommonCorruptionScores, DetectionScores};
use super::curve::{Curve, MAX_POINTS};
use super::error::ImpossibleNumber;
use super::probe_scores::ProbeScores;
use super::provenance::Provenance;
use super::result::ResultRecord;
use crate::run::{Parameters, TokenizerIdentity};

/// The most of a loss: far above what guessing costs, and its square far below what 64 bits hold.
const MAX_LOSS: f64 = 1e12;
/// The most seconds: thirty thousand years.
const MAX_SECONDS: f64 = 1e12;
/// The most floating-point operations, with the root of what 64 bits hold far away.
const MAX_FLOPS: f64 = 1e40;
/// The most steps and tokens.
const MAX_TOKENS: u64 = 1_000_000_000_000_000_000;

/// The measured numbers of a run, from whichever file.
pub(crate) struct Measured<'a> {
    pub(crate) steps: u64,
    pub(crate) tokens: u64,
    pub(crate) flops: f64,
    pub(crate) parameters: Parameters,
    pub(crate) heldout: &'a BTreeMap<String, f64>,
    pub(crate) seconds: f64,
    pub(crate) curve: &'a Curve,
}

impl Measured<'_> {
    /// Refuses what cannot be.
    pub(crate) fn check(&self) -> Result<(), ImpossibleNumber> {
        whole("steps", self.steps, 1..=MAX_TOKENS)?;
        whole("tokens", self.tokens, 1..=MAX_TOKENS)?;
        real("flops", self.flops, &(0.0..=MAX_FLOPS))?;
        real("seconds", self.seconds, &(0.0..=MAX_SECONDS))?;
        sum(self.parameters)?;
        for (key, &value) in self.heldout {
            real(&format!("heldout.{key}"), value, &range(key))?;
        }
        self.curve.check(self.steps)
    }
}

impl ResultRecord {
    /// Refuses what cannot be.
    pub(super) fn check(&self) -> Result<(), ImpossibleNumber> {
        self.run.check()?;
        let Provenance { steps, tokens, flops, parameters, .. } = self.run;
        let (heldout, curve, seconds) = (&self.heldout, &self.curve, self.seconds);
        Measured { steps, tokens, flops, parameters, heldout, seconds, curve }.check()?;
        self.common.as_ref().map_or(Ok(()), CommonCorruptionScores::check)?;
        self.probe.as_ref().map_or(Ok(()), ProbeScores::check)
    }
}

impl Provenance {
    /// Refuses what cannot be.
    fn check(&self) -> Result<(), ImpossibleNumber> {
        is_name("arm", &self.arm)?;
        known(&self.recipe, &self.data, &self.tokenizer, &self.code, &self.quantities)?;
        whole("steps", self.steps, 1..=MAX_TOKENS)?;
        whole("tokens", self.tokens, 1..=MAX_TOKENS)?;
        real("flops", self.flops, &(0.0..=MAX_FLOPS))?;
        sum(self.parameters)
    }
}

impl CommonCorruptionScores {
    /// Refuses what cannot be.
    fn check(&self) -> Result<(), ImpossibleNumber> {
        let of = |judged: &Option<DetectionScores>, key| {
            judged.as_ref().map_or(Ok(()), |judged| judged.check(key))
        };
        of(&self.base, "common.base.")?;
        of(&self.unigram, "common.unigram.")
    }
}

impl DetectionScores {
    /// Refuses what cannot be; keys begin with `before`.
    pub(super) fn check(&self, before: &str) -> Result<(), ImpossibleNumber> {
        whole(&format!("{before}rows"), self.rows, 1..=MAX_TOKENS)?;
        for (field, number) in self.numbers() {
            number.map_or(Ok(()), |number| real(&format!("{before}{field}"), number, &range(field)))?;
        }
        Ok(())
    }
}

impl FailedRun {
    /// Refuses what cannot be.
    pub(crate) fn check(&self) -> Result<(), ImpossibleNumber> {
        self.run.check()?;
        whole("failed.step", self.failed.step, 0..=self.steps)
    }
}

/// Both networks are the sum of each.
fn sum(Parameters { discriminator, generator, total }: Parameters) -> Result<(), ImpossibleNumber> {
    if discriminator.checked_add(generator) == Some(total) {
        return Ok(());
    }
    let expected = format!("the sum of {discriminator} and {generator}");
    Err(ImpossibleNumber { key: "parameters.total".into(), found: total.to_string(), expected })
}

fn is_name(key: &str, found: &str) -> Result<(), ImpossibleNumber> {
    if arms::is_name(found) {
        return Ok(());
    }
    let (key, found) = (key.to_owned(), format!("{found:?}"));
    Err(ImpossibleNumber { key, found, expected: arms::NAMES.to_owned() })
}

/// Checks the names and hashes by which a run is identified: they stand in names of arms, in sentences and in
/// tables.
fn known(
    recipe: &Option<String>,
    data: &Option<String>,
    tokenizer: &Option<TokenizerIdentity>,
    code: &CodeVersions,
    quantities: &Quantities,
) -> Result<(), ImpossibleNumber> {
    for (key, hash) in [("recipe", recipe), ("data", data)] {
        hash.as_ref().map_or(Ok(()), |hash| is_name(key, hash))?;
    }
    if let Some(tokenizer) = tokenizer {
        is_name("tokenizer.hash", &tokenizer.hash)?;
        whole("tokenizer.vocab_size", tokenizer.vocab_size, 1..=MAX_TOKENS)?;
    }
    code.parts().try_for_each(|part| is_name("code", part))?;
    for (key, value) in quantities {
        let is_plain = match value {
            Value::Number(_) => true,
            Value::String(text) => {
                text.len() <= 80 && text.chars().all(|c| c.is_ascii_alphanumeric() || " +-.,".contains(c))
            }
            _ => false,
        };
        if !is_plain {
            let expected = "a number or a few plain words".to_owned();
            return Err(ImpossibleNumber {
                key: format!("quantities.{key}"),
                found: value.to_string(),
                expected,
            });
        }
    }
    Ok(())
}

impl ProbeScores {
    /// Refuses what cannot be: an F1 that is no share, or two scores of one seed.
    ///
    /// # Errors
    /// The key, what was found and what can be.
    pub fn check(&self) -> Result<(), ImpossibleNumber> {
        self.recipe.as_ref().map_or(Ok(()), |recipe| is_name("probe.recipe", recipe))?;
        let mut seeds = BTreeSet::new();
        for (at, score) in self.scores.iter().enumerate() {
            let key = |field: &str| format!("probe.scores.{at}.{field}");
            real(&key("dev_f1"), score.dev_f1, &(0.0..=1.0))?;
            if let Some(f1) = score.test_f1 {
                real(&key("test_f1"), f1, &(0.0..=1.0))?;
            }
            if !seeds.insert(score.seed) {
                let (found, expected) = (score.seed.to_string(), "each seed once".to_owned());
                return Err(ImpossibleNumber { key: key("seed"), found, expected });
            }
        }
        Ok(())
    }
}

impl Curve {
    fn check(&self, steps: u64) -> Result<(), ImpossibleNumber> {
        let points = self.step.len();
        whole("curve.step", points as u64, 0..=MAX_POINTS as u64)
            .map_err(|impossible| ImpossibleNumber { found: format!("a list of {points}"), ..impossible })?;
        for (at, &step) in self.step.iter().enumerate() {
            let after = at.checked_sub(1).map_or(0, |before| self.step[before] + 1);
            whole(&format!("curve.step.{at}"), step, after..=steps)?;
        }
        for (key, values) in &self.columns {
            if values.len() != points {
                let found = format!("a list of {}", values.len());
                let expected = format!("{points} values, one for each step");
                return Err(ImpossibleNumber { key: format!("curve.{key}"), found, expected });
            }
            for (at, value) in values.iter().enumerate() {
                if let Some(value) = value {
                    real(&format!("curve.{key}.{at}"), *value, &range(key))?;
                }
            }
        }
        Ok(())
    }
}

/// The range of possible numbers of a metric, by the ending of its name.
fn range(key: &str) -> RangeInclusive<f64> {
    let ends = |endings: &[&str]| endings.iter().any(|ending| key.ends_with(ending));
    if ends(&["accuracy", "precision", "recall", "auc", "f1", "rate"]) {
        0.0..=1.0
    } else if ends(&["perplexity"]) {
        1.0..=f64::MAX
    } else if ends(&["loss", "loss_over_entropy", "loss_per_byte"]) {
        0.0..=MAX_LOSS
    } else {
        -MAX_LOSS..=MAX_LOSS
    }
}

fn real(key: &str, found: f64, range: &RangeInclusive<f64>) -> Result<(), ImpossibleNumber> {
    if range.contains(&found) {
        return Ok(());
    }
    let expected = format!("a number from {:?} to {:?}", range.start(), range.end());
    Err(ImpossibleNumber { key: key.to_owned(), found: format!("{found:?}"), expected })
}

fn whole(key: &str, found: u64, range: RangeInclusive<u64>) -> Result<(), ImpossibleNumber> {
    if range.contains(&found) {
        return Ok(());
    }
    let expected = match range.is_empty() {
        true => format!("no step behind {}", range.start().saturating_sub(1)),
        false => format!("{} to {}", range.start(), range.end()),
    };
    Err(ImpossibleNumber { key: key.to_owned(), found: found.to_string(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ProbeScore;
    use crate::record::tests::{judged, result};

    fn refused(change: impl FnOnce(&mut ResultRecord)) -> String {
        let mut record = result("a", 1, 0.5);
        record.check().unwrap();
        change(&mut record);
        record.check().unwrap_err().to_string()
    }

    fn common(change: impl FnOnce(&mut DetectionScores)) -> Option<CommonCorruptionScores> {
        let mut judged = judged("x", 0.5);
        change(&mut judged);
        Some(CommonCorruptionScores { base: None, unigram: Some(judged) })
    }

    fn probe(scores: &[(u64, f64, Option<f64>)]) -> Option<ProbeScores> {
        let score = |&(seed, dev_f1, test_f1): &(u64, f64, Option<f64>)| ProbeScore { seed, dev_f1, test_f1 };
        Some(ProbeScores { hash: "x".into(), recipe: None, scores: scores.iter().map(score).collect() })
    }

    #[test]
    fn numbers_that_no_run_comes_to_are_refused_by_their_key() {
        let set = |key: &'static str, value: f64| {
            move |record: &mut ResultRecord| {
                record.heldout.insert(key.into(), value);
            }
        };
        for (error, expected) in [
            (
                refused(set("rtd_accuracy", 313.0)),
                "`heldout.rtd_accuracy` is 313.0, expected a number from 0.0 to 1.0",
            ),
            (refused(set("rtd_auc", f64::NAN)), "`heldout.rtd_auc` is NaN"),
            (refused(set("mlm_loss", -0.5)), "`heldout.mlm_loss` is -0.5, expected a number from 0.0 to"),
            (
                refused(set("mlm_loss_per_byte", -0.5)),
                "`heldout.mlm_loss_per_byte` is -0.5, expected a number from 0.0",
            ),
            (
                refused(|r| r.common = common(|j| j.auc = Some(1.5))),
                "`common.unigram.auc` is 1.5, expected a number",
            ),
            (refused(|r| r.common = common(|j| j.loss = Some(-1.0))), "`common.unigram.loss` is -1.0"),
            (refused(|r| r.common = common(|j| j.rows = 0)), "`common.unigram.rows` is 0, expected 1 to"),
            (
                refused(|r| r.tokenizer = Some(TokenizerIdentity { hash: "x".into(), vocab_size: 0 })),
                "`tokenizer.vocab_size` is 0",
            ),
            (refused(set("loss", f64::INFINITY)), "`heldout.loss` is inf"),
            (refused(set("rtd_loss_over_entropy", -1.0)), "`heldout.rtd_loss_over_entropy` is -1.0"),
            (refused(set("perplexity", -3.0)), "`heldout.perplexity` is -3.0, expected a number from 1.0"),
            (refused(set("fake_rate", 1.5)), "`heldout.fake_rate` is 1.5"),
            (refused(set("something", 1e300)), "`heldout.something` is 1e300"),
            (refused(|r| r.arm = "\x1b[2J".into()), r#"`arm` is "\u{1b}[2J", expected letters, digits and"#),
            (refused(|r| r.arm = "../a".into()), "`arm` is \"../a\", expected"),
            (refused(|r| r.arm = String::new()), "`arm` is \"\", expected"),
            (refused(|r| r.data = Some("a\nb".into())), "`data` is \"a\\nb\", expected letters, digits and"),
            (
                refused(|r| r.tokenizer = Some(TokenizerIdentity { hash: "<b>".into(), vocab_size: 5 })),
                "`tokenizer.hash` is \"<b>\"",
            ),
            (
                refused(|r| r.tokenizer = Some(TokenizerIdentity { hash: "b".into(), vocab_size: 0 })),
                "`tokenizer.vocab_size` is 0",
            ),
            (
                refused(|r| drop(r.quantities.insert("x".into(), "<b>".into()))),
                "`quantities.x` is \"<b>\", expected a number or",
            ),
            (refused(|r| r.code = CodeVersions::new([("<b>", 2)])), "`code` is \"<b>\", expected letters"),
            (refused(|r| r.steps = 0), "`steps` is 0, expected 1 to"),
            (refused(|r| r.tokens = u64::MAX), "`tokens` is 18446744073709551615"),
            (refused(|r| r.flops = -1.0), "`flops` is -1.0"),
            (refused(|r| r.seconds = 1e300), "`seconds` is 1e300"),
            (
                refused(|r| r.parameters.total = 5),
                "`parameters.total` is 5, expected the sum of 1000 and 100",
            ),
            (refused(|r| r.parameters.generator = u64::MAX), "`parameters.total` is 1100"),
            (refused(|r| r.probe = probe(&[(1, 0.5, Some(2.0))])), "`probe.scores.0.test_f1` is 2.0"),
            (
                refused(|r| r.probe = probe(&[(1, 0.5, None), (2, -0.5, None)])),
                "`probe.scores.1.dev_f1` is -0.5",
            ),
            (
                refused(|r| r.probe = probe(&[(1, 0.5, None), (1, 0.5, None)])),
                "`probe.scores.1.seed` is 1, expected each",
            ),
        ] {
            assert!(error.starts_with(expected), "{error} does not begin with {expected}");
        }
    }

    #[test]
    fn curves_that_are_none_are_refused_by_their_key() {
        let column = |values: Vec<Option<f64>>| {
            move |record: &mut ResultRecord| drop(record.curve.columns.insert("loss".into(), values))
        };
        for (error, expected) in [
            (
                refused(column(vec![Some(1.0)])),
                "`curve.loss` is a list of 1, expected 2 values, one for each step",
            ),
            (refused(column(vec![None, Some(-1.0)])), "`curve.loss.1` is -1.0"),
            (refused(|r| r.curve.step = vec![20, 10]), "`curve.step.1` is 10, expected no step behind 20"),
            (refused(|r| r.curve.step = vec![10, 10]), "`curve.step.1` is 10, expected 11 to 20"),
            (refused(|r| r.curve.step = vec![10, 21]), "`curve.step.1` is 21, expected 11 to 20"),
            (refused(|r| r.curve.step = (0..51).collect()), "`curve.step` is a list of 51, expected 0 to 50"),
        ] {
            assert!(error.starts_with(expected), "{error} does not begin with {expected}");
        }
    }
}
