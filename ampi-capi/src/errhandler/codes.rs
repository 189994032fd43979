//! Error classes and codes that a program adds at run time, and the texts of all (MPI-5.0 §9.4, §9.5).
//!
//! Added numbers start above `MPI_ERR_LASTCODE`, classes and codes from one counter, and are never given twice; the
//! attribute `MPI_LASTUSEDCODE` is the last one. A class is its own first code.

use super::strings;
use crate::abi::constants as c;
use crate::abi::kinds::{InError, Out, StringOut};
use crate::error::MpiResult;
use crate::mpi_err;
use crate::rank::Rank;
use std::cell::RefCell;

#[derive(Debug)]
struct Added {
    code: i32,
    /// The class; a class has itself.
    class: i32,
    text: Box<[u8]>,
}

/// The added classes and codes of a rank, ascending.
#[derive(Debug, Default)]
pub struct Codes {
    added: RefCell<Vec<Added>>,
    count: std::cell::Cell<i32>,
}

impl Codes {
    /// The class of `code`; `None` for a number that is neither class nor code.
    pub fn class_of(&self, code: i32) -> Option<i32> {
        if strings::is_class(code) {
            return Some(code);
        }
        self.added.borrow().iter().find(|a| a.code == code).map(|a| a.class)
    }

    fn add(&self, me: &'static Rank, class: Option<i32>) -> i32 {
        self.count.set(self.count.get() + 1);
        let code = c::MPI_ERR_LASTCODE + self.count.get();
        self.added.borrow_mut().push(Added { code, class: class.unwrap_or(code), text: [].into() });
        me.attr.values.last_used_code.set(code);
        code
    }

    /// Runs `f` on an added entry, or says why there is none.
    fn with_added<R>(&self, code: i32, f: impl FnOnce(&mut Added) -> MpiResult<R>) -> MpiResult<R> {
        match self.added.borrow_mut().iter_mut().find(|a| a.code == code) {
            Some(a) => f(a),
            None if strings::is_class(code) => {
                mpi_err!(
                    MPI_ERR_ARG,
                    "errorcode is {code} ({}), which is predefined",
                    super::class_name(code)
                )
            }
            None => mpi_err!(MPI_ERR_ARG, "errorcode is {code}, which was never added or is removed"),
        }
    }
}

/// `MPI_Add_error_class` — a new class.
pub fn add_error_class(me: &'static Rank, errorclass: Out<i32>) -> MpiResult {
    errorclass.set(me.errhandler.codes.add(me, None));
    Ok(())
}

/// `MPI_Add_error_code` — a new code in a predefined or added class.
pub fn add_error_code(me: &'static Rank, errorclass: InError, errorcode: Out<i32>) -> MpiResult {
    let codes = &me.errhandler.codes;
    let class = errorclass.0;
    if codes.class_of(class) != Some(class) {
        return mpi_err!(MPI_ERR_ARG, "errorclass is {class}, which is no error class");
    }
    errorcode.set(codes.add(me, Some(class)));
    Ok(())
}

/// `MPI_Add_error_string` — the text of an added class or code; replaces an earlier one.
pub fn add_error_string(me: &'static Rank, errorcode: InError, string: &[u8]) -> MpiResult {
    if string.len() >= c::MPI_MAX_ERROR_STRING as usize {
        return mpi_err!(
            MPI_ERR_ARG,
            "string has {} bytes, at most MPI_MAX_ERROR_STRING - 1 = {} fit",
            string.len(),
            c::MPI_MAX_ERROR_STRING - 1
        );
    }
    me.errhandler.codes.with_added(errorcode.0, |a| {
        a.text = string.into();
        Ok(())
    })
}

/// `MPI_Remove_error_class` — the class must have been added and have no codes and no text left.
pub fn remove_error_class(me: &'static Rank, errorclass: InError) -> MpiResult {
    let class = errorclass.0;
    let codes = &me.errhandler.codes;
    codes.with_added(class, |a| {
        if a.class != class {
            return mpi_err!(MPI_ERR_ARG, "errorclass is {class}, which is a code of class {}", a.class);
        }
        Ok(())
    })?;
    let mut added = codes.added.borrow_mut();
    let uses = added.iter().filter(|a| a.class == class).count() - 1;
    if uses > 0 {
        return mpi_err!(MPI_ERR_OTHER, "errorclass {class} still has {uses} error codes: remove them first");
    }
    added.retain(|a| a.code != class);
    Ok(())
}

/// `MPI_Remove_error_code` — the code must have been added.
pub fn remove_error_code(me: &'static Rank, errorcode: InError) -> MpiResult {
    let code = errorcode.0;
    let codes = &me.errhandler.codes;
    codes.with_added(code, |a| {
        if a.class == code {
            return mpi_err!(
                MPI_ERR_ARG,
                "errorcode is {code}, which is a class: use MPI_Remove_error_class"
            );
        }
        Ok(())
    })?;
    codes.added.borrow_mut().retain(|a| a.code != code);
    Ok(())
}

/// `MPI_Remove_error_string` — the text must have been added.
pub fn remove_error_string(me: &'static Rank, errorcode: InError) -> MpiResult {
    let code = errorcode.0;
    me.errhandler.codes.with_added(code, |a| {
        if a.text.is_empty() {
            return mpi_err!(MPI_ERR_ARG, "errorcode is {code}, which has no error string");
        }
        a.text = [].into();
        Ok(())
    })
}

/// `MPI_Error_class` — the class of a code.
pub fn error_class(me: &'static Rank, errorcode: InError, errorclass: Out<i32>) -> MpiResult {
    match me.errhandler.codes.class_of(errorcode.0) {
        Some(class) => {
            errorclass.set(class);
            Ok(())
        }
        None => {
            mpi_err!(MPI_ERR_ARG, "errorcode is {}, which is no error class and no error code", errorcode.0)
        }
    }
}

/// `MPI_Error_string` — name and meaning of the class or code; for the code of the last failed call also its sentence.
pub fn error_string(
    me: &'static Rank,
    errorcode: InError,
    string: StringOut,
    resultlen: Out<i32>,
) -> MpiResult {
    let code = errorcode.0;
    let room = c::MPI_MAX_ERROR_STRING as usize;
    let n = if strings::is_class(code) {
        let mut text = format!("{}: {}", strings::class_name(code), strings::class_text(code));
        let last = me.errhandler.last.borrow();
        if code != c::MPI_SUCCESS && last.0 == code {
            text.push_str("; ");
            text.push_str(&last.1);
        }
        string.write(text.as_bytes(), room)
    } else {
        me.errhandler.codes.with_added(code, |a| Ok(string.write(&a.text, room)))?
    };
    resultlen.set(n as i32);
    Ok(())
}
