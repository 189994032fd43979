//! Counting what was received (MPI-5.0 §3.2.5 MPI_Get_count, §5.1.11 MPI_Get_elements, §13.3 MPI_Status_set_elements).
//!
//! `None` stands for MPI_UNDEFINED; the int forms return MPI_UNDEFINED also for what does not fit an int, which is
//! left to their entry points.

use super::Datatype;

impl Datatype {
    /// MPI_Get_count: how many whole elements `bytes` received bytes are; `None` if they end inside one.
    ///
    /// A datatype of size 0 counts 0 elements in an empty message and is undefined for others (MPI-5.0 §3.2.5).
    pub fn count_in(&self, bytes: i64) -> Option<i64> {
        match self.size() {
            0 => (bytes == 0).then_some(0),
            size => (bytes % size == 0).then(|| bytes / size),
        }
    }

    /// MPI_Get_elements: how many basic elements `bytes` received bytes are; `None` if they end inside one.
    pub fn elements_in(&self, bytes: i64) -> Option<i64> {
        match self.size() {
            0 => (bytes == 0).then_some(0),
            size => (bytes / size)
                .checked_mul(self.signature().elements())?
                .checked_add(self.signature().elements_in(bytes % size)?),
        }
    }

    /// MPI_Status_set_elements: how many bytes `elements` basic elements take; `None` if that is not representable.
    pub fn bytes_of_elements(&self, elements: i64) -> Option<i64> {
        match self.signature().elements() {
            0 => (elements == 0).then_some(0),
            n => {
                (elements / n).checked_mul(self.size())?.checked_add(self.signature().bytes_of(elements % n))
            }
        }
    }
}
