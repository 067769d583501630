//! Help for every command, and completions for shells.

mod workbench;

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
    for known in ["demo", "data tokenizer", "data merge", "pretrain", "export hf", "bench step", "doctor"] {
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

#[test]
fn the_first_screen_says_where_to_start_and_what_exit_codes_mean() {
    let help = Workbench::new().succeed("--help").stdout;
    assert_says(&help, &["electra demo", "electra pretrain configs/pretrain/tiny.toml", "75 interrupted"]);
}

#[test]
fn no_command_and_an_unknown_one_are_usage_errors() {
    let bench = Workbench::new();
    for line in ["", "data", "export", "import", "bench"] {
        let ran = bench.run(line);
        assert_eq!(ran.code, Some(2), "electra {line}");
        assert_says(&ran.stderr, &["Usage: electra"]);
    }
    let ran = bench.run("pretrian recipe.toml");
    assert_eq!(ran.code, Some(2));
    assert_says(&ran.stderr, &["pretrian", "'pretrain'"]);
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
fn the_version_is_that_of_the_package() {
    let version = Workbench::new().succeed("--version").stdout;
    assert_eq!(version.trim(), concat!("electra ", env!("CARGO_PKG_VERSION")));
}
