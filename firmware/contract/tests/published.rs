//! The published contract is what the types say: schemas fresh, examples replayed, what must be refused refused by type and schema alike.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

use contract::asking::{DenyReason, Inbox, LapseReason, RequestEvent};
use contract::body::{Answer, Catalogue, RoomBusy, RoomPresence, ShareEvent, ShareLog, SignedHead, State, Taken};
use contract::claims::{self, TokenKind};
use contract::policy::{Policy, SignedPolicy};
use contract::schema::{self, Message};
use contract::topic::{AskTopic, CommandTopic};
use contract::usage::UsageRecord;
use contract::{EndReason, ErrorCode, ToldReason};
use jsonschema::Validator;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const RENEW: &str = "renew it with `cargo xtask contract` and look at what changed";

/// Reads a value into its type and writes it back.
type Replay = fn(&str) -> Result<Value, String>;

fn replay<T: DeserializeOwned + Serialize>(text: &str) -> Result<Value, String> {
    let value: T = serde_json::from_str(text).map_err(|error| error.to_string())?;
    // By way of text: a number of 32 bits written as text reads back as it was.
    Ok(serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap())
}

fn replay_policy(text: &str) -> Result<Value, String> {
    let policy: Policy = serde_json::from_str(text).map_err(|error| error.to_string())?;
    policy.check().map_err(|error| error.to_string())?;
    replay::<Policy>(text)
}

/// Which type is behind a schema; `None` for JOSE headers, which the token crate reads.
fn type_of(name: &str) -> Option<Replay> {
    let replay: Replay = match name {
        "token/grant.claims" => replay::<claims::Grant>,
        "token/extend.claims" => replay::<claims::Extend>,
        "token/deny.claims" => replay::<claims::Deny>,
        "token/revoke.claims" => replay::<claims::Revoke>,
        "token/preempt.claims" => replay::<claims::Preempt>,
        "token/release.claims" => replay::<claims::Release>,
        "token/heartbeat.claims" => replay::<claims::Heartbeat>,
        "token/request.claims" => replay::<claims::Request>,
        "token/withdraw.claims" => replay::<claims::Withdraw>,
        "token/leave.claims" => replay::<claims::Leave>,
        "token/report-leak.claims" => replay::<claims::ReportLeak>,
        "token/clear-leak.claims" => replay::<claims::ClearLeak>,
        "token/usage-ack.claims" => replay::<claims::UsageAck>,
        "token/head.claims" => replay::<claims::Head>,
        "token/description.claims" => replay::<claims::Description>,
        "body/answer" => replay::<Answer>,
        "body/state" => replay::<State>,
        "body/catalogue" => replay::<Catalogue>,
        "body/share-event" => replay::<ShareEvent>,
        "body/request-event" => replay::<RequestEvent>,
        "body/share-log" => replay::<ShareLog>,
        "body/inbox" => replay::<Inbox>,
        "body/presence" => replay::<RoomPresence>,
        "body/busy" => replay::<RoomBusy>,
        "body/taken" => replay::<Taken>,
        "body/journal-head" => replay::<SignedHead>,
        "body/usage-record" => replay::<UsageRecord>,
        "body/signed-policy" => replay::<SignedPolicy>,
        "policy/policy" => replay_policy,
        _ => return None,
    };
    Some(replay)
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema")
}

/// The schemas among the files, without `.json`, and what validates with them.
fn schemas() -> Vec<(String, Validator)> {
    let files = schema::files().into_iter().filter(|file| file.json.get("$schema").is_some());
    files
        .map(|file| {
            let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&file.json);
            (file.path.trim_end_matches(".json").to_owned(), validator.unwrap())
        })
        .collect()
}

/// Every file below `folder`.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.into_iter().flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// The texts in `examples/NAME/` or `refused/NAME/`, each with what it is called.
fn cases(kind: &str, name: &str) -> Vec<(String, String)> {
    let folder = here().join(kind).join(name);
    if !folder.exists() {
        return vec![];
    }
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read_to_string(&path).unwrap());
    walk(&folder).into_iter().map(read).collect()
}

#[test]
fn the_committed_files_are_those_of_the_types() {
    for file in schema::files() {
        let path = here().join(&file.path);
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        let committed: Value = serde_json::from_str(&committed).unwrap_or_default();
        assert!(committed == file.json, "{} is stale: {RENEW}", path.display());
    }
    let made: BTreeSet<PathBuf> = schema::files().iter().map(|file| here().join(&file.path)).collect();
    for path in walk(&here()) {
        let by_hand = ["examples", "refused"].iter().any(|kind| path.starts_with(here().join(kind)));
        assert!(by_hand || made.contains(&path) || path.ends_with("vectors.json"), "{} is nobody's", path.display());
    }
}

#[test]
fn the_tables_of_the_page_are_those_of_the_types() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    assert!(schema::readme(&page) == page, "a table of firmware/contract/README.md is stale: {RENEW}");
    for name in ["topics", "tokens", "errors", "ends"] {
        assert!(page.contains(&format!("<!-- {name}: ")), "README.md has no table of {name}");
    }
}

#[test]
fn every_schema_is_one_by_the_rules_of_its_draft() {
    for file in schema::files().iter().filter(|file| file.json.get("$schema").is_some()) {
        assert!(jsonschema::meta::is_valid(&file.json), "{}", file.path);
        assert_eq!(file.json["$schema"], "https://json-schema.org/draft/2020-12/schema", "{}", file.path);
    }
}

#[test]
fn every_example_parses_writes_back_equal_and_satisfies_its_schema() {
    let mut seen = 0;
    for (name, validator) in schemas() {
        let examples = cases("examples", &name);
        assert!(!examples.is_empty() || name.ends_with(".header") || name == "policy/header", "no example of {name}");
        for (case, text) in examples {
            let value: Value = serde_json::from_str(&text).unwrap();
            assert!(validator.is_valid(&value), "{case}: {:?}", validator.validate(&value).map_err(|e| e.to_string()));
            if let Some(replay) = type_of(&name) {
                assert_eq!(replay(&text).as_ref(), Ok(&value), "{case}");
            }
            seen += 1;
        }
    }
    let lying = walk(&here().join("examples")).len();
    assert_eq!(seen, lying, "an example is in a folder that is named after no schema");
}

#[test]
fn what_must_be_refused_is_refused_by_type_and_schema_alike() {
    let mut seen = 0;
    for (name, validator) in schemas() {
        let refused = cases("refused", &name);
        assert!(
            !refused.is_empty() || name.ends_with(".header") || name == "policy/header",
            "nothing refused of {name}"
        );
        for (case, text) in refused {
            assert!(!validator.is_valid(&serde_json::from_str(&text).unwrap()), "the schema lets pass {case}");
            if let Some(replay) = type_of(&name) {
                assert!(replay(&text).is_err(), "the type lets pass {case}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, walk(&here().join("refused")).len(), "a case is in a folder that is named after no schema");
}

#[test]
fn a_member_from_a_newer_peer_is_ignored_everywhere_but_in_the_policy() {
    for (name, validator) in schemas() {
        for (case, text) in cases("examples", &name) {
            let value: Value = serde_json::from_str(&text).unwrap();
            let mut newer = value.clone();
            newer["of-a-newer-peer"] = json!({"some": ["thing"]});
            let closed = name == "policy/policy" || name.ends_with(".header");
            assert_eq!(validator.is_valid(&newer), !closed, "{case}");
            if let Some(replay) = type_of(&name) {
                let read = replay(&newer.to_string());
                assert_eq!(read.ok(), (!closed).then_some(value), "{case}");
            }
        }
    }
}

#[test]
fn identifiers_are_judged_by_the_schema_as_by_the_type() {
    let schemas = schemas();
    let (_, validator) = schemas.iter().find(|(name, _)| name == "token/leave.claims").unwrap();
    let (_, leave) = cases("examples", "token/leave.claims").remove(0);
    let texts = [
        "a",
        "-",
        "_",
        "a.b",
        "613",
        ".",
        "..",
        ".a",
        "",
        "a/b",
        "a+b",
        "#",
        "a b",
        " a",
        "a\n",
        "a\0",
        "é",
        "６",
        "a\u{202e}",
        "\u{feff}a",
        "$SYS",
        "a\u{301}",
        "%2f",
        &"a".repeat(64),
        &"a".repeat(65),
    ];
    for text in texts {
        let mut value: Value = serde_json::from_str(&leave).unwrap();
        value["share"] = text.into();
        let by_type = replay::<claims::Leave>(&value.to_string()).is_ok();
        assert_eq!(validator.is_valid(&value), by_type, "{text:?}");
        let mut value: Value = serde_json::from_str(&leave).unwrap();
        value["aud"] = format!("almere/{text}").into();
        let by_type = replay::<claims::Leave>(&value.to_string()).is_ok();
        assert_eq!(validator.is_valid(&value), by_type, "almere/{text:?}");
    }
}

#[test]
fn every_command_of_the_boards_is_in_the_document_and_every_message_has_a_schema() {
    let channels = schema::channels();
    let files: BTreeSet<String> = schema::files().into_iter().map(|file| file.path).collect();
    let said = |level: &str| channels.iter().any(|channel| channel.address.contains(&format!("/{{camera}}/{level}")));
    for command in CommandTopic::ALL {
        assert!(said(command.level()), "{command:?}");
    }
    for ask in AskTopic::ALL {
        assert!(said(&format!("{}/{{subscriber}}", ask.level())), "{ask:?}");
    }
    for channel in &channels {
        assert!(channel.address.starts_with("campari/v1/{site}/"), "{}", channel.address);
        for message in &channel.messages {
            let path = match message {
                Message::Token(_) => format!("token/{}.claims.json", message.name()),
                Message::Body(name) => format!("body/{name}.json"),
            };
            assert!(files.contains(&path), "{}: {path}", channel.name);
        }
    }
    let types: BTreeSet<_> = schema::tokens().iter().map(|token| token.kind.typ()).collect();
    assert_eq!(types.len(), schema::tokens().len(), "two kinds of token share a typ");
    assert!(types.contains(TokenKind::Grant.typ()));
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn follow(value: &Value, whole: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(to)) = members.get("$ref") {
                    let found = to.strip_prefix('#').and_then(|pointer| whole.pointer(pointer));
                    assert!(found.is_some(), "{to} leads nowhere");
                }
                members.values().for_each(|member| follow(member, whole));
            }
            Value::Array(items) => items.iter().for_each(|item| follow(item, whole)),
            _ => {}
        }
    }
    let document = schema::files().into_iter().find(|file| file.path == "asyncapi.json").unwrap().json;
    assert_eq!(document["asyncapi"], "3.0.0");
    follow(&document, &document);
}

#[test]
fn every_code_and_reason_is_explained() {
    let reasons = schema::files().into_iter().find(|file| file.path == "reasons.json").unwrap().json;
    let of = |list: &str, member: &str| -> Vec<String> {
        let rows = reasons[list].as_array().unwrap();
        rows.iter().for_each(|row| assert!(row["cause"].as_str().unwrap().len() > 8, "{row}"));
        rows.iter().map(|row| row[member].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of("errors", "code"), ErrorCode::ALL.map(|code| code.to_string()));
    assert_eq!(of("ends", "reason"), EndReason::ALL.map(|reason| reason.to_string()));
    assert_eq!(of("ends", "told"), EndReason::ALL.map(|reason| reason.told().to_string()));
    let told = of("told", "reason");
    assert!(told.contains(&ToldReason::Ended.to_string()));
    assert!(of("denials", "reason").contains(&json!(DenyReason::Busy).as_str().unwrap().to_owned()));
    assert!(of("lapses", "reason").contains(&json!(LapseReason::Dropped).as_str().unwrap().to_owned()));
    for code in ErrorCode::ALL {
        assert!(code.remedy().len() > 20 && code.remedy().ends_with('.'), "{code}");
    }
}
