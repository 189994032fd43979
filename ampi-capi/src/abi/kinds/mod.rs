//! Kinds of arguments: how each C argument becomes what a semantic function takes.
//!
//! A line of the table names a kind for each parameter. The kind says how the parameter is spelled in C, in the `int`
//! and in the large-count (`_c`) form, converts and checks the value, and lends the semantic function a safe Rust value:
//!
//! ```text
//!   C argument ── from_c / from_large ──► Held (owns, for the time of the call) ── lend ──► Rust<'_>
//!                     │ Err(MpiError)
//!                     ▼
//!               error handler of `blame(argument)`
//! ```
//!
//! | file | kinds |
//! |---|---|
//! | [`scalar`] | counts, sizes, flags, ranks, tags: values that are checked |
//! | [`buffer`] | message buffers, as addresses |
//! | [`out`] | places where a call stores results |
//! | [`array`] | arrays; the semantic function says how many elements the standard gives them |
//! | [`handles`] | handles of every kind: in, out, in-out, unchecked |
//! | [`status`] | `MPI_Status`, one and many |
//! | [`string`] | C strings and name buffers |
//! | [`callback`] | functions of the program that we call |
//!
//! A kind's struct has no value; it exists for its `Describe` (always) and `Kind` (handles: once the object exists).
//!
//! # Safety
//! The modules below turn what C passes into references. They trust, as every MPI library must, that a non-null pointer
//! argument points to as many elements of its type as the standard demands for the call, valid until the call returns.
//! Memory of the program is only seen as `Cell`s or copied, since arguments may overlap and other ranks may be called
//! in between. Null pointers and everything else that can be checked is checked.
#![allow(unsafe_code)]

mod array;
mod buffer;
mod callback;
mod handles;
mod out;
mod scalar;
mod status;
mod string;

pub use array::*;
pub use buffer::*;
pub use callback::*;
pub use handles::*;
pub use out::*;
pub use scalar::*;
pub use status::*;
pub use string::*;

use crate::abi::constants as c;
use crate::error::{MpiError, MpiResult};
use crate::rank::Rank;

/// How a kind looks in prototypes. `@` stands for the parameter's name.
pub trait Describe {
    /// The kind's own name, e.g. `Count`.
    const NAME: &'static str;
    /// C declarator in the `int` form: `const void *@`, `const int @[]`.
    const C: &'static str;
    /// C declarator in the large-count form.
    const C_LARGE: &'static str = Self::C;
    /// The type of the semantic function's parameter, for people.
    const RUST: &'static str;
    /// Does the large-count form differ?
    const LARGE: bool = !same(Self::C, Self::C_LARGE);
}

/// Conversion of one argument. See the module's drawing.
pub trait Kind: Describe {
    type C: Copy;
    type Large: Copy;
    type Held;
    type Rust<'a>;

    /// Checks and converts the argument called `name`.
    ///
    /// # Safety
    /// `value` is what a C caller passed for a parameter of this kind (module's Safety section).
    unsafe fn from_c(me: &'static Rank, value: Self::C, name: &'static str) -> MpiResult<Self::Held>;

    /// The same for the large-count form.
    ///
    /// # Safety
    /// As for `from_c`.
    unsafe fn from_large(me: &'static Rank, value: Self::Large, name: &'static str) -> MpiResult<Self::Held>;

    fn lend(held: &Self::Held) -> Self::Rust<'_>;

    /// A handle on whose object errors of the call are raised, 0: none. Looks at unchecked arguments.
    fn blame(_value: Self::C) -> usize {
        0
    }
    /// The same for the large-count form.
    fn blame_large(_value: Self::Large) -> usize {
        0
    }
}

/// String comparison for constants.
pub const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cold]
#[inline(never)]
pub(crate) fn null_pointer(name: &str) -> MpiError {
    MpiError::new(c::MPI_ERR_ARG, format!("{name} is a null pointer"))
}

/// Declares kinds: `kind! { /// doc Name, "int @", large "MPI_Count @", "i64" }`.
macro_rules! describe {
    ($($(#[$doc:meta])* $name:ident, $c:literal $(, large $large:literal)?, $rust:literal;)*) => {$(
        $(#[$doc])*
        pub struct $name;
        impl $crate::abi::kinds::Describe for $name {
            const NAME: &'static str = stringify!($name);
            const C: &'static str = $c;
            $(const C_LARGE: &'static str = $large;)?
            const RUST: &'static str = $rust;
        }
    )*};
}
pub(crate) use describe;

/// A kind that is one C type in both forms and whose Rust value is `Copy`:
/// `plain_kind!(Name: c_type => rust_type, |me, value, name| conversion)`.
macro_rules! plain_kind {
    ($name:ident: $c:ty => $rust:ty, |$me:ident, $value:ident, $arg:ident| $body:expr) => {
        impl $crate::abi::kinds::Kind for $name {
            type C = $c;
            type Large = $c;
            type Held = $rust;
            type Rust<'a> = $rust;
            #[inline(always)]
            unsafe fn from_c(
                $me: &'static $crate::rank::Rank,
                $value: $c,
                $arg: &'static str,
            ) -> $crate::error::MpiResult<$rust> {
                let _ = ($me, $arg);
                $body
            }
            #[inline(always)]
            unsafe fn from_large(
                me: &'static $crate::rank::Rank,
                value: $c,
                arg: &'static str,
            ) -> $crate::error::MpiResult<$rust> {
                // SAFETY: same contract, same C type.
                unsafe { Self::from_c(me, value, arg) }
            }
            #[inline(always)]
            fn lend(held: &$rust) -> $rust {
                *held
            }
        }
    };
}
pub(crate) use plain_kind;

/// Arguments for unit tests of semantic functions.
#[cfg(test)]
pub mod on_stack {
    pub use super::array::lists::*;
    pub use super::handles::variables::*;
    pub use super::out::places::*;
    pub use super::string::room::*;
}
