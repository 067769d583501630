//! The optimizer state: Adam's moments or Muon's momentum of every parameter, and their form in a checkpoint.

use std::any::Any;
use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::prelude::*;
use burn::tensor::{DType, TensorData};
use electra_kernels::read_to_host;

use crate::path::{ModulePath, track_path};

const MOMENT_1: &str = "moment_1/";
const MOMENT_2: &str = "moment_2/";
const UPDATES: &str = "updates/";
const MOMENTUM: &str = "momentum/";

/// The optimizer state: Adam's moments or Muon's momentum of every parameter.
#[derive(Clone, Debug, Default)]
pub struct OptimizerState {
    /// Moments by path of the parameter.
    pub moments: BTreeMap<String, Moments>,
    /// Moving averages of the gradients of the matrices that [`Muon`](crate::Muon) has updated, by path.
    pub momenta: BTreeMap<String, Tensor<2>>,
    /// Paths of the parameters that the last update had gradients of.
    pub(crate) updated: Vec<String>,
}

/// First and second moment of one parameter: moving averages of its gradients and their squares.
#[derive(Debug)]
pub struct Moments {
    averages: Box<dyn AnyAverages>,
    /// The number of gradients that the averages have seen.
    pub updates: u64,
}

/// An optimizer state that does not fit the module. `parameter` is a path, `name` the name of a
/// tensor in the checkpoint.
#[derive(Clone, Debug, PartialEq, thiserror::Error, miette::Diagnostic)]
pub enum StateError {
    /// A tensor that the module needs is not there.
    #[error(
        "the optimizer state has no `{name}`, which the model needs: it was written for another \
         model or is incomplete"
    )]
    Missing {
        /// Name of the tensor that was looked for.
        name: String,
    },
    /// A tensor that no parameter of the module asks for.
    #[error(
        "the optimizer state has `{name}`, which no parameter of the model asks for: it was \
         written for another model"
    )]
    Unexpected {
        /// Name of the tensor nobody wants.
        name: String,
    },
    /// Two tensors of the same name.
    #[error("the optimizer state has `{name}` twice")]
    Duplicate {
        /// Name of the repeated tensor.
        name: String,
    },
    /// A tensor of another shape than its parameter.
    #[error("`{name}` of the optimizer state has shape {found:?}, the model expects {expected:?}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// The shape of the tensor in the checkpoint.
        found: Vec<usize>,
        /// The shape it needs.
        expected: Vec<usize>,
    },
    /// A tensor of another type than it can have.
    #[error("`{name}` of the optimizer state holds {found:?}, expected {expected}")]
    Type {
        /// Name of the tensor.
        name: String,
        /// The element type of the tensor in the checkpoint.
        found: DType,
        /// The element type that it should have.
        expected: &'static str,
    },
    /// A count of updates below zero, or of more than there were steps.
    #[error("`{name}` of the optimizer state is {found}, expected a count of updates from 0 to {steps}")]
    Updates {
        /// Name of the tensor.
        name: String,
        /// The number it holds.
        found: i64,
        /// Steps that were done.
        steps: u64,
    },
    /// An average of squares below zero.
    #[error("`{name}` of the optimizer state has {found} in it, expected averages of squares")]
    Square {
        /// Name of the tensor.
        name: String,
        /// The first such number.
        found: f32,
    },
}

impl OptimizerState {
    /// Moments of zero for every parameter of `module` that requires a gradient.
    ///
    /// The module must be on its training (autodiff) device. Every parameter must be owned once: a
    /// cloned `Param` keeps its id but drifts from the original after one step.
    pub fn new<M: Module>(module: &M) -> Self {
        let mut zeros =
            Zeros { path: ModulePath::default(), owners: BTreeMap::new(), state: Self::default() };
        module.visit(&mut zeros);
        zeros.state
    }

    /// Takes the last update out of the counts of the moments: on a card it turned out not to be taken.
    pub fn forget_update(&mut self) {
        for path in std::mem::take(&mut self.updated) {
            if let Some(moments) = self.moments.get_mut(&path) {
                moments.updates -= 1;
            }
        }
    }

    /// The state as named tensors, sorted by name: `moment_1/<path>` and `moment_2/<path>` of the
    /// parameter's shape, `updates/<path>` of shape `[1]` with one 64-bit integer; or `momentum/<path>` of the
    /// parameter's shape alone.
    pub fn to_named(&self) -> Vec<(String, TensorData)> {
        let read = self.moments.iter().map(|(path, moments)| (path, moments.averages.read(), moments));
        let mut named: Vec<_> = read
            .flat_map(|(path, [moment_1, moment_2], moments)| {
                [
                    (format!("{MOMENT_1}{path}"), moment_1),
                    (format!("{MOMENT_2}{path}"), moment_2),
                    (format!("{UPDATES}{path}"), TensorData::from([moments.updates as i64])),
                ]
            })
            .collect();
        let momenta = self.momenta.iter();
        named.extend(momenta.map(|(path, momentum)| (format!("{MOMENTUM}{path}"), read_to_host(momentum))));
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        named
    }

    /// The state that [`to_named`](Self::to_named) wrote after so many `steps`, for `module` and on its
    /// devices.
    ///
    /// Every parameter that requires a gradient must be there; a frozen one may be.
    pub fn from_named<M: Module>(
        named: impl IntoIterator<Item = (String, TensorData)>,
        module: &M,
        steps: u64,
    ) -> Result<Self, StateError> {
        let mut tensors = BTreeMap::new();
        for (name, data) in named {
            if tensors.contains_key(&name) {
                return Err(StateError::Duplicate { name });
            }
            tensors.insert(name, data);
        }
        let mut load =
            Load { path: ModulePath::default(), tensors, steps, state: Self::default(), error: None };
        module.visit(&mut load);
        if let Some(error) = load.error {
            return Err(error);
        }
        match load.tensors.into_keys().next() {
            Some(name) => Err(StateError::Unexpected { name }),
            None => Ok(load.state),
        }
    }
}

/// The elements of a tensor in one dimension.
pub(crate) fn flattened<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let elements = x.shape().num_elements();
    x.reshape([elements])
}

impl Moments {
    pub(crate) fn new<const D: usize>(moment_1: Tensor<D>, moment_2: Tensor<D>, updates: u64) -> Self {
        Self { averages: Box::new(Averages { moment_1, moment_2 }), updates }
    }

    pub(crate) fn zeros_like<const D: usize>(parameter: &Tensor<D>) -> Self {
        let zeros = || parameter.clone().inner().zeros_like();
        Self::new(zeros(), zeros(), 0)
    }

    /// The two averages, owned, so that an update may reuse their memory.
    pub(crate) fn into_tensors<const D: usize>(self) -> (Tensor<D>, Tensor<D>) {
        let shape = self.averages.shape();
        let averages: Box<dyn Any> = self.averages;
        match averages.downcast::<Averages<D>>() {
            Ok(averages) => (averages.moment_1, averages.moment_2),
            Err(_) => panic!("moments of shape {shape:?} for a parameter of {D} dimensions"),
        }
    }
}

impl Clone for Moments {
    fn clone(&self) -> Self {
        Self { averages: self.averages.boxed_clone(), updates: self.updates }
    }
}

#[derive(Clone, Debug)]
struct Averages<const D: usize> {
    moment_1: Tensor<D>,
    moment_2: Tensor<D>,
}

/// [`Averages`] of any rank.
trait AnyAverages: Any + Send + std::fmt::Debug {
    fn read(&self) -> [TensorData; 2];
    fn shape(&self) -> Vec<usize>;
    fn boxed_clone(&self) -> Box<dyn AnyAverages>;
}

impl<const D: usize> AnyAverages for Averages<D> {
    fn read(&self) -> [TensorData; 2] {
        [read_to_host(&self.moment_1), read_to_host(&self.moment_2)]
    }

    fn shape(&self) -> Vec<usize> {
        self.moment_1.dims().to_vec()
    }

    fn boxed_clone(&self) -> Box<dyn AnyAverages> {
        Box::new(self.clone())
    }
}

struct Zeros {
    path: ModulePath,
    owners: BTreeMap<ParamId, String>,
    state: OptimizerState,
}

impl ModuleVisitor for Zeros {
    track_path!();

    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let path = self.path.dotted();
        if let Some(other) = self.owners.insert(parameter.id, path.clone()) {
            panic!("`{other}` and `{path}` are clones of one parameter, which drift apart");
        }
        if parameter.is_require_grad() {
            self.state.moments.insert(path, Moments::zeros_like(&parameter.val()));
        }
    }
}

struct Load {
    path: ModulePath,
    tensors: BTreeMap<String, TensorData>,
    steps: u64,
    state: OptimizerState,
    error: Option<StateError>,
}

impl ModuleVisitor for Load {
    track_path!();

    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        if self.error.is_some() {
            return;
        }
        let path = self.path.dotted();
        let name = format!("{MOMENTUM}{path}");
        if D == 2 && self.tensors.contains_key(&name) {
            match self.average(name, &parameter.val()) {
                Ok(momentum) => {
                    let shape = momentum.dims();
                    self.state.momenta.insert(path, momentum.reshape([shape[0], shape[1]]));
                }
                Err(error) => self.error = Some(error),
            }
            return;
        }
        match self.moments(&parameter.val()) {
            Ok(Some(moments)) => {
                self.state.moments.insert(path, moments);
            }
            Ok(None) => {}
            Err(error) => self.error = Some(error),
        }
    }
}

impl Load {
    fn moments<const D: usize>(&mut self, parameter: &Tensor<D>) -> Result<Option<Moments>, StateError> {
        let path = self.path.dotted();
        let names = [MOMENT_1, MOMENT_2, UPDATES].map(|prefix| format!("{prefix}{path}"));
        if !parameter.is_require_grad() && names.iter().all(|name| !self.tensors.contains_key(name)) {
            return Ok(None);
        }
        let [name_1, name_2, name_updates] = names;
        let moment_1 = self.average(name_1, parameter)?;
        // Its square root is taken.
        let negative = |data: &TensorData| data.iter::<f32>().find(|&square| square < 0.0);
        if let Some(found) = self.tensors.get(&name_2).and_then(negative) {
            return Err(StateError::Square { name: name_2, found });
        }
        let moment_2 = self.average(name_2, parameter)?;
        let updates = self.take(&name_updates, &[1])?;
        let Ok(&[count]) = updates.as_slice::<i64>() else {
            let (found, expected) = (updates.dtype(), "one 64-bit integer");
            return Err(StateError::Type { name: name_updates, found, expected });
        };
        let steps = self.steps;
        let Some(count) = u64::try_from(count).ok().filter(|&count| count <= steps) else {
            return Err(StateError::Updates { name: name_updates, found: count, steps });
        };
        Ok(Some(Moments::new(moment_1, moment_2, count)))
    }

    fn average<const D: usize>(
        &mut self,
        name: String,
        parameter: &Tensor<D>,
    ) -> Result<Tensor<D>, StateError> {
        let data = self.take(&name, &parameter.dims())?;
        if !data.dtype().is_float() {
            return Err(StateError::Type { name, found: data.dtype(), expected: "floats" });
        }
        let dtype = data.dtype();
        Ok(Tensor::from_data(data, (&parameter.device().inner(), dtype)))
    }

    fn take(&mut self, name: &str, expected: &[usize]) -> Result<TensorData, StateError> {
        let name = name.to_owned();
        let Some(data) = self.tensors.remove(&name) else {
            return Err(StateError::Missing { name });
        };
        let found = data.shape().to_vec();
        if found != expected {
            return Err(StateError::Shape { name, found, expected: expected.to_vec() });
        }
        Ok(data)
    }
}
