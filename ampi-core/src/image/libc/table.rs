//! The one table of overrides: libc name → our function. Names not in it are glibc's.
//!
//! `ampi_real_<name>` is glibc's own `<name>`, for the private library that overrides it.

use super::{cwd, files, memory, private, process, signals, threads, time};
use std::collections::HashMap;
use std::ffi::CString;
use std::sync::OnceLock;

macro_rules! table {
    ($($($name:literal)|+ => $function:path,)*) => {
        [$((&[$($name),+] as &[&str], $function as *const () as usize)),*]
    };
}

fn overrides() -> HashMap<&'static str, usize> {
    let table = table! {
        // memory.rs
        "malloc" => memory::malloc,
        "calloc" => memory::calloc,
        "realloc" => memory::realloc,
        "reallocarray" => memory::reallocarray,
        "free" | "cfree" => memory::free,
        "memalign" => memory::memalign,
        "aligned_alloc" => memory::aligned_alloc,
        "posix_memalign" => memory::posix_memalign,
        "valloc" => memory::valloc,
        "pvalloc" => memory::pvalloc,
        "malloc_usable_size" => memory::malloc_usable_size,
        "malloc_trim" => memory::malloc_trim,
        "mallopt" => memory::mallopt,
        "mallinfo" => memory::mallinfo,
        "mallinfo2" => memory::mallinfo2,
        "strdup" | "__strdup" => memory::strdup,
        "strndup" | "__strndup" => memory::strndup,
        "mmap" | "mmap64" => memory::mmap,
        "munmap" => memory::munmap,
        "mremap" => memory::mremap,
        "mprotect" => memory::mprotect,
        "madvise" => memory::madvise,
        "sbrk" => memory::sbrk,
        "brk" => memory::brk,
        // process.rs
        "exit" => process::exit,
        "_exit" | "_Exit" => process::exit_now,
        "quick_exit" => process::quick_exit,
        "abort" => process::abort,
        "atexit" => process::atexit,
        "on_exit" => process::on_exit,
        "at_quick_exit" => process::at_quick_exit,
        "__cxa_atexit" => process::cxa_atexit,
        "__cxa_at_quick_exit" => process::cxa_at_quick_exit,
        "__cxa_thread_atexit_impl" => process::cxa_thread_atexit_impl,
        "__cxa_finalize" => process::cxa_finalize,
        "__stack_chk_fail" => process::stack_chk_fail,
        "fork" | "vfork" | "__fork" | "__vfork" | "_Fork" => process::fork,
        "posix_spawn" => process::posix_spawn,
        "posix_spawnp" => process::posix_spawnp,
        "wait" | "__wait" => process::wait,
        "waitpid" | "__waitpid" => process::waitpid,
        "wait3" => process::wait3,
        "wait4" => process::wait4,
        "execve" => process::execve,
        "execvpe" => process::execvpe,
        "pthread_atfork" | "__register_atfork" => process::register_atfork,
        // time.rs
        "sched_yield" | "pthread_yield" | "thrd_yield" => time::sched_yield,
        "sleep" => time::sleep,
        "usleep" => time::usleep,
        "nanosleep" | "__nanosleep" | "thrd_sleep" => time::nanosleep,
        "clock_nanosleep" => time::clock_nanosleep,
        "poll" | "__poll" => time::poll,
        "__poll_chk" => time::poll_chk,
        "ppoll" => time::ppoll,
        "select" | "__select" => time::select,
        "pselect" => time::pselect,
        "epoll_wait" => time::epoll_wait,
        // threads.rs
        "pthread_create" => threads::pthread_create,
        "thrd_create" => threads::thrd_create,
        "pthread_join" => threads::pthread_join,
        "thrd_join" => threads::thrd_join,
        "pthread_exit" => threads::pthread_exit,
        "pthread_getattr_np" => threads::pthread_getattr_np,
        "sched_setaffinity" => threads::sched_setaffinity,
        "sched_getaffinity" => threads::sched_getaffinity,
        "pthread_setaffinity_np" => threads::pthread_setaffinity_np,
        "pthread_getaffinity_np" => threads::pthread_getaffinity_np,
        // signals.rs
        "sigaction" | "__sigaction" => signals::sigaction,
        "signal" | "bsd_signal" | "ssignal" => signals::signal,
        "sysv_signal" | "__sysv_signal" => signals::sysv_signal,
        "sigprocmask" => signals::sigprocmask,
        "pthread_sigmask" => signals::pthread_sigmask,
        "sigpending" => signals::sigpending,
        "sigsuspend" => signals::sigsuspend,
        "pause" => signals::pause,
        "sigwait" => signals::sigwait,
        "raise" | "gsignal" => signals::raise,
        "kill" => signals::kill,
        "pthread_kill" => signals::pthread_kill,
        "sigaltstack" => signals::sigaltstack,
        "alarm" => signals::alarm,
        "setitimer" => signals::setitimer,
        "getitimer" => signals::getitimer,
        // files.rs
        "read" | "__read" => files::read,
        "__read_chk" => files::read_chk,
        "write" | "__write" => files::write,
        "readv" => files::readv,
        "writev" => files::writev,
        "pread" | "pread64" => files::pread,
        "pwrite" | "pwrite64" => files::pwrite,
        "close" | "__close" => files::close,
        "dup" => files::dup,
        "dup2" | "__dup2" => files::dup2,
        "dup3" => files::dup3,
        "fcntl" | "fcntl64" | "__fcntl" => files::fcntl,
        "open" | "open64" | "__open" | "__open64" | "__open_2" | "__open64_2" => files::open,
        "openat" | "openat64" | "__openat_2" | "__openat64_2" => files::openat,
        "creat" | "creat64" => files::creat,
        "lseek" | "lseek64" => files::lseek,
        "isatty" => files::isatty,
        "fsync" => files::fsync,
        "fdatasync" => files::fdatasync,
        "ftruncate" | "ftruncate64" => files::ftruncate,
        "fstat" | "fstat64" => files::fstat,
        "__fxstat" | "__fxstat64" => files::fxstat,
        "fchmod" => files::fchmod,
        "ioctl" => files::ioctl,
        "tcgetattr" => files::tcgetattr,
        "tcsetattr" => files::tcsetattr,
        "ttyname_r" => files::ttyname_r,
        // cwd.rs
        "chdir" => cwd::chdir,
        "fchdir" => cwd::fchdir,
        "umask" => cwd::umask,
        // private.rs: what libampi_private.so asks of the runtime
        "ampi_private_register" => private::register,
        "ampi_heap_redirect" => private::redirect,
        "ampi_std_read" => private::std_read,
        "ampi_std_write" => private::std_write,
        "ampi_std_seek" => private::std_seek,
        "ampi_std_isatty" => private::std_isatty,
        "ampi_std_replace" => private::std_replace,
    };
    let names = table.iter().map(|(names, _)| names.len()).sum();
    let map: HashMap<_, _> =
        table.into_iter().flat_map(|(names, f)| names.iter().map(move |n| (*n, f))).collect();
    debug_assert_eq!(map.len(), names, "a name is in the table of overrides twice");
    map
}

/// Address of our replacement of the libc function `name`, if there is one. Allocates: to be called by the loader, not
/// under a guest's FS base.
pub fn lookup(name: &str) -> Option<usize> {
    static TABLE: OnceLock<HashMap<&'static str, usize>> = OnceLock::new();
    if let Some(f) = TABLE.get_or_init(overrides).get(name) {
        return Some(*f);
    }
    glibc(name.strip_prefix("ampi_real_")?)
}

/// Address of glibc's default version of `name`.
#[allow(unsafe_code)]
fn glibc(name: &str) -> Option<usize> {
    let name = CString::new(name).ok()?;
    // SAFETY: valid strings; libc.so.6 is loaded and stays.
    unsafe {
        let libc = ::libc::dlopen(c"libc.so.6".as_ptr(), ::libc::RTLD_LAZY | ::libc::RTLD_NOLOAD);
        let f = ::libc::dlsym(libc, name.as_ptr());
        (!f.is_null()).then_some(f as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_override_replaces_something_glibc_has() {
        // Names of headers, aliases of old versions or symbols only linked statically; glibc exports no default version.
        let unlisted =
            ["cfree", "pthread_atfork", "atexit", "at_quick_exit", "__fork", "thrd_yield", "pthread_yield"];
        let map = overrides();
        let names = map.keys().filter(|n| !n.starts_with("ampi_") && !unlisted.contains(n));
        let unknown: Vec<_> = names.filter(|n| glibc(n).is_none()).collect();
        assert!(unknown.is_empty(), "glibc has none of {unknown:?}");
    }

    #[test]
    fn real_functions_are_glibcs_own() {
        assert_eq!(lookup("ampi_real_fclose"), glibc("fclose"));
        assert_ne!(lookup("malloc"), glibc("malloc"));
        assert_eq!((lookup("strlen"), lookup("ampi_real_no_such_function")), (None, None));
    }
}
