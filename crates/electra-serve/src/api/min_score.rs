//! The lowest scores that a request asks for.

use std::collections::BTreeMap;
use std::fmt;

use electra_ner::{MinScores, TypeThreshold};
use serde::de::{self, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

use super::fields::Share;
use crate::problem::{Problem, ProblemKind};
use crate::served::ServedTagger;

/// The lowest score of entities that are answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MinScore {
    /// Of all types.
    All(Share),
    /// Of each of some types, by its name.
    Types(BTreeMap<String, Share>),
}

/// The description of a field that may have a [`MinScore`].
pub(crate) fn schema() -> RefOr<Schema> {
    let number = || {
        let number = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Number));
        number.minimum(Some(0.0)).maximum(Some(1.0)).build()
    };
    let types = ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::<Schema>::from(Schema::Object(number()))));
    let none = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Null));
    let all = OneOfBuilder::new().item(number()).item(types).item(none);
    all.description(Some("The lowest score of entities that are answered, of all types or of each of some"))
        .into()
}

impl<'de> Deserialize<'de> for MinScore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl<'de> Visitor<'de> for Numbers {
            type Value = MinScore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 0 to 1, or an object of them by entity type")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<MinScore, E> {
                Share::deserialize(number.into_deserializer()).map(MinScore::All)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<MinScore, E> {
                self.visit_f64(number as f64)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<MinScore, E> {
                self.visit_f64(number as f64)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MinScore, A::Error> {
                let mut types = BTreeMap::new();
                while let Some((kind, score)) = map.next_entry::<String, Share>()? {
                    if types.contains_key(&kind) {
                        return Err(de::Error::custom(format_args!("two numbers for the type {kind:?}")));
                    }
                    types.insert(kind, score);
                }
                Ok(MinScore::Types(types))
            }
        }
        deserializer.deserialize_any(Numbers)
    }
}

/// What a precision asks of the entities of a type, by the development data of the tagger's training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Threshold {
    /// Whether the precision is reached. All entities of a type that does not reach it are left out.
    is_reached: bool,
    /// The lowest score that reaches it, or the one that comes nearest; none if no entity of the type was found there.
    min_score: Option<f64>,
    /// Entities found there from that score on.
    predicted: u64,
    /// Those of them that are right.
    correct: u64,
    /// The lower end of the 95 % interval (Wilson) of the precision.
    precision_at_least: Option<f64>,
}

impl Threshold {
    fn of(threshold: &TypeThreshold) -> Self {
        let point = threshold.reached.or(threshold.best);
        Self {
            is_reached: threshold.reached.is_some(),
            min_score: point.map(|point| point.min_score),
            predicted: point.map_or(0, |point| point.predicted),
            correct: point.map_or(0, |point| point.correct),
            precision_at_least: point.map(|point| point.precision_bound()),
        }
    }
}

/// The thresholds of a precision by type.
pub(crate) type Thresholds = BTreeMap<String, Threshold>;

/// The lowest scores for a tagger, and of a precision the thresholds that it comes to.
///
/// # Errors
/// A type that the tagger does not know, both kinds of thresholds, or a precision
/// without the data for it.
pub(crate) fn min_scores(
    tagger: &ServedTagger,
    min_score: Option<MinScore>,
    precision_target: Option<Share>,
) -> Result<(MinScores, Option<Thresholds>), Problem> {
    let scores = match (min_score, precision_target) {
        (Some(_), Some(_)) => {
            return Err(wrong(
                "min_score and precision_target exclude each other",
                "send one of them",
                "/precision_target",
            ));
        }
        (None, None) => MinScores::default(),
        (Some(MinScore::All(Share(all))), None) => MinScores { all, types: BTreeMap::new() },
        (Some(MinScore::Types(scores)), None) => {
            let mut types = BTreeMap::new();
            for (kind, Share(score)) in scores {
                if !tagger.types.contains(&kind) {
                    return Err(wrong(
                        format!("the tagger does not know the type {kind:?}"),
                        format!("its types are {}", tagger.types.join(", ")),
                        "/min_score",
                    ));
                }
                types.insert(kind, Some(score));
            }
            MinScores { all: 0.0, types }
        }
        (None, Some(Share(precision))) => {
            let Some(calibration) = &tagger.calibration else {
                return Err(wrong(
                    "the tagger has no calibration.json, from which thresholds of a precision come",
                    "send min_score; or fine-tune again, which writes it",
                    "/precision_target",
                ));
            };
            let types: Vec<&str> = tagger.types.iter().map(String::as_str).collect();
            let found: Vec<TypeThreshold> = calibration.thresholds(&types, precision);
            let thresholds = found.iter().map(|of_type| (of_type.kind.clone(), Threshold::of(of_type)));
            return Ok((MinScores::of_thresholds(&found), Some(thresholds.collect())));
        }
    };
    Ok((scores, None))
}

fn wrong(detail: impl Into<String>, remedy: impl Into<String>, pointer: &str) -> Problem {
    Problem::new(ProblemKind::InvalidRequest, detail, remedy).at(pointer)
}
