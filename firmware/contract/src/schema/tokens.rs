//! Every kind of token, who signs it, and what its claims are called.

use super::{Party, SchemaOf};
use crate::claims::{self, TokenKind};
use schemars::SchemaGenerator;

/// A kind of token.
#[derive(Clone, Copy)]
pub struct Token {
    /// Which.
    pub kind: TokenKind,
    /// Whose key signs it.
    pub signers: &'static [Party],
    /// Its claims.
    pub(crate) claims: SchemaOf,
    /// Longest that the board reads, bytes.
    pub longest: usize,
}

impl Token {
    /// `grant`, `report-leak` …
    #[must_use]
    pub fn name(&self) -> &'static str {
        name_of(self.kind)
    }
    /// The file of its claims' schema.
    #[must_use]
    pub fn claims_path(&self) -> String {
        format!("token/{}.claims.json", self.name())
    }
    /// The file of its JOSE header's schema.
    #[must_use]
    pub fn header_path(&self) -> String {
        format!("token/{}.header.json", self.name())
    }
}

/// The name that is in the `typ`: `campari-NAME+jwt`.
pub(crate) fn name_of(kind: TokenKind) -> &'static str {
    let typ = kind.typ();
    typ.strip_prefix("campari-").and_then(|rest| rest.strip_suffix("+jwt")).unwrap_or(typ)
}

/// All of them.
#[must_use]
pub fn tokens() -> Vec<Token> {
    use Party::{Board, Centralist, PrivacyOfficer, Room, Subscriber};
    let token = |kind, signers, claims| Token { kind, signers, claims, longest: claims::MAX_TOKEN };
    let of = |kind, claims| token(kind, &[Subscriber], claims);
    vec![
        token(TokenKind::Grant, &[Centralist], SchemaGenerator::root_schema_for::<claims::Grant>),
        token(TokenKind::Extend, &[Centralist], SchemaGenerator::root_schema_for::<claims::Extend>),
        token(TokenKind::Deny, &[Centralist], SchemaGenerator::root_schema_for::<claims::Deny>),
        token(TokenKind::Revoke, &[Centralist], SchemaGenerator::root_schema_for::<claims::Revoke>),
        token(TokenKind::Preempt, &[Centralist], SchemaGenerator::root_schema_for::<claims::Preempt>),
        token(TokenKind::Release, &[Centralist], SchemaGenerator::root_schema_for::<claims::Release>),
        token(TokenKind::Heartbeat, &[Room], SchemaGenerator::root_schema_for::<claims::Heartbeat>),
        Token {
            longest: claims::MAX_REQUEST_TOKEN,
            ..of(TokenKind::Request, SchemaGenerator::root_schema_for::<claims::Request>)
        },
        of(TokenKind::Withdraw, SchemaGenerator::root_schema_for::<claims::Withdraw>),
        of(TokenKind::Leave, SchemaGenerator::root_schema_for::<claims::Leave>),
        token(
            TokenKind::ReportLeak,
            &[Subscriber, Centralist, PrivacyOfficer],
            SchemaGenerator::root_schema_for::<claims::ReportLeak>,
        ),
        token(TokenKind::ClearLeak, &[PrivacyOfficer], SchemaGenerator::root_schema_for::<claims::ClearLeak>),
        token(TokenKind::UsageAck, &[Room], SchemaGenerator::root_schema_for::<claims::UsageAck>),
        token(TokenKind::JournalHead, &[Board], SchemaGenerator::root_schema_for::<claims::Head>),
        token(TokenKind::Description, &[Board], SchemaGenerator::root_schema_for::<claims::Description>),
    ]
}
