//! The random choices of damage, which a seed repeats.

use rand_xoshiro::Xoshiro256PlusPlus;

/// The generator of random choices.
pub type Rng = Xoshiro256PlusPlus;
