//! HTTP service for taggers of named entities and detectors of replaced tokens.
//!
//! | to | use |
//! |---|---|
//! | serve folders until a signal ends it | [`serve`], [`ModelSources`], [`ServiceSettings`] |
//! | bound what is taken | [`Limits`] |
//! | say who may ask | [`Access`], [`Token`] |
//!
//! ```text
//! connection   head, body                 bounded in number, bytes and time
//! guard        Host, Origin, token
//! api          JSON -> texts              one type for each path, described in /openapi.json
//! admission    requests, bytes            a full queue answers 429
//! tagging      one thread for each model: texts of all requests share batches
//! ```
//!
//! An answer is what `electra predict` and `electra detect` print of the same text, whatever is asked at the same time.
//!
//! # What it never does
//!
//! It never cuts a text, logs nothing of one, takes no path from a request, prints nothing, and changes no file.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![warn(unreachable_pub)]

mod admission;
mod api;
mod asking;
mod body;
mod connection;
mod detecting;
mod faults;
mod guard;
mod health;
mod measures;
mod models;
mod offsets;
mod page;
mod problem;
mod router;
mod served;
mod server;
mod settings;
mod state;
mod tagging;

pub use models::{ModelSources, Reload};
pub use served::{ModelError, ModelSource, ServedCompute};
pub use server::{ServeError, ServiceEvent, serve};
pub use settings::{Access, Limits, ServiceSettings, Token, WeakToken};
