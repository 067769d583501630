//! The warning about a split that is divided otherwise than the text that the tagger will read.

use electra_annotations::{Division, Splits};

/// A sentence for each split on which the scores are not those of `predict` on its text.
pub(super) fn notes(tagger: Division, splits: &Splits) -> Vec<String> {
    let note = |name: &str, found: Division| {
        if found.is_of_records() != tagger.is_of_records() {
            return Some(format!(
                "the {name} data is {}, the training data {}: the tagger will divide text as it was trained, \
                 so that scores on the {name} data are not those of `electra predict` on its text",
                form(found),
                form(tagger)
            ));
        }
        (found.sentences > tagger.sentences).then(|| {
            format!(
                "records of the {name} data hold line breaks that those of the training and development data \
                 do not, and `electra predict` will end a record there in plain text; of JSON lines it reads \
                 records whole"
            )
        })
    };
    let test = splits.test.as_ref().and_then(|test| note("test", test.division));
    note("development", splits.dev.division).into_iter().chain(test).collect()
}

fn form(division: Division) -> &'static str {
    if division.is_of_records() { "text with spans" } else { "given words" }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use electra_annotations::Split;
    use electra_annotations::{SentenceDivision, WordDivision};

    #[test]
    fn a_split_of_another_division_than_the_training_data_is_named() {
        let records = |sentences| Division { words: WordDivision::Marks, sentences, records_alone: true };
        let split = |division| Split { division, ..Split::new(Path::new("a"), Vec::new()) };
        let said = |train: Division, dev, test| {
            let splits = Splits { train: split(train), dev: split(dev), test: Some(split(test)) };
            notes(train.with(dev), &splits).join("\n")
        };
        let [line, paragraph, text] =
            [SentenceDivision::Line, SentenceDivision::Paragraph, SentenceDivision::Text].map(records);
        assert_eq!(said(Division::CORPUS, Division::CORPUS, Division::CORPUS), "");
        assert_eq!(said(line, paragraph, paragraph), "", "what the development data hold is provided for");
        assert!(said(line, paragraph, text).contains("records of the test data hold line breaks"));
        let mixed = said(Division::CORPUS, line, Division::CORPUS);
        assert!(mixed.contains("the development data is text with spans, the training data given words"));
        assert!(said(line, line, Division::CORPUS).contains("the test data is given words"));
    }
}
