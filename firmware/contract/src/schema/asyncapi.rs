//! The AsyncAPI 3.0 document. Its payloads are AsyncAPI Schema Objects (draft 07 with its own additions), made from the same types.

use super::describe::{INTRODUCTION, PARAMETERS};
use super::{BODIES, Channel, Party, ROOT, SchemaOf, channels, tokens};
use crate::claims::MAX_TOKEN;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// Of the MQTT bindings.
const BINDING: &str = "0.2.0";

/// `asyncapi.json`.
pub(crate) fn document() -> Value {
    let mut generator = SchemaSettings::draft07()
        .with(|settings| {
            settings.meta_schema = None;
            settings.definitions_path = "/components/schemas".into();
        })
        .into_generator();
    let channels = channels();
    let messages = messages(&channels, &mut generator);
    let parameters: Map<String, Value> =
        PARAMETERS.iter().map(|(name, what)| ((*name).to_owned(), json!({"description": what}))).collect();
    json!({
        "asyncapi": "3.0.0",
        "id": format!("urn:{}", ROOT.replace('/', ":")),
        "info": {
            "title": "Campari camera sharing",
            "version": "1.0.0",
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {
            "host": "{host}:8883",
            "protocol": "secure-mqtt",
            "protocolVersion": "5.0",
            "description": "The site's broker: TLS, one client certificate for each party.",
            "variables": {"host": {"description": "Name or address of the broker."}},
            "security": [{"$ref": "#/components/securitySchemes/certificate"}],
            "bindings": {"mqtt": {"cleanSession": true, "bindingVersion": BINDING}}
        }},
        "channels": channels.iter().map(|channel| (channel.name.clone(), channel_object(channel))).collect::<Map<_, _>>(),
        "operations": channels.iter().filter_map(operation).collect::<Map<_, _>>(),
        "components": {
            "messages": messages,
            "schemas": generator.take_definitions(true),
            "parameters": parameters,
            "securitySchemes": {"certificate": {"type": "X509", "description": "The certificate's common name is what the access list binds topics to."}}
        }
    })
}

fn channel_object(channel: &Channel) -> Value {
    let parameters: Map<String, Value> = PARAMETERS
        .iter()
        .filter(|(name, _)| channel.address.contains(&format!("{{{name}}}")))
        .map(|(name, _)| ((*name).to_owned(), json!({"$ref": format!("#/components/parameters/{name}")})))
        .collect();
    let names = |parties: &[Party]| parties.iter().map(|party| party.name()).collect::<Vec<_>>();
    json!({
        "address": channel.address,
        "parameters": parameters,
        "messages": channel.messages.iter().map(|message| {
            (message.name().to_owned(), json!({"$ref": format!("#/components/messages/{}", message.name())}))
        }).collect::<Map<_, _>>(),
        "x-who": {"publish": names(channel.writes), "subscribe": names(channel.reads)},
        "x-mqtt": mqtt(channel),
    })
}

fn mqtt(channel: &Channel) -> Value {
    let mut binding = json!({"qos": 1, "retain": channel.retained, "bindingVersion": BINDING});
    if let Some(expiry_s) = channel.expiry_s {
        binding["messageExpiryInterval"] = expiry_s.into();
    }
    binding
}

/// What the board does there; nothing where it neither speaks nor listens.
fn operation(channel: &Channel) -> Option<(String, Value)> {
    let action = if channel.writes.contains(&Party::Board) {
        "send"
    } else if channel.reads.contains(&Party::Board) {
        "receive"
    } else {
        return None;
    };
    // An answer is the reply of the operation that it answers.
    if channel.name == "answer" {
        return None;
    }
    let here = format!("#/channels/{}", channel.name);
    let mut operation = json!({
        "action": action,
        "channel": {"$ref": here},
        "messages": channel.messages.iter().map(|message| json!({"$ref": format!("{here}/messages/{}", message.name())})).collect::<Vec<_>>(),
        "bindings": {"mqtt": mqtt(channel)},
    });
    if channel.answered {
        operation["reply"] = json!({
            "address": {"location": "$message.header#/responseTopic"},
            "channel": {"$ref": "#/channels/answer"},
            "messages": [{"$ref": "#/channels/answer/messages/answer"}],
        });
    }
    Some((format!("{action}-{}", channel.name), operation))
}

fn messages(channels: &[Channel], generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut messages = Map::new();
    for (name, schema) in BODIES {
        let payload = refer(generator, schema);
        let message =
            json!({"contentType": "application/json", "payload": payload, "x-schema": format!("body/{name}.json")});
        messages.insert(name.to_owned(), message);
    }
    for token in tokens() {
        let claims = refer(generator, token.claims);
        let message = json!({
            "contentType": "application/jose",
            "payload": {
                "type": "string",
                "description": "Compact JWS (RFC 7515 section 7.1).",
                "maxLength": token.longest.min(MAX_TOKEN),
                "pattern": r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}$"
            },
            "x-jws": {
                "typ": token.kind.typ(),
                "header": token.header_path(),
                "claims": token.claims_path(),
                "claimsSchema": claims,
                "signedBy": token.signers.iter().map(|party| party.name()).collect::<Vec<_>>(),
            }
        });
        messages.insert(token.name().to_owned(), message);
    }
    for channel in channels.iter().filter(|channel| channel.answered) {
        for message in &channel.messages {
            messages[message.name()]["headers"] = json!({
                "type": "object",
                "description": "MQTT 5 properties of the message.",
                "properties": {
                    "responseTopic": {"type": "string", "description": "Where the board answers; of the shape of the channel `answer`."},
                    "correlationData": {"type": "string", "description": "Comes back with the answer, at most 256 bytes."}
                }
            });
        }
    }
    for (name, message) in &mut messages {
        message["name"] = name.as_str().into();
    }
    messages
}

/// Puts a root schema among the definitions, under its title, and refers to it.
fn refer(generator: &mut SchemaGenerator, schema: SchemaOf) -> Value {
    let mut schema = schema(generator);
    for member in ["definitions", "$defs", "components", "$schema"] {
        schema.remove(member);
    }
    let title = schema.get("title").and_then(Value::as_str).unwrap_or_default().to_owned();
    generator.definitions_mut().insert(title.clone(), schema.into());
    json!({"$ref": format!("#/components/schemas/{title}")})
}
