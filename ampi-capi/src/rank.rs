//! One MPI rank: everything the MPI layer keeps for it.
//!
//! A rank is a coroutine; the calling rank is found through one word under the FS base in force
//! ([`ampi_core::current::USER`]). Each chapter of the standard contributes one field of its own type.
//!
//! Rules:
//! 1. A `Rank` is used only by the OS thread of the PE on which the rank runs now; hence `Cell` and `RefCell`, no locks.
//! 2. It is allocated outside the rank's slot and never freed before the process ends, so `&'static Rank` is sound.
//! 3. No `RefCell` borrow is held across anything that may suspend the rank or call the program back.
//! 4. Threads that a guest creates share their rank's word but not its OS thread: [`guest_thread_entry`] stands between.
//!
//! # Safety
//! The word holds 0 or the address of a `Rank` planted by [`Rank::plant`]; rule 2 keeps it valid.
#![allow(unsafe_code)]

use crate::abi::constants as c;
use crate::errhandler::{self, Owner};
use crate::handle::{Handle, HandleKind, Table};
use crate::{attr, comm, datatype, environment, group, info, op, pt2pt};
use ampi_core::current;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::rc::Rc;
use std::sync::OnceLock;

/// Where the rank is in its life (MPI-5.0 §11.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    BeforeInit,
    Running,
    Finalized,
}

/// The MPI state of one rank. Chapters: one field each. Its address is the rank's chare address, hence the alignment.
/// What every call looks at comes first: it is fetched before the rank runs again.
#[repr(C, align(128))]
pub struct Rank {
    pub phase: Cell<Phase>,
    /// The rank's program has ended.
    pub ended: Cell<bool>,
    /// The function of the interface that was called last.
    pub function: Cell<&'static str>,
    /// The collective in which the rank is blocked: communicator handle and number of the operation.
    pub meeting: Cell<Option<(Handle, u64)>>,
    pub comms: Table<comm::Comm>,
    pub p2p: pt2pt::State,
    pub types: Table<datatype::handle::Type>,
    pub ops: Table<op::handle::Op>,
    /// Rank in `MPI_COMM_WORLD`, 0-based.
    pub world_rank: u32,
    /// Size of `MPI_COMM_WORLD`.
    pub world_size: u32,
    /// The provided level: an `MPI_THREAD_*` constant.
    pub thread_level: Cell<i32>,
    pub info: Table<info::Info>,
    pub attr: attr::State,
    pub errhandler: errhandler::State,
    pub fortran: environment::Fortran,
    pub groups: Table<group::calls::GroupObject>,
    pub messages: Table<pt2pt::probe::Probed>,
    pub create_counts: comm::making::Counts,
}

const _: () = assert!(align_of::<Rank>() == ampi_core::pe::CHARE_ALIGN);

impl Rank {
    /// The state of rank `world_rank` of `world_size` before `MPI_Init`.
    pub fn new(world_rank: u32, world_size: u32) -> Box<Rank> {
        Box::new(Rank::at_start(world_rank, world_size))
    }

    /// Room for `ranks` ranks, for ever. Each is written by the PE on which it starts: in parallel, and into memory that
    /// is near that PE.
    /// Gives their chare addresses.
    pub fn reserve(ranks: usize) -> impl Iterator<Item = usize> {
        let places: &'static mut [MaybeUninit<Rank>] = Box::leak(Box::new_uninit_slice(ranks));
        places.iter_mut().map(|place| place.as_mut_ptr().expose_provenance())
    }

    /// Writes rank `world_rank` of `world_size` to its chare address.
    ///
    /// # Safety
    /// The address is one of [`Rank::reserve`], and nobody has used it yet.
    pub unsafe fn begin(address: usize, world_rank: u32, world_size: u32) -> &'static Rank {
        // SAFETY: by the contract.
        unsafe {
            std::ptr::with_exposed_provenance_mut::<Rank>(address)
                .write(Rank::at_start(world_rank, world_size));
        }
        Rank::of_chare(address)
    }

    fn at_start(world_rank: u32, world_size: u32) -> Rank {
        Rank {
            world_rank,
            world_size,
            phase: Cell::new(Phase::BeforeInit),
            thread_level: Cell::new(c::MPI_THREAD_SINGLE),
            info: Table::new(HandleKind::Info, c::MPI_INFO_NULL, 8),
            types: Table::new(HandleKind::Datatype, c::MPI_DATATYPE_NULL, 256),
            ops: Table::new(HandleKind::Op, c::MPI_OP_NULL, 32),
            attr: attr::State::new(world_size),
            errhandler: errhandler::State::new(),
            fortran: environment::Fortran::default(),
            groups: Table::new(HandleKind::Group, c::MPI_GROUP_NULL, 2),
            p2p: pt2pt::State::default(),
            comms: comm::table(),
            messages: pt2pt::probe::table(),
            create_counts: comm::making::Counts::default(),
            function: Cell::new(""),
            ended: Cell::new(false),
            meeting: Cell::new(None),
        }
    }

    /// Makes `rank` the calling rank under the FS base in force, for the rest of the process.
    /// (Under another FS base: plant the leaked address with [`ampi_core::current::plant`].)
    pub fn plant(rank: Box<Rank>) -> &'static Rank {
        let rank: &'static Rank = Box::leak(rank);
        current::set_word(current::USER, std::ptr::from_ref(rank).expose_provenance());
        rank
    }

    /// The calling rank; `None` in a program that runs without the launcher and has not yet called `MPI_Init`, and on
    /// threads that belong to no rank.
    #[inline(always)]
    pub fn current() -> Option<&'static Rank> {
        let address = current::word(current::USER);
        // SAFETY: the word is 0 or was planted with a Rank that is never freed (rule 2); rule 1 is the PE's.
        unsafe { std::ptr::with_exposed_provenance::<Rank>(address).as_ref() }
    }

    /// The calling rank; a program that is a process of its own becomes one at its first call.
    #[inline(always)]
    pub fn current_or_own() -> &'static Rank {
        match Rank::current() {
            Some(me) => me,
            None => Rank::of_process(),
        }
    }

    /// The rank of a program that is a process of its own: made once, by the first thread that asks. Other threads are then
    /// threads that the rank has created.
    #[cold]
    #[inline(never)]
    fn of_process() -> &'static Rank {
        if cfg!(test) {
            return crate::own_process::begin(); // several threads, each alone
        }
        static OWN: OnceLock<usize> = OnceLock::new();
        let mut first = false;
        let address = *OWN.get_or_init(|| {
            first = true;
            crate::own_process::begin().chare_address()
        });
        if !first {
            current::set_word(current::USER, address);
            current::set_word(current::FLAGS, current::FLAG_GUEST_THREAD);
        }
        Rank::of_chare(address)
    }

    /// The rank whose chare address this is.
    #[inline(always)]
    pub fn of_chare(address: usize) -> &'static Rank {
        debug_assert!(address != 0);
        // SAFETY: chare addresses are those of leaked Ranks (worker.rs, `place`); rule 2.
        unsafe { &*std::ptr::with_exposed_provenance::<Rank>(address) }
    }

    /// Its address as a chare.
    pub fn chare_address(&'static self) -> usize {
        std::ptr::from_ref(self).expose_provenance()
    }

    /// Makes what a program finds after `MPI_Init`: `MPI_COMM_WORLD`. (`MPI_COMM_SELF` appears when it is first used.)
    pub fn start_chapters(&'static self) {
        let handler = self.errhandler.initial.get();
        let world = crate::worker::world();
        let world = comm::Comm::new(self, world.clone(), handler, None);
        world.predefine(self, c::MPI_COMM_WORLD, "MPI_COMM_WORLD");
    }

    /// The object that carries an error handler and is named by `handle`, if it is alive.
    pub fn error_owner(&'static self, handle: Handle) -> Option<Rc<dyn Owner>> {
        comm::Comm::named_by(self, handle).map(|c| c as Rc<dyn Owner>)
    }
}

/// Functions for every thread of a program, whatever the thread level (MPI-5.0 §11.6.1). Here they read values that
/// change only at the start and at the end of MPI.
const FOR_ANY_THREAD: [&str; 6] = [
    "MPI_Initialized",
    "MPI_Finalized",
    "MPI_Query_thread",
    "MPI_Is_thread_main",
    "MPI_Get_version",
    "MPI_Get_library_version",
];

/// A thread that the guest created calls MPI. Allowed from `MPI_THREAD_SERIALIZED` on; otherwise the job ends, as a
/// rank's state belongs to one thread (rule 4).
#[cold]
#[inline(never)]
pub fn guest_thread_entry(me: &'static Rank, function: &str) {
    if me.thread_level.get() < c::MPI_THREAD_SERIALIZED && !FOR_ANY_THREAD.contains(&function) {
        errhandler::abort_job(
            me,
            &format!(
                "{function} was called by a thread other than the rank's main thread: in this version only the main \
                 thread of a rank may call MPI (MPI_THREAD_FUNNELED; the level provided is {})",
                thread_level_name(me.thread_level.get())
            ),
            1,
        );
    }
}

/// The name of an `MPI_THREAD_*` constant.
pub fn thread_level_name(level: i32) -> &'static str {
    match level {
        c::MPI_THREAD_SINGLE => "MPI_THREAD_SINGLE",
        c::MPI_THREAD_FUNNELED => "MPI_THREAD_FUNNELED",
        c::MPI_THREAD_SERIALIZED => "MPI_THREAD_SERIALIZED",
        c::MPI_THREAD_MULTIPLE => "MPI_THREAD_MULTIPLE",
        _ => "no MPI_THREAD_ constant",
    }
}
