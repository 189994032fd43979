//! All hosts of a job that are reached by a remote shell.
//!
//! ```text
//! Fleet::open   a session per host, all at once; waits until every agent has spoken, or says who did not
//! facts         what the agents say of their hosts: cores and sockets go into the plan
//! order         what is started where
//! next          what happens, until every session is closed
//! ```

use super::super::Refusal;
use super::super::place::Host;
use super::frame::Hello;
use super::order::Order;
use super::session::{Event, News, Session};
use super::shell::Shell;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long all agents together may take to speak.
pub const START_LIMIT: Duration = Duration::from_secs(30);
/// As many hosts are named in one sentence.
const NAMED_MAX: usize = 4;

/// Sessions to several hosts.
pub struct Fleet {
    /// Place in the caller's list of hosts, and the session.
    sessions: Vec<(usize, Session)>,
    facts: Vec<(usize, Hello)>,
    events: Receiver<Event>,
    open: usize,
}

impl Fleet {
    /// Opens a session to each of `hosts` (its place in the caller's list, and the host). A host may have its own shell.
    pub fn open(
        hosts: &[(usize, &Host)],
        shell: &Shell,
        agent: &Path,
        limit: Duration,
    ) -> Result<Fleet, Refusal> {
        let (sender, events) = channel();
        let mut sessions = Vec::with_capacity(hosts.len());
        for (place, host) in hosts {
            let own = match &host.shell {
                Some(words) => Some(Shell::parse("++shell", words)?),
                None => None,
            };
            let shell = own.as_ref().unwrap_or(shell);
            sessions.push((*place, Session::open(*place, &host.name, shell, agent, sender.clone())?));
        }
        drop(sender);
        let mut fleet = Fleet { open: sessions.len(), sessions, facts: Vec::new(), events };
        fleet.gather(hosts, limit)?;
        Ok(fleet)
    }

    /// Waits for every agent's first word. The first host that fails decides: the others are closed by the drop.
    fn gather(&mut self, hosts: &[(usize, &Host)], limit: Duration) -> Result<(), Refusal> {
        let until = Instant::now() + limit;
        while self.facts.len() < hosts.len() {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event { host, news: News::Hello(hello) }) => self.facts.push((host, hello)),
                Ok(Event { news: News::Closed(result), .. }) => {
                    self.open -= 1;
                    let why = result.err().unwrap_or_else(|| "an agent ended before its order".into());
                    return Err(Refusal { code: 1, why });
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(Refusal { code: 1, why: self.silent(hosts, limit) });
                }
            }
        }
        self.facts.sort_by_key(|(place, _)| *place);
        Ok(())
    }

    fn silent(&self, hosts: &[(usize, &Host)], limit: Duration) -> String {
        let silent: Vec<&str> = hosts
            .iter()
            .filter(|(place, _)| !self.facts.iter().any(|(spoken, _)| spoken == place))
            .map(|(_, host)| host.name.as_str())
            .collect();
        let more = silent.len().saturating_sub(NAMED_MAX);
        let names = silent[..silent.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("no answer from {names}{more} within {} s", limit.as_secs_f64())
    }

    /// What each host said of itself, in the order of the hosts.
    pub fn facts(&self) -> &[(usize, Hello)] {
        &self.facts
    }

    /// Sends a host its order.
    pub fn order(&mut self, host: usize, order: &Order) -> Result<(), Refusal> {
        let failed = |why: String| Refusal { code: 1, why };
        let Some((_, session)) = self.sessions.iter_mut().find(|(place, _)| *place == host) else {
            return Err(failed(format!("host {host} has no session")));
        };
        session.order(order).map_err(|e| failed(format!("the order to host {host} cannot be sent: {e}")))
    }

    /// Hands on a signal to every process of every host.
    pub fn signal(&mut self, number: u8) {
        for (_, session) in &mut self.sessions {
            // A host that is gone has told it itself, or will.
            let _ = session.signal(number);
        }
    }

    /// Ends everything on every host; [`News::Closed`] of each follows.
    pub fn close(&mut self) {
        self.sessions.iter_mut().for_each(|(_, session)| session.close());
    }

    /// The next event; `None` when `limit` is over, or when all sessions are closed.
    pub fn next(&mut self, limit: Duration) -> Option<Event> {
        if self.is_over() {
            return None;
        }
        let event = self.events.recv_timeout(limit).ok()?;
        if matches!(event.news, News::Closed(_)) {
            self.open -= 1;
        }
        Some(event)
    }

    /// Whether all sessions are closed.
    pub fn is_over(&self) -> bool {
        self.open == 0
    }
}

impl Drop for Fleet {
    /// Agents get a moment to end what they started; a shell that has not reached one is killed at once.
    fn drop(&mut self) {
        for (place, session) in &mut self.sessions {
            if self.facts.iter().any(|(spoken, _)| spoken == place) {
                session.close()
            } else {
                session.kill()
            }
        }
        let until = Instant::now() + Duration::from_secs(2);
        while !self.is_over() && Instant::now() < until {
            self.next(until.saturating_duration_since(Instant::now()));
        }
        if !self.is_over() {
            self.sessions.iter_mut().for_each(|(_, session)| session.kill());
        }
    }
}
