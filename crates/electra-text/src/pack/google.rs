//! Packing as `build_pretraining_dataset.py` of google-research/electra does it.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::shard::Rows;
use crate::vocab::SpecialIds;

/// The reference builder's segment rules, trimming included.
///
/// Lines are gathered until their tokens reach a target (the row length; with probability 0.05 a
/// length drawn from 5 to the row length) or the document ends. Then:
/// - with probability 0.1 everything goes to segment A; else A aims at `(target - 3) / 2` tokens,
///   and a line goes to A if A is empty, or A stays below the aim with it, or (B is empty, A is
///   below the aim, and a coin says so), and to B otherwise. A short line may thus return to A
///   after B has begun.
/// - A is trimmed to the row less two, B to what A leaves less three. **What is trimmed is lost**,
///   as in the reference: of one-line documents of 1,000 tokens, 87 % in rows of 128.
///
/// The reference is unseeded and carries its target from one document to the next. Here each
/// document draws from its own stream, derived from the seed and its text, so that rows do not
/// depend on the order of documents; the distribution is the same.
pub struct GooglePacker {
    rows: Rows,
    max_length: usize,
    special: SpecialIds,
    seed: u64,
    segments: [Vec<u32>; 2],
    row: Vec<u32>,
}

/// The random choices of the reference builder.
pub trait GoogleChoices {
    /// With probability 0.1: this example has one segment only.
    fn single_segment(&mut self) -> bool;
    /// With probability 0.5: the line that overflows A goes to A all the same.
    fn overflow_into_a(&mut self) -> bool;
    /// With probability 0.05 a length from 5 to `max_length`, both included; else `max_length`.
    fn target_length(&mut self, max_length: usize) -> usize;
}

impl GoogleChoices for ChaCha8Rng {
    fn single_segment(&mut self) -> bool {
        self.random_bool(0.1)
    }

    fn overflow_into_a(&mut self) -> bool {
        self.random_bool(0.5)
    }

    fn target_length(&mut self, max_length: usize) -> usize {
        if self.random_bool(0.05) { self.random_range(5..=max_length) } else { max_length }
    }
}

impl GooglePacker {
    /// A packer that appends to `rows`.
    pub fn new(rows: Rows, max_length: usize, special: SpecialIds, seed: u64) -> Self {
        GooglePacker { rows, max_length, special, seed, segments: Default::default(), row: Vec::new() }
    }

    /// Adds one document; `line_ends` are the ends of its lines in `ids`, `identity` its hash.
    pub fn add_document(&mut self, ids: &[u32], line_ends: &[usize], identity: &blake3::Hash) {
        let mut hasher = blake3::Hasher::new_derive_key("electra google packing 1");
        hasher.update(&self.seed.to_le_bytes());
        hasher.update(identity.as_bytes());
        let mut choices = ChaCha8Rng::from_seed(*hasher.finalize().as_bytes());
        self.add_with_choices(ids, line_ends, &mut choices);
    }

    /// [`GooglePacker::add_document`] with choices from elsewhere.
    pub fn add_with_choices(&mut self, ids: &[u32], line_ends: &[usize], choices: &mut impl GoogleChoices) {
        assert_eq!(line_ends.last().copied().unwrap_or(0), ids.len(), "the last line ends the document");
        let mut target = choices.target_length(self.max_length);
        let mut first_line = 0;
        let mut start = 0;
        for (line, &end) in line_ends.iter().enumerate() {
            if end - start >= target {
                self.emit(ids, start, &line_ends[first_line..=line], target, choices);
                target = choices.target_length(self.max_length);
                first_line = line + 1;
                start = end;
            }
        }
        if start < ids.len() {
            self.emit(ids, start, &line_ends[first_line..], target, choices);
        }
    }

    /// The rows so far.
    pub fn finish(self) -> Rows {
        self.rows
    }

    fn emit(
        &mut self,
        ids: &[u32],
        mut start: usize,
        line_ends: &[usize],
        target: usize,
        choices: &mut impl GoogleChoices,
    ) {
        let aim = if choices.single_segment() { usize::MAX } else { target.saturating_sub(3) / 2 };
        let [a, b] = &mut self.segments;
        a.clear();
        b.clear();
        for &end in line_ends {
            let line = &ids[start..end];
            start = end;
            let into_a = a.is_empty()
                || a.len() + line.len() < aim
                || (b.is_empty() && a.len() < aim && choices.overflow_into_a());
            if into_a { &mut *a } else { &mut *b }.extend_from_slice(line);
        }
        a.truncate(self.max_length - 2);
        b.truncate((self.max_length - a.len()).saturating_sub(3));

        self.row.clear();
        self.row.push(self.special.cls);
        self.row.extend_from_slice(a);
        self.row.push(self.special.sep);
        let mut segment_b_start = 0;
        if !b.is_empty() {
            segment_b_start = self.row.len();
            self.row.extend_from_slice(b);
            self.row.push(self.special.sep);
        }
        self.rows.push(&self.row, segment_b_start);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pack::test_rows::{SPECIAL, decode};
    use crate::shard::RowShape;

    /// A source of random choices that always chooses the same.
    #[derive(Clone, Copy)]
    struct Always {
        single: bool,
        overflow: bool,
        target: usize,
    }

    impl GoogleChoices for Always {
        fn single_segment(&mut self) -> bool {
            self.single
        }
        fn overflow_into_a(&mut self) -> bool {
            self.overflow
        }
        fn target_length(&mut self, _: usize) -> usize {
            self.target
        }
    }

    const USUAL: Always = Always { single: false, overflow: false, target: 16 };

    /// Lines of the given lengths; the line numbered n consists of the id 10 + n.
    fn document(lengths: &[usize]) -> (Vec<u32>, Vec<usize>) {
        let mut ids = Vec::new();
        let mut ends = Vec::new();
        for (line, &length) in lengths.iter().enumerate() {
            ids.extend(std::iter::repeat_n(10 + line as u32, length));
            ends.push(ids.len());
        }
        (ids, ends)
    }

    /// Number of ids of each line in A and in B, per row, and the row's length.
    fn pack(mut choices: Always, lengths: &[usize]) -> Vec<(Vec<u32>, Vec<u32>)> {
        let (ids, ends) = document(lengths);
        let rows = Rows::new(RowShape { seq_len: 16, vocab_size: 1000 });
        let mut packer = GooglePacker::new(rows, 16, SPECIAL, 0);
        packer.add_with_choices(&ids, &ends, &mut choices);
        decode(&packer.finish(), 16)
            .into_iter()
            .map(|(row, segment_b_start)| {
                let b = if segment_b_start == 0 { row.len() } else { segment_b_start };
                let body = |part: &[u32]| part.iter().copied().filter(|&id| !SPECIAL.contains(id)).collect();
                (body(&row[..b]), body(&row[b..]))
            })
            .collect()
    }

    #[test]
    fn lines_fill_a_up_to_the_aim_and_then_b() {
        // Target 16, so A aims below (16 - 3) / 2 = 6: 3 + 2 = 5 fits, the third line overflows.
        assert_eq!(
            pack(USUAL, &[3, 2, 4, 4, 4]),
            [(vec![10, 10, 10, 11, 11], [vec![12; 4], vec![13; 4]].concat())],
            "17 tokens reach the target at the last line; B is trimmed to 16 - 5 - 3 = 8"
        );
    }

    #[test]
    fn a_short_line_returns_to_a_after_b_has_begun() {
        assert_eq!(pack(USUAL, &[3, 4, 2]), [(vec![10, 10, 10, 12, 12], vec![11; 4])]);
    }

    #[test]
    fn the_coin_lets_the_overflowing_line_into_a() {
        let choices = Always { overflow: true, ..USUAL };
        assert_eq!(pack(choices, &[3, 4, 2]), [([vec![10; 3], vec![11; 4]].concat(), vec![12; 2])]);
    }

    #[test]
    fn a_single_segment_takes_every_line_and_loses_what_does_not_fit() {
        let choices = Always { single: true, ..USUAL };
        assert_eq!(pack(choices, &[9, 9]), [([vec![10; 9], vec![11; 5]].concat(), vec![])]);
    }

    #[test]
    fn a_line_longer_than_the_row_leaves_no_room_for_b() {
        assert_eq!(pack(USUAL, &[40, 3]), [(vec![10; 14], vec![]), (vec![11; 3], vec![])]);
    }

    #[test]
    fn a_short_target_ends_an_example_early_but_trims_at_the_full_length() {
        // Target 5: A aims below 1, so the second line goes to B; trimming still uses 16.
        let choices = Always { target: 5, ..USUAL };
        assert_eq!(pack(choices, &[4, 4, 1]), [(vec![10; 4], vec![11; 4]), (vec![12], vec![])]);
    }

    #[test]
    fn lines_without_tokens_make_no_example() {
        assert_eq!(pack(USUAL, &[0, 0]), []);
        assert_eq!(pack(USUAL, &[]), []);
    }

    #[test]
    fn a_documents_rows_depend_on_the_seed_and_its_text_alone() {
        let (ids, ends) = document(&[30; 40]);
        let pack = |seed, documents: &[&[u8]]| {
            let rows = Rows::new(RowShape { seq_len: 64, vocab_size: 1000 });
            let mut packer = GooglePacker::new(rows, 64, SPECIAL, seed);
            for text in documents {
                packer.add_document(&ids, &ends, &blake3::hash(text));
            }
            decode(&packer.finish(), 64)
        };
        let [alone, after_another] = [pack(1, &[b"x"]), pack(1, &[b"y", b"x"])];
        assert_eq!(after_another[after_another.len() - alone.len()..], alone);
        assert_ne!(pack(2, &[b"x"]), alone);
    }

    /// The reference as it is written: a state machine that is fed line by line.
    struct Reference {
        sentences: Vec<Vec<u32>>,
        length: usize,
        target: usize,
        max_length: usize,
    }

    impl Reference {
        /// `None` is the blank line that ends a document.
        fn add_line(
            &mut self,
            line: Option<&[u32]>,
            choices: &mut impl GoogleChoices,
        ) -> Option<[Vec<u32>; 2]> {
            let Some(line) = line else {
                return (self.length > 0).then(|| self.create_example(choices));
            };
            self.sentences.push(line.to_vec());
            self.length += line.len();
            (self.length >= self.target).then(|| self.create_example(choices))
        }

        fn create_example(&mut self, choices: &mut impl GoogleChoices) -> [Vec<u32>; 2] {
            let first_target = if choices.single_segment() { 100_000 } else { (self.target - 3) / 2 };
            let [mut first, mut second] = [vec![], vec![]];
            for sentence in std::mem::take(&mut self.sentences) {
                if first.is_empty()
                    || first.len() + sentence.len() < first_target
                    || (second.is_empty() && first.len() < first_target && choices.overflow_into_a())
                {
                    first.extend(sentence);
                } else {
                    second.extend(sentence);
                }
            }
            first.truncate(self.max_length - 2);
            second.truncate((self.max_length as isize - first.len() as isize - 3).max(0) as usize);
            self.length = 0;
            self.target = choices.target_length(self.max_length);
            [first, second]
        }
    }

    proptest! {
        #[test]
        fn rows_are_those_of_the_reference_given_the_same_choices(
            lengths in proptest::collection::vec(0usize..90, 0..60),
            seed in 0u64..1000,
        ) {
            let (ids, ends) = document(&lengths);
            let mut packer =
                GooglePacker::new(Rows::new(RowShape { seq_len: 64, vocab_size: 1000 }), 64, SPECIAL, 0);
            packer.add_with_choices(&ids, &ends, &mut ChaCha8Rng::seed_from_u64(seed));

            let mut choices = ChaCha8Rng::seed_from_u64(seed);
            let target = choices.target_length(64);
            let mut reference = Reference { sentences: vec![], length: 0, target, max_length: 64 };
            let starts = std::iter::once(0).chain(ends.iter().copied());
            let lines: Vec<&[u32]> = starts.zip(&ends).map(|(start, &end)| &ids[start..end]).collect();
            let mut expected = Vec::new();
            for line in lines.into_iter().map(Some).chain([None]) {
                if let Some([a, b]) = reference.add_line(line, &mut choices) {
                    let mut row = [&[2][..], &a, &[3]].concat();
                    let segment_b_start = if b.is_empty() { 0 } else { row.len() };
                    if !b.is_empty() {
                        row.extend(b);
                        row.push(3);
                    }
                    expected.push((row, segment_b_start));
                }
            }
            prop_assert_eq!(decode(&packer.finish(), 64), expected);
        }
    }

    /// Line lengths are spread evenly over 40 % to 160 % of the first figure; the shares come from
    /// running the rules of the reference on 20,000 such documents.
    #[test]
    fn kept_tokens_and_single_segments_are_those_of_the_reference_builder() {
        for (line, lines, kept_expected, single_expected) in
            [(25, 40, 0.893, 0.159), (80, 12, 0.727, 0.298), (400, 3, 0.315, 1.0), (1000, 1, 0.126, 1.0)]
        {
            let mut rng = ChaCha8Rng::seed_from_u64(line as u64);
            let rows = Rows::new(RowShape { seq_len: 128, vocab_size: 1000 });
            let mut packer = GooglePacker::new(rows, 128, SPECIAL, 0);
            let mut corpus = 0;
            for _ in 0..3000 {
                let lengths: Vec<usize> =
                    (0..lines).map(|_| rng.random_range(line * 2 / 5..=line * 8 / 5)).collect();
                let (ids, ends) = document(&lengths);
                corpus += ids.len();
                packer.add_with_choices(&ids, &ends, &mut rng);
            }
            let rows = decode(&packer.finish(), 128);
            let kept: usize =
                rows.iter().map(|(ids, _)| ids.iter().filter(|&&id| !SPECIAL.contains(id)).count()).sum();
            let kept = kept as f64 / corpus as f64;
            let single = rows.iter().filter(|(_, b)| *b == 0).count() as f64 / rows.len() as f64;
            assert!((kept - kept_expected).abs() < 0.01, "{line}: kept {kept:.3}, expected {kept_expected}");
            assert!(
                (single - single_expected).abs() < 0.01,
                "{line}: single {single:.3}, expected {single_expected}"
            );
        }
    }

    #[test]
    fn choices_have_the_probabilities_of_the_reference() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let draws = 100_000;
        let share = |hits: usize| hits as f64 / draws as f64;
        let single = share((0..draws).filter(|_| rng.single_segment()).count());
        let overflow = share((0..draws).filter(|_| rng.overflow_into_a()).count());
        let targets: Vec<usize> = (0..draws).map(|_| rng.target_length(128)).collect();
        let short = share(targets.iter().filter(|&&length| length < 128).count());
        assert!((single - 0.1).abs() < 0.005, "{single}");
        assert!((overflow - 0.5).abs() < 0.008, "{overflow}");
        // One in 124 of the drawn lengths is 128 itself.
        assert!((short - 0.05 * 123.0 / 124.0).abs() < 0.004, "{short}");
        assert_eq!(targets.iter().min(), Some(&5));
    }
}
