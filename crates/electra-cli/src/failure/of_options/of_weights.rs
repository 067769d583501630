//! Options that help against weights that a pretraining cannot begin with.

use std::path::Path;

use electra_files::shown::shell_word;
use electra_model::warm_start::Network;
use electra_pretrain::InitialWeightsError;
use electra_train::layout::TOKENIZER;

/// The advice in words of the command line.
pub(super) fn of_weights(error: &InitialWeightsError) -> Option<String> {
    Some(match error {
        InitialWeightsError::OtherNetwork { role: Network::Discriminator, .. } => {
            "give the folder of the discriminator with --init; that of a generator goes beside it, with \
             --init-generator"
                .to_owned()
        }
        InitialWeightsError::OtherNetwork { role: Network::Generator, .. }
        | InitialWeightsError::NoGenerator { .. } => {
            "give the folder of a generator with --init-generator, or leave that out: it starts fresh then".to_owned()
        }
        InitialWeightsError::NoPlace { .. } => {
            "leave --init-generator out, or choose another objective (--set objective.kind=...)".to_owned()
        }
        InitialWeightsError::Normaliser { of, .. }
        | InitialWeightsError::Pieces { of, .. }
        | InitialWeightsError::FewerPieces { of, .. } => {
            let tokenizer = tokenizer_of(of);
            format!(
                "rows of tables belong to pieces: build the data with the tokenizer of the weights (electra data build \
                 --tokenizer {tokenizer}), or with one that extends it (electra data tokenizer --extend {tokenizer})"
            )
        }
        InitialWeightsError::TwoVocabularies { .. } => {
            "give with --init-generator the generator that was trained with the discriminator, or leave it out: it starts \
             fresh then"
                .to_owned()
        }
        InitialWeightsError::ChangedSince { .. } => {
            "put the weights back that it began with, whose hashes are in init.json there; or leave --init out: the run \
             goes on from its own checkpoints; or start in another folder with --run"
                .to_owned()
        }
        InitialWeightsError::NoWeights => "give the weights to begin with (--init), or remove the table".to_owned(),
        InitialWeightsError::Gone { .. } => {
            "give the weights again that it began with (--init): init.json there has their hashes".to_owned()
        }
        InitialWeightsError::Changed { .. } => {
            "give the weights that it began with (--init): init.json there has their hashes; or start in another \
             folder with --run"
                .to_owned()
        }
        _ => return None,
    })
}

/// The tokenizer in the folder of a model, in a command that somebody may copy.
fn tokenizer_of(model: &Path) -> String {
    let own = model.join(TOKENIZER);
    let folder = if own.is_dir() { &own } else { model };
    shell_word(&folder.display().to_string())
}
