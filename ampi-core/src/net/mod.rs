//! Cells between PEs.
