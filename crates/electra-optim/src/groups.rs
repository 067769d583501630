//! Parameter groups by name: weight decay, and depth for layer-wise learning rates.

use serde::{Deserialize, Serialize};

/// Whether weight decay applies to the parameter at `path`.
///
/// The reference excludes names that contain `LayerNorm`, `layer_norm` or `bias`. Our layer norms
/// hold `gamma` and `beta` under fields named for their place (`attention.norm.gamma`), so these two
/// names are excluded as well. Embedding tables decay.
pub fn has_weight_decay(path: &str) -> bool {
    let excluded = ["LayerNorm", "layer_norm", "bias"].iter().any(|part| path.contains(part));
    let layer_norm = matches!(path.rsplit('.').next(), Some("gamma" | "beta"));
    !excluded && !layer_norm
}

/// Whether the parameter of so many dimensions at `path` is a matrix of an encoder layer: its inputs and its outputs
/// are hidden states. Tables, the projection from their width to the hidden one, and heads are none.
pub fn is_encoder_matrix(path: &str, dimensions: usize) -> bool {
    dimensions == 2 && matches!(depth_of(path), Depth::Layer(_))
}

/// The depth of a parameter in its network, counted from the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Embedding tables, their layer norm and the projection to the hidden width.
    Embeddings,
    /// An encoder layer, counted from 0 at the input.
    Layer(usize),
    /// The parameters above the encoder.
    Head,
}

/// The depth that `path` names, in our names (`encoder.layers.3.`), those of transformers
/// (`encoder.layer.3.`) or of the reference (`encoder/layer_3/`).
pub fn depth_of(path: &str) -> Depth {
    let mut parts = path.split(['.', '/']).peekable();
    while let Some(part) = parts.next() {
        match part {
            "embeddings" | "embeddings_project" | "project" => return Depth::Embeddings,
            "layer" | "layers" => {
                if let Some(index) = parts.peek().and_then(|next| next.parse().ok()) {
                    return Depth::Layer(index);
                }
            }
            _ => {
                if let Some(index) = part.strip_prefix("layer_").and_then(|n| n.parse().ok()) {
                    return Depth::Layer(index);
                }
            }
        }
    }
    Depth::Head
}

/// Layer-wise learning-rate decay: rates for fine-tuning that shrink geometrically from the head down to the
/// embeddings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerwiseDecay {
    /// Ratio between the rates of neighbouring layers: 0.8 for small and base, 0.9 for large;
    /// 1 gives every parameter the same rate.
    pub rate: f64,
    /// The exponents to count with.
    pub mode: LayerwiseMode,
    /// Number of encoder layers.
    pub layers: usize,
}

/// The exponents of layer-wise decay, of which there are two readings; they differ by one factor `rate` below
/// the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerwiseMode {
    /// As the paper describes it: the top layer has `rate^1`, the embeddings `rate^(layers + 1)`.
    Paper,
    /// As the released code computes it: the top layer has `rate^2`, the embeddings
    /// `rate^(layers + 2)`, left over from a pooler between encoder and head that was removed
    /// (google-research/electra issue 51).
    Google,
}

impl LayerwiseDecay {
    /// Factor on the learning rate of a parameter at `depth`; 1 for the head.
    pub fn multiplier(&self, depth: Depth) -> f64 {
        let removed_pooler = match self.mode {
            LayerwiseMode::Paper => 0,
            LayerwiseMode::Google => 1,
        };
        let below_head = match depth {
            Depth::Head => return 1.0,
            Depth::Layer(index) => {
                assert!(index < self.layers, "layer {index} of an encoder of {}", self.layers);
                self.layers - index
            }
            Depth::Embeddings => self.layers + 1,
        };
        self.rate.powi((below_head + removed_pooler) as i32)
    }

    /// Factor on the learning rate of the parameter at `path`.
    pub fn multiplier_of(&self, path: &str) -> f64 {
        self.multiplier(depth_of(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn layer_lr() -> Value {
        serde_json::from_str(include_str!("../tests/fixtures/layer_lr.json")).unwrap()
    }

    #[test]
    fn the_released_code_gives_these_rates_to_the_parameters_of_a_12_layer_model() {
        let fixture = layer_lr();
        let base = fixture["base_lr"].as_f64().unwrap();
        let layers = fixture["n_layers"].as_u64().unwrap() as usize;
        let decay =
            LayerwiseDecay { rate: fixture["decay"].as_f64().unwrap(), mode: LayerwiseMode::Google, layers };
        let parameters = fixture["params"].as_array().unwrap();
        assert_eq!(parameters.len(), 201);
        for parameter in parameters {
            let expected = parameter["lr"].as_f64().unwrap();
            let depth = match parameter["depth"].as_u64().unwrap() as usize {
                0 => Depth::Embeddings,
                n if n == layers + 2 => Depth::Head,
                n => Depth::Layer(n - 1),
            };
            for name in ["name", "tf_name"] {
                let name = parameter[name].as_str().unwrap();
                assert_eq!(depth_of(name), depth, "{name}");
                let found = base * decay.multiplier_of(name);
                assert!((found - expected).abs() <= 1e-15 * expected, "{name}: {found} {expected}");
            }
        }
    }

    #[test]
    fn the_paper_takes_one_factor_less_below_the_head() {
        let google = LayerwiseDecay { rate: 0.5, mode: LayerwiseMode::Google, layers: 3 };
        let paper = LayerwiseDecay { mode: LayerwiseMode::Paper, ..google };
        let depths = [Depth::Head, Depth::Layer(2), Depth::Layer(1), Depth::Layer(0), Depth::Embeddings];
        assert_eq!(depths.map(|d| paper.multiplier(d)), [1.0, 0.5, 0.25, 0.125, 0.0625]);
        assert_eq!(depths.map(|d| google.multiplier(d)), [1.0, 0.25, 0.125, 0.0625, 0.03125]);
    }

    #[test]
    fn a_rate_of_one_leaves_every_learning_rate_alone() {
        for mode in [LayerwiseMode::Paper, LayerwiseMode::Google] {
            let decay = LayerwiseDecay { rate: 1.0, mode, layers: 12 };
            assert_eq!(decay.multiplier(Depth::Embeddings), 1.0);
            assert_eq!(decay.multiplier(Depth::Layer(4)), 1.0);
        }
    }

    #[test]
    fn depth_is_read_from_our_own_paths() {
        for (path, depth) in [
            ("discriminator.embeddings.norm.beta", Depth::Embeddings),
            ("discriminator.project.weight", Depth::Embeddings),
            ("discriminator.encoder.layers.0.attention.norm.gamma", Depth::Layer(0)),
            ("encoder.layers.11.feed_forward.output.bias", Depth::Layer(11)),
            ("generator.head.output_bias", Depth::Head),
            ("discriminator.head.dense.weight", Depth::Head),
            ("classifier.weight", Depth::Head),
            ("task.layers.dense.weight", Depth::Head),
        ] {
            assert_eq!(depth_of(path), depth, "{path}");
        }
    }

    #[test]
    fn the_reference_decays_these_parameters_and_no_others() {
        let fixture: Value =
            serde_json::from_str(include_str!("../tests/fixtures/weight_decay.json")).unwrap();
        let names = |key: &str| -> Vec<String> { serde_json::from_value(fixture[key].clone()).unwrap() };
        assert_eq!((names("decayed").len(), names("excluded").len()), (38, 60));
        for name in names("decayed") {
            assert!(has_weight_decay(&name), "{name}");
        }
        for name in names("excluded") {
            assert!(!has_weight_decay(&name), "{name}");
        }
        for parameter in layer_lr()["params"].as_array().unwrap() {
            let expected = parameter["weight_decay"].as_bool().unwrap();
            for name in ["name", "tf_name"] {
                let name = parameter[name].as_str().unwrap();
                assert_eq!(has_weight_decay(name), expected, "{name}");
            }
        }
    }

    #[test]
    fn matrices_of_encoder_layers_are_no_tables_projections_or_heads() {
        for path in
            ["discriminator.encoder.layers.0.attention.query.weight", "generator.encoder.layers.1.x.weight"]
        {
            assert!(is_encoder_matrix(path, 2) && !is_encoder_matrix(path, 1), "{path}");
        }
        for path in [
            "discriminator.embeddings.word",
            "discriminator.project.weight",
            "discriminator.head.dense.weight",
            "generator.head.dense.weight",
        ] {
            assert!(!is_encoder_matrix(path, 2), "{path}");
        }
    }

    #[test]
    fn our_own_paths_decay_by_the_same_rule() {
        for path in [
            "discriminator.embeddings.word",
            "discriminator.embeddings.position",
            "discriminator.encoder.layers.0.attention.query.weight",
            "generator.head.dense.weight",
        ] {
            assert!(has_weight_decay(path), "{path}");
        }
        for path in [
            "discriminator.encoder.layers.0.attention.norm.gamma",
            "discriminator.encoder.layers.0.attention.query.bias",
            "discriminator.embeddings.norm.beta",
            "generator.head.norm.gamma",
            "generator.head.output_bias",
        ] {
            assert!(!has_weight_decay(path), "{path}");
        }
    }
}
