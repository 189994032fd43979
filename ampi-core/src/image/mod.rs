//! Private images.

pub mod libc;
