//! One device's step is another's.

use crate::steps::assert_steps_as_on_flex;
use crate::tiny::devices;

#[test]
fn composed_operations_take_the_same_steps_as_fused_ones() {
    for device in devices() {
        assert_steps_as_on_flex(&device);
    }
}
