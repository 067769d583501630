//! Parquet of the Hugging Face Hub: a row has a list of tokens and a list of tags, by name or by number.

use crate::read::error::ReadError;
use crate::read::input::Input;
use crate::read::options::ReadOptions;
use crate::read::raw::Raw;

pub(in crate::read) fn recognises(input: &Input<'_>) -> bool {
    input.has_ending("parquet")
}

/// Reads the sentences of a file, a row each.
pub(in crate::read) fn read(input: &Input<'_>, options: &ReadOptions) -> Result<Raw, ReadError> {
    #[cfg(feature = "parquet")]
    return table::read(input, options);
    #[cfg(not(feature = "parquet"))]
    {
        let _ = options;
        Err(electra_text::corpus::CorpusError::WithoutParquet { path: input.path.to_owned() }.into())
    }
}

#[cfg(feature = "parquet")]
mod table;
