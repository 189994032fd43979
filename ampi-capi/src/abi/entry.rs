//! What one line of the table becomes.
//!
//! ```text
//! large MPI_Send (buf: BufIn, count: Count, …, comm: Comm) = pt2pt::send;
//!   │       │      └ name: kind                               └ semantic function fn(me, UserBuf, i64, …) -> MpiResult
//!   │       └ PMPI_Send strong, MPI_Send weak alias, PMPI_Send_c, MPI_Send_c
//!   └ form
//! ```
//!
//! | form | symbols | may be called |
//! |---|---|---|
//! | `small` | plain | between `MPI_Init` and `MPI_Finalize` |
//! | `large` | plain and `_c`; at least one kind differs between them (checked at compile time) | the same |
//! | `early` | plain | always |
//! | `value` | plain; returns a value instead of an error code, takes the C arguments as they are | always |
//!
//! # Safety
//! The expansion holds the only `extern "C"` functions of the MPI interface; what they trust is in [`super::kinds`].

/// Form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Small,
    Large,
    Early,
    Value,
}

/// One parameter, as data.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    pub name: &'static str,
    /// Name of the kind.
    pub kind: &'static str,
    /// C declarators with `@` for the name, in the plain and in the large-count form.
    pub c: &'static str,
    pub c_large: &'static str,
    /// Type of the semantic function's parameter.
    pub rust: &'static str,
    /// The two declarators differ.
    pub large: bool,
}

/// One line of the table, as data.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub name: &'static str,
    pub form: Form,
    pub params: &'static [Param],
    /// C return type.
    pub returns: &'static str,
    /// Path of the semantic function.
    pub semantics: &'static str,
    pub doc: &'static str,
}

impl Entry {
    /// All symbols without the PMPI twins: `MPI_X`, and `MPI_X_c` when large.
    pub fn symbols(&self) -> impl Iterator<Item = (String, bool)> {
        let large = (self.form == Form::Large).then(|| (format!("{}_c", self.name), true));
        std::iter::once((self.name.to_string(), false)).chain(large)
    }

    /// The C prototype without `;`, under any `name`.
    pub fn prototype(&self, name: &str, large: bool) -> String {
        let params: Vec<String> =
            self.params.iter().map(|p| if large { p.c_large } else { p.c }.replace('@', p.name)).collect();
        let params = if params.is_empty() { "void".to_string() } else { params.join(", ") };
        let space = if self.returns.ends_with('*') { "" } else { " " };
        format!("{}{space}{name}({params})", self.returns)
    }
}

/// A file of the table, as data.
#[derive(Debug, Clone, Copy)]
pub struct Chapter {
    pub file: &'static str,
    pub title: &'static str,
    /// Its entry points are in the library.
    pub enabled: bool,
    pub entries: &'static [Entry],
}

/// Return types of `value` lines.
pub trait Returns {
    type C;
    const C_TYPE: &'static str;
}

macro_rules! returns {
    ($($name:ident = $c:literal as $rust:ty;)*) => {$(
        pub struct $name;
        impl Returns for $name {
            type C = $rust;
            const C_TYPE: &'static str = $c;
        }
    )*};
}

/// The return types of `value` lines, by name.
pub mod results {
    use super::Returns;
    returns! {
        Double = "double" as f64;
        Aint = "MPI_Aint" as i64;
        Int = "int" as i32;
        Fint = "MPI_Fint" as i32;
        Comm = "MPI_Comm" as usize;
        Datatype = "MPI_Datatype" as usize;
        Errhandler = "MPI_Errhandler" as usize;
        File = "MPI_File" as usize;
        Group = "MPI_Group" as usize;
        Info = "MPI_Info" as usize;
        Message = "MPI_Message" as usize;
        Op = "MPI_Op" as usize;
        Request = "MPI_Request" as usize;
        Session = "MPI_Session" as usize;
        Win = "MPI_Win" as usize;
    }
}

/// Expands lines to data: an array of [`Entry`].
macro_rules! describe {
    ($($(#[doc = $doc:literal])* $form:ident $name:ident ($($arg:ident: $kind:ident),*) $(-> $returns:ident)? = $semantics:path;)*) => {
        &[$($crate::abi::entry::Entry {
            name: stringify!($name),
            form: $crate::abi::entry::form!($form),
            params: &[$({
                use $crate::abi::kinds::{self, Describe};
                $crate::abi::entry::Param {
                    name: stringify!($arg),
                    kind: kinds::$kind::NAME,
                    c: kinds::$kind::C,
                    c_large: kinds::$kind::C_LARGE,
                    rust: kinds::$kind::RUST,
                    large: kinds::$kind::LARGE,
                }
            }),*],
            returns: $crate::abi::entry::return_type!($($returns)?),
            semantics: stringify!($semantics),
            doc: concat!($($doc, " "),*),
        }),*]
    };
}
pub(crate) use describe;

macro_rules! form {
    (small) => {
        $crate::abi::entry::Form::Small
    };
    (large) => {
        $crate::abi::entry::Form::Large
    };
    (early) => {
        $crate::abi::entry::Form::Early
    };
    (value) => {
        $crate::abi::entry::Form::Value
    };
}
pub(crate) use form;

macro_rules! return_type {
    () => {
        "int"
    };
    ($returns:ident) => {
        <$crate::abi::entry::results::$returns as $crate::abi::entry::Returns>::C_TYPE
    };
}
pub(crate) use return_type;

/// Expands lines to entry points.
macro_rules! points {
    ($($(#[doc = $doc:literal])* $form:ident $name:ident ($($arg:ident: $kind:ident),*) $(-> $returns:ident)? = $semantics:path;)*) => {
        $($crate::abi::entry::point!($form $name ($($arg: $kind),*) $(-> $returns)? = $semantics);)*
    };
}
pub(crate) use points;

/// Expands one line to its entry points.
macro_rules! point {
    (small $name:ident ($($arg:ident: $kind:ident),*) = $semantics:path) => {
        const _: () = {
            $crate::abi::entry::point!(@check false, $name, $($kind)*);
            $crate::abi::entry::point!(@function $name, concat!(stringify!($name)), C, from_c, false, ($($arg: $kind),*), $semantics);
        };
        $crate::abi::entry::point!(@weak concat!(stringify!($name)));
    };
    (early $name:ident ($($arg:ident: $kind:ident),*) = $semantics:path) => {
        const _: () = {
            $crate::abi::entry::point!(@check false, $name, $($kind)*);
            $crate::abi::entry::point!(@function $name, concat!(stringify!($name)), C, from_c, true, ($($arg: $kind),*), $semantics);
        };
        $crate::abi::entry::point!(@weak concat!(stringify!($name)));
    };
    (large $name:ident ($($arg:ident: $kind:ident),*) = $semantics:path) => {
        const _: () = {
            $crate::abi::entry::point!(@check true, $name, $($kind)*);
            $crate::abi::entry::point!(@function $name, concat!(stringify!($name)), C, from_c, false, ($($arg: $kind),*), $semantics);
        };
        $crate::abi::entry::point!(@weak concat!(stringify!($name)));
        const _: () = {
            $crate::abi::entry::point!(@function $name, concat!(stringify!($name), "_c"), Large, from_large, false, ($($arg: $kind),*), $semantics);
        };
        $crate::abi::entry::point!(@weak concat!(stringify!($name), "_c"));
    };
    (value $name:ident ($($arg:ident: $kind:ident),*) -> $returns:ident = $semantics:path) => {
        const _: () = {
            #[unsafe(export_name = concat!("P", stringify!($name)))]
            unsafe extern "C" fn entry($($arg: <$crate::abi::kinds::$kind as $crate::abi::kinds::Kind>::C),*)
                -> <$crate::abi::entry::results::$returns as $crate::abi::entry::Returns>::C
            {
                $semantics($($arg),*)
            }
        };
        $crate::abi::entry::point!(@weak concat!(stringify!($name)));
    };

    // The compile-time check: `large` if and only if a kind is.
    (@check $large:literal, $name:ident, $($kind:ident)*) => {
        const _: () = assert!(
            $large == (false $(|| <$crate::abi::kinds::$kind as $crate::abi::kinds::Describe>::LARGE)*),
            concat!(stringify!($name), ": a line is `large` if and only if one of its kinds has a large-count form")
        );
    };

    // The weak MPI_ name of a strong PMPI_ symbol: a tool that defines MPI_ itself wins.
    (@weak $symbol:expr) => {
        ::std::arch::global_asm!(
            concat!(".weak ", $symbol),
            concat!(".set ", $symbol, ", P", $symbol),
        );
    };

    (@function $name:ident, $symbol:expr, $c:ident, $from:ident, $early:literal, ($($arg:ident: $kind:ident),*), $semantics:path) => {
        #[unsafe(export_name = concat!("P", $symbol))]
        unsafe extern "C" fn entry($($arg: <$crate::abi::kinds::$kind as $crate::abi::kinds::Kind>::$c),*) -> ::std::ffi::c_int {
            #[allow(unused_imports)]
            use $crate::abi::kinds::{self, Kind};
            let me = match $crate::abi::call::enter($symbol, $early) {
                Some(me) => me,
                None => match $crate::abi::call::enter_slowly($symbol, $early) {
                    Ok(me) => me,
                    Err(code) => return code,
                },
            };
            #[allow(unused_labels)]
            let result: $crate::error::MpiResult = 'call: {
                $(
                    // SAFETY: a C caller's argument for a parameter of this kind; see the Safety section of `kinds`.
                    let $arg = match unsafe { <kinds::$kind as Kind>::$from(me, $arg, stringify!($arg)) } {
                        Ok(held) => held,
                        Err(error) => break 'call Err(error),
                    };
                )*
                $semantics(me, $(<kinds::$kind as Kind>::lend(&$arg)),*)
            };
            match result {
                Ok(()) => $crate::abi::constants::MPI_SUCCESS,
                Err(error) => $crate::abi::call::failed(me, $symbol, error, &[$($crate::abi::entry::point!(@blame $c $kind $arg)),*]),
            }
        }
    };
    (@blame C $kind:ident $arg:ident) => { <kinds::$kind as Kind>::blame($arg) };
    (@blame Large $kind:ident $arg:ident) => { <kinds::$kind as Kind>::blame_large($arg) };
}
pub(crate) use point;
