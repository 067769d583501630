//! The programs of `examples`, run.

#[path = "../examples/score_conll.rs"]
#[allow(dead_code)]
mod score_conll;

use score_conll::score;

/// The numbers of the line that begins with this name.
fn line(text: &str, name: &str) -> Vec<String> {
    let line =
        text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
    line.split_whitespace().skip(1).map(str::to_owned).collect()
}

#[test]
fn the_embedded_example_is_scored_as_conlleval_scores_it() {
    let text = score(None).unwrap().to_string();
    // Of 3 gold and 2 predicted entities one is right.
    assert_eq!(line(&text, "micro "), ["50.00", "33.33", "40.00", "3", "2", "1"]);
    assert_eq!(line(&text, "PER "), ["100.00", "100.00", "100.00", "1", "1", "1"]);
    assert_eq!(line(&text, "ORG ")[3..], ["0", "1", "0"]);
}

#[test]
fn a_file_that_is_named_is_scored_instead() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.conll");
    std::fs::write(&path, "Rome B-LOC B-LOC\n").unwrap();
    let scored = score(Some(path)).unwrap().to_string();
    assert_eq!(line(&scored, "micro "), ["100.00", "100.00", "100.00", "1", "1", "1"]);

    let missing = score(Some(folder.path().join("none.conll"))).unwrap_err();
    assert!(missing.to_string().contains("none.conll"), "{missing}");
}
