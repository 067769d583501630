//! The random choices of damage, which a seed repeats.

use rand_xoshiro::Xoshiro256PlusPlus;

/// Where random choices come from.
pub type Rng = Xoshiro256PlusPlus;
