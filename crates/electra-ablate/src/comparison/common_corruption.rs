//! Which arms were judged on the same corrupted text.

use super::arm::ArmSummary;
use crate::record::ResultRecord;

/// Seeds of which two results were judged on unlike corruptions of one kind.
pub(super) fn unlike_corruptions(results: &[ResultRecord]) -> Vec<u64> {
    let hashes = |result: &ResultRecord| {
        let common = result.common.clone().unwrap_or_default();
        [common.base, common.unigram].map(|judged| judged.map(|judged| judged.corruption))
    };
    let are_unlike = |a: &ResultRecord, b: &ResultRecord| {
        let pairs = hashes(a).into_iter().zip(hashes(b));
        a.seed == b.seed && pairs.into_iter().any(|(a, b)| a.is_some() && b.is_some() && a != b)
    };
    let mut seeds: Vec<u64> = Vec::new();
    for (at, result) in results.iter().enumerate() {
        if results[..at].iter().any(|other| are_unlike(other, result)) {
            seeds.push(result.seed);
        }
    }
    seeds.sort_unstable();
    seeds.dedup();
    seeds
}

/// Arms none of whose runs was judged, where some run was.
pub(super) fn not_judged(arms: &[ArmSummary], results: &[ResultRecord]) -> Vec<String> {
    let is_judged = |arm: &str| results.iter().any(|result| result.arm == arm && result.common.is_some());
    let names = arms.iter().map(|arm| arm.name.clone());
    let (judged, others): (Vec<String>, Vec<String>) = names.partition(|name| is_judged(name));
    if judged.is_empty() { Vec::new() } else { others }
}

/// Arms of which a run was judged on samples of the generator that was trained with it.
pub(super) fn judged_on_own_generator(arms: &[ArmSummary], results: &[ResultRecord]) -> Vec<String> {
    let is_own = |result: &ResultRecord| {
        let judged = result.common.as_ref().and_then(|common| common.base.as_ref());
        judged.and_then(|judged| judged.run.as_ref()) == Some(&result.hash)
    };
    let names = arms.iter().map(|arm| arm.name.clone());
    names.filter(|name| results.iter().any(|result| result.arm == *name && is_own(result))).collect()
}

#[cfg(test)]
mod tests {
    use crate::comparison::Comparison;
    use crate::comparison::tests::subject;
    use crate::metric::Metric;
    use crate::metric::tests::metric;
    use crate::record::tests::{judged, result, with as with_provenance};
    use crate::record::{CommonCorruptionScores, DetectionScores, ResultRecord, TokenizerIdentity};
    use crate::table::{json, notes};

    #[test]
    fn costs_of_tokens_of_other_vocabularies_are_no_columns() {
        let with = |arm: &str, hash: &str| {
            let tokenizer = TokenizerIdentity { hash: hash.into(), vocab_size: 600 };
            let mut record = with_provenance(result(arm, 1, 0.5), |run| run.tokenizer = Some(tokenizer));
            record.heldout.insert("mlm_loss_per_byte".into(), 1.5);
            record
        };
        let measured =
            |hash: &str| Comparison::new(subject(&["a", "b"]), &[with("a", "x"), with("b", hash)]).measured();
        assert_eq!(measured("x"), [metric("rtd-auc"), metric("mlm-loss-per-byte"), metric("loss")]);
        assert_eq!(measured("y"), [metric("rtd-auc"), metric("mlm-loss-per-byte")]);
    }

    #[test]
    fn figures_of_unlike_corruptions_and_arms_without_any_are_told() {
        let with = |arm: &str, seed, corruption: &str| {
            let common = CommonCorruptionScores { base: Some(judged(corruption, 0.75)), unigram: None };
            ResultRecord { common: Some(common), ..result(arm, seed, 0.5) }
        };
        let all =
            [with("a", 1, "x"), with("b", 1, "x"), with("a", 2, "y"), with("b", 2, "z"), result("c", 1, 0.5)];
        let comparison = Comparison::new(subject(&["a", "b", "c"]), &all);
        assert_eq!(comparison.unlike_corruptions, [2], "seeds have samples of their own");
        assert_eq!(comparison.not_judged, ["c"]);
        assert_eq!(comparison.arms[0].metrics[&Metric::COMMON_AUC].mean, 0.75);
        assert!(comparison.judged_on_own_generator.is_empty(), "nothing says whose samples they are");
        let none = Comparison::new(subject(&["a", "c"]), &[result("a", 1, 0.5), result("c", 1, 0.5)]);
        assert!(none.not_judged.is_empty() && none.unlike_corruptions.is_empty());
    }

    #[test]
    fn the_arm_that_was_trained_beside_the_generator_that_judges_is_named() {
        let with = |arm: &str| {
            let base = DetectionScores { run: Some(result("a", 1, 0.5).run.hash), ..judged("x", 0.75) };
            let common = CommonCorruptionScores { base: Some(base), unigram: None };
            ResultRecord { common: Some(common), ..result(arm, 1, 0.5) }
        };
        let comparison = Comparison::new(subject(&["a", "b"]), &[with("a"), with("b")]);
        assert_eq!(comparison.judged_on_own_generator, ["a"]);
        let said = "a was trained beside that generator and knows its samples, the others do not";
        assert!(notes(&comparison).join(" ").contains(said), "{:?}", notes(&comparison));
        let json: serde_json::Value = serde_json::from_str(&json(&comparison)).unwrap();
        assert_eq!(json["judged_on_own_generator"], serde_json::json!(["a"]));
    }
}
