//! Processing elements.
