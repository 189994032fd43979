//! Functions of the program that the library calls.
//!
//! # Safety
//! A non-null function argument is trusted to have the standard's type for that parameter. No borrow of runtime state
//! may be held around `call` (the function may call MPI).
#![allow(unsafe_code)]

use super::{Kind, describe, null_pointer, plain_kind};
use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::rank::Rank;
use std::ffi::{c_int, c_void};

describe! {
    CommCopyFn, "MPI_Comm_copy_attr_function *@", "CopyFn";
    CommDeleteFn, "MPI_Comm_delete_attr_function *@", "DeleteFn";
    TypeCopyFn, "MPI_Type_copy_attr_function *@", "CopyFn";
    TypeDeleteFn, "MPI_Type_delete_attr_function *@", "DeleteFn";
    WinCopyFn, "MPI_Win_copy_attr_function *@", "CopyFn";
    WinDeleteFn, "MPI_Win_delete_attr_function *@", "DeleteFn";
    /// `MPI_Keyval_create`.
    OldCopyFn, "MPI_Copy_function *@", "CopyFn";
    /// `MPI_Keyval_create`.
    OldDeleteFn, "MPI_Delete_function *@", "DeleteFn";
    CommErrhandlerFn, "MPI_Comm_errhandler_function *@", "ErrhandlerFn";
    WinErrhandlerFn, "MPI_Win_errhandler_function *@", "ErrhandlerFn";
    FileErrhandlerFn, "MPI_File_errhandler_function *@", "ErrhandlerFn";
    SessionErrhandlerFn, "MPI_Session_errhandler_function *@", "ErrhandlerFn";
    /// A reduction function of the program.
    UserFunction, "MPI_User_function *@", large "MPI_User_function_c *@", "UserFn";
}

type CopyC = unsafe extern "C" fn(usize, c_int, usize, usize, *mut c_void, *mut c_int) -> c_int;
type DeleteC = unsafe extern "C" fn(usize, c_int, usize, usize) -> c_int;
type ErrhandlerC = unsafe extern "C" fn(*mut usize, *mut c_int, ...);
type UserC = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int, *mut usize);
type UserLargeC = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut i64, *mut usize);

/// What happens to an attribute when its object is duplicated.
#[derive(Debug, Clone, Copy)]
pub enum CopyFn {
    /// `MPI_*_NULL_COPY_FN`: not copied.
    Null,
    /// `MPI_*_DUP_FN`: the value is copied.
    Dup,
    User(CopyC),
}

impl CopyFn {
    fn from_address(address: usize) -> CopyFn {
        match address {
            c::MPI_COMM_NULL_COPY_FN => CopyFn::Null,
            c::MPI_COMM_DUP_FN => CopyFn::Dup,
            // SAFETY: module.
            _ => CopyFn::User(unsafe { std::mem::transmute::<usize, CopyC>(address) }),
        }
    }

    /// The copy's value, `None` for no copy, or the code that the function returned.
    pub fn call(
        self,
        object: Handle,
        keyval: i32,
        extra_state: usize,
        value: usize,
    ) -> Result<Option<usize>, i32> {
        match self {
            CopyFn::Null => Ok(None),
            CopyFn::Dup => Ok(Some(value)),
            CopyFn::User(f) => {
                let (mut copy, mut flag) = (0usize, 0);
                // SAFETY: module; the results are places on this stack.
                match unsafe {
                    f(object.0, keyval, extra_state, value, (&raw mut copy).cast(), &raw mut flag)
                } {
                    c::MPI_SUCCESS => Ok((flag != 0).then_some(copy)),
                    code => Err(code),
                }
            }
        }
    }
}

/// What happens when an attribute is deleted.
#[derive(Debug, Clone, Copy)]
pub enum DeleteFn {
    /// `MPI_*_NULL_DELETE_FN`.
    Null,
    User(DeleteC),
}

impl DeleteFn {
    fn from_address(address: usize) -> DeleteFn {
        match address {
            c::MPI_COMM_NULL_DELETE_FN => DeleteFn::Null,
            // SAFETY: module.
            _ => DeleteFn::User(unsafe { std::mem::transmute::<usize, DeleteC>(address) }),
        }
    }

    /// Calls it; `MPI_SUCCESS` or the function's code.
    pub fn call(self, object: Handle, keyval: i32, value: usize, extra_state: usize) -> i32 {
        match self {
            DeleteFn::Null => c::MPI_SUCCESS,
            // SAFETY: module.
            DeleteFn::User(f) => unsafe { f(object.0, keyval, value, extra_state) },
        }
    }
}

/// An error handler function of the program.
#[derive(Debug, Clone, Copy)]
pub struct ErrhandlerFn(ErrhandlerC);

impl PartialEq for ErrhandlerFn {
    fn eq(&self, other: &Self) -> bool {
        self.0 as usize == other.0 as usize
    }
}

impl ErrhandlerFn {
    /// Calls it with (copies of) the object's handle and the code.
    pub fn call(self, object: Handle, code: i32) {
        let (mut handle, mut code) = (object.0, code);
        // SAFETY: module; the arguments are places on this stack.
        unsafe { (self.0)(&raw mut handle, &raw mut code) }
    }
}

/// A reduction function of the program, in the form in which it was given.
#[derive(Debug, Clone, Copy)]
pub enum UserFn {
    Int(UserC),
    Large(UserLargeC),
}

impl UserFn {
    /// `inout[i] = in[i] op inout[i]` for `len` elements of `datatype`. A length beyond `int` goes to an `int` function
    /// in pieces of `stride_bytes` (the extent) times `i32::MAX`.
    pub fn call(self, input: usize, inout: usize, len: i64, datatype: Handle, stride_bytes: i64) {
        let mut handle = datatype.0;
        let at = |base: usize, i: i64| {
            std::ptr::with_exposed_provenance_mut::<c_void>(
                base.wrapping_add_signed((i * stride_bytes) as isize),
            )
        };
        match self {
            UserFn::Large(f) => {
                let mut n = len;
                // SAFETY: module; `input` and `inout` hold `len` elements by the reduction's contract.
                unsafe { f(at(input, 0), at(inout, 0), &raw mut n, &raw mut handle) }
            }
            UserFn::Int(f) => {
                let mut done = 0;
                while done < len {
                    let piece = (len - done).min(i32::MAX.into());
                    let mut n = piece as c_int;
                    // SAFETY: as above, elements done..done + piece.
                    unsafe { f(at(input, done), at(inout, done), &raw mut n, &raw mut handle) }
                    done += piece;
                }
            }
        }
    }
}

plain_kind!(CommCopyFn: usize => CopyFn, |me, v, name| Ok(CopyFn::from_address(v)));
plain_kind!(TypeCopyFn: usize => CopyFn, |me, v, name| Ok(CopyFn::from_address(v)));
plain_kind!(WinCopyFn: usize => CopyFn, |me, v, name| Ok(CopyFn::from_address(v)));
plain_kind!(OldCopyFn: usize => CopyFn, |me, v, name| Ok(CopyFn::from_address(v)));
plain_kind!(CommDeleteFn: usize => DeleteFn, |me, v, name| Ok(DeleteFn::from_address(v)));
plain_kind!(TypeDeleteFn: usize => DeleteFn, |me, v, name| Ok(DeleteFn::from_address(v)));
plain_kind!(WinDeleteFn: usize => DeleteFn, |me, v, name| Ok(DeleteFn::from_address(v)));
plain_kind!(OldDeleteFn: usize => DeleteFn, |me, v, name| Ok(DeleteFn::from_address(v)));

fn errhandler_fn(address: usize, name: &str) -> MpiResult<ErrhandlerFn> {
    if address == 0 {
        return Err(null_pointer(name));
    }
    // SAFETY: module; non-null.
    Ok(ErrhandlerFn(unsafe { std::mem::transmute::<usize, ErrhandlerC>(address) }))
}

plain_kind!(CommErrhandlerFn: usize => ErrhandlerFn, |me, v, name| errhandler_fn(v, name));
plain_kind!(WinErrhandlerFn: usize => ErrhandlerFn, |me, v, name| errhandler_fn(v, name));
plain_kind!(FileErrhandlerFn: usize => ErrhandlerFn, |me, v, name| errhandler_fn(v, name));
plain_kind!(SessionErrhandlerFn: usize => ErrhandlerFn, |me, v, name| errhandler_fn(v, name));

impl Kind for UserFunction {
    type C = usize;
    type Large = usize;
    type Held = UserFn;
    type Rust<'a> = UserFn;
    unsafe fn from_c(_me: &'static Rank, value: usize, name: &'static str) -> MpiResult<UserFn> {
        if value == 0 {
            return Err(null_pointer(name));
        }
        // SAFETY: module; non-null.
        Ok(UserFn::Int(unsafe { std::mem::transmute::<usize, UserC>(value) }))
    }
    unsafe fn from_large(_me: &'static Rank, value: usize, name: &'static str) -> MpiResult<UserFn> {
        if value == 0 {
            return Err(null_pointer(name));
        }
        // SAFETY: module; non-null.
        Ok(UserFn::Large(unsafe { std::mem::transmute::<usize, UserLargeC>(value) }))
    }
    fn lend(held: &UserFn) -> UserFn {
        *held
    }
}
