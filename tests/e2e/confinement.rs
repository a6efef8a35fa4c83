//! P2 from outside, on the real programs: system calls of a whole share, traced.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a helper that fails fails the test; figures are told

mod common;

use common::{PATIENCE, alone, programs, run, stage_with};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A folder whose `campari-eye` is the real one under strace.
fn traced_programs(trace: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let real = programs();
    std::os::unix::fs::symlink(real.join("campari-voice"), dir.path().join("campari-voice")).unwrap();
    let script = format!(
        "#!/bin/sh\nexec strace -D -f -qq -e trace=%network,io_uring_setup,execve -o '{}' '{}' \"$@\"\n",
        trace.display(),
        real.join("campari-eye").display()
    );
    let eye = dir.path().join("campari-eye");
    std::fs::write(&eye, script).unwrap();
    std::fs::set_permissions(&eye, std::fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

#[test]
fn p2_the_eye_makes_no_network_system_call_over_a_whole_share() {
    let _alone = alone();
    let traces = tempfile::tempdir().unwrap();
    let trace = traces.path().join("trace");
    let programs = traced_programs(&trace);
    run(async {
        let stage = stage_with("traced", programs.path()).start().await.unwrap();
        stage.ready(PATIENCE).await.unwrap();
        let jti = stage.grant(stage.order()).await.unwrap().answer.share.unwrap();
        stage.guarded(stage.ledger().until(|seen| seen.units > 50)).await.unwrap();
        assert!(stage.revoke(Some(jti.clone())).await.unwrap().answer.ok);
        stage.until("the end", PATIENCE, |said| said.logged(&jti, "ended").is_some()).await.unwrap();
        stage.stop().await;
    });
    let trace = std::fs::read_to_string(&trace).unwrap();
    let calls = |name: &str| trace.lines().filter(|line| line.contains(name)).collect::<Vec<_>>();
    assert!(!calls("AF_UNIX").is_empty(), "the trace saw nothing of the link: {trace}");
    for other in ["AF_INET", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "io_uring_setup"] {
        assert!(calls(other).is_empty(), "{other}: {:#?}", calls(other));
    }
    let sockets: Vec<_> = calls("socket(").into_iter().filter(|line| !line.contains("AF_UNIX")).collect();
    assert!(sockets.is_empty(), "{sockets:#?}");
    let started: Vec<_> = calls("execve(").into_iter().filter(|line| !line.contains("ENOENT")).collect();
    let only_the_decoder =
        started.iter().all(|line| line.contains("campari-eye") || line.contains("ffmpeg") || line.contains("ffprobe"));
    assert!(only_the_decoder, "{started:#?}");
}
