//! Tests of networks whose start values tell them of positions.

use burn::prelude::*;
use electra_model::encoder::Attention;
use electra_model::parameters::collect;
use electra_model::{
    Architecture, DropoutSites, Electra, EncoderConfig, GeneratorConfig, GeneratorKind, ModelConfig,
    PositionStart, Precision, TieMode,
};

use crate::tiny::{self, Noise};

/// FNV-1a over names and bits of every parameter.
fn hash_of_parameters(networks: &Electra) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    collect(networks).into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, (path, data)| {
        let hash = path.as_bytes().iter().fold(hash, step);
        data.iter::<f32>().fold(hash, |hash, value| value.to_bits().to_le_bytes().iter().fold(hash, step))
    })
}

#[test]
fn neighbours_start_with_the_bits_that_they_always_had() {
    let device = Device::flex();
    let hash = |tie| {
        let mut config = tiny::config(tie);
        config.position_start = PositionStart::Neighbours;
        config.kernel_gain = Some(1.4);
        hash_of_parameters(&Electra::init(&config, 7, &device))
    };
    let expected = [14_184_910_881_970_283_901, 16_853_558_705_660_669_047, 2_649_114_202_489_598_170];
    assert_eq!([TieMode::Embeddings, TieMode::None, TieMode::All].map(hash), expected);
}

/// A discriminator and a generator of one block, of `[hidden_size, heads]` each.
fn config(
    start: PositionStart,
    embedding_size: usize,
    positions: usize,
    discriminator: [usize; 2],
    generator: [usize; 2],
) -> ModelConfig {
    let base = tiny::config(TieMode::Embeddings);
    ModelConfig {
        vocab_size: 512,
        embedding_size,
        max_position_embeddings: positions,
        hidden_size: discriminator[0],
        num_hidden_layers: 1,
        num_attention_heads: discriminator[1],
        intermediate_size: 8,
        kernel_gain: Some(1.4),
        position_start: start,
        generator: GeneratorConfig {
            hidden_size: Some(generator[0]),
            num_hidden_layers: Some(1),
            num_attention_heads: Some(generator[1]),
            intermediate_size: Some(8),
            ..base.generator.clone()
        },
        ..base
    }
}

/// The attention of each head of `attention` to the token at its distance, on average over positions of
/// `x [B, S, H]` away from the ends.
fn attention_at_distances(x: &Tensor<3>, attention: &Attention, heads: usize, distances: &[i64]) -> Vec<f64> {
    let [b, s, h] = x.dims();
    let width = h / heads;
    let values = |tensor: Tensor<3>| -> Vec<f32> { tensor.into_data().try_to_vec().unwrap() };
    let (query, key) = (values(attention.query.forward(x.clone())), values(attention.key.forward(x.clone())));
    let margin = distances.iter().map(|distance| distance.unsigned_abs() as usize).max().unwrap();
    let queries: Vec<usize> = (margin..s - margin).step_by((s / 24).max(1)).collect();
    let of_head = |head: usize| {
        let distance = distances[head % distances.len()];
        let mut sum = 0.0;
        for row in 0..b {
            let at = |tensor: &[f32], position: usize| -> Vec<f64> {
                let first = (row * s + position) * h + head * width;
                tensor[first..first + width].iter().map(|&value| f64::from(value)).collect()
            };
            let keys: Vec<Vec<f64>> = (0..s).map(|position| at(&key, position)).collect();
            for &position in &queries {
                let query = at(&query, position);
                let score = |key: &Vec<f64>| -> f64 {
                    query.iter().zip(key).map(|(a, b)| a * b).sum::<f64>() / (width as f64).sqrt()
                };
                let wanted = score(&keys[(position as i64 + distance) as usize]);
                sum += keys.iter().map(|key| (score(key) - wanted).exp()).sum::<f64>().recip();
            }
        }
        sum / (b * queries.len()) as f64
    };
    (0..heads).map(of_head).collect()
}

struct AtDistances {
    discriminator: Vec<f64>,
    generator: Vec<f64>,
}

/// The attention of the first blocks of both networks at their distances, as `init` builds them, over random
/// words.
fn measured(config: &ModelConfig, seed: u64) -> AtDistances {
    let device = Device::flex();
    let networks = Electra::init(config, seed, &device);
    let (b, s) = (2, config.max_position_embeddings);
    let mut noise = Noise(seed);
    let ids: Vec<i32> = (0..b * s).map(|_| noise.below(config.vocab_size) as i32).collect();
    let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [b, s]), &device);
    let x = networks.generator_embeddings().forward(ids.clone(), ids.zeros_like(), &DropoutSites::off());
    let of = |project: &Option<electra_model::layers::Dense>,
              sizes: EncoderConfig,
              attention,
              distances: Vec<i64>| {
        let x = match project {
            Some(project) => project.forward(x.clone()),
            None => x.clone(),
        };
        attention_at_distances(&x, attention, sizes.num_attention_heads, &distances)
    };
    let (d, g) = (&networks.discriminator, networks.learned_generator());
    let own = g.encoder.as_ref().unwrap();
    AtDistances {
        discriminator: of(
            &d.project,
            config.discriminator(),
            &d.encoder.layers[0].attention,
            config.discriminator_distances(),
        ),
        generator: of(&g.project, config.generator(), &own.layers[0].attention, config.generator_distances()),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Prints the tables of `docs/decisions/0014`:
/// `cargo test --test networks attention_to_the_neighbour -- --nocapture`.
#[test]
fn attention_to_the_neighbour_does_not_depend_on_widths_and_positions() {
    println!("| table | head | positions | neighbours | adjacent |\n|---|---|---|---|---|");
    for table in [64, 128, 256] {
        for width in [8, 16, 32, 64] {
            for positions in [64, 128, 512] {
                let sizes = [table, table / width];
                let of = |start| {
                    let config = config(start, table, positions, sizes, sizes);
                    let error = match config.validate() {
                        Ok(()) => {
                            let of_seed = |seed| mean(&measured(&config, seed).discriminator);
                            return Ok(mean(&[1, 2, 3, 4].map(of_seed)));
                        }
                        Err(error) => error,
                    };
                    assert_eq!(error.key, "num_attention_heads", "{error}");
                    Err(error.message)
                };
                let before = of(PositionStart::Neighbours).unwrap();
                let now = of(PositionStart::Adjacent);
                let shown = now.as_ref().map_or("refused".to_owned(), |now| format!("{now:.2}"));
                println!("| {table} | {width} | {positions} | {before:.2} | {shown} |");
                match now {
                    Ok(now) if width >= 16 => assert!((0.70..0.86).contains(&now), "{now} of {sizes:?}"),
                    Ok(now) => assert!((0.50..0.88).contains(&now), "{now} of {sizes:?}"),
                    Err(message) => {
                        assert!(width == 8 && positions == 512, "{sizes:?} among {positions}: {message}");
                        assert!(message.contains("expected a width of at least 1"), "{message}");
                    }
                }
            }
        }
    }
}

#[test]
fn generators_and_discriminators_of_the_recipes_attend_to_their_neighbours() {
    // Table, positions, discriminator and generator of configs/pretrain, and narrower generators.
    let networks = [
        ("debug", 64, 64, [128, 4], [64, 4]),
        ("tiny", 128, 128, [128, 4], [32, 2]),
        ("mini", 128, 128, [256, 4], [32, 2]),
        ("mini, generator 1/16", 128, 128, [256, 4], [16, 1]),
        ("debug, generator 1/8", 64, 64, [128, 4], [16, 1]),
        ("debug, generator 1/8 of heads 8", 64, 64, [128, 4], [16, 2]),
        ("debug, generator 1/2 of heads 8", 64, 64, [128, 4], [64, 8]),
    ];
    println!("| networks | start | discriminator | generator |\n|---|---|---|---|");
    for (name, table, positions, discriminator, generator) in networks {
        for start in [PositionStart::Neighbours, PositionStart::Adjacent] {
            let config = config(start, table, positions, discriminator, generator);
            let found = measured(&config, 5);
            let [d, g] = [mean(&found.discriminator), mean(&found.generator)];
            println!("| {name} | {start:?} | {d:.2} | {g:.2} |");
            if start == PositionStart::Adjacent {
                assert!((0.68..0.88).contains(&d), "discriminator of {name}: {d}");
                assert!((0.62..0.88).contains(&g), "generator of {name}: {g}");
            }
        }
    }
}

#[test]
fn heads_take_the_distances_of_the_recipe_in_turn() {
    let mut config = config(PositionStart::Adjacent, 64, 64, [64, 4], [32, 2]);
    assert_eq!((config.discriminator_distances(), config.generator_distances()), (vec![-1], vec![-1]));
    config.position_distances = Some(vec![-1, 1, -3]);
    config.generator.position_distances = Some(vec![2]);
    assert_eq!((config.discriminator_distances(), config.generator_distances()), (vec![-1, 1, -3], vec![2]));
    let found = measured(&config, 1);
    for attention in found.discriminator.iter().chain(&found.generator) {
        assert!((0.65..0.9).contains(attention), "{attention}");
    }
}

/// A change that makes a sound network an impossible one.
type Change = fn(&mut ModelConfig);

#[test]
fn distances_that_a_network_cannot_begin_with_are_refused() {
    let refused = |change: Change| {
        let mut config = config(PositionStart::Adjacent, 64, 64, [64, 4], [32, 2]);
        change(&mut config);
        config.validate().unwrap_err().to_string()
    };
    let cases: [(Change, &str); 8] = [
        (
            |c| {
                c.position_start = PositionStart::Neighbours;
                c.position_distances = Some(vec![-1]);
            },
            "position_distances: is for position_start = \"adjacent\", but that is \"neighbours\"",
        ),
        (
            |c| {
                c.position_start = PositionStart::Random;
                c.generator.position_distances = Some(vec![-1]);
            },
            "generator.position_distances: is for position_start = \"adjacent\", but that is \"random\"",
        ),
        (
            |c| c.position_distances = Some(vec![]),
            "position_distances: is [], expected distances from -63 to 63",
        ),
        (|c| c.position_distances = Some(vec![-1, -1]), "position_distances: is [-1, -1], expected"),
        (
            |c| c.generator.position_distances = Some(vec![0]),
            "generator.position_distances: is [0], expected",
        ),
        (|c| c.position_distances = Some(vec![64]), "position_distances: is [64], expected"),
        (
            |c| c.position_distances = Some(vec![-1, 1, -2]),
            "position_distances: is [-1, 1, -2], which needs 3 heads, but the generator has 2",
        ),
        (
            |c| c.generator.position_distances = Some(vec![-1, 1, 2]),
            "generator.position_distances: is [-1, 1, 2], which needs 3 heads, but the generator has 2",
        ),
    ];
    for (change, expected) in cases {
        let error = refused(change);
        assert!(error.starts_with(expected), "{error} does not begin with {expected}");
    }
}

#[test]
fn heads_too_narrow_for_half_of_their_attention_are_refused_with_the_least_width() {
    let refused = |discriminator, generator| {
        let config = config(PositionStart::Adjacent, 64, 64, discriminator, generator);
        config.validate().unwrap_err().to_string()
    };
    let error = refused([64, 16], [32, 2]);
    let expected = "num_attention_heads: comes out as heads of width 4, which give 0.";
    assert!(error.starts_with(expected), "{error}");
    assert!(error.ends_with("expected a width of at least 8"), "{error}");
    let error = refused([64, 4], [16, 4]);
    assert!(error.starts_with("generator.num_attention_heads: comes out as heads of width 4"), "{error}");
    let error = refused([64, 4], [4, 1]);
    assert!(error.contains("no heads in a generator of width 4 with these tables can give more"), "{error}");
    let error = refused([60, 4], [32, 2]);
    assert!(
        error.starts_with("num_attention_heads: comes out as heads of width 15, expected an even"),
        "{error}"
    );
}

#[test]
fn shared_encoders_have_one_list_of_distances() {
    let mut config = tiny::config(TieMode::All);
    (config.hidden_size, config.num_attention_heads, config.embedding_size) = (64, 4, 64);
    config.position_start = PositionStart::Adjacent;
    config.position_distances = Some(vec![-1, 1]);
    config.generator.position_distances = Some(vec![-1, 1]);
    config.validate().unwrap();
    config.generator.position_distances = Some(vec![-1]);
    assert_eq!(config.validate().unwrap_err().key, "generator.position_distances");
}

#[test]
fn a_tower_that_reads_from_right_to_left_looks_the_other_way() {
    let device = Device::flex();
    let keys = |distance: i64| {
        let mut config = config(PositionStart::Adjacent, 64, 64, [64, 4], [32, 2]);
        config.generator.position_distances = Some(vec![distance]);
        let networks = Architecture { generator: GeneratorKind::TwoTower, ..Architecture::ELECTRA };
        let generator = Electra::init_with(&config, networks, 1, &device, Precision::F32).generator.unwrap();
        let (left, right) = (generator.encoder.unwrap(), generator.right_to_left.unwrap().encoder);
        [left, right].map(|encoder| -> Vec<f32> {
            encoder.layers[0].attention.key.weight.val().into_data().try_to_vec().unwrap()
        })
    };
    let [left, right] = keys(-1);
    assert_ne!(left, right);
    assert_eq!(keys(1), [right, left]);
}
