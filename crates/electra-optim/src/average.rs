//! The exponential moving average of weights.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::prelude::*;

use crate::path::{ModulePath, track_path};
use crate::state::flattened;

/// The exponential moving average of the parameters of a module, beside them.
#[derive(Clone, Debug)]
pub struct WeightAverage {
    /// Averages by path of the parameter, flat, without autodiff.
    averages: BTreeMap<String, Tensor<1>>,
}

impl WeightAverage {
    /// The average that has seen the parameters of `module` alone.
    pub fn of<M: Module>(module: &M) -> Self {
        let mut begin =
            Update { path: ModulePath::default(), average: Self { averages: BTreeMap::new() }, decay: 0.0 };
        module.visit(&mut begin);
        begin.average
    }

    /// Moves the average towards the parameters of `module`: `decay * average + (1 - decay) * parameter`, written as
    /// `average + (1 - decay) * (parameter - average)`, which leaves alone what does not change.
    pub fn update<M: Module>(&mut self, module: &M, decay: f64) {
        let average = Self { averages: std::mem::take(&mut self.averages) };
        let mut update = Update { path: ModulePath::default(), average, decay };
        module.visit(&mut update);
        self.averages = update.average.averages;
    }

    /// `module` with the averages in place of its parameters, without autodiff.
    ///
    /// # Panics
    /// If it is a module of other parameters.
    pub fn put_into<M: Module>(&self, module: M) -> M {
        module.map(&mut PutInto { path: ModulePath::default(), averages: &self.averages })
    }
}

struct Update {
    path: ModulePath,
    average: WeightAverage,
    decay: f64,
}

impl ModuleVisitor for Update {
    track_path!();

    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let value = flattened(parameter.val().inner());
        let path = self.path.dotted();
        let next = match self.average.averages.remove(&path) {
            Some(average) => average.clone() + (value - average) * (1.0 - self.decay),
            None => value,
        };
        self.average.averages.insert(path, next);
    }
}

struct PutInto<'a> {
    path: ModulePath,
    averages: &'a BTreeMap<String, Tensor<1>>,
}

impl ModuleMapper for PutInto<'_> {
    track_path!();

    fn map_float<const D: usize>(&mut self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.dotted();
        let average = self.averages.get(&path).unwrap_or_else(|| panic!("no average of `{path}`"));
        let (id, tensor, mapper) = parameter.consume();
        let average = average.clone().reshape(tensor.shape());
        Param::from_mapped_value(id, average, mapper)
    }
}
