//! Who may speak next: subscribers ask as often as they like, and the office shares one lock with the frame road. Before anything is verified a name is
//! held to a rate of its own, and all names together to another; what goes beyond is answered without a look.
//!
//! The name is what the token *says*: whoever borrows another's name uses up that one's turns, which the broker's access list and the voice prevent.

use super::bucket::{Bucket, Rate};
use contract::KeyId;
use contract::policy::Policy;
use std::collections::BTreeMap;

/// Turns that one name may save up, and how long one takes to grow back.
const EACH: Rate = (8, 250);
/// The same for all names together.
const ALL: Rate = (32, 50);
/// Most names that are counted; those of no policy are not among them.
const MAX_NAMES: usize = 256;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Asks {
    all: Option<Bucket>,
    each: BTreeMap<KeyId, Bucket>,
}

impl Asks {
    /// Whether what `kid` says is to be looked at. A name that `policy` does not know costs nobody a turn: its signature is not looked at anyway.
    pub(super) fn lets_in(&mut self, kid: &KeyId, policy: Option<&Policy>, now_ms: u64) -> bool {
        let known = policy.is_some_and(|policy| {
            policy.keys.iter().any(|key| key.kid == *kid)
                || policy.subscribers.iter().any(|rule| rule.id.as_str() == kid.as_str())
        });
        if !known {
            return true;
        }
        if self.each.len() >= MAX_NAMES && !self.each.contains_key(kid) {
            self.each.retain(|_, bucket| {
                bucket.refill(EACH, now_ms);
                bucket.turns < EACH.0
            });
            if self.each.len() >= MAX_NAMES {
                return false;
            }
        }
        let each = self.each.entry(kid.clone()).or_insert_with(|| Bucket::full(EACH, now_ms));
        each.refill(EACH, now_ms);
        let all = self.all.get_or_insert_with(|| Bucket::full(ALL, now_ms));
        all.refill(ALL, now_ms);
        let may = each.turns > 0 && all.turns > 0;
        if may {
            each.turns -= 1;
            all.turns -= 1;
        }
        may
    }
}
