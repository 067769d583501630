//! Start values that tell networks of positions, and the sizes of networks that can have them.

use super::{ConfigError, EncoderConfig, ModelConfig, PositionStart};
use crate::adjacent::{Adjacent, MIN_ATTENTION};
use crate::neighbours::{DISTANCES, Neighbours};
use crate::waves::Waves;

/// The distances at which heads attend if a recipe does not say: the token before. Every network has one head
/// at least.
const DEFAULT_DISTANCES: [i64; 1] = [-1];

/// The key whose fault a network is that cannot start as it should.
struct Keys {
    distances: &'static str,
    heads: &'static str,
}

impl ModelConfig {
    /// The tokens that heads of the discriminator's first block attend to at the start, relative to their
    /// own; none where [`PositionStart::Random`] leaves that open.
    pub fn discriminator_distances(&self) -> Vec<i64> {
        self.distances(&self.discriminator(), self.position_distances.as_deref())
    }

    /// The distances at which the generator's heads attend.
    pub fn generator_distances(&self) -> Vec<i64> {
        let own = self.generator.position_distances.as_deref();
        self.distances(&self.generator(), own.or(self.position_distances.as_deref()))
    }

    fn distances(&self, sizes: &EncoderConfig, given: Option<&[i64]>) -> Vec<i64> {
        match self.position_start {
            PositionStart::Random => vec![],
            PositionStart::Neighbours => {
                DISTANCES.iter().take(sizes.num_attention_heads).map(|&distance| distance as i64).collect()
            }
            PositionStart::Adjacent => given.unwrap_or(&DEFAULT_DISTANCES).to_vec(),
        }
    }

    /// The waves that the discriminator starts with, if it does.
    pub(crate) fn discriminator_waves(&self) -> Option<Waves> {
        self.waves(self.embedding_size, self.discriminator_distances())
    }

    /// The waves that the generator starts with, if it does.
    pub(crate) fn generator_waves(&self) -> Option<Waves> {
        self.waves(self.generator_embedding_size(), self.generator_distances())
    }

    fn waves(&self, embedding_size: usize, distances: Vec<i64>) -> Option<Waves> {
        let positions = self.max_position_embeddings;
        match self.position_start {
            PositionStart::Random => None,
            PositionStart::Neighbours => Some(Waves::Neighbours(Neighbours { positions, embedding_size })),
            PositionStart::Adjacent => {
                Some(Waves::Adjacent(Adjacent { positions, embedding_size, distances }))
            }
        }
    }

    /// Refuses lists of distances that say nothing, or more than once.
    pub(super) fn check_distances(&self) -> Result<(), ConfigError> {
        let given = [
            ("position_distances", &self.position_distances),
            ("generator.position_distances", &self.generator.position_distances),
        ];
        for (key, list) in given {
            let Some(list) = list else { continue };
            let fail = |message| Err(ConfigError { key, message });
            match self.position_start {
                PositionStart::Random => {
                    return fail("is for position_start = \"adjacent\", but that is \"random\"".into());
                }
                PositionStart::Neighbours => {
                    return fail("is for position_start = \"adjacent\", but that is \"neighbours\"".into());
                }
                PositionStart::Adjacent => {}
            }
            let most = self.max_position_embeddings as u64 - 1;
            let is_possible = |&distance: &i64| distance != 0 && distance.unsigned_abs() <= most;
            let has_equals = list.iter().enumerate().any(|(i, distance)| list[..i].contains(distance));
            if list.is_empty() || has_equals || !list.iter().all(is_possible) {
                return fail(format!(
                    "is {list:?}, expected distances from -{most} to {most}, at least one, none of them 0 and \
                     each once"
                ));
            }
        }
        Ok(())
    }

    /// Refuses a discriminator whose heads cannot attend to their neighbours.
    pub(super) fn check_discriminator_waves(&self) -> Result<(), ConfigError> {
        let keys = Keys { distances: "position_distances", heads: "num_attention_heads" };
        check(self.discriminator_waves(), &self.discriminator(), "discriminator", &keys)
    }

    /// Refuses a generator whose heads cannot. `heads` is the key that decides how wide they are.
    pub(super) fn check_generator_waves(&self, heads: &'static str) -> Result<(), ConfigError> {
        let distances = match self.generator.position_distances {
            Some(_) => "generator.position_distances",
            None => "position_distances",
        };
        check(self.generator_waves(), &self.generator(), "generator", &Keys { distances, heads })
    }
}

fn check(waves: Option<Waves>, sizes: &EncoderConfig, network: &str, keys: &Keys) -> Result<(), ConfigError> {
    let waves = match waves {
        None => return Ok(()),
        Some(Waves::Neighbours(waves)) => return waves.check(sizes),
        Some(Waves::Adjacent(waves)) => waves,
    };
    let (hidden_size, heads) = (sizes.hidden_size, sizes.num_attention_heads);
    if waves.distances.len() > heads {
        let message = format!(
            "is {:?}, which needs {} heads, but the {network} has {heads}: give it a distance for each head at \
             most (the generator's are generator.position_distances)",
            waves.distances,
            waves.distances.len()
        );
        return Err(ConfigError { key: keys.distances, message });
    }
    let width = hidden_size / heads;
    if !width.is_multiple_of(2) {
        let message = format!(
            "comes out as heads of width {width}, expected an even one for position_start = \"adjacent\""
        );
        return Err(ConfigError { key: keys.heads, message });
    }
    let attention = waves.attention_of(hidden_size, width);
    if attention >= MIN_ATTENTION {
        return Ok(());
    }
    let expected = match waves.least_width(hidden_size, width) {
        Some(least) => format!("expected a width of at least {least}"),
        None => format!("and no heads in a {network} of width {hidden_size} with these tables can give more"),
    };
    let message = format!(
        "comes out as heads of width {width}, which give {attention:.2} of their attention to a neighbour among {} \
         positions, but position_start = \"adjacent\" is for {MIN_ATTENTION} and more: {expected}",
        waves.positions
    );
    Err(ConfigError { key: keys.heads, message })
}
