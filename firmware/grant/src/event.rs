//! What the authority has decided, in order.

use contract::asking::RequestEvent;
use contract::body::Mode;
use contract::claims::{Actors, Grant, Request};
use contract::{EndReason, Filter, Jti, KeyId, SubscriberId, ToldReason};

/// Something that the driver must act upon, journal and tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A grant was accepted. Exactly one [`Event::Ended`] with its `jti` follows, sooner or later.
    Granted {
        /// All that was granted.
        grant: Box<Grant>,
        /// The filter in effect when it begins, as things stand: the granted one or a stronger one.
        filter: Filter,
    },
    /// The police gave the camera back, and a share that they had ended begins anew under the same `jti`. As after [`Event::Granted`], exactly one
    /// more [`Event::Ended`] follows.
    Restored {
        /// All that was granted.
        grant: Box<Grant>,
        /// The filter in effect, as with [`Event::Granted`].
        filter: Filter,
    },
    /// The share's window is open and, where it is fetched, a viewer is there: its media may flow as long as [`crate::Authority::may_send`] says so.
    Started {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
    },
    /// Nobody watches: its media stops now, and it ends unless a viewer comes back. Of a share that is fetched this comes before [`Event::Started`]
    /// too: it waits for its first viewer.
    Waiting {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
        /// When it ends, Unix seconds.
        until: u64,
    },
    /// A viewer came back; its media may flow again.
    Resumed {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
    },
    /// The share's window closes later now.
    Extended {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
        /// When it closes, Unix seconds.
        exp: u64,
        /// The key that signed.
        by: KeyId,
        /// Who acted.
        act: Actors,
    },
    /// Another filter is in effect for the share than was told last.
    Filtered {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
        /// The filter.
        filter: Filter,
    },
    /// The share is over; nothing of it may be sent any more.
    Ended {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
        /// Why: for the control room and the journal.
        reason: EndReason,
        /// What the subscriber is told.
        told: ToldReason,
    },
    /// The police took the camera or gave it back.
    ModeChanged(Mode),
    /// A request waits for a centralist. Exactly one [`Event::Decided`] with its `jti` follows.
    Asked {
        /// All that is asked for; the filter is filled in.
        request: Box<Request>,
        /// Who asks.
        sub: SubscriberId,
        /// When it lapses, Unix seconds.
        until: u64,
    },
    /// What became of a request; also of one that lapsed as it came, without [`Event::Asked`] before.
    Decided {
        /// The request.
        jti: Jti,
        /// Who asked.
        sub: SubscriberId,
        /// What became of it; never `pending`.
        outcome: RequestEvent,
        /// Who decided, if somebody of the control room did.
        by: Option<(KeyId, Actors)>,
    },
    /// The camera does not look where it was sent: nothing of it may be shown ([`crate::Authority::is_away`]).
    ViewLeft,
    /// It looks there again.
    ViewBack,
    /// Somebody reported something uncovered; everything is `coarse` until [`Event::LeakCleared`].
    LeakReported {
        /// The key that signed: a subscriber's id, or a key of the trust store.
        by: KeyId,
        /// The subscriber, if it was one.
        sub: Option<SubscriberId>,
        /// In which share, if that was said.
        share: Option<Jti>,
        /// Who acted, if it was somebody of the control room.
        act: Option<Actors>,
    },
    /// A privacy officer has looked into the reports; the granted filters apply again.
    LeakCleared {
        /// The key that signed.
        by: KeyId,
        /// Who acted.
        act: Actors,
    },
}
