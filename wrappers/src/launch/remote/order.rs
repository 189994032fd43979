//! What an agent starts: folder, environment, secret, programs.
//!
//! ```text
//! text    = length u32 LE, bytes
//! list(x) = count u32 LE, x …
//! order   = folder text · secret text · environment list(name text, value text) · starts list(start)
//! start   = process u32 LE · path text · words list(text) · environment list(name text, value text) · folder text, perhaps empty
//! ```
//!
//! 1. `decode(encode(order)) == order`.
//! 2. The secret reaches each process in its environment, which only its own user can read. It is on no command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Variable in which a process finds the job's secret.
pub const SECRET_VARIABLE: &str = ampi_core::job::SECRET;

/// A variable and its value.
pub type Variable = (OsString, OsString);

/// All that one agent starts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// Where programs run.
    pub folder: PathBuf,
    /// The job's secret as text; empty: none.
    pub secret: String,
    /// Set for all processes, over what a login there sets.
    pub environment: Vec<Variable>,
    pub starts: Vec<Start>,
}

/// One process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// Its number in the job.
    pub process: u32,
    /// The file that is executed.
    pub path: PathBuf,
    /// What it finds as its words; the first is the name it believes to have.
    pub words: Vec<OsString>,
    /// Set for this process.
    pub environment: Vec<Variable>,
    /// Where it runs, if not where the others do.
    pub folder: Option<PathBuf>,
}

/// Not to be printed: it holds the secret.
impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Order")
            .field("folder", &self.folder)
            .field("starts", &self.starts)
            .finish_non_exhaustive()
    }
}

/// Variables that belong to a login or to a host, or to the launcher's own connection: they stay as they are on the other
/// host.
const STAYS: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "MAIL",
    "HOSTNAME",
    "HOST",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "TMPDIR",
    "DISPLAY",
    "XAUTHORITY",
    "WINDOWID",
    "TMUX",
    "STY",
    "HYDI_CONTROL_FD",
];
const STAYS_BEGINNING_WITH: &[&str] = &[
    "SSH_",
    "XDG_SESSION",
    "XDG_RUNTIME",
    "DBUS_",
    "PMI_",
    "PMIX_",
    "OMPI_",
    "PRTE_",
    "AMPI_SECRET",
    "BASH_FUNC_",
];

/// Whether a variable of the launcher's environment is handed on to other hosts.
pub fn travels(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    !name.is_empty()
        && !STAYS.contains(&name.as_ref())
        && !STAYS_BEGINNING_WITH.iter().any(|start| name.starts_with(start))
}

impl Order {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        text(&mut bytes, self.folder.as_os_str());
        text(&mut bytes, OsStr::new(&self.secret));
        variables(&mut bytes, &self.environment);
        number(&mut bytes, self.starts.len());
        for start in &self.starts {
            bytes.extend(start.process.to_le_bytes());
            text(&mut bytes, start.path.as_os_str());
            number(&mut bytes, start.words.len());
            start.words.iter().for_each(|word| text(&mut bytes, word));
            variables(&mut bytes, &start.environment);
            text(&mut bytes, start.folder.as_ref().map_or(OsStr::new(""), |folder| folder.as_os_str()));
        }
        bytes
    }

    /// `None` when the bytes are something else.
    pub fn decode(bytes: &[u8]) -> Option<Order> {
        let mut reader = Reader { bytes };
        let order = Order {
            folder: reader.text()?.into(),
            secret: reader.text()?.into_string().ok()?,
            environment: reader.list(Reader::variable)?,
            starts: reader.list(Reader::start)?,
        };
        reader.bytes.is_empty().then_some(order)
    }
}

fn number(bytes: &mut Vec<u8>, n: usize) {
    // More than a frame can hold is refused when the frame is written.
    bytes.extend(u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
}

fn text(bytes: &mut Vec<u8>, text: &OsStr) {
    number(bytes, text.len());
    bytes.extend(text.as_bytes());
}

fn variables(bytes: &mut Vec<u8>, variables: &[Variable]) {
    number(bytes, variables.len());
    for (name, value) in variables {
        text(bytes, name);
        text(bytes, value);
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn number(&mut self) -> Option<u32> {
        let (head, rest) = self.bytes.split_at_checked(4)?;
        self.bytes = rest;
        Some(u32::from_le_bytes(head.try_into().ok()?))
    }

    fn text(&mut self) -> Option<OsString> {
        let length = self.number()? as usize;
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        // No variable, word or path can hold a zero byte.
        (!text.contains(&0)).then(|| OsString::from_vec(text.to_vec()))
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| item(self)).collect()
    }

    fn variable(&mut self) -> Option<Variable> {
        let name = self.text()?;
        let good = !name.is_empty() && !name.as_bytes().contains(&b'=');
        Some((name, self.text()?)).filter(|_| good)
    }

    fn start(&mut self) -> Option<Start> {
        Some(Start {
            process: self.number()?,
            path: self.text()?.into(),
            words: self.list(Reader::text)?,
            environment: self.list(Reader::variable)?,
            folder: Some(self.text()?).filter(|folder| !folder.is_empty()).map(PathBuf::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_text() -> impl Strategy<Value = OsString> {
        proptest::collection::vec(1u8.., 0..12).prop_map(OsString::from_vec)
    }

    fn any_variables() -> impl Strategy<Value = Vec<Variable>> {
        let name = "[A-Za-z_][A-Za-z0-9_]{0,8}".prop_map(OsString::from);
        proptest::collection::vec((name, any_text()), 0..4)
    }

    fn any_order() -> impl Strategy<Value = Order> {
        let words = proptest::collection::vec(any_text(), 0..4);
        let folder = proptest::option::of("[a-z/]{1,9}".prop_map(PathBuf::from));
        let start = (any::<u32>(), any_text(), words, any_variables(), folder).prop_map(
            |(process, path, words, environment, folder)| {
                let path = path.into();
                Start { process, path, words, environment, folder }
            },
        );
        (any_text(), "[0-9a-f]{0,64}", any_variables(), proptest::collection::vec(start, 0..4)).prop_map(
            |(folder, secret, environment, starts)| Order {
                folder: folder.into(),
                secret,
                environment,
                starts,
            },
        )
    }

    proptest! {
        #[test]
        fn orders_come_back(order in any_order()) {
            prop_assert_eq!(Order::decode(&order.encode()), Some(order));
        }

        #[test]
        fn cut_orders_are_refused(order in any_order(), cut in 1usize..50) {
            let bytes = order.encode();
            prop_assert_eq!(Order::decode(&bytes[..bytes.len().saturating_sub(cut)]), None);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Order::decode(&bytes);
        }
    }

    #[test]
    fn damaged_orders_are_refused() {
        let order = |name: &str, value: &str| Order {
            environment: vec![(name.into(), value.into())],
            ..Order::default()
        };
        assert!(Order::decode(&order("A", "1").encode()).is_some());
        for bad in [order("", "1"), order("A=B", "1"), order("A", "a\0b")] {
            assert_eq!(Order::decode(&bad.encode()), None);
        }
        let mut longer = order("A", "1").encode();
        longer.push(0);
        assert_eq!(Order::decode(&longer), None);
    }

    #[test]
    fn the_secret_is_not_printed() {
        let order = Order { secret: "5ec7e7".into(), ..Order::default() };
        assert!(!format!("{order:?}").contains("5ec7e7"));
    }

    #[test]
    fn variables_of_a_login_stay() {
        for name in ["PATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "SLURM_JOB_ID", "AMPI_JOB", "LANG"] {
            assert!(travels(OsStr::new(name)), "{name}");
        }
        for name in ["HOME", "SSH_AUTH_SOCK", "DISPLAY", "PMI_FD", "PMIX_RANK", "AMPI_SECRET", "PWD", ""] {
            assert!(!travels(OsStr::new(name)), "{name}");
        }
    }
}
