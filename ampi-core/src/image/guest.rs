//! One guest: everything about a rank's private process that the loader and the libc replacements keep.
//!
//! It lives in the control area of the rank's own slot, so it moves with the rank; what it points to outside the slot
//! (the shared [`Program`] template) is found again by path on arrival.

use super::dl::DlState;
use super::instance::Instance;
use super::libc::LibcState;
use super::program::{Isolation, Program};
use super::tls::{self, FLAG_SHARED_IMAGE};
use super::{debugger, thread_block};
use crate::arena::{self, Heap, Slot};
use crate::current;
use crate::error::{Error, Result};
use std::ffi::CString;
use std::ops::Range;
use std::ptr::addr_of_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A rank's private process. Interior mutability only: shared by the rank and the threads it creates.
#[repr(C)]
pub struct Guest {
    /// Global rank number, 0-based; also the slot number.
    pub rank: u32,
    /// Number of ranks of the job.
    pub ranks: u32,
    pub slot: Slot,
    /// Thread pointer of the rank's own static TLS block, inside the slot.
    pub fs_base: usize,
    /// The rank's heap; its whole state lies in the slot.
    pub heap: Heap,
    /// exit handlers, stdio, environment, threads: what libc keeps per process.
    pub libc: LibcState,
    /// What the loader keeps.
    pub(super) loader: LoaderState,
}

/// The loader's part of a guest.
#[repr(C)]
pub(super) struct LoaderState {
    /// The copy of the program that the rank runs: `own`, or the one that all ranks share.
    instance: AtomicPtr<Instance>,
    own: Instance,
    /// argc, argv, envp, auxv as the kernel would leave them at the top of the stack; copied by `start`.
    pub entry_words: Range<usize>,
    pub dl: DlState,
}

/// Bytes of stack that the smallest programs use: arguments, environment, `main`, a call of the runtime.
const STACK_TOUCHED: usize = 8 << 10;

static GUESTS: OnceLock<Box<[AtomicPtr<Guest>]>> = OnceLock::new();

fn guests() -> &'static [AtomicPtr<Guest>] {
    GUESTS.get_or_init(|| {
        let n = arena::geometry().map_or(0, |g| g.slots_total);
        (0..n).map(|_| AtomicPtr::new(std::ptr::null_mut())).collect()
    })
}

impl Guest {
    /// The guest on whose behalf the calling code runs; `None` on a PE's own stack and in ordinary threads.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn current() -> Option<&'static Guest> {
        // SAFETY: the word is 0 or was planted with the address of a Guest that outlives its FS base (current.rs).
        unsafe { (current::word(current::GUEST) as *const Guest).as_ref() }
    }

    /// The guest in slot `index`, if it is in this process: by a table look-up, from any thread.
    #[allow(unsafe_code)]
    pub fn in_slot(index: u32) -> Option<&'static Guest> {
        let p = GUESTS.get()?.get(index as usize)?.load(Ordering::Acquire);
        // SAFETY: the entry is cleared before the slot is unmapped.
        unsafe { p.as_ref() }
    }

    /// The guest in whose slot `address` lies: owner of a heap block, of a faulting stack.
    pub fn owner_of(address: usize) -> Option<&'static Guest> {
        Guest::in_slot(arena::owner_of(address)?)
    }

    /// The copy of the program that the rank runs.
    #[allow(unsafe_code)]
    pub fn image(&self) -> &'static Instance {
        // SAFETY: set at creation; lives as long as the guest (own) or the process (shared).
        unsafe { &*self.loader.instance.load(Ordering::Acquire) }
    }

    /// The part of the slot's stack that the rank's coroutine may use: below its arguments and environment, with tops of
    /// different ranks in different cache sets.
    pub fn stack(&self) -> Range<usize> {
        self.slot.stack().start..self.loader.entry_words.start & !63
    }

    /// Ranges of the slot that are the rank's own bytes: everything mapped except text. What a move must take along
    /// (pages that are all zero need not be sent).
    pub fn private_ranges(&self) -> Vec<Range<usize>> {
        let mut text = self.image().text_ranges();
        text.retain(|t| self.slot.range().contains(&t.start));
        text.sort_by_key(|t| t.start);
        let mapped = self.slot.mapped();
        let mut out = Vec::new();
        let mut at = mapped.start;
        for t in text {
            if at < t.start {
                out.push(at..t.start);
            }
            at = t.end;
        }
        out.push(at..mapped.end);
        out
    }

    /// Whether the other processes of this host see the `len_bytes` bytes at `address` as this one does: a rank's own memory,
    /// where slots are shared, but neither the text of its files nor what lies outside its slot.
    pub fn shows(address: usize, len_bytes: usize) -> bool {
        let Some(slot) = arena::slot_of(address).filter(|s| s.is_shared_memory()) else { return false };
        let range = address..address.saturating_add(len_bytes);
        let within = |area: Range<usize>| area.start <= range.start && range.end <= area.end;
        if within(slot.heap()) || within(slot.stack()) {
            return true;
        }
        let overlaps = |t: &Range<usize>| t.start < range.end && range.start < t.end;
        within(slot.mapped())
            && Guest::in_slot(slot.index()).is_some_and(|g| !g.image().text_ranges().iter().any(overlaps))
    }

    /// Called in the process that a rank has moved to, when all its private bytes are in place: maps the text of its
    /// libraries, gives the shared libraries' thread-locals this process's values, and makes the rank findable. The
    /// words of [`current`] other than GUEST must be planted by the caller.
    ///
    /// # Safety
    /// `slot` holds the bytes of a rank of `program` that runs nowhere; its `Guest` was built by the same build.
    #[allow(unsafe_code)]
    pub unsafe fn arrive(slot: Slot, program: &'static Program) -> Result<&'static Guest> {
        tls::check_host()?;
        let at = slot.thread_pointer() + thread_block::guest_offset()?;
        // SAFETY: by the contract a Guest lies there.
        let guest = unsafe { &*(at as *const Guest) };
        let instance = guest.image();
        instance.set_program(program);
        for group in instance.groups() {
            instance.map_text(group)?;
        }
        // SAFETY: by the contract the rank does not run.
        unsafe {
            thread_block::renew_shared_thread_locals(guest.fs_base)?;
            plant(guest);
        }
        instance.register();
        guests()[slot.index() as usize].store(at as *mut Guest, Ordering::Release);
        super::libc::attach(guest);
        Ok(guest)
    }

    /// Forgets the rank in this process: it has moved away or ended. The slot may be unmapped afterwards.
    pub fn depart(&'static self) {
        super::libc::detach(self);
        guests()[self.slot.index() as usize].store(std::ptr::null_mut(), Ordering::Release);
        if std::ptr::eq(self.image(), &self.loader.own) {
            self.image().unregister();
        }
        debugger::remove(self.slot);
    }
}

/// # Safety
/// The guest does not run.
#[allow(unsafe_code)]
unsafe fn plant(guest: &Guest) {
    let shared = !std::ptr::eq(guest.image(), &guest.loader.own);
    // SAFETY: by the contract; the block is complete.
    unsafe {
        current::plant(guest.fs_base, current::GUEST, std::ptr::from_ref(guest) as usize);
        current::plant(guest.fs_base, current::FLAGS, if shared { FLAG_SHARED_IMAGE } else { 0 });
    }
}

impl Program {
    /// Makes rank `rank` of `ranks` in `slot`: maps the slot and the program, builds its thread block and heap, and
    /// prepares the arguments. Runs nothing but IFUNC resolvers; [`Guest::start`] does the rest.
    ///
    /// # Errors
    /// `Memory` when a mapping fails, `Setting` when this host cannot run private images.
    #[allow(unsafe_code)]
    pub fn instantiate(
        &'static self,
        slot: Slot,
        rank: u32,
        ranks: u32,
        args: &[CString],
        env: &[CString],
    ) -> Result<&'static Guest> {
        tls::check_host()?;
        thread_block::prepare()?;
        slot.map()?;
        let at = slot.thread_pointer() + thread_block::guest_offset()?;
        // what every rank writes: the top of its stack with the libraries' thread-locals above it, and its own blocks
        slot.commit(slot.stack().end - STACK_TOUCHED..slot.control().start + 1);
        slot.commit(slot.thread_pointer()..at + size_of::<Guest>());
        let fs_base = thread_block::build(slot, rank)?;
        if at + size_of::<Guest>() > slot.control().end {
            return Err(Error::Memory {
                what: format!("the control area of rank {rank}"),
                why: format!(
                    "it needs {} bytes more (ArenaConfig::control_bytes)",
                    at + size_of::<Guest>() - slot.control().end
                ),
            });
        }
        let guest = at as *mut Guest;
        let shared = match self.options.isolate {
            Isolation::Image => None,
            Isolation::None => Some(self.shared_copy()?),
        };
        // SAFETY: the control area is mapped and zero and belongs to this rank alone; fields are written before the
        // reference is made.
        let guest = unsafe {
            addr_of_mut!((*guest).rank).write(rank);
            addr_of_mut!((*guest).ranks).write(ranks);
            addr_of_mut!((*guest).slot).write(slot);
            addr_of_mut!((*guest).fs_base).write(fs_base);
            Heap::init_in_place(addr_of_mut!((*guest).heap), slot.heap(), slot.is_shared_memory());
            addr_of_mut!((*guest).libc).write(LibcState::new());
            let own = addr_of_mut!((*guest).loader.own);
            own.write(Instance::new(self, slot));
            let instance = shared.map_or(own, |i| std::ptr::from_ref(i).cast_mut());
            addr_of_mut!((*guest).loader.instance).write(AtomicPtr::new(instance));
            let words = super::start::prepare_stack(slot, rank, self, (*instance).base, args, env)?;
            addr_of_mut!((*guest).loader.entry_words).write(words);
            addr_of_mut!((*guest).loader.dl).write(DlState::new());
            &*guest
        };
        let instance = guest.image();
        if shared.is_none() {
            instance.register();
            instance.open(self.main(), self.is_baked())?;
        }
        instance.users.fetch_add(1, Ordering::AcqRel);
        // SAFETY: the block was just built and nobody uses it yet.
        unsafe {
            for group in instance.groups() {
                instance.init_static_tls(group, fs_base);
            }
            plant(guest);
        }
        guests()[slot.index() as usize].store(at as *mut Guest, Ordering::Release);
        super::libc::attach(guest);
        if self.options.debugger {
            debugger::add(instance);
        }
        Ok(guest)
    }

    /// The one copy of `--isolate=none`, in the arena's last slot.
    fn shared_copy(&'static self) -> Result<&'static Instance> {
        let _one_at_a_time = self.growth();
        if let Some(i) = self.shared_instance.get() {
            return Ok(i);
        }
        let slot = Slot::of_shared_image();
        slot.map()?;
        let instance: &'static Instance = Box::leak(Box::new(Instance::new(self, slot)));
        instance.register();
        instance.open(self.main(), false)?;
        Ok(self.shared_instance.get_or_init(|| instance))
    }
}

/// Makes the calling OS thread, just created by `guest`, a thread of that guest: gives it the program's thread-local
/// variables with their initial values and plants the guest. Called first thing in the thread.
///
/// # Safety
/// The calling thread is new, runs no code of the guest yet and ends before the guest's slot is unmapped.
#[allow(unsafe_code)]
pub unsafe fn enter_thread(guest: &'static Guest) {
    let tp = current::fs_base();
    let instance = guest.image();
    for group in instance.groups() {
        // SAFETY: every thread of a worker has the reserve below its thread pointer.
        unsafe { instance.init_static_tls(group, tp) };
    }
    current::set_word(current::GUEST, std::ptr::from_ref(guest) as usize);
    let shared = current::word(current::FLAGS) & FLAG_SHARED_IMAGE;
    current::set_word(current::FLAGS, current::FLAG_GUEST_THREAD | shared);
}

/// Writes the initial thread-local variables of the guest's program below `thread_pointer`, the one in force of a thread
/// that the guest just created.
#[allow(unsafe_code)]
pub(super) fn init_thread_tls(guest: &'static Guest, thread_pointer: usize) {
    let instance = guest.image();
    for group in instance.groups() {
        // SAFETY: every thread of a worker has the reserve below its thread pointer.
        unsafe { instance.init_static_tls(group, thread_pointer) };
    }
}
