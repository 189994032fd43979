//! AMPI's own calls (`ampi.h`).

use crate::error::MpiResult;
use crate::rank::Rank;

/// `AMPI_Yield` — lets the other ranks of this PE run.
#[inline(always)]
pub fn yield_now(me: &'static Rank) -> MpiResult {
    me.p2p.pe().yield_now();
    Ok(())
}
