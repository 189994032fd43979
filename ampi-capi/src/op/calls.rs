//! The calls of MPI-5.0 §6.9.5 and §6.9.6: operations of the program.

use super::handle::Op;
use crate::abi::kinds::{HandleInOut, OutHandle, OutTruth, UserFn};
use crate::error::MpiResult;
use crate::mpi_err;
use crate::rank::Rank;
use std::rc::Rc;

/// `MPI_Op_create` — a reduction operation that calls `user_fn`; it is associative, and commutative if `commute`.
/// MPI-5.0 §6.9.5.
pub fn create(me: &'static Rank, user_fn: UserFn, commute: bool, op: OutHandle) -> MpiResult {
    op.set(me.ops.insert(Rc::new(Op::User { function: user_fn, commutes: commute }))?);
    Ok(())
}

/// `MPI_Op_free` — the handle becomes `MPI_OP_NULL`; reductions under way are not affected. MPI-5.0 §6.9.5.
pub fn free(me: &'static Rank, op: HandleInOut<Op>) -> MpiResult {
    if let Some(predefined) = op.object().predefined() {
        return mpi_err!(MPI_ERR_OP, "op is {predefined}, a predefined operation, which cannot be freed");
    }
    me.ops.remove(op.handle());
    op.set_null();
    Ok(())
}

/// `MPI_Op_commutative` — may operands be exchanged? MPI-5.0 §6.9.6.
pub fn commutative(_me: &'static Rank, op: &Rc<Op>, commute: OutTruth) -> MpiResult {
    commute.set(op.commutes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::constants as c;
    use crate::abi::kinds::on_stack::{flag, handle, variable};
    use crate::abi::kinds::{Kind, UserFunction, look_up};
    use crate::datatype::handle::{Type, any};
    use crate::handle::{FIRST_DYNAMIC, Handle};
    use crate::memory::Address;
    use crate::op::handle::How;

    fn me() -> &'static Rank {
        Box::leak(Rank::new(0, 1))
    }

    fn op(me: &'static Rank, handle: usize) -> Rc<Op> {
        look_up(me, Handle(handle), "op").unwrap()
    }

    fn ty(me: &'static Rank, handle: usize) -> Rc<Type> {
        any(me, Handle(handle), "datatype").unwrap()
    }

    extern "C" fn subtract(input: *const i32, inout: *mut i32, n: *mut i32, datatype: *mut usize) {
        // SAFETY: the library's arguments of a reduction function.
        #[allow(unsafe_code)]
        unsafe {
            assert_eq!(*datatype, c::MPI_INT);
            for i in 0..*n as usize {
                *inout.add(i) = *input.add(i) - *inout.add(i);
            }
        }
    }

    #[test]
    fn operations_of_the_program_are_called_with_the_handle_of_the_datatype() {
        let me = me();
        // SAFETY: a reduction function.
        #[allow(unsafe_code)]
        let f = unsafe { UserFunction::from_c(me, subtract as *const () as usize, "user_fn") }.unwrap();
        let mut place = Handle(c::MPI_OP_NULL);
        create(me, f, false, handle(&mut place)).unwrap();
        assert!(place.0 >= FIRST_DYNAMIC);
        let minus = op(me, place.0);
        let mut commutes = -1;
        commutative(me, &minus, flag(&mut commutes)).unwrap();
        assert_eq!(commutes, 0);
        let (a, mut b) = ([10, 20], [1, 2]);
        match minus.on(&ty(me, c::MPI_INT)).unwrap() {
            How::User(f, of) => {
                f.call(a.as_ptr().expose_provenance(), b.as_mut_ptr().expose_provenance(), 2, of, 4);
            }
            How::Kernel(_) => panic!("a user operation has no kernel"),
        }
        assert_eq!(b, [9, 18]);
        free(me, variable(&mut place, &minus)).unwrap();
        assert_eq!((place, me.ops.live_count()), (Handle(c::MPI_OP_NULL), 0));
    }

    #[test]
    fn predefined_operations_have_a_kernel_where_the_standard_defines_them() {
        let me = me();
        let (sum, double) = (op(me, c::MPI_SUM), ty(me, c::MPI_DOUBLE));
        assert!(Rc::ptr_eq(&sum, &op(me, c::MPI_SUM)) && sum.commutes());
        let (a, mut b) = ([1.5f64, 2.0], [1.0f64, 0.5]);
        match sum.on(&double).unwrap() {
            How::Kernel(k) => {
                k.apply(
                    Address(a.as_ptr().expose_provenance()),
                    Address(b.as_mut_ptr().expose_provenance()),
                    2,
                );
            }
            How::User(..) => panic!("MPI_SUM is predefined"),
        }
        assert_eq!(b, [2.5, 2.5]);
        let error = |o, t| {
            let e = op(me, o).on(&ty(me, t)).unwrap_err();
            assert_eq!(e.class.0, c::MPI_ERR_OP);
            e.to_string()
        };
        assert_eq!(error(c::MPI_BAND, c::MPI_DOUBLE), "MPI_BAND is not defined on MPI_DOUBLE");
        assert_eq!(
            error(c::MPI_REPLACE, c::MPI_INT),
            "op is MPI_REPLACE, which is for one-sided communication only"
        );
        let mut place = Handle(c::MPI_SUM);
        let e = free(me, variable(&mut place, &sum)).unwrap_err();
        assert_eq!(
            (e.class.0, &*e.detail),
            (c::MPI_ERR_OP, "op is MPI_SUM, a predefined operation, which cannot be freed")
        );
        let none = look_up::<Op>(me, Handle(c::MPI_OP_NULL), "op").unwrap_err();
        assert_eq!(&*none.detail, "op is MPI_OP_NULL");
    }
}
