//! Phases that cannot be meant, each refused at its place with what to do.

use electra_pretrain::data::RecipeDataError;
use electra_pretrain::phases::RunData;
use electra_pretrain::recipe::{Recipe, check};
use electra_run::recipe::{RecipeError, Resolved, load_str};
use electra_text::wordpiece::Settings;

use crate::{POSITIONS, SHORT_THEN_LONG, bench};

const SMALL: &str = include_str!("../../configs/small.toml");

fn checked(phases: &str, overrides: &[&str]) -> Result<(), RecipeError> {
    let text = SMALL.replace("steps = 1000000\n", "") + phases;
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let resolved: Resolved<Recipe> = load_str("small.toml", &text, &overrides)?;
    check(&resolved)
}

/// Steps after which the warmup of `small` is over.
const FIRST: &str = "[[phases]]\nsteps = 20000\n";

#[test]
fn what_cannot_be_meant_is_refused_where_it_stands() {
    let second = |rest: &str| format!("{FIRST}[[phases]]\nsteps = 100\n{rest}\n");
    for (phases, said, help) in [
        (
            second("data = { sequence_length = 1024 }"),
            "phase 2: rows of 1024 tokens do not fit a position table of 512 rows (model.max_position_embeddings = 512)",
            "lower phases.1.data.sequence_length, or raise model.max_position_embeddings",
        ),
        (second("data = { sequence_length = 4 }"), "phase 2: rows of 4 tokens", "8 is the least"),
        (
            format!("{FIRST}[[phases]]\nsteps = 0\n"),
            "`phases.1.steps` is 0: phase 2 would have no step",
            "leave the phase out",
        ),
        (
            format!("{FIRST}[[phases]]\nsteps = 2000000000\n"),
            "`phases.1.steps` is 2000000000",
            "expected 1 to",
        ),
        (second("batch_size = 0"), "`phases.1.batch_size` is 0", "expected 1 to"),
        (
            second("batch_size = 6\nmicro_batch_size = 4"),
            "phases.1.micro_batch_size 4 does not divide phases.1.batch_size 6",
            "set phases.1.micro_batch_size",
        ),
        (
            second("masking = { probability = 1.5 }"),
            "`phases.1.masking.probability` is 1.5",
            "above 0 and below 1",
        ),
        (
            second("schedule = { learning_rate = 1e-4 }"),
            "`phases.1.schedule.warmup_steps` is 10000, and phase 2 has 100 steps: warmup would not end",
            "such as 10, or phases.1.steps above 10000",
        ),
        (second("schedule = { learning_rate = -1.0, warmup_steps = 1 }"), "-1", "expected a rate above 0"),
        (
            "[[phases]]\nsteps = 4000\n[[phases]]\nsteps = 900\n".to_owned(),
            "`schedule.warmup_steps` is 10000, and the run has 4900 steps",
            "or train.steps above",
        ),
        (
            second("data = { path = \"a\", sources = [{ path = \"b\", weight = 1 }] }"),
            "`phases.1.data.path` and `phases.1.data.sources` both name the data",
            "leave one of them out",
        ),
        (
            second("data = { sources = [{ path = \"b\", weight = 0 }] }"),
            "the weights of `phases.1.data.sources` sum to 0",
            "a weight above 0",
        ),
    ] {
        let error = checked(&phases, &[]).expect_err(&phases);
        assert!(error.message.contains(said), "{phases}: {}", error.message);
        assert!(error.help.as_deref().is_some_and(|found| found.contains(help)), "{phases}: {error:?}");
        assert!(error.source_text.is_some(), "{phases}: {error:?}");
    }
    assert_eq!(checked(FIRST, &[]), Ok(()));
}

#[test]
fn unknown_keys_and_values_of_another_type_are_named() {
    for (rest, said) in [
        ("sequence_length = 512", "unknown field `sequence_length`"),
        ("batchsize = 8", "unknown field `batchsize`, did you mean `batch_size`?"),
        ("masking = { share = 0.2 }", "unknown field `share`"),
        ("masking = { kind = \"google\", probability = 0.2 }", "missing field `mask_token_share`"),
        (
            "masking = { kind = \"gogle\", probability = 0.2 }",
            "unknown value `gogle`, did you mean `google`?",
        ),
        ("schedule = { warmup_steps = 3 }", "missing field `learning_rate` in [phases.1.schedule]"),
        ("data = { length = 3 }", "unknown field `length`"),
        ("steps = \"many\"", "duplicate key"),
    ] {
        let error = checked(&format!("{FIRST}[[phases]]\nsteps = 100\n{rest}\n"), &[]).expect_err(rest);
        assert!(error.message.contains(said), "{rest}: {}", error.message);
        assert!(error.span.is_some(), "{rest}: {error:?}");
    }
    let error = checked("[[phases]]\nbatch_size = 8\n", &[]).unwrap_err();
    assert!(error.message.contains("missing field `steps` in [phases.0]"), "{}", error.message);
}

#[test]
fn steps_of_the_run_are_the_sum_of_the_phases_or_refused() {
    let phases = format!("{FIRST}[[phases]]\nsteps = 100\n");
    assert_eq!(checked(&phases, &["train.steps=20100"]), Ok(()));
    for steps in ["0", "20000", "1000000"] {
        let error = checked(&phases, &[&format!("train.steps={steps}")]).unwrap_err();
        let expected = format!("`train.steps` is {steps}, and the phases have 20100 steps together");
        assert_eq!(error.message, expected);
        assert_eq!(error.offending_text(), Some(steps));
        assert!(error.help.unwrap().starts_with("set train.steps to 20100, or leave it out"));
    }
    let error = checked("", &[]).unwrap_err();
    assert_eq!(error.message, "missing field `steps` in [train]");
    // A value of a phase can be set from outside.
    assert_eq!(checked(&phases, &["phases.1.steps=7", "phases.1.batch_size=64"]), Ok(()));
    let error = checked(&phases, &["phases.1.steps=0"]).unwrap_err();
    assert!(error.message.contains("`phases.1.steps` is 0"), "{}", error.message);
}

#[test]
fn two_ways_to_say_the_masked_share_or_the_learning_rate_are_refused_together() {
    let rates = "mask_rate={kind=\"piecewise\",probabilities=[0.3,0.15],ends=[0.5]}";
    let masked = format!("{FIRST}[[phases]]\nsteps = 100\nmasking = {{ probability = 0.2 }}\n");
    let error = checked(&masked, &[rates]).unwrap_err();
    assert!(error.message.contains("`phases.1.masking` says a share of masked tokens"), "{}", error.message);
    assert_eq!(checked(FIRST, &[rates]), Ok(()));
    let own =
        format!("{FIRST}[[phases]]\nsteps = 100\nschedule = {{ learning_rate = 1e-4, warmup_steps = 1 }}\n");
    let stages = "scheme={kind=\"two-stage\",generator_steps=10050,initialise=false}";
    let error =
        checked(&own, &[stages, "model.generator.tie=\"none\"", "schedule.warmup_steps=5"]).unwrap_err();
    assert!(
        error.message.contains("`phases.1.schedule` is a course of the learning rate"),
        "{}",
        error.message
    );
    // Samples that a reward weighs are checked in every phase.
    let google = format!(
        "{FIRST}[[phases]]\nsteps = 100\nmasking = {{ kind = \"google\", probability = 0.2, mask_token_share = 0.9 }}\n"
    );
    let error = checked(&google, &["scheme.kind=adversarial"]).unwrap_err();
    assert!(error.message.contains("`phases.1.masking.kind` is \"google\""), "{}", error.message);
}

#[test]
fn data_of_a_phase_that_does_not_fit_is_named_with_its_phase() {
    let bench = bench();
    let opened = |phases: &str| RunData::open(&bench.phased(phases, &[POSITIONS]).value);
    assert!(opened(SHORT_THEN_LONG).is_ok());
    let error = opened(&SHORT_THEN_LONG.replace("DIR/long", "DIR/data")).unwrap_err();
    assert!(matches!(error, RecipeDataError::Phase { number: 2, .. }));
    let said = error.to_string();
    assert!(
        said.starts_with("phase 2: ") && said.ends_with("has rows of 16 tokens, the recipe 32"),
        "{said}"
    );

    bench.build("cased", 32, &bench.pieces, Settings { lowercase: false, ..Settings::UNCASED }, &[]);
    let said = opened(&SHORT_THEN_LONG.replace("DIR/long", "DIR/cased")).unwrap_err().to_string();
    assert!(said.starts_with("phase 2: lower-casing is false in "), "{said}");
    let mut fewer = bench.pieces.clone();
    fewer.pop();
    bench.build("fewer", 32, &fewer, Settings::UNCASED, &[]);
    let said = opened(&SHORT_THEN_LONG.replace("DIR/long", "DIR/fewer")).unwrap_err().to_string();
    assert!(said.starts_with("phase 2: ") && said.contains("a vocabulary of "), "{said}");
    let mut other = bench.pieces.clone();
    other[9] = "zebra".to_owned();
    bench.build("other", 32, &other, Settings::UNCASED, &[]);
    let said = opened(&SHORT_THEN_LONG.replace("DIR/long", "DIR/other")).unwrap_err().to_string();
    assert!(said.starts_with("phase 2: piece 9 is "), "{said}");
    let said = opened(&SHORT_THEN_LONG.replace("DIR/long", "DIR/nowhere")).unwrap_err().to_string();
    assert!(said.starts_with("phase 2: ") && said.contains("nowhere"), "{said}");
    // More rows in a step than there are.
    let many = SHORT_THEN_LONG.replace("batch_size = 6", "batch_size = 6000");
    let said = opened(&many).unwrap_err().to_string();
    assert!(said.starts_with("phase 2: a batch of 6000 rows from "), "{said}");
}
