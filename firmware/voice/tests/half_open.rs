//! Peers that vanish without a word, viewers and media servers: told as lost by whichever sign comes first, and their places free again.
//!
//! Two kinds. One is gone for TCP too, because the wire is cut: nothing is acknowledged, and the kernel's user timeout ends the connection after 15 s. The
//! other is gone behind something that goes on taking the bytes, which TCP cannot tell from a living peer: only its silence says so.

#![allow(clippy::print_stdout)] // figures are told

#[path = "support/far.rs"]
mod far;
#[path = "support/media_server.rs"]
mod media_server;
#[path = "support/rtsp.rs"]
mod rtsp;
mod support;

use far::{Far, HERE, THERE};
use link::{Pullers, ToEye};
use media_server::{Call, Server};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use support::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use voice::rtsp::{Patience, RelayPatience};

/// Far from being over in a test.
const LONG: Duration = Duration::from_secs(600);
/// Short, and long enough for what has to be said before.
const SHORT: Duration = Duration::from_secs(5);
/// The user timeout is 15 s; no test waits longer for it than this.
const NOTICED_WITHIN: Duration = Duration::from_secs(60);

/// The board's clock ends nobody: what does is TCP.
const ONLY_TCP: Patience =
    Patience { shake: LONG, prove: LONG, say: LONG, idle: LONG, stuck: LONG, silent: LONG, mute: LONG };

/// Pictures go on until the eye is told that the viewer of `share` is lost; how long that took.
async fn until_lost(eye: &mut EyeSession, share: &str) -> Duration {
    let since = Instant::now();
    let mut frames = tokio::time::interval(Duration::from_millis(40));
    let lost = async {
        loop {
            tokio::select! {
                (said, _) = eye.hear() => if said == (ToEye::ViewerLost { jti: jti(share) }) { return },
                _ = frames.tick() => eye.picture(0, 1, &KEY).await,
            }
        }
    };
    tokio::time::timeout(NOTICED_WITHIN, lost).await.expect("the viewer is told as lost");
    since.elapsed()
}

fn asynchronous(stream: TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).expect("settable");
    tokio::net::TcpStream::from_std(stream).expect("within tokio")
}

#[tokio::test]
async fn p9_a_viewer_whose_wire_is_cut_is_told_as_lost_and_its_place_is_free() {
    if !far::is_inside("p9_a_viewer_whose_wire_is_cut_is_told_as_lost_and_its_place_is_free") {
        return;
    }
    let mut stage = rtsp::Stage::with(&Pullers { plain: false, who: vec![rtsp::puller(1)] }, |rtsp| {
        rtsp.listen = SocketAddr::from(([0, 0, 0, 0], rtsp.listen.port()));
        rtsp.patience = ONLY_TCP;
    })
    .await;
    let mut room = Room::join(stage.broker.port).await;
    let (far, at) = (Far::new(), SocketAddr::from((HERE, stage.tls.port())));
    let connect = move || TcpStream::connect(at).expect("the board");
    let stream = asynchronous(far.there(connect));
    let mut client = stage.client_over(stream, stage.tls_config()).await.knows_password();
    client.play().await;
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    stage.eye.picture(0, 1, &KEY).await;
    while client.picture().await.expect("the picture") != KEY {}

    far.cut();
    println!("the wire cut to the viewer told as lost: {} ms", until_lost(&mut stage.eye, "s1").await.as_millis());
    stage.eye.wait_for_viewer("s1").await;
    room.log("waiting").await;
    // The one session that the policy allows is free for a client from elsewhere.
    let mut other = stage.client().await.knows_password();
    other.play().await;
    stage.eye.hears_joined("s1").await;
    drop(other);
    stage.eye.hear_until(|said, _| (*said == ToEye::ViewerLost { jti: jti("s1") }).then_some(())).await;
    far.mend();
    let mut back = stage.client_over(asynchronous(far.there(connect)), stage.tls_config()).await.knows_password();
    back.play().await;
    stage.eye.hears_joined("s1").await;
    assert_eq!(rtsp_connections(&stage), 1, "the old connection is closed");
}

/// Connections that the board holds at its RTSPS port, whatever their state in which something may still be sent.
fn rtsp_connections(stage: &rtsp::Stage) -> usize {
    let own = format!(":{:04X}", stage.tls.port());
    let table = std::fs::read_to_string("/proc/net/tcp").expect("/proc");
    // Established (01), and closed by this side with bytes on their way (04).
    let counts = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        words.next().is_some_and(|local| local.ends_with(&own))
            && words.nth(1).is_some_and(|state| matches!(state, "01" | "04"))
    };
    table.lines().filter(|line| counts(line)).count()
}

#[tokio::test]
async fn p9_a_media_server_whose_wire_is_cut_is_told_as_lost_and_found_again() {
    if !far::is_inside("p9_a_media_server_whose_wire_is_cut_is_told_as_lost_and_found_again") {
        return;
    }
    let far = Far::new();
    let patience = RelayPatience { alive_every: LONG, alive_within: LONG };
    let mut stage = media_server::Stage::made(&SLATE, patience, |to| {
        to.server = SocketAddr::from((THERE, to.server.port()));
        to.proof = None;
    })
    .await;
    let at = stage.to.server;
    let listener = far.there(move || TcpListener::bind(at).expect("free"));
    listener.set_nonblocking(true).expect("settable");
    let listener = tokio::net::TcpListener::from_std(listener).expect("within tokio");
    stage.grant("s1").await;
    let accept = async || Call::new(patient("a call", listener.accept()).await.expect("a connection").0);
    let mut call = accept().await;
    call.takes_the_stream(false).await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_relay("s1").await;
    stage.pictures_until(call.packet()).await;

    far.cut();
    println!(
        "the wire cut to the media server told as lost: {} ms",
        until_lost(&mut stage.eye, "s1").await.as_millis()
    );
    stage.eye.wait_for_viewer("s1").await;
    far.mend();
    // What was dialled while the wire was cut may be tried again first.
    let mut call = accept().await;
    call.takes_the_stream(false).await;
    stage.eye.hears_joined("s1").await;
}

/// Stands between a client and the board; when told to, goes on taking what the board sends and lets nothing through either way.
struct Swallower {
    at: SocketAddr,
    swallow: watch::Sender<bool>,
}

impl Swallower {
    async fn before(board: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind((LANDLORD, 0)).await.expect("a port");
        let at = listener.local_addr().expect("bound");
        let (swallow, swallows) = watch::channel(false);
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.expect("a client");
            let board = tokio::net::TcpStream::connect(board).await.expect("the board");
            let ((mut from_client, mut to_client), (mut from_board, mut to_board)) =
                (client.into_split(), board.into_split());
            let mut until = swallows.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                loop {
                    tokio::select! {
                        biased;
                        true = async { until.wait_for(|swallows| *swallows).await.is_ok() } => break,
                        read = from_client.read(&mut bytes) => match read {
                            Ok(length @ 1..) => to_board.write_all(&bytes[..length]).await.expect("the board reads"),
                            Ok(0) | Err(_) => return,
                        },
                    }
                }
                // The board's connection stays open: nothing ends but words.
                std::future::pending::<()>().await;
            });
            let mut bytes = [0; 16 * 1024];
            while let Ok(length @ 1..) = from_board.read(&mut bytes).await {
                if !*swallows.borrow() {
                    let _ = to_client.write_all(&bytes[..length]).await;
                }
            }
        });
        Self { at, swallow }
    }
    async fn client(
        &self,
        stage: &rtsp::Stage,
    ) -> rtsp::Client<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
        let stream = tokio::net::TcpStream::connect(self.at).await.expect("it listens");
        stage.client_over(stream, stage.tls_config()).await.knows_password()
    }
}

/// A receiver report that says nothing of anybody, on the channel for it.
const REPORT: [u8; 12] = [b'$', 1, 0, 8, 0x80, 201, 0, 1, 0, 0, 0, 99];

async fn swallowed(patience: Patience, reports: bool) {
    let who = Pullers { plain: false, who: vec![rtsp::puller(2)] };
    let mut stage = rtsp::Stage::with(&who, |rtsp| rtsp.patience = patience).await;
    let between = Swallower::before(stage.tls).await;
    let mut client = between.client(&stage).await;
    client.play().await;
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    stage.eye.picture(0, 1, &KEY).await;
    while client.picture().await.expect("the picture") != KEY {}
    if reports {
        client.send(&REPORT).await;
    }
    // What came before this is heard when it is answered.
    assert_eq!(client.ask("GET_PARAMETER", "/613/", &[]).await.status, 200);
    between.swallow.send_replace(true);
    until_lost(&mut stage.eye, "s1").await;
    // Nobody else is: the next who comes is a viewer again.
    stage.eye.wait_for_viewer("s1").await;
    let mut well = stage.client().await.knows_password();
    well.play().await;
    stage.eye.hears_joined("s1").await;
}

#[tokio::test]
async fn p9_a_viewer_that_reported_and_is_swallowed_up_is_lost_by_its_silence() {
    swallowed(Patience { silent: SHORT, ..ONLY_TCP }, true).await;
}

#[tokio::test]
async fn p9_a_viewer_that_never_reported_is_lost_when_the_session_times_out() {
    swallowed(Patience { mute: SHORT, ..ONLY_TCP }, false).await;
}

#[tokio::test]
async fn a_viewer_over_tcp_that_never_reports_is_not_judged_as_one_that_does() {
    let silent = Duration::from_millis(200);
    let stage = rtsp::Stage::with(&rtsp::pullers(), |rtsp| rtsp.patience = Patience { silent, ..ONLY_TCP }).await;
    let mut client = stage.client().await.knows_password();
    client.play().await;
    let began = Instant::now();
    while began.elapsed() < silent * 4 {
        assert!(client.picture().await.is_some(), "the session goes on");
    }
    // Once it has, it is.
    client.send(&REPORT).await;
    while client.picture().await.is_some() {}
}

#[tokio::test]
async fn p9_a_media_server_that_falls_silent_is_told_as_lost_and_called_again() {
    let brief = Duration::from_millis(500);
    let mut stage = media_server::Stage::patient(RelayPatience { alive_every: brief, alive_within: brief }).await;
    let server = Server::open(&stage).await;
    stage.grant("s1").await;
    let mut call = server.accept().await;
    call.takes_the_stream(true).await;
    stage.eye.hears_joined("s1").await;
    // It takes all that comes and answers nothing.
    let mut bytes = vec![0; 16 * 1024];
    let reading = async { while matches!(call.stream.read(&mut bytes).await, Ok(1..)) {} };
    patient("the board to give it up", reading).await;
    stage.eye.hear_until(|said, _| (*said == ToEye::ViewerLost { jti: jti("s1") }).then_some(())).await;
    let mut call = server.accept().await;
    call.takes_the_stream(true).await;
    stage.eye.hear_until(|said, _| (*said == ToEye::ViewerJoined { jti: jti("s1") }).then_some(())).await;
}
