//! The table: for the terminal and between the markers of `docs/performance.md`.

use crate::cases::{Aim, Case};
use crate::figures::{Figures, Key, digits};
use crate::machine::Machine;
use crate::peers::{PEERS, Peer};
use ampi_tests::tree;
use std::fmt::Write;

const BEGIN: &str = "<!-- figures: written by cargo xtask bench -->";
const END: &str = "<!-- end of figures -->";

/// One line of the table.
struct Row {
    what: String,
    /// `best / median` of each peer, or nothing.
    cells: Vec<String>,
    ratio: String,
    aim: String,
}

fn cell(figures: &Figures, key: &Key, peer: Peer) -> String {
    let Some(series) = figures.get(key, peer) else { return "–".into() };
    match (series.best(), series.median()) {
        (Some(best), Some(median)) => format!("{} / {}", digits(best), digits(median)),
        _ => "–".into(),
    }
}

/// The best figure among the peers.
fn best_peer(figures: &Figures, key: &Key) -> Option<f64> {
    let others = PEERS
        .iter()
        .filter(|p| !matches!(p, Peer::Ampi | Peer::AmpiProcesses))
        .filter_map(|p| figures.get(key, *p));
    others
        .filter_map(|s| s.best().map(|b| (b, s.is_rate())))
        .reduce(|a, b| if (a.0 < b.0) != a.1 { a } else { b })
        .map(|(best, _)| best)
}

/// What was aimed at and whether it was reached.
fn aim(case: &Case, figures: &Figures, key: &Key, ours: f64) -> String {
    let Some((_, _, aim)) = case.aims.iter().find(|(n, s, _)| *n == key.name && *s == key.size) else {
        return String::new();
    };
    let (limit, told) = match *aim {
        Aim::AtMost(limit) => (Some(limit), format!("≤ {}", digits(limit))),
        Aim::AtLeast(limit) => (Some(limit), format!("≥ {}", digits(limit))),
        Aim::OfBestPeer(part) => {
            (best_peer(figures, key).map(|b| b * part), format!("≤ {part} of the best peer"))
        }
        Aim::OfMemcpy(part) => {
            let memcpy = Key { name: "memcpy".into(), size: key.size };
            let one = figures.get(&memcpy, Peer::Ampi).and_then(|s| s.best());
            (one.map(|b| b * part), format!("≤ {part} memcpy"))
        }
    };
    let Some(limit) = limit else { return told };
    let reached = if matches!(aim, Aim::AtLeast(_)) { ours >= limit } else { ours <= limit };
    format!("{told}: {}", if reached { "reached" } else { "not reached" })
}

fn rows(case: &Case, figures: &Figures) -> Vec<Row> {
    let row = |key: &Key| {
        let ours = figures.get(key, Peer::Ampi);
        let unit = PEERS.iter().find_map(|p| figures.get(key, *p)).map_or("", |s| &s.unit);
        let what = match key.name.as_str() {
            name if key.size == case.ranks as i64 => format!("{name}, {unit}"),
            name => format!("{name} {} B, {unit}", key.size),
        };
        let ours_best = ours.and_then(|s| s.best());
        let ratio = match (ours_best, best_peer(figures, key)) {
            (Some(a), Some(b)) if b > 0.0 => digits(a / b),
            _ => "–".into(),
        };
        let aim = ours_best.map_or(String::new(), |b| aim(case, figures, key, b));
        Row { what, cells: PEERS.iter().map(|p| cell(figures, key, *p)).collect(), ratio, aim }
    };
    figures.order.iter().map(row).collect()
}

/// Why some peers are missing.
fn absences(case: &Case, figures: &Figures, cores: usize) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for peer in PEERS {
        if let Some(why) = figures.failures.get(&peer) {
            told.push(format!("{}: {why}", peer.title()));
        } else if peer == Peer::Mpich
            && let Some(why) = peer.left_out(case, cores)
        {
            told.push(format!("peers not run: {why}"));
        }
    }
    told
}

/// The table of one case for the terminal.
pub fn text(case: &Case, figures: &Figures, cores: usize) -> String {
    let mut out =
        format!("\n{} ({} ranks on {} PEs; line {})\n", case.name, case.ranks, case.pes, line(figures));
    let rows = rows(case, figures);
    let width = rows.iter().map(|r| r.what.chars().count()).max().unwrap_or(0);
    let _ = write!(out, "  {:width$}", "");
    for peer in PEERS {
        let _ = write!(out, "  {:>20}", peer.title());
    }
    let _ = writeln!(out, "  {:>8}", "ratio");
    for row in rows {
        let _ = write!(out, "  {:width$}", row.what);
        for cell in &row.cells {
            let _ = write!(out, "  {cell:>20}");
        }
        let _ = writeln!(out, "  {:>8}  {}", row.ratio, row.aim);
    }
    for why in absences(case, figures, cores) {
        let _ = writeln!(out, "  {why}");
    }
    out
}

fn line(figures: &Figures) -> String {
    let least = figures.line.iter().copied().reduce(f64::min);
    let most = figures.line.iter().copied().reduce(f64::max);
    match (least, most) {
        (Some(a), Some(b)) => format!("{} … {} ns", digits(a), digits(b)),
        _ => "not measured".into(),
    }
}

/// Everything as Markdown.
pub fn markdown(done: &[(&Case, Figures, Vec<String>)], machine: &Machine, rounds: usize) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{machine}. {rounds} rounds, peers in turns; times are minimum / median, rates maximum / median;"
    );
    let _ = writeln!(
        out,
        "*ratio* is ours divided by the best peer. *line* is a cache-line ping-pong of two plain"
    );
    let _ = writeln!(out, "threads, once a round, right before the case.\n");
    for (case, figures, commands) in done {
        let _ = writeln!(out, "### {}\n", case.name);
        let _ = writeln!(out, "{} ranks on {} PEs; line {}.\n", case.ranks, case.pes, line(figures));
        let shown: Vec<usize> =
            (0..PEERS.len()).filter(|i| rows(case, figures).iter().any(|r| r.cells[*i] != "–")).collect();
        let titles: String = shown.iter().map(|i| format!(" {} |", PEERS[*i].title())).collect();
        let _ = writeln!(out, "| |{titles} ratio | aim |\n|---|{}---|---|", "---|".repeat(shown.len()));
        for row in rows(case, figures) {
            let cells: String = shown.iter().map(|i| format!(" {} |", row.cells[*i])).collect();
            let _ = writeln!(out, "| {} |{cells} {} | {} |", row.what, row.ratio, row.aim);
        }
        for why in absences(case, figures, machine.cores) {
            let _ = writeln!(out, "\n{why}.");
        }
        let _ = writeln!(out, "\n```\n{}\n```\n", commands.join("\n"));
    }
    out
}

/// Puts the figures between the markers of docs/performance.md; makes the file if there is none.
pub fn write(figures: &str) -> Result<(), String> {
    let path = tree::repository().join("docs/performance.md");
    let old = std::fs::read_to_string(&path).unwrap_or_else(|_| format!("# Performance\n\n{BEGIN}\n{END}\n"));
    let new = replaced(&old, figures)
        .ok_or(format!("{} has lost its markers {BEGIN} and {END}", path.display()))?;
    std::fs::write(&path, new).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    println!("\nwritten: {}", path.display());
    Ok(())
}

fn replaced(old: &str, figures: &str) -> Option<String> {
    let (head, rest) = old.split_once(BEGIN)?;
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}\n\n{}\n{END}{tail}", figures.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_markers_changes() {
        let old = format!("head\n{BEGIN}\nold\n{END}\ntail\n");
        assert_eq!(replaced(&old, "new\n").unwrap(), format!("head\n{BEGIN}\n\nnew\n{END}\ntail\n"));
        assert!(replaced("no markers", "new").is_none());
    }

    #[test]
    fn the_best_peer_is_the_fastest_or_the_one_with_the_highest_rate() {
        let mut f = Figures::default();
        f.add(Peer::Mpich, "t", 1, 20.0, "ns");
        f.add(Peer::OpenMpi, "t", 1, 10.0, "ns");
        f.add(Peer::Mpich, "r", 1, 20.0, "M/s");
        f.add(Peer::OpenMpi, "r", 1, 10.0, "M/s");
        assert_eq!(best_peer(&f, &Key { name: "t".into(), size: 1 }), Some(10.0));
        assert_eq!(best_peer(&f, &Key { name: "r".into(), size: 1 }), Some(20.0));
    }
}
