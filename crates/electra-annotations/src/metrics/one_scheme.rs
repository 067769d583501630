//! Gold and predicted tags in one scheme, as far as they are not.
//!
//! Tags of one scheme are compared as they are written, so that scores and token accuracy are those of
//! seqeval. Schemes with own letters for the last token are read alike, whatever they call them, and where
//! one side has such letters and the other has not, both are read in IOB2, as the readers convert.

use std::borrow::Cow;

use super::{Mode, StrictScheme, spans};
use crate::predictions::Predictions;
use crate::scheme::{self, Scheme};
use crate::sentences::Tags;

/// The tags of one run, both sides read in one scheme.
pub(super) struct OneScheme<'a> {
    run: &'a Predictions,
    gold: Reading,
    predicted: Reading,
}

/// The scheme that gold and all runs have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Common {
    /// The tags are of IOB1 or IOB2.
    Iob,
    /// The tags are of BILOU alone.
    Bilou,
    /// The tags are of IOBES, BILOU or BMES.
    Ends,
    /// There is no common scheme.
    Mixed,
}

/// The way in which a tag is read.
#[derive(Clone, Copy)]
enum Reading {
    AsWritten,
    /// With the letters of IOBES.
    Iobes,
    /// As the readers convert.
    Iob2,
    /// The tags that the scheme allows, in IOB2.
    AllowedIob2,
}

impl Common {
    pub(super) fn of(runs: &[Predictions]) -> Self {
        let schemes = || runs.iter().flat_map(|run| [run.gold_scheme, run.predicted_scheme]);
        if schemes().all(|scheme| scheme == Scheme::Bilou) {
            Self::Bilou
        } else if schemes().all(Scheme::marks_ends) {
            Self::Ends
        } else if schemes().any(Scheme::marks_ends) {
            Self::Mixed
        } else {
            Self::Iob
        }
    }

    /// The scheme in which both sides are compared strictly.
    pub(super) fn strict(self) -> StrictScheme {
        match self {
            Self::Iob | Self::Mixed => StrictScheme::Iob2,
            Self::Bilou => StrictScheme::Bilou,
            Self::Ends => StrictScheme::Iobes,
        }
    }

    /// The tags of a run for default mode.
    pub(super) fn for_default(self, run: &Predictions) -> OneScheme<'_> {
        let [gold, predicted] = [run.gold_scheme, run.predicted_scheme];
        let reading = |scheme| match self {
            Self::Bilou | Self::Ends => Reading::Iobes,
            Self::Mixed => Reading::Iob2,
            Self::Iob if gold == predicted || scheme == Scheme::Iob2 => Reading::AsWritten,
            Self::Iob => Reading::Iob2,
        };
        OneScheme::new(run, reading(gold), reading(predicted))
    }

    /// The tags of a run for strict mode.
    pub(super) fn for_strict(self, run: &Predictions) -> OneScheme<'_> {
        let iob = |scheme| if scheme == Scheme::Iob1 { Reading::Iob2 } else { Reading::AsWritten };
        match self {
            Self::Iob => OneScheme::new(run, iob(run.gold_scheme), iob(run.predicted_scheme)),
            Self::Bilou => OneScheme::as_written(run),
            Self::Ends => OneScheme::new(run, Reading::Iobes, Reading::Iobes),
            Self::Mixed if run.predicted_scheme.marks_ends() => {
                OneScheme::new(run, Reading::Iob2, Reading::AllowedIob2)
            }
            Self::Mixed => OneScheme::new(run, Reading::Iob2, iob(run.predicted_scheme)),
        }
    }
}

impl<'a> OneScheme<'a> {
    pub(super) fn as_written(run: &'a Predictions) -> Self {
        Self::new(run, Reading::AsWritten, Reading::AsWritten)
    }

    fn new(run: &'a Predictions, gold: Reading, predicted: Reading) -> Self {
        Self { run, gold, predicted }
    }

    /// The gold tags of each sentence.
    pub(super) fn gold(&self) -> impl ExactSizeIterator<Item = Vec<Cow<'a, str>>> {
        let reading = self.gold;
        self.run.sentences.tags().iter().map(move |tags| reading.of(tags))
    }

    /// The predicted tags of each sentence.
    pub(super) fn predicted(&self) -> impl ExactSizeIterator<Item = Vec<Cow<'a, str>>> {
        let reading = self.predicted;
        self.run.predicted.iter().map(move |tags| reading.of(tags))
    }
}

impl Reading {
    fn of(self, tags: Tags<'_>) -> Vec<Cow<'_, str>> {
        const PARSED: &str = "the tags were parsed when their scheme was found";
        let owned = |tags: Vec<String>| tags.into_iter().map(Cow::Owned).collect();
        match self {
            Self::AsWritten => tags.iter().map(Cow::Borrowed).collect(),
            Self::Iobes => owned(scheme::in_letters_of_iobes(&tags.to_vec())),
            Self::Iob2 => owned(scheme::to_iob2(&tags.to_vec()).expect(PARSED)),
            Self::AllowedIob2 => {
                let letters = scheme::in_letters_of_iobes(&tags.to_vec());
                let allowed = spans(&letters, Mode::Strict(StrictScheme::Iobes)).expect(PARSED);
                let mut read = vec![Cow::Borrowed("O"); tags.len()];
                for span in allowed {
                    for (at, tag) in read.iter_mut().enumerate().take(span.end).skip(span.start) {
                        *tag = format!("{}-{}", if at == span.start { 'B' } else { 'I' }, span.kind).into();
                    }
                }
                read
            }
        }
    }
}
