//! Windows of chunks to batches, of one chunk or of several texts.

use electra_model::WindowBatchData;

use super::chunk::ChunkWindow;
use crate::window::{BatchSettings, batches_of_lengths};

/// Rows are padded to a multiple of this.
pub(super) const MULTIPLE_OF: usize = 8;

/// Windows, and for each row of their logits the word of the chunk.
pub(super) struct ChunkBatch {
    pub windows: WindowBatchData,
    pub words: Vec<usize>,
}

/// The batches of a chunk, of `size` windows each and `max_length` pieces a row at most.
pub(super) fn batches(windows: &[ChunkWindow], size: usize, max_length: usize, pad: u32) -> Vec<ChunkBatch> {
    let order: Vec<usize> = (0..windows.len()).collect();
    let settings = BatchSettings { size, pool: usize::MAX, multiple_of: MULTIPLE_OF, max_length };
    let chunk_batch = |batch: crate::window::Batch| {
        let mut data = WindowBatchData::new(batch.length);
        let mut words = Vec::new();
        for &window in &batch.windows {
            let ChunkWindow { ids, first_pieces, words: of_window } = &windows[window];
            data.push(ids, first_pieces, pad);
            words.extend(of_window);
        }
        ChunkBatch { windows: data, words }
    };
    let gathered = batches_of_lengths(|window| windows[window].ids.len(), &order, &settings);
    gathered.into_iter().map(chunk_batch).collect()
}
