//! Suspected labels by cross-validation: `electra check ner --folds`.

use crate::workbench::{Workbench, assert_says, json, labelled, mislabelled};
use serde_json::Value;

const FOLDS: &str = "check ner train.conll dev.conll --model scratch:recipe.toml --folds 3 --out folds --threads 1 \
                     --set input.window=32 --set train.epochs=8 --set schedule.learning_rate=5e-3 \
                     --set guard.epochs=12 --display quiet";

fn bench() -> Workbench {
    let bench = Workbench::with_data();
    bench.write("train.conll", mislabelled(0..80));
    bench.write("dev.conll", mislabelled(80..120));
    bench
}

#[test]
fn labels_that_were_made_wrong_are_found_by_taggers_that_have_not_seen_them() {
    let bench = bench();
    let line = format!("{FOLDS} --json --page suspects.html --probabilities probabilities.jsonl");
    let ran = bench.succeed(&line);
    let checked = ran.json();
    let found = &checked["cross_validation"];
    assert_eq!(
        (&found["folds"], &found["unit"], &found["unlearned_words"]),
        (&Value::from(3), &Value::from("sentence"), &Value::from(0))
    );
    let suspects = checked["suspects"].as_array().unwrap();
    let is_wrong = |stretch: &Value| {
        let (truth, given) = match stretch["split"].as_str() {
            Some("train") => (labelled(0..80), mislabelled(0..80)),
            _ => (labelled(80..120), mislabelled(80..120)),
        };
        let line = (stretch["line"].as_u64().unwrap() + stretch["start"].as_u64().unwrap()) as usize - 1;
        truth.lines().nth(line) != given.lines().nth(line)
    };
    // Of both files, in one order.
    assert!(["train", "dev"].iter().all(|name| suspects.iter().any(|stretch| stretch["split"] == *name)));
    assert!(suspects.windows(2).all(|pair| pair[0]["margin"].as_f64() <= pair[1]["margin"].as_f64()));
    let first = &suspects[..suspects.len().min(12)];
    let right = first.iter().filter(|stretch| is_wrong(stretch)).count();
    assert!(2 * right > first.len(), "{right} of {first:?}");
    assert_says(&bench.read("suspects.html"), &["<mark>", "cross-validation of", "sentence "]);

    // A probability of each label at each word.
    let lines = bench.read("probabilities.jsonl");
    assert_eq!(lines.lines().count(), 120);
    for line in lines.lines().map(json) {
        let rows = line["probabilities"].as_array().unwrap();
        assert_eq!(rows.len(), line["tokens"].as_array().unwrap().len());
        for row in rows {
            let row: Vec<f64> = row.as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
            assert_eq!(row.len(), line["names"].as_array().unwrap().len());
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{row:?}");
        }
    }

    // What is trained is not trained again.
    let weights = |fold| bench.bytes(&format!("folds/fold-{fold}/model.safetensors"));
    let before = [1, 2, 3].map(weights);
    let started = std::time::Instant::now();
    assert_eq!(bench.succeed(&line).stdout, ran.stdout);
    assert_eq!([1, 2, 3].map(weights), before);
    let again = started.elapsed();
    assert!(again.as_secs() < 60, "{again:?} for what was finished");
    let text = bench.succeed(FOLDS).stdout;
    assert_says(&text, &["suspected labels, the most suspect first", "one of 3 folds", "from its text"]);
}

#[test]
fn folds_that_cannot_be_are_refused() {
    let bench = bench();
    bench.write("few.conll", "Rome\tB-LOC\n\nAnna\tB-PER\n\nRome\tB-LOC\n");
    let of = |files: &str, rest: &str| bench.refuse(&format!("check ner {files} {rest}"));
    let error = of("few.conll", "--model scratch:recipe.toml --folds 3 --set input.window=32");
    assert_says(&error, &["2 different sentences cannot be divided into 3 folds", "help:", "fewer folds"]);
    let error = of("few.conll", "--model scratch:recipe.toml --set train.epochs=1");
    assert_says(&error, &["--set changes the recipe of --folds", "add --folds N"]);
    for line in ["--folds 3", "--model scratch:recipe.toml --folds 1", "--model scratch:recipe.toml --out x"]
    {
        assert_eq!(bench.run(&format!("check ner few.conll {line}")).code, Some(2), "{line}");
    }
    bench.succeed(
        "finetune ner --train train.conll --dev dev.conll --model scratch:recipe.toml --out tagger --threads 1 \
         --set input.window=32 --set train.epochs=1 --display quiet",
    );
    let error = of("train.conll", "--model tagger/best --folds 3");
    assert_says(&error, &["is a tagger", "name the pretrained model", "leave --folds out"]);
    let error = of("train.conll", "--model scratch:recipe.toml --probabilities p.jsonl");
    assert_says(&error, &["--probabilities is about what a tagger suspects", "--folds 5"]);
}
