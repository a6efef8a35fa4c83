//! The program itself: what its log holds, what memory it takes, how it stops, and what it says about a wrong configuration.

mod support;

use contract::EndReason;
use std::path::Path;
use std::process::Stdio;
use support::*;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

const MAX_RESIDENT_KB: u64 = 20 * 1024;

fn run(config: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_campari-voice"))
        .arg("--config")
        .arg(config)
        // All that it can be made to say, its libraries included.
        .env("CAMPARI_LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("built by cargo")
}

/// Reads on while the program runs: nobody may be made to wait for the log.
fn read_log(child: &mut Child) -> tokio::task::JoinHandle<String> {
    let (mut stderr, mut stdout) = (child.stderr.take().expect("piped"), child.stdout.take().expect("piped"));
    tokio::spawn(async move {
        let (mut log, mut out) = (String::new(), String::new());
        let read = tokio::join!(stderr.read_to_string(&mut log), stdout.read_to_string(&mut out));
        assert!(read.0.is_ok() && read.1.is_ok(), "the log is text");
        log + &out
    })
}

fn write_config(dir: &TempDir, port: u16) -> std::path::PathBuf {
    let path = dir.path().join("voice.toml");
    let text = format!(
        "site = \"{SITE}\"\ncamera = \"{CAMERA}\"\nlink = {:?}\n\n[mqtt]\nhost = \"127.0.0.1\"\nport = {port}\nkeep_alive_s = 5\n",
        socket(dir)
    );
    std::fs::write(&path, text).expect("a file");
    path
}

async fn terminate(child: &Child) {
    let pid = child.id().expect("running").to_string();
    let killed = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill exists");
    assert!(killed.success());
}

fn resident_kb(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id().expect("running"))).expect("/proc");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a high-water mark");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number")
}

#[tokio::test]
async fn p10_log_holds_no_token() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    let eye = FakeEye::listen(&dir);
    let mut voice = run(&write_config(&dir, broker.port));
    let log = read_log(&mut voice);
    let mut eye = eye.greet().await;
    room.presence("online").await;
    // A whole share, with a refused command, a viewer that cannot be reached at first, and an end.
    let token = "eyJhbGciOiJFZERTQSJ9.c2VjcmV0LWNsYWltcw.c2lnbmF0dXJl";
    room.ask(&topic("grant"), token, "campari/v1/demo/answers/mevrouw-jansen", "c").await;
    let number = eye
        .hear_until(|message, body| match message {
            link::ToEye::Command { correlation, .. } => {
                assert_eq!(body, token.as_bytes());
                Some(*correlation)
            }
            _ => None,
        })
        .await;
    eye.say(link::ToVoice::Answer { correlation: number }, br#"{"ok":true}"#).await;
    room.answer("campari/v1/demo/answers/mevrouw-jansen", "c").await;
    let mut receiver = Receiver::bind().await;
    eye.grant("one").await;
    eye.start("one", 0, receiver.port).await;
    for utc in 0..100 {
        eye.picture(0, utc, &KEY).await;
        receiver.picture().await;
    }
    receiver.rtcp.send_to(b"garbage", receiver.report().await.1).await.unwrap();
    eye.picture(0, 100, &KEY).await;
    receiver.picture().await;
    eye.end("one", EndReason::Revoked).await;
    room.log("ended").await;
    terminate(&voice).await;
    let status = patient("the program to end", voice.wait()).await.unwrap();
    assert!(status.success());
    room.presence("offline").await;
    let log = log.await.unwrap();
    assert!(log.contains("started") && log.contains("ended"), "nothing was logged:\n{log}");
    for personal in [token, "c2VjcmV0", "traffic-centre", "jansen", "127.0.0.1", &receiver.port.to_string()] {
        assert!(!log.contains(personal), "the log holds {personal:?}:\n{log}");
    }
}

#[tokio::test]
async fn resident_memory_stays_below_20_mb_with_pictures_of_200_kb_and_a_full_policy() {
    let dir = TempDir::new().unwrap();
    let broker = Broker::start(&dir).await;
    let mut room = Room::join(broker.port).await;
    room.publish("campari/v1/demo/policy", vec![b'p'; contract::policy::MAX_POLICY], true).await;
    let eye = FakeEye::listen(&dir);
    let mut voice = run(&write_config(&dir, broker.port));
    let _log = read_log(&mut voice);
    let mut eye = eye.greet().await;
    room.presence("online").await;
    let receiver = Receiver::bind().await;
    eye.grant("one").await;
    eye.start("one", 0, receiver.port).await;
    let large = [&KEY[..], &[0x55; 200_000]].concat();
    for utc in 0..50 {
        eye.picture(0, utc, &large).await;
        // A small one after it, as the receiver's own buffer may not hold the large one.
        eye.picture(0, utc, &KEY).await;
    }
    eye.end("one", EndReason::Revoked).await;
    room.state(|state| state["voice"]["pictures"].as_u64().is_some_and(|pictures| pictures >= 50)).await;
    receiver.goodbye().await;
    let resident = resident_kb(&voice);
    assert!(resident < MAX_RESIDENT_KB, "{resident} kB resident");
}

#[tokio::test]
async fn a_wrong_configuration_ends_with_file_line_and_what_is_allowed() {
    let dir = TempDir::new().unwrap();
    let path = write_config(&dir, 1883);
    let text = std::fs::read_to_string(&path).unwrap().replace("keep_alive_s", "keepalive");
    std::fs::write(&path, text).unwrap();
    let output = patient("the program to end", run(&path).wait_with_output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    for part in ["voice.toml:8", "unknown field `keepalive`", "`keep_alive_s`", "`host`"] {
        assert!(said.contains(part), "{part} is missing in {said}");
    }
}
