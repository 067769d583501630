//! A tensor as a view of a storage: where each of its elements lies.

use burn::tensor::{TensorData, bf16, f16};

use super::value::{ElementType, TensorRef};

/// The place of each element of a tensor in its storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
    elements: usize,
}

impl View {
    /// The view that `tensor` is of a storage of `count` elements.
    ///
    /// # Errors
    /// In words, one that leaves the storage, or that has more elements than it.
    pub(super) fn new(tensor: &TensorRef, count: u64) -> Result<Self, String> {
        let TensorRef { offset, shape, strides, .. } = tensor.clone();
        let outside =
            || format!("shape {shape:?} with strides {strides:?} leaves its storage of {count} elements");
        let elements = shape.iter().try_fold(1usize, |all, size| all.checked_mul(*size));
        let elements = elements.filter(|elements| *elements as u64 <= count).ok_or_else(outside)?;
        if elements == 0 {
            return Ok(Self { offset: 0, shape, strides, elements });
        }
        let last = shape.iter().zip(&strides).try_fold(offset, |last, (size, stride)| {
            last.checked_add((*size as u64 - 1).checked_mul(*stride as u64)?)
        });
        if last.is_none_or(|last| last >= count) {
            return Err(outside());
        }
        Ok(Self { offset: offset as usize, shape, strides, elements })
    }

    /// Elements of the tensor.
    pub(super) fn elements(&self) -> u64 {
        self.elements as u64
    }

    /// The tensor, whose storage holds these `bytes`.
    ///
    /// # Panics
    /// On elements of a type that no parameter has, or on fewer bytes than it was made for.
    pub(super) fn read(&self, bytes: &[u8], element: ElementType) -> TensorData {
        let shape = self.shape.clone();
        match element {
            ElementType::F32 => TensorData::new(self.gather(bytes, f32::from_le_bytes), shape),
            ElementType::F16 => {
                TensorData::new(self.gather(bytes, |b| f16::from_le_bytes(b).to_f32()), shape)
            }
            ElementType::Bf16 => {
                TensorData::new(self.gather(bytes, |b| bf16::from_le_bytes(b).to_f32()), shape)
            }
            ElementType::F64 => TensorData::new(self.gather(bytes, |b| f64::from_le_bytes(b) as f32), shape),
            ElementType::I64 => TensorData::new(self.gather(bytes, i64::from_le_bytes), shape),
            ElementType::I32 => {
                TensorData::new(self.gather(bytes, |b| i64::from(i32::from_le_bytes(b))), shape)
            }
            ElementType::I16 | ElementType::I8 | ElementType::U8 | ElementType::Bool => {
                unreachable!("{element:?} was refused with the header")
            }
        }
    }

    fn gather<const N: usize, T>(&self, bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
        let all = bytes.as_chunks::<N>().0;
        if self.is_contiguous() {
            return all[self.offset..self.offset + self.elements].iter().map(|&b| number(b)).collect();
        }
        let mut out = Vec::with_capacity(self.elements);
        let mut place = vec![0; self.shape.len()];
        let mut at = self.offset;
        for _ in 0..self.elements {
            out.push(number(all[at]));
            for axis in (0..place.len()).rev() {
                if place[axis] + 1 < self.shape[axis] {
                    place[axis] += 1;
                    at += self.strides[axis];
                    break;
                }
                at -= self.strides[axis] * place[axis];
                place[axis] = 0;
            }
        }
        out
    }

    /// Whether its elements lie one after the other.
    fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        self.elements == 0
            || self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
                let is_next = size == 1 || stride == expected;
                expected *= size;
                is_next
            })
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::ValueId;
    use super::*;

    fn view(offset: u64, shape: &[usize], strides: &[usize], count: u64) -> Result<View, String> {
        let [shape, strides] = [shape, strides].map(<[usize]>::to_vec);
        View::new(&TensorRef { storage: ValueId(0), offset, shape, strides }, count)
    }

    #[test]
    fn a_view_is_read_in_the_order_of_its_axes_whatever_its_strides() {
        let storage: Vec<u8> = (0..12i64).flat_map(i64::to_le_bytes).collect();
        let read = |view: View| view.read(&storage, ElementType::I64).try_to_vec::<i64>().unwrap();
        assert_eq!(read(view(0, &[3, 4], &[4, 1], 12).unwrap()), (0..12).collect::<Vec<_>>());
        assert_eq!(read(view(6, &[2, 3], &[3, 1], 12).unwrap()), (6..12).collect::<Vec<_>>());
        // The transpose of 4 rows of 3, as converters from TensorFlow leave it.
        assert_eq!(read(view(0, &[3, 4], &[1, 3], 12).unwrap()), [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
        assert_eq!(read(view(1, &[2, 2, 2], &[4, 0, 2], 12).unwrap()), [1, 3, 1, 3, 5, 7, 5, 7]);
        assert_eq!(read(view(11, &[], &[], 12).unwrap()), [11]);
        assert_eq!(read(view(0, &[0, 4], &[4, 1], 12).unwrap()), [0i64; 0]);
        assert_eq!(read(view(2, &[1, 3], &[usize::MAX, 1], 12).unwrap()), [2, 3, 4]);
    }

    #[test]
    fn a_view_that_leaves_its_storage_is_refused() {
        for (offset, shape, strides) in [
            (0, &[3, 4][..], &[4, 2][..]),
            (1, &[3, 4], &[4, 1]),
            (0, &[13], &[0]),
            (0, &[2, 2], &[usize::MAX, 1]),
            (u64::MAX, &[1], &[1]),
            (0, &[usize::MAX, usize::MAX], &[0, 0]),
        ] {
            assert!(
                view(offset, shape, strides, 12).unwrap_err().contains("leaves its storage of 12"),
                "{shape:?}"
            );
        }
    }
}
