//! Which recipes can be trained: every number within bounds, and none that contradicts another.
//!
//! The greatest of each is far above what anybody trains, and so small that no sum or product of a run
//! leaves 64 bits.

mod course;
mod data;
mod scheme;

use electra_model::{Objective, TieMode};
use electra_optim::Decay;
use electra_run::recipe::{RecipeError, Resolved};

use super::Recipe;
use crate::mask::Masking;
use crate::scheme::Scheme;

/// Optimizer steps of a run.
const MAX_STEPS: u64 = 1_000_000_000;
/// Rows of a step.
const MAX_ROWS: usize = 1 << 20;
/// Tokens of a run.
const MAX_TOKENS: u128 = 1_000_000_000_000_000_000;
/// Steps between two things that are done now and then, and examples of an evaluation.
const MAX_COUNT: u64 = 1_000_000_000_000;
/// Checkpoints that are kept.
const MAX_KEPT: u64 = 1_000_000;
/// Tokens of a masked span.
const MAX_LENGTH: usize = 1 << 16;
/// Weights of losses, and the temperature.
const MAX_WEIGHT: f64 = 1e6;
/// The exponent of a decay.
const MAX_POWER: f64 = 1e3;
/// Rates and norms: what 32 bits can hold, and the square root of more.
const MAX_FLOAT: f64 = 1e30;

/// Refuses values that contradict each other, pointing at the offending text.
///
/// # Errors
/// The first contradiction.
pub fn check(resolved: &Resolved<Recipe>) -> Result<(), RecipeError> {
    let r = &resolved.value;
    let fail = |key: &str, message: String, help: &str| Err(resolved.error_at(key, message, help));
    // The rest of a sentence about the key.
    let fail_of_key = |key: &str, rest: &str, help: &str| fail(key, format!("`{key}` {rest}"), help);
    if let Err(error) = r.model.validate() {
        let help = match r.model.generator.tie {
            _ if error.key.ends_with("position_distances") => {
                "give tokens before or after, such as [-1] or [-1, 1], no more than a network has heads"
            }
            TieMode::All => {
                "sizes of the generator are the discriminator's where all is tied: leave them out, or set width and depth to 1"
            }
            _ if error.key.ends_with("num_attention_heads") => {
                "heads share the width of their network in equal parts: fewer heads are wider"
            }
            _ => "configs/pretrain/small.toml has the paper's sizes",
        };
        return fail_of_key(&format!("model.{}", error.key), &error.message, help);
    }
    if r.name.is_empty() || r.name.contains(['/', '\\']) || r.name.starts_with('.') {
        return fail("name", format!("`{}` cannot name a folder", r.name), "use letters, digits and dashes");
    }
    data::check(resolved)?;
    let (length, positions) = (r.data.sequence_length, r.model.max_position_embeddings);
    if length < 8 {
        return fail(
            "data.sequence_length",
            format!("rows of {length} tokens"),
            "8 is the least, 128 is usual",
        );
    }
    if length > positions {
        return fail(
            "data.sequence_length",
            format!("rows of {length} tokens do not fit a position table of {positions} rows"),
            "lower data.sequence_length, or raise model.max_position_embeddings",
        );
    }
    let p = r.masking.probability();
    if !(p > 0.0 && p < 1.0) {
        return fail_of_key(
            "masking.probability",
            &format!("is {p}"),
            "expected a share above 0 and below 1, such as 0.15",
        );
    }
    if let Masking::Google { mask_token_share, .. } = r.masking
        && !(0.0..=1.0).contains(&mask_token_share)
    {
        return fail_of_key(
            "masking.mask_token_share",
            &format!("is {mask_token_share}"),
            "expected a share from 0 to 1",
        );
    }
    if let Masking::Span { end_probability, max_length, .. } = r.masking {
        if !(end_probability > 0.0 && end_probability <= 1.0) {
            return fail_of_key(
                "masking.end_probability",
                &format!("is {end_probability}"),
                "expected a number above 0 and at most 1, such as 0.2",
            );
        }
        resolved.within("masking.max_length", max_length, 1..=MAX_LENGTH)?;
    }
    if let Some(joint) = r.objective.joint() {
        for (key, weight) in [
            ("generator_weight", joint.generator_weight),
            ("discriminator_weight", joint.discriminator_weight),
        ] {
            resolved.within(&format!("objective.{key}"), weight, 0.0..=MAX_WEIGHT)?;
        }
        if let Objective::Electric(_) = r.objective {
            if !joint.proposals.is_learned() {
                let message = "is not \"learned\", but Electric has a generator of its own";
                return fail_of_key("objective.proposals", message, "remove the key");
            }
            if joint.disallow_correct {
                let message = "draws from another distribution than the one that Electric weighs noise by";
                return fail_of_key("objective.disallow_correct", message, "set it to false");
            }
            if r.model.generator.tie == TieMode::All {
                let message =
                    "shares an encoder that reads in both directions, but Electric needs two towers";
                return fail_of_key("model.generator.tie", message, "use \"embeddings\" or \"none\"");
            }
        }
        let weighs_samples = if let Objective::Electric(_) = r.objective { "Electric" } else { "a reward" };
        let needs_samples =
            matches!(r.objective, Objective::Electric(_)) || r.scheme == Scheme::Adversarial {};
        if needs_samples && matches!(r.masking, Masking::Google { .. }) {
            let message = format!(
                "is \"google\", which may draw two samples for one token, but {weighs_samples} weighs each alone"
            );
            return fail_of_key("masking.kind", &message, "use \"without-replacement\"");
        }
        resolved.above("objective.temperature", joint.temperature, 0.0, MAX_WEIGHT)?;
    }
    if let Err(error) = r.adam().check() {
        return fail(
            &format!("optimizer.{}", error.name),
            error.to_string(),
            "see configs/pretrain/small.toml",
        );
    }
    resolved.above("optimizer.max_grad_norm", r.optimizer.max_grad_norm, 0.0, MAX_FLOAT)?;
    if r.train.steps > 0 {
        resolved.within("train.steps", r.train.steps, 1..=MAX_STEPS)?;
    }
    if let Some((key, message, help)) = scheme::contradiction(r) {
        return fail_of_key(key, &message, help);
    }
    for (_, steps) in r.scheme.courses(r.train.steps) {
        let Err(error) = r.schedule(steps).check() else { continue };
        use electra_optim::ScheduleError as E;
        let (key, help) = match error {
            E::Peak { .. } => ("schedule.learning_rate", "expected a rate above 0, such as 5e-4"),
            E::NoSteps => ("train.steps", "expected at least 1 step"),
            E::Warmup { warmup_steps, total_steps } => {
                let key = "schedule.warmup_steps";
                let (whose, longer) = match total_steps == r.train.steps {
                    true => ("the run has", "train.steps"),
                    false => ("a stage of the run has", "the steps of the stage"),
                };
                let message = format!(
                    "`{key}` is {warmup_steps}, and {whose} {total_steps} steps: warmup would not end"
                );
                let help = format!(
                    "set {key} below {total_steps}, such as {}, or {longer} above {warmup_steps}",
                    total_steps / 10
                );
                return fail(key, message, &help);
            }
            E::Power { .. } => ("schedule.decay.power", "expected a power above 0; 1 is linear"),
            E::Share { .. } => ("schedule.decay.share", "expected a share of the steps, such as 0.1"),
            E::Cooldown { .. } => {
                ("schedule.decay.share", "use a smaller share, or lower schedule.warmup_steps")
            }
        };
        return fail(key, error.to_string(), help);
    }
    resolved.within("schedule.learning_rate", r.schedule.learning_rate, 0.0..=MAX_FLOAT)?;
    if let Decay::Polynomial { power } = r.schedule.decay {
        resolved.within("schedule.decay.power", power, 0.0..=MAX_POWER)?;
    }
    course::check(resolved)?;
    let batch = r.train.batch_size;
    resolved.within("train.batch_size", batch, 1..=MAX_ROWS)?;
    // Not before: where they are left to the program, it goes through the divisors of the batch.
    let micro = r.micro_batch_size();
    if micro == 0 || !batch.is_multiple_of(micro) {
        return fail(
            "train.micro_batch_size",
            format!("train.micro_batch_size {micro} does not divide train.batch_size {batch}"),
            "use a divisor of the batch size",
        );
    }
    for (key, rate) in [("dropout", r.train.dropout), ("attention_dropout", r.attention_dropout())] {
        if !(0.0..1.0).contains(&rate) {
            return fail_of_key(
                &format!("train.{key}"),
                &format!("is {rate}"),
                "expected a rate of at least 0 and below 1",
            );
        }
    }
    // A product of three bounds that does not leave 128 bits, and then not 64.
    let tokens = u128::from(r.train.steps) * batch as u128 * length as u128;
    if tokens > MAX_TOKENS {
        let message =
            format!("{} steps of {batch} rows of {length} tokens are {tokens} tokens", r.train.steps);
        return fail("train.steps", message, &format!("expected {MAX_TOKENS} at most"));
    }
    for (key, value, most) in [
        ("evaluate.every_steps", r.evaluate.every_steps, MAX_COUNT),
        ("evaluate.max_examples", r.evaluate.max_examples as u64, MAX_COUNT),
        ("checkpoint.every_steps", r.checkpoint.every_steps, MAX_COUNT),
        ("checkpoint.keep_last", r.checkpoint.keep_last as u64, MAX_KEPT),
        ("log.every_steps", r.log.every_steps, MAX_COUNT),
        ("log.histogram_every_steps", r.log.histogram_every_steps, MAX_COUNT),
    ] {
        resolved.within(key, value, 1..=most)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use electra_run::recipe::load_str;

    use super::*;

    const SMALL: &str = include_str!("../../configs/small.toml");

    fn checked(overrides: &[String]) -> Result<(), RecipeError> {
        check(&load_str("small.toml", SMALL, overrides)?)
    }

    /// The numbers of [`SMALL`] by their dotted keys, and whether they are whole.
    fn numbers() -> Vec<(String, bool)> {
        let (mut table, mut found) = (String::new(), Vec::new());
        for line in SMALL.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                table = format!("{name}.");
            } else if let Some((key, value)) = line.split_once(" = ") {
                let key = format!("{table}{key}");
                match value.starts_with('{') {
                    true => found.push((format!("{key}.power"), false)),
                    false if value.parse::<u64>().is_ok() => found.push((key, true)),
                    false if value.parse::<f64>().is_ok() => found.push((key, false)),
                    false => {}
                }
            }
        }
        found.retain(|(key, _)| !["recipe_version", "seed"].contains(&key.as_str()));
        assert!(found.len() > 30, "{found:?}");
        found
    }

    #[test]
    fn every_number_of_a_recipe_has_bounds_and_an_error_that_names_it() {
        for (key, is_whole) in numbers() {
            let values = match is_whole {
                true => ["0", "-1", "9223372036854775807"],
                false => ["-1.0", "nan", "1e300"],
            };
            for value in values {
                // A schedule may have no warmup.
                if (key.as_str(), value) == ("schedule.warmup_steps", "0") {
                    continue;
                }
                let error = checked(&[format!("{key}={value}")]).expect_err(&format!("{key} = {value}"));
                let said = format!("{} {}", error.message, error.help.clone().unwrap_or_default());
                let name = key.rsplit('.').next().unwrap();
                let where_it_stands = error.source_text.as_deref().unwrap_or_default();
                assert!(said.contains(name) || where_it_stands.contains(name), "{key} = {value}: {said}");
                // What is of another type says what it must be in the message.
                assert!(error.help.is_some() || said.contains("must be"), "{key} = {value}: {said}");
            }
        }
        assert_eq!(checked(&[]), Ok(()));
    }

    #[test]
    fn start_values_that_the_networks_have_no_heads_for_are_refused_where_the_recipe_says_them() {
        let of = |settings: &[&str]| {
            let adjacent = "model.position_start=adjacent".to_owned();
            let settings = settings.iter().map(ToString::to_string);
            load_str("small.toml", SMALL, &std::iter::once(adjacent).chain(settings).collect::<Vec<_>>())
        };
        let resolved = of(&[]).unwrap();
        assert_eq!(check(&resolved), Ok(()));
        assert!(!resolved.text.contains("position_distances"), "{}", resolved.text);
        let given =
            of(&["model.generator.position_distances=[1]", "model.position_distances=[-1, 1]"]).unwrap();
        assert_eq!(check(&given), Ok(()));
        assert_ne!(given.hash, resolved.hash);
        // The generator has one head.
        let error = check(&of(&["model.position_distances=[-1, 1]"]).unwrap()).unwrap_err();
        let expected = "`model.position_distances` is [-1, 1], which needs 2 heads, but the generator has 1";
        assert!(error.message.starts_with(expected), "{error}");
        assert!(error.help.as_deref().is_some_and(|help| help.contains("no more than a network has heads")));
        let error = check(&of(&["model.generator.num_attention_heads=16"]).unwrap()).unwrap_err();
        let expected = "`model.generator.num_attention_heads` comes out as heads of width 4, which give 0.";
        assert!(error.message.starts_with(expected), "{error}");
        assert!(error.message.contains("among 512 positions"), "{error}");
        assert!(error.message.contains("expected a width of at least 1"), "{error}");
        let unused = "model.position_distances=[-1]".to_owned();
        let error = checked(&[unused]).unwrap_err();
        assert!(error.message.ends_with("but that is \"random\""), "{error}");
    }

    #[test]
    fn numbers_that_are_each_within_bounds_may_be_too_many_tokens_together() {
        let most = ["train.steps=1000000000", "train.batch_size=1048576", "train.micro_batch_size=1"];
        let error = checked(
            &[&most[..], &["data.sequence_length=512", "evaluate.every_steps=1000000000000"]]
                .concat()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        );
        assert_eq!(error, Ok(()));
        let long = ["data.sequence_length=65536", "model.max_position_embeddings=65536"];
        let error = checked(&[&most[..], &long].concat().iter().map(ToString::to_string).collect::<Vec<_>>());
        let error = error.unwrap_err();
        assert!(error.message.contains("rows of 65536 tokens are 68719476736000000000 tokens"), "{error}");
        assert_eq!(error.help.as_deref(), Some("expected 1000000000000000000 at most"));
    }
}
