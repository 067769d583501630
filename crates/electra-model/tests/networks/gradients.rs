//! The gradients of a module by the paths of its parameters.

use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::*;
use burn::tensor::Gradients;
use electra_model::parameters::NamedTensors;

/// Gradients of all parameters of `module` that have one.
pub fn gradients<M: Module>(module: &M, gradients: &Gradients) -> NamedTensors {
    let mut visitor = Collect { gradients, path: vec![], found: NamedTensors::new() };
    module.visit(&mut visitor);
    visitor.found
}

struct Collect<'a> {
    gradients: &'a Gradients,
    path: Vec<String>,
    found: NamedTensors,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        if let Some(gradient) = parameter.val().grad(self.gradients) {
            self.found.insert(self.path.join("."), gradient.into_data());
        }
    }
}
