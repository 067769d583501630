//! The arrows of `docs/ARCHITECTURE.md`, between crates and between files, and the recipes of `configs/pretrain`.

mod imports;

#[path = "architecture/causes.rs"]
mod causes;
#[path = "architecture/manifests.rs"]
mod manifests;
#[path = "architecture/options.rs"]
mod options;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use electra_model::Objective;
use electra_model::flops::ParameterCount;
use electra_pretrain::recipe::{Recipe, check};
use electra_run::recipe::{Beneath, Resolved, load_over};

/// Every crate, and the crates of the workspace that it may see. Above all that are below it.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "electra-cli",
        &[
            "electra-ablate",
            "electra-annotations",
            "electra-files",
            "electra-hub",
            "electra-kernels",
            "electra-model",
            "electra-ner",
            "electra-pretrain",
            "electra-ranks",
            "electra-run",
            "electra-serve",
            "electra-text",
            "electra-train",
        ],
    ),
    (
        "electra-serve",
        &["electra-files", "electra-ner", "electra-pretrain", "electra-run", "electra-text", "electra-train"],
    ),
    (
        "electra-fuzz",
        &[
            "electra-ablate",
            "electra-annotations",
            "electra-files",
            "electra-kernels",
            "electra-model",
            "electra-ner",
            "electra-pretrain",
            "electra-run",
            "electra-text",
            "electra-train",
        ],
    ),
    ("electra-ablate", &["electra-files", "electra-run"]),
    ("electra-hub", &["electra-files"]),
    (
        "electra-pretrain",
        &[
            "electra-files",
            "electra-kernels",
            "electra-model",
            "electra-optim",
            "electra-ranks",
            "electra-run",
            "electra-text",
            "electra-train",
        ],
    ),
    ("electra-annotations", &["electra-files", "electra-text"]),
    (
        "electra-ner",
        &[
            "electra-annotations",
            "electra-files",
            "electra-kernels",
            "electra-model",
            "electra-optim",
            "electra-run",
            "electra-text",
            "electra-train",
        ],
    ),
    (
        "electra-train",
        &[
            "electra-files",
            "electra-hub",
            "electra-kernels",
            "electra-model",
            "electra-optim",
            "electra-run",
            "electra-text",
        ],
    ),
    ("electra-model", &["electra-kernels"]),
    ("electra-optim", &["electra-kernels"]),
    ("electra-kernels", &[]),
    ("electra-ranks", &[]),
    ("electra-run", &["electra-files"]),
    ("electra-text", &["electra-files"]),
    ("electra-files", &[]),
];

/// burn's features that bring a backend with them.
const BACKENDS: &[&str] = &[
    "autotune", "candle", "cpu", "cuda", "flex", "fusion", "metal", "ndarray", "rayon", "remote", "rocm",
    "router", "server", "simd", "tch", "vulkan", "webgpu", "wgpu",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/electra-cli").to_path_buf()
}

/// The manifests of the workspace; resolves nothing, so it needs no network.
fn workspace() -> Metadata {
    MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().expect("cargo metadata")
}

/// The dependencies of the crate itself, those of its tests left out.
fn own_dependencies(package: &Package) -> impl Iterator<Item = &cargo_metadata::Dependency> {
    package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development)
}

#[test]
fn every_crate_sees_the_crates_that_its_arrows_point_at_and_no_others() {
    let found: BTreeMap<String, BTreeSet<String>> = workspace()
        .packages
        .iter()
        .map(|package| {
            let ours = own_dependencies(package).filter(|d| d.name.starts_with("electra-"));
            (package.name.to_string(), ours.map(|dependency| dependency.name.clone()).collect())
        })
        .collect();
    let allowed: BTreeMap<String, BTreeSet<String>> = ARROWS
        .iter()
        .map(|(name, below)| (name.to_string(), below.iter().map(ToString::to_string).collect()))
        .collect();
    assert_eq!(found, allowed);

    let document = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    for (name, _) in ARROWS {
        assert!(document.contains(&format!("| `{name}` |")), "{name} has no row in docs/ARCHITECTURE.md");
    }
}

#[test]
fn no_two_files_of_a_crate_import_from_each_other_directly_or_round_a_circle() {
    let mut found = String::new();
    for (name, _) in ARROWS {
        for circle in imports::circles_of_crate(&root().join("crates").join(name)) {
            let (way, files) = (circle.way.join(" -> "), Vec::from_iter(&circle.files));
            found += &format!("\n{name}: {way}, of {files:?}");
        }
    }
    assert!(found.is_empty(), "files that import from each other:{found}");
}

#[test]
fn only_tests_can_be_told_to_fail_at_a_file_operation_or_a_text() {
    const FAULTS: &str = "faults";
    let workspace = workspace();
    let have_faults = ["electra-files", "electra-serve"];
    for package in workspace.packages.iter().filter(|package| have_faults.contains(&package.name.as_str())) {
        assert!(package.features.contains_key(FAULTS) && !package.features.contains_key("default"));
    }
    for package in &workspace.packages {
        let of_faults = |name: &str| have_faults.contains(&name);
        for dependency in own_dependencies(package).filter(|dependency| of_faults(&dependency.name)) {
            assert!(dependency.features.is_empty(), "{} has {:?}", package.name, dependency.features);
        }
        let passed_on =
            package.features.values().flatten().any(|feature| feature.ends_with(&format!("/{FAULTS}")));
        assert!(!passed_on, "{} turns {FAULTS} on", package.name);
    }
}

#[test]
fn text_run_annotations_and_ablate_never_see_a_tensor() {
    // The lock file knows every dependency of every feature, however deep.
    let text = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let lock: toml::Table = text.parse().unwrap();
    let mut below: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let names = package.get("dependencies").and_then(toml::Value::as_array);
        // "name", or "name version" where there are several.
        let names = names.into_iter().flatten().filter_map(|d| d.as_str()?.split(' ').next());
        below.entry(package["name"].as_str().unwrap()).or_default().extend(names);
    }
    let reachable = |start: &'static str| {
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(name) = open.pop() {
            if seen.insert(name) {
                open.extend(&below[name]);
            }
        }
        seen
    };
    let is_tensor = |name: &&str| *name == "burn" || name.starts_with("burn-") || name.starts_with("cubecl");
    for name in ["electra-files", "electra-text", "electra-run", "electra-ablate", "electra-annotations"] {
        let tensors: Vec<&str> = reachable(name).into_iter().filter(is_tensor).collect();
        assert!(tensors.is_empty(), "{name} depends on {tensors:?}");
    }
    assert!(reachable("electra-model").contains("burn"), "the search finds what is there");
}

#[test]
fn only_the_kernels_name_backends_and_only_as_options() {
    for package in workspace().packages {
        let name = package.name.as_str();
        for dependency in own_dependencies(&package) {
            if dependency.name == "burn" {
                let backends: Vec<&String> =
                    dependency.features.iter().filter(|f| BACKENDS.contains(&f.as_str())).collect();
                assert!(
                    backends.is_empty() && !dependency.uses_default_features,
                    "{name} asks burn for {backends:?}"
                );
            } else if dependency.name.starts_with("burn-") {
                assert!(dependency.optional, "{name} always depends on {}", dependency.name);
                let may = [
                    ("electra-kernels", "burn-flex"),
                    ("electra-kernels", "burn-cubecl"),
                    ("electra-cli", "burn-train"),
                ];
                assert!(may.contains(&(name, &dependency.name)), "{name} names {}", dependency.name);
            } else if dependency.name.starts_with("electra-") {
                assert!(dependency.features.is_empty(), "{name} switches {:?} on", dependency.features);
                let for_users = ["electra-ner", "electra-pretrain"].contains(&dependency.name.as_str());
                let chooses = for_users && dependency.uses_default_features;
                assert!(!chooses, "{name} takes the backend that {} chooses", dependency.name);
            }
        }
        let asks_burn = package.features.values().flatten().any(|f| f.starts_with("burn/"));
        assert_eq!(asks_burn, name == "electra-kernels", "features of {name}");
        // Programs choose, and the crate that a user adds; within the workspace it is asked for without.
        if !["electra-cli", "electra-fuzz", "electra-ner", "electra-pretrain"].contains(&name) {
            assert!(
                package.features.get("default").is_none_or(Vec::is_empty),
                "{name} chooses features by itself"
            );
        }
    }
}

#[test]
fn only_the_binary_prints() {
    fn visit(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let prints = |line: &&str| {
                    let code = line.split("//").next().unwrap_or("");
                    ["println!(", "print!(", "dbg!(", "process::exit("].iter().any(|word| code.contains(word))
                };
                found.extend(text.lines().filter(prints).map(|line| format!("{}: {line}", path.display())));
            }
        }
    }
    for (name, _) in ARROWS.iter().filter(|(name, _)| *name != "electra-cli") {
        let mut found = Vec::new();
        visit(&root().join("crates").join(name).join("src"), &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// Every recipe of `configs/pretrain` under its file's name.
fn recipes() -> BTreeMap<String, Recipe> {
    let mut recipes = BTreeMap::new();
    for entry in fs::read_dir(root().join("configs/pretrain")).unwrap() {
        let path = entry.unwrap().path();
        // What goes on from weights has their sizes.
        let resolved: Resolved<Recipe> =
            load_over(&path, &[], |stated| (!stated.contains_key("model")).then(sizes_of_small))
                .unwrap_or_else(|error| panic!("{error}"));
        check(&resolved).unwrap_or_else(|error| panic!("{error}"));
        recipes.insert(path.file_stem().unwrap().to_str().unwrap().to_owned(), resolved.value);
    }
    recipes
}

fn sizes_of_small() -> Beneath {
    let path = root().join("configs/pretrain/small.toml");
    let recipe: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
    Beneath {
        name: path.display().to_string(),
        values: toml::Table::from_iter([("model".into(), recipe["model"].clone())]),
    }
}

#[test]
fn every_recipe_is_right_and_named_as_its_file() {
    let recipes = recipes();
    for name in ["debug", "tiny", "small", "base", "large"] {
        assert!(recipes.contains_key(name), "configs/pretrain/{name}.toml is missing");
    }
    for (file, recipe) in recipes {
        assert_eq!(recipe.name, file);
    }
}

#[test]
fn every_recipe_says_how_to_run_it_where_how_long_and_what_to_expect() {
    for name in ["continue", "debug", "tiny", "small", "base", "large"] {
        let text = fs::read_to_string(root().join(format!("configs/pretrain/{name}.toml"))).unwrap();
        let header: String = text.lines().take_while(|line| line.starts_with('#')).collect();
        let command = format!("electra pretrain configs/pretrain/{name}.toml");
        assert!(
            header.contains(&command) || header.contains("cargo run --release -- demo"),
            "{name}: {header}"
        );
        for part in ["Device:", "Expected"] {
            assert!(header.contains(part), "{name} has no {part}: {header}");
        }
        let times = ["minutes", "hour", "days", "how long"];
        assert!(times.iter().any(|time| header.contains(time)), "{name} says no time: {header}");
    }
}

#[test]
fn small_base_and_large_have_the_papers_sizes() {
    let recipes = recipes();
    for (name, discriminator, generator) in
        [("small", 13_549_057, 647_162), ("base", 109_483_009, 9_903_418), ("large", 335_142_913, 19_512_378)]
    {
        let count = ParameterCount::of(&recipes[name].model, recipes[name].architecture());
        assert_eq!(count, ParameterCount { discriminator, generator }, "{name}");
    }
    // Width, feed-forward width, heads and blocks of discriminator and generator; embedding width.
    for (name, discriminator, generator, embedding) in [
        ("small", [256, 1024, 4, 12], [64, 256, 1, 12], 128),
        ("base", [768, 3072, 12, 12], [256, 1024, 4, 12], 768),
        ("large", [1024, 4096, 16, 24], [256, 1024, 4, 24], 1024),
    ] {
        let model = &recipes[name].model;
        for (found, expected) in [(model.discriminator(), discriminator), (model.generator(), generator)] {
            let sizes = [
                found.hidden_size,
                found.intermediate_size,
                found.num_attention_heads,
                found.num_hidden_layers,
            ];
            assert_eq!(sizes, expected, "{name}");
        }
        assert_eq!((model.embedding_size, model.type_vocab_size), (embedding, 2), "{name}");
    }
}

#[test]
fn small_base_and_large_are_trained_as_in_table_6_of_the_paper() {
    let recipes = recipes();
    // Steps, batch, rate, length, share of masked tokens, slots of a row.
    for (name, steps, batch, rate, length, masked, slots) in [
        ("small", 1_000_000, 128, 5e-4, 128, 0.15, 19),
        ("base", 766_000, 256, 2e-4, 512, 0.15, 79),
        ("large", 400_000, 2048, 2e-4, 512, 0.25, 130),
    ] {
        let r = &recipes[name];
        assert_eq!((r.train.steps, r.train.batch_size), (steps, batch), "{name}");
        assert_eq!((r.schedule.learning_rate, r.schedule.warmup_steps), (rate, 10_000), "{name}");
        assert_eq!(
            (r.data.sequence_length, r.masking.probability(), r.slots()),
            (length, masked, slots),
            "{name}"
        );
        let o = &r.optimizer;
        assert_eq!(
            (o.beta_1, o.beta_2, o.epsilon, o.weight_decay, o.max_grad_norm),
            (0.9, 0.999, 1e-6, 0.01, 1.0)
        );
        assert!(!o.bias_correction, "{name}");
        let Objective::ReplacedTokenDetection(joint) = &r.objective else {
            panic!("{name}: {:?}", r.objective)
        };
        assert_eq!(
            (r.objective.weights(), joint.temperature, joint.disallow_correct),
            ([1.0, 50.0], 1.0, false),
            "{name}"
        );
        let decay = serde_json::to_value(r.schedule.decay).unwrap();
        assert_eq!(decay, serde_json::json!({ "kind": "polynomial", "power": 1.0 }), "{name}");
        assert_eq!((r.train.dropout, r.attention_dropout()), (0.1, 0.1), "{name}");
        assert_eq!((r.model.vocab_size, r.model.max_position_embeddings), (30_522, 512), "{name}");
    }
}
