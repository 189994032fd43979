//! An endpoint of libfabric and what it hangs on: fabric, domain, completion queue, address vector.
//!
//! ```text
//! fabric ─ domain ─ endpoint ── completion queue (descriptor to wait for, if the provider has one)
//!                       └────── address vector: process → address
//! ```
//!
//! Tags: the highest bit that the provider has says Piece; below it the token, then 24 bits of the number. Packets have tag 0.
//!
//! Once a process is lost, the endpoint stays open until the end of ours, and with it all memory that it knows: closing one
//! whose peer died in the middle of a message can crash (rxm of 1.17, when the flushed operations are its own).
//!
//! Every operation has a [`Context`] of its own, whose address the provider gives back with its end. Contexts never move and
//! are used again. Memory is registered for the time of an operation if the provider wants that (FI_MR_LOCAL).
#![allow(unsafe_code)]

use super::abi::{self, *};
use super::library::{Library, failed, library};
use super::{Options, SHY};
use crate::error::{Error, Result};
use crate::wire::ProcessId;
use crate::wire::foreign::Signals;
use crate::wire::messages::carrier::{Begun, Carrier, Done, Memory, Operation, Region, Tag, nap_after};
use crate::wire::messages::{PACKET_BYTES, PIECE_BYTES_MAX};
use crate::wire::stream::Address;
use std::ffi::{CStr, CString, c_int, c_void};
use std::mem::ManuallyDrop;
use std::os::fd::{BorrowedFd, RawFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Receives for packets.
const RING: u32 = 64;
/// Ends that one poll takes.
const ENDS: usize = 32;
const NUMBER_BITS: u32 = 24;

/// What an operation needs until it is over. The provider owns `internal`.
#[repr(C)]
struct Context {
    internal: [usize; 8],
    index: usize,
    operation: Operation,
    registered: Option<Object<Mr>>,
    busy: bool,
}

/// An object of libfabric, closed when it is dropped.
struct Object<T>(NonNull<T>);

// SAFETY: libfabric's objects may be used by any thread; by one at a time (FI_THREAD_DOMAIN), which owning them gives.
unsafe impl<T> Send for Object<T> {}

impl<T> Object<T> {
    /// What a call that makes an object has given.
    fn made(library: &Library, what: &str, status: c_int, object: *mut T) -> Result<Object<T>> {
        match NonNull::new(object) {
            Some(object) if status == 0 => Ok(Object(object)),
            _ => Err(failed(what, library.text(status as isize))),
        }
    }

    /// Every object begins with a [`Fid`].
    fn fid(&self) -> *mut Fid {
        self.0.as_ptr().cast()
    }

    fn control(&self, command: c_int, argument: *mut c_void) -> c_int {
        // SAFETY: a living object; `argument` is what the command asks for, by each caller.
        unsafe { ((*(*self.fid()).ops).control)(self.fid(), command, argument) }
    }

    fn bind<U>(&self, other: &Object<U>, flags: u64) -> c_int {
        // SAFETY: two living objects.
        unsafe { ((*(*self.fid()).ops).bind)(self.fid(), other.fid(), flags) }
    }
}

impl<T> Drop for Object<T> {
    fn drop(&mut self) {
        // SAFETY: a living object that nobody else knows. A failure would leave it open, which harms nobody.
        let _ = unsafe { ((*(*self.fid()).ops).close)(self.fid()) };
    }
}

/// A description of what a provider offers, or of what is asked for.
struct Description {
    info: NonNull<Info>,
    library: &'static Library,
}

// SAFETY: plain memory of libfabric, read by its owner only.
unsafe impl Send for Description {}

impl Drop for Description {
    fn drop(&mut self) {
        // SAFETY: allocated by libfabric; the whole chain is freed once.
        unsafe { (self.library.freeinfo)(self.info.as_ptr()) }
    }
}

/// This process's endpoint.
pub struct Endpoint {
    /// Closed in `drop`, or never.
    open: ManuallyDrop<Open>,
    free: Vec<usize>,
    descriptor: Option<RawFd>,
    /// Address of each process of the job, and what the address vector calls it.
    names: Vec<Option<Vec<u8>>>,
    known: Vec<u64>,
    registers: bool,
    provider: String,
    address: Address,
    has_lost: bool,
    /// When something was over the last time.
    active: Instant,
}

/// What is open. Fields are in the order in which they have to be closed.
struct Open {
    ep: Object<Ep>,
    // the provider has their addresses
    #[allow(clippy::vec_box)]
    contexts: Vec<Box<Context>>,
    regions: Vec<(Option<Object<Mr>>, Arc<Memory>)>,
    cq: Object<Cq>,
    av: Object<Av>,
    domain: Object<Domain>,
    fabric: Object<abi::Fabric>,
    info: Description,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if !self.has_lost {
            // SAFETY: it is not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.open) }
        }
    }
}

/// What the provider of an entry is called.
fn provider_of(info: &Info) -> String {
    // SAFETY: an entry that libfabric has filled in: its attributes are there, the name is null or a C string.
    unsafe {
        let name = (*info.fabric_attr).prov_name;
        if name.is_null() { "?".into() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}

/// What there is, by libfabric's preference, for `options`.
fn describe(options: &Options) -> Result<Description> {
    let library = library()?;
    let _signals = Signals::keep();
    let text = |text: &str| CString::new(text).map_err(|_| failed("its name", "it contains a zero byte"));
    // SAFETY: dupinfo of nothing gives an empty description with all attributes, or null.
    let hints = NonNull::new(unsafe { (library.dupinfo)(ptr::null()) });
    let hints = Description { info: hints.ok_or_else(|| failed("asking", "no memory"))?, library };
    let node = options.address.map(|ip| text(&ip.to_string())).transpose()?;
    // SAFETY: the attributes of a description are there; the name is freed with it, by free().
    unsafe {
        let info = hints.info.as_ptr();
        (*info).caps = TAGGED | DIRECTED_RECV;
        (*info).mode = MODE_CONTEXT | MODE_CONTEXT2;
        (*(*info).ep_attr).kind = EP_RDM;
        (*(*info).tx_attr).msg_order = ORDER_SAS;
        (*(*info).rx_attr).msg_order = ORDER_SAS;
        let domain = &mut *(*info).domain_attr;
        domain.threading = THREAD_DOMAIN;
        domain.mr_mode = MR_LOCAL | MR_VIRT_ADDR | MR_ALLOCATED | MR_PROV_KEY | MR_ENDPOINT;
        if let Some(name) = &options.provider {
            (*(*info).fabric_attr).prov_name = libc::strdup(text(name)?.as_ptr());
        }
    }
    let (node, flags) = match &node {
        Some(node) => (node.as_ptr(), SOURCE),
        None => (ptr::null(), 0),
    };
    let mut found = ptr::null_mut();
    // SAFETY: C strings or null, and a description that lives until the call returns.
    let status =
        unsafe { (library.getinfo)(VERSION, node, ptr::null(), flags, hints.info.as_ptr(), &mut found) };
    match NonNull::new(found) {
        Some(info) if status == 0 => Ok(Description { info, library }),
        _ => {
            let who =
                options.provider.as_ref().map_or("no provider".into(), |p| format!("provider {p}: none"));
            let at = options.address.map_or(String::new(), |a| format!(" at {a}"));
            let why = library.text(status as isize);
            Err(failed(&format!("{who}{at} has reliable tagged messages"), why))
        }
    }
}

/// All entries of a chain.
fn entries(first: &Description) -> impl Iterator<Item = &Info> {
    // SAFETY: a chain that libfabric made and that lives as long as `first`.
    std::iter::successors(Some(unsafe { first.info.as_ref() }), |info| unsafe { info.next.as_ref() })
}

/// Names of the providers that can serve, by libfabric's preference.
pub fn providers(options: &Options) -> Result<Vec<String>> {
    let found = describe(options)?;
    let mut names: Vec<String> = Vec::new();
    for name in entries(&found).map(provider_of) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

impl Endpoint {
    /// Opens an endpoint of the provider that `options` names, else of the first that reaches other hosts.
    pub fn open(options: &Options) -> Result<Endpoint> {
        let info = describe(options)?;
        let chosen = match &options.provider {
            Some(name) => entries(&info).find(|i| provider_of(i) == *name).or(entries(&info).next()),
            None => entries(&info).find(|i| !SHY.contains(&provider_of(i).as_str())),
        };
        let chosen =
            chosen.ok_or_else(|| failed("choosing a provider", "none that reaches other hosts; name one"))?;
        // SAFETY: an entry of the chain; the copy stands alone.
        let copy = NonNull::new(unsafe { (info.library.dupinfo)(chosen) });
        let copy = copy.ok_or_else(|| failed("choosing a provider", "no memory"))?;
        let chosen = Description { info: copy, library: info.library };
        Endpoint::build(chosen, options)
    }

    fn build(info: Description, options: &Options) -> Result<Endpoint> {
        let _signals = Signals::keep();
        let library = info.library;
        let at = info.info.as_ptr();
        let provider =
            provider_of(entries(&info).next().ok_or_else(|| failed("opening", "nothing is there"))?);
        let what = |part: &str| format!("{part} of {provider}");
        let (mut fabric, mut domain, mut av, mut ep) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: calls as fabric.h has them, with objects that were just made and a description that stays.
        unsafe {
            let status = (library.fabric)((*at).fabric_attr, &mut fabric, ptr::null_mut());
            let fabric = Object::made(library, &what("fabric"), status, fabric)?;
            let ops = &*(*fabric.0.as_ptr()).ops;
            let status = (ops.domain)(fabric.0.as_ptr(), at, &mut domain, ptr::null_mut());
            let domain = Object::made(library, &what("domain"), status, domain)?;
            let ops = &*(*domain.0.as_ptr()).ops;
            let mut attr: AvAttr = std::mem::zeroed();
            attr.kind = AV_TABLE;
            let status = (ops.av_open)(domain.0.as_ptr(), &mut attr, &mut av, ptr::null_mut());
            let av = Object::made(library, &what("address vector"), status, av)?;
            let (cq, descriptor) = open_queue(library, &domain, &provider, options.nap)?;
            let status = (ops.endpoint)(domain.0.as_ptr(), at, &mut ep, ptr::null_mut());
            let ep = Object::made(library, &what("endpoint"), status, ep)?;
            for status in
                [ep.bind(&cq, TRANSMIT | RECV), ep.bind(&av, 0), ep.control(ENABLE, ptr::null_mut())]
            {
                if status != 0 {
                    return Err(failed(&what("endpoint"), library.text(status as isize)));
                }
            }
            let name = name_of(library, &ep, &provider)?;
            let registers = options.register || (*(*at).domain_attr).mr_mode & MR_LOCAL != 0;
            let (contexts, regions) = (Vec::new(), Vec::new());
            let endpoint = Endpoint {
                open: ManuallyDrop::new(Open { ep, contexts, regions, cq, av, domain, fabric, info }),
                free: Vec::new(),
                descriptor,
                names: Vec::new(),
                known: Vec::new(),
                registers,
                address: Address::Fabric { provider: provider.clone(), name },
                provider,
                has_lost: false,
                active: Instant::now(),
            };
            endpoint.check_limits()?;
            Ok(endpoint)
        }
    }

    fn check_limits(&self) -> Result<()> {
        let refuse = |why: String| Err(failed(&format!("provider {}", self.provider), why));
        let bits = self.tag_bits();
        if bits < 1 + NUMBER_BITS + 7 {
            return refuse(format!("it has {bits} bits for tags; needed are 32"));
        }
        match self.ep_attr().max_msg_size {
            n if n < PACKET_BYTES => {
                refuse(format!("its messages have at most {n} bytes; needed are {PACKET_BYTES}"))
            }
            _ => Ok(()),
        }
    }

    /// Where others reach it: for `Process.listen`.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What the provider is called.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Takes the addresses of all processes of the job, by number.
    pub fn introduce(&mut self, addresses: &[Option<Address>]) -> Result<()> {
        self.names.clear();
        for (process, address) in addresses.iter().enumerate() {
            self.names.push(match address {
                None => None,
                Some(Address::Fabric { provider, name }) if *provider == self.provider => Some(name.clone()),
                Some(other) => {
                    let why =
                        format!("this one uses provider {}, process {process} has {other}", self.provider);
                    return Err(Error::Wire { what: "addresses of libfabric".into(), why });
                }
            });
        }
        self.known = vec![ADDR_UNSPEC; self.names.len()];
        Ok(())
    }

    fn ep_attr(&self) -> &EpAttr {
        // SAFETY: the description is ours; libfabric has filled in its attributes.
        unsafe { &*self.open.info.info.as_ref().ep_attr }
    }

    fn tag_bits(&self) -> u32 {
        u64::BITS - self.ep_attr().mem_tag_format.leading_zeros()
    }

    fn tag(&self, tag: Tag) -> u64 {
        match tag {
            Tag::Packet => 0,
            Tag::Piece { number, token } => {
                let top = 1u64 << (self.tag_bits() - 1);
                let number = number as u64 & ((1 << NUMBER_BITS) - 1);
                top | ((token as u64) << NUMBER_BITS & (top - 1)) | number
            }
        }
    }

    fn registration(&self, at: *const c_void, len: usize) -> std::result::Result<Option<Object<Mr>>, String> {
        if !self.registers {
            return Ok(None);
        }
        let library = self.open.info.library;
        let domain = self.open.domain.0.as_ptr();
        // every key is used once; providers that choose keys themselves ignore it
        static KEYS: AtomicU64 = AtomicU64::new(1);
        let key = KEYS.fetch_add(1, Ordering::Relaxed);
        let mut mr = ptr::null_mut();
        // SAFETY: a living domain; the memory is valid, by the promises of the carrier's callers.
        let status = unsafe {
            let register = (*(*domain).mr).reg;
            register(domain.cast(), at, len, SEND | RECV, 0, key, 0, &mut mr, ptr::null_mut())
        };
        let mr = Object::made(library, "registering memory", status, mr).map_err(|e| e.to_string())?;
        // SAFETY: the description is ours.
        let mode = unsafe { (*self.open.info.info.as_ref().domain_attr).mr_mode };
        if mode & MR_ENDPOINT != 0 {
            for status in [mr.bind(&self.open.ep, 0), mr.control(ENABLE, ptr::null_mut())] {
                if status != 0 {
                    return Err(format!("registering memory: {}", library.text(status as isize)));
                }
            }
        }
        Ok(Some(mr))
    }

    /// A context for `operation`, and the description of its memory.
    fn context(
        &mut self,
        operation: Operation,
        at: *const c_void,
        len: usize,
        region: Option<Region>,
    ) -> std::result::Result<(usize, *mut c_void), String> {
        let (registered, desc) = match region.map(|r| &self.open.regions[r.0].0) {
            Some(whole) => (None, desc_of(whole.as_ref())),
            None => {
                let own = self.registration(at, len)?;
                let desc = desc_of(own.as_ref());
                (own, desc)
            }
        };
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = self.open.contexts.len();
                let context = Context { internal: [0; 8], index, operation, registered: None, busy: false };
                self.open.contexts.push(Box::new(context));
                index
            }
        };
        let context = &mut self.open.contexts[index];
        (context.operation, context.registered, context.busy) = (operation, registered, true);
        Ok((index, desc))
    }

    fn address_of(&mut self, index: usize) -> *mut c_void {
        (&raw mut *self.open.contexts[index]).cast()
    }

    /// What a call that begins the operation of context `index` has said.
    fn begun(&mut self, status: isize, index: usize) -> Begun {
        if status == 0 {
            return Begun::Yes;
        }
        self.release(index);
        self.refusal(status)
    }

    fn refusal(&self, status: isize) -> Begun {
        match status {
            0 => Begun::Yes,
            s if s == -EAGAIN => Begun::Later,
            s => Begun::Failed(self.open.info.library.text(s)),
        }
    }

    fn release(&mut self, index: usize) -> Operation {
        let context = &mut self.open.contexts[index];
        context.registered = None;
        if std::mem::replace(&mut context.busy, false) {
            self.free.push(index);
        }
        context.operation
    }

    /// The operation whose context the provider has named.
    fn ended(&mut self, context: *mut c_void) -> Option<Operation> {
        if context.is_null() {
            return None;
        }
        // SAFETY: the provider gives back the addresses of contexts that it was given, which live as long as it.
        let index = unsafe { (*context.cast::<Context>()).index };
        self.open.contexts.get(index).is_some_and(|c| c.busy).then(|| self.release(index))
    }

    /// The failure that stands at the head of the queue.
    fn take_error(&mut self, done: &mut Vec<Done>) -> std::result::Result<(), String> {
        let cq = self.open.cq.0.as_ptr();
        // SAFETY: a plain structure of numbers and pointers that may be null.
        let mut entry: CqErrEntry = unsafe { std::mem::zeroed() };
        // SAFETY: a living queue and an entry of its type.
        let n = unsafe { ((*(*cq).ops).readerr)(cq, &mut entry, 0) };
        if n == -EAGAIN {
            return Ok(());
        }
        if n < 0 {
            return Err(self.open.info.library.text(n));
        }
        let why = match entry.err {
            ECANCELED => "the network gave up a message".to_string(),
            err => self.open.info.library.text(err as isize),
        };
        if let Some(operation) = self.ended(entry.op_context) {
            done.push(Done { operation, result: Err(why) });
        }
        Ok(())
    }
}

fn desc_of(region: Option<&Object<Mr>>) -> *mut c_void {
    // SAFETY: a living region.
    region.map_or(ptr::null_mut(), |mr| unsafe { mr.0.as_ref().mem_desc })
}

/// A completion queue with a descriptor, or without if the provider has none.
fn open_queue(
    library: &Library,
    domain: &Object<Domain>,
    provider: &str,
    nap: bool,
) -> Result<(Object<Cq>, Option<RawFd>)> {
    let mut last = None;
    for wait_obj in if nap { &[WAIT_NONE][..] } else { &[WAIT_FD, WAIT_NONE] }.iter().copied() {
        let mut cq = ptr::null_mut();
        // SAFETY: the attributes are a plain structure; the domain lives.
        let status = unsafe {
            let mut attr: CqAttr = std::mem::zeroed();
            attr.format = CQ_FORMAT_MSG;
            attr.wait_obj = wait_obj;
            let open = (*(*domain.0.as_ptr()).ops).cq_open;
            open(domain.0.as_ptr(), &mut attr, &mut cq, ptr::null_mut())
        };
        match Object::made(library, &format!("completion queue of {provider}"), status, cq) {
            Ok(cq) if wait_obj == WAIT_NONE => return Ok((cq, None)),
            Ok(cq) => {
                let mut fd: c_int = -1;
                if cq.control(GETWAIT, (&raw mut fd).cast()) == 0 && fd >= 0 {
                    return Ok((cq, Some(fd)));
                }
            }
            Err(e) => last = Some(e),
        }
    }
    Err(last.unwrap_or_else(|| failed("completion queue", "there is none")))
}

/// The address that the endpoint has.
fn name_of(library: &Library, ep: &Object<Ep>, provider: &str) -> Result<Vec<u8>> {
    let mut name = vec![0u8; 256];
    loop {
        let mut len = name.len();
        // SAFETY: a living endpoint; `len` bytes are there.
        let status = unsafe {
            let getname = (*(*ep.0.as_ptr()).cm).getname;
            getname(ep.fid(), name.as_mut_ptr().cast(), &mut len)
        };
        match status {
            0 if len <= name.len() => {
                name.truncate(len);
                return Ok(name);
            }
            s if s == -ETOOSMALL && len > name.len() && len < 4096 => name.resize(len, 0),
            s => return Err(failed(&format!("name of an endpoint of {provider}"), library.text(s as isize))),
        }
    }
}

impl Carrier for Endpoint {
    fn message_max(&self) -> usize {
        self.ep_attr().max_msg_size.min(PIECE_BYTES_MAX)
    }

    fn inject_max(&self) -> usize {
        // SAFETY: the description is ours; libfabric has filled in its attributes.
        unsafe { (*self.open.info.info.as_ref().tx_attr).inject_size }
    }

    fn ring(&self) -> u32 {
        // SAFETY: the same.
        let size = unsafe { (*self.open.info.info.as_ref().rx_attr).size };
        RING.min((size / 2).max(4) as u32)
    }

    fn reach(&mut self, peer: ProcessId) -> std::result::Result<(), String> {
        let name = self.names.get(peer as usize).and_then(|n| n.as_ref());
        let Some(name) = name else { return Err("it has no address of libfabric".into()) };
        let av = self.open.av.0.as_ptr();
        let mut known = ADDR_UNSPEC;
        // SAFETY: a living address vector; the name is as long as its own providers' are, or is refused by it.
        let n = unsafe {
            let insert = (*(*av).ops).insert;
            insert(av, name.as_ptr().cast(), 1, &mut known, 0, ptr::null_mut())
        };
        if n != 1 {
            return Err(format!("its address is not taken: {}", self.open.info.library.text(n as isize)));
        }
        self.known[peer as usize] = known;
        Ok(())
    }

    fn register(&mut self, memory: Arc<Memory>) -> std::result::Result<Region, String> {
        let region = self.registration(memory.at(0).cast(), memory.len())?;
        self.open.regions.push((region, memory));
        Ok(Region(self.open.regions.len() - 1))
    }

    fn peer_is_lost(&mut self, _: ProcessId) {
        self.has_lost = true;
    }

    unsafe fn send(
        &mut self,
        to: ProcessId,
        tag: Tag,
        at: *const u8,
        len: usize,
        region: Option<Region>,
        operation: Operation,
    ) -> Begun {
        let (index, desc) = match self.context(operation, at.cast(), len, region) {
            Ok(context) => context,
            Err(why) => return Begun::Failed(why),
        };
        let (ep, tag, to) = (self.open.ep.0.as_ptr(), self.tag(tag), self.known[to as usize]);
        let context = self.address_of(index);
        // SAFETY: a living endpoint; the memory is the caller's promise, the context lives as long as the endpoint.
        let status = unsafe { ((*(*ep).tagged).send)(ep, at.cast(), len, desc, to, tag, context) };
        self.begun(status, index)
    }

    fn inject(&mut self, to: ProcessId, tag: Tag, bytes: &[u8]) -> Begun {
        let (ep, tag, to) = (self.open.ep.0.as_ptr(), self.tag(tag), self.known[to as usize]);
        // SAFETY: a living endpoint; the bytes are copied before the call returns.
        let status = unsafe { ((*(*ep).tagged).inject)(ep, bytes.as_ptr().cast(), bytes.len(), to, tag) };
        self.refusal(status)
    }

    unsafe fn receive(
        &mut self,
        from: Option<ProcessId>,
        tag: Tag,
        at: *mut u8,
        len: usize,
        region: Option<Region>,
        operation: Operation,
    ) -> Begun {
        let (index, desc) = match self.context(operation, at.cast(), len, region) {
            Ok(context) => context,
            Err(why) => return Begun::Failed(why),
        };
        let from = from.map_or(ADDR_UNSPEC, |p| self.known[p as usize]);
        let (ep, tag) = (self.open.ep.0.as_ptr(), self.tag(tag));
        let context = self.address_of(index);
        // SAFETY: as in `send`.
        let status = unsafe { ((*(*ep).tagged).recv)(ep, at.cast(), len, desc, from, tag, 0, context) };
        self.begun(status, index)
    }

    fn cancel(&mut self, operation: Operation) {
        let Some(index) = self.open.contexts.iter().position(|c| c.busy && c.operation == operation) else {
            return;
        };
        let (ep, context) = (self.open.ep.0.as_ptr(), self.address_of(index));
        // SAFETY: a living endpoint and a context of it. One that is over already cannot be cancelled, which is fine.
        let _ = unsafe { ((*(*ep).ops).cancel)(ep.cast(), context) };
    }

    fn poll(&mut self, done: &mut Vec<Done>) -> std::result::Result<(), String> {
        let cq = self.open.cq.0.as_ptr();
        let mut entries = [CqMsgEntry { op_context: ptr::null_mut(), flags: 0, len: 0 }; ENDS];
        // SAFETY: a living queue of this format and room for `ENDS` entries.
        let n = unsafe { ((*(*cq).ops).read)(cq, entries.as_mut_ptr().cast(), ENDS) };
        if n == -EAVAIL {
            return self.take_error(done);
        }
        if n < 0 && n != -EAGAIN {
            return Err(self.open.info.library.text(n));
        }
        if n > 0 && self.descriptor.is_none() {
            self.active = Instant::now();
        }
        for entry in &entries[..n.clamp(0, ENDS as isize) as usize] {
            if let Some(operation) = self.ended(entry.op_context) {
                done.push(Done { operation, result: Ok(entry.len) });
            }
        }
        Ok(())
    }

    fn may_sleep(&mut self) -> bool {
        if self.descriptor.is_none() {
            return true;
        }
        let fabric = self.open.fabric.0.as_ptr();
        let mut fids = [self.open.cq.fid()];
        // SAFETY: a living fabric and a list of one living queue of it.
        unsafe { ((*(*fabric).ops).trywait)(fabric, fids.as_mut_ptr(), 1) == 0 }
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        // SAFETY: the queue's own, open as long as the queue, which `self` owns.
        self.descriptor.map(|fd| unsafe { BorrowedFd::borrow_raw(fd) })
    }

    fn nap(&self) -> Option<Duration> {
        self.descriptor.is_none().then(|| nap_after(self.active.elapsed()))
    }
}
