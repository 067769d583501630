//! Which documents of a corpus nearly repeat an earlier one: found in a pass of its own before the corpus is packed.
//!
//! Every part of a build makes this pass over the whole corpus, so that all agree on what is left out. Signatures
//! are computed on all threads, and compared in the order of the documents: the result does not depend on them.

use std::sync::Arc;

use super::blocks::{Block, Blocks};
use super::error::BuildError;
use super::left_out::LeftOut;
use super::request::{BuildRequest, Deduplicate};
use crate::corpus::ReadProgress;
use crate::map_in_order::map_in_order;
use crate::near_duplicates::{NearDuplicates, Signature, TooManyDocuments};

/// Finds the documents of the input that nearly repeat one before them, or one of the held-out files, of which none
/// is left out. `progress` is told after each block.
pub(super) fn find(
    request: &BuildRequest,
    deduplicate: Deduplicate,
    mut progress: impl FnMut(&ReadProgress),
) -> Result<LeftOut, BuildError> {
    let mut seen = NearDuplicates::new(deduplicate.threshold, deduplicate.memory_bytes);
    let too_many = |TooManyDocuments| BuildError::TooManyDocuments {
        documents: deduplicate.memory_bytes / NearDuplicates::BYTES_PER_DOCUMENT,
        megabytes: deduplicate.memory_bytes / 1_000_000,
    };
    let mut left_out = LeftOut::default();
    let mut number = 0;
    let reading = Arc::<ReadProgress>::default();
    let heldout = request.heldout.files().to_vec();
    for (is_heldout, files) in [(true, heldout), (false, request.inputs.clone())] {
        let blocks = Blocks::over([files, vec![]], request, &reading);
        map_in_order(
            request.threads,
            blocks.map(|block| block.map_err(BuildError::from)),
            || {
                |block: Block| {
                    block.documents().map(|document| Signature::of(document.text())).collect::<Vec<_>>()
                }
            },
            |signatures| {
                for signature in &signatures {
                    if is_heldout {
                        seen.keep(signature).map_err(too_many)?;
                        continue;
                    }
                    left_out.push(number, seen.repeats(signature).map_err(too_many)?);
                    number += 1;
                }
                progress(&reading);
                Ok(())
            },
        )?;
    }
    Ok(left_out)
}
