//! Figures: the lines that programs print, collected over rounds.

use crate::peers::Peer;
use std::collections::BTreeMap;

/// What was measured, in the order in which it was first seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub name: String,
    pub size: i64,
}

#[derive(Debug, Default, Clone)]
pub struct Series {
    pub unit: String,
    best: Vec<f64>,
    medians: Vec<f64>,
}

impl Series {
    /// More is better.
    pub fn is_rate(&self) -> bool {
        self.unit.ends_with("/s")
    }

    /// The best of all rounds.
    pub fn best(&self) -> Option<f64> {
        let pick = if self.is_rate() { f64::max } else { f64::min };
        self.best.iter().copied().reduce(pick)
    }

    /// The median of the rounds' medians; of their only figures when the program prints no medians.
    pub fn median(&self) -> Option<f64> {
        let mut all = if self.medians.is_empty() { self.best.clone() } else { self.medians.clone() };
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }
}

/// All figures of one case.
#[derive(Debug, Default)]
pub struct Figures {
    pub order: Vec<Key>,
    series: BTreeMap<(Key, Peer), Series>,
    /// Why a peer has no figures, when it was tried.
    pub failures: BTreeMap<Peer, String>,
    /// Cache-line ping-pong in ns, one for each round.
    pub line: Vec<f64>,
}

impl Figures {
    pub fn get(&self, key: &Key, peer: Peer) -> Option<&Series> {
        self.series.get(&(key.clone(), peer))
    }

    /// Takes the lines `name size value unit` of a program's output; gives their number.
    pub fn take(&mut self, peer: Peer, output: &str) -> usize {
        let mut taken = 0;
        for line in output.lines() {
            if let Some((name, size, value, unit)) = parse(line) {
                self.add(peer, name, size, value, unit);
                taken += 1;
            }
        }
        taken
    }

    pub fn add(&mut self, peer: Peer, name: &str, size: i64, value: f64, unit: &str) {
        let (name, is_median) = match name.strip_suffix(".median") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let key = Key { name: name.to_string(), size };
        if !self.order.contains(&key) {
            self.order.push(key.clone());
        }
        let series = self.series.entry((key, peer)).or_default();
        series.unit = unit.to_string();
        if is_median { series.medians.push(value) } else { series.best.push(value) }
    }
}

/// A line `name size value unit`, or nothing.
pub fn parse(line: &str) -> Option<(&str, i64, f64, &str)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [name, size, value, unit] = words[..] else { return None };
    Some((name, size.parse().ok()?, value.parse().ok()?, unit))
}

/// Three significant digits.
pub fn digits(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1e6 {
        return format!("{:.0}", (value / 1000.0).round() * 1000.0);
    }
    let decimals = match magnitude {
        m if m >= 100.0 => 0,
        m if m >= 10.0 => 1,
        m if m >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_no_figures_are_passed_over() {
        assert_eq!(parse("latency 8 1.284e+04 ns"), Some(("latency", 8, 12840.0, "ns")));
        assert_eq!(parse("Warning: four words here"), None);
        assert_eq!(parse("latency 8 12"), None);
    }

    #[test]
    fn times_keep_their_minimum_and_rates_their_maximum() {
        let mut f = Figures::default();
        assert_eq!(f.take(Peer::Ampi, "a 1 5 ns\na.median 1 9 ns\nr 1 5 M/s\n"), 3);
        f.take(Peer::Ampi, "a 1 4 ns\na.median 1 7 ns\nr 1 6 M/s\n");
        f.take(Peer::Ampi, "a 1 6 ns\na.median 1 8 ns\nr 1 1 M/s\n");
        let time = f.get(&Key { name: "a".into(), size: 1 }, Peer::Ampi).unwrap();
        assert_eq!((time.best(), time.median()), (Some(4.0), Some(8.0)));
        let rate = f.get(&Key { name: "r".into(), size: 1 }, Peer::Ampi).unwrap();
        assert_eq!((rate.best(), rate.median()), (Some(6.0), Some(5.0)));
    }

    #[test]
    fn numbers_have_three_digits() {
        let told: Vec<String> = [0.1234, 3.456, 27.06, 361.4, 12840.0].iter().map(|v| digits(*v)).collect();
        assert_eq!(told, ["0.123", "3.46", "27.1", "361", "12840"]);
    }
}
