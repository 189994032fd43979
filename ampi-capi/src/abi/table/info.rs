//! 10 Info.

/// Chapter of the standard.
pub const TITLE: &str = "10 Info";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// A new, empty info object.
            early MPI_Info_create (info: NewInfo) = info::create;
            /// A new info object with what `MPI_INFO_ENV` has.
            early MPI_Info_create_env (argc: Int, argv: Argv, info: NewInfo) = info::create_env;
            /// A copy.
            early MPI_Info_dup (info: Info, newinfo: NewInfo) = info::dup;
            /// Frees an info object.
            early MPI_Info_free (info: InfoInOut) = info::free;
            /// Adds or replaces a pair.
            early MPI_Info_set (info: Info, key: InfoKey, value: InfoValue) = info::set;
            /// Removes a key.
            early MPI_Info_delete (info: Info, key: InfoKey) = info::delete;
            /// Value of a key (deprecated).
            early MPI_Info_get (info: Info, key: InfoKey, valuelen: Int, value: OutString, flag: OutFlag) = info::get;
            /// Length of a key's value (deprecated).
            early MPI_Info_get_valuelen (info: Info, key: InfoKey, valuelen: OutInt, flag: OutFlag) = info::get_valuelen;
            /// Value of a key, and the room it needs.
            early MPI_Info_get_string (info: Info, key: InfoKey, buflen: InOutInt, value: OutString, flag: OutFlag) = info::get_string;
            /// Number of keys.
            early MPI_Info_get_nkeys (info: Info, nkeys: OutInt) = info::get_nkeys;
            /// A key by its number.
            early MPI_Info_get_nthkey (info: Info, n: Int, key: OutName) = info::get_nthkey;
        }
    };
}
pub(crate) use entries;
