//! Freed memory stays with the process, and new memory comes in large pages.
//!
//! A program of its own without the test harness: it changes the allocator, and only what the main
//! thread allocates is on the heap from the start.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn main() {
    assert!(electra_kernels::keep_freed_memory());
    a_large_buffer_comes_back_where_the_last_one_was();
    activations_lie_in_large_pages_where_the_system_has_them();
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() {
    assert!(!electra_kernels::keep_freed_memory());
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn a_large_buffer_comes_back_where_the_last_one_was() {
    // Larger than any that glibc keeps by default.
    let address = || {
        let buffer = std::hint::black_box(vec![1u8; 100 << 20]);
        buffer.as_ptr().addr()
    };
    assert_eq!(address(), address());
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn activations_lie_in_large_pages_where_the_system_has_them() {
    use burn::prelude::*;
    use electra_kernels::{Precision, linear};

    let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    if setting.is_empty() || setting.contains("[never]") {
        return;
    }
    let device = Device::flex();
    let (x, weight) = (Tensor::<2>::ones([8192, 512], &device), Tensor::<2>::ones([512, 8192], &device));
    let y = linear(x, weight, Tensor::zeros([8192], &device), Precision::F32);
    assert_eq!(y.dims(), [8192, 8192]);
    // Each part of the heap has a line of flags; "hg" is the advice.
    let maps = std::fs::read_to_string("/proc/self/smaps").expect("the maps of this process");
    let parts = maps.split("[heap]").skip(1).filter_map(|part| part.split_once("VmFlags:"));
    let flags: Vec<&str> = parts.filter_map(|(_, flags)| flags.lines().next()).collect();
    assert!(flags.iter().any(|flags| flags.contains(" hg")), "parts of the heap: {flags:?}");
}
