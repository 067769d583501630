//! Warnings about a data folder, to be read before training on it.

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
pub enum TextWarning {
    /// There are few documents for so much text.
    FewDocuments {
        /// The number of documents.
        documents: u64,
        /// Bytes of their text.
        text_bytes: u64,
        /// The split with few documents, where files are held out; `None` for the whole corpus.
        split: Option<Split>,
        /// The rule by which `.txt` files were divided into documents, if there were any.
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
        /// The number of all documents.
        documents: u64,
    },
    /// More than a twentieth of the words or of the characters is unknown.
    Unknown {
        /// The split with unknown words; `None` for the whole corpus.
        split: Option<Split>,
        /// The counts of words and characters.
        coverage: Coverage,
    },
    /// More than a hundredth of the characters is changed by dropping accents.
    Accents {
        /// The counts of words and characters.
        coverage: Coverage,
    },
}

impl TextWarning {
    /// The warnings about a text that a vocabulary is trained on.
    pub fn of_text(coverage: Coverage) -> Vec<Self> {
        let unknown = coverage.exceeds_limit().then_some(TextWarning::Unknown { split: None, coverage });
        let accents = coverage.loses_accents().then_some(TextWarning::Accents { coverage });
        unknown.into_iter().chain(accents).collect()
    }
}

impl Manifest {
    /// The warnings about this data folder.
    pub fn warnings(&self) -> Vec<TextWarning> {
        let mut warnings = Vec::new();
        let [train, heldout] = [&self.train, &self.heldout];
        let documents = train.documents + heldout.documents;
        let text_bytes = train.text_bytes + heldout.text_bytes;
        match self.settings.heldout {
            HeldOutRule::Hash { .. } => warnings.extend(self.few_documents(None, documents, text_bytes)),
            // Held-out files are another text: theirs make the documents of the others no shorter.
            HeldOutRule::Files { .. } => warnings.extend(Split::ALL.into_iter().filter_map(|split| {
                let counts = self.counts(split);
                self.few_documents(Some(split), counts.documents, counts.text_bytes)
            })),
        }
        if let HeldOutRule::Hash { fraction: asked, .. } = self.settings.heldout
            && asked > 0.0
            && text_bytes > 0
        {
            let found = self.heldout.text_bytes as f64 / text_bytes as f64;
            if found > 2.0 * asked || found < 0.5 * asked {
                let held_out = self.heldout.documents;
                warnings.push(TextWarning::HeldOutShare { asked, found, held_out, documents });
            }
        }
        let of_split = |split| self.counts(split).coverage;
        for split in Split::ALL {
            if let Some(coverage) = of_split(split).filter(Coverage::exceeds_limit) {
                warnings.push(TextWarning::Unknown { split: Some(split), coverage });
            }
        }
        let mut whole = of_split(Split::Train).unwrap_or_default();
        whole.add(&of_split(Split::HeldOut).unwrap_or_default());
        if whole.loses_accents() {
            warnings.push(TextWarning::Accents { coverage: whole });
        }
        warnings
    }

    /// The warning that a split, or the whole corpus, has few documents for so much text; `None` if it has
    /// enough.
    fn few_documents(&self, split: Option<Split>, documents: u64, text_bytes: u64) -> Option<TextWarning> {
        if documents >= FEW_DOCUMENTS || text_bytes <= documents * LONG_DOCUMENT_BYTES {
            return None;
        }
        let is_text = |file: &str| {
            matches!(FileKind::of_or(file.as_ref(), self.settings.kind), Ok((FileKind::Text, _)))
        };
        let mut inputs = self.inputs.iter().filter(|input| split.is_none_or(|split| input.split == split));
        let by = inputs.any(|input| is_text(&input.file)).then_some(self.settings.documents);
        Some(TextWarning::FewDocuments { documents, text_bytes, split, by })
    }
}
