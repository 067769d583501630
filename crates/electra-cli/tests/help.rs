//! Help for every command, and completions for shells.

mod workbench;

use electra_ner::Recipe;
use workbench::{Workbench, assert_says};

/// The commands that the help of `path` lists, `help` left out.
fn below(help: &str) -> Vec<String> {
    let listed = help.split("Commands:\n").nth(1).unwrap_or("");
    let names = listed.lines().take_while(|line| !line.is_empty());
    // A name stands behind two spaces, the rest of a long description behind more.
    let names = names.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    names
        .filter_map(|line| line.split(' ').next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Every command that does something, as words.
fn leaves(bench: &Workbench, path: &str) -> Vec<String> {
    let help = bench.succeed(&format!("{path} --help")).stdout;
    let commands = below(&help);
    if commands.is_empty() {
        return vec![path.trim().to_owned()];
    }
    commands.iter().flat_map(|name| leaves(bench, &format!("{path} {name}"))).collect()
}

#[test]
fn every_command_shows_an_example_of_itself() {
    let bench = Workbench::new();
    let leaves = leaves(&bench, "");
    for known in ["demo", "data tokenizer", "check ner", "pretrain", "export hf", "bench step", "doctor"] {
        assert!(leaves.iter().any(|leaf| leaf == known), "{known} is missing in {leaves:?}");
    }
    for command in leaves {
        for flag in ["--help", "-h"] {
            let ran = bench.succeed(&format!("{command} {flag}"));
            assert_eq!(ran.stderr, "");
            let examples = ran.stdout.split("Example").nth(1).unwrap_or_default();
            assert!(examples.contains(&format!("electra {command}")), "{command} {flag}\n{}", ran.stdout);
        }
    }
}

/// Paragraphs of the text behind the options that are prose: examples and code are indented.
fn prose_behind_options(help: &str) -> Vec<Vec<String>> {
    let behind = help.split("Example").nth(1).expect("every command has an example");
    let paragraphs = behind.split("\n\n").skip(1);
    let lines = paragraphs.map(|paragraph| paragraph.lines().map(str::to_owned).collect());
    lines.filter(|lines: &Vec<String>| lines.iter().all(|line| !line.starts_with("  "))).collect()
}

#[test]
fn explanations_fill_their_lines() {
    let bench = Workbench::new();
    let mut paragraphs = 0;
    for command in leaves(&bench, "") {
        let help = bench.succeed(&format!("{command} --help")).stdout;
        // clap never wraps the line of usage.
        for line in help.lines().filter(|line| !line.starts_with("Usage:")) {
            assert!(line.chars().count() <= 100, "{command}: {line:?} is wrapped on a usual terminal");
        }
        for paragraph in prose_behind_options(&help) {
            let (_, full) = paragraph.split_last().unwrap();
            for line in full {
                assert!(line.chars().count() > 80, "{command}: a line ends early: {line:?}");
            }
            paragraphs += 1;
        }
    }
    assert!(paragraphs > 15, "{paragraphs} paragraphs were found");
}

#[test]
fn examples_fit_a_terminal_of_80_columns() {
    let bench = Workbench::new();
    for command in leaves(&bench, "").into_iter().chain([String::new()]) {
        let help = bench.succeed(&format!("{command} --help")).stdout;
        let behind = help.split("Options:").last().unwrap();
        for line in behind.lines().filter(|line| line.starts_with("  electra ")) {
            assert!(line.chars().count() <= 80, "electra {command}: {line:?} is wrapped");
        }
    }
}

/// Commands of earlier versions, and how they are written now.
const OLD_SPELLINGS: [(&str, &str); 2] = [("ner check", "check ner"), ("bench tagger", "bench ner")];

#[test]
fn old_spellings_of_commands_work_and_are_not_shown() {
    let bench = Workbench::new();
    bench.write("train.conll", "Anna\tB-PER\nlives\tO\n");
    bench.write("recipe.toml", workbench::RECIPE);
    let listed = leaves(&bench, "");
    for (old, new) in OLD_SPELLINGS {
        assert!(listed.iter().any(|leaf| leaf == new), "{new} is missing in {listed:?}");
        assert!(!listed.iter().any(|leaf| leaf == old), "{old} is shown");
        // The help shows examples of the new spelling.
        assert_says(&bench.succeed(&format!("{old} --help")).stdout, &[&format!("electra {new} ")]);
    }
    let check = |command: &str| bench.succeed(&format!("{command} train.conll --json")).stdout;
    assert_eq!(check("ner check"), check("check ner"));
    let time = |command: &str| bench.refuse(&format!("{command} recipe.toml --length 4096"));
    assert_eq!(time("bench tagger"), time("bench ner"));
}

#[test]
fn the_old_spelling_of_an_option_works_and_is_not_shown() {
    let bench = Workbench::new();
    bench.write("recipe.toml", workbench::RECIPE);
    let help = bench.succeed("plan --help").stdout;
    assert!(help.contains("--timed-steps") && !help.contains("--probe-steps"), "{help}");
    let refuse = |option: &str| bench.refuse(&format!("plan recipe.toml {option} 0"));
    assert_eq!(refuse("--probe-steps"), refuse("--timed-steps"));
    assert_says(&refuse("--probe-steps"), &["--timed-steps 0", "give at least 1"]);
}

#[test]
fn the_help_of_prediction_says_for_which_text_its_words_are_not_those_of_training() {
    let help = Workbench::new().succeed("predict --help").stdout;
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_says(
        &words,
        &[
            "trained on given words",
            "Text without spaces comes mostly in single characters",
            "with --pretokenized",
        ],
    );
}

#[test]
fn the_help_of_timing_says_what_the_peak_is() {
    let help = Workbench::new().succeed("bench step --help").stdout;
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_says(&words, &["The GEMM peak is the fastest matrix product that this device computes"]);
}

#[test]
fn the_help_of_fine_tuning_says_when_a_seed_is_given_up() {
    let guard = Recipe::load(None, &[]).unwrap().value.guard;
    let help = Workbench::new().succeed("finetune ner --help").stdout;
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_says(
        &words,
        &[
            &format!("after {} epochs (guard.epochs)", guard.epochs),
            &format!("{} steps (guard.steps)", guard.steps),
        ],
    );
}

#[test]
fn the_help_of_scoring_names_a_file_that_fine_tuning_writes() {
    let help = Workbench::new().succeed("eval ner --help").stdout;
    assert_says(&help, &["--pred runs/wnut17/seed-1/predictions-test.conll"]);
}

#[test]
fn the_first_screen_says_where_to_start_and_what_exit_codes_mean() {
    let help = Workbench::new().succeed("--help").stdout;
    assert_says(&help, &["electra demo", "electra pretrain configs/pretrain/tiny.toml", "75 interrupted"]);
}

#[test]
fn no_command_and_an_unknown_one_are_usage_errors() {
    let bench = Workbench::new();
    for line in ["", "data", "check", "ner", "export", "import", "bench"] {
        let ran = bench.run(line);
        assert_eq!(ran.code, Some(2), "electra {line}");
        assert_says(&ran.stderr, &["Usage: electra"]);
    }
    let ran = bench.run("pretrian recipe.toml");
    assert_eq!(ran.code, Some(2));
    assert_says(&ran.stderr, &["pretrian", "'pretrain'"]);
    for (word, meant) in [
        ("train recipe.toml", ["'pretrain'", "'finetune ner'"]),
        ("tag text.txt", ["'tag'", "'predict'"]),
        ("test a.conll", ["'eval ner'", "'eval detection'"]),
    ] {
        let ran = bench.run(word);
        assert_eq!(ran.code, Some(2), "electra {word}");
        assert_says(&ran.stderr, &meant);
    }
    // Words below another command are not first words.
    assert!(!bench.run("data train").stderr.contains("finetune"));
}

#[test]
fn completions_know_the_commands() {
    let bench = Workbench::new();
    for shell in ["bash", "zsh", "fish"] {
        let completions = bench.succeed(&format!("completions {shell}")).stdout;
        assert_says(&completions, &["electra", "pretrain", "tokenizer"]);
    }
}

#[test]
fn manual_pages_are_one_for_each_command_with_the_text_of_its_help() {
    let bench = Workbench::new();
    let said = bench.succeed("man --out man1").stdout;
    bench.write("man1/other.1", "stays");
    assert_eq!(bench.succeed("man --out man1").stdout, said);
    let commands = leaves(&bench, "");
    for command in &commands {
        let page = bench.read(&format!("man1/electra-{}.1", command.trim().replace(' ', "-")));
        assert!(page.contains(".SH OPTIONS") && page.contains(".SH SYNOPSIS"), "{command}: {page}");
    }
    assert_says(&bench.read("man1/electra.1"), &["electra\\-pretrain(1)", ".TH electra 1"]);
    assert_says(
        &bench.read("man1/electra-pretrain.1"),
        &["\\-\\-run", "Examples:\n.nf\n  electra pretrain "],
    );
    let count: usize = said.split(' ').next().unwrap().parse().unwrap();
    assert!(count > commands.len(), "those above them as well: {said}");
    assert_eq!(bench.read("man1/other.1"), "stays");
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = Workbench::new().succeed("--version").stdout;
    assert_eq!(version.trim(), concat!("electra ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_lists_nothing_that_this_program_was_built_without() {
    let bench = Workbench::new();
    for command in leaves(&bench, "") {
        let help = bench.succeed(&format!("{command} --help")).stdout;
        // The examples of a report may name anything; options say what they take.
        let options = help.split("Options:").nth(1).unwrap_or_default();
        let options = options.split("Example").next().unwrap_or_default();
        for (word, is_there) in [
            ("parquet", cfg!(feature = "parquet")),
            ("wgpu", cfg!(feature = "wgpu")),
            ("cuda", cfg!(feature = "cuda")),
            ("ndarray", cfg!(feature = "ndarray")),
            ("dashboard", cfg!(feature = "tui")),
        ] {
            assert!(is_there || !options.contains(word), "{command} --help lists {word}\n{options}");
        }
    }
    let help = bench.succeed("data build --help").stdout;
    assert_says(&help, &[".txt", ".jsonl", ".gz, .zst, .xz", ".bz2", ".zip"]);
}
