//! The sum of all elements of a tensor, added up in a fixed order on every device.

use burn::prelude::*;

use crate::cube_device::is_on_card;

/// The sum of all elements of `x`, `[1]`: the same bits for the same elements on one device.
///
/// burn's own sum of a whole tensor adds the parts up atomically where a card can, in the order in which they
/// happen to be ready. A sum along one dimension has an order that follows from shape and device.
#[allow(clippy::disallowed_methods)]
pub fn sum<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    if !is_on_card(&x.device()) {
        return x.sum();
    }
    let elements = x.shape().num_elements();
    x.reshape([1, elements]).sum_dim(1).reshape([1])
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn all_elements_are_added_up_and_each_has_a_slope_of_one() {
        let device = Device::flex().autodiff();
        let x = Tensor::<2>::from_data([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]], &device).require_grad();
        let total = sum(x.clone());
        assert_eq!(total.dims(), [1]);
        assert_eq!(total.clone().into_scalar::<f64>(), 21.5);
        let gradient = x.grad(&total.backward()).expect("of a leaf");
        assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [1.0; 6]);
    }
}
