//! Making a datatype again from its envelope, here or in another process (MPI-5.0 §5.1.13).
//!
//! A recipe is a list of 64-bit words that names only predefined types and constructor arguments, so it can be sent
//! to the target of a one-sided operation, stored in a checkpoint, or follow a migrating rank:
//!
//! ```text
//!  number of types │ type 0 │ type 1 │ …          a type refers to earlier ones by number: shared ones stay shared
//!  type:  NAMED handle                            (the last one is the datatype itself)
//!         combiner committed ni na nc nt │ i… │ a… │ c… │ t…
//! ```

use super::envelope::Envelope;
use super::{Darray, Datatype, DatatypeRef, Form, Subarray, predefined};
use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::mpi_err;
use std::collections::HashMap;

impl Datatype {
    /// Calls the constructor `combiner` with arguments as MPI_Type_get_contents_c returns them.
    pub fn from_contents(
        combiner: i32,
        integers: &[i32],
        addresses: &[i64],
        counts: &[i64],
        types: &[DatatypeRef],
    ) -> MpiResult<DatatypeRef> {
        let form = if counts.is_empty() { Form::Int } else { Form::Large };
        let mut args = Reader { form, integers, addresses, counts };
        if combiner == c::MPI_COMBINER_STRUCT {
            let n = args.count()?;
            let (lengths, displacements) = (args.counts(n)?, args.addresses(n)?);
            return Datatype::structure(&lengths, &displacements, types, form);
        }
        let [old] = types else {
            return mpi_err!(MPI_ERR_ARG, "combiner {combiner} takes 1 datatype, there are {}", types.len());
        };
        match combiner {
            c::MPI_COMBINER_DUP => Ok(Datatype::dup(old)),
            c::MPI_COMBINER_CONTIGUOUS => Datatype::contiguous(args.count()?, old, form),
            c::MPI_COMBINER_VECTOR => {
                Datatype::vector(args.count()?, args.count()?, args.count()?, old, form)
            }
            c::MPI_COMBINER_HVECTOR => {
                Datatype::hvector(args.count()?, args.count()?, args.address()?, old, form)
            }
            c::MPI_COMBINER_INDEXED => {
                let n = args.count()?;
                Datatype::indexed(&args.counts(n)?, &args.counts(n)?, old, form)
            }
            c::MPI_COMBINER_HINDEXED => {
                let n = args.count()?;
                Datatype::hindexed(&args.counts(n)?, &args.addresses(n)?, old, form)
            }
            c::MPI_COMBINER_INDEXED_BLOCK => {
                let n = args.count()?;
                Datatype::indexed_block(args.count()?, &args.counts(n)?, old, form)
            }
            c::MPI_COMBINER_HINDEXED_BLOCK => {
                let n = args.count()?;
                Datatype::hindexed_block(args.count()?, &args.addresses(n)?, old, form)
            }
            c::MPI_COMBINER_SUBARRAY => {
                let n = args.int()? as i64;
                let (sizes, subsizes, starts) = (args.counts(n)?, args.counts(n)?, args.counts(n)?);
                let order = args.int()?;
                Datatype::subarray(
                    Subarray { sizes: &sizes, subsizes: &subsizes, starts: &starts, order },
                    old,
                    form,
                )
            }
            c::MPI_COMBINER_DARRAY => {
                let (size, rank, n) = (args.int()?, args.int()?, args.int()? as i64);
                let gsizes = args.counts(n)?;
                let (distribs, dargs, psizes) = (args.ints(n)?, args.ints(n)?, args.ints(n)?);
                let order = args.int()?;
                let array = Darray {
                    size,
                    rank,
                    gsizes: &gsizes,
                    distribs: &distribs,
                    dargs: &dargs,
                    psizes: &psizes,
                    order,
                };
                Datatype::darray(array, old, form)
            }
            c::MPI_COMBINER_RESIZED => Datatype::resized(old, args.address()?, args.address()?, form),
            _ => mpi_err!(MPI_ERR_ARG, "{combiner} is not the combiner of a derived datatype"),
        }
    }

    /// The type of a recipe. Words that are no recipe give an error, never a panic.
    pub fn from_recipe(words: &[i64]) -> MpiResult<DatatypeRef> {
        let mut rest = words;
        let number = take(&mut rest, 1)?[0];
        let mut made: Vec<DatatypeRef> = Vec::new();
        for _ in 0..number {
            let combiner = take(&mut rest, 1)?[0];
            if combiner == c::MPI_COMBINER_NAMED as i64 {
                let handle = take(&mut rest, 1)?[0];
                match predefined(handle as usize) {
                    Some(datatype) => made.push(datatype.clone()),
                    None => {
                        return mpi_err!(MPI_ERR_INTERN, "recipe names {handle:#x}, no predefined datatype");
                    }
                }
                continue;
            }
            let head = take(&mut rest, 5)?;
            let (committed, ni, na, nc, nt) = (head[0], head[1], head[2], head[3], head[4]);
            let integers: Vec<i32> = take(&mut rest, ni)?.iter().map(|w| *w as i32).collect();
            let addresses = take(&mut rest, na)?;
            let counts = take(&mut rest, nc)?;
            let mut types = Vec::new();
            for n in take(&mut rest, nt)? {
                match usize::try_from(*n).ok().and_then(|n| made.get(n)) {
                    Some(t) => types.push(t.clone()),
                    None => {
                        return mpi_err!(
                            MPI_ERR_INTERN,
                            "recipe refers to its datatype {n} of {}",
                            made.len()
                        );
                    }
                }
            }
            let datatype = Datatype::from_contents(combiner as i32, &integers, addresses, counts, &types)?;
            if committed != 0 {
                datatype.commit();
            }
            made.push(datatype);
        }
        match made.pop() {
            Some(last) if rest.is_empty() => Ok(last),
            _ => mpi_err!(MPI_ERR_INTERN, "{} words are no recipe of a datatype", words.len()),
        }
    }
}

impl DatatypeRef {
    /// The recipe of this type (see the module's head).
    pub fn to_recipe(&self) -> Vec<i64> {
        let mut writer = Writer { words: vec![0], numbers: HashMap::new() };
        writer.add(self);
        writer.words[0] = writer.numbers.len() as i64;
        writer.words
    }
}

fn take<'a>(rest: &mut &'a [i64], n: i64) -> MpiResult<&'a [i64]> {
    match usize::try_from(n).ok().and_then(|n| rest.split_at_checked(n)) {
        Some((head, tail)) => {
            *rest = tail;
            Ok(head)
        }
        None => mpi_err!(
            MPI_ERR_INTERN,
            "recipe of a datatype ends too early: {n} words wanted, {} left",
            rest.len()
        ),
    }
}

struct Writer {
    words: Vec<i64>,
    /// Number of each type already written, by address: the recipe holds references to all of them.
    numbers: HashMap<*const Datatype, i64>,
}

impl Writer {
    fn add(&mut self, datatype: &DatatypeRef) -> i64 {
        if let Some(n) = self.numbers.get(&datatype.address()) {
            return *n;
        }
        let Envelope { combiner, integers, addresses, counts, types } = datatype.envelope();
        let types: Vec<i64> = types.iter().map(|t| self.add(t)).collect();
        self.words.push(*combiner as i64);
        match datatype.predefined_handle() {
            Some(handle) => self.words.push(handle as i64),
            None => {
                self.words.extend([
                    datatype.is_committed() as i64,
                    integers.len() as i64,
                    addresses.len() as i64,
                    counts.len() as i64,
                    types.len() as i64,
                ]);
                self.words.extend(integers.iter().map(|i| *i as i64));
                self.words.extend(addresses.iter().chain(counts.iter()).chain(types.iter()));
            }
        }
        let n = self.numbers.len() as i64;
        self.numbers.insert(datatype.address(), n);
        n
    }
}

/// Reads arguments back in the order in which `Arguments` stored them.
struct Reader<'a> {
    form: Form,
    integers: &'a [i32],
    addresses: &'a [i64],
    counts: &'a [i64],
}

impl Reader<'_> {
    fn ints(&mut self, n: i64) -> MpiResult<Vec<i32>> {
        match usize::try_from(n).ok().and_then(|n| self.integers.split_at_checked(n)) {
            Some((head, tail)) => {
                self.integers = tail;
                Ok(head.to_vec())
            }
            None => mpi_err!(MPI_ERR_ARG, "{n} integers wanted, {} left", self.integers.len()),
        }
    }

    fn int(&mut self) -> MpiResult<i32> {
        Ok(self.ints(1)?[0])
    }

    fn large(&mut self, n: i64) -> MpiResult<Vec<i64>> {
        Ok(take(&mut self.counts, n)?.to_vec())
    }

    fn counts(&mut self, n: i64) -> MpiResult<Vec<i64>> {
        match self.form {
            Form::Int => Ok(self.ints(n)?.into_iter().map(i64::from).collect()),
            Form::Large => self.large(n),
        }
    }

    fn count(&mut self) -> MpiResult<i64> {
        Ok(self.counts(1)?[0])
    }

    fn addresses(&mut self, n: i64) -> MpiResult<Vec<i64>> {
        match self.form {
            Form::Int => Ok(take(&mut self.addresses, n)?.to_vec()),
            Form::Large => self.large(n),
        }
    }

    fn address(&mut self) -> MpiResult<i64> {
        Ok(self.addresses(1)?[0])
    }
}
