//! Runs that several ranks train together, each a thread of the test: what one process ends with, all end with.

mod refusals;
mod run;
mod same_bits;
mod slow_messages;
