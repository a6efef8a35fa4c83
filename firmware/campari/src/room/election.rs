//! Which of the control room's agents leads. Pure: no I/O, no clock.
//!
//! **Whoever has led longest leads.** The leader says so with every heartbeat, on a topic that the broker keeps for the length of the lease; an
//! agent that hears nobody for so long leads. Two that lead at once (a network that fell apart) end it with the first claim that they hear
//! of each other; until then both name the same shares, so that no board ends one.

use contract::Jti;
use std::fmt;

/// How long an agent that starts listens for a leader before it leads, milliseconds: what the broker kept comes at once.
pub const LISTEN_MS: u64 = 500;

/// Who an agent is; survives its restart, so that it need not wait for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentId(u64);

impl AgentId {
    /// From 64 random bits.
    #[must_use]
    pub fn new(random: u64) -> Self {
        Self(random)
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for AgentId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// A leader's claim: it travels in the `jti` of its heartbeats, so that the room's key has signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// Since when it leads, Unix milliseconds on its own clock. First, so that the oldest is the smallest.
    pub since_ms: u64,
    /// Who.
    pub agent: AgentId,
}

impl Claim {
    /// The `jti` of the heartbeat with this counter.
    #[must_use]
    pub fn jti(&self, counter: u64) -> Option<Jti> {
        Jti::new(format!("{}.{:x}.{counter:x}", self.agent, self.since_ms)).ok()
    }

    /// The claim in a heartbeat's `jti`; other agents' may have none.
    #[must_use]
    pub fn of(jti: &Jti) -> Option<Self> {
        let mut parts = jti.as_str().split('.');
        let (agent, since) = (parts.next()?, parts.next()?);
        Some(Self { agent: agent.parse().ok()?, since_ms: u64::from_str_radix(since, 16).ok()? })
    }
}

/// Where an agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// It has just come, or come back.
    Listening,
    /// Another leads.
    Following,
    /// It leads.
    Leading,
}

/// One agent's view. Times are milliseconds on its monotonic clock.
#[derive(Debug)]
pub struct Election {
    me: AgentId,
    patience_ms: u64,
    seat: Seat,
    /// Ours, while we lead.
    claim: Option<Claim>,
    /// When we lead unless somebody else is heard.
    due_ms: u64,
}

impl Election {
    /// An agent that came to the broker at `now_ms`, and takes a leader that is silent for `patience_ms` for gone.
    #[must_use]
    pub fn new(me: AgentId, patience_ms: u64, now_ms: u64) -> Self {
        Self { me, patience_ms, seat: Seat::Listening, claim: None, due_ms: now_ms + LISTEN_MS }
    }

    /// Where it stands.
    #[must_use]
    pub fn seat(&self) -> Seat {
        self.seat
    }

    /// Its own claim, while it leads.
    #[must_use]
    pub fn claim(&self) -> Option<Claim> {
        self.claim
    }

    /// The connection was lost for so long that another may lead: what was is forgotten.
    pub fn come_back(&mut self, now_ms: u64) {
        (self.seat, self.claim, self.due_ms) = (Seat::Listening, None, now_ms + LISTEN_MS);
    }

    /// A verified claim was heard. Answers whether it is another agent's.
    pub fn heard(&mut self, claim: Claim, now_ms: u64) -> bool {
        if claim.agent == self.me {
            // What we said before we restarted: nobody else led since, or the broker would keep that.
            if self.seat == Seat::Listening {
                self.due_ms = now_ms;
            }
            return false;
        }
        if self.claim.is_none_or(|own| claim < own) {
            (self.seat, self.claim, self.due_ms) = (Seat::Following, None, now_ms + self.patience_ms);
        }
        true
    }

    /// The leader took its claim back: it ended in good order.
    pub fn vacated(&mut self, now_ms: u64) {
        if self.seat == Seat::Following {
            self.due_ms = now_ms;
        }
    }

    /// When [`Election::tick`] has something to do.
    #[must_use]
    pub fn due_ms(&self) -> Option<u64> {
        (self.seat != Seat::Leading).then_some(self.due_ms)
    }

    /// Time passed; answers whether we lead from now on. `unix_ms` dates the claim.
    pub fn tick(&mut self, now_ms: u64, unix_ms: u64) -> bool {
        if self.seat == Seat::Leading || now_ms < self.due_ms {
            return false;
        }
        self.seat = Seat::Leading;
        self.claim = Some(Claim { since_ms: unix_ms, agent: self.me });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: u64 = 5_000;

    fn agent(id: u64) -> Election {
        Election::new(AgentId::new(id), PATIENCE, 0)
    }

    fn claim(id: u64, since_ms: u64) -> Claim {
        Claim { since_ms, agent: AgentId::new(id) }
    }

    #[test]
    fn the_first_agent_leads_and_the_second_follows() {
        let (mut first, mut second) = (agent(9), agent(1));
        assert!(!first.tick(LISTEN_MS - 1, 100));
        assert!(first.tick(LISTEN_MS, 100));
        assert!(second.heard(first.claim().unwrap(), 10));
        assert!(!second.tick(LISTEN_MS + 1, 200));
        assert_eq!((first.seat(), second.seat()), (Seat::Leading, Seat::Following));
    }

    #[test]
    fn a_follower_leads_when_the_leader_is_silent_and_not_before() {
        let mut follower = agent(1);
        for at in (0..20_000).step_by(2_000) {
            follower.heard(claim(9, 5), at);
            assert!(!follower.tick(at + 1_999, 0));
        }
        assert!(!follower.tick(18_000 + PATIENCE - 1, 7));
        assert!(follower.tick(18_000 + PATIENCE, 7));
        assert_eq!(follower.claim(), Some(claim(1, 7)));
    }

    #[test]
    fn a_leader_that_leaves_in_good_order_is_followed_at_once() {
        let mut follower = agent(1);
        follower.heard(claim(9, 5), 100);
        follower.vacated(200);
        assert!(follower.tick(200, 50));
    }

    #[test]
    fn of_two_that_lead_the_younger_yields_whatever_order_they_hear_each_other_in() {
        for order in [[0, 1], [1, 0]] {
            let mut agents = [agent(1), agent(2)];
            assert!(agents[0].tick(600, 9_000) && agents[1].tick(600, 8_000));
            for listener in order {
                let other = agents[1 - listener].claim().unwrap_or(claim(2, 8_000));
                agents[listener].heard(other, 700);
            }
            assert_eq!(agents.map(|agent| agent.seat()), [Seat::Following, Seat::Leading]);
        }
    }

    #[test]
    fn an_agent_that_was_cut_off_does_not_claim_its_old_seat() {
        let mut cut_off = agent(1);
        cut_off.tick(600, 1);
        cut_off.come_back(60_000);
        cut_off.heard(claim(2, 30_000), 60_010);
        assert!(!cut_off.tick(61_000, 61_000));
        assert_eq!(cut_off.seat(), Seat::Following);
    }

    #[test]
    fn an_agent_that_restarts_need_not_wait_for_itself() {
        let mut again = agent(1);
        assert!(!again.heard(claim(1, 5), 3));
        assert!(again.tick(3, 70));
    }

    #[test]
    fn a_claim_travels_in_a_heartbeats_jti_and_another_jti_is_none() {
        let made = claim(u64::MAX, u64::MAX);
        let jti = made.jti(u64::MAX).unwrap();
        assert_eq!(Claim::of(&jti), Some(made));
        assert_eq!(Claim::of(&"a1b2".parse().unwrap()), None);
        assert_eq!(Claim::of(&"x.y.z".parse().unwrap()), None);
    }
}
