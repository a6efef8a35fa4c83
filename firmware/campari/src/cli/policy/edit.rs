//! `campari policy add-key`, `remove-key`, `subscriber-key`: the trust store in the file that people write, comments and all.
//!
//! Nothing is in force by this: the file must be signed by two of the office's keys and published.

use super::parse;
use crate::cli::{Done, Output};
use anyhow::{Context, Result, bail};
use contract::policy::Policy;
use contract::{CameraId, EncryptionKey, KeyId, SubscriberId};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct AddKeyArguments {
    /// The policy (TOML); its version becomes one higher.
    policy: PathBuf,
    /// The key's name, as `campari keygen` printed it.
    kid: KeyId,
    /// Its public half, as `campari keygen` printed it.
    #[arg(long)]
    x: String,
    /// What it may do.
    #[arg(long, value_enum)]
    role: Role,
    /// On this camera only; may be given several times.
    #[arg(long = "camera", value_name = "CAMERA")]
    cameras: Vec<CameraId>,
    /// Longest share that it may grant.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..=24 * 60))]
    longest_minutes: Option<i64>,
    /// Whether it may preempt and release.
    #[arg(long)]
    may_preempt: bool,
    /// Take the place of the key that has this name.
    #[arg(long)]
    replace: bool,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Role {
    /// Grants, extends, denies, revokes.
    Centralist,
    /// Sends the heartbeat.
    Room,
    /// Clears leak reports.
    PrivacyOfficer,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct RemoveKeyArguments {
    /// The policy (TOML); its version becomes one higher.
    policy: PathBuf,
    /// The key's name. Shares that it granted end when the boards take the policy.
    kid: KeyId,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct SubscriberKeyArguments {
    /// The policy (TOML); its version becomes one higher.
    policy: PathBuf,
    /// Which subscriber.
    subscriber: SubscriberId,
    /// Its new signing key, as `campari keygen --role subscriber` printed it.
    #[arg(long)]
    x: String,
    /// Its new encryption key.
    #[arg(long)]
    encrypt_x: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn add_key(arguments: &AddKeyArguments, output: Output) -> Result<Done> {
    let kid = &arguments.kid;
    token::PublicKey::from_x(&arguments.x).context("--x")?;
    let version = edit(&arguments.policy, |document| {
        let keys = tables(document, "keys")?;
        let there = position(keys, "kid", kid.as_str());
        if let (Some(at), true) = (there, arguments.replace) {
            keys.remove(at);
        } else if there.is_some() {
            bail!("key {kid} is in the policy already; --replace takes its place, or choose another name");
        }
        let mut entry = Table::new();
        entry["kid"] = value(kid.as_str());
        entry["x"] = value(arguments.x.as_str());
        entry["role"] = value(match arguments.role {
            Role::Centralist => "centralist",
            Role::Room => "room",
            Role::PrivacyOfficer => "privacy-officer",
        });
        if !arguments.cameras.is_empty() {
            entry["cameras"] = value(arguments.cameras.iter().map(CameraId::as_str).collect::<Array>());
        }
        if let Some(minutes) = arguments.longest_minutes {
            entry["longest_grant_s"] = value(minutes * 60);
        }
        if arguments.may_preempt {
            entry["may_preempt"] = value(true);
        }
        keys.push(entry);
        Ok(())
    })?;
    told(&arguments.policy, version, &format!("key {kid} added"), output)
}

pub(super) fn remove_key(arguments: &RemoveKeyArguments, output: Output) -> Result<Done> {
    let kid = &arguments.kid;
    let version = edit(&arguments.policy, |document| {
        let keys = tables(document, "keys")?;
        let Some(at) = position(keys, "kid", kid.as_str()) else {
            bail!("key {kid} is not in the policy");
        };
        keys.remove(at);
        Ok(())
    })?;
    told(&arguments.policy, version, &format!("key {kid} removed"), output)
}

pub(super) fn subscriber_key(arguments: &SubscriberKeyArguments, output: Output) -> Result<Done> {
    let id = &arguments.subscriber;
    token::PublicKey::from_x(&arguments.x).context("--x")?;
    arguments.encrypt_x.as_deref().map(EncryptionKey::of_x).transpose().context("--encrypt-x")?;
    let version = edit(&arguments.policy, |document| {
        let subscribers = tables(document, "subscribers")?;
        let at = position(subscribers, "id", id.as_str());
        let Some(entry) = at.and_then(|at| subscribers.get_mut(at)) else {
            bail!("subscriber {id} is not in the policy");
        };
        replace(entry, "x", &arguments.x);
        if let Some(encrypt_x) = &arguments.encrypt_x {
            replace(entry, "encrypt_x", encrypt_x);
        }
        Ok(())
    })?;
    told(&arguments.policy, version, &format!("subscriber {id} has a new key"), output)
}

/// Keeps the comment behind the value.
fn replace(entry: &mut Table, name: &str, text: &str) {
    let decor = entry.get(name).and_then(Item::as_value).map(|value| value.decor().clone());
    let mut new = toml_edit::Value::from(text);
    if let Some(decor) = decor {
        *new.decor_mut() = decor;
    }
    entry.insert(name, Item::Value(new));
}

fn tables<'d>(document: &'d mut DocumentMut, name: &str) -> Result<&'d mut ArrayOfTables> {
    let list = document.entry(name).or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    list.as_array_of_tables_mut().with_context(|| format!("{name} is not written as [[{name}]]"))
}

fn position(tables: &ArrayOfTables, name: &str, wanted: &str) -> Option<usize> {
    tables.iter().position(|table| table.get(name).and_then(Item::as_str) == Some(wanted))
}

/// Changes the file, one version up, all or nothing; what would be no policy is not written.
fn edit(path: &Path, change: impl FnOnce(&mut DocumentMut) -> Result<()>) -> Result<u64> {
    let named = || format!("policy {}", path.display());
    let text = std::fs::read_to_string(path).with_context(named)?;
    parse(&text, path)?;
    let mut document: DocumentMut = text.parse().with_context(named)?;
    change(&mut document)?;
    let version = document.get("version").and_then(Item::as_integer).context("version is missing")?;
    let decor = document["version"].as_value().map(|value| value.decor().clone());
    let mut next = toml_edit::Value::from(version.checked_add(1).context("version is as high as it can be")?);
    if let Some(decor) = decor {
        *next.decor_mut() = decor;
    }
    document["version"] = Item::Value(next);
    let text = document.to_string();
    let policy: Policy = parse(&text, path)?;
    policy.check().with_context(named)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let write = || {
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().with_context(named)?;
    Ok(policy.version)
}

fn told(path: &Path, version: u64, what: &str, output: Output) -> Result<Done> {
    let people = || {
        format!(
            "{}: {what}, version {version}. Not in force before two of the office sign it (`campari policy sign`) and it is published \
             (`campari policy publish`)",
            path.display()
        )
    };
    output.result(people, &json!({"ok": true, "file": path, "version": version}));
    Ok(Done::Yes)
}
