//! `PMI_process_mapping`: which process is on which host.
//!
//! ```text
//! (vector,(0,1,1),(1,1,2),(2,1,1))      a block: (first host, number of hosts, processes on each of them)
//! ```
//!
//! The blocks are gone through again and again until every process has its host: three processes of one host may be told
//! as `(vector,(0,1,1))`.

/// Hosts of `size` processes; `None` when the text is something else.
pub fn hosts(text: &str, size: usize) -> Option<Vec<usize>> {
    let inner = text.trim().strip_prefix("(vector")?.strip_suffix(')')?;
    let flat: String = inner.chars().filter(|c| !c.is_whitespace()).collect();
    let mut blocks = Vec::new();
    let mut rest = flat.as_str();
    while !rest.is_empty() {
        let (block, after) = rest.strip_prefix(",(")?.split_once(')')?;
        let numbers: Vec<usize> = block.split(',').map(|n| n.parse().ok()).collect::<Option<_>>()?;
        let [first, count, each] = numbers[..] else { return None };
        blocks.push((first, count, each));
        rest = after;
    }
    if !blocks.iter().any(|(_, count, each)| *count > 0 && *each > 0) {
        return None;
    }
    let mut hosts = Vec::with_capacity(size);
    while hosts.len() < size {
        for &(first, count, each) in &blocks {
            for host in 0..count {
                let host = first.checked_add(host)?;
                let left = size - hosts.len();
                hosts.extend(std::iter::repeat_n(host, each.min(left)));
                if hosts.len() == size {
                    return Some(hosts);
                }
            }
        }
    }
    Some(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pmi_mappings_as_process_managers_write_them() {
        assert_eq!(hosts("(vector,(0,1,1))", 3), Some(vec![0, 0, 0]));
        assert_eq!(hosts("(vector,(0,1,1),(1,1,2),(2,1,1))", 4), Some(vec![0, 1, 1, 2]));
        assert_eq!(hosts("(vector,(0,1,2),(1,1,1))", 3), Some(vec![0, 0, 1]));
        assert_eq!(hosts("(vector,(0,2,1))", 4), Some(vec![0, 1, 0, 1]));
        assert_eq!(hosts("(vector, (0, 2, 2))", 4), Some(vec![0, 0, 1, 1]));
        assert_eq!(hosts("(vector,(0,1,1))", 0), Some(vec![]));
    }

    #[test]
    fn other_pmi_texts_are_no_mapping() {
        for text in [
            "",
            "(vector)",
            "(vector,(0,1))",
            "(vector,(0,0,1))",
            "(vector,(0,1,1)",
            "(vector,(a,1,1))",
            "vector",
        ] {
            assert_eq!(hosts(text, 2), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_pmi_process_has_a_host(blocks in proptest::collection::vec((0usize..9, 0usize..4, 0usize..4), 1..5), size in 0usize..50) {
            let text: String = blocks.iter().map(|(f, c, e)| format!(",({f},{c},{e})")).collect();
            let found = hosts(&format!("(vector{text})"), size);
            prop_assert_eq!(found.is_some(), blocks.iter().any(|b| b.1 * b.2 > 0));
            if let Some(found) = found {
                prop_assert_eq!(found.len(), size);
                prop_assert!(found.iter().all(|h| blocks.iter().any(|b| (b.0..b.0 + b.1).contains(h))));
            }
        }

        #[test]
        fn any_pmi_mapping_is_read_without_panic(text in "\\(vector[(),0-9 ]{0,30}\\)?") {
            let _ = hosts(&text, 10);
        }
    }
}
