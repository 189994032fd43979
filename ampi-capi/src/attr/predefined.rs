//! The predefined attributes of communicators (MPI-5.0 §9.1.2) and those of AMPI.
//!
//! The program gets the *address* of an `int`; the values lie in the `Rank`, which stays in place while the process
//! lives. After a migration to another process the program must ask again, as `ampi.h` says.

use crate::abi::constants as c;
use crate::handle::HandleKind;
use std::cell::Cell;

/// Number of the PE on which the rank runs, 0-based in the job (ampi.h).
pub const AMPI_MY_WTH: i32 = 701;
/// Number of the process in which the rank runs.
pub const AMPI_MY_PROCESS: i32 = 702;
/// Number of PEs of the job.
pub const AMPI_NUM_WTHS: i32 = 703;
/// Number of processes of the job.
pub const AMPI_NUM_PROCESSES: i32 = 704;
/// The PE that knows where the rank is.
pub const AMPI_MY_HOME_WTH: i32 = 705;

/// Largest tag: every non-negative int.
pub const TAG_UB: i32 = i32::MAX;

/// The values behind the addresses. The runtime updates the AMPI ones when a rank has moved.
pub struct Values {
    tag_ub: Cell<i32>,
    io: Cell<i32>,
    host: Cell<i32>,
    pub wtime_is_global: Cell<i32>,
    pub appnum: Cell<i32>,
    pub last_used_code: Cell<i32>,
    pub universe_size: Cell<i32>,
    pub my_wth: Cell<i32>,
    pub my_process: Cell<i32>,
    pub num_wths: Cell<i32>,
    pub num_processes: Cell<i32>,
    pub my_home_wth: Cell<i32>,
}

impl Values {
    pub fn new(world_size: u32) -> Self {
        Values {
            tag_ub: Cell::new(TAG_UB),
            io: Cell::new(c::MPI_ANY_SOURCE),
            host: Cell::new(c::MPI_PROC_NULL),
            wtime_is_global: Cell::new(1),
            appnum: Cell::new(0),
            last_used_code: Cell::new(c::MPI_ERR_LASTCODE),
            universe_size: Cell::new(world_size as i32),
            my_wth: Cell::new(0),
            my_process: Cell::new(0),
            num_wths: Cell::new(1),
            num_processes: Cell::new(1),
            my_home_wth: Cell::new(0),
        }
    }

    /// Address of the value of a predefined communicator attribute.
    pub fn address_of(&self, keyval: i32) -> Option<usize> {
        let cell = match keyval {
            c::MPI_TAG_UB => &self.tag_ub,
            c::MPI_IO => &self.io,
            c::MPI_HOST => &self.host,
            c::MPI_WTIME_IS_GLOBAL => &self.wtime_is_global,
            c::MPI_APPNUM => &self.appnum,
            c::MPI_LASTUSEDCODE => &self.last_used_code,
            c::MPI_UNIVERSE_SIZE => &self.universe_size,
            AMPI_MY_WTH => &self.my_wth,
            AMPI_MY_PROCESS => &self.my_process,
            AMPI_NUM_WTHS => &self.num_wths,
            AMPI_NUM_PROCESSES => &self.num_processes,
            AMPI_MY_HOME_WTH => &self.my_home_wth,
            _ => return None,
        };
        Some(cell.as_ptr().expose_provenance())
    }
}

/// Keys that no program creates or frees.
pub fn is_predefined(keyval: i32) -> bool {
    matches!(keyval, c::MPI_TAG_UB..=c::MPI_UNIVERSE_SIZE | c::MPI_WIN_BASE..=c::MPI_WIN_MODEL | AMPI_MY_WTH..=AMPI_MY_HOME_WTH)
}

/// The kind of object that a predefined key is for.
pub fn kind_of(keyval: i32) -> HandleKind {
    if matches!(keyval, c::MPI_WIN_BASE..=c::MPI_WIN_MODEL) { HandleKind::Win } else { HandleKind::Comm }
}
