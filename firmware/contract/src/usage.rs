//! What a share consumed, as the bill reads it. One record a share, told on `usage` until the control room says `usage-ack`.

use crate::body::Usage;
use crate::{CameraId, EndReason, Filter, Jti, SiteId, SubscriberId, ViewName};
use serde::{Deserialize, Serialize};

/// Longest record, in bytes of JSON.
pub const MAX_USAGE_RECORD: usize = 4 * 1024;
/// Most records that one acknowledgement names.
pub const MOST_ACKNOWLEDGED: usize = 64;

/// Which record of a camera. A share that the police interrupted and that was restored has one for each time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordId {
    /// The share.
    pub jti: Jti,
    /// When it was granted or restored, Unix milliseconds on the board.
    pub granted_at_ms: u64,
}

/// On `usage`: who watched what, how long, how clearly. Told again until it is acknowledged; [`UsageRecord::id`] tells a repetition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageRecord {
    /// The site.
    pub site: SiteId,
    /// The camera.
    pub camera: CameraId,
    /// The share.
    pub jti: Jti,
    /// The subscriber.
    pub sub: SubscriberId,
    /// What for.
    pub purpose: String,
    /// The granted view.
    pub view: ViewName,
    /// The filter that was granted.
    pub filter: Filter,
    /// When it was granted or restored, Unix milliseconds on the board.
    pub granted_at_ms: u64,
    /// When its media might first flow; absent when it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at_ms: Option<u64>,
    /// When it was over. After a crash: when the board was back; what was consumed is then what had been written down last, seconds before it.
    pub ended_at_ms: u64,
    /// Why, in truth.
    pub reason: EndReason,
    /// What was consumed. Only `clear` and `cautious` seconds are billed.
    pub usage: Usage,
}

impl UsageRecord {
    /// Which of its camera's records it is.
    #[must_use]
    pub fn part(&self) -> RecordId {
        RecordId { jti: self.jti.clone(), granted_at_ms: self.granted_at_ms }
    }
    /// What makes it one record, however often it is told: `site/camera/jti@granted_at_ms`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}/{}@{}", self.site, self.camera, self.jti, self.granted_at_ms)
    }
}
