//! Questions to the implementation and the host (MPI-5.0 §9.1, §9.6; addresses of §5.1.5; memory of §9.2).
//!
//! What this does not do: init and finalize.

mod abi;
mod memory;

pub use abi::{
    Fortran, abi_get_fortran_booleans, abi_get_fortran_info, abi_get_info, abi_get_version,
    abi_set_fortran_booleans, abi_set_fortran_info, from_int, to_int,
};
pub use memory::{alloc_mem, free_mem};

use crate::abi::constants as c;
use crate::abi::kinds::{Out, OutHandle, StringOut};
use crate::error::MpiResult;
use crate::info::Info;
use crate::mpi_err;
use crate::rank::Rank;
use std::rc::Rc;
use std::time::Duration;

/// `MPI_Get_version` — version of the standard.
pub fn get_version(_me: &'static Rank, version: Out<i32>, subversion: Out<i32>) -> MpiResult {
    version.set(c::MPI_VERSION);
    subversion.set(c::MPI_SUBVERSION);
    Ok(())
}

/// `MPI_Get_library_version` — name and version of this library; needs `MPI_MAX_LIBRARY_VERSION_STRING` bytes.
pub fn get_library_version(_me: &'static Rank, version: StringOut, resultlen: Out<i32>) -> MpiResult {
    let text = concat!(
        "AMPI ",
        env!("CARGO_PKG_VERSION"),
        " (Adaptive MPI: ranks are migratable coroutines; MPI 5.0, ABI 1.0)"
    );
    resultlen.set(version.write(text.as_bytes(), c::MPI_MAX_LIBRARY_VERSION_STRING as usize) as i32);
    Ok(())
}

/// `MPI_Get_processor_name` — the host's name; needs `MPI_MAX_PROCESSOR_NAME` bytes. Changes when the rank moves.
pub fn get_processor_name(_me: &'static Rank, name: StringOut, resultlen: Out<i32>) -> MpiResult {
    let host = match std::fs::read("/proc/sys/kernel/hostname") {
        Ok(host) => host,
        Err(e) => return mpi_err!(MPI_ERR_OTHER, "the host's name cannot be read: {e}"),
    };
    resultlen.set(name.write(host.trim_ascii(), c::MPI_MAX_PROCESSOR_NAME as usize) as i32);
    Ok(())
}

fn clock(read: impl FnOnce(&mut libc::timespec)) -> f64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    read(&mut t);
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32).as_secs_f64()
}

/// `MPI_Wtime` — seconds since an arbitrary time in the past: the monotonic clock, which all ranks of a host share.
#[allow(unsafe_code)]
pub fn wtime() -> f64 {
    // SAFETY: the system call writes the timespec it is given.
    clock(|t| unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, t);
    })
}

/// `MPI_Wtick` — resolution of `MPI_Wtime` in seconds.
#[allow(unsafe_code)]
pub fn wtick() -> f64 {
    // SAFETY: as in `wtime`.
    clock(|t| unsafe {
        libc::clock_getres(libc::CLOCK_MONOTONIC, t);
    })
}

/// `MPI_Aint_add` — address plus displacement.
pub fn aint_add(base: i64, disp: i64) -> i64 {
    base.wrapping_add(disp)
}

/// `MPI_Aint_diff` — difference of two addresses.
pub fn aint_diff(addr1: i64, addr2: i64) -> i64 {
    addr1.wrapping_sub(addr2)
}

/// `MPI_Get_address` — the address of `location`, for displacements relative to `MPI_BOTTOM`.
pub fn get_address(_me: &'static Rank, location: usize, address: Out<i64>) -> MpiResult {
    address.set(location as i64);
    Ok(())
}

/// `MPI_Pcontrol` — for profiling tools; the library itself has nothing to control.
pub fn pcontrol(_me: &'static Rank, _level: i32) -> MpiResult {
    Ok(())
}

/// `MPI_Get_hw_resource_info` — resource types, and whether the rank is confined to one instance. A rank may move, so
/// it is confined to its host's process now but to no PE.
pub fn get_hw_resource_info(me: &'static Rank, hw_info: OutHandle) -> MpiResult {
    let info = Info::default();
    for (resource, confined) in [("ampi://host", "true"), ("ampi://process", "true"), ("ampi://pe", "false")]
    {
        info.set(resource.as_bytes(), confined.as_bytes());
    }
    hw_info.set(me.info.insert(Rc::new(info))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_by_at_least_its_resolution() {
        let (a, tick) = (wtime(), wtick());
        assert!(tick > 0.0 && tick < 1e-3);
        std::thread::sleep(Duration::from_millis(2));
        assert!(wtime() - a >= 0.002);
    }

    #[test]
    fn address_arithmetic_wraps_like_pointers() {
        assert_eq!(aint_diff(aint_add(i64::MAX, 1), i64::MAX), 1);
    }
}
