//! 9 Environment.

/// Chapter of the standard.
pub const TITLE: &str = "9 Environment";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Version of the standard.
            early MPI_Get_version (version: OutInt, subversion: OutInt) = environment::get_version;
            /// Name and version of the library.
            early MPI_Get_library_version (version: OutName, resultlen: OutInt) = environment::get_library_version;
            /// Name of the host on which the rank runs now.
            small MPI_Get_processor_name (name: OutName, resultlen: OutInt) = environment::get_processor_name;
            /// Seconds since a time in the past.
            value MPI_Wtime () -> Double = environment::wtime;
            /// Resolution of `MPI_Wtime` in seconds.
            value MPI_Wtick () -> Double = environment::wtick;
            /// Address plus displacement.
            value MPI_Aint_add (base: Aint, disp: Aint) -> Aint = environment::aint_add;
            /// Difference of two addresses.
            value MPI_Aint_diff (addr1: Aint, addr2: Aint) -> Aint = environment::aint_diff;
            /// Absolute address of a location.
            small MPI_Get_address (location: Location, address: OutAint) = environment::get_address;
            /// Allocates memory.
            small MPI_Alloc_mem (size: AintSize, info: InfoOrNull, baseptr: OutWord) = environment::alloc_mem;
            /// Frees memory of `MPI_Alloc_mem`.
            small MPI_Free_mem (base: Word) = environment::free_mem;
            /// Control of profiling tools.
            early MPI_Pcontrol (level: Level) = environment::pcontrol;
            /// Hardware resources to which the rank is confined.
            small MPI_Get_hw_resource_info (hw_info: NewInfo) = environment::get_hw_resource_info;
        }
    };
}
pub(crate) use entries;
