//! Buffers for packets, in regions that the network knows. They are used again and again; their number follows the need.

use super::carrier::{Carrier, Memory, Region};
use super::packet::PACKET_BYTES;
use std::sync::Arc;

/// Buffers of one region.
const SLAB: u32 = 32;

/// All buffers of one link. A buffer has an index; who took it knows whether the network is using it.
#[derive(Default)]
pub struct Buffers {
    slabs: Vec<Slab>,
    free: Vec<u32>,
}

struct Slab {
    memory: Arc<Memory>,
    region: Region,
}

impl Buffers {
    /// A buffer that nobody uses.
    pub fn take<C: Carrier>(&mut self, carrier: &mut C) -> Result<u32, String> {
        if self.free.is_empty() {
            let memory = Arc::new(Memory::new(SLAB as usize * PACKET_BYTES));
            let region = carrier.register(memory.clone())?;
            let first = self.slabs.len() as u32 * SLAB;
            self.slabs.push(Slab { memory, region });
            self.free.extend((first..first + SLAB).rev());
        }
        self.free.pop().ok_or_else(|| "there are no buffers".into())
    }

    /// Gives one back.
    pub fn give(&mut self, buffer: u32) {
        self.free.push(buffer);
    }

    /// Address of a buffer, and the region it lies in.
    pub fn at(&self, buffer: u32) -> (*mut u8, Region) {
        let slab = &self.slabs[(buffer / SLAB) as usize];
        (slab.memory.at((buffer % SLAB) as usize * PACKET_BYTES), slab.region)
    }

    /// The first `len` bytes of a buffer.
    ///
    /// # Safety
    /// The network does not write to it now.
    pub unsafe fn bytes(&self, buffer: u32, len: usize) -> &[u8] {
        assert!(len <= PACKET_BYTES);
        // SAFETY: within the slab; the caller promises that nobody writes.
        unsafe { std::slice::from_raw_parts(self.at(buffer).0, len) }
    }

    /// All bytes of a buffer.
    ///
    /// # Safety
    /// The network does not use it now.
    pub unsafe fn bytes_mut(&mut self, buffer: u32) -> &mut [u8] {
        // SAFETY: within the slab; the caller promises that nobody else uses it.
        unsafe { std::slice::from_raw_parts_mut(self.at(buffer).0, PACKET_BYTES) }
    }
}
