//! A fleet, and what its processes write.

use ampi_wrappers::launch::place::Host;
use ampi_wrappers::launch::remote::{Fleet, Outlet, Shell};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Lines of a process: its number, whether they are errors, the text.
pub type Heard = (u32, bool, String);

pub struct Far {
    fleet: Fleet,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Far {
    pub fn open(
        hosts: &[(usize, &Host)],
        shell: &Shell,
        agent: &Path,
        limit: Duration,
    ) -> Result<Far, String> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = heard.clone();
        let outlet: Outlet = Arc::new(move |process, is_error, lines| {
            let text = String::from_utf8(lines.to_vec()).map_err(std::io::Error::other)?;
            ear.lock().unwrap().push((process, is_error, text));
            Ok(())
        });
        let fleet = Fleet::open(hosts, shell, agent, limit, &outlet).map_err(|r| r.why)?;
        Ok(Far { fleet, heard })
    }

    /// What was written since the last call.
    pub fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }
}

impl Deref for Far {
    type Target = Fleet;
    fn deref(&self) -> &Fleet {
        &self.fleet
    }
}

impl DerefMut for Far {
    fn deref_mut(&mut self) -> &mut Fleet {
        &mut self.fleet
    }
}
