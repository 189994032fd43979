//! The predefined datatypes of the ABI as plain facts: name, machine representation, class (MPI-5.0 §3.2.2, §6.9.2, §20).
//!
//! A [`Basic`] is one byte: the handle minus `0x200`, so that the handle, the row of the table and the value that
//! signatures and reduction kernels carry are the same number. Pair types (MPI_DOUBLE_INT, …) are rows too, but they
//! are not elements of a signature: there they appear as their two members, which is how the standard defines them
//! ("as if defined by" a struct, §6.9.4).

use crate::abi::constants as c;
use std::fmt;

/// The groups of types in the standard's table of reduction operations (MPI-5.0 §6.9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    CInteger,
    FortranInteger,
    Floating,
    Logical,
    Complex,
    Byte,
    /// MPI_AINT, MPI_OFFSET, MPI_COUNT: equal in C and Fortran.
    MultiLanguage,
    /// Printable characters: they are moved, never computed with. The standard counts `MPI_CHAR` to them, but programs
    /// that reduce C's `char` run with every other implementation, so here it is the small integer that it is in C.
    Character,
    Packed,
    /// Value and index of MPI_MINLOC and MPI_MAXLOC.
    Pair,
}

/// How the bytes of a predefined type are to be read on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repr {
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    /// IEEE binary16.
    F16,
    F32,
    F64,
    /// C's `long double`: 80-bit extended in 16 bytes on x86-64, binary128 on aarch64.
    LongDouble,
    /// IEEE binary128.
    F128,
    ComplexF16,
    ComplexF32,
    ComplexF64,
    ComplexLongDouble,
    ComplexF128,
    PairF32I32,
    PairF64I32,
    PairI64I32,
    PairI32I32,
    PairI16I32,
    PairLongDoubleI32,
    PairF32F32,
    PairF64F64,
}

impl Repr {
    /// C's `char`, whose sign the architecture chooses.
    const C_CHAR: Repr = if std::ffi::c_char::MIN == 0 { Repr::U8 } else { Repr::I8 };

    /// Bytes that carry data: what one element takes in a packed message.
    pub const fn size(self) -> i64 {
        use Repr::*;
        match self {
            I8 | U8 => 1,
            I16 | U16 | F16 => 2,
            I32 | U32 | F32 | ComplexF16 => 4,
            I64 | U64 | F64 | ComplexF32 | PairF32I32 | PairI32I32 | PairF32F32 => 8,
            I128 | LongDouble | F128 | ComplexF64 | PairF64F64 => 16,
            ComplexLongDouble | ComplexF128 => 32,
            PairF64I32 | PairI64I32 => 12,
            PairI16I32 => 6,
            PairLongDoubleI32 => 20,
        }
    }

    /// The alignment that C (or Fortran's common blocks) gives such an element.
    pub const fn align(self) -> i64 {
        use Repr::*;
        match self {
            ComplexF16 => 2,
            ComplexF32 | PairF32I32 | PairI32I32 | PairF32F32 | PairI16I32 => 4,
            ComplexF64 | PairF64F64 | PairF64I32 | PairI64I32 => 8,
            ComplexLongDouble | ComplexF128 | PairLongDoubleI32 => 16,
            plain => plain.size(),
        }
    }

    /// Displacement of the index in a pair type, as in the C struct of value and index.
    pub const fn index_offset(self) -> i64 {
        use Repr::*;
        match self {
            PairF32I32 | PairI32I32 | PairI16I32 | PairF32F32 => 4,
            PairF64I32 | PairI64I32 | PairF64F64 => 8,
            PairLongDoubleI32 => 16,
            _ => 0,
        }
    }

    /// Bytes of one scalar: a complex number has two of them. Pairs have no single unit; their size is returned.
    pub const fn unit(self) -> i64 {
        use Repr::*;
        match self {
            ComplexF16 | ComplexF32 | ComplexF64 | ComplexLongDouble | ComplexF128 => self.size() / 2,
            plain => plain.size(),
        }
    }
}

/// One row of the table of predefined datatypes.
#[derive(Debug)]
pub struct BasicInfo {
    pub handle: usize,
    pub name: &'static str,
    pub class: Class,
    pub repr: Repr,
}

/// A predefined datatype: its ABI handle minus `0x200`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Basic(u8);

const FIRST: usize = c::MPI_DATATYPE_NULL;
const COUNT: usize = 256;

macro_rules! table {
    ($($name:ident $class:ident $repr:ident)*) => {
        const ROWS: &[BasicInfo] = &[$(BasicInfo {
            handle: c::$name, name: stringify!($name), class: Class::$class, repr: Repr::$repr,
        }),*];
    };
}

table! {
    MPI_AINT MultiLanguage I64
    MPI_COUNT MultiLanguage I64
    MPI_OFFSET MultiLanguage I64
    MPI_PACKED Packed U8
    MPI_SHORT CInteger I16
    MPI_INT CInteger I32
    MPI_LONG CInteger I64
    MPI_LONG_LONG_INT CInteger I64
    MPI_UNSIGNED_SHORT CInteger U16
    MPI_UNSIGNED CInteger U32
    MPI_UNSIGNED_LONG CInteger U64
    MPI_UNSIGNED_LONG_LONG CInteger U64
    MPI_FLOAT Floating F32
    MPI_C_COMPLEX Complex ComplexF32
    MPI_CXX_FLOAT_COMPLEX Complex ComplexF32
    MPI_DOUBLE Floating F64
    MPI_C_DOUBLE_COMPLEX Complex ComplexF64
    MPI_CXX_DOUBLE_COMPLEX Complex ComplexF64
    MPI_LOGICAL Logical I32
    MPI_INTEGER FortranInteger I32
    MPI_REAL Floating F32
    MPI_COMPLEX Complex ComplexF32
    MPI_DOUBLE_PRECISION Floating F64
    MPI_DOUBLE_COMPLEX Complex ComplexF64
    MPI_CHARACTER Character U8
    MPI_LONG_DOUBLE Floating LongDouble
    MPI_C_LONG_DOUBLE_COMPLEX Complex ComplexLongDouble
    MPI_CXX_LONG_DOUBLE_COMPLEX Complex ComplexLongDouble
    MPI_FLOAT_INT Pair PairF32I32
    MPI_DOUBLE_INT Pair PairF64I32
    MPI_LONG_INT Pair PairI64I32
    MPI_2INT Pair PairI32I32
    MPI_SHORT_INT Pair PairI16I32
    MPI_LONG_DOUBLE_INT Pair PairLongDoubleI32
    MPI_2REAL Pair PairF32F32
    MPI_2DOUBLE_PRECISION Pair PairF64F64
    MPI_2INTEGER Pair PairI32I32
    MPI_C_BOOL Logical U8
    MPI_CXX_BOOL Logical U8
    MPI_WCHAR Character I32
    MPI_INT8_T CInteger I8
    MPI_UINT8_T CInteger U8
    MPI_CHAR CInteger C_CHAR
    MPI_SIGNED_CHAR CInteger I8
    MPI_UNSIGNED_CHAR CInteger U8
    MPI_BYTE Byte U8
    MPI_INT16_T CInteger I16
    MPI_UINT16_T CInteger U16
    MPI_INT32_T CInteger I32
    MPI_UINT32_T CInteger U32
    MPI_INT64_T CInteger I64
    MPI_UINT64_T CInteger U64
    MPI_LOGICAL1 Logical I8
    MPI_INTEGER1 FortranInteger I8
    MPI_LOGICAL2 Logical I16
    MPI_INTEGER2 FortranInteger I16
    MPI_REAL2 Floating F16
    MPI_LOGICAL4 Logical I32
    MPI_INTEGER4 FortranInteger I32
    MPI_REAL4 Floating F32
    MPI_COMPLEX4 Complex ComplexF16
    MPI_LOGICAL8 Logical I64
    MPI_INTEGER8 FortranInteger I64
    MPI_REAL8 Floating F64
    MPI_COMPLEX8 Complex ComplexF32
    MPI_LOGICAL16 Logical I128
    MPI_INTEGER16 FortranInteger I128
    MPI_REAL16 Floating F128
    MPI_COMPLEX16 Complex ComplexF64
    MPI_COMPLEX32 Complex ComplexF128
}

static TABLE: [Option<&BasicInfo>; COUNT] = {
    let mut table = [None; COUNT];
    let mut i = 0;
    while i < ROWS.len() {
        let at = ROWS[i].handle - FIRST;
        assert!(table[at].is_none(), "two predefined types with one handle");
        table[at] = Some(&ROWS[i]);
        i += 1;
    }
    table
};

impl Basic {
    /// The predefined type of an ABI handle; `None` for MPI_DATATYPE_NULL, unassigned values and derived types.
    #[inline]
    pub fn from_handle(handle: usize) -> Option<Basic> {
        let at = handle.wrapping_sub(FIRST);
        if at < COUNT && TABLE[at].is_some() { Some(Basic(at as u8)) } else { None }
    }

    /// As [`Basic::from_handle`] for the named constants of the ABI, at compile time.
    pub(crate) const fn named(handle: usize) -> Basic {
        let at = handle - FIRST;
        assert!(at < COUNT && TABLE[at].is_some(), "not the handle of a predefined datatype");
        Basic(at as u8)
    }

    /// All predefined types, in the order of the table.
    pub fn all() -> impl Iterator<Item = Basic> {
        ROWS.iter().map(|row| Basic::named(row.handle))
    }

    /// The row of the table.
    #[inline]
    pub fn info(self) -> &'static BasicInfo {
        // A Basic is only made from an occupied row; the first row stands in so that no panic path is left.
        TABLE[self.0 as usize].unwrap_or(&ROWS[0])
    }

    pub fn handle(self) -> usize {
        self.0 as usize + FIRST
    }

    /// The handle's distance from MPI_DATATYPE_NULL: an index for tables with 256 rows.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The name that MPI_Type_get_name gives it (MPI-5.0 §7.8): of two names for one type the one that the standard does
    /// not call a synonym.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    #[inline]
    pub fn size(self) -> i64 {
        self.info().repr.size()
    }

    pub fn class(self) -> Class {
        self.info().class
    }

    pub fn repr(self) -> Repr {
        self.info().repr
    }

    /// Value and index type of a pair type (MPI-5.0 §6.9.4), the inverse of MPI_Type_get_value_index.
    pub fn pair(self) -> Option<(Basic, Basic)> {
        let (value, index) = match self.handle() {
            c::MPI_FLOAT_INT => (c::MPI_FLOAT, c::MPI_INT),
            c::MPI_DOUBLE_INT => (c::MPI_DOUBLE, c::MPI_INT),
            c::MPI_LONG_INT => (c::MPI_LONG, c::MPI_INT),
            c::MPI_2INT => (c::MPI_INT, c::MPI_INT),
            c::MPI_SHORT_INT => (c::MPI_SHORT, c::MPI_INT),
            c::MPI_LONG_DOUBLE_INT => (c::MPI_LONG_DOUBLE, c::MPI_INT),
            c::MPI_2REAL => (c::MPI_REAL, c::MPI_REAL),
            c::MPI_2DOUBLE_PRECISION => (c::MPI_DOUBLE_PRECISION, c::MPI_DOUBLE_PRECISION),
            c::MPI_2INTEGER => (c::MPI_INTEGER, c::MPI_INTEGER),
            _ => return None,
        };
        Some((Basic::named(value), Basic::named(index)))
    }

    /// The predefined pair type of a value and an index type (MPI-5.0 §6.9.4, MPI_Type_get_value_index).
    pub fn value_index(value: Basic, index: Basic) -> Option<Basic> {
        Basic::all().find(|b| b.pair() == Some((value, index)))
    }

    /// The predefined type of a Fortran type class and a size in bytes (MPI-5.0 §19.1.5, MPI_Type_match_size).
    pub fn match_size(typeclass: i32, size: i32) -> Option<Basic> {
        let handle = match (typeclass, size) {
            (c::MPI_TYPECLASS_INTEGER, 1) => c::MPI_INTEGER1,
            (c::MPI_TYPECLASS_INTEGER, 2) => c::MPI_INTEGER2,
            (c::MPI_TYPECLASS_INTEGER, 4) => c::MPI_INTEGER4,
            (c::MPI_TYPECLASS_INTEGER, 8) => c::MPI_INTEGER8,
            (c::MPI_TYPECLASS_INTEGER, 16) => c::MPI_INTEGER16,
            (c::MPI_TYPECLASS_REAL, 2) => c::MPI_REAL2,
            (c::MPI_TYPECLASS_REAL, 4) => c::MPI_REAL4,
            (c::MPI_TYPECLASS_REAL, 8) => c::MPI_REAL8,
            (c::MPI_TYPECLASS_REAL, 16) => c::MPI_REAL16,
            (c::MPI_TYPECLASS_COMPLEX, 4) => c::MPI_COMPLEX4,
            (c::MPI_TYPECLASS_COMPLEX, 8) => c::MPI_COMPLEX8,
            (c::MPI_TYPECLASS_COMPLEX, 16) => c::MPI_COMPLEX16,
            (c::MPI_TYPECLASS_COMPLEX, 32) => c::MPI_COMPLEX32,
            _ => return None,
        };
        Some(Basic::named(handle))
    }
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_map_to_their_rows_and_back() {
        assert_eq!(Basic::all().count(), 70);
        for basic in Basic::all() {
            assert_eq!(Basic::from_handle(basic.handle()), Some(basic));
        }
        for handle in [0, c::MPI_DATATYPE_NULL, 0x204, 0x300, usize::MAX] {
            assert_eq!(Basic::from_handle(handle), None);
        }
    }

    /// The ABI encodes the size of fixed-size types in bits 3..5 of the handle (MPI-5.0 §20): 0x240 + 8 * log2(size).
    #[test]
    fn sizes_agree_with_the_sizes_encoded_in_the_handles() {
        for basic in Basic::all().filter(|b| b.handle() >= 0x240) {
            let encoded = 1i64 << ((basic.handle() >> 3) & 7);
            assert_eq!(basic.size(), encoded, "{basic:?}");
        }
    }

    #[test]
    fn pairs_are_found_by_their_members() {
        for basic in Basic::all().filter(|b| b.class() == Class::Pair) {
            let (value, index) = basic.pair().unwrap();
            assert_eq!(Basic::value_index(value, index), Some(basic));
            assert_eq!(basic.size(), value.size() + index.size());
        }
        assert_eq!(Basic::value_index(Basic::named(c::MPI_FLOAT), Basic::named(c::MPI_FLOAT)), None);
    }
}
