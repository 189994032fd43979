//! 5.1 Datatypes.

/// Chapter of the standard.
pub const TITLE: &str = "5.1 Datatypes";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Copies one after the other.
            large MPI_Type_contiguous (count: ConstructorCount, oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::constructors::contiguous;
            /// Equally spaced blocks, stride in elements.
            large MPI_Type_vector (count: ConstructorCount, blocklength: Count, stride: Stride, oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::constructors::vector;
            /// Equally spaced blocks, stride in bytes.
            large MPI_Type_create_hvector (count: ConstructorCount, blocklength: Count, stride: ByteStride, oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::constructors::create_hvector;
            /// Blocks at displacements in elements.
            large MPI_Type_indexed (count: ConstructorCount, array_of_blocklengths: Counts, array_of_displacements: Counts, oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::constructors::indexed;
            /// Blocks at displacements in bytes.
            large MPI_Type_create_hindexed (count: ConstructorCount, array_of_blocklengths: Counts, array_of_displacements: ByteDispls, oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::constructors::create_hindexed;
            /// Equal blocks at displacements in elements.
            large MPI_Type_create_indexed_block (count: ConstructorCount, blocklength: Count, array_of_displacements: Counts, oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::constructors::create_indexed_block;
            /// Equal blocks at displacements in bytes.
            large MPI_Type_create_hindexed_block (count: ConstructorCount, blocklength: Count, array_of_displacements: ByteDispls, oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::constructors::create_hindexed_block;
            /// Blocks of different datatypes.
            large MPI_Type_create_struct (count: ConstructorCount, array_of_blocklengths: Counts, array_of_displacements: ByteDispls, array_of_types: Datatypes, newtype: NewDatatype) = datatype::calls::constructors::create_struct;
            /// Part of an array.
            large MPI_Type_create_subarray (ndims: NonNegative, array_of_sizes: Counts, array_of_subsizes: Counts, array_of_starts: Counts, order: Int, oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::constructors::create_subarray;
            /// Part of a distributed array.
            large MPI_Type_create_darray (size: Int, rank: Int, ndims: NonNegative, array_of_gsizes: Counts, array_of_distribs: Ints, array_of_dargs: Ints, array_of_psizes: Ints, order: Int, oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::constructors::create_darray;
            /// Other lower bound and extent.
            large MPI_Type_create_resized (oldtype: AnyDatatype, lb: ConstructorBytes, extent: ConstructorBytes, newtype: NewDatatype) = datatype::calls::constructors::create_resized;
            /// A copy.
            small MPI_Type_dup (oldtype: AnyDatatype, newtype: NewDatatype) = datatype::calls::life::dup;
            /// Makes a datatype usable in communication.
            small MPI_Type_commit (datatype: DatatypeInOut) = datatype::calls::life::commit;
            /// Frees a datatype.
            small MPI_Type_free (datatype: DatatypeInOut) = datatype::calls::life::free;
            /// Bytes of data.
            large MPI_Type_size (datatype: AnyDatatype, size: OutCount) = datatype::calls::queries::size;
            /// Bytes of data, as `MPI_Count` (deprecated).
            small MPI_Type_size_x (datatype: AnyDatatype, size: OutLargeCount) = datatype::calls::queries::size_x;
            /// Lower bound and extent.
            large MPI_Type_get_extent (datatype: AnyDatatype, lb: OutBytes, extent: OutBytes) = datatype::calls::queries::get_extent;
            /// Lower bound and extent, as `MPI_Count` (deprecated).
            small MPI_Type_get_extent_x (datatype: AnyDatatype, lb: OutLargeCount, extent: OutLargeCount) = datatype::calls::queries::get_extent_x;
            /// Extent without padding.
            large MPI_Type_get_true_extent (datatype: AnyDatatype, true_lb: OutBytes, true_extent: OutBytes) = datatype::calls::queries::get_true_extent;
            /// Extent without padding, as `MPI_Count` (deprecated).
            small MPI_Type_get_true_extent_x (datatype: AnyDatatype, true_lb: OutLargeCount, true_extent: OutLargeCount) = datatype::calls::queries::get_true_extent_x;
            /// How a datatype was made: numbers of arguments.
            small MPI_Type_get_envelope (datatype: AnyDatatype, num_integers: OutInt, num_addresses: OutInt, num_datatypes: OutInt, combiner: OutInt) = datatype::calls::contents::get_envelope;
            /// How a datatype was made: arguments.
            small MPI_Type_get_contents (datatype: AnyDatatype, max_integers: NonNegative, max_addresses: NonNegative, max_datatypes: NonNegative, array_of_integers: OutInts, array_of_addresses: OutAints, array_of_datatypes: OutDatatypes) = datatype::calls::contents::get_contents;
            /// Names a datatype.
            small MPI_Type_set_name (datatype: AnyDatatype, type_name: ObjectName) = datatype::calls::life::set_name;
            /// The name of a datatype.
            small MPI_Type_get_name (datatype: DatatypeOrNull, type_name: OutName, resultlen: OutInt) = datatype::calls::life::get_name;
            /// The predefined datatype of a class and size.
            small MPI_Type_match_size (typeclass: Int, size: Int, datatype: NewDatatype) = datatype::calls::queries::match_size;
            /// The pair type for `MPI_MINLOC` and `MPI_MAXLOC`.
            small MPI_Type_get_value_index (value_type: AnyDatatype, index_type: AnyDatatype, pair_type: NewDatatype) = datatype::calls::queries::get_value_index;
            /// Elements received.
            large MPI_Get_count (status: StatusIn, datatype: AnyDatatype, count: OutCount) = datatype::calls::received::get_count;
            /// Basic elements received.
            large MPI_Get_elements (status: StatusIn, datatype: AnyDatatype, count: OutCount) = datatype::calls::received::get_elements;
            /// Basic elements received, as `MPI_Count` (deprecated).
            small MPI_Get_elements_x (status: StatusIn, datatype: AnyDatatype, count: OutLargeCount) = datatype::calls::received::get_elements_x;
            /// Changes what `MPI_Get_elements` answers.
            large MPI_Status_set_elements (status: StatusInOut, datatype: AnyDatatype, count: Count) = datatype::calls::received::status_set_elements;
            /// Changes what `MPI_Get_elements` answers (deprecated).
            small MPI_Status_set_elements_x (status: StatusInOut, datatype: AnyDatatype, count: LargeCount) = datatype::calls::received::status_set_elements;
            /// How a datatype was made: numbers of arguments, with large counts.
            small MPI_Type_get_envelope_c (datatype: AnyDatatype, num_integers: OutLargeCount, num_addresses: OutLargeCount, num_large_counts: OutLargeCount, num_datatypes: OutLargeCount, combiner: OutInt) = datatype::calls::contents::get_envelope_c;
            /// How a datatype was made: arguments, with large counts.
            small MPI_Type_get_contents_c (datatype: AnyDatatype, max_integers: LargeCount, max_addresses: LargeCount, max_large_counts: LargeCount, max_datatypes: LargeCount, array_of_integers: OutInts, array_of_addresses: OutAints, array_of_large_counts: OutLargeCounts, array_of_datatypes: OutDatatypes) = datatype::calls::contents::get_contents_c;
        }
    };
}
pub(crate) use entries;
