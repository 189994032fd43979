//! C strings: names and keys that are read, buffers that are filled. Strings are bytes; nothing demands UTF-8.
#![allow(unsafe_code)]

use super::{Kind, describe, null_pointer};
use crate::abi::constants as c;
use crate::error::{MpiError, MpiResult};
use crate::rank::Rank;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::NonNull;

describe! {
    /// Any string.
    StringIn, "const char *@", "&[u8]";
    /// An info key: 1 to `MPI_MAX_INFO_KEY` − 1 bytes (`MPI_ERR_INFO_KEY`).
    InfoKey, "const char *@", "&[u8]";
    /// An info value: up to `MPI_MAX_INFO_VAL` − 1 bytes (`MPI_ERR_INFO_VALUE`).
    InfoValue, "const char *@", "&[u8]";
    /// A name for an object; cut to `MPI_MAX_OBJECT_NAME` − 1 bytes, as the standard demands.
    ObjectName, "const char *@", "&[u8]";
    /// A buffer for a string of the standard's size for it.
    OutName, "char *@", "StringOut";
    /// A buffer that may be null when its size argument is 0; the semantic function knows its size (a constant of the standard or an argument).
    OutString, "char *@", "StringOut";
}

/// A buffer of the program for a string.
#[derive(Clone, Copy)]
pub struct StringOut<'a>(Option<NonNull<u8>>, PhantomData<&'a ()>);

impl StringOut<'_> {
    /// Writes as much of `text` as fits `room` bytes with a final 0; returns the length written without it. A null
    /// buffer (checked already unless the standard allows it) gets nothing.
    pub fn write(self, text: &[u8], room: usize) -> usize {
        let (Some(p), true) = (self.0, room > 0) else { return 0 };
        let n = text.len().min(room - 1);
        // SAFETY: the program's buffer has `room` bytes by the standard or by its own argument (module above).
        unsafe {
            p.copy_from_nonoverlapping(NonNull::from(text).cast(), n);
            p.add(n).write(0);
        }
        n
    }
}

/// What a kind of string holds.
pub struct HeldString(*const u8, usize);

#[inline(always)]
fn read(p: *const u8, name: &str) -> MpiResult<HeldString> {
    if p.is_null() {
        return Err(null_pointer(name));
    }
    // SAFETY: a C string of the program (module above).
    Ok(HeldString(p, unsafe { CStr::from_ptr(p.cast()) }.count_bytes()))
}

#[cold]
#[inline(never)]
fn bad_length(class: i32, name: &str, len: usize, max: i32) -> MpiError {
    MpiError::new(class, format!("{name} has {len} bytes, must have 1..{}", max - 1))
}

fn info_key(p: *const u8, name: &str) -> MpiResult<HeldString> {
    let key = read(p, name).map_err(|e| e.of_class(c::MPI_ERR_INFO_KEY))?;
    if key.1 == 0 || key.1 >= c::MPI_MAX_INFO_KEY as usize {
        return Err(bad_length(c::MPI_ERR_INFO_KEY, name, key.1, c::MPI_MAX_INFO_KEY));
    }
    Ok(key)
}

fn info_value(p: *const u8, name: &str) -> MpiResult<HeldString> {
    let value = read(p, name).map_err(|e| e.of_class(c::MPI_ERR_INFO_VALUE))?;
    if value.1 >= c::MPI_MAX_INFO_VAL as usize {
        return Err(bad_length(c::MPI_ERR_INFO_VALUE, name, value.1, c::MPI_MAX_INFO_VAL));
    }
    Ok(value)
}

fn object_name(p: *const u8, name: &str) -> MpiResult<HeldString> {
    let s = read(p, name)?;
    Ok(HeldString(s.0, s.1.min(c::MPI_MAX_OBJECT_NAME as usize - 1)))
}

macro_rules! string_kind {
    ($($name:ident: $read:ident;)*) => {$(
        impl Kind for $name {
            type C = *const u8;
            type Large = *const u8;
            type Held = HeldString;
            type Rust<'a> = &'a [u8];
            unsafe fn from_c(_me: &'static Rank, value: *const u8, name: &'static str) -> MpiResult<HeldString> {
                $read(value, name)
            }
            unsafe fn from_large(_me: &'static Rank, value: *const u8, name: &'static str) -> MpiResult<HeldString> {
                $read(value, name)
            }
            fn lend(held: &HeldString) -> &[u8] {
                // SAFETY: `read` measured the string.
                unsafe { std::slice::from_raw_parts(held.0, held.1) }
            }
        }
    )*};
}

string_kind! {
    StringIn: read;
    InfoKey: info_key;
    InfoValue: info_value;
    ObjectName: object_name;
}

/// What an output string kind holds.
pub struct HeldBuffer(*mut u8);

macro_rules! buffer_kind {
    ($($name:ident: |$p:ident, $arg:ident| $check:expr;)*) => {$(
        impl Kind for $name {
            type C = *mut u8;
            type Large = *mut u8;
            type Held = HeldBuffer;
            type Rust<'a> = StringOut<'a>;
            unsafe fn from_c(_me: &'static Rank, $p: *mut u8, $arg: &'static str) -> MpiResult<HeldBuffer> {
                let _ = $arg;
                $check
            }
            unsafe fn from_large(me: &'static Rank, value: *mut u8, name: &'static str) -> MpiResult<HeldBuffer> {
                // SAFETY: same contract.
                unsafe { Self::from_c(me, value, name) }
            }
            fn lend(held: &HeldBuffer) -> StringOut<'_> {
                StringOut(NonNull::new(held.0), PhantomData)
            }
        }
    )*};
}

buffer_kind! {
    OutName: |p, name| if p.is_null() { Err(null_pointer(name)) } else { Ok(HeldBuffer(p)) };
    OutString: |p, name| Ok(HeldBuffer(p));
}

#[cfg(test)]
pub mod room {
    //! String buffers for unit tests of semantic functions.
    use super::*;

    pub fn string(place: &mut [u8]) -> StringOut<'_> {
        StringOut(NonNull::new(place.as_mut_ptr()), PhantomData)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_cut_to_the_room_and_terminated() {
        let mut b = [0xffu8; 8];
        assert_eq!(room::string(&mut b).write(b"abcdef", 4), 3);
        assert_eq!(&b[..5], b"abc\0\xff");
        assert_eq!(room::string(&mut b).write(b"abcdef", 0), 0);
        assert_eq!(b[0], b'a');
    }

    #[test]
    fn keys_have_a_length_and_say_so() {
        let long = [b"x".repeat(256), vec![0]].concat();
        let e = info_key(long.as_ptr(), "key").err().unwrap();
        assert_eq!((e.class.0, &*e.detail), (c::MPI_ERR_INFO_KEY, "key has 256 bytes, must have 1..255"));
        assert!(info_key(c"".as_ptr().cast(), "key").is_err());
        assert!(info_key(c"soft".as_ptr().cast(), "key").is_ok());
        assert!(info_key(std::ptr::null(), "key").is_err());
    }
}
