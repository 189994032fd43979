//! A fleet, and what its processes write.

use ampi_core::wire::stream;
use ampi_wrappers::launch::place::Host;
use ampi_wrappers::launch::remote::{Fleet, Outlet, Shell};
use rustix::event::{PollFd, PollFlags};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Lines of a process: its number, whether they are errors, the text.
pub type Heard = (u32, bool, String);

pub struct Far {
    fleet: Fleet,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Far {
    /// Reaches the hosts, and waits until every agent has spoken.
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
        let mut fleet = Fleet::call(hosts, shell, agent, &outlet).map_err(|r| r.why)?;
        let until = Instant::now() + limit;
        while !fleet.gather().map_err(|r| r.why)? {
            if Instant::now() >= until {
                return Err(fleet.silent(limit).why);
            }
            stream::wait(&mut [PollFd::from_borrowed_fd(fleet.bell(), PollFlags::IN)], until);
        }
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
