//! Libraries know of no options of the command line.

use std::fs;
use std::path::Path;

use crate::{ARROWS, root};

/// The texts that look like an option of this program's and are none, or are one of another program's, by
/// their file.
const EXCEPTIONS: &[(&str, &str)] = &[
    // Lines of a README by which a table is found again: other words would lose those that are there.
    ("electra-ablate/src/readme.rs", "electra compare --write"),
    ("electra-ablate/src/readme/tables.rs", "electra compare --write"),
    // The command of a converter in transformers.
    ("electra-run/src/weight_files.rs", "--tf_checkpoint_path {checkpoint} --config_file {}"),
    ("electra-run/src/weight_files.rs", "--discriminator_or_generator discriminator"),
    // An option of zstd's.
    ("electra-text/src/corpus/compressed.rs", "--long"),
];

/// Lines of code outside tests that name an option.
fn options(text: &str) -> Vec<&str> {
    let names_option = |line: &&str| {
        [" --", "`--"].iter().any(|before| {
            line.split(before).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
        })
    };
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    code.lines().filter(|line| !line.trim_start().starts_with("//")).filter(names_option).collect()
}

#[test]
fn an_option_is_found_in_code_and_not_in_comments_or_tests() {
    let text = "// give --run\n#[error(\"a; give another --run\")]\nx -- y\n`--lossy`\n#[cfg(test)]\nmod tests {\n --a";
    assert_eq!(options(text), ["#[error(\"a; give another --run\")]", "`--lossy`"]);
}

/// The files of the libraries without those of their tests, by their path below `crates`, and their texts.
pub fn library_files() -> Vec<(String, String)> {
    fn visit(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = path.file_stem().is_some_and(|name| name == "tests");
            if path.is_dir() && !is_test {
                visit(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") && !is_test {
                let name = path.strip_prefix(root().join("crates")).unwrap().display().to_string();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    for (name, _) in ARROWS.iter().filter(|(name, _)| !["electra-cli", "electra-fuzz"].contains(name)) {
        visit(&root().join("crates").join(name).join("src"), &mut found);
    }
    found
}

#[test]
fn no_library_names_an_option_of_the_command_line() {
    let mut found = Vec::new();
    for (name, text) in library_files() {
        found.extend(options(&text).iter().map(|line| (name.clone(), (*line).to_owned())));
    }
    let is_excepted =
        |file: &str, line: &str| EXCEPTIONS.iter().any(|(of, said)| *of == file && line.contains(said));
    for (of, said) in EXCEPTIONS {
        assert!(found.iter().any(|(file, line)| file == of && line.contains(said)), "{of} has no {said}");
    }
    found.retain(|(file, line)| !is_excepted(file, line));
    assert!(found.is_empty(), "{found:#?}");
}
