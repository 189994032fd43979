//! The arena: reserved address range, slots, stacks, heaps.

pub mod heap;

pub use heap::Heap;
