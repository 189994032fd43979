//! 20 ABI.

/// Chapter of the standard.
pub const TITLE: &str = "20 ABI";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Version of the ABI.
            early MPI_Abi_get_version (abi_major: OutInt, abi_minor: OutInt) = environment::abi_get_version;
            /// Sizes of the types that the ABI leaves open.
            early MPI_Abi_get_info (info: NewInfo) = environment::abi_get_info;
            /// Facts about the Fortran compiler.
            early MPI_Abi_get_fortran_info (info: NewInfo) = environment::abi_get_fortran_info;
            /// A Fortran binding tells facts about its compiler.
            early MPI_Abi_set_fortran_info (info: Info) = environment::abi_set_fortran_info;
            /// Values of Fortran's logicals.
            early MPI_Abi_get_fortran_booleans (logical_size: Int, logical_true: LogicalBytes, logical_false: LogicalBytes, is_set: OutFlag) = environment::abi_get_fortran_booleans;
            /// A Fortran binding tells the values of its logicals.
            early MPI_Abi_set_fortran_booleans (logical_size: Int, logical_true: LogicalBytes, logical_false: LogicalBytes) = environment::abi_set_fortran_booleans;
            /// The handle as an integer.
            value MPI_Comm_toint (comm: CommHandle) -> Int = environment::to_int;
            /// The handle of an integer.
            value MPI_Comm_fromint (comm: Int) -> Comm = environment::from_int;
            /// The handle as an integer.
            value MPI_Errhandler_toint (errhandler: ErrhandlerHandle) -> Int = environment::to_int;
            /// The handle of an integer.
            value MPI_Errhandler_fromint (errhandler: Int) -> Errhandler = environment::from_int;
            /// The handle as an integer.
            value MPI_File_toint (file: FileHandle) -> Int = environment::to_int;
            /// The handle of an integer.
            value MPI_File_fromint (file: Int) -> File = environment::from_int;
            /// The handle as an integer.
            value MPI_Group_toint (group: GroupHandle) -> Int = environment::to_int;
            /// The handle of an integer.
            value MPI_Group_fromint (group: Int) -> Group = environment::from_int;
            /// The handle as an integer.
            value MPI_Info_toint (info: InfoHandle) -> Int = environment::to_int;
            /// The handle of an integer.
            value MPI_Info_fromint (info: Int) -> Info = environment::from_int;
            /// The handle as an integer.
            value MPI_Message_toint (message: MessageHandle) -> Int = environment::to_int;
            /// The handle of an integer.
            value MPI_Message_fromint (message: Int) -> Message = environment::from_int;
            /// The handle as an integer.
            value MPI_Op_toint (op: OpHandle) -> Int = environment::to_int;
            /// The handle of an integer.
            value MPI_Op_fromint (op: Int) -> Op = environment::from_int;
            /// The handle as an integer.
            value MPI_Request_toint (request: RequestHandle) -> Int = environment::to_int;
            /// The handle of an integer.
            value MPI_Request_fromint (request: Int) -> Request = environment::from_int;
            /// The handle as an integer.
            value MPI_Session_toint (session: SessionHandle) -> Int = environment::to_int;
            /// The handle of an integer.
            value MPI_Session_fromint (session: Int) -> Session = environment::from_int;
            /// The handle as an integer.
            value MPI_Type_toint (datatype: DatatypeHandle) -> Int = environment::to_int;
            /// The handle of an integer.
            value MPI_Type_fromint (datatype: Int) -> Datatype = environment::from_int;
            /// The handle as an integer.
            value MPI_Win_toint (win: WinHandle) -> Int = environment::to_int;
            /// The handle of an integer.
            value MPI_Win_fromint (win: Int) -> Win = environment::from_int;
            /// The handle as a Fortran integer.
            value MPI_Comm_c2f (comm: CommHandle) -> Fint = environment::to_int;
            /// The handle of a Fortran integer.
            value MPI_Comm_f2c (comm: Fint) -> Comm = environment::from_int;
            /// The handle as a Fortran integer.
            value MPI_Errhandler_c2f (errhandler: ErrhandlerHandle) -> Fint = environment::to_int;
            /// The handle of a Fortran integer.
            value MPI_Errhandler_f2c (errhandler: Fint) -> Errhandler = environment::from_int;
            /// The handle as a Fortran integer.
            value MPI_File_c2f (file: FileHandle) -> Fint = environment::to_int;
            /// The handle of a Fortran integer.
            value MPI_File_f2c (file: Fint) -> File = environment::from_int;
            /// The handle as a Fortran integer.
            value MPI_Group_c2f (group: GroupHandle) -> Fint = environment::to_int;
            /// The handle of a Fortran integer.
            value MPI_Group_f2c (group: Fint) -> Group = environment::from_int;
            /// The handle as a Fortran integer.
            value MPI_Info_c2f (info: InfoHandle) -> Fint = environment::to_int;
            /// The handle of a Fortran integer.
            value MPI_Info_f2c (info: Fint) -> Info = environment::from_int;
            /// The handle as a Fortran integer.
            value MPI_Message_c2f (message: MessageHandle) -> Fint = environment::to_int;
            /// The handle of a Fortran integer.
            value MPI_Message_f2c (message: Fint) -> Message = environment::from_int;
            /// The handle as a Fortran integer.
            value MPI_Op_c2f (op: OpHandle) -> Fint = environment::to_int;
            /// The handle of a Fortran integer.
            value MPI_Op_f2c (op: Fint) -> Op = environment::from_int;
            /// The handle as a Fortran integer.
            value MPI_Request_c2f (request: RequestHandle) -> Fint = environment::to_int;
            /// The handle of a Fortran integer.
            value MPI_Request_f2c (request: Fint) -> Request = environment::from_int;
            /// The handle as a Fortran integer.
            value MPI_Session_c2f (session: SessionHandle) -> Fint = environment::to_int;
            /// The handle of a Fortran integer.
            value MPI_Session_f2c (session: Fint) -> Session = environment::from_int;
            /// The handle as a Fortran integer.
            value MPI_Type_c2f (datatype: DatatypeHandle) -> Fint = environment::to_int;
            /// The handle of a Fortran integer.
            value MPI_Type_f2c (datatype: Fint) -> Datatype = environment::from_int;
            /// The handle as a Fortran integer.
            value MPI_Win_c2f (win: WinHandle) -> Fint = environment::to_int;
            /// The handle of a Fortran integer.
            value MPI_Win_f2c (win: Fint) -> Win = environment::from_int;
            /// A status in Fortran's form.
            early MPI_Status_c2f (c_status: StatusIn, f_status: FortranStatusOut) = status::convert;
            /// A status from Fortran's form.
            early MPI_Status_f2c (f_status: FortranStatusIn, c_status: StatusInOut) = status::convert;
        }
    };
}
pub(crate) use entries;
