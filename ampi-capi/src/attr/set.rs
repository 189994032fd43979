//! The attributes of one object, in the order in which they were set.

use super::keyval::{Keyval, release};
use crate::error::{MpiError, MpiResult};
use crate::handle::Handle;
use crate::rank::Rank;
use std::cell::RefCell;
use std::rc::Rc;

struct Attribute {
    keyval: i32,
    key: Rc<Keyval>,
    value: usize,
}

/// Embedded in every object that can carry attributes.
#[derive(Default)]
pub struct AttrSet {
    attributes: RefCell<Vec<Attribute>>,
}

fn callback_failed(what: &str, keyval: i32, code: i32) -> MpiError {
    let mut e = MpiError::new(code, format!("the {what} callback of attribute key {keyval} returned {code}"));
    e.class.0 = code;
    e
}

impl AttrSet {
    pub(super) fn get(&self, keyval: i32) -> Option<usize> {
        self.attributes.borrow().iter().find(|a| a.keyval == keyval).map(|a| a.value)
    }

    pub(super) fn add(&self, key: Rc<Keyval>, keyval: i32, value: usize) {
        key.uses.set(key.uses.get() + 1);
        self.attributes.borrow_mut().push(Attribute { keyval, key, value });
    }

    fn find(&self, keyval: i32) -> Option<(Rc<Keyval>, usize)> {
        self.attributes.borrow().iter().find(|a| a.keyval == keyval).map(|a| (a.key.clone(), a.value))
    }

    /// Deletes the old value through the callback, then stores `value` in its place.
    pub(super) fn replace(&self, handle: Handle, keyval: i32, value: usize) -> MpiResult {
        let Some((key, old)) = self.find(keyval) else { return Ok(()) };
        self.run_delete(&key, handle, keyval, old)?;
        // The callback may have changed the list (rule 4): look again.
        if let Some(a) = self.attributes.borrow_mut().iter_mut().find(|a| a.keyval == keyval) {
            a.value = value;
        }
        Ok(())
    }

    fn run_delete(&self, key: &Keyval, handle: Handle, keyval: i32, value: usize) -> MpiResult {
        match key.delete.call(handle, keyval, value, key.extra_state) {
            0 => Ok(()),
            code => Err(callback_failed("delete", keyval, code)),
        }
    }

    pub(super) fn delete(&self, me: &'static Rank, handle: Handle, keyval: i32) -> MpiResult {
        let Some((key, value)) = self.find(keyval) else { return Ok(()) };
        self.run_delete(&key, handle, keyval, value)?;
        let mut list = self.attributes.borrow_mut();
        if let Some(i) = list.iter().position(|a| a.keyval == keyval) {
            list.remove(i);
            key.uses.set(key.uses.get() - 1);
        }
        drop(list);
        release(me, &key, keyval);
        Ok(())
    }

    /// The object `handle` is freed: deletes all attributes, the last set first. Stops at the first callback that fails.
    pub fn delete_all(&self, me: &'static Rank, handle: Handle) -> MpiResult {
        loop {
            let last = self.attributes.borrow().last().map(|a| a.keyval);
            match last {
                Some(keyval) => self.delete(me, handle, keyval)?,
                None => return Ok(()),
            }
        }
    }

    /// The object `handle` is duplicated: offers each attribute to its copy callback and stores the copies in `new`.
    /// If a callback fails, `new` keeps the copies made so far: free it with [`AttrSet::delete_all`].
    pub fn copy_to(&self, handle: Handle, new: &AttrSet) -> MpiResult {
        let keys: Vec<i32> = self.attributes.borrow().iter().map(|a| a.keyval).collect();
        for keyval in keys {
            let Some((key, value)) = self.find(keyval) else { continue };
            match key.copy.call(handle, keyval, key.extra_state, value) {
                Ok(Some(copy)) => new.add(key, keyval, copy),
                Ok(None) => {}
                Err(code) => return Err(callback_failed("copy", keyval, code)),
            }
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.attributes.borrow().is_empty()
    }
}
