//! Private images.
