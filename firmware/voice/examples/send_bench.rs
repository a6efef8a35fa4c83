//! What sending costs: packetise, SRTP and send of one stream as fast as it goes against ffmpeg and GStreamer doing the same, and the voice's own table of
//! shares with 1, 10 and 100 receivers of 4 Mbit/s. Prints one line of JSON; `cargo xtask bench send` judges it.
//!
//! What one number of receivers is measured on is held against another in the same round, half a minute long, and the order turns with each round: what else
//! the machine does falls on all alike, and a round in which it did not is outvoted by the others.
//!
//! Everything goes over loopback to sockets of this machine. Speed is per second of processor time, so that a busy machine changes it little; for the peers
//! that is the time of their whole process, demuxer included, for us of this thread, which finds the NAL units itself.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use contract::{Jti, Rung, SubscriberId};
use link::{Destination, StreamId};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_gettime};
use rtp::srtp::{MasterKey, Protector};
use rtp::{Packetiser, Ssrc, Start, annexb};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use voice::clock;
use voice::config;
use voice::meter::Meter;
use voice::outlet::{Fate, Outlet, Picture};
use voice::shares::Shares;
use voice::viewer::Settings;
use voice::wire::{Multicast, Wire};

const PAYLOAD: usize = 1200;
const KEY: [u8; 30] = [7; 30];
/// Times that the clip is sent.
const ROUNDS: usize = 16;
const FPS: u32 = 25;
const SECONDS: u32 = 10;
/// Rounds over the numbers of receivers; odd, so that there is one in the middle.
const SHARE_ROUNDS: usize = 5;
const RECEIVERS: [usize; 3] = [1, 10, 100];

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let clip = clip(dir.path());
    let units = units(&clip);
    let stream = dir.path().join("stream.h264");
    std::fs::write(&stream, clip.repeat(ROUNDS)).unwrap();
    let bits = (clip.len() * ROUNDS * 8) as f64;
    let (ours, packets) = runtime.block_on(async { ours(&units) });
    let peer = |name: &str, cpu: Result<f64, String>| match cpu {
        Ok(cpu_s) => json!({"cpu_s": cpu_s, "gbit_per_s": bits / cpu_s / 1e9}),
        Err(why) => json!({"missing": format!("{name}: {why}")}),
    };
    let sending = json!({
        "ours": {"cpu_s": ours, "gbit_per_s": bits / ours / 1e9, "packets_per_s": packets as f64 / ours},
        "ffmpeg": peer("ffmpeg", ffmpeg(&stream)),
        "gstreamer": peer("gst-launch-1.0", gstreamer(&stream)),
    });
    let rounds: Vec<Vec<Value>> = (0..SHARE_ROUNDS)
        .map(|round| {
            let order: Vec<usize> =
                if round.is_multiple_of(2) { RECEIVERS.into() } else { RECEIVERS.into_iter().rev().collect() };
            let mut runs: Vec<Value> = order.into_iter().map(|count| runtime.block_on(share(count))).collect();
            runs.sort_by_key(|run| run["viewers"].as_u64());
            runs
        })
        .collect();
    println!("{}", json!({"send": sending, "rounds": rounds}));
}

/// 1080p with noise, 20 Mbit/s: four seconds.
fn clip(dir: &Path) -> Vec<u8> {
    let file = dir.join("clip.h264");
    let source = "testsrc2=size=1920x1080:rate=25,noise=alls=40:allf=t";
    let status = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "lavfi", "-i", source, "-frames:v", "100", "-pix_fmt", "yuv420p"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-b:v", "20M", "-maxrate", "20M"])
        .args(["-bufsize", "20M", "-x264-params", "keyint=50:aud=1:repeat-headers=1:sliced-threads=0", "-f", "h264"])
        .arg(&file)
        .status()
        .unwrap();
    assert!(status.success(), "ffmpeg: {status}");
    std::fs::read(file).unwrap()
}

fn units(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut units: Vec<Vec<u8>> = Vec::new();
    for nal in annexb::nals(stream) {
        if annexb::nal_type(nal) == 9 {
            units.push(Vec::new());
        }
        let unit = units.last_mut().unwrap();
        unit.extend(annexb::START_CODE);
        unit.extend(nal);
    }
    units
}

/// A socket that nobody reads: what does not fit is dropped, for all senders alike.
fn sink() -> (UdpSocket, u16) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn thread_cpu_s() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    now.tv_sec() as f64 + now.tv_nsec() as f64 / 1e9
}

fn start() -> Start {
    Start { ssrc: Ssrc(7), sequence: 0, timestamp: 0 }
}

/// Processor seconds and packets.
fn ours(units: &[Vec<u8>]) -> (f64, u64) {
    let (_sink, port) = sink();
    let packetiser = Packetiser::new(start(), PAYLOAD);
    let wire_bytes = packetiser.packet_bytes() + rtp::srtp::RTP_OVERHEAD;
    let wire = Wire::open(Ipv4Addr::LOCALHOST.into(), port, wire_bytes, &Multicast::default()).unwrap();
    let mut outlet = Outlet::encrypting(packetiser, Protector::new(&MasterKey::new(KEY)));
    outlet.open();
    let mut meter = Meter::default();
    let mut send = |round: usize| {
        for (number, unit) in units.iter().enumerate() {
            let at_us = ((round * units.len() + number) * 40_000) as u64;
            let picture =
                Picture { unit, captured_monotonic_us: at_us, captured_utc_us: at_us, key: number.is_multiple_of(50) };
            let fate = outlet.picture(&picture, Instant::now(), &wire, &mut meter);
            assert_eq!(fate, Fate::Sent);
            while outlet.is_backed_up() {
                outlet.drain(Instant::now(), &wire, &mut meter);
            }
        }
    };
    send(0);
    let began = thread_cpu_s();
    (1..=ROUNDS).for_each(&mut send);
    let spent = thread_cpu_s() - began;
    (spent, meter.totals().packets * ROUNDS as u64 / (ROUNDS as u64 + 1))
}

fn ffmpeg(stream: &Path) -> Result<f64, String> {
    let (_sink, port) = sink();
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-f", "h264", "-i"]).arg(stream).args(["-c", "copy"]);
    command.args(["-srtp_out_suite", "AES_CM_128_HMAC_SHA1_80", "-srtp_out_params", &MasterKey::new(KEY).to_inline()]);
    command.args(["-f", "rtp", &format!("srtp://127.0.0.1:{port}?pkt_size={}", PAYLOAD + 12)]);
    child_cpu_s(&mut command)
}

fn gstreamer(stream: &Path) -> Result<f64, String> {
    let (_sink, port) = sink();
    let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut command = Command::new("gst-launch-1.0");
    command.args([
        "-q",
        "filesrc",
        &format!("location={}", stream.display()),
        "blocksize=1000000",
        "!",
        "h264parse",
        "!",
    ]);
    command.args(["rtph264pay", &format!("mtu={}", PAYLOAD + 12), "!", "srtpenc", &format!("key={key}"), "!"]);
    command.args(["udpsink", "host=127.0.0.1", &format!("port={port}"), "sync=false"]);
    child_cpu_s(&mut command)
}

fn child_cpu_s(command: &mut Command) -> Result<f64, String> {
    let spent = || {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
    };
    let before = spent();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().map_err(|error| error.to_string())?;
    if status.success() { Ok(spent() - before) } else { Err(status.to_string()) }
}

/// `count` receivers of one stream of 4 Mbit/s, each its share as the voice knows it.
async fn share(count: usize) -> Value {
    let received = Arc::new(AtomicU64::new(0));
    let ports = receivers(count, &received);
    let settings = Settings { most_viewers: count, ..Settings::new(&config::Rtp::default()) };
    let (mut shares, mut meter) = (Shares::new(settings), Meter::default());
    for (number, port) in ports.into_iter().enumerate() {
        let jti = Jti::new(format!("share-{number}")).unwrap();
        shares.grant(jti.clone(), SubscriberId::new("bench").unwrap(), u64::MAX);
        let destination = Destination::Push { address: Ipv4Addr::LOCALHOST.into(), port };
        assert!(shares.start(&jti, StreamId(0), destination, None, 0, &mut meter));
    }
    // 20 kB a picture is 4 Mbit/s; a key picture of 80 kB every two seconds.
    let sets = [0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80, 0, 0, 0, 1, 0x65];
    let key = [&sets[..], &vec![0x55; 80_000]].concat();
    let delta = [&[0, 0, 0, 1, 0x41][..], &vec![0x55; 18_800]].concat();
    let mut pace = interval(Duration::from_secs(1) / FPS);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (began, mut sent) = (thread_cpu_s(), 0);
    while sent < FPS * SECONDS {
        let deadline = shares.deadline().unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
        tokio::select! {
            _ = pace.tick() => {
                let (is_key, now) = (sent.is_multiple_of(50), clock::now());
                let unit = if is_key { &key } else { &delta };
                let picture = Picture { unit, captured_monotonic_us: now.media.0, captured_utc_us: now.utc_us, key: is_key };
                shares.picture(StreamId(0), &picture, Rung::Clear, &mut meter, |_, _, _| ());
                sent += 1;
            }
            _ = std::future::poll_fn(|cx| shares.poll(cx, &mut meter)) => {}
            () = sleep_until(deadline) => {}
        }
        shares.tick(&[], &mut meter, |_| ());
    }
    let spent = thread_cpu_s() - began;
    shares.close();
    // What is on its way over loopback has come.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let packets = meter.totals().packets;
    let latency = meter.read().unwrap().capture_to_packet_ms;
    json!({
        "viewers": count,
        "cpu_ms_per_viewer_second": spent * 1000.0 / count as f64 / f64::from(SECONDS),
        "packets": packets,
        "loss": 1.0 - received.load(Ordering::Relaxed) as f64 / packets as f64,
        "capture_to_packet_ms": {"p50": latency.p50, "p99": latency.p99},
    })
}

/// Sockets that are read by another thread.
fn receivers(count: usize, received: &Arc<AtomicU64>) -> Vec<u16> {
    let mut ports = Vec::new();
    let mut pairs = Vec::new();
    while pairs.len() < count {
        let rtp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = rtp.local_addr().unwrap().port();
        if port.is_multiple_of(2)
            && let Ok(rtcp) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1))
        {
            rtp.set_nonblocking(true).unwrap();
            let _ = socket2::SockRef::from(&rtp).set_recv_buffer_size(1 << 20);
            pairs.push((rtp, rtcp));
            ports.push(port);
        }
    }
    let received = Arc::clone(received);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let count = |rtp: UdpSocket, rtcp: UdpSocket, received: Arc<AtomicU64>| async move {
            let _kept = rtcp;
            let rtp = tokio::net::UdpSocket::from_std(rtp).unwrap();
            let mut packet = [0; 2048];
            while rtp.recv(&mut packet).await.is_ok() {
                received.fetch_add(1, Ordering::Relaxed);
            }
        };
        runtime.block_on(async {
            let tasks: Vec<_> =
                pairs.into_iter().map(|(rtp, rtcp)| tokio::spawn(count(rtp, rtcp, Arc::clone(&received)))).collect();
            for task in tasks {
                let _ = task.await;
            }
        });
    });
    ports
}
