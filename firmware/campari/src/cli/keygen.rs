//! `campari keygen`: a key, its file, and the lines for the policy.

use super::{Done, Output};
use crate::keys::{EncryptionKey, NamedKey};
use anyhow::{Context, Result};
use contract::{KeyId, SubscriberId};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The key's name: letters, digits, . _ - (a subscriber's is its id, a board's its camera).
    kid: KeyId,
    /// Private key file to make (JWK, mode 0600); an existing one is never replaced. A subscriber's encryption key goes beside it, FILE with .encrypt.jwk.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Whose key it is: decides what is printed for the policy.
    #[arg(long, value_enum)]
    role: Option<KeyRole>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum KeyRole {
    /// Grants, extends, denies, revokes.
    Centralist,
    /// Sends the heartbeat.
    Room,
    /// Signs policies; can never grant.
    Policy,
    /// Asks to watch: a signing key and an encryption key.
    Subscriber,
    /// Clears leak reports.
    PrivacyOfficer,
    /// Signs a board's journal.
    Board,
}

pub(super) fn run(arguments: &Arguments, output: Output) -> Result<Done> {
    let key = NamedKey::generate(arguments.kid.clone());
    let (x, kid, out) = (key.key.public().x(), &arguments.kid, &arguments.out);
    let mut files = vec![out.clone()];
    let mut encrypt_x = None;
    if arguments.role == Some(KeyRole::Subscriber) {
        SubscriberId::new(kid.as_str()).context("the key's name is the subscriber's")?;
        let beside = out.with_extension("encrypt.jwk");
        let encryption = EncryptionKey::generate(kid.clone());
        // Whichever exists is found before the other is made.
        if let Some(taken) = [out.as_path(), &beside].into_iter().find(|path| path.exists()) {
            anyhow::bail!(
                "key file {} is there already and is not replaced: move it away, or choose another name",
                taken.display()
            );
        }
        encryption.write(&beside)?;
        encrypt_x = Some(encryption.x());
        files.push(beside);
    }
    write(&key, out)?;
    let lines = for_the_policy(arguments.role, kid, &x, encrypt_x.as_deref());
    let people = || {
        let list = files
            .iter()
            .map(|file| format!("private key  {} (yours alone; make a copy that is as safe)", file.display()));
        let list = list.collect::<Vec<_>>().join("\n");
        format!("{list}\npublic key   {lines}")
    };
    output
        .result(people, &json!({"ok": true, "kid": kid, "x": x, "encrypt_x": encrypt_x, "file": out, "files": files}));
    Ok(Done::Yes)
}

fn write(key: &NamedKey, out: &Path) -> Result<()> {
    if out.exists() {
        anyhow::bail!(
            "key file {} is there already and is not replaced: move it away, or choose another name",
            out.display()
        );
    }
    Ok(key.write(out)?)
}

fn for_the_policy(role: Option<KeyRole>, kid: &KeyId, x: &str, encrypt_x: Option<&str>) -> String {
    let entry = |role: &str| {
        format!(
            "for policy.toml (or `campari policy add-key`):\n[[keys]]\nkid = \"{kid}\"\nx = \"{x}\"\nrole = \"{role}\""
        )
    };
    match role {
        None => format!("kid = \"{kid}\", x = \"{x}\""),
        Some(KeyRole::Centralist) => entry("centralist"),
        Some(KeyRole::Room) => entry("room"),
        Some(KeyRole::PrivacyOfficer) => entry("privacy-officer"),
        Some(KeyRole::Policy) => format!("for every eye.toml, [policy] roots, and for --root:\n{kid}={x}"),
        Some(KeyRole::Board) => format!("of board {kid}, to verify its journal with:\n{kid}={x}"),
        Some(KeyRole::Subscriber) => format!(
            "for policy.toml, in [[subscribers]] with id = \"{kid}\":\nx = \"{x}\"\nencrypt_x = \"{}\"",
            encrypt_x.unwrap_or_default()
        ),
    }
}
