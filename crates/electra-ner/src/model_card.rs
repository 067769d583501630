//! The model card of a tagger: `README.md` in its folder, as the Hugging Face hub shows it.

use std::path::Path;

use electra_files::shown::{code_in_markdown, fenced_in_markdown, in_markdown, sentence_in_markdown};
use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;

use crate::calibration::SplitCalibration;
use crate::finetune::agreement::TransformersAgreement;
use crate::finetune::outcome::Outcome;
use crate::head::HeadType;
use crate::recipe::Recipe;
use electra_annotations::{
    Answers, Division, Evaluation, LabelSet, Reliability, SplitFacts, TypeScores, percent_of,
};
use electra_train::card_metadata::{OPEN_LANGUAGE, OPEN_LICENCE, base_model, hub_name, in_yaml};
use electra_train::encoder_init::Lineage;

/// File of the card.
pub(crate) const README: &str = "README.md";

/// The content of a model card.
#[derive(Clone, Debug)]
pub(crate) struct Card<'a> {
    /// The recipe of fine-tuning.
    pub recipe: &'a Recipe,
    /// The recipe as TOML.
    pub recipe_text: &'a str,
    /// The labels of the tagger.
    pub labels: &'a LabelSet,
    /// The lineage of the tagger: the model that it was fine-tuned from.
    pub lineage: &'a Lineage,
    /// The division of text by the tagger.
    pub division: Division,
    /// The data that it was trained on.
    pub train: &'a SplitFacts,
    /// The outcome of the run.
    pub outcome: &'a Outcome,
    /// The evaluations of the tagger.
    pub evaluations: Vec<EvaluatedSplit<'a>>,
    /// The path of the training data.
    pub train_path: &'a Path,
    /// The longest sequence of pieces that the model reads.
    pub positions: usize,
    /// The warnings that have to be known to read the scores, a sentence each.
    pub warnings: &'a [String],
    /// The weights of the words of each type in the loss, if not all alike: `PER 2.00`.
    pub class_weights: Vec<String>,
}

/// The evaluation of a tagger on a split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EvaluatedSplit<'a> {
    /// `dev` or `test`.
    pub name: &'static str,
    /// The data of the split.
    pub data: &'a SplitFacts,
    /// Precision, recall and F1 by type, with their intervals.
    pub evaluation: &'a Evaluation,
    /// The calibration of the scores of entities.
    pub calibration: &'a SplitCalibration,
    /// Agreement with transformers, which reads each sentence alone and labels word by word.
    pub transformers: TransformersAgreement,
}

/// The values that the template is given.
#[derive(Serialize)]
struct Page<'a> {
    recipe: &'a Recipe,
    recipe_text: &'a str,
    kinds: Vec<&'a str>,
    lineage: &'a Lineage,
    division: Division,
    train: &'a SplitFacts,
    outcome: &'a Outcome,
    evaluations: Vec<Scored<'a>>,
    warnings: &'a [String],
    head: HeadType,
    class_weights: &'a [String],
    /// Files with records that an annotator did not accept.
    answered: Vec<&'a SplitFacts>,
    /// The name of the data set, in the letters that names on the hub have.
    dataset: String,
    /// The name of the pretrained model, in these letters; none where there was none.
    base_model: Option<String>,
    positions: usize,
    /// Pieces that windows of transformers share.
    stride: usize,
    temperature: Option<String>,
}

/// Scores on a split, in percent.
#[derive(Serialize)]
struct Scored<'a> {
    name: &'static str,
    data: &'a SplitFacts,
    rows: Vec<Row>,
    tokens: u64,
    tokens_scored: u64,
    /// None if there is no entity to find.
    interval: Option<[String; 2]>,
    drawn: String,
    resamples: usize,
    seed: u64,
    left_out: u64,
    strict: Option<String>,
    accuracy: String,
    /// Recall of entities that the training data has, and of others.
    seen: Option<[String; 2]>,
    /// Metrics of the hub: type, name and value between 0 and 1.
    metrics: Vec<(&'static str, &'static str, f64)>,
    /// Calibration error before and after, and the number of predicted entities.
    calibration: Option<(String, String, u64)>,
    f1: String,
    f1_of_transformers: String,
    transformers: TransformersAgreement,
}

#[derive(Serialize)]
struct Row {
    name: String,
    precision: String,
    recall: String,
    f1: String,
    support: u64,
}

/// The card in Markdown.
pub(crate) fn render(card: &Card) -> String {
    let files = std::iter::once(card.train).chain(card.evaluations.iter().map(|split| split.data));
    let temperature = card.evaluations.first().map(|split| split.calibration.temperature);
    let page = Page {
        recipe: card.recipe,
        recipe_text: card.recipe_text,
        kinds: card.labels.kinds(),
        lineage: card.lineage,
        division: card.division,
        train: card.train,
        outcome: card.outcome,
        evaluations: card.evaluations.iter().map(|split| scored(*split)).collect(),
        warnings: card.warnings,
        head: card.recipe.labels.head_type(),
        class_weights: &card.class_weights,
        answered: files.filter(|data| data.answers != Answers::default()).collect(),
        dataset: dataset_name(card.train_path),
        base_model: base_model(&card.lineage.model),
        positions: card.positions,
        stride: card.positions / 4,
        temperature: temperature.map(|temperature| format!("{temperature:.2}")),
    };
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters"));
    // What others have named is no markup.
    environment.add_filter("yaml", |text: String| in_yaml(&text));
    environment.add_global("open_language", OPEN_LANGUAGE);
    environment.add_global("open_licence", OPEN_LICENCE);
    environment.add_filter("text", in_markdown);
    environment.add_filter("code", code_in_markdown);
    environment.add_filter("sentence", sentence_in_markdown);
    environment.add_filter("fenced", fenced_in_markdown);
    environment.add_template("model_card.md", include_str!("model_card.md")).expect("our template");
    let template = environment.get_template("model_card.md").expect("it was just added");
    template.render(Serde(page)).expect("the template fits the page")
}

/// The data set that a file is of: the folder that it lies in, or its own name.
fn dataset_name(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name);
    hub_name(&folder.or(path.file_stem()).unwrap_or_default().to_string_lossy())
}

fn scored(split: EvaluatedSplit<'_>) -> Scored<'_> {
    let EvaluatedSplit { name, data, evaluation, calibration, transformers } = split;
    let micro = &evaluation.default.micro;
    // A ratio without a denominator is no result.
    let metrics = [
        ("f1", "micro F1 by the rules of conlleval", micro.f1, micro.gold),
        ("precision", "micro precision by the rules of conlleval", micro.precision, micro.predicted),
        ("recall", "micro recall by the rules of conlleval", micro.recall, micro.gold),
        ("accuracy", "token accuracy", evaluation.default.token_accuracy, evaluation.default.tokens),
    ];
    let error = |reliability: &Reliability| format!("{:.3}", reliability.calibration_error);
    let row = |name: String, scores: &TypeScores| {
        let [precision, recall, f1] = scores.percents();
        Row { name, precision, recall, f1, support: scores.gold }
    };
    let interval = evaluation.f1_interval;
    let scores = &evaluation.default;
    let rows = scores.types.iter().map(|(kind, scores)| row(in_markdown(kind), scores));
    let rows = rows.chain([row("**micro**".to_owned(), &scores.micro)]);
    Scored {
        name,
        data,
        rows: rows.collect(),
        tokens: scores.tokens,
        tokens_scored: scores.tokens_scored,
        interval: (scores.micro.gold > 0).then(|| [interval.low, interval.high].map(percent)),
        drawn: interval.drawn(),
        resamples: interval.resamples,
        seed: interval.seed,
        left_out: evaluation.left_out,
        strict: evaluation.strict.as_ref().map(|strict| percent_of(strict.micro.f1, strict.micro.gold)),
        accuracy: percent(scores.token_accuracy),
        metrics: metrics
            .into_iter()
            .filter(|(.., denominator)| *denominator > 0)
            .map(|(kind, name, value, _)| (kind, name, (value * 1e4).round() / 1e4))
            .collect(),
        calibration: (calibration.after.entities > 0)
            .then(|| (error(&calibration.before), error(&calibration.after), calibration.after.entities)),
        seen: evaluation.seen.map(|seen| [seen.seen, seen.unseen].map(|part| part.to_string())),
        f1: percent_of(micro.f1, micro.gold),
        f1_of_transformers: percent_of(transformers.f1, micro.gold),
        transformers,
    }
}

fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_set_is_named_after_its_folder() {
        assert_eq!(dataset_name(Path::new("data/wiki gold/train.conll")), "wiki-gold");
        assert_eq!(dataset_name(Path::new("train.conll")), "train");
    }
}
