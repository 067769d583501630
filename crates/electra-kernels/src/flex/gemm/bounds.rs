//! Products touch nothing beyond their operands and results: these lie against pages that nobody may touch.

use std::ops::{Deref, DerefMut};
use std::ptr::null_mut;

use super::super::bf16::f32_to_bf16;
use super::super::buffer::SharedSlice;
#[cfg(target_arch = "x86_64")]
use super::super::simd::has_bf16;
#[cfg(target_arch = "x86_64")]
use super::bf16_kernel::Bf16Kernel;
use super::product::Target as Results;
use super::run::Algorithm;
use super::tests::{SIZES, noise};
use super::{Elements, Matrix, Product, span};
use crate::Precision;

/// The end of its pages at which a buffer lies.
#[derive(Clone, Copy, Debug)]
enum Edge {
    /// The beginning: nothing may be touched before it.
    First,
    /// The end: nothing may be touched behind it.
    Last,
}

/// A buffer in pages of its own, with a forbidden one before and one behind.
struct Guarded<T> {
    pages: *mut libc::c_void,
    bytes: usize,
    first: *mut T,
    len: usize,
}

impl<T: Copy> Guarded<T> {
    fn new(content: &[T], edge: Edge) -> Self {
        // SAFETY: it only reads a constant of the system.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).expect("a size of pages");
        let size = size_of_val(content);
        let room = size.next_multiple_of(page).max(page);
        let bytes = room + 2 * page;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: fresh pages at an address that the system chooses.
        let pages = unsafe { libc::mmap(null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(pages, libc::MAP_FAILED, "{bytes} bytes of pages");
        let inside = pages.wrapping_byte_add(page);
        // SAFETY: pages of the mapping above.
        let allowed = unsafe { libc::mprotect(inside, room, libc::PROT_READ | libc::PROT_WRITE) };
        assert_eq!(allowed, 0, "pages that may be touched");
        let first: *mut T = match edge {
            Edge::First => inside.cast(),
            Edge::Last => inside.wrapping_byte_add(room - size).cast(),
        };
        // SAFETY: there is room for the content, at a multiple of its alignment.
        unsafe { first.copy_from_nonoverlapping(content.as_ptr(), content.len()) };
        Self { pages, bytes, first, len: content.len() }
    }
}

impl<T> Deref for Guarded<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: as many elements as were copied there, in pages that live as long as this.
        unsafe { std::slice::from_raw_parts(self.first, self.len) }
    }
}

impl<T> DerefMut for Guarded<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.first, self.len) }
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        // SAFETY: the whole mapping of `new`, which nobody uses any more.
        unsafe { libc::munmap(self.pages, self.bytes) };
    }
}

/// The order of an operand's elements: whether its columns are contiguous instead of its rows, and the number
/// of elements between those.
type Order = (bool, usize);

/// As many elements as an operand spans.
fn elements([rows, columns]: [usize; 2], (transposed, gap): Order, seed: u64) -> Vec<f32> {
    let [outer, inner] = if transposed { [columns, rows] } else { [rows, columns] };
    noise(span(outer, inner, inner + gap, 1), seed)
}

fn operand<'a>(
    data: impl Into<Elements<'a>>,
    [rows, columns]: [usize; 2],
    (transposed, gap): Order,
) -> Matrix<'a> {
    match transposed {
        false => Matrix::new(data, rows, columns, columns + gap),
        true => Matrix::new(data, columns, rows, rows + gap).transposed(),
    }
}

/// A product on buffers at `edge`, by every algorithm of this processor.
fn check([rows, columns, depth]: [usize; 3], [of_a, of_b]: [Order; 2], edge: Edge) {
    let a = elements([rows, depth], of_a, 1);
    let b = elements([depth, columns], of_b, 2);
    let halves = |x: &[f32]| -> Vec<u16> { x.iter().map(|x| f32_to_bf16(*x)).collect() };
    let guarded = (Guarded::new(&a, edge), Guarded::new(&b, edge));
    let half = (Guarded::new(&halves(&a), edge), Guarded::new(&halves(&b), edge));
    let singles = |precision| {
        let (a, b) =
            (operand(&*guarded.0, [rows, depth], of_a), operand(&*guarded.1, [depth, columns], of_b));
        Product::new(a, b, precision)
    };
    let (half_a, half_b) =
        (operand(&*half.0, [rows, depth], of_a), operand(&*half.1, [depth, columns], of_b));
    let mut products = vec![singles(Precision::F32), singles(Precision::Bf16)];
    products.push(Product::new(half_a, half_b, Precision::Bf16));
    for product in products {
        let stride = columns + of_a.1;
        let before = noise(span(rows, columns, stride, 1), 3);
        let mut algorithms = vec![product.best()];
        #[cfg(target_arch = "x86_64")]
        if product.precision == Precision::Bf16 && has_bf16() {
            algorithms.push(Algorithm::Blocked(Bf16Kernel::Avx512));
        }
        for (algorithm, (threads, add)) in
            algorithms.into_iter().flat_map(|one| [(1, false), (3, true)].map(|t| (one, t)))
        {
            let mut out = Guarded::new(&before, edge);
            let of_out = SharedSlice::of(&mut out);
            let target = Results { out: of_out, row_stride: stride, add, epilogue: None, threads };
            // SAFETY: `out` holds the rows, and the processor has what the algorithm needs.
            unsafe { product.run_on(algorithm, target) };
        }
        product.for_each_row_group(|_, _| {});
    }
}

#[test]
fn products_touch_nothing_beyond_their_operands_and_results() {
    let orders = [(false, 0), (true, 0), (false, 5), (true, 5)];
    for n in SIZES.into_iter().chain([[48, 65, 130], [33, 500, 40], [500, 17, 33]]) {
        for (of_a, of_b) in orders.into_iter().flat_map(|a| orders.map(|b| (a, b))) {
            for edge in [Edge::First, Edge::Last] {
                check(n, [of_a, of_b], edge);
            }
        }
    }
}
