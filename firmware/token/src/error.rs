//! What can be wrong with a token, key or bundle. The texts go back to whoever sent it; of what a sender chose they repeat key ids at
//! most, never claims. A log takes [`TokenError::code`] alone (P10).

use contract::body::Refusal;
use contract::claims::{MAX_TOKEN, TokenKind};
use contract::policy::{MAX_POLICY, PolicyError};
use contract::{ErrorCode, KeyId};

/// Why a token, key file or policy bundle was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Too long; nothing of it was read.
    #[error("the token has {0} bytes; the board reads at most {MAX_TOKEN}")]
    TooLarge(usize),
    /// Too long; nothing of it was read.
    #[error("the policy bundle has {0} bytes; the board reads at most {MAX_POLICY}")]
    PolicyTooLarge(usize),
    /// Not three base64url parts separated by dots.
    #[error("not a compact JWS (RFC 7515 section 7.1): {0}")]
    NotCompact(&'static str),
    /// The JOSE header is not exactly `alg`, `typ`, `kid`.
    #[error("the JOSE header is not {{\"alg\":\"EdDSA\",\"typ\":…,\"kid\":…}} and nothing else: {0}")]
    Header(String),
    /// An algorithm other than EdDSA: never negotiated (RFC 8725 section 3.1).
    #[error("the token's alg is not EdDSA, the only one that is accepted")]
    Algorithm,
    /// A token of another kind.
    #[error("the token's typ is not {:?}", .0.typ())]
    WrongType(TokenKind),
    /// No token that this version knows.
    #[error("this version knows no such typ; here it takes {:?}", .0.typ())]
    UnknownType(TokenKind),
    /// Not in the trust store.
    #[error("key {0} is not in the trust store of the policy in force")]
    UnknownKey(KeyId),
    /// Altered, or signed by somebody else.
    #[error("the signature does not match key {0}")]
    BadSignature(KeyId),
    /// `iss` names another key than the one that signed.
    #[error("iss is not the signing key {0}")]
    WrongIssuer(KeyId),
    /// The claims are not what this kind of token says.
    #[error("the claims do not parse: {0}")]
    Claims(String),
    /// A key file or key text is off.
    #[error("not an Ed25519 key as a JWK (RFC 8037 section 2): {0}")]
    Key(String),
    /// The policy bundle is not a JWS in general JSON serialisation, or its payload is not a policy.
    #[error("not a signed policy bundle: {0}")]
    Bundle(String),
    /// Too few good signatures by different root keys.
    #[error(
        "the policy bundle has good signatures by {found} of this board's policy keys, {needed} different ones are needed"
    )]
    TooFewSignatures {
        /// Different root keys that signed it well.
        found: usize,
        /// How many there must be.
        needed: usize,
    },
    /// A key that signs policies may not grant too (P6).
    #[error("policy key {0} is also in the bundle's trust store; whoever signs policies may not grant")]
    RootMayGrant(KeyId),
    /// The policy's contents are off.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Another part of this program installed a different signature provider first.
    #[error("another JWS provider is installed in this process; tokens can be neither signed nor verified")]
    Provider,
}

impl TokenError {
    /// The code that goes back to whoever sent it.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            TokenError::TooLarge(_) | TokenError::PolicyTooLarge(_) => ErrorCode::TooLarge,
            TokenError::NotCompact(_)
            | TokenError::Header(_)
            | TokenError::Algorithm
            | TokenError::WrongIssuer(_)
            | TokenError::Claims(_)
            | TokenError::Key(_)
            | TokenError::Bundle(_) => ErrorCode::Malformed,
            TokenError::WrongType(_) => ErrorCode::WrongType,
            TokenError::UnknownType(_) => ErrorCode::UnknownCommand,
            TokenError::UnknownKey(_) => ErrorCode::UnknownKey,
            TokenError::BadSignature(_) => ErrorCode::BadSignature,
            TokenError::TooFewSignatures { .. } | TokenError::RootMayGrant(_) | TokenError::Policy(_) => {
                ErrorCode::PolicyRefused
            }
            TokenError::Provider => ErrorCode::Fault,
        }
    }
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Refusal {
        Refusal::new(error.code(), error.to_string())
    }
}
