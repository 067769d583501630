//! The check of what a recipe changes over the course of a run, and of the optimizers and averages that it adds.

use electra_optim::MuonConfigError;
use electra_run::recipe::{RecipeError, Resolved};

use crate::mask_rate::MaskRate;
use crate::recipe::Recipe;

/// Rates that a run may have one after another.
const MAX_RATES: usize = 16;
/// Factor on a learning rate.
const MAX_FACTOR: f64 = 1e6;

/// Refuses values that cannot be meant.
pub(super) fn check(resolved: &Resolved<Recipe>) -> Result<(), RecipeError> {
    let r = &resolved.value;
    resolved.within("schedule.generator_factor", r.schedule.generator_factor, 0.0..=MAX_FACTOR)?;
    if let Some(Err(MuonConfigError { name, found, expected })) = r.optimizer.muon.map(|muon| muon.check()) {
        let key = format!("optimizer.muon.{name}");
        return Err(resolved.error_at(&key, format!("`{key}` is {found}"), format!("expected {expected}")));
    }
    if let Some(average) = r.average {
        if !(0.0..1.0).contains(&average.decay) {
            let message = format!("`average.decay` is {}", average.decay);
            let help = "expected a number of at least 0 and below 1, such as 0.999";
            return Err(resolved.error_at("average.decay", message, help));
        }
        resolved.within("average.start_step", average.start_step, 1..=r.train.steps)?;
    }
    check_mask_rate(resolved)
}

fn check_mask_rate(resolved: &Resolved<Recipe>) -> Result<(), RecipeError> {
    let r = &resolved.value;
    let MaskRate::Piecewise { probabilities, ends } = &r.mask_rate else { return Ok(()) };
    let fail = |key: &str, message: String, help: &str| Err(resolved.error_at(key, message, help));
    if !(2..=MAX_RATES).contains(&probabilities.len()) {
        let message = format!("`mask_rate.probabilities` has {} rates", probabilities.len());
        return fail(
            "mask_rate.probabilities",
            message,
            &format!("expected 2 to {MAX_RATES}, such as [0.3, 0.15]"),
        );
    }
    for (i, &p) in probabilities.iter().enumerate() {
        if !(p > 0.0 && p < 1.0) {
            let message = format!("`mask_rate.probabilities` has {p}");
            let help = "expected shares above 0 and below 1, such as 0.15";
            return fail(&format!("mask_rate.probabilities.{i}"), message, help);
        }
    }
    if ends.len() + 1 != probabilities.len() {
        let message = format!("`mask_rate.ends` has {} ends for {} rates", ends.len(), probabilities.len());
        let help = "expected one fewer than rates: the last ends with the run";
        return fail("mask_rate.ends", message, help);
    }
    for (i, &end) in ends.iter().enumerate() {
        let before = if i == 0 { 0.0 } else { ends[i - 1] };
        if !(end > before && end < 1.0) {
            let message = format!("`mask_rate.ends` has {end} after {before}");
            let help = "expected shares of the steps in ascending order, above 0 and below 1";
            return fail(&format!("mask_rate.ends.{i}"), message, help);
        }
    }
    let firsts = r.mask_rate.firsts(r.train.steps);
    if firsts.iter().zip(firsts[1..].iter().chain([&r.train.steps])).any(|(first, end)| first >= end) {
        let message = format!(
            "`mask_rate.ends` leaves a rate without steps: rates begin after {firsts:?} of {}",
            r.train.steps
        );
        return fail("mask_rate.ends", message, "spread the ends, or raise train.steps");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use electra_run::recipe::load_str;

    use super::*;
    use crate::recipe::check;

    const SMALL: &str = include_str!("../../../configs/small.toml");

    fn checked(overrides: &[&str]) -> Result<Recipe, RecipeError> {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let resolved = load_str("small.toml", SMALL, &overrides)?;
        check(&resolved).map(|()| resolved.value)
    }

    const MUON: &str = r#"optimizer.muon={rate_factor=1.0,adjust_rate="original",momentum=0.95,nesterov=true,weight_decay=0.1}"#;

    #[test]
    fn what_is_in_order_is_accepted_and_what_is_absent_leaves_the_recipe_as_it_was() {
        let plain = load_str::<Recipe>("small.toml", SMALL, &[]).unwrap();
        for absent in ["schedule.generator_factor=1.0", "mask_rate.kind=constant"] {
            let same = load_str::<Recipe>("small.toml", SMALL, &[absent.to_owned()]).unwrap();
            assert_eq!((&same.hash, &same.text), (&plain.hash, &plain.text), "{absent}");
        }
        for set in [
            MUON,
            "average={decay=0.999,start_step=1}",
            "mask_rate={kind=\"piecewise\",probabilities=[0.3,0.15,0.05],ends=[0.6,0.9]}",
            "schedule.generator_factor=0.5",
            "schedule.decay={kind=\"warmup-stable-decay\",share=0.2,form=\"1-sqrt\"}",
            "scheme={kind=\"generator-warmup\",generator_steps=1000}",
        ] {
            checked(&[set]).unwrap_or_else(|error| panic!("{set}: {error}"));
            let changed = load_str::<Recipe>("small.toml", SMALL, &[set.to_owned()]).unwrap();
            assert_ne!(changed.hash, plain.hash, "{set}");
            let again = load_str::<Recipe>("recipe.toml", &changed.text, &[]).unwrap();
            assert_eq!((again.hash, again.value), (changed.hash, changed.value), "{set}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_at_its_key() {
        let piecewise = |rest: &str| format!("mask_rate={{kind=\"piecewise\",{rest}}}");
        let decay = |share: &str| {
            format!("schedule.decay={{kind=\"warmup-stable-decay\",share={share},form=\"linear\"}}")
        };
        for (set, said) in [
            (&*decay("0"), "share of the decay is 0"),
            (&decay("1.5"), "share of the decay is 1.5"),
            (&decay("0.995"), "the decay begins after 5000 of 1000000 steps, and warmup ends after 10000"),
            ("schedule.generator_factor=-1.0", "`schedule.generator_factor` is -1"),
            ("schedule.generator_factor=nan", "`schedule.generator_factor` is NaN"),
            ("average={decay=1.0,start_step=1}", "`average.decay` is 1"),
            ("average={decay=0.9,start_step=0}", "`average.start_step` is 0"),
            ("average={decay=0.9,start_step=1000001}", "`average.start_step` is 1000001"),
            ("scheme={kind=\"generator-warmup\",generator_steps=0}", "`scheme.generator_steps` is 0"),
            (
                "scheme={kind=\"generator-warmup\",generator_steps=1000000}",
                "`scheme.generator_steps` is 1000000",
            ),
            (&piecewise("probabilities=[0.3],ends=[]"), "`mask_rate.probabilities` has 1 rates"),
            (&piecewise("probabilities=[0.3,1.0],ends=[0.5]"), "`mask_rate.probabilities` has 1"),
            (&piecewise("probabilities=[0.3,0.1],ends=[]"), "`mask_rate.ends` has 0 ends for 2 rates"),
            (&piecewise("probabilities=[0.3,0.1],ends=[1.0]"), "`mask_rate.ends` has 1 after 0"),
            (&piecewise("probabilities=[0.3,0.1,0.2],ends=[0.5,0.5]"), "`mask_rate.ends` has 0.5 after 0.5"),
            (
                &piecewise("probabilities=[0.3,0.1],ends=[1e-9]"),
                "`mask_rate.ends` leaves a rate without steps",
            ),
            (&MUON.replace("0.95", "1.0"), "`optimizer.muon.momentum` is 1"),
            (&MUON.replace("weight_decay=0.1", "weight_decay=-1.0"), "`optimizer.muon.weight_decay` is -1"),
            (&MUON.replace("rate_factor=1.0", "rate_factor=nan"), "`optimizer.muon.rate_factor` is NaN"),
        ] {
            let error = checked(&[set]).expect_err(set);
            assert!(error.message.starts_with(said), "{set}: {}", error.message);
            assert!(error.help.is_some() && error.source_text.is_some(), "{set}: {error:?}");
        }
        let warmup = "scheme={kind=\"generator-warmup\",generator_steps=10}";
        let error = checked(&[warmup, "objective.proposals=unigram"]).unwrap_err();
        assert!(error.message.starts_with("`scheme.kind` needs a generator that learns"), "{error}");
    }
}
