//! The C ABI: constants, argument kinds, the one table of entry points.
pub mod constants;
