//! Parquet of the Hugging Face Hub: a row has a list of tokens and a list of tags, by name or by number.

use crate::read::error::ReadError;
use crate::read::input::Input;
use crate::read::options::ReadOptions;
use crate::read::raw::Raw;

pub(in crate::read) fn recognises(input: &Input<'_>) -> bool {
    input.has_ending("parquet")
}

#[cfg(not(feature = "parquet"))]
pub(in crate::read) fn read(input: &Input<'_>, _: &ReadOptions) -> Result<Raw, ReadError> {
    Err(electra_text::corpus::CorpusError::WithoutParquet { path: input.path.to_owned() }.into())
}

#[cfg(feature = "parquet")]
pub(in crate::read) use table::read;

#[cfg(feature = "parquet")]
mod table;
