//! The program as a person or a script meets it: exit status, JSON, and errors that say what to do.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod support;

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use support::{campari, json, said};

/// Makes a key and gives its public half.
fn key(dir: &Path, kid: &str) -> String {
    let output = campari(dir, &["keygen", kid, "--out", &format!("{kid}.jwk"), "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    json(&output)["x"].as_str().unwrap().to_owned()
}

/// The example policy with real keys.
fn filled(dir: &Path, policy: &str, ines: &str, room: &str) -> String {
    let tlc = campari(dir, &["keygen", "tlc", "--role", "subscriber", "--out", "tlc.jwk", "--json"]);
    let encrypt_x = json(&tlc)["encrypt_x"].as_str().unwrap().to_owned();
    policy
        .replace("REPLACE-WITH-THE-X-OF-ines", ines)
        .replace("REPLACE-WITH-THE-X-OF-room", room)
        .replace("REPLACE-WITH-THE-X-OF-mara", &key(dir, "mara"))
        .replace("REPLACE-WITH-THE-X-OF-tlc", json(&tlc)["x"].as_str().unwrap())
        .replace("REPLACE-WITH-THE-ENCRYPT-X-OF-tlc", &encrypt_x)
}

#[test]
fn a_policy_goes_from_example_to_a_bundle_that_its_roots_verify() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (ines, room) = (key(dir, "ines"), key(dir, "room"));
    let (a, b) = (key(dir, "policy-a"), key(dir, "policy-b"));
    let mode = std::fs::metadata(dir.join("ines.jwk")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let example = campari(dir, &["policy", "example"]);
    let policy = String::from_utf8(example.stdout).unwrap();
    let policy = filled(dir, &policy, &ines, &room);
    std::fs::write(dir.join("policy.toml"), policy).unwrap();
    let sign =
        ["policy", "sign", "policy.toml", "--key", "policy-a.jwk", "--key", "policy-b.jwk", "--out", "policy.json"];
    let signed = campari(dir, &sign);
    assert!(signed.status.success(), "{}", said(&signed));

    let roots = [format!("policy-a={a}"), format!("policy-b={b}")];
    let show = |first: &str, second: &str| {
        campari(dir, &["policy", "show", "policy.json", "--root", first, "--root", second, "--json"])
    };
    let good = show(&roots[0], &roots[1]);
    assert!(good.status.success(), "{}", said(&good));
    assert_eq!(
        (&json(&good)["verified"], &json(&good)["policy"]["site"]),
        (&Value::Bool(true), &Value::from("almere"))
    );
    let bad = show(&roots[0], &format!("policy-b={ines}"));
    assert_eq!((bad.status.code(), &json(&bad)["verified"]), (Some(1), &Value::Bool(false)));
}

#[test]
fn a_key_that_may_grant_cannot_sign_the_policy_that_lets_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (ines, room) = (key(dir, "ines"), key(dir, "room"));
    key(dir, "policy-a");
    let policy = String::from_utf8(campari(dir, &["policy", "example"]).stdout).unwrap();
    let policy = filled(dir, &policy, &ines, &room);
    std::fs::write(dir.join("policy.toml"), policy).unwrap();
    let sign = ["policy", "sign", "policy.toml", "--key", "policy-a.jwk", "--key", "ines.jwk", "--out", "policy.json"];
    let output = campari(dir, &sign);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("ines") && said(&output).contains("may not grant"), "{}", said(&output));
    assert!(!dir.join("policy.json").exists());
}

#[test]
fn a_wrong_key_in_a_policy_is_refused_with_file_line_and_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    key(dir.path(), "policy-a");
    std::fs::write(dir.path().join("policy.toml"), "version = 1\nsight = \"almere\"\n").unwrap();
    let output = campari(dir.path(), &["policy", "sign", "policy.toml", "--key", "policy-a.jwk", "--out", "p.json"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("policy.toml") && text.contains("line 2") && text.contains("`site`"), "{text}");
}

#[test]
fn wrong_usage_is_status_two_and_refusal_is_status_one() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(campari(dir.path(), &["grnt"]).status.code(), Some(2));
    assert_eq!(
        campari(dir.path(), &["revoke", "--key", "k", "--camera", "613"]).status.code(),
        Some(2),
        "share or all"
    );
    assert_eq!(campari(dir.path(), &["view", "--listen", "5005"]).status.code(), Some(2), "odd port");
    let output = campari(dir.path(), &["status", "--site", "almere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("--broker"), "{}", said(&output));
}

#[test]
fn an_absent_broker_is_named_and_json_says_it_too() {
    let dir = tempfile::tempdir().unwrap();
    // Nothing listens on this port once the listener is gone.
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let broker = format!("127.0.0.1:{port}");
    std::fs::create_dir(dir.path().join(".config")).unwrap();
    let settings = format!("broker = \"{broker}\"\nsite = \"almere\"\n");
    std::fs::write(dir.path().join(".config/campari.toml"), settings).unwrap();
    let output = campari(dir.path(), &["status", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let value = json(&output);
    assert_eq!(value["ok"], Value::Bool(false));
    assert!(value["error"]["detail"].as_str().unwrap().contains(&broker), "{value}");
}

#[test]
fn a_demo_without_its_programs_says_which_one_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("scene.mp4"), "").unwrap();
    let output = campari(dir.path(), &["demo", "--bin-dir", "nowhere", "--scene", "scene.mp4", "--headless"]);
    assert_eq!(output.status.code(), Some(1));
    // On a machine without ffmpeg or mosquitto, it says that first.
    let text = said(&output);
    assert!(text.contains("campari-eye") || text.contains("apt-get install"), "{text}");
}

#[test]
fn keys_rotate_in_the_policy_file_and_its_comments_stay() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (ines, room, joris) = (key(dir, "ines"), key(dir, "room"), key(dir, "joris"));
    let example = String::from_utf8(campari(dir, &["policy", "example"]).stdout).unwrap();
    std::fs::write(dir.join("policy.toml"), filled(dir, &example, &ines, &room)).unwrap();
    let read = || std::fs::read_to_string(dir.join("policy.toml")).unwrap();
    let add = ["policy", "add-key", "policy.toml", "joris", "--x", &joris, "--role", "centralist", "--may-preempt"];
    let added = campari(dir, &[&add[..], &["--json"]].concat());
    assert!(added.status.success(), "{}", said(&added));
    assert_eq!(json(&added)["version"], 2);
    assert!(read().contains("# What a city allows.") && read().contains("never goes back") && read().contains(&joris));
    let twice = campari(dir, &add);
    assert_eq!(twice.status.code(), Some(1));
    assert!(said(&twice).contains("--replace"), "{}", said(&twice));
    let removed = campari(dir, &["policy", "remove-key", "policy.toml", "ines"]);
    assert!(removed.status.success(), "{}", said(&removed));
    assert!(!read().contains(&ines) && read().contains("version = 3"), "{}", read());
    let before = read();
    let same = ["policy", "add-key", "policy.toml", "again", "--x", &joris, "--role", "room"];
    let bad = [&["policy", "remove-key", "policy.toml", "nobody"][..], &same[..]];
    for arguments in bad {
        assert_eq!(campari(dir, arguments).status.code(), Some(1));
        assert_eq!(read(), before, "a refused change changed the file");
    }
}

#[test]
fn a_subscribers_key_is_two_files_and_neither_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let make = || campari(dir, &["keygen", "tlc", "--role", "subscriber", "--out", "tlc.jwk"]);
    assert!(make().status.success());
    for file in ["tlc.jwk", "tlc.encrypt.jwk"] {
        assert_eq!(std::fs::metadata(dir.join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    std::fs::remove_file(dir.join("tlc.jwk")).unwrap();
    let again = make();
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("tlc.encrypt.jwk") && !dir.join("tlc.jwk").exists(), "{}", said(&again));
}
