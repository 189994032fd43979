//! Names and texts of the predefined error classes.

use crate::abi::constants as c;

/// (class, name, meaning), every `MPI_ERR_*` and `MPI_T_ERR_*` of the standard ABI.
const CLASSES: &[(i32, &str, &str)] = &[
    (c::MPI_SUCCESS, "MPI_SUCCESS", "no error"),
    (c::MPI_ERR_BUFFER, "MPI_ERR_BUFFER", "invalid buffer pointer"),
    (c::MPI_ERR_COUNT, "MPI_ERR_COUNT", "invalid count argument"),
    (c::MPI_ERR_TYPE, "MPI_ERR_TYPE", "invalid datatype argument"),
    (c::MPI_ERR_TAG, "MPI_ERR_TAG", "invalid tag argument"),
    (c::MPI_ERR_COMM, "MPI_ERR_COMM", "invalid communicator"),
    (c::MPI_ERR_RANK, "MPI_ERR_RANK", "invalid rank"),
    (c::MPI_ERR_REQUEST, "MPI_ERR_REQUEST", "invalid request handle"),
    (c::MPI_ERR_ROOT, "MPI_ERR_ROOT", "invalid root"),
    (c::MPI_ERR_GROUP, "MPI_ERR_GROUP", "invalid group"),
    (c::MPI_ERR_OP, "MPI_ERR_OP", "invalid reduction operation"),
    (c::MPI_ERR_TOPOLOGY, "MPI_ERR_TOPOLOGY", "invalid topology"),
    (c::MPI_ERR_DIMS, "MPI_ERR_DIMS", "invalid dimension argument"),
    (c::MPI_ERR_ARG, "MPI_ERR_ARG", "invalid argument"),
    (c::MPI_ERR_UNKNOWN, "MPI_ERR_UNKNOWN", "unknown error"),
    (c::MPI_ERR_TRUNCATE, "MPI_ERR_TRUNCATE", "message truncated on receive"),
    (c::MPI_ERR_OTHER, "MPI_ERR_OTHER", "other error"),
    (c::MPI_ERR_INTERN, "MPI_ERR_INTERN", "internal error of the MPI library"),
    (c::MPI_ERR_PENDING, "MPI_ERR_PENDING", "pending request"),
    (c::MPI_ERR_IN_STATUS, "MPI_ERR_IN_STATUS", "error code is in the status"),
    (c::MPI_ERR_ACCESS, "MPI_ERR_ACCESS", "permission denied"),
    (c::MPI_ERR_AMODE, "MPI_ERR_AMODE", "invalid or different access modes"),
    (c::MPI_ERR_ASSERT, "MPI_ERR_ASSERT", "invalid assert argument"),
    (c::MPI_ERR_BAD_FILE, "MPI_ERR_BAD_FILE", "invalid file name"),
    (c::MPI_ERR_BASE, "MPI_ERR_BASE", "invalid base address"),
    (c::MPI_ERR_CONVERSION, "MPI_ERR_CONVERSION", "error in a data conversion function"),
    (c::MPI_ERR_DISP, "MPI_ERR_DISP", "invalid displacement"),
    (c::MPI_ERR_DUP_DATAREP, "MPI_ERR_DUP_DATAREP", "data representation already defined"),
    (c::MPI_ERR_FILE_EXISTS, "MPI_ERR_FILE_EXISTS", "file exists"),
    (c::MPI_ERR_FILE_IN_USE, "MPI_ERR_FILE_IN_USE", "file is open in another process"),
    (c::MPI_ERR_FILE, "MPI_ERR_FILE", "invalid file handle"),
    (c::MPI_ERR_INFO_KEY, "MPI_ERR_INFO_KEY", "invalid info key"),
    (c::MPI_ERR_INFO_NOKEY, "MPI_ERR_INFO_NOKEY", "no such info key"),
    (c::MPI_ERR_INFO_VALUE, "MPI_ERR_INFO_VALUE", "invalid info value"),
    (c::MPI_ERR_INFO, "MPI_ERR_INFO", "invalid info object"),
    (c::MPI_ERR_IO, "MPI_ERR_IO", "input or output error"),
    (c::MPI_ERR_KEYVAL, "MPI_ERR_KEYVAL", "invalid attribute key"),
    (c::MPI_ERR_LOCKTYPE, "MPI_ERR_LOCKTYPE", "invalid lock type"),
    (c::MPI_ERR_NAME, "MPI_ERR_NAME", "no such service name"),
    (c::MPI_ERR_NO_MEM, "MPI_ERR_NO_MEM", "out of memory"),
    (c::MPI_ERR_NOT_SAME, "MPI_ERR_NOT_SAME", "argument or order of calls differs between processes"),
    (c::MPI_ERR_NO_SPACE, "MPI_ERR_NO_SPACE", "not enough space"),
    (c::MPI_ERR_NO_SUCH_FILE, "MPI_ERR_NO_SUCH_FILE", "no such file"),
    (c::MPI_ERR_PORT, "MPI_ERR_PORT", "invalid port name"),
    (c::MPI_ERR_QUOTA, "MPI_ERR_QUOTA", "quota exceeded"),
    (c::MPI_ERR_READ_ONLY, "MPI_ERR_READ_ONLY", "file or file system is read-only"),
    (c::MPI_ERR_RMA_ATTACH, "MPI_ERR_RMA_ATTACH", "memory cannot be attached"),
    (c::MPI_ERR_RMA_CONFLICT, "MPI_ERR_RMA_CONFLICT", "conflicting accesses to a window"),
    (c::MPI_ERR_RMA_RANGE, "MPI_ERR_RMA_RANGE", "target memory is not part of the window"),
    (c::MPI_ERR_RMA_SHARED, "MPI_ERR_RMA_SHARED", "memory cannot be shared"),
    (c::MPI_ERR_RMA_SYNC, "MPI_ERR_RMA_SYNC", "wrong synchronization of RMA calls"),
    (c::MPI_ERR_SERVICE, "MPI_ERR_SERVICE", "invalid service name"),
    (c::MPI_ERR_SIZE, "MPI_ERR_SIZE", "invalid size argument"),
    (c::MPI_ERR_SPAWN, "MPI_ERR_SPAWN", "processes cannot be spawned"),
    (c::MPI_ERR_UNSUPPORTED_DATAREP, "MPI_ERR_UNSUPPORTED_DATAREP", "unsupported data representation"),
    (c::MPI_ERR_UNSUPPORTED_OPERATION, "MPI_ERR_UNSUPPORTED_OPERATION", "unsupported operation"),
    (c::MPI_ERR_WIN, "MPI_ERR_WIN", "invalid window"),
    (c::MPI_ERR_RMA_FLAVOR, "MPI_ERR_RMA_FLAVOR", "wrong flavor of window"),
    (c::MPI_ERR_PROC_ABORTED, "MPI_ERR_PROC_ABORTED", "a process has aborted"),
    (c::MPI_ERR_VALUE_TOO_LARGE, "MPI_ERR_VALUE_TOO_LARGE", "value does not fit"),
    (c::MPI_ERR_SESSION, "MPI_ERR_SESSION", "invalid session"),
    (c::MPI_ERR_ERRHANDLER, "MPI_ERR_ERRHANDLER", "invalid error handler"),
    (c::MPI_ERR_ABI, "MPI_ERR_ABI", "invalid ABI argument"),
    (c::MPI_T_ERR_CANNOT_INIT, "MPI_T_ERR_CANNOT_INIT", "tools interface cannot be initialized"),
    (c::MPI_T_ERR_NOT_ACCESSIBLE, "MPI_T_ERR_NOT_ACCESSIBLE", "tools interface not accessible"),
    (c::MPI_T_ERR_NOT_INITIALIZED, "MPI_T_ERR_NOT_INITIALIZED", "tools interface not initialized"),
    (c::MPI_T_ERR_NOT_SUPPORTED, "MPI_T_ERR_NOT_SUPPORTED", "not supported by the tools interface"),
    (c::MPI_T_ERR_MEMORY, "MPI_T_ERR_MEMORY", "tools interface is out of memory"),
    (c::MPI_T_ERR_INVALID, "MPI_T_ERR_INVALID", "invalid use of the tools interface"),
    (c::MPI_T_ERR_INVALID_INDEX, "MPI_T_ERR_INVALID_INDEX", "invalid index of a variable or event"),
    (c::MPI_T_ERR_INVALID_ITEM, "MPI_T_ERR_INVALID_ITEM", "item index out of range"),
    (c::MPI_T_ERR_INVALID_SESSION, "MPI_T_ERR_INVALID_SESSION", "invalid performance session"),
    (c::MPI_T_ERR_INVALID_HANDLE, "MPI_T_ERR_INVALID_HANDLE", "invalid tools handle"),
    (c::MPI_T_ERR_INVALID_NAME, "MPI_T_ERR_INVALID_NAME", "no variable or category of this name"),
    (c::MPI_T_ERR_OUT_OF_HANDLES, "MPI_T_ERR_OUT_OF_HANDLES", "no more tools handles"),
    (c::MPI_T_ERR_OUT_OF_SESSIONS, "MPI_T_ERR_OUT_OF_SESSIONS", "no more performance sessions"),
    (c::MPI_T_ERR_CVAR_SET_NOT_NOW, "MPI_T_ERR_CVAR_SET_NOT_NOW", "variable cannot be set now"),
    (c::MPI_T_ERR_CVAR_SET_NEVER, "MPI_T_ERR_CVAR_SET_NEVER", "variable cannot be set"),
    (c::MPI_T_ERR_PVAR_NO_WRITE, "MPI_T_ERR_PVAR_NO_WRITE", "variable cannot be written"),
    (c::MPI_T_ERR_PVAR_NO_STARTSTOP, "MPI_T_ERR_PVAR_NO_STARTSTOP", "variable cannot be started or stopped"),
    (
        c::MPI_T_ERR_PVAR_NO_ATOMIC,
        "MPI_T_ERR_PVAR_NO_ATOMIC",
        "variable cannot be read and written atomically",
    ),
];

fn find(class: i32) -> Option<&'static (i32, &'static str, &'static str)> {
    CLASSES.iter().find(|k| k.0 == class)
}

/// Is it `MPI_SUCCESS` or a predefined class?
pub fn is_class(class: i32) -> bool {
    find(class).is_some()
}

/// "MPI_ERR_RANK"; added classes have no name.
pub fn class_name(class: i32) -> &'static str {
    find(class).map_or("error class added by the program", |k| k.1)
}

/// The meaning of a predefined class.
pub fn class_text(class: i32) -> &'static str {
    find(class).map_or("", |k| k.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_the_standard_has_a_text() {
        let tsv = include_str!("../../abi-data/constants.tsv");
        let mut seen = 0;
        for line in tsv.lines().skip(1) {
            let mut f = line.split('\t');
            let (name, _, value) = (f.next().unwrap(), f.next(), f.next().unwrap());
            if (name.starts_with("MPI_ERR_") || name.starts_with("MPI_T_ERR_")) && name != "MPI_ERR_LASTCODE"
            {
                let Ok(value) = value.parse() else { continue };
                assert_eq!(class_name(value), name);
                assert!(!class_text(value).is_empty());
                seen += 1;
            }
        }
        assert_eq!(seen, CLASSES.len() - 1);
    }
}
