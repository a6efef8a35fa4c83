//! Controls by the names that `v4l2-ctl --list-ctrls` prints (`exposure_time_absolute`), checked against what the driver states.

use v4l::v4l_sys::{
    v4l2_ctrl_type_V4L2_CTRL_TYPE_BITMASK as BITMASK, v4l2_ctrl_type_V4L2_CTRL_TYPE_BOOLEAN as BOOLEAN,
    v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER as INTEGER, v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER_MENU as INTEGER_MENU,
    v4l2_ctrl_type_V4L2_CTRL_TYPE_MENU as MENU,
};

/// A control as the driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) id: u32,
    /// As it is written in a configuration.
    pub(crate) name: String,
    pub(crate) least: i32,
    pub(crate) most: i32,
}

impl Described {
    /// Whether a control of that type takes one number.
    pub(crate) fn is_number(kind: u32) -> bool {
        matches!(kind, INTEGER | BOOLEAN | MENU | INTEGER_MENU | BITMASK)
    }
    /// Small letters and digits; one underscore for all between.
    pub(crate) fn as_written(name: &str) -> String {
        let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("_").to_ascii_lowercase()
    }
}

/// What to set to what, in an order in which it can work: what switches something automatic on or off comes first.
pub(crate) fn resolve(wanted: &[(String, i32)], all: &[Described]) -> Result<Vec<(u32, i32)>, String> {
    let mut found = Vec::with_capacity(wanted.len());
    for (name, value) in wanted {
        let Some(control) = all.iter().find(|control| control.name == *name) else {
            let names: Vec<&str> = all.iter().map(|control| control.name.as_str()).collect();
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(format!("no control {name}; it has: {there}"));
        };
        if !(control.least..=control.most).contains(value) {
            return Err(format!("control {name} = {value}; allowed: {} to {}", control.least, control.most));
        }
        found.push((control.id, *value, name.contains("auto")));
    }
    found.sort_by_key(|(.., automatic)| !automatic);
    Ok(found.into_iter().map(|(id, value, _)| (id, value)).collect())
}
