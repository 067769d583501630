//! Drift of types: differences of dev and test from the training data.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::options::SplitRole;
use super::report::SplitReport;

/// The drift of a split: the differences of its types from those of the training data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// Name of the split.
    pub split: String,
    /// The name of the split that it is compared with: of the split to train on, `train` if there are
    /// several, or of the first split if there is none.
    pub reference: String,
    /// Types that only this split has: no model can find them. With their entities.
    pub unknown_types: BTreeMap<String, usize>,
    /// Types that this split lacks: it cannot tell how well they are learned.
    pub missing_types: Vec<String>,
    /// Half the sum of all differences of shares: 0 if types are distributed equally, 1 if no type
    /// is shared.
    pub distance: f64,
    /// Entities in 100 tokens of the training data.
    pub reference_density: f64,
    /// Entities in 100 tokens of this split.
    pub density: f64,
    /// Every type, the greatest difference first.
    pub types: Vec<TypeShare>,
}

/// A type's share of all entities.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TypeShare {
    /// The entity type that is named.
    #[serde(rename = "type")]
    pub kind: String,
    /// The share of the type in the training data, from 0 to 1.
    pub reference: f64,
    /// The share of the type in this split, from 0 to 1.
    pub share: f64,
}

/// The counts that are compared: entities by type, and tokens.
#[derive(Default)]
struct Counts {
    types: BTreeMap<String, usize>,
    tokens: usize,
}

impl Counts {
    fn add(&mut self, report: &SplitReport) {
        self.tokens += report.tokens;
        for (kind, count) in &report.types {
            *self.types.entry(kind.clone()).or_default() += count;
        }
    }

    fn share(&self, kind: &str) -> f64 {
        let all: usize = self.types.values().sum();
        self.types.get(kind).map_or(0.0, |count| *count as f64 / all as f64)
    }

    fn density(&self) -> f64 {
        100.0 * self.types.values().sum::<usize>() as f64 / self.tokens as f64
    }
}

/// Each split that is not for training against all that are; against the first if none is.
pub(super) fn drift(reports: &[SplitReport]) -> Vec<Drift> {
    let mut training: Vec<usize> =
        (0..reports.len()).filter(|&at| reports[at].role == SplitRole::Train).collect();
    let reference_name = match (training[..].first(), training.len(), reports.first()) {
        (Some(&only), 1, _) => reports[only].name.clone(),
        (Some(_), ..) => "train".to_owned(),
        (None, _, Some(first)) => {
            training.push(0);
            first.name.clone()
        }
        (None, _, None) => return Vec::new(),
    };
    let mut reference = Counts::default();
    training.iter().for_each(|&at| reference.add(&reports[at]));
    let others = (0..reports.len()).filter(|at| !training.contains(at)).map(|at| &reports[at]);
    others.map(|report| compare(&reference, &reference_name, report)).collect()
}

fn compare(reference: &Counts, name: &str, report: &SplitReport) -> Drift {
    let mut here = Counts::default();
    here.add(report);
    let kinds: BTreeSet<&String> = reference.types.keys().chain(here.types.keys()).collect();
    let mut types: Vec<TypeShare> = kinds
        .into_iter()
        .map(|kind| TypeShare {
            kind: kind.clone(),
            reference: reference.share(kind),
            share: here.share(kind),
        })
        .collect();
    let difference = |share: &TypeShare| (share.share - share.reference).abs();
    types.sort_by(|a, b| difference(b).total_cmp(&difference(a)));
    let unknown = here.types.iter().filter(|(kind, _)| !reference.types.contains_key(*kind));
    let missing = reference.types.keys().filter(|kind| !here.types.contains_key(*kind));
    Drift {
        split: report.name.clone(),
        reference: name.to_owned(),
        unknown_types: unknown.map(|(kind, count)| (kind.clone(), *count)).collect(),
        missing_types: missing.cloned().collect(),
        distance: types.iter().map(difference).sum::<f64>() / 2.0,
        reference_density: reference.density(),
        density: here.density(),
        types,
    }
}
