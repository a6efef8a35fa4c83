//! Random sequences of every command, heartbeat, sign and clock step, and of restarts, judged by a second, simpler reading of the promises.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod onlooker;
mod support;

use contract::asking::RequestEvent;
use contract::claims::Delivery;
use contract::{Filter, Jti};
use onlooker::{Grip, Onlooker};
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::{World, policy};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Grant {
        ahead_s: u64,
        length_s: u64,
        port: u16,
        tunnel: bool,
        coarse: bool,
        stale: bool,
        answers: bool,
        pull: bool,
    },
    ReplayGrant,
    Extend {
        by_s: u64,
        trainee: bool,
    },
    Ask {
        port: u16,
        tunnel: bool,
        pull: bool,
    },
    ReplayAsk,
    Withdraw {
        tunnel: bool,
    },
    Deny,
    Leave {
        tunnel: bool,
    },
    Leak {
        kid: &'static str,
    },
    ClearLeak {
        kid: &'static str,
    },
    ViewerLost,
    ViewerJoined,
    Aim(bool),
    Revoke {
        all: bool,
    },
    Preempt,
    Release,
    Beat {
        names_shares: bool,
        busy: bool,
    },
    ReplayBeat,
    ClockSteps {
        seconds: i64,
    },
    /// The time source sets the clock right again.
    ClockRight,
    Synchronised(bool),
    Pass {
        ms: u64,
    },
    /// Time passes and the driver sleeps over its timers.
    Oversleep {
        ms: u64,
    },
    Policy {
        version: u64,
        max_shares: u8,
        lease_s: u32,
        drop_tunnel: bool,
        restores: bool,
    },
    ViewerLeft,
    Fault,
    PrivacySwitch(bool),
    Rotate,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let ports = prop::sample::select(vec![5004_u16, 5005, 5006, 7000, 8000]);
    let steps = prop::sample::select(vec![-315_360_000_i64, -3_600, -20, -3, 3, 20, 3_600, 315_360_000]);
    let kids = prop::sample::select(vec!["traffic", "tunnel", "chief", "officer", "nobody"]);
    let grants = (0_u64..40, 1_u64..90, ports.clone(), any::<[bool; 4]>(), prop::bool::weighted(0.1));
    let signed = prop_oneof![
        2 => (1_u64..60, any::<bool>()).prop_map(|(by_s, trainee)| Step::Extend { by_s, trainee }),
        4 => (ports, any::<[bool; 2]>()).prop_map(|(port, [tunnel, pull])| Step::Ask { port, tunnel, pull }),
        1 => Just(Step::ReplayAsk),
        1 => any::<bool>().prop_map(|tunnel| Step::Withdraw { tunnel }),
        1 => Just(Step::Deny),
        1 => any::<bool>().prop_map(|tunnel| Step::Leave { tunnel }),
        1 => kids.clone().prop_map(|kid| Step::Leak { kid }),
        2 => kids.prop_map(|kid| Step::ClearLeak { kid }),
    ];
    let signs = prop_oneof![
        2 => Just(Step::ViewerLost),
        2 => Just(Step::ViewerJoined),
        2 => prop::bool::weighted(0.6).prop_map(Step::Aim),
    ];
    prop_oneof![
        8 => grants.prop_map(|(ahead_s, length_s, port, [tunnel, coarse, answers, pull], stale)| {
            let ahead_s = if answers { 0 } else { ahead_s };
            Step::Grant { ahead_s, length_s, port, tunnel, coarse, stale, answers, pull }
        }),
        10 => signed,
        5 => signs,
        1 => Just(Step::ReplayGrant),
        2 => any::<bool>().prop_map(|all| Step::Revoke { all }),
        1 => Just(Step::Preempt),
        3 => Just(Step::Release),
        8 => (prop::bool::weighted(0.9), prop::bool::weighted(0.1))
            .prop_map(|(names_shares, busy)| Step::Beat { names_shares, busy }),
        1 => Just(Step::ReplayBeat),
        1 => steps.prop_map(|seconds| Step::ClockSteps { seconds }),
        2 => Just(Step::ClockRight),
        1 => prop::bool::weighted(0.8).prop_map(Step::Synchronised),
        8 => (1_u64..6_000).prop_map(|ms| Step::Pass { ms }),
        1 => (1_u64..20_000).prop_map(|ms| Step::Oversleep { ms }),
        1 => (4_u64..9, 1_u8..4, 3_u32..20, any::<[bool; 2]>()).prop_map(
            |(version, max_shares, lease_s, [drop_tunnel, restores])| {
                Step::Policy { version, max_shares, lease_s, drop_tunnel, restores }
            }
        ),
        1 => Just(Step::ViewerLeft),
        1 => Just(Step::Fault),
        2 => prop::bool::weighted(0.3).prop_map(Step::PrivacySwitch),
        1 => Just(Step::Rotate),
        1 => Just(Step::Restart),
    ]
}

fn pass(world: &mut World, ms: u64) {
    (world.monotonic_ms, world.utc_ms, world.room_utc_ms) =
        (world.monotonic_ms + ms, world.utc_ms + ms, world.room_utc_ms + ms);
}

/// Time passes and the driver keeps its word: it wakes no later than it was asked to.
fn pass_dutifully(world: &mut World, onlooker: &mut Onlooker, ms: u64) {
    let until_ms = world.monotonic_ms + ms;
    while world.monotonic_ms < until_ms {
        let due_ms = world.authority.poll_timeout().unwrap_or(until_ms).clamp(world.monotonic_ms + 1, until_ms);
        pass(world, due_ms - world.monotonic_ms);
        // Between a deadline and the driver's call nothing may leak either.
        onlooker.check(world);
        world.authority.handle_timeout(world.now());
        world.drain();
        onlooker.read_events(world);
        onlooker.check(world);
    }
}

fn take(step: &Step, world: &mut World, onlooker: &mut Onlooker, last: &mut Last) {
    match step {
        Step::Grant { ahead_s, length_s, port, tunnel, coarse, stale, answers, pull } => {
            let mut grant = world.grant();
            (grant.nbf, grant.exp) = (grant.nbf + ahead_s, grant.nbf + ahead_s + length_s);
            grant.delivery = Delivery::Push { address: "192.0.2.7".parse().unwrap(), port: *port };
            if *pull {
                grant.delivery = if *coarse { Delivery::Relay } else { Delivery::Pull };
            }
            if *tunnel {
                grant.sub = "tunnel".parse().unwrap();
            }
            if *coarse {
                grant.filter = Filter::Coarse;
            }
            if let Some(open) = world.authority.inbox().requests.first().filter(|_| *answers) {
                (grant.request, grant.sub) = (Some(open.jti.clone()), open.sub.clone());
                grant.delivery = open.request.delivery.clone();
            }
            if *stale {
                grant.envelope.challenge = Some("yesterdays".parse().unwrap());
            }
            last.grant = Some(grant.clone());
            let verdict = world.submit(grant);
            assert!(!(*stale && verdict.is_ok()), "a stale challenge was accepted");
        }
        Step::ReplayGrant => {
            if let Some(grant) = last.grant.clone() {
                let was_accepted = onlooker.accepted.contains(&grant.envelope.jti);
                let verdict = world.submit(grant);
                assert!(!(was_accepted && verdict.is_ok()), "a replay was accepted");
            }
        }
        Step::Revoke { all } => {
            let named = (!all).then(|| world.authority.shares().first().map(|share| share.jti().clone())).flatten();
            let _verdict = world.revoke("trainee", named.as_ref());
        }
        Step::Preempt => {
            last.epoch += 1;
            let _verdict = world.preempt("chief", last.epoch);
        }
        Step::Release => {
            last.epoch += 1;
            let _verdict = world.release("chief", last.epoch);
        }
        Step::Extend { by_s, trainee } => {
            if let Some((jti, exp)) =
                world.authority.shares().first().map(|share| (share.jti().clone(), share.grant().exp))
            {
                let _verdict = world.extend(if *trainee { "trainee" } else { "chief" }, &jti, exp + by_s);
            }
        }
        Step::Ask { port, tunnel, pull } => {
            let mut request = world.request_to(*port);
            if *pull {
                request.delivery = Delivery::Pull;
            }
            request.envelope.iss = if *tunnel { "tunnel" } else { "traffic" }.parse().unwrap();
            last.request = Some(request.clone());
            let before = world.authority.shares().len();
            let answer = world.ask(&request);
            assert!(world.authority.shares().len() <= before, "a request opened something");
            assert!(!matches!(answer, Ok(RequestEvent::Granted { .. })));
        }
        Step::ReplayAsk => {
            if let Some(request) = last.request.clone() {
                let known = onlooker.requests.contains_key(&request.envelope.jti);
                assert!(!(known && world.ask(&request).is_ok()), "a request was taken twice");
            }
        }
        Step::Withdraw { tunnel } => {
            if let Some(request) = &last.request {
                let jti = request.envelope.jti.clone();
                let _verdict = world.withdraw(if *tunnel { "tunnel" } else { "traffic" }, &jti);
            }
        }
        Step::Deny => {
            if let Some(jti) = world.authority.inbox().requests.first().map(|open| open.jti.clone()) {
                let _verdict = world.deny("trainee", &jti);
            }
        }
        Step::Leave { tunnel } => {
            if let Some(jti) = first_share(world) {
                let _verdict = world.leave(if *tunnel { "tunnel" } else { "traffic" }, &jti);
            }
        }
        Step::Leak { kid } => drop(world.report_leak(kid)),
        Step::ClearLeak { kid } => {
            let cleared = world.clear_leak(kid).is_ok();
            assert!(!cleared || *kid == "officer", "{kid} cleared a leak");
        }
        Step::ViewerLost => {
            if let Some(jti) = first_share(world) {
                world.viewer(&jti, false);
            }
        }
        Step::ViewerJoined => {
            for jti in world.authority.shares().iter().map(|share| share.jti().clone()).collect::<Vec<_>>() {
                world.viewer(&jti, true);
                onlooker.came.insert(jti);
            }
        }
        Step::Aim(aimed) => {
            world.aim(*aimed);
            onlooker.away_since_ms = if *aimed { None } else { onlooker.away_since_ms.or(Some(world.monotonic_ms)) };
            if !world.authority.is_away() {
                onlooker.away_since_ms = None;
            }
        }
        Step::Beat { names_shares, busy } => {
            let mut heartbeat = world.heartbeat();
            heartbeat.busy = *busy;
            if *names_shares {
                let suspended = world.authority.suspended().iter();
                let stands = world.authority.shares().iter().chain(suspended).map(|share| share.jti().clone());
                heartbeat.stands = stands.collect();
            }
            if world.hear(&heartbeat).is_ok() {
                last.heartbeat = Some(heartbeat);
                onlooker.last_good_beat_ms = Some(world.monotonic_ms);
            }
        }
        Step::ReplayBeat => {
            if let Some(heartbeat) = &last.heartbeat {
                assert!(world.hear(heartbeat).is_err(), "a heartbeat was taken twice");
            }
        }
        Step::ClockSteps { seconds } => world.step_clock(*seconds),
        Step::ClockRight => (world.utc_ms, world.synchronised) = (world.room_utc_ms, true),
        Step::Synchronised(synchronised) => world.synchronised = *synchronised,
        Step::Pass { ms } => pass_dutifully(world, onlooker, *ms),
        Step::Oversleep { ms } => pass(world, *ms),
        Step::Policy { version, max_shares, lease_s, drop_tunnel, restores } => {
            let (max_shares, lease_s, restore_after_release) = (*max_shares, *lease_s, *restores);
            let mut newer = impatient(*version);
            (newer.max_shares, newer.lease_s, newer.restore_after_release) =
                (max_shares, lease_s, restore_after_release);
            newer.subscribers.truncate(if *drop_tunnel { 1 } else { 2 });
            let before = world.authority.policy().map(|policy| policy.version);
            let taken = world.authority.handle_policy(newer, world.now()).is_ok();
            assert!(!taken || before.is_none_or(|before| *version >= before), "policy went back");
        }
        Step::ViewerLeft => {
            if let Some(jti) = world.authority.shares().first().map(|share| share.jti().clone()) {
                // `false` when the share turned out to be over already.
                let _was_there = world.authority.handle_viewer_left(&jti, world.now());
            }
        }
        Step::Fault => drop(world.authority.handle_fault(None, world.now())),
        Step::PrivacySwitch(on) => {
            onlooker.private = *on;
            world.authority.handle_privacy_switch(*on, world.now());
        }
        Step::Rotate => {
            last.challenges += 1;
            let new = format!("rotated-{}", last.challenges).parse().unwrap();
            world.authority.rotate_challenge(new, world.now());
        }
        Step::Restart => {
            // What the eye does with the shares that ran: ended(fault), from its journal.
            onlooker.read_events(world);
            onlooker.restarted();
            last.challenges += 1;
            // The switch is a thing on the wall: the new eye finds it as it was.
            world.restart(&format!("boot-{}", last.challenges));
            world.authority.handle_privacy_switch(onlooker.private, world.now());
            let held = world.authority.snapshot().policy_version.unwrap();
            world.authority.handle_policy(impatient(held), world.now()).unwrap();
        }
    }
}

fn first_share(world: &World) -> Option<Jti> {
    world.authority.shares().first().map(|share| share.jti().clone())
}

/// Patience and graces short enough that they run out within a sequence.
fn impatient(version: u64) -> contract::policy::Policy {
    let restore_after_release = version.is_multiple_of(2);
    contract::policy::Policy {
        max_requests: 4,
        patience_s: 15,
        waiting_grace_s: 6,
        view_grace_s: 5,
        restore_after_release,
        ..policy(version)
    }
}

fn world() -> World {
    let mut world = World::new();
    world.authority.handle_policy(impatient(6), world.now()).unwrap();
    world.stands = None;
    world
}

/// Takes one step, and looks on.
fn step_and_look(step: &Step, world: &mut World, onlooker: &mut Onlooker, last: &mut Last) {
    let before = Grip::of(world);
    take(step, world, onlooker, last);
    world.drain();
    // Grants, extensions, releases and clearings are signed, and so are the next boot's policy and a newer one; nothing else may loosen.
    let may_loosen = matches!(
        step,
        Step::Grant { .. }
            | Step::ReplayGrant
            | Step::Extend { .. }
            | Step::Release
            | Step::ClearLeak { .. }
            | Step::Policy { .. }
            | Step::Restart
    );
    let tightens = matches!(step, Step::Preempt | Step::Leak { .. });
    if !may_loosen && !tightens {
        let after = Grip::of(world);
        assert!(before.only_tightened(&after), "{step:?} loosened: {before:?} became {after:?}");
    }
    onlooker.read_events(world);
    onlooker.check(world);
}

#[derive(Default)]
struct Last {
    request: Option<contract::claims::Request>,
    grant: Option<contract::claims::Grant>,
    heartbeat: Option<contract::claims::Heartbeat>,
    epoch: u64,
    challenges: u32,
}

/// In `cargo xtask nightly` `CAMPARI_FUZZ_FACTOR` times as many.
fn sequences() -> u32 {
    let factor = std::env::var("CAMPARI_FUZZ_FACTOR").map_or(1, |text| text.parse().expect("a whole number"));
    1_500 * factor
}

proptest! {
    #![proptest_config(ProptestConfig { cases: sequences(), ..ProptestConfig::default() })]

    #[test]
    fn p1_p4_p5_p6_p8_hold_whatever_happens_in_whatever_order(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = world();
        let mut onlooker = Onlooker { last_good_beat_ms: Some(world.monotonic_ms), ..Onlooker::default() };
        let mut last = Last::default();
        for step in &steps {
            step_and_look(step, &mut world, &mut onlooker, &mut last);
        }
        // In the end all is silent: the room stopped, the lease is at most twenty seconds, and patience fifteen.
        pass_dutifully(&mut world, &mut onlooker, 21_000);
        prop_assert!(world.authority.shares().is_empty() && world.authority.suspended().is_empty());
        onlooker.all_is_over();
    }
}

/// The sequences above are worth something only if they get far: many of them must really run shares, and come to everything that can happen.
#[test]
fn the_random_sequences_do_run_shares_and_come_to_everything() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut seen, mut sent) = (BTreeMap::<&str, u32>::new(), 0);
    for _ in 0..400 {
        let steps = prop::collection::vec(step(), 1..120).new_tree(&mut runner).unwrap().current();
        let mut world = world();
        let mut onlooker = Onlooker { last_good_beat_ms: Some(world.monotonic_ms), ..Onlooker::default() };
        let mut last = Last::default();
        for step in &steps {
            step_and_look(step, &mut world, &mut onlooker, &mut last);
            world.take_pictures();
        }
        onlooker.seen.into_iter().for_each(|(what, times)| *seen.entry(what).or_default() += times);
        sent += world.pictures.len();
    }
    let least = [
        ("granted", 600),
        ("asked", 400),
        ("decided", 400),
        ("extended", 100),
        ("filtered", 30),
        ("waiting", 50),
        ("away", 25),
        ("leak", 100),
        ("restored", 5),
        ("view-left", 5),
        ("expecting", 100),
        ("fetched", 30),
    ];
    for (what, times) in least {
        assert!(seen.get(what).copied().unwrap_or(0) >= times, "{what}: {seen:?}");
    }
    assert!(sent > 300, "sent {sent}");
}
