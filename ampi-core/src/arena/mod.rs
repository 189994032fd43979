//! The arena: reserved address range, slots, stacks, heaps.
