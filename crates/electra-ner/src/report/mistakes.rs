//! Sentences with mistakes, as stretches of text with marks, grouped by what went wrong.

use serde::Serialize;

use electra_annotations::{Comparison, Confusion, ErrorClass, Match, SentenceView, Sentences};

/// Sentences of a group that are shown at most: a page has to open in a browser.
const SHOWN: usize = 300;

/// All mistakes of one class.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct ErrorGroup {
    name: &'static str,
    count: usize,
    /// The number of mistakes that are not shown.
    hidden: usize,
    mistakes: Vec<Mistake>,
}

/// A sentence in which something went wrong.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Mistake {
    /// Number of the sentence, from 1.
    sentence: usize,
    /// The description of the mistake: `PER Ada Lovelace → LOC Lovelace`.
    what: String,
    text: Vec<Stretch>,
}

/// Words with one mark.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Stretch {
    text: String,
    /// `both`, `gold`, `predicted`, or nothing: who marks it.
    mark: &'static str,
}

/// The mistakes of a comparison of `sentences`, most frequent class first.
pub(super) fn groups(comparison: &Comparison, sentences: &Sentences) -> Vec<ErrorGroup> {
    const CLASSES: [ErrorClass; 5] = [
        ErrorClass::Missed,
        ErrorClass::Spurious,
        ErrorClass::Type,
        ErrorClass::Boundary,
        ErrorClass::TypeAndBoundary,
    ];
    let matches: Vec<Match> = comparison.matches().collect();
    let mut groups: Vec<ErrorGroup> = CLASSES
        .iter()
        .map(|&class| {
            let of_class: Vec<&Match> = matches.iter().filter(|found| found.class == class).collect();
            let mistake = |found: &&Match| mistake(found, sentences.get(found.sentence));
            ErrorGroup {
                name: class.name(),
                count: of_class.len(),
                hidden: of_class.len().saturating_sub(SHOWN),
                mistakes: of_class.iter().take(SHOWN).map(mistake).collect(),
            }
        })
        .filter(|group| group.count > 0)
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}

fn mistake(found: &Match, sentence: SentenceView<'_>) -> Mistake {
    let tokens: Vec<&str> = sentence.tokens().collect();
    let words = |span: Option<&electra_annotations::Span>, none: &str| match span {
        Some(span) => format!("{} {}", span.kind, tokens[span.start..span.end].join(" ")),
        None => none.to_owned(),
    };
    let is_in = |span: Option<&electra_annotations::Span>, at: usize| {
        span.is_some_and(|s| (s.start..s.end).contains(&at))
    };
    let mut text: Vec<Stretch> = Vec::new();
    for (at, &token) in tokens.iter().enumerate() {
        let mark = match (is_in(found.gold, at), is_in(found.predicted, at)) {
            (true, true) => "both",
            (true, false) => "gold",
            (false, true) => "predicted",
            (false, false) => "",
        };
        match text.last_mut().filter(|last| last.mark == mark) {
            Some(last) => {
                last.text.push(' ');
                last.text += token;
            }
            None => text.push(Stretch { text: token.to_owned(), mark }),
        }
    }
    Mistake {
        sentence: found.sentence + 1,
        what: format!(
            "{} → {}",
            words(found.gold, Confusion::NO_ENTITY),
            words(found.predicted, Confusion::MISSED)
        ),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use electra_annotations::Mode;
    use electra_annotations::Sentence;

    #[test]
    fn every_mistake_is_shown_in_its_sentence() {
        let strings = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let gold = strings("B-PER I-PER O B-LOC O");
        let sentence = Sentence {
            tokens: strings("Ada Lovelace saw Rome today"),
            tags: gold.clone(),
            document: 0,
            line: 1,
        };
        let predicted = strings("O B-PER O O B-LOC");
        let comparison = Comparison::new(&[gold], &[predicted], Mode::Default).unwrap();
        let groups = groups(&comparison, &vec![sentence].into());
        let counts: Vec<(&str, usize)> = groups.iter().map(|group| (group.name, group.count)).collect();
        assert_eq!(counts, [("missed", 1), ("spurious", 1), ("boundary", 1)]);
        let boundary = &groups[2].mistakes[0];
        assert_eq!(boundary.what, "PER Ada Lovelace → PER Lovelace");
        let text: Vec<(&str, &str)> = boundary.text.iter().map(|s| (s.text.as_str(), s.mark)).collect();
        assert_eq!(text, [("Ada", "gold"), ("Lovelace", "both"), ("saw Rome today", "")]);
        assert_eq!(groups[0].mistakes[0].what, "LOC Rome → missed");
        assert_eq!(groups[1].mistakes[0].what, "no entity → LOC today");
    }
}
