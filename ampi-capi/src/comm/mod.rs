//! Communicators (MPI-5.0 chapter 7).
//!
//! | file | what |
//! |---|---|
//! | this file | the communicator as its member sees it |
//! | [`shared`] | what the members share |
//! | [`create`] | agreeing on a new one |
//! | `across` | the same between processes |
//! | `making` | agreeing without a communicator |
//! | [`calls`] | the MPI calls |

pub(crate) mod across;
pub mod calls;
pub mod create;
pub mod making;
pub mod shared;

pub use calls::*;
pub use shared::Shared;

use crate::abi::constants as c;
use crate::attr::{AttrSet, Cached};
use crate::errhandler::{Attached, Errhandler, Owner};
use crate::group::Group;
use crate::handle::{Handle, HandleKind, Object, Table};
use crate::info::Info;
use crate::rank::{Phase, Rank};
use crate::topo::Cart;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// One member's view of a communicator.
pub struct Comm {
    context: u32,
    rank: u32,
    size: u32,
    /// World rank of member 0 when members are consecutive world ranks: the usual case, without a look at the group.
    first: Option<u32>,
    shared: Arc<Shared>,
    /// Number of the next collective operation.
    next_collective: Cell<u64>,
    handle: Cell<Handle>,
    attributes: AttrSet,
    errhandler: Attached,
    name: RefCell<Box<[u8]>>,
    info: RefCell<Info>,
    cart: Option<Rc<Cart>>,
}

impl Comm {
    /// The view of `me`, which is a member.
    pub fn new(
        me: &'static Rank,
        shared: Arc<Shared>,
        errhandler: Rc<Errhandler>,
        cart: Option<Rc<Cart>>,
    ) -> Comm {
        let group = &shared.group;
        let size = group.size() as u32;
        let rank = group.rank_of(me.world_rank).expect("only members have a view of a communicator") as u32;
        let first = group.first_of_consecutive();
        Comm {
            context: shared.context,
            rank,
            size,
            first,
            shared,
            next_collective: Cell::new(0),
            handle: Cell::new(Handle(c::MPI_COMM_NULL)),
            attributes: AttrSet::default(),
            errhandler: Attached::new(errhandler),
            name: RefCell::new(Box::default()),
            info: RefCell::new(Info::default()),
            cart,
        }
    }

    #[inline(always)]
    pub fn size(&self) -> u32 {
        self.size
    }
    #[inline(always)]
    pub fn rank(&self) -> u32 {
        self.rank
    }
    #[inline(always)]
    pub fn context(&self) -> u32 {
        self.context
    }
    #[inline(always)]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
    #[inline(always)]
    pub fn group(&self) -> &Arc<Group> {
        &self.shared.group
    }
    /// World rank of member `r`, which is less than the size.
    #[inline(always)]
    pub fn world_rank(&self, r: u32) -> u32 {
        match self.first {
            Some(base) => base + r,
            None => self.shared.group.world_rank(r as usize).expect("a checked rank"),
        }
    }
    #[inline(always)]
    pub fn handle(&self) -> Handle {
        self.handle.get()
    }
    pub fn cart(&self) -> Option<&Rc<Cart>> {
        self.cart.as_ref()
    }
    /// The number of this member's next collective: equal on all members, since they call the same ones in order.
    #[inline(always)]
    pub fn next_collective(&self) -> u64 {
        let n = self.next_collective.get();
        self.next_collective.set(n + 1);
        n
    }

    /// Puts the view into the rank's table; its handle.
    pub fn publish(self, me: &'static Rank) -> crate::error::MpiResult<Handle> {
        let comm = Rc::new(self);
        let handle = me.comms.insert(comm.clone())?;
        comm.handle.set(handle);
        Ok(handle)
    }

    /// Makes it one of the predefined communicators.
    pub fn predefine(self, me: &'static Rank, handle: usize, name: &str) {
        me.comms.predefine(handle, Rc::new(self.named(handle, name)));
    }

    /// The communicator that `handle` names, made now if it is `MPI_COMM_SELF` and was not used before.
    pub fn named_by(me: &'static Rank, handle: Handle) -> Option<Rc<Comm>> {
        me.comms.get(handle).or_else(|| {
            let made = Rc::new(<Comm as Object>::predefined(handle)?);
            me.comms.predefine(handle.0, made.clone());
            Some(made)
        })
    }

    fn named(self, handle: usize, name: &str) -> Comm {
        self.handle.set(Handle(handle));
        self.name.replace(name.as_bytes().into());
        self
    }

    /// The name, for reports: what the program called it, else its handle.
    pub fn label(&self) -> String {
        let name = self.name.borrow();
        if name.is_empty() {
            format!("{:?}", self.handle())
        } else {
            String::from_utf8_lossy(&name).into_owned()
        }
    }
}

impl Object for Comm {
    const KIND: HandleKind = HandleKind::Comm;
    const NULL: usize = c::MPI_COMM_NULL;
    const NULL_NAME: &'static str = "MPI_COMM_NULL";
    const ERROR: i32 = c::MPI_ERR_COMM;
    fn table(me: &'static Rank) -> &'static Table<Self> {
        &me.comms
    }
    /// `MPI_COMM_SELF` is made when a rank first names it: most never do.
    fn predefined(handle: Handle) -> Option<Self> {
        let me = Rank::current().filter(|me| me.phase.get() != Phase::BeforeInit)?;
        (handle.0 == c::MPI_COMM_SELF).then(|| {
            let group = Arc::new(Group::single(me.world_rank));
            let alone = Shared::with_context(shared::SELF_CONTEXT, group, me.p2p.pe().job());
            Comm::new(me, alone, me.errhandler.initial.get(), None).named(handle.0, "MPI_COMM_SELF")
        })
    }
}

impl Cached for Comm {
    const KIND: HandleKind = HandleKind::Comm;
    fn attributes(&self) -> &AttrSet {
        &self.attributes
    }
    fn handle(&self) -> Handle {
        self.handle.get()
    }
}

impl Owner for Comm {
    fn errhandler(&self) -> &Attached {
        &self.errhandler
    }
    fn handle(&self) -> Handle {
        self.handle.get()
    }
    fn describe(&self) -> String {
        format!("communicator {}, rank {}", self.label(), self.rank)
    }
}
