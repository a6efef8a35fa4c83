//! The contract as others read it: JSON Schemas (2020-12) and an AsyncAPI 3.0 document, made from the Rust types of this crate.
//!
//! **What is published is what the boards parse**: nothing here is written twice. `cargo xtask contract` writes the files of [`files`] and the tables
//! of [`readme`]; a test fails while they differ from what is committed. Only behind the feature `schema`, which no board's program asks for.

mod asyncapi;
mod channels;
mod describe;
mod reasons;
mod tables;
mod tokens;

pub use channels::{Channel, Message, Party, channels};
pub use tables::readme;
pub use tokens::{Token, tokens};

use crate::asking::{Inbox, RequestEvent};
use crate::body;
use crate::policy::{Policy, SignedPolicy};
use crate::usage::UsageRecord;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The topic root's version: a change that an older peer cannot follow gets a new one.
pub const ROOT: &str = "campari/v1";

/// A file of the published contract.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Below `firmware/contract/schema/`.
    pub path: String,
    /// What it holds.
    pub json: Value,
}

impl File {
    /// As it lies on disk.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{:#}\n", self.json)
    }
}

/// A type, as a schema of its own or as a reference into a larger document.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The bodies that are JSON and not signed, by the names of their schemas.
pub const BODIES: [(&str, SchemaOf); 13] = [
    ("answer", SchemaGenerator::root_schema_for::<body::Answer>),
    ("state", SchemaGenerator::root_schema_for::<body::State>),
    ("catalogue", SchemaGenerator::root_schema_for::<body::Catalogue>),
    ("share-event", SchemaGenerator::root_schema_for::<body::ShareEvent>),
    ("request-event", SchemaGenerator::root_schema_for::<RequestEvent>),
    ("share-log", SchemaGenerator::root_schema_for::<body::ShareLog>),
    ("inbox", SchemaGenerator::root_schema_for::<Inbox>),
    ("presence", SchemaGenerator::root_schema_for::<body::RoomPresence>),
    ("busy", SchemaGenerator::root_schema_for::<body::RoomBusy>),
    ("taken", SchemaGenerator::root_schema_for::<body::Taken>),
    ("journal-head", SchemaGenerator::root_schema_for::<body::SignedHead>),
    ("usage-record", SchemaGenerator::root_schema_for::<UsageRecord>),
    ("signed-policy", SchemaGenerator::root_schema_for::<SignedPolicy>),
];

/// Every file of the published contract.
#[must_use]
pub fn files() -> Vec<File> {
    let mut files: Vec<File> =
        BODIES.iter().map(|(name, schema)| standalone(&format!("body/{name}.json"), *schema)).collect();
    files.push(standalone("policy/policy.json", SchemaGenerator::root_schema_for::<Policy>));
    files.push(header("policy/header.json", crate::policy::POLICY_TYP));
    for token in tokens() {
        files.push(standalone(&token.claims_path(), token.claims));
        files.push(header(&token.header_path(), token.kind.typ()));
    }
    files.push(File { path: "reasons.json".into(), json: reasons::document() });
    files.push(File { path: "asyncapi.json".into(), json: asyncapi::document() });
    files
}

fn standalone(path: &str, schema: SchemaOf) -> File {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = schema(&mut generator);
    schema.insert("$id".into(), id_of(path).into());
    File { path: path.into(), json: schema.into() }
}

/// The only JOSE header that is read (RFC 7515 §4): these three members and no other.
fn header(path: &str, typ: &str) -> File {
    let json = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": id_of(path),
        "title": format!("JOSE header of {typ}"),
        "type": "object",
        "additionalProperties": false,
        "required": ["alg", "typ", "kid"],
        "properties": {
            "alg": {"const": "EdDSA", "description": "Ed25519 (RFC 8037); never negotiated."},
            "typ": {"const": typ, "description": "So that one kind of token can never pass for another (RFC 8725 section 3.11)."},
            "kid": {
                "type": "string", "minLength": 1, "maxLength": crate::id::MAX_ID, "pattern": crate::id::PATTERN,
                "description": "Which key signed, as the policy names it; equals the claim iss."
            }
        }
    });
    File { path: path.into(), json }
}

fn id_of(path: &str) -> String {
    format!("urn:{}:{}", ROOT.replace('/', ":"), path.trim_end_matches(".json").replace('/', ":"))
}

/// An IP address as text; a name is never resolved.
pub(crate) struct IpLiteral;

impl JsonSchema for IpLiteral {
    fn schema_name() -> Cow<'static, str> {
        "IpLiteral".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "description": "An IP address as text; names are never resolved.", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]
        })
    }
}

/// Hours of the day, `[from, to)`.
pub(crate) struct Hours;

impl JsonSchema for Hours {
    fn schema_name() -> Cow<'static, str> {
        "Hours".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let hour = |latest: u8| json!({"type": "integer", "minimum": 0, "maximum": latest});
        json_schema!({
            "type": "array", "description": "Hours of the day, from and up to.", "prefixItems": [hour(23), hour(24)], "minItems": 2, "maxItems": 2
        })
    }
}

/// What [`crate::key::EncryptionKey::of_cnf`] reads.
pub(crate) struct Confirmation;

impl JsonSchema for Confirmation {
    fn schema_name() -> Cow<'static, str> {
        "Confirmation".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object", "description": "The key that something is bound to (RFC 7800 section 3.2).", "required": ["jwk"],
            "properties": {"jwk": {
                "type": "object", "description": "An X25519 public key (RFC 8037 section 2).", "required": ["kty", "crv", "x"],
                "not": {"required": ["d"]},
                "properties": {
                    "kty": {"const": "OKP"}, "crv": {"const": "X25519"}, "x": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"}
                }
            }}
        })
    }
}

/// What the doc comments say of a unit enum's names, in their order.
pub(crate) fn names_of<T: JsonSchema>() -> Vec<(String, String)> {
    let schema = Value::from(SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one_of = schema["oneOf"].as_array().cloned().unwrap_or_default();
    one_of.iter().map(|one| (text(&one["const"]), text(&one["description"]))).collect()
}
