//! Handles: the numbers by which a program names MPI objects, and the per-rank tables behind them.
//!
//! Predefined objects have the standard ABI's values, all below 1024. Every other handle is a runtime id, never an
//! address; it is a positive `int`, so that Fortran (`MPI_Fint`) and `MPI_*_toint` need no second table:
//!
//! ```text
//!   31 30 29       26 25         20 19                      0
//!  ┌─────┬───────────┬─────────────┬─────────────────────────┐
//!  │ 0 0 │ kind 1–15 │ generation  │ index in the rank's table│
//!  └─────┴───────────┴─────────────┴─────────────────────────┘
//! ```
//!
//! Invariants:
//! 1. A slot's `id` is the handle that is valid for it now, or 0; so one comparison checks kind, generation and use.
//! 2. The generation of a slot grows with each reuse: a freed handle is recognised until its slot was reused 64 times.
//! 3. Predefined objects have places of their own (index = handle − first), are set once, perhaps at first use, and
//!    never freed: so they can be lent without counting references.
//!
//! What this does not do: requests live in a slab of their own (point-to-point), with the same encoding.
//!
//! # Safety
//! A `Table` belongs to one rank and is used by one OS thread at a time (it is neither `Send` nor `Sync`); no reference
//! into its cells leaves a method, and no method runs foreign code while it holds one: removed objects are returned,
//! not dropped inside.
#![allow(unsafe_code)]

use crate::abi::constants as c;
use crate::rank::Rank;
use std::cell::{OnceCell, UnsafeCell};
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

/// A handle as the program sees it (in C: a pointer-sized value).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Handle(pub usize);

impl Handle {
    /// The Fortran form (`MPI_*_toint`, `MPI_*_c2f`): every handle of ours fits.
    pub fn to_int(self) -> i32 {
        self.0 as i32
    }
    /// From the Fortran form.
    pub fn from_int(value: i32) -> Handle {
        Handle(value as usize)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// What kind of object a dynamic handle names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum HandleKind {
    Comm = 1,
    Group = 2,
    Datatype = 3,
    Op = 4,
    Errhandler = 5,
    Info = 6,
    Request = 7,
    Message = 8,
    Keyval = 9,
    Win = 10,
    File = 11,
    Session = 12,
}

impl HandleKind {
    /// How error texts call such an object.
    pub fn word(self) -> &'static str {
        match self {
            HandleKind::Comm => "communicator",
            HandleKind::Group => "group",
            HandleKind::Datatype => "datatype",
            HandleKind::Op => "reduction operation",
            HandleKind::Errhandler => "error handler",
            HandleKind::Info => "info object",
            HandleKind::Request => "request",
            HandleKind::Message => "message",
            HandleKind::Keyval => "attribute key",
            HandleKind::Win => "window",
            HandleKind::File => "file",
            HandleKind::Session => "session",
        }
    }

    /// The word with its article.
    pub fn a_word(self) -> String {
        let article = if self.word().starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
        format!("{article} {}", self.word())
    }

    /// The kind that a handle's bits claim, valid or not; predefined handles by the ABI's ranges.
    pub fn of(handle: Handle) -> Option<HandleKind> {
        use HandleKind::*;
        const ALL: [HandleKind; 12] =
            [Comm, Group, Datatype, Op, Errhandler, Info, Request, Message, Keyval, Win, File, Session];
        match handle.0 {
            c::MPI_OP_NULL..=c::MPI_NO_OP => Some(Op),
            c::MPI_COMM_NULL..=c::MPI_COMM_SELF => Some(Comm),
            c::MPI_GROUP_NULL | c::MPI_GROUP_EMPTY => Some(Group),
            c::MPI_WIN_NULL => Some(Win),
            c::MPI_FILE_NULL => Some(File),
            c::MPI_SESSION_NULL => Some(Session),
            c::MPI_MESSAGE_NULL | c::MPI_MESSAGE_NO_PROC => Some(Message),
            c::MPI_INFO_NULL | c::MPI_INFO_ENV => Some(Info),
            c::MPI_ERRHANDLER_NULL..=c::MPI_ERRORS_RETURN => Some(Errhandler),
            c::MPI_REQUEST_NULL => Some(Request),
            c::MPI_DATATYPE_NULL..=c::MPI_COMPLEX32 => Some(Datatype),
            h if h >> 30 == 0 => ALL.into_iter().find(|&k| k as usize == h >> KIND_SHIFT),
            _ => None,
        }
    }
}

const KIND_SHIFT: u32 = 26;
const GENERATION_SHIFT: u32 = 20;
const GENERATIONS: u32 = 1 << (KIND_SHIFT - GENERATION_SHIFT);
/// Most live objects of one kind in one rank.
pub const INDEX_COUNT_MAX: usize = 1 << GENERATION_SHIFT;
/// Handles below are the ABI's predefined ones (or garbage).
pub const FIRST_DYNAMIC: usize = 1024;

const _: () = assert!(1usize << KIND_SHIFT >= FIRST_DYNAMIC);

/// Builds the handle of a dynamic object (for slabs that are not a [`Table`]).
#[inline(always)]
pub fn encode(kind: HandleKind, generation: u32, index: u32) -> Handle {
    debug_assert!((index as usize) < INDEX_COUNT_MAX);
    Handle(((kind as u32) << KIND_SHIFT | (generation % GENERATIONS) << GENERATION_SHIFT | index) as usize)
}

/// The index part of a dynamic handle; meaningful only after the whole handle was compared with the slot's.
#[inline(always)]
pub fn index_of(handle: Handle) -> usize {
    handle.0 & (INDEX_COUNT_MAX - 1)
}

/// An MPI object that programs name by a handle, and where a rank keeps those of its kind.
pub trait Object: Sized + 'static {
    const KIND: HandleKind;
    /// The null handle of the kind and its name.
    const NULL: usize;
    const NULL_NAME: &'static str;
    /// Error class of a bad handle.
    const ERROR: i32;
    fn table(me: &'static Rank) -> &'static Table<Self>;
    /// The predefined object of `handle`, for kinds whose predefined objects are made when a rank first uses them.
    fn predefined(_handle: Handle) -> Option<Self> {
        None
    }
}

struct Slot<T> {
    /// The handle that is valid for this slot, 0 when free (invariant 1).
    id: u32,
    /// Generation of the next object put here.
    generation: u32,
    object: Option<Rc<T>>,
}

struct Slots<T> {
    slots: Vec<Slot<T>>,
    /// Indices of free dynamic slots; the last freed is reused first (it is in cache).
    free: Vec<u32>,
}

/// The objects of one kind of one rank.
pub struct Table<T> {
    kind: HandleKind,
    /// Handle of the first predefined object.
    first: usize,
    predefined_count: usize,
    /// Invariant 3. Empty until the first one is set: most ranks use few kinds of objects.
    predefined: UnsafeCell<Box<[OnceCell<Rc<T>>]>>,
    cell: UnsafeCell<Slots<T>>,
}

/// A live object for the time of a call: kept alive by a reference of its own unless it is predefined.
pub enum Lent<T: 'static> {
    Predefined(&'static Rc<T>),
    Counted(Rc<T>),
}

impl<T> Deref for Lent<T> {
    type Target = Rc<T>;
    #[inline(always)]
    fn deref(&self) -> &Rc<T> {
        match self {
            Lent::Predefined(object) => object,
            Lent::Counted(object) => object,
        }
    }
}

impl<T> Table<T> {
    /// An empty table whose predefined handles are `first..first + predefined_count` (all below 1024).
    pub fn new(kind: HandleKind, first: usize, predefined_count: usize) -> Self {
        assert!(first + predefined_count <= FIRST_DYNAMIC);
        let slots = Slots { slots: Vec::new(), free: Vec::new() };
        let predefined = UnsafeCell::new(Box::default());
        Table { kind, first, predefined_count, predefined, cell: UnsafeCell::new(slots) }
    }

    /// Installs a predefined object under the ABI's `handle`, once.
    pub fn predefine(&self, handle: usize, object: Rc<T>) {
        if self.predefined_places().is_empty() {
            let places = (0..self.predefined_count).map(|_| OnceCell::new()).collect();
            // SAFETY: module rule; the empty slice that is replaced has no elements that could be lent.
            unsafe { *self.predefined.get() = places };
        }
        let place = &self.predefined_places()[handle - self.first];
        assert!(place.set(object).is_ok(), "handle {handle:#x} is predefined already");
    }

    /// The object that `handle` names, if it is a live handle of this table.
    #[inline(always)]
    pub fn get(&self, handle: Handle) -> Option<Rc<T>> {
        if handle.0 < FIRST_DYNAMIC { self.predefined(handle).cloned() } else { self.dynamic(handle) }
    }

    /// The same for the time of one call, without counting where that is not needed.
    #[inline(always)]
    pub fn lend(&'static self, handle: Handle) -> Option<Lent<T>> {
        if handle.0 < FIRST_DYNAMIC {
            self.predefined(handle).map(Lent::Predefined)
        } else {
            self.dynamic(handle).map(Lent::Counted)
        }
    }

    #[inline(always)]
    fn predefined_places(&self) -> &[OnceCell<Rc<T>>] {
        // SAFETY: module rule; the slice is replaced once, while it is empty.
        unsafe { &*self.predefined.get() }
    }

    #[inline(always)]
    fn predefined(&self, handle: Handle) -> Option<&Rc<T>> {
        self.predefined_places().get(handle.0.wrapping_sub(self.first))?.get()
    }

    #[inline(always)]
    fn dynamic(&self, handle: Handle) -> Option<Rc<T>> {
        // SAFETY: module rule; cloning an Rc runs no foreign code.
        let slots = unsafe { &(*self.cell.get()).slots };
        match slots.get(index_of(handle)) {
            Some(slot) if slot.id as usize == handle.0 => slot.object.clone(),
            _ => None,
        }
    }

    /// A free slot and the handle that it will have.
    fn slot(&self) -> Option<Handle> {
        // SAFETY: module rule: nothing foreign runs.
        let s = unsafe { &mut *self.cell.get() };
        let index = match s.free.pop() {
            Some(i) => i as usize,
            None if s.slots.len() < INDEX_COUNT_MAX => {
                s.slots.push(Slot { id: 0, generation: 0, object: None });
                s.slots.len() - 1
            }
            None => return None,
        };
        let slot = &mut s.slots[index];
        let handle = encode(self.kind, slot.generation, index as u32);
        slot.generation = slot.generation.wrapping_add(1);
        Some(handle)
    }

    /// Puts a new object into the table. `None`: the table is full ([`INDEX_COUNT_MAX`]).
    pub fn try_insert(&self, object: Rc<T>) -> Option<Handle> {
        let handle = self.slot()?;
        self.fill(handle, object);
        Some(handle)
    }

    /// A handle for an object that [`Table::fill`] will bring; until then the handle names nothing.
    pub fn reserve(&self) -> crate::error::MpiResult<Handle> {
        self.slot().map_or_else(|| self.full(), Ok)
    }

    #[cold]
    fn full<R>(&self) -> crate::error::MpiResult<R> {
        crate::mpi_err!(
            MPI_ERR_INTERN,
            "this rank has {INDEX_COUNT_MAX} live {}s: free some",
            self.kind.word()
        )
    }

    /// Brings the object of a reserved handle.
    pub fn fill(&self, handle: Handle, object: Rc<T>) {
        // SAFETY: module rule; the slot held no object, so nothing is dropped.
        let slot = unsafe { &mut (&mut (*self.cell.get()).slots)[index_of(handle)] };
        assert!(slot.id == 0 && slot.object.is_none(), "the handle was reserved");
        slot.id = handle.0 as u32;
        slot.object = Some(object);
    }

    /// Puts a new object into the table, or an error of class `MPI_ERR_INTERN` that says how many there are.
    pub fn insert(&self, object: Rc<T>) -> crate::error::MpiResult<Handle> {
        self.try_insert(object).map_or_else(|| self.full(), Ok)
    }

    /// Takes a dynamic object out: its handle is stale from now on. Predefined ones stay (`None`).
    pub fn remove(&self, handle: Handle) -> Option<Rc<T>> {
        if handle.0 < FIRST_DYNAMIC {
            return None;
        }
        let index = index_of(handle);
        // SAFETY: module rule; the object is returned, so its drop runs after the borrow.
        let s = unsafe { &mut *self.cell.get() };
        let slot = s.slots.get_mut(index).filter(|slot| slot.id as usize == handle.0)?;
        slot.id = 0;
        let object = slot.object.take();
        s.free.push(index as u32);
        object
    }

    /// The first live object that `test` accepts (reports).
    pub fn find(&self, test: impl Fn(&T) -> bool) -> Option<Rc<T>> {
        // SAFETY: module rule; `test` is one of our own that does not touch the table.
        let s = unsafe { &*self.cell.get() };
        let dynamic = s.slots.iter().filter_map(|slot| slot.object.as_ref());
        self.predefined_places().iter().filter_map(OnceCell::get).chain(dynamic).find(|o| test(o)).cloned()
    }

    /// Number of live dynamic objects (leak reports at finalize).
    pub fn live_count(&self) -> usize {
        // SAFETY: module rule.
        let s = unsafe { &*self.cell.get() };
        s.slots.len() - s.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<u64> {
        Table::new(HandleKind::Info, c::MPI_INFO_NULL, 2)
    }

    #[test]
    fn reserved_handles_reuse_slots_that_were_freed() {
        let t = table();
        let first = t.reserve().unwrap();
        assert!(t.get(first).is_none(), "nothing yet");
        t.fill(first, Rc::new(1));
        assert_eq!(t.get(first).as_deref(), Some(&1));
        assert!(t.remove(first).is_some());
        let second = t.reserve().unwrap();
        assert!(index_of(second) == index_of(first) && second != first);
        t.fill(second, Rc::new(2));
        assert!(t.get(first).is_none(), "stale");
        assert_eq!(t.get(second).as_deref(), Some(&2));
    }

    #[test]
    fn handles_are_positive_ints_above_the_predefined_ones() {
        let t = table();
        for i in 0..5000 {
            let h = t.insert(Rc::new(i)).unwrap();
            assert!(h.0 >= FIRST_DYNAMIC && h.0 < 1 << 30);
            assert_eq!(Handle::from_int(h.to_int()), h);
            assert_eq!(*t.get(h).unwrap(), i);
            assert_eq!(HandleKind::of(h), Some(HandleKind::Info));
        }
        assert_eq!(t.live_count(), 5000);
    }

    #[test]
    fn a_freed_handle_is_stale_even_when_its_slot_is_used_again() {
        let t = table();
        let a = t.insert(Rc::new(1)).unwrap();
        assert_eq!(t.remove(a).as_deref(), Some(&1));
        assert!(t.get(a).is_none() && t.remove(a).is_none());
        let b = t.insert(Rc::new(2)).unwrap();
        assert_eq!(index_of(a), index_of(b));
        assert!(t.get(a).is_none());
        assert_eq!(t.get(b).as_deref(), Some(&2));
    }

    #[test]
    fn predefined_objects_are_found_and_never_freed() {
        let t = table();
        assert!(t.get(Handle(c::MPI_INFO_ENV)).is_none());
        t.predefine(c::MPI_INFO_ENV, Rc::new(7));
        assert_eq!(t.get(Handle(c::MPI_INFO_ENV)).as_deref(), Some(&7));
        assert!(t.get(Handle(c::MPI_INFO_NULL)).is_none());
        assert!(t.remove(Handle(c::MPI_INFO_ENV)).is_none());
        for garbage in [0, 1, 1023, 1024, usize::MAX, 0x7fff_dead_beef] {
            assert!(t.get(Handle(garbage)).is_none());
        }
    }

    #[test]
    fn a_handle_of_another_kind_is_refused() {
        let t = table();
        let h = t.insert(Rc::new(1)).unwrap();
        let wrong = encode(HandleKind::Comm, 0, index_of(h) as u32);
        assert!(t.get(wrong).is_none());
        assert_eq!(HandleKind::of(wrong), Some(HandleKind::Comm));
        assert_eq!(HandleKind::of(Handle(c::MPI_INT)), Some(HandleKind::Datatype));
    }
}
