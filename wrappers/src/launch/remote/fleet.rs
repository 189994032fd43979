//! All hosts of a job that are reached by a remote shell.
//!
//! ```text
//! Fleet::call   a session per host, all at once
//! gather        takes what the agents say first, until every one has spoken, or says who did not
//! facts         what the agents say of their hosts: cores and sockets go into the plan
//! order         what is started where
//! next          what happens, until every session is closed
//! ```
//!
//! Nothing here waits but [`Fleet::next`] and the drop, each with a limit; who waits for other things too looks at [`Fleet::bell`].

use super::super::Refusal;
use super::super::place::Host;
use super::frame::Hello;
use super::order::Order;
use super::session::{Event, News, Outlet, Post, Session};
use super::shell::Shell;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
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
    post: Post,
    open: usize,
    /// Of the hosts, in their order.
    names: Vec<String>,
}

impl Fleet {
    /// Begins a session to each of `hosts` (its place in the caller's list, and the host). A host may have its own shell.
    pub fn call(
        hosts: &[(usize, &Host)],
        shell: &Shell,
        agent: &Path,
        outlet: &Outlet,
    ) -> Result<Fleet, Refusal> {
        let (sender, events) = channel();
        let post = Post::new(sender)
            .map_err(|e| Refusal { code: 1, why: format!("cannot make a descriptor for events: {e}") })?;
        let names = hosts.iter().map(|(_, host)| host.name.clone()).collect();
        let mut fleet = Fleet { sessions: Vec::new(), facts: Vec::new(), events, post, open: 0, names };
        for (place, host) in hosts {
            let own = match &host.shell {
                Some(words) => Some(Shell::parse("++shell", words)?),
                None => None,
            };
            let shell = own.as_ref().unwrap_or(shell);
            let (post, outlet) = (fleet.post.clone(), outlet.clone());
            fleet.sessions.push((*place, Session::open(*place, &host.name, shell, agent, post, outlet)?));
            fleet.open += 1;
        }
        Ok(fleet)
    }

    /// Takes the first words of agents that have come; whether all have spoken. The first host that fails decides: the others
    /// are closed by the drop.
    pub fn gather(&mut self) -> Result<bool, Refusal> {
        while self.facts.len() < self.sessions.len() {
            match self.take() {
                None => return Ok(false),
                Some(Event { host, news: News::Hello(hello) }) => self.facts.push((host, hello)),
                Some(Event { news: News::Closed(result), .. }) => {
                    let why = result.err().unwrap_or_else(|| "an agent ended before its order".into());
                    return Err(Refusal { code: 1, why });
                }
                Some(_) => {}
            }
        }
        self.facts.sort_by_key(|(place, _)| *place);
        Ok(true)
    }

    /// The sentence when not all have spoken within `limit`.
    pub fn silent(&self, limit: Duration) -> Refusal {
        let spoken = |place: &usize| self.facts.iter().any(|(p, _)| p == place);
        let all = self.sessions.iter().zip(&self.names);
        let silent: Vec<&str> =
            all.filter(|((place, _), _)| !spoken(place)).map(|(_, name)| name.as_str()).collect();
        let more = silent.len().saturating_sub(NAMED_MAX);
        let names = silent[..silent.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let why = format!("no answer from {names}{more} within {} s", limit.as_secs_f64());
        Refusal { code: 1, why }
    }

    /// Readable when events wait.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.post.bell()
    }

    /// The next event that has come.
    pub fn take(&mut self) -> Option<Event> {
        // First the bell, then a look: an event that comes in between rings again.
        let mut rung = [0; 8];
        let _ = rustix::io::read(self.post.bell(), &mut rung);
        let event = self.events.try_recv().ok()?;
        self.count(&event);
        // It rings on while others wait.
        let _ = rustix::io::write(self.post.bell(), &1u64.to_ne_bytes());
        Some(event)
    }

    fn count(&mut self, event: &Event) {
        if matches!(event.news, News::Closed(_)) {
            self.open = self.open.saturating_sub(1);
        }
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

    /// Ends the remote shells at once; agents end what they started when they see it.
    pub fn abandon(&mut self) {
        self.sessions.iter_mut().for_each(|(_, session)| session.kill());
        self.open = 0;
    }

    /// The next event; `None` when `limit` is over, or when all sessions are closed.
    pub fn next(&mut self, limit: Duration) -> Option<Event> {
        if self.is_over() {
            return None;
        }
        let event = self.events.recv_timeout(limit).ok()?;
        self.count(&event);
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
