//! Which arms were judged on the same corrupted text.

use super::ArmSummary;
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

#[cfg(test)]
mod tests {
    use crate::comparison::Comparison;
    use crate::comparison::tests::subject;
    use crate::metric::Metric;
    use crate::metric::tests::metric;
    use crate::record::tests::{judged, result};
    use crate::record::{CommonScores, ResultRecord, TokenizerIdentity};

    #[test]
    fn costs_of_tokens_of_other_vocabularies_are_no_columns() {
        let with = |arm: &str, hash: &str| {
            let tokenizer = TokenizerIdentity { hash: hash.into(), vocab_size: 600 };
            let mut record = ResultRecord { tokenizer: Some(tokenizer), ..result(arm, 1, 0.5) };
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
            let common = CommonScores { base: Some(judged(corruption, 0.75)), unigram: None };
            ResultRecord { common: Some(common), ..result(arm, seed, 0.5) }
        };
        let all =
            [with("a", 1, "x"), with("b", 1, "x"), with("a", 2, "y"), with("b", 2, "z"), result("c", 1, 0.5)];
        let comparison = Comparison::new(subject(&["a", "b", "c"]), &all);
        assert_eq!(comparison.unlike_corruptions, [2], "seeds have samples of their own");
        assert_eq!(comparison.not_judged, ["c"]);
        assert_eq!(comparison.arms[0].metrics[&Metric::COMMON_AUC].mean, 0.75);
        let none = Comparison::new(subject(&["a", "c"]), &[result("a", 1, 0.5), result("c", 1, 0.5)]);
        assert!(none.not_judged.is_empty() && none.unlike_corruptions.is_empty());
    }
}
