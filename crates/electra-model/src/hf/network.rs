//! The networks that transformers has classes for.

/// Which network a transformers folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HfNetwork {
    /// `ElectraForPreTraining`
    Discriminator,
    /// `ElectraForMaskedLM`
    Generator,
    /// `ElectraForTokenClassification`: the discriminator's encoder below a classifier.
    Tagger,
}

impl HfNetwork {
    /// transformers' name of the class, as `architectures` of a `config.json` has it.
    pub fn architecture(self) -> &'static str {
        match self {
            Self::Discriminator => "ElectraForPreTraining",
            Self::Generator => "ElectraForMaskedLM",
            Self::Tagger => "ElectraForTokenClassification",
        }
    }
}
