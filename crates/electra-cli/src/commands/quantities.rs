//! Derived quantities of a recipe, which `ablate` and `compare` look at where arms differ.

use electra_ablate::quantities::{Quantities, Quantity, QuantityRole};
use electra_model::flops::ParameterCount;
use electra_model::{EncoderConfig, GeneratorKind};
use electra_pretrain::Recipe;
use serde_json::Value;

/// A quantity and its value in a recipe; none where the recipe has no such thing.
type Row = (Quantity, fn(&Recipe) -> Option<Value>);

/// Every quantity. One that is added here is listed, stored in results and warned of without another line.
///
/// What costs more is [`QuantityRole::Cost`], what follows a size by a fixed share [`QuantityRole::Follows`]; the rest is a
/// confound wherever an arm does not name it.
const ROWS: &[Row] = &[
    (held("vocabulary", "vocabulary", &["model.vocab_size"]), |r| whole(r.model.vocab_size)),
    (held("positions", "rows of the position table", &["model.max_position_embeddings"]), |r| {
        whole(r.model.max_position_embeddings)
    }),
    (held("embedding_size", "embedding width", &["model.embedding_size"]), |r| whole(r.model.embedding_size)),
    (held("generator.embedding_size", "generator's embedding width", GENERATOR_TABLE), |r| {
        generator(r)?;
        whole(r.model.generator_embedding_size())
    }),
    (held("discriminator.width", "discriminator's width", &["model.hidden_size"]), |r| {
        whole(r.model.hidden_size)
    }),
    (held("discriminator.blocks", "discriminator's blocks", &["model.num_hidden_layers"]), |r| {
        whole(r.model.num_hidden_layers)
    }),
    (held("discriminator.heads", "discriminator's heads", &["model.num_attention_heads"]), |r| {
        whole(r.model.num_attention_heads)
    }),
    (
        implied(
            "discriminator.head_width",
            "discriminator's head width",
            &[],
            &["model.num_attention_heads"],
        ),
        |r| head_width(r.model.discriminator()),
    ),
    (
        follows(
            "discriminator.feed_forward",
            "discriminator's feed-forward width",
            &["model.intermediate_size"],
        ),
        |r| whole(r.model.intermediate_size),
    ),
    (held("discriminator.feed_forward_share", "discriminator's feed-forward width by width", INNER), |r| {
        feed_forward_share(r.model.discriminator())
    }),
    (held("discriminator.distances", "discriminator's distances at the start", DISTANCES), |r| {
        distances(&r.model.discriminator_distances())
    }),
    (held("generator.width", "generator's width", GENERATOR_WIDTH), |r| whole(generator(r)?.hidden_size)),
    (held("generator.blocks", "generator's blocks", GENERATOR_BLOCKS), |r| {
        whole(generator(r)?.num_hidden_layers)
    }),
    (held("generator.heads", "generator's heads", GENERATOR_HEADS), |r| {
        whole(generator(r)?.num_attention_heads)
    }),
    (
        implied(
            "generator.head_width",
            "generator's head width",
            &["objective"],
            &["model.generator.num_attention_heads"],
        ),
        |r| head_width(generator(r)?),
    ),
    (follows("generator.feed_forward", "generator's feed-forward width", GENERATOR_INNER), |r| {
        whole(generator(r)?.intermediate_size)
    }),
    (held("generator.feed_forward_share", "generator's feed-forward width by width", GENERATOR_INNER), |r| {
        feed_forward_share(generator(r)?)
    }),
    (held("generator.distances", "generator's distances at the start", GENERATOR_DISTANCES), |r| {
        generator(r)?;
        distances(&r.model.generator_distances())
    }),
    (
        held(
            "generator.residual_start",
            "generator's gain of the residual",
            &["model.generator.residual_start"],
        ),
        |r| {
            generator(r)?;
            real(r.model.generator.residual_start?)
        },
    ),
    (cost("parameters", "parameters"), |r| whole(ParameterCount::of(&r.model, r.architecture()).total())),
    (cost("flops_per_step", "operations of a step"), |r| real(r.run_flops() / r.train.steps as f64)),
    (follows("steps", "steps", &["train.steps"]), |r| Some(r.train.steps.into())),
    (follows("warmup_steps", "warmup steps", &["schedule.warmup_steps"]), |r| {
        Some(r.schedule.warmup_steps.into())
    }),
    (held("tokens_per_step", "tokens of a step", &["train.batch_size", "data.sequence_length"]), |r| {
        whole(r.train.batch_size * r.data.sequence_length)
    }),
    (follows("tokens", "tokens", &["train.steps", "train.batch_size", "data.sequence_length"]), |r| {
        let of_step = (r.train.batch_size * r.data.sequence_length) as u64;
        Some(r.train.steps.saturating_mul(of_step).into())
    }),
    (held("masked_share", "masked share", &["masking", "mask_rate"]), |r| real(masked_share(r))),
];

/// The mean over steps.
fn masked_share(r: &Recipe) -> f64 {
    if r.mask_rate.is_constant() {
        return r.masking.probability();
    }
    let of = |(first, steps)| r.masking_at(first).probability() * steps as f64;
    r.parts().into_iter().map(of).sum::<f64>() / r.train.steps as f64
}

const INNER: &[&str] = &["model.intermediate_size", "model.hidden_size"];
const DISTANCES: &[&str] = &["model.position_start", "model.position_distances"];
const GENERATOR_WIDTH: &[&str] = &["model.generator.width", "model.generator.hidden_size", "objective"];
const GENERATOR_TABLE: &[&str] = &["model.embedding_size", "model.generator.tie", "objective"];
const GENERATOR_BLOCKS: &[&str] =
    &["model.generator.depth", "model.generator.num_hidden_layers", "objective"];
const GENERATOR_HEADS: &[&str] = &["model.generator.num_attention_heads", "objective"];
const GENERATOR_INNER: &[&str] = &["model.generator.intermediate_size", "objective"];
const GENERATOR_DISTANCES: &[&str] =
    &["model.position_start", "model.position_distances", "model.generator.position_distances", "objective"];

const fn held(key: &'static str, title: &'static str, named_by: &'static [&'static str]) -> Quantity {
    implied(key, title, named_by, &[])
}

const fn implied(
    key: &'static str,
    title: &'static str,
    named_by: &'static [&'static str],
    implied_by: &'static [&'static str],
) -> Quantity {
    Quantity { key, title, named_by, implied_by, role: QuantityRole::Confound }
}

const fn follows(key: &'static str, title: &'static str, named_by: &'static [&'static str]) -> Quantity {
    Quantity { key, title, named_by, implied_by: &[], role: QuantityRole::Follows }
}

const fn cost(key: &'static str, title: &'static str) -> Quantity {
    Quantity { key, title, named_by: &[], implied_by: &[], role: QuantityRole::Cost }
}

const COUNT: usize = ROWS.len();

/// The quantities without their values.
pub const TABLE: &[Quantity] = &{
    let mut table = [ROWS[0].0; COUNT];
    let mut at = 0;
    while at < COUNT {
        table[at] = ROWS[at].0;
        at += 1;
    }
    table
};

/// The derived quantities of a recipe.
pub fn of(recipe: &Recipe) -> Quantities {
    ROWS.iter().filter_map(|(quantity, value)| Some((quantity.key.to_owned(), value(recipe)?))).collect()
}

fn whole(number: usize) -> Option<Value> {
    Some((number as u64).into())
}

fn real(number: f64) -> Option<Value> {
    serde_json::Number::from_f64(number).map(Value::Number)
}

/// The generator, where the objective has one.
fn generator(recipe: &Recipe) -> Option<EncoderConfig> {
    (recipe.architecture().generator != GeneratorKind::None).then(|| recipe.model.generator())
}

fn head_width(encoder: EncoderConfig) -> Option<Value> {
    whole(encoder.hidden_size / encoder.num_attention_heads)
}

fn feed_forward_share(encoder: EncoderConfig) -> Option<Value> {
    real(encoder.intermediate_size as f64 / encoder.hidden_size as f64)
}

/// The tokens that heads of the first block attend to before the first step, relative to their own.
fn distances(found: &[i64]) -> Option<Value> {
    let written: Vec<String> = found.iter().map(|distance| format!("{distance:+}")).collect();
    (!written.is_empty()).then(|| written.join(" ").into())
}

#[cfg(test)]
mod tests {
    use electra_run::recipe::load_str;

    use super::*;

    const DEBUG: &str = include_str!("../../configs/debug.toml");

    fn quantities(overrides: &[&str]) -> Quantities {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        of(&load_str::<Recipe>("debug.toml", DEBUG, &overrides).unwrap().value)
    }

    #[test]
    fn keys_and_titles_are_there_once() {
        for (i, quantity) in TABLE.iter().enumerate() {
            let is_same = |other: &&Quantity| other.key == quantity.key || other.title == quantity.title;
            assert_eq!(TABLE[..i].iter().find(is_same), None, "{}", quantity.key);
        }
    }

    /// The arms of 001, which name the width: 4 heads each, so 4 to 32 wide.
    #[test]
    fn a_generators_head_width_moves_with_its_width_where_the_number_of_heads_is_given() {
        let named = ["model.generator.width".to_owned()];
        let [base, narrow] =
            ["0.5", "0.125"].map(|width| quantities(&[&format!("model.generator.width={width}")]));
        let found = electra_ablate::quantities::unnamed_differences(TABLE, &named, &base, &narrow);
        let of = |key: &str| found.iter().find(|found| found.key == key);
        let heads = of("generator.head_width").unwrap();
        assert_eq!((&heads.base, &heads.arm), (&Some(16.into()), &Some(4.into())));
        let confounds: Vec<&str> =
            found.iter().filter(|found| found.is_confound).map(|found| found.key).collect();
        assert_eq!(confounds, ["generator.head_width"]);
        for key in ["generator.feed_forward", "parameters", "flops_per_step"] {
            assert!(of(key).is_some(), "{key}");
        }
        assert!(of("generator.width").is_none(), "it is named");
    }

    /// The control of 010 with two heads of 32 names the number of heads: their width is what it is about.
    #[test]
    fn an_arm_that_names_heads_has_chosen_their_width() {
        let with = |width: &str, heads: &str| {
            let set = [
                format!("model.generator.width={width}"),
                format!("model.generator.num_attention_heads={heads}"),
                "model.generator.position_distances=[-1]".to_owned(),
            ];
            quantities(&[&set[0], &set[1], &set[2]])
        };
        let (base, control) = (with("0.25", "2"), with("0.5", "2"));
        let heads = "model.generator.num_attention_heads".to_owned();
        let width = "model.generator.width".to_owned();
        let found = |named: &[String]| {
            let found = electra_ablate::quantities::unnamed_differences(TABLE, named, &base, &control);
            let of = found.iter().find(|found| found.key == "generator.head_width").unwrap();
            (of.arm.clone(), of.is_confound)
        };
        assert_eq!(found(&[width.clone(), heads]), (Some(32.into()), false));
        assert_eq!(found(&[width]), (Some(32.into()), true));
    }

    #[test]
    fn heads_of_one_width_begin_with_as_many_distances_as_there_are_heads() {
        let with = |width: &str, heads: &str| {
            let set = [
                format!("model.generator.width={width}"),
                format!("model.generator.num_attention_heads={heads}"),
            ];
            quantities(&[&set[0], &set[1]])
        };
        let (one, four) = (with("0.125", "1"), with("0.5", "4"));
        assert_eq!([&one["generator.distances"], &four["generator.distances"]], ["-1", "-1 +1 -2 +2"]);
        let named = ["model.generator.width".to_owned(), "model.generator.num_attention_heads".to_owned()];
        let found = electra_ablate::quantities::unnamed_differences(TABLE, &named, &one, &four);
        let confounds: Vec<&str> =
            found.iter().filter(|found| found.is_confound).map(|found| found.key).collect();
        assert_eq!(confounds, ["generator.distances"]);
    }

    #[test]
    fn what_an_objective_has_not_is_not_there() {
        let mlm = quantities(&["objective={ kind = \"mlm\" }"]);
        assert!(!mlm.contains_key("generator.head_width") && mlm.contains_key("discriminator.head_width"));
    }
}
