//! Values: counts, sizes, flags, ranks, tags.
//!
//! `Count` and its relatives are *poly*: `int` in the plain form, `MPI_Count` in the large one, `i64` in Rust.

use super::{Kind, describe, plain_kind};
use crate::abi::constants as c;
use crate::attr::TAG_UB;
use crate::datatype::Form;
use crate::error::{MpiError, MpiResult};
use crate::mpi_err;
use crate::rank::Rank;

describe! {
    /// A number of elements, ≥ 0 (`MPI_ERR_COUNT`).
    Count, "int @", large "MPI_Count @", "i64";
    /// A count ≥ 0 of a datatype constructor (`MPI_ERR_COUNT`), with the form of the call.
    ConstructorCount, "int @", large "MPI_Count @", "Formed";
    /// A number of bytes, also negative, of a datatype constructor, with the form of the call.
    ConstructorBytes, "MPI_Aint @", large "MPI_Count @", "Formed";
    /// A count that is only significant at some processes: the semantic function checks it where it is.
    CountIfUsed, "int @", large "MPI_Count @", "LateCount";
    /// A size or offset that may be negative: the stride of a vector.
    Stride, "int @", large "MPI_Count @", "i64";
    /// A number of bytes that may be negative: stride of an hvector, lower bound and extent.
    ByteStride, "MPI_Aint @", large "MPI_Count @", "i64";
    /// A number of bytes, ≥ 0 (`MPI_ERR_ARG`): room for external packing.
    ByteCount, "MPI_Aint @", large "MPI_Count @", "i64";
    /// Unit of displacements of a window, > 0.
    DispUnit, "int @", large "MPI_Aint @", "i64";
    /// Any int.
    Int, "int @", "i32";
    /// A Fortran integer.
    Fint, "MPI_Fint @", "i32";
    /// An int ≥ 0 (`MPI_ERR_ARG`).
    NonNegative, "int @", "i32";
    /// A C truth value.
    Logical, "int @", "bool";
    /// An address-sized number, unchecked.
    Aint, "MPI_Aint @", "i64";
    /// A number of bytes, ≥ 0 (`MPI_ERR_ARG`).
    AintSize, "MPI_Aint @", "i64";
    /// An `MPI_Count` in both forms.
    LargeCount, "MPI_Count @", "i64";
    /// Destination of a message: a rank or `MPI_PROC_NULL`.
    Dest, "int @", "InDest";
    /// Source of a message: a rank, `MPI_PROC_NULL` or `MPI_ANY_SOURCE`.
    Source, "int @", "InSource";
    /// Root of a collective operation.
    Root, "int @", "InRoot";
    /// Tag of a message sent, 0..=`MPI_TAG_UB`.
    SendTag, "int @", "i32";
    /// Tag of a message to receive: also `MPI_ANY_TAG`.
    RecvTag, "int @", "i32";
    /// Color of a split: ≥ 0 or `MPI_UNDEFINED`.
    Color, "int @", "Option<i32>";
    /// An attribute key.
    Keyval, "int @", "InKeyval";
    /// An error class or error code.
    ErrorCode, "int @", "InError";
    /// The level of `MPI_Pcontrol`; what follows it is for profiling tools.
    Level, "const int @, ...", "i32";
    /// An address that is kept, not read: extra state, attribute values, memory to be freed.
    Word, "void *@", "usize";
    /// The address of something of the program's: `MPI_Get_address`.
    Location, "const void *@", "usize";
    /// `argc` of `MPI_Init`, may be null.
    ArgcInOut, "int *@", "usize";
    /// `argv` of `MPI_Init`, may be null.
    ArgvInOut, "char ***@", "usize";
    /// `argv` of `MPI_Info_create_env`.
    Argv, "char *@[]", "usize";
}

/// A destination as the program gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InDest(pub i32);
/// A source as the program gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InSource(pub i32);
/// A root as the program gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InRoot(pub i32);
/// An attribute key as the program gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InKeyval(pub i32);
/// An error class or code as the program gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InError(pub i32);

/// Whom a receive takes messages from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Rank(u32),
    Any,
    Null,
}

#[cold]
#[inline(never)]
fn bad_rank(class: i32, what: &str, value: i32, size: u32) -> MpiError {
    MpiError::new(class, format!("{what} is {value}, must be 0..{}", size.saturating_sub(1)))
}

impl InDest {
    /// The rank in a communicator (or remote group) of `size` processes; `None`: `MPI_PROC_NULL`.
    #[inline(always)]
    pub fn check(self, size: u32) -> MpiResult<Option<u32>> {
        if (self.0 as u32) < size && self.0 >= 0 {
            Ok(Some(self.0 as u32))
        } else if self.0 == c::MPI_PROC_NULL {
            Ok(None)
        } else {
            Err(bad_rank(c::MPI_ERR_RANK, "dest", self.0, size))
        }
    }
}

impl InSource {
    /// The meaning in a communicator of `size` processes.
    #[inline(always)]
    pub fn check(self, size: u32) -> MpiResult<From> {
        if (self.0 as u32) < size && self.0 >= 0 {
            Ok(From::Rank(self.0 as u32))
        } else if self.0 == c::MPI_ANY_SOURCE {
            Ok(From::Any)
        } else if self.0 == c::MPI_PROC_NULL {
            Ok(From::Null)
        } else {
            Err(bad_rank(c::MPI_ERR_RANK, "source", self.0, size))
        }
    }
}

impl InRoot {
    /// The root's rank in an intracommunicator of `size` processes.
    #[inline(always)]
    pub fn check(self, size: u32) -> MpiResult<u32> {
        if (self.0 as u32) < size && self.0 >= 0 {
            Ok(self.0 as u32)
        } else {
            Err(bad_rank(c::MPI_ERR_ROOT, "root", self.0, size))
        }
    }
}

#[cold]
#[inline(never)]
fn negative(class: i32, name: &str, value: i64) -> MpiError {
    MpiError::new(class, format!("{name} is {value}, must not be negative"))
}

/// A poly kind: two integer types, one check on the `i64`.
macro_rules! poly_kind {
    ($name:ident: $c:ty | $large:ty, |$value:ident, $arg:ident| $body:expr) => {
        impl Kind for $name {
            type C = $c;
            type Large = $large;
            type Held = i64;
            type Rust<'a> = i64;
            #[inline(always)]
            unsafe fn from_c(_me: &'static Rank, value: $c, $arg: &'static str) -> MpiResult<i64> {
                let $value = i64::from(value);
                let _ = $arg;
                $body
            }
            #[inline(always)]
            unsafe fn from_large(_me: &'static Rank, $value: $large, $arg: &'static str) -> MpiResult<i64> {
                let _ = $arg;
                $body
            }
            #[inline(always)]
            fn lend(held: &i64) -> i64 {
                *held
            }
        }
    };
}

poly_kind!(Count: i32 | i64, |v, name| if v >= 0 { Ok(v) } else { Err(negative(c::MPI_ERR_COUNT, name, v)) });
poly_kind!(Stride: i32 | i64, |v, name| Ok(v));
poly_kind!(ByteStride: i64 | i64, |v, name| Ok(v));
poly_kind!(ByteCount: i64 | i64, |v, name| if v >= 0 { Ok(v) } else { Err(negative(c::MPI_ERR_ARG, name, v)) });
poly_kind!(DispUnit: i32 | i64, |v, name| if v > 0 {
    Ok(v)
} else {
    mpi_err!(MPI_ERR_DISP, "{name} is {v}, must be positive")
});

/// An argument of a datatype constructor. The form is kept, as the datatype tells with which it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formed {
    pub value: i64,
    pub form: Form,
}

/// A poly kind that keeps the form: two integer types, one check on the `i64`.
macro_rules! formed_kind {
    ($name:ident: $c:ty | $large:ty, |$value:ident, $arg:ident| $check:expr) => {
        impl Kind for $name {
            type C = $c;
            type Large = $large;
            type Held = Formed;
            type Rust<'a> = Formed;
            unsafe fn from_c(_me: &'static Rank, value: $c, $arg: &'static str) -> MpiResult<Formed> {
                let $value = i64::from(value);
                $check.map(|()| Formed { value: $value, form: Form::Int })
            }
            unsafe fn from_large(
                _me: &'static Rank,
                $value: $large,
                $arg: &'static str,
            ) -> MpiResult<Formed> {
                $check.map(|()| Formed { value: $value, form: Form::Large })
            }
            fn lend(held: &Formed) -> Formed {
                *held
            }
        }
    };
}

formed_kind!(ConstructorCount: i32 | i64, |v, name| if v >= 0 { Ok(()) } else { Err(negative(c::MPI_ERR_COUNT, name, v)) });
formed_kind!(ConstructorBytes: i64 | i64, |v, _name| MpiResult::Ok(()));

/// A count that was not checked yet.
#[derive(Debug, Clone, Copy)]
pub struct LateCount(i64, &'static str);

impl LateCount {
    /// The count, ≥ 0.
    #[inline(always)]
    pub fn check(self) -> MpiResult<i64> {
        if self.0 >= 0 { Ok(self.0) } else { Err(negative(c::MPI_ERR_COUNT, self.1, self.0)) }
    }
}

impl Kind for CountIfUsed {
    type C = i32;
    type Large = i64;
    type Held = LateCount;
    type Rust<'a> = LateCount;
    #[inline(always)]
    unsafe fn from_c(_me: &'static Rank, value: i32, name: &'static str) -> MpiResult<LateCount> {
        Ok(LateCount(value.into(), name))
    }
    #[inline(always)]
    unsafe fn from_large(_me: &'static Rank, value: i64, name: &'static str) -> MpiResult<LateCount> {
        Ok(LateCount(value, name))
    }
    #[inline(always)]
    fn lend(held: &LateCount) -> LateCount {
        *held
    }
}

plain_kind!(Fint: i32 => i32, |me, v, name| Ok(v));
plain_kind!(Int: i32 => i32, |me, v, name| Ok(v));
plain_kind!(NonNegative: i32 => i32, |me, v, name| if v >= 0 { Ok(v) } else { Err(negative(c::MPI_ERR_ARG, name, v.into())) });
plain_kind!(Logical: i32 => bool, |me, v, name| Ok(v != 0));
plain_kind!(Aint: i64 => i64, |me, v, name| Ok(v));
plain_kind!(AintSize: i64 => i64, |me, v, name| if v >= 0 { Ok(v) } else { Err(negative(c::MPI_ERR_ARG, name, v)) });
plain_kind!(LargeCount: i64 => i64, |me, v, name| Ok(v));
plain_kind!(Dest: i32 => InDest, |me, v, name| Ok(InDest(v)));
plain_kind!(Source: i32 => InSource, |me, v, name| Ok(InSource(v)));
plain_kind!(Root: i32 => InRoot, |me, v, name| Ok(InRoot(v)));
plain_kind!(SendTag: i32 => i32, |me, v, name| if v >= 0 { Ok(v) } else { Err(bad_tag(name, v, "")) });
plain_kind!(RecvTag: i32 => i32, |me, v, name| if v >= 0 || v == c::MPI_ANY_TAG {
    Ok(v)
} else {
    Err(bad_tag(name, v, " or MPI_ANY_TAG"))
});
plain_kind!(Color: i32 => Option<i32>, |me, v, name| if v >= 0 {
    Ok(Some(v))
} else if v == c::MPI_UNDEFINED {
    Ok(None)
} else {
    mpi_err!(MPI_ERR_ARG, "{name} is {v}, must not be negative (or be MPI_UNDEFINED)")
});
plain_kind!(Keyval: i32 => InKeyval, |me, v, name| if v == c::MPI_KEYVAL_INVALID {
    mpi_err!(MPI_ERR_KEYVAL, "{name} is MPI_KEYVAL_INVALID")
} else {
    Ok(InKeyval(v))
});
plain_kind!(ErrorCode: i32 => InError, |me, v, name| Ok(InError(v)));
plain_kind!(Level: i32 => i32, |me, v, name| Ok(v));
plain_kind!(Word: usize => usize, |me, v, name| Ok(v));
plain_kind!(Location: usize => usize, |me, v, name| Ok(v));
plain_kind!(ArgcInOut: usize => usize, |me, v, name| Ok(v));
plain_kind!(ArgvInOut: usize => usize, |me, v, name| Ok(v));
plain_kind!(Argv: usize => usize, |me, v, name| Ok(v));

#[cold]
#[inline(never)]
fn bad_tag(name: &str, value: i32, or: &str) -> MpiError {
    MpiError::new(c::MPI_ERR_TAG, format!("{name} is {value}, must be 0..{TAG_UB}{or}"))
}
