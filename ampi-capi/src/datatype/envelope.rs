//! How a datatype was made: what MPI_Type_get_envelope and MPI_Type_get_contents return (MPI-5.0 §5.1.13).
//!
//! The arguments are kept in the order of the standard's tables. A type made through the `_c` bindings keeps its
//! counts and byte displacements as large counts, else they are integers and addresses:
//!
//! ```text
//!                 int bindings                          _c bindings
//!  hvector        i = count, blocklength  a = stride    c = count, blocklength, stride
//!  subarray       i = ndims, sizes, subsizes,           i = ndims, order
//!                     starts, order                     c = sizes, subsizes, starts
//! ```

use super::{DatatypeRef, Form};
use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::mpi_err;

/// The call that made a datatype: combiner and arguments. Old types are kept alive by it.
#[derive(Debug)]
pub struct Envelope {
    pub combiner: i32,
    pub integers: Box<[i32]>,
    pub addresses: Box<[i64]>,
    pub counts: Box<[i64]>,
    pub types: Box<[DatatypeRef]>,
}

impl Envelope {
    pub(super) fn named() -> Envelope {
        Envelope {
            combiner: c::MPI_COMBINER_NAMED,
            integers: Box::default(),
            addresses: Box::default(),
            counts: Box::default(),
            types: Box::default(),
        }
    }

    /// Which bindings made it. A duplicate has no counts and reads the same in both.
    pub fn form(&self) -> Form {
        if self.counts.is_empty() { Form::Int } else { Form::Large }
    }

    /// Whether the int form of MPI_Type_get_envelope and MPI_Type_get_contents can describe it: it cannot return
    /// large counts.
    pub fn readable_as(&self, form: Form) -> MpiResult {
        if form == Form::Int && self.form() == Form::Large {
            return mpi_err!(
                MPI_ERR_TYPE,
                "the datatype was made with {} large counts; use the _c form of MPI_Type_get_envelope and \
                 MPI_Type_get_contents",
                self.counts.len()
            );
        }
        Ok(())
    }

    /// MPI_Type_get_contents: the arguments, if the caller's arrays have room for them.
    pub fn contents(
        &self,
        form: Form,
        max_integers: i64,
        max_addresses: i64,
        max_counts: i64,
        max_types: i64,
    ) -> MpiResult<&Envelope> {
        if self.combiner == c::MPI_COMBINER_NAMED {
            return mpi_err!(MPI_ERR_TYPE, "the datatype is a predefined one: it has no contents");
        }
        self.readable_as(form)?;
        let room = [
            ("max_integers", max_integers, self.integers.len()),
            ("max_addresses", max_addresses, self.addresses.len()),
            ("max_large_counts", max_counts, if form == Form::Int { 0 } else { self.counts.len() }),
            ("max_datatypes", max_types, self.types.len()),
        ];
        for (name, max, needed) in room {
            if max < needed as i64 {
                return mpi_err!(MPI_ERR_ARG, "{name} is {max}, the datatype has {needed} of them");
            }
        }
        Ok(self)
    }
}

/// Collects the arguments of a constructor call in the order of the standard's tables.
pub(super) struct Arguments {
    form: Form,
    integers: Vec<i32>,
    addresses: Vec<i64>,
    counts: Vec<i64>,
}

impl Arguments {
    pub fn new(form: Form) -> Arguments {
        Arguments { form, integers: Vec::new(), addresses: Vec::new(), counts: Vec::new() }
    }

    /// An argument that is `int` in both forms.
    pub fn int(&mut self, value: i32) {
        self.integers.push(value);
    }

    pub fn ints(&mut self, values: &[i32]) {
        self.integers.extend_from_slice(values);
    }

    /// An argument that is `int` in the int form and `MPI_Count` in the large one.
    pub fn count(&mut self, value: i64) -> MpiResult {
        match (self.form, i32::try_from(value)) {
            (Form::Large, _) => self.counts.push(value),
            (Form::Int, Ok(small)) => self.integers.push(small),
            (Form::Int, Err(_)) => {
                return mpi_err!(MPI_ERR_ARG, "the value {value} does not fit an int; use the _c binding");
            }
        }
        Ok(())
    }

    pub fn counts(&mut self, values: &[i64]) -> MpiResult {
        values.iter().try_for_each(|v| self.count(*v))
    }

    /// An argument that is `MPI_Aint` in the int form and `MPI_Count` in the large one.
    pub fn address(&mut self, value: i64) {
        match self.form {
            Form::Int => self.addresses.push(value),
            Form::Large => self.counts.push(value),
        }
    }

    pub fn addresses(&mut self, values: &[i64]) {
        values.iter().for_each(|v| self.address(*v));
    }

    pub fn envelope<'a>(self, combiner: i32, types: impl IntoIterator<Item = &'a DatatypeRef>) -> Envelope {
        Envelope {
            combiner,
            integers: self.integers.into(),
            addresses: self.addresses.into(),
            counts: self.counts.into(),
            types: types.into_iter().cloned().collect(),
        }
    }
}
