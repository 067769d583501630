//! Freed memory stays with the process. Alone in its process, because it changes the allocator.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

/// Address of a buffer larger than any that glibc keeps by default.
fn address_of_a_large_buffer() -> usize {
    let buffer = std::hint::black_box(vec![1u8; 100 << 20]);
    buffer.as_ptr().addr()
}

#[test]
fn a_large_buffer_comes_back_where_the_last_one_was() {
    assert!(electra_kernels::keep_freed_memory());
    let first = address_of_a_large_buffer();
    assert_eq!(address_of_a_large_buffer(), first);
}
