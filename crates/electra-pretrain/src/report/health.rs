//! The health check of a run: the signature that published runs have in common.

use serde::Serialize;

use super::history::History;
use crate::metrics::{COLLAPSE_RATIO, COLLAPSE_RECALL, LOW_AUC, PLATEAU, majority_class};

/// The judgement at the top of the page.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Verdict {
    /// "good", "bad" or "open".
    pub(super) tone: &'static str,
    pub(super) title: &'static str,
    pub(super) text: String,
    pub(super) checks: Vec<Check>,
}

/// One criterion of the check.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Check {
    pub(super) is_met: bool,
    pub(super) name: &'static str,
    /// The value that was found.
    pub(super) value: String,
    /// The value that is expected.
    pub(super) limit: &'static str,
    /// The reason why the criterion matters.
    pub(super) reason: &'static str,
}

/// The verdict; with `is_of_all_tokens` the loss is that of a generator and 50 times that of a detector of
/// replaced tokens among all, as it was in the runs that [`PLATEAU`] was read from.
pub(super) fn verdict(history: &History, is_of_all_tokens: bool) -> Verdict {
    if history.records.last().is_some_and(|last| last.fields.get("reason").is_some_and(|r| r == "diverged")) {
        let text = format!("Training was stopped at step {}: see the events.", history.last_step());
        return Verdict { tone: "bad", title: "Diverged", text, checks: Vec::new() };
    }
    if history.train.last().is_some_and(|last| last.number("loss").is_none()) {
        let text = format!("The training loss at step {} is not a number.", history.last_step());
        return Verdict { tone: "bad", title: "Diverged", text, checks: Vec::new() };
    }
    let Some(last) = history.eval.last() else {
        let text = "There is no held-out evaluation yet, and only that can tell.".to_owned();
        return Verdict { tone: "open", title: "Not evaluated yet", text, checks: Vec::new() };
    };

    let mut checks = Vec::new();
    let mut check = |name, value: Option<f64>, digits: usize, is_met: fn(f64) -> bool, limit, reason| {
        if let Some(value) = value {
            checks.push(Check {
                is_met: is_met(value),
                name,
                value: format!("{value:.digits$}"),
                limit,
                reason,
            });
        }
    };
    let total = last.number("mlm_loss").zip(last.number("rtd_loss")).map(|(mlm, rtd)| mlm + 50.0 * rtd);
    check(
        "Off the majority-class plateau",
        total.filter(|_| is_of_all_tokens),
        2,
        |total| total < PLATEAU,
        "below 24",
        "generator loss + 50 × discriminator loss; saying \u{201c}original\u{201d} everywhere costs about 27",
    );
    check(
        "Ranks replaced above original",
        last.number("rtd_auc"),
        3,
        |auc| auc > LOW_AUC,
        "above 0.8",
        "area under the ROC curve; 0.5 is chance",
    );
    check(
        "Beats knowing the fake rate",
        last.number("rtd_loss_over_entropy"),
        3,
        |ratio| ratio < COLLAPSE_RATIO,
        "below 0.98",
        "discriminator loss / H(q); 1 is what a constant answer costs",
    );
    check(
        "Finds replaced tokens",
        last.number("rtd_recall"),
        3,
        |recall| recall >= COLLAPSE_RECALL,
        "0.05 or more",
        "recall at a probability of one half",
    );

    let is_collapsed = last.fields.get("collapsed").and_then(serde_json::Value::as_bool) == Some(true);
    let failed = checks.iter().filter(|check| !check.is_met).count();
    let (tone, title, text) = match (is_collapsed, failed, checks.len()) {
        (true, ..) => (
            "bad",
            "Says the majority class",
            format!(
                "The discriminator {}. A run that is too short to have begun looks the same: if the curves still \
                 fall, give it more steps.",
                majority_class(last.number("rtd_recall"), last.number("rtd_loss_over_entropy"))
            ),
        ),
        (false, _, 0) if last.number("loss").is_some() => (
            "open",
            "No verdict",
            "The signs of a healthy run are those of a detector, which this objective does not train."
                .to_owned(),
        ),
        (false, _, 0) => {
            ("open", "Not evaluated yet", "The held-out evaluation has no usable numbers.".to_owned())
        }
        (false, 0, _) => {
            ("good", "Healthy", "It shows every sign that published runs have in common.".to_owned())
        }
        (false, failed, all) => (
            "open",
            "Not healthy yet",
            format!(
                "{} of {all} signs of a healthy run are there; early in training that is normal.",
                all - failed
            ),
        ),
    };
    let text = format!("{text} Held-out data at step {}.", electra_run::record::thousands(last.step));
    Verdict { tone, title, text, checks }
}
