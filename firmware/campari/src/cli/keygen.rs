//! `campari keygen`: one key, one file, one line for the policy.

use super::{Done, Output};
use crate::keys::NamedKey;
use anyhow::Result;
use contract::KeyId;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The key's name in the policy's trust store: letters, digits, . _ -
    kid: KeyId,
    /// Private key file to make (JWK, mode 0600); an existing one is never replaced.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, output: Output) -> Result<Done> {
    let key = NamedKey::generate(arguments.kid.clone());
    key.write(&arguments.out)?;
    let x = key.key.public().x();
    let people = || {
        format!(
            "private key  {} (yours alone; make a copy that is as safe)\npublic key   kid = \"{}\", x = \"{x}\"",
            arguments.out.display(),
            key.kid
        )
    };
    output.result(people, &json!({"ok": true, "kid": key.kid, "x": x, "file": arguments.out}));
    Ok(Done::Yes)
}
