//! Clients that nobody here wrote: Python plays centralist, subscriber and the room's agent from the published contract alone, against Mosquitto, eye and voice.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a helper that fails fails the test; figures are told

mod common;

use campari::stage::{Role, Stage};
use common::{PATIENCE, alone, root, run, stage};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;

/// The Python that `cargo xtask setup` filled with paho-mqtt, joserfc and jsonschema.
fn python() -> PathBuf {
    let python = root().join(".campari/interop/bin/python");
    assert!(python.exists(), "{} is not there; run `cargo xtask setup`", python.display());
    python
}

/// A stage that is ready.
async fn ready(name: &str) -> Stage {
    let stage = stage(name).start().await.unwrap();
    stage.ready(PATIENCE).await.unwrap();
    stage
}

/// Runs the foreign client; gives the steps that it told.
async fn play(stage: &Stage, scenes: &[&str]) -> Vec<Value> {
    // Without an agent of ours it is the room too.
    let is_room = stage.room().is_none();
    let (paths, parties) = (stage.paths(), stage.parties());
    let policy = stage.policy();
    let mut command = tokio::process::Command::new(python());
    command.arg(root().join("tests/interop/share.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg("--contract").arg(root().join("firmware/contract/schema"));
    let parts = [("centralist", Role::Centralist), ("subscriber", Role::Subscriber), ("room", Role::Room)];
    let parts = &parts[..if is_room { 3 } else { 2 }];
    for &(name, role) in parts {
        let at = stage.connection(role);
        command.args([format!("--{name}-broker"), format!("{}:{}", at.host, at.port)]);
    }
    command.arg("--tls").arg(paths.root.join("tls"));
    let keys = stage.keys();
    for ((name, _), key) in parts.iter().zip([&keys.centralist, &keys.subscriber, &keys.room]) {
        command.arg(format!("--{name}-key")).arg(paths.root.join(format!("keys/{}.jwk", key.kid)));
    }
    command.args(["--site", parties.site.as_str(), "--camera", parties.camera.as_str()]);
    command.args(["--subscriber", parties.subscriber.as_str(), "--view", policy.views[0].name.as_str()]);
    command.args(["--purpose", &policy.subscribers[0].purposes[0]]).args(scenes);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let output = stage.guarded(child.wait_with_output()).await.unwrap().unwrap();
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{told}");
    assert!(output.status.success(), "the foreign client failed after\n{told}\n{said}");
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn step<'a>(steps: &'a [Value], name: &str) -> &'a Value {
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no step {name} in {steps:?}"))
}

/// Nothing of what it tried may have harmed the journal.
async fn journal_is_whole(stage: Stage) {
    let state = stage.paths().eye_state.clone();
    stage.stop().await;
    let entries = common::verified_journal(&state);
    assert!(entries > 0, "nothing was journaled");
}

#[test]
fn a_client_from_the_published_contract_alone_grants_watches_and_revokes() {
    let _alone = alone();
    run(async {
        let stage = ready("foreign").await;
        let steps = play(&stage, &["refusals", "revoked"]).await;
        assert!(step(&steps, "received")["packets"].as_u64().unwrap() >= 50);
        assert_eq!(step(&steps, "ended")["reason"], "revoked");
        let refused = steps.iter().filter(|step| step["step"] == "refused").count();
        assert!(refused >= 10, "{refused} refusals");
        journal_is_whole(stage).await;
    });
}

#[test]
fn a_client_from_the_published_contract_alone_asks_is_granted_extends_and_leaves() {
    let _alone = alone();
    run(async {
        let stage = ready("foreign-asks").await;
        let steps = play(&stage, &["asked", "denied"]).await;
        assert_eq!(step(&steps, "ended")["reason"], "viewer-left");
        step(&steps, "extended");
        step(&steps, "denied");
        journal_is_whole(stage).await;
    });
}

#[test]
fn a_heartbeat_from_the_published_contract_alone_carries_shares_and_p4_without_it_they_end() {
    let _alone = alone();
    run(async {
        let mut stage = ready("foreign-room").await;
        stage.stop_heartbeat();
        let steps = play(&stage, &["unnamed", "silent"]).await;
        let ends: Vec<_> = steps.iter().filter(|step| step["step"] == "ended").map(|step| &step["reason"]).collect();
        assert_eq!(ends, ["revoked", "control-room-lost"]);
        journal_is_whole(stage).await;
    });
}
