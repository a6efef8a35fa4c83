//! P2, from inside: a process that has run through `confine` cannot reach a network, start a program, be dumped or gain privileges.
//!
//! The test starts itself anew as a child, because confinement cannot be undone.

#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use eye::confine;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::Command;

const CHILD: &str = "CAMPARI_TEST_CONFINED_CHILD";

/// Runs `name` of this file again, in a process of its own.
fn in_child(name: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--test-threads", "1", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn refused<T>(what: &str, result: std::io::Result<T>) {
    match result {
        Ok(_) => panic!("{what} works"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{what}: {error}"),
    }
}

#[test]
fn p2_no_socket_but_a_unix_one_can_be_made() {
    if std::env::var_os(CHILD).is_none() {
        return in_child("p2_no_socket_but_a_unix_one_can_be_made");
    }
    assert!(UdpSocket::bind("127.0.0.1:0").is_ok(), "without confinement there is a network");
    confine::before_camera().unwrap();
    refused("UDP over IPv4", UdpSocket::bind("127.0.0.1:0"));
    refused("UDP over IPv6", UdpSocket::bind("[::1]:0"));
    refused("TCP out", TcpStream::connect("127.0.0.1:9"));
    refused("TCP in", TcpListener::bind("127.0.0.1:0"));
    std::thread::spawn(|| refused("UDP from another thread", UdpSocket::bind("127.0.0.1:0"))).join().unwrap();
    UnixStream::pair().unwrap();
}

#[test]
fn p2_a_child_inherits_the_refusal() {
    if std::env::var_os(CHILD).is_none() {
        return in_child("p2_a_child_inherits_the_refusal");
    }
    confine::before_camera().unwrap();
    let script = "import socket\ntry:\n socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nexcept PermissionError:\n raise SystemExit(7)";
    let status = Command::new("python3").args(["-c", script]).status().unwrap();
    assert_eq!(status.code(), Some(7));
}

#[test]
fn p2_no_program_can_be_started_once_the_camera_is_open() {
    if std::env::var_os(CHILD).is_none() {
        return in_child("p2_no_program_can_be_started_once_the_camera_is_open");
    }
    confine::before_camera().unwrap();
    assert!(Command::new("true").status().unwrap().success(), "a clip's decoder may be started first");
    confine::after_camera().unwrap();
    refused("execve", Command::new("true").status());
}

#[test]
fn p2_the_process_cannot_be_dumped_and_gains_no_privileges() {
    if std::env::var_os(CHILD).is_none() {
        return in_child("p2_the_process_cannot_be_dumped_and_gains_no_privileges");
    }
    confine::before_camera().unwrap();
    assert!(!nix::sys::prctl::get_dumpable().unwrap());
    assert_eq!(nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_CORE).unwrap(), (0, 0));
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).map(str::to_owned);
    assert_eq!(field("NoNewPrivs:").as_deref(), Some("1"));
    assert_eq!(field("Seccomp:").as_deref(), Some("2"), "filter mode");
}

#[test]
fn p2_with_the_right_to_make_one_the_network_namespace_is_empty() {
    if std::env::var_os(CHILD).is_none() {
        return in_child("p2_with_the_right_to_make_one_the_network_namespace_is_empty");
    }
    let confinement = confine::before_camera().unwrap();
    let devices = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let others = devices.lines().skip(2).filter(|line| !line.trim_start().starts_with("lo:")).count();
    assert_eq!(confinement.empty_network.is_ok(), others == 0, "the report and the kernel disagree: {devices}");
}
