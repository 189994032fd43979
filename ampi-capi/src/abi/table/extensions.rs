//! AMPI extensions.

/// Chapter of the standard.
pub const TITLE: &str = "AMPI extensions";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Lets other ranks of the PE run.
            small AMPI_Yield () = extensions::yield_now;
        }
    };
}
pub(crate) use entries;
