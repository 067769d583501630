//! The parameters of a network that is built have the names and shapes that were listed before.

use burn::prelude::*;
use burn::tensor::{DType, TensorData};
use electra_model::parameters::{Headers, LoadError, TensorHeader, collect, headers_of};
use electra_model::shapes::{self, Shapes};
use electra_model::{Architecture, Electra, GeneratorKind, HeadKind, Precision, TieMode, hf};

use crate::tiny;

fn of_floats(shapes: &Shapes) -> Headers {
    let header = |shape: &Vec<usize>| TensorHeader { dtype: DType::F32, shape: shape.clone() };
    shapes.iter().map(|(name, shape)| (name.clone(), header(shape))).collect()
}

#[test]
fn listing_and_building_agree_for_all_networks_ties_and_projections() {
    let ties = [TieMode::Embeddings, TieMode::None, TieMode::All, TieMode::GradientDisentangled];
    for tie in ties {
        for generator in [GeneratorKind::None, GeneratorKind::Masked, GeneratorKind::TwoTower] {
            if generator == GeneratorKind::TwoTower && tie == TieMode::All {
                continue;
            }
            for head in [HeadKind::ReplacedToken, HeadKind::MaskedLm, HeadKind::CopyingLm] {
                for (embedding_size, baseline) in [(16, true), (24, false), (12, false)] {
                    let networks = Architecture { generator, head, baseline };
                    let mut config = tiny::config(tie);
                    config.embedding_size = embedding_size;
                    let built = Electra::init_with(&config, networks, 0, &Device::flex(), Precision::F32);
                    let found = headers_of(&collect(&built));
                    assert_eq!(
                        found,
                        of_floats(&shapes::of_electra(&config, networks)),
                        "{tie:?} {networks:?}"
                    );
                    let own = headers_of(&collect(&built.discriminator));
                    assert_eq!(own, of_floats(&shapes::of_discriminator(&config, head)));
                }
            }
        }
    }
}

#[test]
fn what_a_file_holds_is_refused_by_the_first_tensor_that_does_not_fit() {
    let expected = shapes::of_encoder(&tiny::config(TieMode::Embeddings));
    let with = |change: fn(&mut Headers)| {
        let mut headers = of_floats(&expected);
        change(&mut headers);
        shapes::check(&headers, &expected)
    };
    let bias = "project.bias";
    let header = |dtype, shape: &[usize]| TensorHeader { dtype, shape: shape.to_vec() };
    assert_eq!(with(|_| {}), Ok(()));
    let name = bias.to_owned();
    assert_eq!(
        with(|all| drop(
            all.insert("project.bias".into(), TensorHeader { dtype: DType::F32, shape: vec![25] })
        )),
        Err(LoadError::Shape { name: name.clone(), found: vec![25], expected: vec![24] })
    );
    assert_eq!(
        with(|all| drop(
            all.insert("project.bias".into(), TensorHeader { dtype: DType::I64, shape: vec![24] })
        )),
        Err(LoadError::Type { name: name.clone(), found: "I64".into() })
    );
    assert_eq!(with(|all| drop(all.remove("project.bias"))), Err(LoadError::Missing(vec![name])));
    let extra = "encoder.layers.3.attention.query.bias".to_owned();
    let mut headers = of_floats(&expected);
    headers.insert(extra.clone(), header(DType::F32, &[24]));
    assert_eq!(shapes::check(&headers, &expected), Err(LoadError::Unexpected(vec![extra])));
}

#[test]
fn a_folder_of_transformers_is_read_the_same_from_headers_alone() {
    let config = tiny::config(TieMode::Embeddings);
    let model = tiny::electra(&config, 1, &Device::flex());
    let no_dropout = hf::HfDropout { hidden: 0.0, attention: 0.0 };
    for (network, expected) in [
        (hf::HfNetwork::Discriminator, shapes::of_discriminator(&config, HeadKind::ReplacedToken)),
        (hf::HfNetwork::Generator, {
            let sizes = config.generator();
            let mut own = config.clone();
            own.hidden_size = sizes.hidden_size;
            own.num_hidden_layers = sizes.num_hidden_layers;
            own.num_attention_heads = sizes.num_attention_heads;
            own.intermediate_size = sizes.intermediate_size;
            shapes::of_masked_lm(&own)
        }),
    ] {
        let exported = hf::export(&model, &config, no_dropout, network).tensors;
        let headers = hf::import(headers_of(&exported), network).unwrap();
        assert_eq!(headers, headers_of(&hf::import(exported, network).unwrap()), "{network:?}");
        assert_eq!(headers, of_floats(&expected), "{network:?}");
    }
}

#[test]
fn integers_under_the_name_of_a_weight_are_no_weights() {
    let name = "electra.embeddings_project.weight".to_owned();
    let tensors = [(name, TensorData::new(vec![1i64; 6], [2, 3]))];
    let error = hf::import_encoder(tensors.into_iter().collect()).unwrap_err().to_string();
    assert!(error.contains("holds I64, expected floats"), "{error}");
    let shapes = ["weight", "gamma"]
        .map(|leaf| (format!("electra.embeddings.LayerNorm.{leaf}"), TensorData::new(vec![1f32; 3], [3])));
    let error = hf::import_encoder(shapes.into_iter().collect()).unwrap_err().to_string();
    assert!(error.contains("`embeddings.norm.gamma` stands there twice"), "{error}");
}
