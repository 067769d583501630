//! Plans with a recipe reader that knows three keys.

use electra_run::recipe::{Assignment, load_str};

use super::*;

/// 100 FLOPs a step times `width`, a quarter of that in the first of two stages; 1000 steps of which
/// 100 are warmup.
fn read(overrides: &[String]) -> Result<RecipeFacts, RecipeError> {
    let value = |key: &str| {
        let found = overrides.iter().rev().find_map(|text| text.strip_prefix(key)?.strip_prefix('='));
        found.map(|text| text.parse::<f64>().unwrap())
    };
    if let Some(text) = overrides.iter().find(|text| text.starts_with("wdith")) {
        return Err(RecipeError {
            message: "unknown field `wdith`".into(),
            help: Some("for example".into()),
            example: Some(Box::new(Assignment { key: "width".into(), value: "2".into() })),
            origin: Origin::Override,
            source_text: Some(text.as_str().into()),
            span: Some(0..5),
        });
    }
    let width = value("width").unwrap_or(1.0);
    let steps = value("train.steps").unwrap_or(1000.0) as u64;
    let warmup = value("schedule.warmup_steps").unwrap_or(100.0) as u64;
    let first = value("scheme.generator_steps");
    let full = steps as f64 - first.unwrap_or(0.0) * 0.75;
    if width == 2.0 && first.is_some() {
        return Err(RecipeError {
            message: "stages need networks of one width".into(),
            help: None,
            example: None,
            origin: Origin::File("recipe.toml".to_owned()),
            source_text: None,
            span: None,
        });
    }
    Ok(RecipeFacts {
        recipe_hash: format!("{width} {steps} {warmup} {first:?} {:?}", value("seed")),
        arm_hash: format!("{width} {steps} {warmup} {first:?}"),
        code: CodeVersions::default(),
        data_hash: Some("data".into()),
        steps,
        warmup_steps: warmup,
        generator_steps: first.map(|first| first as u64),
        keeps_average: false,
        flops_per_step: 100.0 * width * full / steps as f64,
        parameters: [10, 5],
        shape: width.to_string(),
        quantities: Quantities::new(),
    })
}

fn experiment(budget: &str, rest: &str) -> Resolved<Experiment> {
    let text = format!(
        "recipe_version = 1\nquestion = \"q\"\nprediction = \"p\"\nbase = \"r\"\nbase_arm = \"base\"\n\
         budget = \"{budget}\"\nmetric = \"loss\"\nseeds = \"1..3\"\n[[arm]]\nname = \"base\"\n{rest}"
    );
    load_str("experiment.toml", &text, &[]).unwrap()
}

fn plan(budget: &str, rest: &str) -> Result<Plan, RecipeError> {
    let file = experiment(budget, rest);
    Plan::new(&file, "x", &file.value.seeds, &read)
}

const HALF: &str =
    "[[arm]]\nname = \"half\"\nset = { width = 0.5 }\n[[arm]]\nname = \"third\"\nset = { width = 3 }\n";

#[test]
fn every_arm_meets_every_seed_and_first_seeds_come_first() {
    let plan = plan("steps", HALF).unwrap();
    let runs: Vec<(usize, &str, u64)> =
        plan.jobs.iter().map(|job| (job.index, plan.arm_of(job).name.as_str(), job.seed)).collect();
    assert_eq!(runs[..4], [(0, "base", 1), (1, "half", 1), (2, "third", 1), (3, "base", 2)]);
    assert_eq!(runs.len(), 9);
    assert_eq!(plan.jobs[4].overrides, ["width=0.5", "seed=2"]);
}

#[test]
fn hashes_name_recipe_seed_and_data_and_nothing_else() {
    let one = plan("steps", HALF).unwrap();
    let mut hashes: Vec<&str> = one.jobs.iter().map(|job| job.hash.as_str()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 9);
    // Another name and another order are the same runs.
    let renamed = plan("steps", &HALF.replace("half", "other")).unwrap();
    assert_eq!(renamed.jobs[1].hash, one.jobs[1].hash);
    let file = experiment("steps", HALF);
    let elsewhere = |overrides: &[String]| {
        read(overrides).map(|facts| RecipeFacts { data_hash: Some("b".into()), ..facts })
    };
    let other = Plan::new(&file, "x", &file.value.seeds, &elsewhere).unwrap();
    assert!(other.jobs.iter().zip(&one.jobs).all(|(a, b)| a.hash != b.hash));
}

#[test]
fn other_code_makes_other_runs_and_that_of_version_1_the_runs_of_programs_that_knew_none() {
    let file = experiment("steps", HALF);
    let with = |code: CodeVersions| {
        let read =
            |overrides: &[String]| read(overrides).map(|facts| RecipeFacts { code: code.clone(), ..facts });
        Plan::new(&file, "x", &file.value.seeds, &read).unwrap().jobs[0].hash.clone()
    };
    let first = with(CodeVersions::new([("kernels", 1)]));
    let text = "1 1000 100 None Some(1.0)\ndata\n";
    assert_eq!(first, blake3::hash(text.as_bytes()).to_hex().to_string());
    let other = [with(CodeVersions::new([("kernels", 2)])), with(CodeVersions::new([("training", 2)]))];
    assert!(other[0] != first && other[1] != first && other[0] != other[1]);
}

#[test]
fn an_arm_that_cannot_meet_the_budget_is_marked_with_what_it_spends() {
    // A step of the arm costs 38 times the whole budget of 1,000 steps.
    let dear = "[[arm]]\nname = \"dear\"\nset = { width = 38000 }\n[[arm]]\nname = \"half\"\nset = { width = 0.5 }\n";
    let marks =
        |budget| plan(budget, dear).unwrap().arms.iter().map(|arm| arm.off_budget).collect::<Vec<_>>();
    assert_eq!(marks("flops"), [None, Some(38.0), None]);
    assert_eq!(marks("steps"), [None, None, None]);
    let of = |flops| off_budget(Budget::Flops, flops, 100.0);
    assert_eq!((of(101.9), of(98.1), of(103.0), of(97.0)), (None, None, Some(1.03), Some(0.97)));
}

#[test]
fn equal_flops_are_met_to_half_a_step_and_warmup_keeps_its_share() {
    let plan = plan("flops", HALF).unwrap();
    let steps: Vec<(u64, u64)> =
        plan.arms.iter().map(|arm| (arm.facts.steps, arm.facts.warmup_steps)).collect();
    assert_eq!(steps, [(1000, 100), (2000, 200), (333, 33)]);
    for arm in &plan.arms {
        assert!((arm.flops() - 1e5).abs() <= 0.5 * arm.facts.flops_per_step, "{}", arm.name);
    }
    assert_eq!(plan.arms[1].overrides, ["width=0.5", "train.steps=2000", "schedule.warmup_steps=200"]);
    // What the budget sets is no difference of the arm.
    assert_eq!(plan.arms[1].differences.len(), 1);
}

#[test]
fn two_stages_keep_their_shares_of_an_equal_budget() {
    let staged = "[[arm]]\nname = \"staged\"\nset = { \"scheme.generator_steps\" = 400 }\n";
    let plan = plan("flops", staged).unwrap();
    let arm = &plan.arms[1];
    // 400 steps of 25 and 600 of 100 are 70 a step; 100,000 are 1,428.6 of those, 571.6 of them first.
    assert_eq!((arm.facts.steps, arm.facts.generator_steps), (1429, Some(572)));
    assert!((arm.flops() - 1e5).abs() <= 100.0, "{}", arm.flops());
    assert_eq!(
        arm.overrides[1..],
        ["train.steps=1429", "schedule.warmup_steps=143", "scheme.generator_steps=572"]
    );
}

#[test]
fn an_arm_that_contradicts_the_base_recipe_is_named() {
    let arm = "[[arm]]\nname = \"x\"\nset = { width = 2, \"scheme.generator_steps\" = 400 }\n";
    let error = plan("steps", arm).unwrap_err();
    assert_eq!(error.message, "arm `x`: stages need networks of one width");
    assert_eq!(error.origin, Origin::File("recipe.toml".to_owned()));
}

#[test]
fn arms_that_are_the_same_recipe_are_refused() {
    let error = plan("steps", "[[arm]]\nname = \"same\"\nset = { width = 1.0 }\n").unwrap_err();
    assert!(error.message.contains("arms `base` and `same` are the same recipe"), "{error}");
    assert!(error.line_and_column().is_some() && error.help.is_some());
}

#[test]
fn errors_of_the_recipe_stand_where_the_arm_is_written() {
    let error = plan("steps", "[[arm]]\nname = \"x\"\nset = { \"wdith\" = 2 }\n").unwrap_err();
    let experiment = Origin::File("experiment.toml".to_owned());
    assert_eq!((&error.origin, error.offending_text()), (&experiment, Some("\"wdith\"")));
    assert_eq!(error.message, "arm `x`: unknown field `wdith`");
    // The example is shown as it is written there.
    assert_eq!(error.help_with(Assignment::to_override).as_deref(), Some("for example width = 2"));
    let error = plan("steps", "[grid]\nwdith = [1, 2]\n").unwrap_err();
    assert_eq!(error.origin, experiment);
    assert!(error.message.contains("arm `wdith=1`"), "{error}");
}

#[test]
fn the_budget_and_an_arm_cannot_both_set_the_steps() {
    let error = plan("flops", "[[arm]]\nname = \"x\"\nset = { \"train.steps\" = 2 }\n").unwrap_err();
    assert!(error.message.contains("steps of an arm follow from"), "{error}");
    assert_eq!(error.offending_text(), Some("\"train.steps\""));
    plan("steps", "[[arm]]\nname = \"x\"\nset = { \"train.steps\" = 2 }\n").unwrap();
}

#[test]
fn arms_may_differ_in_the_probe_alone_and_share_what_is_pretrained() {
    let probe = "[probe]\ntrain = \"t\"\ndev = \"d\"\nseeds = 1\n";
    let grid = "[grid]\n\"probe.labels.scheme\" = [\"iob2\", \"iobes\"]\n";
    let plan = plan("steps", &format!("{probe}{grid}")).unwrap();
    assert_eq!(plan.arms[2].name, "scheme=iobes");
    assert_eq!(plan.jobs[1].hash, plan.jobs[2].hash);
    assert_eq!(plan.arms[2].probe[0].to_override(), "labels.scheme=\"iobes\"");
    assert!(plan.arms[2].overrides.is_empty());
    assert!(plan.arms[2].differences.contains_key("probe.labels.scheme"));
    let error = self::plan("steps", grid).unwrap_err();
    assert!(error.message.contains("`probe.labels.scheme` without a [probe]"), "{error}");
}
