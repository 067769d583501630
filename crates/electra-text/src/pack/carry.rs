//! Packing that keeps every token: what does not fit into a row opens the next one.

use crate::shard::Rows;
use crate::vocab::SpecialIds;

/// Cuts documents into consecutive rows and joins the tail of one with the beginning of the next.
///
/// A row is `[CLS] a [SEP]` while it holds one document. When that document ends before the row
/// is full, the next one continues in the same row behind the `[SEP]`, as segment B and with a
/// `[SEP]` of its own; documents so short that even this does not fill the row are followed by
/// further ones, all of them in segment B. So every row of a block is full or lacks one token
/// (when there is room for a `[SEP]` but not for a token before it), except the last; and the
/// tokens of all rows without specials are the tokens of the documents, in order.
pub struct CarryPacker {
    rows: Rows,
    row: Vec<u32>,
    segment_b_start: usize,
    seq_len: usize,
    special: SpecialIds,
}

impl CarryPacker {
    /// A packer that appends to `rows`.
    pub fn new(rows: Rows, seq_len: usize, special: SpecialIds) -> Self {
        CarryPacker { rows, row: Vec::with_capacity(seq_len), segment_b_start: 0, seq_len, special }
    }

    /// Adds one document.
    pub fn add_document(&mut self, mut ids: &[u32]) {
        while !ids.is_empty() {
            if self.row.is_empty() {
                self.row.push(self.special.cls);
            } else if self.segment_b_start == 0 {
                self.segment_b_start = self.row.len();
            }
            let room = self.seq_len - self.row.len() - 1;
            let (now, later) = ids.split_at(room.min(ids.len()));
            self.row.extend_from_slice(now);
            self.row.push(self.special.sep);
            ids = later;
            // Behind the last [SEP] there must be room for a token and another [SEP].
            if self.row.len() + 2 > self.seq_len {
                self.close_row();
            }
        }
    }

    /// Ends the block: the row at hand is closed, full or not.
    pub fn finish(mut self) -> Rows {
        self.close_row();
        self.rows
    }

    fn close_row(&mut self) {
        if !self.row.is_empty() {
            self.rows.push(&self.row, self.segment_b_start);
            self.row.clear();
            self.segment_b_start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pack::test_rows::{SPECIAL, decode};
    use crate::shard::RowShape;

    fn pack(seq_len: usize, documents: &[Vec<u32>]) -> Vec<(Vec<u32>, usize)> {
        let rows = Rows::new(RowShape { seq_len, vocab_size: 1000 });
        let mut packer = CarryPacker::new(rows, seq_len, SPECIAL);
        for document in documents {
            packer.add_document(document);
        }
        decode(&packer.finish(), seq_len)
    }

    #[test]
    fn a_long_document_is_cut_into_consecutive_rows() {
        let document: Vec<u32> = (10..23).collect();
        assert_eq!(
            pack(8, &[document]),
            [
                (vec![2, 10, 11, 12, 13, 14, 15, 3], 0),
                (vec![2, 16, 17, 18, 19, 20, 21, 3], 0),
                (vec![2, 22, 3], 0),
            ]
        );
    }

    #[test]
    fn the_tail_of_a_document_shares_its_row_with_the_next_as_segment_b() {
        let documents = [vec![10, 11, 12], vec![20, 21, 22, 23, 24]];
        assert_eq!(
            pack(8, &documents),
            [(vec![2, 10, 11, 12, 3, 20, 21, 3], 5), (vec![2, 22, 23, 24, 3], 0)]
        );
    }

    #[test]
    fn many_short_documents_fill_a_row_together() {
        let documents = [vec![10], vec![20], vec![30], vec![40]];
        assert_eq!(pack(8, &documents), [(vec![2, 10, 3, 20, 3, 30, 3], 3), (vec![2, 40, 3], 0)]);
    }

    #[test]
    fn a_row_with_room_for_one_more_id_is_closed() {
        let documents = [vec![10, 11, 12, 13, 14], vec![20]];
        assert_eq!(pack(8, &documents), [(vec![2, 10, 11, 12, 13, 14, 3], 0), (vec![2, 20, 3], 0)]);
    }

    proptest! {
        #[test]
        fn no_token_is_lost_and_every_row_but_the_last_is_full(
            seq_len in 8usize..40,
            lengths in proptest::collection::vec(0usize..100, 0..30),
        ) {
            let mut next = 10;
            let documents: Vec<Vec<u32>> = lengths
                .iter()
                .map(|&length| {
                    next += length as u32;
                    (next - length as u32..next).map(|id| 10 + id % 900).collect()
                })
                .collect();
            let rows = pack(seq_len, &documents);
            let kept: Vec<u32> = rows
                .iter()
                .flat_map(|(ids, _)| ids.iter().copied().filter(|&id| !SPECIAL.contains(id)))
                .collect();
            prop_assert_eq!(kept, documents.concat());
            for (ids, segment_b_start) in &rows {
                prop_assert_eq!(ids[0], SPECIAL.cls);
                prop_assert_eq!(ids[ids.len() - 1], SPECIAL.sep);
                let first_sep = ids.iter().position(|&id| id == SPECIAL.sep).unwrap();
                let expected = if first_sep + 1 == ids.len() { 0 } else { first_sep + 1 };
                prop_assert_eq!(*segment_b_start, expected);
            }
            for (ids, _) in rows.iter().rev().skip(1) {
                prop_assert!(ids.len() + 1 >= seq_len, "a row of {} in {seq_len}", ids.len());
            }
        }
    }
}
