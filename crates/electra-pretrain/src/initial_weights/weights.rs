//! The folders that a run begins with, held against its recipe and its data.

use std::path::{Path, PathBuf};

use burn::prelude::*;
use electra_model::architecture::HeadKind;
use electra_model::warm_start::{
    self, Growth, Network, Source, SourceNetwork, Sources, WarmStartError, warm_start,
};
use electra_model::{GeneratorKind, ModelConfig, parameters};
use electra_text::{DataSet, Tokenizer};
use electra_train::model_folder::{NetworkKind, PretrainedNetworks};
use electra_train::{Ancestor, ancestors, model_name};

use super::error::InitialWeightsError as E;
use super::file::{Begun, InitFile};
use super::vocabulary;
use crate::mixture::Mixture;
use crate::recipe::Recipe;
use crate::snapshot::{self, Snapshot};

/// Weights that a run begins with.
#[derive(Clone, Debug)]
pub struct InitialWeights {
    discriminator: Folder,
    generator: Option<Folder>,
    sources: Sources,
}

/// A folder that weights come from, without its weights.
#[derive(Clone, Debug)]
struct Folder {
    begun: Begun,
    config: ModelConfig,
    tokenizer: Tokenizer,
}

impl Folder {
    fn of(networks: PretrainedNetworks) -> Self {
        let begun = Begun {
            weights_hash: networks.weights_hash(),
            path: networks.path,
            kind: networks.kind,
            tokenizer_hash: networks.tokenizer.hash().to_hex().to_string(),
        };
        Self { begun, config: networks.config, tokenizer: networks.tokenizer }
    }
}

impl InitialWeights {
    /// Reads the folder of a discriminator, or of a model with both networks, and that of a generator, if it is to
    /// come from elsewhere.
    ///
    /// # Errors
    /// Folders that hold other networks, or are damaged, or are not of one vocabulary.
    pub fn open(discriminator: &Path, generator: Option<&Path>) -> Result<Self, E> {
        let discriminator = PretrainedNetworks::open(discriminator)?;
        let generator = generator.map(PretrainedNetworks::open).transpose()?;
        if let Some(generator) = &generator {
            let path = generator.path.clone();
            match generator.kind {
                NetworkKind::Discriminator => {
                    let expected = "a masked language model (ElectraForMaskedLM), or that of a run";
                    let (found, role) = (generator.kind, Network::Generator);
                    return Err(E::OtherNetwork { path, found, role, expected });
                }
                NetworkKind::Model if !generator.has_generator() => return Err(E::NoGenerator { path }),
                NetworkKind::Model | NetworkKind::MaskedLm | NetworkKind::Encoder => {}
            }
            let [own, of] = [generator, &discriminator].map(|of| (of.path.as_path(), &of.tokenizer));
            vocabulary::check(own, of).and_then(|()| vocabulary::check(of, own)).map_err(|source| {
                let [generator, discriminator] = [own.0, of.0].map(Path::to_owned);
                E::TwoVocabularies { generator, discriminator, source: Box::new(source) }
            })?;
        }
        let sources = sources(&discriminator, generator.as_ref());
        Ok(Self { discriminator: Folder::of(discriminator), generator: generator.map(Folder::of), sources })
    }

    /// The path of the discriminator's folder.
    pub fn path(&self) -> &Path {
        &self.discriminator.begun.path
    }

    /// The tokenizer of the weights.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.discriminator.tokenizer
    }

    /// The networks in words: "runs/a, a run or an imported model; with its generator".
    pub fn in_words(&self) -> String {
        let of =
            |folder: &Folder| format!("{}, {}", model_name(&folder.begun.path), folder.begun.kind.in_words());
        let generator = match (&self.generator, self.sources.generator.is_some()) {
            (Some(generator), _) => format!("generator: {}", of(generator)),
            (None, true) => "with its generator".to_owned(),
            (None, false) => "the generator starts fresh".to_owned(),
        };
        format!("{}; {generator}", of(&self.discriminator))
    }

    /// The folder among these that was one of a run's as well, by the file that the run has of it, and holds something
    /// else now.
    pub fn changed_since(&self, before: &InitFile) -> Option<PathBuf> {
        let then = [Some(&before.discriminator), before.generator.as_ref()];
        let pairs = [Some(&self.discriminator), self.generator.as_ref()].into_iter().zip(then);
        let both = pairs.filter_map(|(now, then)| Some((&now?.begun, then?)));
        let mut changed = both.filter(|(now, then)| {
            let hashes = |begun: &Begun| (begun.weights_hash.clone(), begun.tokenizer_hash.clone());
            now.path == then.path && hashes(now) != hashes(then)
        });
        changed.next().map(|(now, _)| now.path.clone())
    }

    /// Refuses weights that a run of `recipe` cannot begin with, whatever its data.
    ///
    /// # Errors
    /// Another network than the recipe's, other sizes, or other ties.
    pub fn check_recipe(&self, recipe: &Recipe) -> Result<(), E> {
        let architecture = recipe.architecture();
        let found = self.discriminator.begun.kind;
        if found == NetworkKind::MaskedLm && architecture.head == HeadKind::ReplacedToken {
            let expected = "one (ElectraForPreTraining), an encoder alone (ElectraModel) or a run";
            let (path, role) = (self.path().to_owned(), Network::Discriminator);
            return Err(E::OtherNetwork { path, found, role, expected });
        }
        if let Some(generator) =
            self.generator.as_ref().filter(|_| architecture.generator == GeneratorKind::None)
        {
            return Err(E::NoPlace { path: generator.begun.path.clone() });
        }
        warm_start::check(&recipe.model, architecture, &self.sources).map_err(|source| self.misfit(source))
    }

    /// Refuses sizes of the discriminator that the weights do not have, whatever else is wrong with the recipe: what
    /// follows from them can hardly be right.
    ///
    /// # Errors
    /// All that differ.
    pub fn check_sizes(&self, recipe: &Recipe) -> Result<(), E> {
        warm_start::check_discriminator(&recipe.model, &self.sources).map_err(|source| self.misfit(source))
    }

    /// The error with the folder that it is about.
    fn misfit(&self, source: WarmStartError) -> E {
        let is_of_generator = match &source {
            WarmStartError::Sizes { misfits } => misfits[0].network == Network::Generator,
            WarmStartError::GeneratorKind { .. } | WarmStartError::Tie { .. } => true,
        };
        let generator = self.generator.as_ref().filter(|_| is_of_generator);
        E::Misfit { path: generator.unwrap_or(&self.discriminator).begun.path.clone(), source }
    }

    /// Refuses data of another vocabulary, unless it begins with that of the weights.
    ///
    /// # Errors
    /// The first piece or setting that differs.
    pub fn check_data(&self, data: &DataSet) -> Result<(), E> {
        vocabulary::check((data.folder(), data.tokenizer()), (self.path(), self.tokenizer()))
    }

    /// Hash of all that a start depends on: the weights of both networks, and their vocabulary.
    pub fn model_hash(&self) -> String {
        let of = |folder: &Folder| {
            let Begun { kind, weights_hash, tokenizer_hash, .. } = &folder.begun;
            format!("{kind:?} {weights_hash} {tokenizer_hash}\n")
        };
        let text: String = self.folders().map(of).collect();
        blake3::hash(format!("electra initial weights 1\n{text}").as_bytes()).to_hex().to_string()
    }

    fn folders(&self) -> impl Iterator<Item = &Folder> {
        [Some(&self.discriminator), self.generator.as_ref()].into_iter().flatten()
    }

    /// The weights themselves, and what they began with.
    fn ancestors(&self) -> Vec<Ancestor> {
        let own = self.folders().map(|folder| Ancestor {
            model: model_name(&folder.begun.path),
            weights_hash: folder.begun.weights_hash.clone(),
        });
        let mut all: Vec<Ancestor> = own.collect();
        for folder in self.folders() {
            let earlier = ancestors(&folder.begun.path).into_iter();
            let new: Vec<Ancestor> = earlier.filter(|ancestor| !all.contains(ancestor)).collect();
            all.extend(new);
        }
        all
    }

    /// The state in which a run of `recipe` on `data` begins with these weights, both of which were checked.
    ///
    /// # Errors
    /// As [`Self::check_recipe`].
    pub fn start(&self, recipe: &Recipe, data: &Mixture, device: &Device) -> Result<(Snapshot, InitFile), E> {
        let mut start = snapshot::start(recipe, data, device);
        let fresh = parameters::collect(start.model());
        let growth = Growth {
            words: vocabulary::rows(
                data.first().tokenizer(),
                self.tokenizer(),
                self.rows_of_words(),
                recipe.model.vocab_size,
            ),
            positions: recipe.init.positions,
        };
        let begun = warm_start(&recipe.model, recipe.architecture(), fresh, &self.sources, &growth)
            .map_err(|source| self.misfit(source))?;
        let file = InitFile::new(
            self.model_hash(),
            (self.discriminator.begun.clone(), self.generator.as_ref().map(|folder| folder.begun.clone())),
            self.ancestors(),
            &begun,
        );
        start.replace(|model| {
            parameters::load(model, begun.tensors).expect("they are the model's own names and shapes")
        });
        Ok((start, file))
    }

    /// Rows that the word tables of all networks have.
    fn rows_of_words(&self) -> usize {
        self.folders().map(|folder| folder.config.vocab_size).min().unwrap_or(0)
    }
}

fn sources(discriminator: &PretrainedNetworks, generator: Option<&PretrainedNetworks>) -> Sources {
    let sources = match discriminator.kind {
        NetworkKind::Model => Sources::of_model(&discriminator.config, discriminator.tensors.clone()),
        NetworkKind::Discriminator | NetworkKind::Encoder => alone(discriminator, |name| name),
        // Where tokens are predicted in a discriminator's place, the head has another name.
        NetworkKind::MaskedLm => alone(discriminator, |name| match name.strip_prefix("head.") {
            Some(rest) => format!("masked_lm.{rest}"),
            None => name,
        }),
    };
    let sources = sources.with_unused(redundant(discriminator, Network::Discriminator));
    let Some(generator) = generator else { return sources };
    let network = match generator.kind {
        NetworkKind::Model => Sources::of_model(&generator.config, generator.tensors.clone()).generator,
        _ => Some(SourceNetwork::alone(&generator.config, generator.tensors.clone())),
    };
    let sources = sources.with_generator(network.expect("a model without a generator was refused"));
    sources.with_unused(redundant(generator, Network::Generator))
}

/// What the file of a folder has beside its network.
fn redundant(folder: &PretrainedNetworks, network: Network) -> impl Iterator<Item = Source> {
    folder.redundant.iter().map(move |name| Source { network, name: name.clone(), given_for: network })
}

fn alone(folder: &PretrainedNetworks, rename: impl Fn(String) -> String) -> Sources {
    let named = folder.tensors.clone().into_iter().map(|(name, data)| (rename(name), data));
    Sources::of_networks(SourceNetwork::alone(&folder.config, named.collect()), None)
}

/// Sizes of the discriminator, and those of the generator where one is at hand.
pub(super) fn config(weights: &InitialWeights) -> ModelConfig {
    let mut config = weights.discriminator.config.clone();
    let given = weights.generator.as_ref().and(weights.sources.generator.as_ref());
    if let Some(generator) = given {
        let sizes = generator.sizes;
        let own = &mut config.generator;
        (own.width, own.hidden_size) = (None, Some(sizes.hidden_size));
        (own.depth, own.num_hidden_layers) = (None, Some(sizes.num_hidden_layers));
        own.num_attention_heads = Some(sizes.num_attention_heads);
        own.intermediate_size = Some(sizes.intermediate_size);
        own.tie = weights.sources.fitting_tie();
    } else if weights.discriminator.begun.kind != NetworkKind::Model {
        // No generator is known: a quarter of the width, as the paper has it for small and large.
        let own = &mut config.generator;
        (own.width, own.hidden_size) = (Some(0.25), None);
        (own.depth, own.num_hidden_layers) = (Some(1.0), None);
        (own.num_attention_heads, own.intermediate_size) = (None, None);
    }
    config
}
