//! Every code and reason with what it means, what is told and what helps.

use super::names_of;
use crate::asking::{DenyReason, LapseReason};
use crate::{EndReason, ErrorCode, ToldReason};
use serde::Serialize;
use serde_json::{Value, json};

/// `reasons.json`.
pub(crate) fn document() -> Value {
    let plain = |names: Vec<(String, String)>| -> Vec<Value> {
        names.into_iter().map(|(name, cause)| json!({"reason": name, "cause": cause})).collect()
    };
    json!({
        "errors": errors().into_iter().map(|(code, cause, remedy)| json!({"code": code, "cause": cause, "remedy": remedy})).collect::<Vec<_>>(),
        "ends": ends().into_iter().map(|(reason, cause, told)| json!({"reason": reason, "cause": cause, "told": told})).collect::<Vec<_>>(),
        "told": plain(names_of::<ToldReason>()),
        "denials": plain(names_of::<DenyReason>()),
        "lapses": plain(names_of::<LapseReason>()),
    })
}

/// Code, cause, remedy.
pub(crate) fn errors() -> Vec<(String, String, &'static str)> {
    explained::<ErrorCode>(&ErrorCode::ALL)
        .into_iter()
        .map(|(code, name, cause)| (name, cause, code.remedy()))
        .collect()
}

/// Reason, cause, what the subscriber is told.
pub(crate) fn ends() -> Vec<(String, String, String)> {
    explained::<EndReason>(&EndReason::ALL)
        .into_iter()
        .map(|(reason, name, cause)| (name, cause, reason.told().to_string()))
        .collect()
}

/// Every value with its name on the wire and what its doc comment says.
fn explained<T: schemars::JsonSchema + Serialize + Copy>(all: &[T]) -> Vec<(T, String, String)> {
    let docs = names_of::<T>();
    assert_eq!(docs.len(), all.len(), "ALL must list every variant");
    let name = |value: &T| json!(value).as_str().unwrap_or_default().to_owned();
    let cause = |name: &str| docs.iter().find(|(of, _)| of == name).map(|(_, cause)| cause.clone()).unwrap_or_default();
    all.iter().map(|value| (*value, name(value), cause(&name(value)))).collect()
}
