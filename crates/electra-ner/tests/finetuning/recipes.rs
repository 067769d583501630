//! Every recipe of `configs/ner`.

use std::collections::BTreeMap;
use std::path::Path;

use electra_ner::Recipe;

#[test]
fn every_recipe_is_right_and_named_as_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/ner");
    let mut recipes = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let resolved = Recipe::load(Some(&path), &[]).unwrap_or_else(|error| panic!("{error}"));
        // What is written into a run can be loaded again.
        let again = electra_run::recipe::load_str::<Recipe>("again", &resolved.text, &[]).unwrap();
        assert_eq!((&again.value, &again.hash), (&resolved.value, &resolved.hash));
        recipes.insert(path.file_stem().unwrap().to_str().unwrap().to_owned(), resolved.value);
    }
    for name in ["bc5cdr", "conll2003", "default", "gmb", "wikigold", "wnut17", "zh-char"] {
        assert!(recipes.contains_key(name), "configs/ner/{name}.toml is missing");
    }
    for (file, recipe) in &recipes {
        assert_eq!(recipe.name, *file);
    }
    let built_in = Recipe::load(None, &[]).unwrap().value;
    assert_eq!(built_in, recipes["default"]);
}
