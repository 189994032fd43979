//! Removed by MPI-3: datatypes.

/// Chapter of the standard.
pub const TITLE: &str = "Removed by MPI-3: datatypes";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Removed name of `MPI_Get_address`.
            small MPI_Address (location: Location, address: OutAint) = environment::get_address;
            /// Removed: like `MPI_Type_create_hvector`.
            small MPI_Type_hvector (count: NonNegative, blocklength: NonNegative, stride: Aint, oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::removed::hvector;
            /// Removed: like `MPI_Type_create_hindexed`.
            small MPI_Type_hindexed (count: NonNegative, array_of_blocklengths: Ints, array_of_displacements: AintDispls, oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::removed::hindexed;
            /// Removed: like `MPI_Type_create_struct`.
            small MPI_Type_struct (count: NonNegative, array_of_blocklengths: Ints, array_of_displacements: AintDispls, array_of_types: Datatypes, newtype: NewDatatype) = datatype::calls::removed::structure;
            /// Removed: the extent of `MPI_Type_get_extent`.
            small MPI_Type_extent (datatype: AnyDatatype, extent: OutAint) = datatype::calls::removed::extent;
            /// Removed: the lower bound of `MPI_Type_get_extent`.
            small MPI_Type_lb (datatype: AnyDatatype, displacement: OutAint) = datatype::calls::removed::lb;
            /// Removed: lower bound plus extent of `MPI_Type_get_extent`.
            small MPI_Type_ub (datatype: AnyDatatype, displacement: OutAint) = datatype::calls::removed::ub;
        }
    };
}
pub(crate) use entries;
