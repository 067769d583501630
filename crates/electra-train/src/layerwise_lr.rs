//! Learning rates by layer, and frozen parameters.

use burn::module::{Module, ModuleMapper, Param};
use burn::prelude::*;
use electra_optim::{Depth, LayerwiseDecay, LayerwiseMode, depth_of};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The decay of learning rates from the head down to the embeddings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayerDecay {
    /// `rate` to the power of the layers above, as the paper says it: the top layer has `rate`.
    Paper {
        /// The factor from layer to layer, in `(0, 1]`; the paper's is .8 for small and base, .9 for large.
        rate: f64,
    },
    /// As the released code has it, with one factor more below the head.
    Google {
        /// The factor from layer to layer, in `(0, 1]`.
        rate: f64,
    },
    /// One rate for all.
    None {},
}

/// The parameters that are frozen: they keep their pretrained values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Freeze {
    /// No parameter is frozen.
    Nothing {},
    /// The tables, their layer norm and the projection.
    Embeddings {},
    /// The embeddings and the first `count` layers of the encoder.
    Layers {
        /// The number of frozen layers, at least 1.
        count: usize,
    },
    /// The embeddings and all layers of the encoder but the last `count`, however many there are.
    AllButLast {
        /// Layers that learn, at least 1.
        count: usize,
    },
}

/// Rates that cannot be meant.
#[derive(Clone, Debug, PartialEq, Error, miette::Diagnostic)]
pub enum RatesError {
    /// A decay or factor out of its range.
    #[error("{name} is {found}, expected {expected}")]
    Number {
        /// The dotted key below `[rates]`.
        key: &'static str,
        /// The name of the setting.
        name: &'static str,
        /// The value that was given.
        found: f64,
        /// The values that are possible.
        expected: &'static str,
    },
    /// More layers than there are, or none.
    #[error("freeze names {count} layers of an encoder of {layers}, expected 1 to {layers}")]
    #[diagnostic(help("for the embeddings alone: kind = \"embeddings\""))]
    Layers {
        /// Layers that are named.
        count: usize,
        /// Layers of the encoder.
        layers: usize,
    },
}

/// The rates of the parameters of a network that is fine-tuned, by their paths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    decay: Option<LayerwiseDecay>,
    /// The number of the first layers that are frozen, the embeddings with them; `None` where all parameters
    /// learn.
    frozen_layers: Option<usize>,
    /// Factor on the rates of parameters whose paths begin with a name.
    factor: (&'static str, f64),
}

impl Rates {
    /// The rates of a network with an encoder of `layers` layers.
    ///
    /// # Errors
    /// Numbers that cannot be meant, or more frozen layers than there are.
    pub fn new(layer_decay: LayerDecay, freeze: Freeze, layers: usize) -> Result<Self, RatesError> {
        let decay = match layer_decay {
            LayerDecay::None {} => None,
            LayerDecay::Paper { rate } => Some(LayerwiseDecay { rate, mode: LayerwiseMode::Paper, layers }),
            LayerDecay::Google { rate } => Some(LayerwiseDecay { rate, mode: LayerwiseMode::Google, layers }),
        };
        if let Some(LayerwiseDecay { rate: found, .. }) = decay
            && !(found > 0.0 && found <= 1.0)
        {
            let expected = "a number above 0 and at most 1";
            return Err(RatesError::Number {
                key: "layer_decay.rate",
                name: "rate of layer_decay",
                found,
                expected,
            });
        }
        if let Freeze::Layers { count } | Freeze::AllButLast { count } = freeze
            && !(1..=layers).contains(&count)
        {
            return Err(RatesError::Layers { count, layers });
        }
        let frozen_layers = match freeze {
            Freeze::Nothing {} => None,
            Freeze::Embeddings {} => Some(0),
            Freeze::Layers { count } => Some(count),
            Freeze::AllButLast { count } => Some(layers - count),
        };
        Ok(Self { decay, frozen_layers, factor: ("", 1.0) })
    }

    /// These rates with a factor on those of parameters whose paths begin with the name `root`.
    #[must_use]
    pub fn with_factor(self, root: &'static str, factor: f64) -> Self {
        Self { factor: (root, factor), ..self }
    }

    /// Factor on the learning rate of the parameter at `path`; 0 exactly where it is frozen.
    pub fn multiplier(&self, path: &str) -> f64 {
        if self.is_frozen(path) {
            return 0.0;
        }
        let (root, factor) = self.factor;
        let factor = if path.split('.').next() == Some(root) { factor } else { 1.0 };
        factor * self.decay.map_or(1.0, |decay| decay.multiplier_of(path))
    }

    /// Whether the parameter at `path` keeps its value.
    pub fn is_frozen(&self, path: &str) -> bool {
        match (self.frozen_layers, depth_of(path)) {
            (None, _) | (_, Depth::Head) => false,
            (Some(_), Depth::Embeddings) => true,
            (Some(count), Depth::Layer(index)) => index < count,
        }
    }

    /// `module` without gradients for what is frozen: no work is done for them, the optimizer has
    /// no moments for them and leaves them as they are, weight decay included.
    pub fn freeze<M: Module>(&self, module: M) -> M {
        module.map(&mut Freezer { rates: self, path: vec![] })
    }
}

struct Freezer<'a> {
    rates: &'a Rates,
    path: Vec<String>,
}

impl ModuleMapper for Freezer<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.rates.is_frozen(&self.path.join(".")) { parameter.set_require_grad(false) } else { parameter }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn rates(layer_decay: LayerDecay, freeze: Freeze, layers: usize) -> Result<Rates, RatesError> {
        Rates::new(layer_decay, freeze, layers)
    }

    #[test]
    fn every_parameter_of_a_12_layer_tagger_has_the_rate_of_the_released_code() {
        let table = include_str!("../tests/fixtures/layer_lr.json");
        let table: Value = serde_json::from_str(table).unwrap();
        let number = |value: &Value| value.as_f64().unwrap();
        let (base, rate) = (number(&table["base_lr"]), number(&table["decay"]));
        let google = rates(LayerDecay::Google { rate }, Freeze::Nothing {}, 12).unwrap();
        let paper = rates(LayerDecay::Paper { rate }, Freeze::Nothing {}, 12).unwrap();
        let one = rates(LayerDecay::None {}, Freeze::Nothing {}, 12).unwrap();
        let parameters = table["params"].as_array().unwrap();
        assert_eq!(parameters.len(), 201);
        for parameter in parameters {
            let (name, expected) = (parameter["name"].as_str().unwrap(), number(&parameter["lr"]));
            let close = |found: f64, expected: f64| (found - expected).abs() <= 1e-15 * expected;
            assert!(close(base * google.multiplier(name), expected), "{name}");
            let below_head = if name.starts_with("classifier") { 1.0 } else { rate };
            assert!(close(base * paper.multiplier(name) * below_head, expected), "{name}");
            assert_eq!(one.multiplier(name), 1.0);
        }
    }

    #[test]
    fn frozen_layers_are_counted_from_the_embeddings_up() {
        let frozen = |freeze| {
            let rates = rates(LayerDecay::Paper { rate: 0.5 }, freeze, 3).unwrap();
            let paths = [
                "embeddings.word",
                "project.bias",
                "encoder.layers.0.attention.norm.gamma",
                "encoder.layers.1.feed_forward.output.weight",
                "encoder.layers.2.attention.key.bias",
                "classifier.weight",
                "crf.next",
            ];
            paths.map(|path| rates.multiplier(path))
        };
        let [e, l0, l1, l2] = [0.0625, 0.125, 0.25, 0.5];
        assert_eq!(frozen(Freeze::Nothing {}), [e, e, l0, l1, l2, 1.0, 1.0]);
        assert_eq!(frozen(Freeze::Embeddings {}), [0.0, 0.0, l0, l1, l2, 1.0, 1.0]);
        assert_eq!(frozen(Freeze::Layers { count: 2 }), [0.0, 0.0, 0.0, 0.0, l2, 1.0, 1.0]);
        assert_eq!(frozen(Freeze::Layers { count: 3 }), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(frozen(Freeze::AllButLast { count: 1 }), frozen(Freeze::Layers { count: 2 }));
        assert_eq!(frozen(Freeze::AllButLast { count: 2 }), frozen(Freeze::Layers { count: 1 }));
        assert_eq!(frozen(Freeze::AllButLast { count: 3 }), frozen(Freeze::Embeddings {}));
    }

    #[test]
    fn only_what_is_below_a_root_has_its_factor() {
        let rates = rates(LayerDecay::None {}, Freeze::Nothing {}, 2).unwrap().with_factor("crf", 50.0);
        assert_eq!(
            ["crf.next", "crf.end", "crfs.end", "classifier.bias"].map(|path| rates.multiplier(path)),
            [50.0, 50.0, 1.0, 1.0]
        );
    }

    #[test]
    fn rates_that_cannot_be_meant_are_refused() {
        let nothing = Freeze::Nothing {};
        for rate in [0.0, -0.5, 1.1, f64::NAN] {
            assert!(rates(LayerDecay::Paper { rate }, nothing, 3).is_err(), "{rate}");
        }
        for count in [0, 4] {
            for freeze in [Freeze::Layers { count }, Freeze::AllButLast { count }] {
                let error = rates(LayerDecay::None {}, freeze, 3).unwrap_err();
                assert_eq!(error, RatesError::Layers { count, layers: 3 });
            }
        }
    }
}
