//! Thresholds of the metrics beyond which a run looks ill.

/// A detector is collapsed above this share of the entropy of the fake rate.
pub const COLLAPSE_RATIO: f64 = 0.98;
/// Or below this recall.
pub const COLLAPSE_RECALL: f64 = 0.05;
/// A discriminator that has begun to see more than frequencies has an area under the curve above this.
pub const LOW_AUC: f64 = 0.8;
/// Above it, the discriminator may just be saying "original" everywhere (with weight 50, a generator of
/// unigrams costs about 27).
pub const PLATEAU: f64 = 24.0;
