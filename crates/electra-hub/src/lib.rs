//! Models of the Hugging Face Hub by their names.
//!
//! ```no_run
//! use electra_hub::{Hub, ModelName, Settings, SilentProgress};
//!
//! let name = ModelName::parse("google/electra-small-discriminator").expect("a name");
//! let hub = Hub::new(Settings::from_environment(|key| std::env::var(key).ok())?);
//! let found = hub.find(&name, &mut SilentProgress)?;
//! println!("{} at {}", found.folder.display(), found.commit);
//! # Ok::<(), electra_hub::HubError>(())
//! ```
//!
//! The cache is that of Python's `huggingface_hub`: what one of the two has downloaded the other finds.
//!
//! ```text
//! CACHE/models--OWNER--NAME/blobs/HASH              content, by its SHA-256 (large files) or git's hash (small ones)
//!                           snapshots/COMMIT/FILE   a link to it
//!                           refs/REVISION           the commit of a branch or tag
//!                           .no_exist/COMMIT/FILE   a file that the commit does not have
//! ```
//!
//! | part | what it does |
//! |---|---|
//! | [`ModelName`] | `owner/name@revision` and other spellings |
//! | [`Settings`] | cache, server, token and what else the environment says |
//! | [`Cache`] | what is there already |
//! | [`Hub`] | finds a model, with the server's help if need be and allowed |
//!
//! # What it never does
//!
//! It reads no file of a model but an index of shards, sends no token to another host than the server's, follows no
//! link of the cache to outside of it, and gives no file its name before its content has the hash that the server
//! named. It prints nothing.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]
#![warn(unreachable_pub)]

mod cache;
#[cfg(feature = "download")]
mod client;
#[cfg(feature = "download")]
mod digest;
#[cfg(feature = "download")]
mod download;
mod error;
mod files;
mod hub;
mod name;
mod progress;
mod settings;

pub use cache::{Cache, model_of_folder};
pub use error::HubError;
pub use hub::{FoundModel, Hub, Unknown};
pub use name::ModelName;
pub use progress::{Progress, SilentProgress};
pub use settings::{Settings, Token};
