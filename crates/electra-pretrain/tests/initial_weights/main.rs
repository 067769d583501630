//! Runs that begin with the weights of other models.

mod growing;
mod refusals;
mod resuming;
mod small;
mod starting;
