//! Random sequences of commands, heartbeats, clock steps and restarts, judged by a second, simpler reading of the promises.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod support;

use contract::Jti;
use contract::claims::Delivery;
use grant::{Event, MAX_SHARES, MAX_USED};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use support::{World, policy};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Grant {
        ahead_s: u64,
        length_s: u64,
        port: u16,
        tunnel: bool,
        stale: bool,
    },
    ReplayGrant,
    Revoke {
        all: bool,
    },
    Preempt,
    Release,
    Beat {
        names_shares: bool,
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
    prop_oneof![
        6 => (0_u64..40, 1_u64..90, ports, any::<bool>(), prop::bool::weighted(0.1)).prop_map(
            |(ahead_s, length_s, port, tunnel, stale)| Step::Grant { ahead_s, length_s, port, tunnel, stale }
        ),
        1 => Just(Step::ReplayGrant),
        2 => any::<bool>().prop_map(|all| Step::Revoke { all }),
        1 => Just(Step::Preempt),
        3 => Just(Step::Release),
        8 => prop::bool::weighted(0.9).prop_map(|names_shares| Step::Beat { names_shares }),
        1 => Just(Step::ReplayBeat),
        1 => steps.prop_map(|seconds| Step::ClockSteps { seconds }),
        2 => Just(Step::ClockRight),
        1 => prop::bool::weighted(0.8).prop_map(Step::Synchronised),
        8 => (1_u64..6_000).prop_map(|ms| Step::Pass { ms }),
        1 => (1_u64..20_000).prop_map(|ms| Step::Oversleep { ms }),
        1 => (4_u64..9, 1_u8..4, 3_u32..20, any::<bool>()).prop_map(|(version, max_shares, lease_s, drop_tunnel)| {
            Step::Policy { version, max_shares, lease_s, drop_tunnel }
        }),
        1 => Just(Step::ViewerLeft),
        1 => Just(Step::Fault),
        2 => prop::bool::weighted(0.3).prop_map(Step::PrivacySwitch),
        1 => Just(Step::Rotate),
        1 => Just(Step::Restart),
    ]
}

/// What an onlooker knows of one grant: enough to say when it must be silent.
struct Seen {
    /// Monotonic, by the board's clock at the moment of granting.
    opens_ms: u64,
    closes_ms: u64,
    exp: u64,
    starts: u32,
    ends: u32,
}

#[derive(Default)]
struct Onlooker {
    shares: BTreeMap<Jti, Seen>,
    accepted: BTreeSet<Jti>,
    read: usize,
    last_good_beat_ms: Option<u64>,
    reserved: bool,
    private: bool,
}

impl Onlooker {
    fn read_events(&mut self, world: &World) {
        for (_, event) in &world.events[self.read..] {
            match event {
                Event::Granted { grant, .. } => {
                    let jti = grant.envelope.jti.clone();
                    assert!(self.accepted.insert(jti.clone()), "{jti} was granted twice");
                    let until = |s: u64| world.monotonic_ms + (s * 1000).saturating_sub(world.utc_ms);
                    let (opens_ms, closes_ms) = (until(grant.nbf), until(grant.exp));
                    self.shares.insert(jti, Seen { opens_ms, closes_ms, exp: grant.exp, starts: 0, ends: 0 });
                }
                Event::Started { jti, .. } => {
                    let seen = self.shares.get_mut(jti).expect("started, so it was granted");
                    seen.starts += 1;
                    assert!(seen.starts == 1 && seen.ends == 0, "{jti} started again, or after its end");
                }
                Event::Ended { jti, .. } => {
                    let seen = self.shares.get_mut(jti).expect("ended, so it was granted");
                    seen.ends += 1;
                    assert_eq!(seen.ends, 1, "{jti} ended twice");
                }
                Event::ModeChanged(mode) => self.reserved = *mode == contract::body::Mode::Reserved,
                _ => {}
            }
        }
        self.read = world.events.len();
    }

    /// The promise, share by share, at this very moment.
    fn check(&self, world: &World) {
        let now = world.now();
        for (jti, seen) in &self.shares {
            if !world.authority.may_send(jti, now) {
                continue;
            }
            assert!(seen.starts == 1 && seen.ends == 0, "{jti} sends before its start or after its end");
            assert!(now.monotonic_ms >= seen.opens_ms, "{jti} sends before its window");
            assert!(now.monotonic_ms < seen.closes_ms, "{jti} outlives its window by the monotonic clock");
            assert!(now.utc_ms < seen.exp * 1000, "{jti} outlives its window by the wall clock");
            assert!(!self.reserved, "{jti} sends while the camera is reserved");
            assert!(!self.private, "{jti} sends while the privacy switch is on");
            let lease_ms = u64::from(world.authority.policy().expect("no policy, no share").lease_s) * 1000;
            let beat_ms = self.last_good_beat_ms.expect("no heartbeat, no share");
            assert!(now.monotonic_ms < beat_ms + lease_ms, "{jti} outlives the lease");
        }
        assert!(!self.private || world.authority.shares().is_empty(), "a share stands while the privacy switch is on");
        let standing = self.shares.values().filter(|seen| seen.ends == 0).count();
        assert_eq!(
            world.authority.shares().len(),
            standing,
            "what was granted and has not ended stands, and nothing else"
        );
        let allowed = world.authority.policy().map_or(0, |policy| usize::from(policy.max_shares));
        assert!(standing <= allowed.min(MAX_SHARES));
        assert!(world.authority.snapshot().used.len() <= MAX_USED);
    }
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
        Step::Grant { ahead_s, length_s, port, tunnel, stale } => {
            let mut grant = world.grant();
            (grant.nbf, grant.exp) = (grant.nbf + ahead_s, grant.nbf + ahead_s + length_s);
            grant.delivery = Delivery::Push { address: "192.0.2.7".parse().unwrap(), port: *port };
            if *tunnel {
                grant.sub = "tunnel".parse().unwrap();
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
        Step::Beat { names_shares } => {
            let mut heartbeat = world.heartbeat();
            if *names_shares {
                heartbeat.stands = world.authority.shares().iter().map(|share| share.jti().clone()).collect();
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
        Step::Policy { version, max_shares, lease_s, drop_tunnel } => {
            let mut newer = contract::policy::Policy { max_shares: *max_shares, lease_s: *lease_s, ..policy(*version) };
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
            onlooker.shares.values_mut().for_each(|seen| seen.ends = seen.ends.max(1));
            onlooker.last_good_beat_ms = None;
            last.challenges += 1;
            // The switch is a thing on the wall: the new eye finds it as it was.
            world.restart(&format!("boot-{}", last.challenges));
            world.authority.handle_privacy_switch(onlooker.private, world.now());
            let held = world.authority.snapshot().policy_version.unwrap();
            world.authority.handle_policy(policy(held), world.now()).unwrap();
        }
    }
}

#[derive(Default)]
struct Last {
    grant: Option<contract::claims::Grant>,
    heartbeat: Option<contract::claims::Heartbeat>,
    epoch: u64,
    challenges: u32,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn p1_p4_p5_hold_whatever_happens_in_whatever_order(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        world.stands = None;
        let mut onlooker = Onlooker { last_good_beat_ms: Some(world.monotonic_ms), ..Onlooker::default() };
        let mut last = Last::default();
        for step in &steps {
            take(step, &mut world, &mut onlooker, &mut last);
            world.drain();
            onlooker.read_events(&world);
            onlooker.check(&world);
        }
        // In the end all is silent: the room stopped, and the lease is at most twenty seconds.
        pass_dutifully(&mut world, &mut onlooker, 21_000);
        prop_assert!(world.authority.shares().is_empty());
        prop_assert!(onlooker.shares.values().all(|seen| seen.ends == 1), "every start has exactly one end");
    }
}

/// The sequences above are worth something only if they get far: many of them must really run shares.
#[test]
fn the_random_sequences_do_run_shares() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut granted, mut sent) = (0, 0);
    for _ in 0..200 {
        let steps = prop::collection::vec(step(), 1..80).new_tree(&mut runner).unwrap().current();
        let mut world = World::new();
        world.stands = None;
        let mut onlooker = Onlooker { last_good_beat_ms: Some(world.monotonic_ms), ..Onlooker::default() };
        let mut last = Last::default();
        for step in &steps {
            take(step, &mut world, &mut onlooker, &mut last);
            world.drain();
            world.take_pictures();
            onlooker.read_events(&world);
        }
        granted += onlooker.accepted.len();
        sent += world.pictures.len();
    }
    assert!(granted > 300 && sent > 150, "granted {granted}, sent {sent}");
}
