//! Which recipes can be trained: every number within bounds, and none that contradicts another.
//!
//! The greatest of each is far above what anybody trains, and so small that no sum or product of a run
//! leaves 64 bits.

mod bounds;
mod course;
mod data;
mod phases;
mod schedule;
mod scheme;
mod settings;

use electra_model::{Objective, TieMode};
use electra_run::recipe::{RecipeError, Resolved};

use super::Recipe;
use bounds::{MAX_COUNT, MAX_FLOAT, MAX_KEPT, MAX_STEPS, MAX_TOKENS, MAX_WEIGHT};
use settings::Table;

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
    phases::check_steps(resolved)?;
    settings::check(resolved, r, Table::RECIPE)?;
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
    schedule::check(resolved)?;
    course::check(resolved)?;
    for (key, rate) in [("dropout", r.train.dropout), ("attention_dropout", r.attention_dropout())] {
        if !(0.0..1.0).contains(&rate) {
            return fail_of_key(
                &format!("train.{key}"),
                &format!("is {rate}"),
                "expected a rate of at least 0 and below 1",
            );
        }
    }
    phases::check(resolved)?;
    // A product of three bounds that does not leave 128 bits, and then not 64.
    let (batch, length) = (r.train.batch_size, r.data.sequence_length);
    let tokens = u128::from(r.train.steps) * batch as u128 * length as u128;
    if r.phases.is_empty() && tokens > MAX_TOKENS {
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
