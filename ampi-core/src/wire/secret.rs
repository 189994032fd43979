//! The job's secret: 32 random bytes that every process of the job knows and that never travel.
//!
//! The launcher makes it and hands it to processes by a way that others cannot read (environment of a child, standard
//! input of a remote shell). Everything else is derived by a keyed hash (BLAKE3): proofs of a handshake, keys of a
//! connection. Each use has a purpose of its own in the hash, so that no proof fits where another is asked for.

use crate::error::{Error, Result};
use std::fmt;

/// Length of secrets, random challenges, and proofs.
pub const BYTES: usize = 32;

/// A value that only the other side could have computed. Comparison takes the same time wherever they differ.
pub type Proof = blake3::Hash;

/// A key that both sides have. Its text is not shown by `{:?}`.
#[derive(Clone)]
pub struct Secret([u8; BYTES]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A new secret from the kernel's random numbers.
    pub fn random() -> Result<Secret> {
        random().map(Secret)
    }

    /// From the text that [`Secret::to_hex`] made.
    pub fn from_hex(text: &str) -> Result<Secret> {
        let bad = |why: &str| Error::Setting { name: "secret of the job".into(), why: why.into() };
        if text.len() != 2 * BYTES {
            return Err(bad(&format!("{} characters, expected {}", text.len(), 2 * BYTES)));
        }
        let mut bytes = [0; BYTES];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(pair).ok().filter(|p| p.bytes().all(|b| b.is_ascii_hexdigit()));
            let digits = digits.ok_or_else(|| bad("is not hexadecimal"))?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| bad("is not hexadecimal"))?;
        }
        Ok(Secret(bytes))
    }

    /// 64 hexadecimal digits, for handing it to a process of the job.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Keyed hash of `parts`, each with its length in front, for one `purpose`.
    pub fn proof(&self, purpose: &str, parts: &[&[u8]]) -> Proof {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in [purpose.as_bytes()].iter().chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize()
    }

    /// Another key, which does not tell this one.
    pub fn derive(&self, purpose: &str, parts: &[&[u8]]) -> Secret {
        Secret(*self.proof(purpose, parts).as_bytes())
    }
}

/// Bytes that nobody can foretell.
pub fn random() -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    let got = rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty());
    match got {
        Ok(BYTES) => Ok(bytes),
        Ok(n) => Err(no_random(&format!("only {n} of {BYTES} bytes"))),
        Err(e) => Err(no_random(&e.to_string())),
    }
}

fn no_random(why: &str) -> Error {
    Error::Wire { what: "random bytes from the kernel".into(), why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let secret = Secret::random().unwrap();
        assert_eq!(Secret::from_hex(&secret.to_hex()).unwrap().0, secret.0);
        assert_ne!(Secret::random().unwrap().0, secret.0);
        for bad in ["", "00", &"g".repeat(64), &"+f".repeat(32), &"é".repeat(32)] {
            assert!(Secret::from_hex(bad).is_err(), "{bad}");
        }
        assert!(!format!("{secret:?}").contains(&secret.to_hex()[..8]));
    }

    #[test]
    fn a_proof_depends_on_key_purpose_and_the_borders_of_its_parts() {
        let (a, b) = (Secret([1; BYTES]), Secret([2; BYTES]));
        let proof = a.proof("x", &[b"12", b"3"]);
        assert_eq!(proof, a.proof("x", &[b"12", b"3"]));
        for other in [
            b.proof("x", &[b"12", b"3"]),
            a.proof("y", &[b"12", b"3"]),
            a.proof("x", &[b"1", b"23"]),
            a.proof("x", &[b"123"]),
        ] {
            assert_ne!(proof, other);
        }
    }
}
