//! Annotations of every format: read, written, converted, refused.

mod bad_input;
mod bounds;
mod columns;
mod conversion;
mod conversion_properties;
mod exports;
mod formats;
mod formats_of_words;
mod json_lines;
mod properties;

#[path = "../support/mod.rs"]
mod support;
