//! What a guest sees of libc where the real one would not do: functions with per-process state or effects.

mod state;
pub mod table;

pub use state::LibcState;
