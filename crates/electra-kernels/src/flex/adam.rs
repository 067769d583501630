//! The Adam update and the squared norm of whole parameters.

use burn_flex::FlexTensor;

use super::simd::vectorised;
use super::storage::{contiguous, exclusive, values, values_mut};
use crate::AdamStep;
use crate::workers::{chunks, chunks_mut, each_part, map_parts};

/// Elements of one parallel task.
const CHUNK: usize = 16 * 1024;

/// [`AdamStep`] in single precision.
#[derive(Clone, Copy)]
struct Constants {
    learning_rate: f32,
    beta_1: f32,
    rest_1: f32,
    beta_2: f32,
    rest_2: f32,
    epsilon: f32,
    weight_decay: f32,
    gradient_scale: f32,
}

impl From<AdamStep> for Constants {
    fn from(step: AdamStep) -> Self {
        Self {
            learning_rate: step.learning_rate as f32,
            beta_1: step.beta_1 as f32,
            rest_1: (1.0 - step.beta_1) as f32,
            beta_2: step.beta_2 as f32,
            rest_2: (1.0 - step.beta_2) as f32,
            epsilon: step.epsilon as f32,
            weight_decay: step.weight_decay as f32,
            gradient_scale: step.gradient_scale as f32,
        }
    }
}

vectorised! {
    /// One update of a chunk; the operations and their order are those of the composed version.
    fn update<const FMA: bool>(p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], c: Constants) {
        for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
            let g = g * c.gradient_scale;
            *m = *m * c.beta_1 + g * c.rest_1;
            *v = *v * c.beta_2 + g * g * c.rest_2;
            let update = *m / (v.sqrt() + c.epsilon) + *p * c.weight_decay;
            *p -= update * c.learning_rate;
        }
    }

    /// Sum of squares in double precision.
    fn sum_of_squares<const FMA: bool>(x: &[f32]) -> f64 {
        let mut lanes = [0.0f64; 16];
        let chunks = x.chunks_exact(16);
        let rest: f64 = chunks.remainder().iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        for x in chunks {
            for (lane, x) in lanes.iter_mut().zip(x) {
                *lane += f64::from(*x) * f64::from(*x);
            }
        }
        lanes.into_iter().sum::<f64>() + rest
    }
}

/// New parameter, first and second moment; in the memory of the old ones where nobody else
/// holds them.
pub(crate) fn adam_update(
    parameter: FlexTensor,
    gradient: FlexTensor,
    moment_1: FlexTensor,
    moment_2: FlexTensor,
    step: AdamStep,
) -> [FlexTensor; 3] {
    for other in [&gradient, &moment_1, &moment_2] {
        let (found, expected) = (other.layout().shape(), parameter.layout().shape());
        assert_eq!(found, expected, "gradient and moments have the shape of the parameter");
    }
    let gradient = contiguous(gradient);
    let mut updated = [parameter, moment_1, moment_2].map(exclusive);
    let [p, m, v] = updated.each_mut().map(|x| chunks_mut(values_mut(x), CHUNK));
    let parts = (p, chunks(values(&gradient), CHUNK), m, v);
    each_part(parts, |_, (p, g, m, v)| update(p, g, m, v, step.into()));
    updated
}

/// Sum of the squares of all elements, accumulated in double precision.
pub(crate) fn squared_norm(x: FlexTensor) -> f32 {
    let x = contiguous(x);
    let partials = map_parts(chunks(values(&x), CHUNK), |_, x| sum_of_squares(x));
    partials.into_iter().sum::<f64>() as f32
}

#[cfg(test)]
mod tests {
    use super::super::storage::tensor;
    use super::*;

    #[test]
    fn an_update_happens_in_place_where_nobody_else_holds_the_memory() {
        let step = AdamStep {
            learning_rate: 1e-3,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-6,
            weight_decay: 0.01,
            gradient_scale: 1.0,
        };
        let [p, g, m, v] = [0.1, 0.2, 0.3, 0.4].map(|x| tensor(vec![x; 100], [100]));
        let held = m.clone();
        let before = [&p, &m, &v].map(|x| x.bytes().as_ptr());
        let updated = adam_update(p, g, m, v, step);
        let after = updated.each_ref().map(|x| x.bytes().as_ptr());
        assert_eq!([after[0], after[2]], [before[0], before[2]]);
        assert_ne!(after[1], before[1], "somebody holds the first moment");
        assert_eq!(values(&held), [0.3; 100]);
    }
}
