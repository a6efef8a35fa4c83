//! JSON as strict as a signed text deserves: no member twice in one object (RFC 7519 §4 lets a verifier refuse that; two readers
//! of one token could otherwise read two things), and no deeper than [`MAX_DEPTH`].

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// Deepest nesting of objects and arrays.
pub(crate) const MAX_DEPTH: u8 = 16;

/// Parses `json` into `T`.
///
/// # Errors
/// A text saying what is wrong and where, free of the values in `json`.
pub(crate) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    let mut walker = serde_json::Deserializer::from_slice(json);
    Walk { depth: 0 }.deserialize(&mut walker).and_then(|()| walker.end()).map_err(|e| describe(&e))?;
    serde_json::from_slice(json).map_err(|e| describe(&e))
}

/// serde's message where it names a field of ours or a rule of ours; otherwise only the place.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let speaks_of_fields = ["missing field", "a member is there twice", "nested deeper"];
    if speaks_of_fields.iter().any(|start| text.starts_with(start)) {
        return text;
    }
    let what = match error.classify() {
        serde_json::error::Category::Data => "a member has the wrong type or value, or is not known",
        _ => "not JSON",
    };
    format!("{what}, line {} column {}", error.line(), error.column())
}

/// Walks over a value and keeps nothing.
#[derive(Clone, Copy)]
struct Walk {
    depth: u8,
}

impl Walk {
    fn deeper<E: Error>(self) -> Result<Walk, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Walk { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut seen = HashSet::new();
        while let Some(member) = map.next_key::<String>()? {
            if !seen.insert(member) {
                return Err(A::Error::custom("a member is there twice"));
            }
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}
