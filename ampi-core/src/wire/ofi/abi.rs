//! What of libfabric's C interface is used, as its headers of version 1.17 have it: `rdma/fabric.h`, `fi_domain.h`,
//! `fi_endpoint.h`, `fi_tagged.h`, `fi_eq.h`, `fi_cm.h`.
//!
//! The names are the headers', without `fi_` and `FI_`. Structures are whole where we make them or go on from them by value;
//! tables of functions end where nothing behind is called. A function that is never called has the type [`Unused`]. Layouts
//! are compared with the installed headers by a test.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};

/// The version whose structures these are.
pub const VERSION: u32 = 1 << 16 | 17;

pub const TAGGED: u64 = 1 << 3;
pub const RECV: u64 = 1 << 10;
pub const SEND: u64 = 1 << 11;
pub const TRANSMIT: u64 = SEND;
pub const SOURCE: u64 = 1 << 57;
pub const DIRECTED_RECV: u64 = 1 << 59;

pub const MODE_CONTEXT: u64 = 1 << 59;
pub const MODE_CONTEXT2: u64 = 1 << 52;

pub const MR_LOCAL: c_int = 1 << 2;
pub const MR_VIRT_ADDR: c_int = 1 << 4;
pub const MR_ALLOCATED: c_int = 1 << 5;
pub const MR_PROV_KEY: c_int = 1 << 6;
pub const MR_ENDPOINT: c_int = 1 << 9;

pub const ORDER_SAS: u64 = 1 << 8;
pub const EP_RDM: c_int = 3;
pub const THREAD_DOMAIN: c_int = 3;
pub const AV_TABLE: c_int = 2;
pub const ADDR_UNSPEC: u64 = u64::MAX;
pub const CQ_FORMAT_MSG: c_int = 2;
pub const WAIT_NONE: c_int = 0;
pub const WAIT_FD: c_int = 3;
/// Commands of `control`.
pub const GETWAIT: c_int = 5;
pub const ENABLE: c_int = 6;

pub const EAGAIN: isize = libc::EAGAIN as isize;
pub const ECANCELED: c_int = libc::ECANCELED;
pub const ETOOSMALL: c_int = 257;
pub const EAVAIL: isize = 259;

pub type Unused = Option<unsafe extern "C" fn()>;

#[repr(C)]
pub struct TxAttr {
    pub caps: u64,
    pub mode: u64,
    pub op_flags: u64,
    pub msg_order: u64,
    pub comp_order: u64,
    pub inject_size: usize,
    pub size: usize,
    pub iov_limit: usize,
    pub rma_iov_limit: usize,
    pub tclass: u32,
}

#[repr(C)]
pub struct RxAttr {
    pub caps: u64,
    pub mode: u64,
    pub op_flags: u64,
    pub msg_order: u64,
    pub comp_order: u64,
    pub total_buffered_recv: usize,
    pub size: usize,
    pub iov_limit: usize,
}

#[repr(C)]
pub struct EpAttr {
    pub kind: c_int,
    pub protocol: u32,
    pub protocol_version: u32,
    pub max_msg_size: usize,
    pub msg_prefix_size: usize,
    pub max_order_raw_size: usize,
    pub max_order_war_size: usize,
    pub max_order_waw_size: usize,
    pub mem_tag_format: u64,
    pub tx_ctx_cnt: usize,
    pub rx_ctx_cnt: usize,
    pub auth_key_size: usize,
    pub auth_key: *mut u8,
}

#[repr(C)]
pub struct DomainAttr {
    pub domain: *mut Domain,
    pub name: *mut c_char,
    pub threading: c_int,
    pub control_progress: c_int,
    pub data_progress: c_int,
    pub resource_mgmt: c_int,
    pub av_type: c_int,
    pub mr_mode: c_int,
    pub mr_key_size: usize,
    pub cq_data_size: usize,
    pub cq_cnt: usize,
    pub ep_cnt: usize,
    pub tx_ctx_cnt: usize,
    pub rx_ctx_cnt: usize,
    pub max_ep_tx_ctx: usize,
    pub max_ep_rx_ctx: usize,
    pub max_ep_stx_ctx: usize,
    pub max_ep_srx_ctx: usize,
    pub cntr_cnt: usize,
    pub mr_iov_limit: usize,
    pub caps: u64,
    pub mode: u64,
    pub auth_key: *mut u8,
    pub auth_key_size: usize,
    pub max_err_data: usize,
    pub mr_cnt: usize,
    pub tclass: u32,
}

#[repr(C)]
pub struct FabricAttr {
    pub fabric: *mut Fabric,
    pub name: *mut c_char,
    pub prov_name: *mut c_char,
    pub prov_version: u32,
    pub api_version: u32,
}

#[repr(C)]
pub struct Info {
    pub next: *mut Info,
    pub caps: u64,
    pub mode: u64,
    pub addr_format: u32,
    pub src_addrlen: usize,
    pub dest_addrlen: usize,
    pub src_addr: *mut c_void,
    pub dest_addr: *mut c_void,
    pub handle: *mut Fid,
    pub tx_attr: *mut TxAttr,
    pub rx_attr: *mut RxAttr,
    pub ep_attr: *mut EpAttr,
    pub domain_attr: *mut DomainAttr,
    pub fabric_attr: *mut FabricAttr,
    pub nic: *mut c_void,
}

#[repr(C)]
pub struct Ops {
    pub size: usize,
    pub close: unsafe extern "C" fn(*mut Fid) -> c_int,
    pub bind: unsafe extern "C" fn(*mut Fid, *mut Fid, u64) -> c_int,
    pub control: unsafe extern "C" fn(*mut Fid, c_int, *mut c_void) -> c_int,
}

/// What every object begins with.
#[repr(C)]
pub struct Fid {
    pub fclass: usize,
    pub context: *mut c_void,
    pub ops: *const Ops,
}

#[repr(C)]
pub struct OpsFabric {
    pub size: usize,
    pub domain: unsafe extern "C" fn(*mut Fabric, *mut Info, *mut *mut Domain, *mut c_void) -> c_int,
    pub passive_ep: Unused,
    pub eq_open: Unused,
    pub wait_open: Unused,
    pub trywait: unsafe extern "C" fn(*mut Fabric, *mut *mut Fid, c_int) -> c_int,
}

#[repr(C)]
pub struct Fabric {
    pub fid: Fid,
    pub ops: *const OpsFabric,
    pub api_version: u32,
}

#[repr(C)]
pub struct OpsDomain {
    pub size: usize,
    pub av_open: unsafe extern "C" fn(*mut Domain, *mut AvAttr, *mut *mut Av, *mut c_void) -> c_int,
    pub cq_open: unsafe extern "C" fn(*mut Domain, *mut CqAttr, *mut *mut Cq, *mut c_void) -> c_int,
    pub endpoint: unsafe extern "C" fn(*mut Domain, *mut Info, *mut *mut Ep, *mut c_void) -> c_int,
}

/// Arguments: domain, address, length, access, offset, key, flags, region, context.
pub type RegisterFn = unsafe extern "C" fn(
    *mut Fid,
    *const c_void,
    usize,
    u64,
    u64,
    u64,
    u64,
    *mut *mut Mr,
    *mut c_void,
) -> c_int;

#[repr(C)]
pub struct OpsMr {
    pub size: usize,
    pub reg: RegisterFn,
}

#[repr(C)]
pub struct Domain {
    pub fid: Fid,
    pub ops: *const OpsDomain,
    pub mr: *const OpsMr,
}

#[repr(C)]
pub struct Mr {
    pub fid: Fid,
    pub mem_desc: *mut c_void,
    pub key: u64,
}

#[repr(C)]
pub struct AvAttr {
    pub kind: c_int,
    pub rx_ctx_bits: c_int,
    pub count: usize,
    pub ep_per_node: usize,
    pub name: *const c_char,
    pub map_addr: *mut c_void,
    pub flags: u64,
}

#[repr(C)]
pub struct OpsAv {
    pub size: usize,
    pub insert: unsafe extern "C" fn(*mut Av, *const c_void, usize, *mut u64, u64, *mut c_void) -> c_int,
}

#[repr(C)]
pub struct Av {
    pub fid: Fid,
    pub ops: *const OpsAv,
}

#[repr(C)]
pub struct CqAttr {
    pub size: usize,
    pub flags: u64,
    pub format: c_int,
    pub wait_obj: c_int,
    pub signaling_vector: c_int,
    pub wait_cond: c_int,
    pub wait_set: *mut c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CqMsgEntry {
    pub op_context: *mut c_void,
    pub flags: u64,
    pub len: usize,
}

#[repr(C)]
pub struct CqErrEntry {
    pub op_context: *mut c_void,
    pub flags: u64,
    pub len: usize,
    pub buf: *mut c_void,
    pub data: u64,
    pub tag: u64,
    pub olen: usize,
    pub err: c_int,
    pub prov_errno: c_int,
    pub err_data: *mut c_void,
    pub err_data_size: usize,
}

#[repr(C)]
pub struct OpsCq {
    pub size: usize,
    pub read: unsafe extern "C" fn(*mut Cq, *mut c_void, usize) -> isize,
    pub readfrom: Unused,
    pub readerr: unsafe extern "C" fn(*mut Cq, *mut CqErrEntry, u64) -> isize,
}

#[repr(C)]
pub struct Cq {
    pub fid: Fid,
    pub ops: *const OpsCq,
}

#[repr(C)]
pub struct OpsEp {
    pub size: usize,
    pub cancel: unsafe extern "C" fn(*mut Fid, *mut c_void) -> isize,
}

#[repr(C)]
pub struct OpsCm {
    pub size: usize,
    pub setname: Unused,
    pub getname: unsafe extern "C" fn(*mut Fid, *mut c_void, *mut usize) -> c_int,
}

/// Arguments: endpoint, address, length, description of the memory, source, tag, ignored bits, context.
pub type RecvFn =
    unsafe extern "C" fn(*mut Ep, *mut c_void, usize, *mut c_void, u64, u64, u64, *mut c_void) -> isize;
/// Arguments: endpoint, address, length, description of the memory, destination, tag, context.
pub type SendFn =
    unsafe extern "C" fn(*mut Ep, *const c_void, usize, *mut c_void, u64, u64, *mut c_void) -> isize;
/// Arguments: endpoint, address, length, destination, tag.
pub type InjectFn = unsafe extern "C" fn(*mut Ep, *const c_void, usize, u64, u64) -> isize;

#[repr(C)]
pub struct OpsTagged {
    pub size: usize,
    pub recv: RecvFn,
    pub recvv: Unused,
    pub recvmsg: Unused,
    pub send: SendFn,
    pub sendv: Unused,
    pub sendmsg: Unused,
    pub inject: InjectFn,
}

#[repr(C)]
pub struct Ep {
    pub fid: Fid,
    pub ops: *const OpsEp,
    pub cm: *const OpsCm,
    pub msg: *const c_void,
    pub rma: *const c_void,
    pub tagged: *const OpsTagged,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};
    use std::process::Command;

    /// `(what the C program prints, what it is here)`.
    macro_rules! layout {
        ($($name:literal $ours:ident $($size:ident)? { $($c:literal $field:ident),* $(,)? })*) => {
            vec![$(
                $((format!("sizeof({})", $name), { let _ = stringify!($size); size_of::<$ours>() as u64 }),)?
                $((format!("offsetof({}, {})", $name, $c), offset_of!($ours, $field) as u64),)*
            )*]
        };
    }

    fn layouts() -> Vec<(String, u64)> {
        layout! {
            "struct fi_tx_attr" TxAttr whole { "caps" caps, "mode" mode, "op_flags" op_flags, "msg_order" msg_order,
                "comp_order" comp_order, "inject_size" inject_size, "size" size, "iov_limit" iov_limit,
                "rma_iov_limit" rma_iov_limit, "tclass" tclass }
            "struct fi_rx_attr" RxAttr whole { "caps" caps, "mode" mode, "op_flags" op_flags, "msg_order" msg_order,
                "comp_order" comp_order, "total_buffered_recv" total_buffered_recv, "size" size,
                "iov_limit" iov_limit }
            "struct fi_ep_attr" EpAttr whole { "type" kind, "protocol" protocol, "protocol_version" protocol_version,
                "max_msg_size" max_msg_size, "msg_prefix_size" msg_prefix_size, "mem_tag_format" mem_tag_format,
                "tx_ctx_cnt" tx_ctx_cnt, "auth_key" auth_key }
            "struct fi_domain_attr" DomainAttr whole { "name" name, "threading" threading,
                "control_progress" control_progress, "data_progress" data_progress,
                "resource_mgmt" resource_mgmt, "av_type" av_type, "mr_mode" mr_mode, "mr_key_size" mr_key_size,
                "caps" caps, "mode" mode, "auth_key" auth_key, "mr_cnt" mr_cnt, "tclass" tclass }
            "struct fi_fabric_attr" FabricAttr whole { "fabric" fabric, "name" name, "prov_name" prov_name,
                "prov_version" prov_version, "api_version" api_version }
            "struct fi_info" Info whole { "next" next, "caps" caps, "mode" mode, "addr_format" addr_format,
                "src_addrlen" src_addrlen, "src_addr" src_addr, "handle" handle, "tx_attr" tx_attr,
                "rx_attr" rx_attr, "ep_attr" ep_attr, "domain_attr" domain_attr, "fabric_attr" fabric_attr,
                "nic" nic }
            "struct fi_ops" Ops { "size" size, "close" close, "bind" bind, "control" control }
            "struct fid" Fid whole { "fclass" fclass, "context" context, "ops" ops }
            "struct fi_ops_fabric" OpsFabric { "domain" domain, "trywait" trywait }
            "struct fid_fabric" Fabric whole { "fid" fid, "ops" ops, "api_version" api_version }
            "struct fi_ops_domain" OpsDomain { "av_open" av_open, "cq_open" cq_open, "endpoint" endpoint }
            "struct fi_ops_mr" OpsMr { "reg" reg }
            "struct fid_domain" Domain whole { "fid" fid, "ops" ops, "mr" mr }
            "struct fid_mr" Mr whole { "fid" fid, "mem_desc" mem_desc, "key" key }
            "struct fi_av_attr" AvAttr whole { "type" kind, "count" count, "name" name, "flags" flags }
            "struct fi_ops_av" OpsAv { "insert" insert }
            "struct fid_av" Av whole { "fid" fid, "ops" ops }
            "struct fi_cq_attr" CqAttr whole { "size" size, "flags" flags, "format" format, "wait_obj" wait_obj,
                "signaling_vector" signaling_vector, "wait_cond" wait_cond, "wait_set" wait_set }
            "struct fi_cq_msg_entry" CqMsgEntry whole { "op_context" op_context, "flags" flags, "len" len }
            "struct fi_cq_err_entry" CqErrEntry whole { "op_context" op_context, "len" len, "tag" tag,
                "olen" olen, "err" err, "prov_errno" prov_errno, "err_data" err_data,
                "err_data_size" err_data_size }
            "struct fi_ops_cq" OpsCq { "read" read, "readerr" readerr }
            "struct fid_cq" Cq whole { "fid" fid, "ops" ops }
            "struct fi_ops_ep" OpsEp { "cancel" cancel }
            "struct fi_ops_cm" OpsCm { "getname" getname }
            "struct fi_ops_tagged" OpsTagged { "recv" recv, "send" send, "inject" inject }
            "struct fid_ep" Ep { "fid" fid, "ops" ops, "cm" cm, "tagged" tagged }
        }
    }

    fn constants() -> Vec<(&'static str, u64)> {
        vec![
            ("FI_TAGGED", TAGGED),
            ("FI_RECV", RECV),
            ("FI_SEND", SEND),
            ("FI_TRANSMIT", TRANSMIT),
            ("FI_SOURCE", SOURCE),
            ("FI_DIRECTED_RECV", DIRECTED_RECV),
            ("FI_CONTEXT", MODE_CONTEXT),
            ("FI_CONTEXT2", MODE_CONTEXT2),
            ("FI_MR_LOCAL", MR_LOCAL as u64),
            ("FI_MR_VIRT_ADDR", MR_VIRT_ADDR as u64),
            ("FI_MR_ALLOCATED", MR_ALLOCATED as u64),
            ("FI_MR_PROV_KEY", MR_PROV_KEY as u64),
            ("FI_MR_ENDPOINT", MR_ENDPOINT as u64),
            ("FI_ORDER_SAS", ORDER_SAS),
            ("FI_EP_RDM", EP_RDM as u64),
            ("FI_THREAD_DOMAIN", THREAD_DOMAIN as u64),
            ("FI_AV_TABLE", AV_TABLE as u64),
            ("FI_ADDR_UNSPEC", ADDR_UNSPEC),
            ("FI_CQ_FORMAT_MSG", CQ_FORMAT_MSG as u64),
            ("FI_WAIT_NONE", WAIT_NONE as u64),
            ("FI_WAIT_FD", WAIT_FD as u64),
            ("FI_GETWAIT", GETWAIT as u64),
            ("FI_ENABLE", ENABLE as u64),
            ("FI_EAGAIN", EAGAIN as u64),
            ("FI_ECANCELED", ECANCELED as u64),
            ("FI_ETOOSMALL", ETOOSMALL as u64),
            ("FI_EAVAIL", EAVAIL as u64),
        ]
    }

    #[test]
    fn layouts_and_constants_are_those_of_the_installed_headers() {
        if !std::path::Path::new("/usr/include/rdma/fi_tagged.h").exists() {
            println!("skipped: libfabric's headers are not installed (Debian: libfabric-dev)");
            return;
        }
        let mut expected = layouts();
        expected.extend(constants().into_iter().map(|(name, value)| (name.to_string(), value)));
        let mut program = String::from(
            "#include <stddef.h>\n#include <stdio.h>\n#include <rdma/fabric.h>\n#include <rdma/fi_domain.h>\n\
             #include <rdma/fi_endpoint.h>\n#include <rdma/fi_tagged.h>\n#include <rdma/fi_eq.h>\n\
             #include <rdma/fi_cm.h>\n#include <rdma/fi_errno.h>\nint main(void) {\n",
        );
        for (name, _) in &expected {
            program += &format!("printf(\"%llu\\n\", (unsigned long long)({name}));\n");
        }
        program += "return 0; }\n";
        let folder = std::env::temp_dir().join(format!("ampi-ofi-layout-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (source, binary) = (folder.join("layout.c"), folder.join("layout"));
        std::fs::write(&source, program).unwrap();
        let compiled = Command::new("cc").arg("-o").arg(&binary).arg(&source).output().unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let output = Command::new(&binary).output().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let theirs: Vec<u64> = text.lines().map(|l| l.parse().unwrap()).collect();
        assert_eq!(theirs.len(), expected.len());
        for ((name, ours), theirs) in expected.iter().zip(theirs) {
            assert_eq!(*ours, theirs, "{name}");
        }
    }
}
