//! The calls of MPI-5.0 chapter 5: handles to typemaps and back.
//!
//! | file | calls |
//! |---|---|
//! | [`constructors`] | new datatypes |
//! | [`life`] | commit, dup, free, names |
//! | [`queries`] | sizes, bounds, predefined types by property |
//! | [`contents`] | how a datatype was made |
//! | [`received`] | what a status says in units of a datatype |
//! | [`packing`] | pack buffers, also external32 |
//! | [`removed`] | names that MPI-3 removed |

pub mod constructors;
pub mod contents;
pub mod life;
pub mod packing;
pub mod queries;
pub mod received;
pub mod removed;
#[cfg(test)]
mod tests;

use super::handle::Type;
use std::rc::Rc;

/// A datatype argument.
type T<'a> = &'a Rc<Type>;
