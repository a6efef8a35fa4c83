//! `campari policy`: what a city allows, as TOML that people write and a bundle that boards believe.

mod edit;
mod publish;

use super::{Done, Output, output};
use crate::keys::NamedKey;
use crate::trust::Root;
use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::policy::{Policy, SignedPolicy};
use serde_json::json;
use std::path::{Path, PathBuf};

/// A policy to start from, every key in it.
const EXAMPLE: &str = include_str!("example.toml");

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Sign a policy with two keys of the policy office, which cannot grant.
    Sign(SignArguments),
    /// Show what a bundle says, and whether it is signed as a board wants it.
    Show(ShowArguments),
    /// Print a policy to start from.
    Example(ExampleArguments),
    /// Put a key into the trust store of a policy (TOML); signs nothing.
    AddKey(edit::AddKeyArguments),
    /// Take a key out of it.
    RemoveKey(edit::RemoveKeyArguments),
    /// Give a subscriber new keys in it.
    SubscriberKey(edit::SubscriberKeyArguments),
    /// Give a signed bundle to every board of a site, and tell which took it.
    Publish(Box<publish::Arguments>),
}

#[derive(Debug, clap::Args)]
pub(super) struct SignArguments {
    /// The policy (TOML); `campari policy example` prints one.
    policy: PathBuf,
    /// A policy key (JWK); give two or more.
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// The bundle to make.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShowArguments {
    /// The bundle.
    bundle: PathBuf,
    /// A public key of the policy office, as a board has it; give two to verify.
    #[arg(long = "root", value_name = "KID=X")]
    roots: Vec<Root>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExampleArguments {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Command::Sign(arguments) => arguments.json,
            Command::Show(arguments) => arguments.json,
            Command::Example(arguments) => arguments.json,
            Command::AddKey(arguments) => arguments.json,
            Command::RemoveKey(arguments) => arguments.json,
            Command::SubscriberKey(arguments) => arguments.json,
            Command::Publish(arguments) => arguments.json,
        }
    }
}

pub(super) async fn run(command: &Command, output: Output) -> Result<Done> {
    match command {
        Command::AddKey(arguments) => edit::add_key(arguments, output),
        Command::RemoveKey(arguments) => edit::remove_key(arguments, output),
        Command::SubscriberKey(arguments) => edit::subscriber_key(arguments, output),
        Command::Publish(arguments) => publish::run(arguments, output).await,
        Command::Sign(arguments) => sign(arguments, output),
        Command::Show(arguments) => show(arguments, output),
        Command::Example(arguments) => {
            if arguments.json {
                output.result(String::new, &parse(EXAMPLE, Path::new("the example"))?);
            } else {
                output::text(EXAMPLE);
            }
            Ok(Done::Yes)
        }
    }
}

fn parse(text: &str, path: &Path) -> Result<Policy> {
    toml::from_str(text).with_context(|| format!("policy {}", path.display()))
}

fn sign(arguments: &SignArguments, output: Output) -> Result<Done> {
    let path = &arguments.policy;
    let text = std::fs::read_to_string(path).with_context(|| format!("policy {}", path.display()))?;
    let policy = parse(&text, path)?;
    let keys = arguments.keys.iter().map(|path| NamedKey::read(path)).collect::<Result<Vec<_>, _>>()?;
    let signers: Vec<_> = keys.iter().map(|key| (key.kid.clone(), &key.key)).collect();
    let bundle = serde_json::to_vec(&token::policy::sign(&policy, &signers)?)?;
    // What no board would take is not written.
    let roots: Vec<_> = keys.iter().map(|key| (key.kid.clone(), key.key.public())).collect();
    token::policy::verify(&bundle, &roots, token::policy::SIGNATURES_NEEDED)
        .with_context(|| format!("policy {} with these keys", path.display()))?;
    std::fs::write(&arguments.out, &bundle).with_context(|| format!("bundle {}", arguments.out.display()))?;
    let people = || {
        format!(
            "{}: policy version {} of site {}, signed by {}",
            arguments.out.display(),
            policy.version,
            policy.site,
            keys.iter().map(|key| key.kid.to_string()).collect::<Vec<_>>().join(" and ")
        )
    };
    let kids: Vec<_> = keys.iter().map(|key| &key.kid).collect();
    let programs =
        json!({"ok": true, "file": arguments.out, "version": policy.version, "site": policy.site, "signed_by": kids});
    output.result(people, &programs);
    Ok(Done::Yes)
}

fn show(arguments: &ShowArguments, output: Output) -> Result<Done> {
    let path = &arguments.bundle;
    let bundle = std::fs::read(path).with_context(|| format!("bundle {}", path.display()))?;
    let signed: SignedPolicy =
        serde_json::from_slice(&bundle).with_context(|| format!("{} is no signed policy bundle", path.display()))?;
    let payload = URL_SAFE_NO_PAD.decode(&signed.payload).with_context(|| format!("payload of {}", path.display()))?;
    let policy: Policy = serde_json::from_slice(&payload).with_context(|| format!("payload of {}", path.display()))?;
    let roots = arguments
        .roots
        .iter()
        .map(|root| Ok((root.kid.clone(), token::PublicKey::from_x(&root.x)?)))
        .collect::<Result<Vec<_>, token::TokenError>>()?;
    if roots.len() == 1 {
        bail!("one --root verifies nothing: a bundle needs two signatures; give both");
    }
    let verdict =
        (!roots.is_empty()).then(|| token::policy::verify(&bundle, &roots, token::policy::SIGNATURES_NEEDED).map(drop));
    let people = || {
        let text = toml::to_string_pretty(&policy).unwrap_or_else(|cause| cause.to_string());
        let said = match &verdict {
            None => format!("# {} signatures, not verified: give --root KID=X twice", signed.signatures.len()),
            Some(Ok(())) => "# signed as a board with these roots wants it".into(),
            Some(Err(cause)) => format!("# NOT accepted by a board with these roots: {cause}"),
        };
        format!("{said}\n{text}")
    };
    let verified = verdict.as_ref().map(Result::is_ok);
    output.result(people, &json!({"ok": verified != Some(false), "verified": verified, "policy": policy}));
    Ok(if verified == Some(false) { Done::No } else { Done::Yes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_policy_that_signs_once_its_keys_are_real() {
        let mut policy = parse(EXAMPLE, Path::new("example")).unwrap();
        for (n, key) in (1_u8..).zip(policy.keys.iter_mut()) {
            key.x = token::SigningKey::from_seed([n; 32]).public().x();
        }
        for (n, subscriber) in (50_u8..).zip(policy.subscribers.iter_mut()) {
            subscriber.x = Some(token::SigningKey::from_seed([n; 32]).public().x());
            subscriber.encrypt_x = Some(contract::EncryptionKey([n; 32]).x());
        }
        let (a, b) = (token::SigningKey::from_seed([90; 32]), token::SigningKey::from_seed([91; 32]));
        let signers = [("policy-a".parse().unwrap(), &a), ("policy-b".parse().unwrap(), &b)];
        let bundle = serde_json::to_vec(&token::policy::sign(&policy, &signers).unwrap()).unwrap();
        let roots = [("policy-a".parse().unwrap(), a.public()), ("policy-b".parse().unwrap(), b.public())];
        assert_eq!(token::policy::verify(&bundle, &roots, 2).unwrap(), policy);
    }

    #[test]
    fn an_unknown_key_in_a_policy_is_named_with_its_line_and_what_is_allowed() {
        let text = EXAMPLE.replacen("version = ", "versoin = ", 1);
        let error = format!("{:#}", parse(&text, Path::new("p.toml")).unwrap_err());
        assert!(error.contains("p.toml") && error.contains("versoin") && error.contains("line"), "{error}");
    }

    #[test]
    fn one_signature_is_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let (policy, key, out) = (dir.path().join("p.toml"), dir.path().join("a.jwk"), dir.path().join("policy.json"));
        std::fs::write(&policy, EXAMPLE.replace("REPLACE", &token::SigningKey::from_seed([1; 32]).public().x()))
            .unwrap();
        NamedKey::generate("policy-a".parse().unwrap()).write(&key).unwrap();
        let arguments = SignArguments { policy, keys: vec![key], out: out.clone(), json: false };
        assert!(sign(&arguments, Output::new(true)).is_err());
        assert!(!out.exists());
    }
}
