//! The link over a simulated network: the rules of every link, and what may go wrong.

use super::simulated::{Simulated, network};
use super::*;
use crate::wire::rules::{self, Kept, Net, SOON};

fn over(
    carriers: Vec<Simulated>,
    secret: impl Fn(u32) -> Secret,
    limit: Duration,
) -> Vec<Messages<Simulated>> {
    let n = carriers.len() as u32;
    let end = |(me, carrier)| Messages::new(carrier, me, n, secret(me), limit).unwrap();
    (0..).zip(carriers).map(end).collect()
}

fn links(n: u32, seed: u64, calm: bool) -> Vec<Messages<Simulated>> {
    let secret = Secret::random().unwrap();
    over(network(n, seed, calm), |_| secret.clone(), SOON)
}

#[test]
fn frames_arrive_in_order_whatever_the_network_does() {
    for seed in 0..8 {
        rules::frames_arrive_in_order(links(2 + seed as u32 % 3, seed, seed % 4 == 0), seed);
    }
}

#[test]
fn back_pressure() {
    rules::what_does_not_fit_is_kept(links(2, 1, true));
    rules::what_does_not_fit_is_kept(links(2, 2, false));
}

#[test]
fn a_cut_is_told_on_both_sides_and_all_memory_comes_back() {
    for seed in 0..20 {
        rules::a_cut_is_told_on_both_sides(links(2, seed, seed % 2 == 0));
    }
}

#[test]
fn closing_is_not_breaking() {
    for seed in 0..8 {
        rules::a_close_is_no_break(links(2, seed, seed % 2 == 0));
    }
}

#[test]
fn a_process_with_another_secret_is_not_believed_and_both_sides_say_why() {
    let carriers = network(2, 3, true);
    let links = over(carriers, |_| Secret::random().unwrap(), Duration::from_millis(50));
    let mut net = Net::new(links);
    net.links[0].lend(1, &FrameHead::new(1, 2, 3, 4), Lent::owned(vec![1; 30_000], 9)).unwrap();
    net.until("the failure", |net| !net.kept[0].broken.is_empty());
    let reason = &net.kept[0].broken[0].reason;
    assert!(reason.contains("did not prove") && reason.contains("secret"), "{reason}");
    assert_eq!(net.kept[0].released, [(1, 9, false)]);
    let notes = net.links[1].notes();
    assert!(notes[0].contains("from process 0") && notes[0].contains("secret"), "{notes:?}");
    assert!(net.kept[1].broken.is_empty() && net.frames() == 0);
}

#[test]
fn who_does_not_answer_is_broken_after_the_limit() {
    let secret = Secret::random().unwrap();
    let mut links = over(network(2, 4, true), |_| secret.clone(), Duration::from_millis(30));
    let mut kept = Kept::default();
    links[0].lend(1, &FrameHead::new(1, 2, 3, 4), Lent::owned(vec![1], 8)).unwrap();
    assert!(links[0].deadline().is_some());
    let end = Instant::now() + SOON;
    while kept.broken.is_empty() && Instant::now() < end {
        links[0].poll(9, &mut kept);
    }
    assert!(kept.broken[0].reason.contains("did not answer within 0.0 s"), "{}", kept.broken[0]);
    assert_eq!(kept.released, [(1, 8, false)]);
}

#[test]
fn strangers_are_dropped_and_disturb_nobody() {
    let secret = Secret::random().unwrap();
    let mut carriers = network(3, 5, true);
    let mut stranger = carriers.pop().unwrap();
    let mut net = Net::new(
        (0..).zip(carriers).map(|(me, c)| Messages::new(c, me, 2, secret.clone(), SOON).unwrap()).collect(),
    );
    net.send(1, 0, 0, b"a");
    net.until("the connection", |net| net.frames() == 1);
    // as process 1: rubbish, frames that would fit, a Farewell, a Hello of another secret
    let token = net.links[1].peers[0].tokens.packet;
    let header =
        |kind, token| Header { from: 1, number: 1, token, kind, pieces: 0, taken: 0, len: 0, pieces_out: 0 };
    let packet = |header: Header| {
        let mut packet = vec![0; HEADER_BYTES];
        header.write(&mut packet);
        packet
    };
    let hello = Hello { nonce: [1; 32] }.packet(&Secret::random().unwrap(), 1, 0);
    for bytes in [
        vec![0xff; 100],
        vec![],
        packet(header(Kind::Data, token ^ 1)),
        packet(header(Kind::Farewell, 0)),
        packet(header(Kind::Credit, token.wrapping_add(1))),
        packet(Header { from: 0, ..header(Kind::Data, token) }),
        packet(Header { from: 9, ..header(Kind::Data, token) }),
        hello[..HEADER_BYTES + 80].to_vec(),
    ] {
        while stranger.inject(0, Tag::Packet, &bytes) != Begun::Yes {
            net.poll();
        }
    }
    (0..50).for_each(|_| net.poll());
    net.send(1, 0, 1, b"b");
    net.send(0, 1, 2, b"c");
    net.until("more", |net| net.frames() == 3);
    assert!(net.kept.iter().all(|k| k.broken.is_empty()));
    assert_eq!(net.links[0].notes().len(), 1);
    assert_eq!(net.links[0].strangers, 8);
}

#[test]
fn damage_by_one_who_knows_the_token_breaks_the_link() {
    for (number, word) in [(0, "was due"), (77, "was due"), (1, "half a frame")] {
        let mut net = Net::new(links(2, 6, true));
        net.send(1, 0, 0, b"a");
        net.until("the connection", |net| net.frames() == 1);
        let link = &mut net.links[1];
        let mut packet = vec![0; HEADER_BYTES + 9];
        let token = link.peers[0].tokens.packet;
        Header { from: 1, number, token, kind: Kind::Data, pieces: 0, taken: 0, len: 9, pieces_out: 0 }
            .write(&mut packet);
        assert_eq!(link.carrier.inject(0, Tag::Packet, &packet), Begun::Yes);
        net.until("the failure", |net| net.kept.iter().all(|k| !k.broken.is_empty()));
        assert!(net.kept[0].broken[0].reason.contains(word), "{}", net.kept[0].broken[0]);
        assert!(net.kept[1].broken[0].reason.contains("the other side broke"), "{}", net.kept[1].broken[0]);
    }
}

#[test]
fn a_dead_process_is_told_after_all_that_it_had_sent() {
    let mut links = links(2, 7, true);
    let network = links[1].carrier.of_same_network();
    let mut net = Net::new(std::mem::take(&mut links));
    net.send(0, 1, 0, b"a");
    net.send(1, 0, 1, b"b");
    net.until("both", |net| net.frames() == 2);
    net.send(1, 0, 2, b"last");
    net.links[0].lend(1, &FrameHead::new(1, 2, 3, 4), Lent::owned(vec![7; 200_000], 3)).unwrap();
    net.links[1].poll(0, &mut Kept::default());
    let (survivor, kept) = (&mut net.links[0], &mut net.kept[0]);
    survivor.poll(0, kept);
    Simulated::die(&network);
    let end = Instant::now() + SOON;
    while kept.broken.is_empty() && Instant::now() < end {
        survivor.poll(9, kept);
    }
    assert_eq!(kept.frames.iter().map(|f| f.1.key).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(kept.released, [(1, 3, false)]);
    assert!(kept.broken[0].reason.contains("after 2 frames"), "{}", kept.broken[0]);
    // it cannot answer
    net.links[1].lost = Some("dead".into());
}

#[test]
fn one_who_has_closed_refuses_a_new_connection() {
    let mut net = Net::new(links(2, 8, true));
    net.links[1].close();
    net.send(0, 1, 0, b"a");
    net.until("the refusal", |net| !net.kept[0].broken.is_empty());
    assert!(net.kept[0].broken[0].reason.contains("has closed"), "{}", net.kept[0].broken[0]);
    assert!(net.kept[1].broken.is_empty() && net.kept[1].closed.is_empty());
}

#[test]
fn a_link_that_is_dropped_is_broken_on_the_other_side() {
    let mut net = Net::new(links(2, 9, true));
    net.send(0, 1, 0, b"a");
    net.until("the connection", |net| net.frames() == 1);
    net.links.pop();
    net.until("the end", |net| !net.kept[0].broken.is_empty());
    assert!(net.kept[0].broken[0].reason.contains("gave it up"), "{}", net.kept[0].broken[0]);
}

#[test]
fn a_place_that_is_too_small_loses_the_end_of_the_payload() {
    struct Small(Option<Vec<u8>>, u32);
    impl Sink for Small {
        fn frame(&mut self, _: ProcessId, _: &FrameHead, _: &[u8]) {
            self.1 += 1;
        }
        fn place(&mut self, _: ProcessId, head: &FrameHead) -> crate::wire::place::Place {
            crate::wire::place::Place::owned(head.len_bytes as usize / 3)
        }
        fn placed(&mut self, _: ProcessId, _: &FrameHead, place: crate::wire::place::Place) {
            self.0 = Some(place.into_bytes());
        }
        fn lost(&mut self, _: ProcessId, _: &FrameHead, _: crate::wire::place::Place) {}
        fn released(&mut self, _: ProcessId, _: u64, _: bool) {}
        fn broken(&mut self, broken: &Broken) {
            panic!("{broken}");
        }
        fn closed(&mut self, _: ProcessId) {}
    }
    let mut links = links(2, 10, true);
    let bytes: Vec<u8> = (0..400_000).map(|i| (i % 251) as u8).collect();
    links[0].send(1, &FrameHead::new(1, 2, 3, 4), &[&bytes]).unwrap();
    links[0].send(1, &FrameHead::new(1, 2, 3, 5), &[b"behind"]).unwrap();
    let mut sink = Small(None, 0);
    let end = Instant::now() + SOON;
    while sink.1 == 0 && Instant::now() < end {
        links[0].poll(9, &mut Kept::default());
        links[1].poll(9, &mut sink);
    }
    assert_eq!(sink.0.as_deref(), Some(&bytes[..400_000 / 3]));
}
