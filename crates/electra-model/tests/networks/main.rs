//! The networks against golden values, and the laws that they must obey.

mod corruption;
mod devices;
mod golden;
mod gradients;
mod objectives;
mod parameter_count;
mod parity;
mod position_start;
mod residual_start;
mod rows;
mod shapes;
mod tiny;
mod transformers_folders;
mod tying;
mod warm_starts;
