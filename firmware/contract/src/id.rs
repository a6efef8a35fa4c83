//! Identifiers, each its own type so that a camera is never mistaken for a subscriber.
//!
//! All are 1 to 64 characters of `A-Z a-z 0-9 . _ -` and do not begin with a dot: safe in an MQTT topic level, a file name and
//! a log line. Anything else is refused at the door, so that no identifier can inject a topic. A camera is not called as a topic level beside it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest identifier, in bytes.
pub const MAX_ID: usize = 64;
/// The same rule for those who validate with JSON Schema (ECMA-262).
#[cfg(feature = "schema")]
pub(crate) const PATTERN: &str = "^[A-Za-z0-9_-][A-Za-z0-9._-]*$";

/// Topic levels beside a camera's, `campari/v1/<site>/<level>`: a camera of such a name would hear and say what is not its own.
pub const NO_CAMERA: [&str; 4] = ["all", "answer", "policy", "room"];

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// No characters at all.
    #[error("an identifier may not be empty")]
    Empty,
    /// Longer than [`MAX_ID`].
    #[error("an identifier has at most {MAX_ID} characters, this one has {0}")]
    TooLong(usize),
    /// A character outside the allowed set.
    #[error("{0:?} is not allowed in an identifier (allowed: A-Z a-z 0-9 . _ -, not beginning with a dot)")]
    BadCharacter(char),
    /// One of [`NO_CAMERA`].
    #[error("no camera can be called {0:?}: that is a topic of the whole site")]
    Reserved(String),
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > MAX_ID {
        return Err(IdError::TooLong(text.len()));
    }
    if text.starts_with('.') {
        return Err(IdError::BadCharacter('.'));
    }
    match text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        Some(bad) => Err(IdError::BadCharacter(bad)),
        None => Ok(()),
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => { identifier!($(#[$doc])* $name, but not [""; 0]); };
    ($(#[$doc:meta])* $name:ident, but not $reserved:expr $(, $schema:meta)?) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(extend("minLength" = 1, "maxLength" = MAX_ID, "pattern" = PATTERN)))]
        $(#[$schema])?
        pub struct $name(String);

        impl $name {
            /// Checks `text` and wraps it.
            ///
            /// # Errors
            /// [`IdError`] when `text` is empty, too long or holds a character outside the allowed set.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check(&text)?;
                if $reserved.contains(&text.as_str()) { Err(IdError::Reserved(text)) } else { Ok(Self(text)) }
            }
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

identifier!(/** A city's camera park. */ SiteId);
identifier!(/** One camera of a site; never one of [`NO_CAMERA`]. */ CameraId, but not NO_CAMERA,
    cfg_attr(feature = "schema", schemars(extend("not" = { "enum": NO_CAMERA }))));
identifier!(/** One traffic system that may subscribe. */ SubscriberId);
identifier!(/** A token's unique id (RFC 7519 §4.1.7); a grant's `jti` names its share. */ Jti);
identifier!(/** Which key signed (RFC 7515 §4.1.4). */ KeyId);
identifier!(/** A named aim of the camera. */ ViewName);
identifier!(/** The board's current nonce; a command must carry it. New at every boot and at least hourly. */ Challenge);

#[cfg(feature = "schema")]
const AUDIENCE_PATTERN: &str =
    "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}/((?!(all|answer|policy|room)$)[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}|\\*)$";

/// Whom a token is for: one camera, or every camera of a site where the command allows that.
///
/// Written `site/camera` or `site/*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("maxLength" = 2 * MAX_ID + 1, "pattern" = AUDIENCE_PATTERN)))]
pub struct Audience {
    /// The site.
    pub site: SiteId,
    /// The camera; `None` means every camera of the site.
    pub camera: Option<CameraId>,
}

impl Audience {
    /// One camera.
    #[must_use]
    pub fn camera(site: SiteId, camera: CameraId) -> Self {
        Self { site, camera: Some(camera) }
    }
    /// Every camera of a site.
    #[must_use]
    pub fn site(site: SiteId) -> Self {
        Self { site, camera: None }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.camera {
            Some(camera) => write!(f, "{}/{camera}", self.site),
            None => write!(f, "{}/*", self.site),
        }
    }
}

impl TryFrom<String> for Audience {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        let (site, camera) = text.split_once('/').ok_or(IdError::BadCharacter('/'))?;
        let camera = if camera == "*" { None } else { Some(CameraId::new(camera)?) };
        Ok(Self { site: SiteId::new(site)?, camera })
    }
}

impl From<Audience> for String {
    fn from(audience: Audience) -> String {
        audience.to_string()
    }
}
