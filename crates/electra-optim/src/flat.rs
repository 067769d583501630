//! Gradients of a module as one row of numbers, which another process can read.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::prelude::*;
use electra_kernels::read;

/// The length of the gradients of a module as one row of numbers: a number for each element of each parameter, in the
/// order of the module, behind one for each parameter that says whether it has a gradient.
pub fn flat_length<M: Module>(module: &M) -> usize {
    let mut counted = Lengths::default();
    module.visit(&mut counted);
    counted.parameters + counted.elements
}

/// The gradients of a module as one row of numbers; see [`flat_length`]. Elements without a gradient are zero.
pub fn to_flat<M: Module>(module: &M, gradients: &GradientsParams) -> Vec<f32> {
    let mut written = Written { gradients, is_there: Vec::new(), elements: Vec::new() };
    module.visit(&mut written);
    let Written { mut is_there, elements, .. } = written;
    is_there.extend(elements);
    is_there
}

/// The gradients of a module that [`to_flat`] has made a row of numbers of, on the device of its parameters.
///
/// # Panics
/// If the row is of another length than the module has.
pub fn of_flat<M: Module>(module: &M, flat: &[f32]) -> GradientsParams {
    let mut counted = Lengths::default();
    module.visit(&mut counted);
    let expected = counted.parameters + counted.elements;
    assert_eq!(flat.len(), expected, "gradients of another module");
    let (is_there, elements) = flat.split_at(counted.parameters);
    let mut read = Read { is_there: is_there.iter(), elements, gradients: GradientsParams::new() };
    module.visit(&mut read);
    read.gradients
}

#[derive(Default)]
struct Lengths {
    parameters: usize,
    elements: usize,
}

impl ModuleVisitor for Lengths {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        self.parameters += 1;
        self.elements += parameter.shape().num_elements();
    }
}

struct Written<'a> {
    gradients: &'a GradientsParams,
    is_there: Vec<f32>,
    elements: Vec<f32>,
}

impl ModuleVisitor for Written<'_> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(parameter.id);
        self.is_there.push(if gradient.is_some() { 1.0 } else { 0.0 });
        match gradient {
            Some(gradient) => self.elements.extend(read(gradient.inner()).iter::<f32>()),
            None => {
                let length = self.elements.len() + parameter.shape().num_elements();
                self.elements.resize(length, 0.0);
            }
        }
    }
}

struct Read<'a> {
    is_there: std::slice::Iter<'a, f32>,
    elements: &'a [f32],
    gradients: GradientsParams,
}

impl ModuleVisitor for Read<'_> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let shape = parameter.shape();
        let (own, rest) = self.elements.split_at(shape.num_elements());
        self.elements = rest;
        if self.is_there.next() == Some(&1.0) {
            let device = parameter.val().inner().device();
            let gradient = Tensor::<D>::from_data(TensorData::new(own.to_vec(), shape), &device);
            self.gradients.register(parameter.id, gradient);
        }
    }
}
