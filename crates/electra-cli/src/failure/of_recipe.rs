//! Errors of recipes, with a picture of the place.

use electra_files::shown::{on_terminal, on_terminal_in_place, shell_word};
use electra_run::recipe::{Origin, RecipeError};
use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report};

use super::Failure;

/// A recipe error with the caret under the offending text.
pub fn recipe(error: RecipeError) -> Failure {
    recipe_changed_by("--set", error)
}

/// A recipe error with the caret under the offending text, where another option than `--set` changes the recipe.
pub fn recipe_changed_by(option: &str, error: RecipeError) -> Failure {
    // An override is shown as it was typed: it has a place on the command line and no file.
    let (name, before) = match &error.origin {
        Origin::Override => ("command line", format!("{option} ")),
        Origin::File(path) => (path.as_str(), String::new()),
    };
    let sentence = match (&error.origin, &error.source_text) {
        (Origin::Override, Some(text)) => format!("{before}{text}: {}", error.message),
        _ => error.to_string(),
    };
    let help = error.help_with(|example| format!("{before}{}", shell_word(&example.to_override())));
    // What is shown beside a picture of the place cannot be changed afterwards.
    let mut diagnostic = MietteDiagnostic::new(on_terminal(&error.message));
    diagnostic.help = help.map(|help| on_terminal(&help).into_owned());
    let report = match (&error.source_text, &error.span) {
        (Some(text), Some(span)) => {
            let span = span.start + before.len()..span.end + before.len();
            diagnostic = diagnostic.with_label(LabeledSpan::at(span, "here"));
            Report::new(diagnostic).with_source_code(source(name, &format!("{before}{text}")))
        }
        _ => Report::new(MietteDiagnostic { message: error.to_string(), ..diagnostic }),
    };
    Failure { code: 1, report, sentence: Some(sentence), names_options: false, is_of_lost_rank: false }
}

/// A text with its name, of which no place moves.
fn source(name: &str, text: &str) -> NamedSource<String> {
    NamedSource::new(on_terminal(name), on_terminal_in_place(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_is_shown_as_it_was_typed_and_a_file_by_its_name() {
        let set = |text: &str| {
            let error = electra_ner::Recipe::load(None, &[text.to_owned()]).unwrap_err();
            recipe(error)
        };
        let failure = set("train.epochs=0");
        assert!(failure.in_one_line().starts_with("--set train.epochs=0: `train.epochs` is 0: "));
        let shown = format!("{:?}", failure.report);
        assert!(shown.contains("command line:1:20") && shown.contains("--set train.epochs=0"), "{shown}");
        assert!(!shown.contains("--set:1"), "{shown}");
        let file = electra_run::recipe::load_str::<electra_ner::Recipe>("r.toml", "seed = 1", &[]);
        assert!(recipe(file.unwrap_err()).in_one_line().starts_with("r.toml:1:1: missing field"));
    }

    #[test]
    fn an_example_is_shown_with_the_option_of_the_command() {
        let told = |text: &str| {
            let error = electra_ner::Recipe::load(None, &[text.to_owned()]).unwrap_err();
            recipe_changed_by("--set-ner", error).in_one_line()
        };
        assert!(told("train.epochs").ends_with(": for example --set-ner train.batch_size=64"));
        let number = told("name=12");
        assert!(number.starts_with("--set-ner name=12: `name` must be a string"), "{number}");
        assert!(number.ends_with(r#": put it into quotes: --set-ner 'name="12"'"#), "{number}");
    }
}
