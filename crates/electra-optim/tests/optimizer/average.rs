//! The moving average of weights, against numbers worked out by hand.

use burn::module::{Module, Param};
use burn::prelude::*;
use electra_optim::WeightAverage;

use crate::network::*;

fn with_bias(bias: [f32; 2]) -> Network {
    let mut network = network();
    network.dense.bias = Param::from_tensor(Tensor::from_data(bias, &device()));
    network
}

#[test]
fn an_average_begins_as_the_weights_and_follows_them_by_its_decay() {
    let mut average = WeightAverage::of(&with_bias([1.0, -2.0]));
    let of = |average: &WeightAverage| values(&average.put_into(network())).1;
    assert_eq!(of(&average), [1.0, -2.0]);
    average.update(&with_bias([3.0, -2.0]), 0.75);
    // .75 * 1 + .25 * 3, and what has not changed.
    assert_eq!(of(&average), [1.5, -2.0]);
    average.update(&with_bias([3.0, 2.0]), 0.75);
    assert_eq!(of(&average), [1.875, -1.0]);
    // All else of the module has the value that it had at every step, bit by bit.
    let averaged = average.put_into(network());
    assert_eq!(values(&averaged).0, values(&network()).0);
    assert!(!averaged.dense.weight.val().is_autodiff() && averaged.dense.weight.dims() == [2, 2]);
}

#[test]
fn an_average_that_is_put_into_a_model_and_taken_from_it_goes_on_with_the_same_bits() {
    let mut average = WeightAverage::of(&with_bias([0.1, 0.7]));
    average.update(&with_bias([0.3, -0.9]), 0.9);
    let mut again = WeightAverage::of(&average.put_into(network().valid()));
    for average in [&mut average, &mut again] {
        average.update(&with_bias([1.3, 0.33]), 0.9);
    }
    assert_eq!(bits(&average.put_into(network())), bits(&again.put_into(network())));
}
