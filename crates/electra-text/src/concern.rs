//! What somebody should know of a data folder before training on it.

use crate::corpus::{DocumentsBy, FileKind};
use crate::coverage::Coverage;
use crate::manifest::{HeldOutRule, Manifest};
use crate::shard::Split;

/// Below so many documents, each of them [`LONG_DOCUMENT_BYTES`] long, a corpus may have been
/// divided at the wrong places.
const FEW_DOCUMENTS: u64 = 100;

/// Text bytes of a document, on average, that make few documents worth a word.
const LONG_DOCUMENT_BYTES: u64 = 50_000;

/// A finding about a text and how it was divided and normalised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Concern {
    /// There are few documents for so much text.
    FewDocuments {
        /// Documents.
        documents: u64,
        /// Bytes of their text.
        text_bytes: u64,
        /// What divided `.txt` files, if there is one.
        by: Option<DocumentsBy>,
    },
    /// Far more or far less text is held out than was asked for.
    HeldOutShare {
        /// Share of the documents asked for.
        asked: f64,
        /// Share of the text that is held out.
        found: f64,
        /// Documents held out.
        held_out: u64,
        /// All documents.
        documents: u64,
    },
    /// More than a twentieth of the words or of the characters is unknown.
    Unknown {
        /// Of which split; none if of a whole corpus.
        split: Option<Split>,
        /// The counts.
        coverage: Coverage,
    },
    /// More than a hundredth of the characters is changed by dropping accents.
    Accents {
        /// The counts.
        coverage: Coverage,
    },
}

impl Concern {
    /// What is to be said of a text that a vocabulary is trained on.
    pub fn of_text(coverage: Coverage) -> Vec<Self> {
        let unknown = coverage.is_loud().then_some(Concern::Unknown { split: None, coverage });
        let accents = coverage.loses_accents().then_some(Concern::Accents { coverage });
        unknown.into_iter().chain(accents).collect()
    }
}

impl Manifest {
    /// What is to be said of this folder.
    pub fn concerns(&self) -> Vec<Concern> {
        let mut concerns = Vec::new();
        let documents = self.train.documents + self.heldout.documents;
        let text_bytes = self.train.text_bytes + self.heldout.text_bytes;
        if documents < FEW_DOCUMENTS && text_bytes > documents * LONG_DOCUMENT_BYTES {
            let is_text = |file: &str| matches!(FileKind::of(file.as_ref()), Ok((FileKind::Text, _)));
            let by = self.inputs.iter().any(|input| is_text(&input.file)).then_some(self.settings.documents);
            concerns.push(Concern::FewDocuments { documents, text_bytes, by });
        }
        if let HeldOutRule::Hash { fraction: asked, .. } = self.settings.heldout
            && asked > 0.0
            && text_bytes > 0
        {
            let found = self.heldout.text_bytes as f64 / text_bytes as f64;
            if found > 2.0 * asked || found < 0.5 * asked {
                let held_out = self.heldout.documents;
                concerns.push(Concern::HeldOutShare { asked, found, held_out, documents });
            }
        }
        let of_split = |split| self.counts(split).coverage;
        for split in Split::ALL {
            if let Some(coverage) = of_split(split).filter(Coverage::is_loud) {
                concerns.push(Concern::Unknown { split: Some(split), coverage });
            }
        }
        let mut whole = of_split(Split::Train).unwrap_or_default();
        whole.add(&of_split(Split::HeldOut).unwrap_or_default());
        if whole.loses_accents() {
            concerns.push(Concern::Accents { coverage: whole });
        }
        concerns
    }
}
