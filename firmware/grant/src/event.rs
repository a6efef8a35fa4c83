//! What the authority has decided, in order.

use contract::body::Mode;
use contract::claims::Grant;
use contract::{EndReason, Jti, SubscriberId, ToldReason};

/// Something that the driver must act upon, journal and tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A grant was accepted. Exactly one [`Event::Ended`] with its `jti` follows, sooner or later.
    Granted {
        /// All that was granted.
        grant: Box<Grant>,
    },
    /// The share's window is open: its media may flow as long as [`crate::Authority::may_send`] says so.
    Started {
        /// The share.
        jti: Jti,
        /// Its subscriber.
        sub: SubscriberId,
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
}
