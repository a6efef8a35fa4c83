//! RTSP clients that take their time: one that reads nothing when its share ends, one that says a byte now and then, one that says nothing at all. Each
//! is ended by the clock, which is set to run fast here, and none of them harms another.

#[path = "support/rtsp.rs"]
mod rtsp;
mod support;

use contract::EndReason;
use link::Pullers;
use rtsp::*;
use std::time::{Duration, Instant};
use support::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpSocket, TcpStream};

/// P4.
const ENDS_WITHIN: Duration = Duration::from_millis(500);
/// Far from being over in a test.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(300);

/// A key picture that no client's buffers hold.
fn large(number: u8) -> Vec<u8> {
    let mut unit = KEY.to_vec();
    unit.extend(std::iter::repeat_n([number | 0x80, 0x55], 150_000).flatten());
    unit
}

/// A connection whose kernel keeps little for a client that does not read.
async fn narrow(stage: &Stage) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(8 * 1024).expect("settable");
    socket.connect(stage.tls).await.expect("a connection")
}

/// Waits until the board has reset the connection, without reading from it.
async fn is_reset(stream: &TcpStream) -> Instant {
    patient("the connection to be cut", async {
        loop {
            let ready = stream.ready(Interest::ERROR).await.expect("a socket");
            if ready.is_error() {
                return Instant::now();
            }
        }
    })
    .await
}

#[tokio::test]
async fn p4_a_client_that_never_reads_is_cut_when_the_share_ends_and_no_other_notices() {
    let mut stage = Stage::with(&Pullers { plain: false, who: vec![puller(2)] }, |_| ()).await;
    let mut well = stage.client().await.knows_password();
    well.play().await;
    let mut stuck = stage.client_over(narrow(&stage).await, stage.tls_config()).await.knows_password();
    stuck.play().await;
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    // Whoever reads gets them all; the other's way is full long before the last.
    for number in 0..8 {
        let picture = large(number);
        stage.eye.picture(0, u64::from(number) + 1, &picture).await;
        while well.picture().await.expect("every picture") != picture {}
    }
    let stream = stuck.stream.get_ref().0;
    assert!(stream.take_error().expect("a socket").is_none(), "while the share runs it may be slow");

    stage.eye.end("s1", EndReason::Revoked).await;
    let ended = Instant::now();
    let took = is_reset(stream).await - ended;
    println!("end of the share to the cut: {} ms", took.as_millis());
    assert!(took <= ENDS_WITHIN, "{took:?}");
    // What its own side still held, and nothing of what the board did.
    let (mut came, mut bytes) = (0, vec![0; 64 * 1024]);
    let stream = &mut stuck.stream.get_mut().0;
    while let Ok(length @ 1..) = stream.read(&mut bytes).await {
        came += length;
    }
    assert!(came <= 64 * 1024, "{came} bytes after the cut");
    assert_eq!(well.picture().await.expect("the slate"), SLATE);
    assert_eq!(well.picture().await.expect("the slate"), SLATE);
}

#[tokio::test]
async fn p4_a_client_that_takes_nothing_while_a_share_runs_is_given_up() {
    let who = Pullers { plain: false, who: vec![puller(2)] };
    let mut stage = Stage::with(&who, |rtsp| rtsp.patience.stuck = SHORT).await;
    let mut well = stage.client().await.knows_password();
    well.play().await;
    let mut stuck = stage.client_over(narrow(&stage).await, stage.tls_config()).await.knows_password();
    stuck.play().await;
    stage.eye.grant_pull("s1").await;
    stage.eye.hears_joined("s1").await;
    stage.eye.start_pull("s1").await;
    for number in 0..4 {
        let picture = large(number);
        stage.eye.picture(0, u64::from(number) + 1, &picture).await;
        while well.picture().await.expect("every picture") != picture {}
    }
    is_reset(stuck.stream.get_ref().0).await;
    stage.eye.picture(0, 9, &KEY).await;
    while well.picture().await.expect("the picture") != KEY {}
}

#[tokio::test]
async fn a_request_that_comes_a_byte_at_a_time_has_an_end_however_steadily_it_comes() {
    let stage = Stage::with(&pullers(), |rtsp| (rtsp.patience.say, rtsp.patience.prove) = (SHORT, LONG)).await;
    let mut viewer = stage.client().await.knows_password();
    viewer.play().await;
    // A proven client: nothing but the time for a request ends it.
    let mut loris = stage.client().await.knows_password();
    assert_eq!(loris.ask("DESCRIBE", "/613", &[]).await.status, 200);
    let began = Instant::now();
    let (mut reader, mut writer) = tokio::io::split(loris.stream);
    let ended = patient("the end of the slow client", async {
        let mut bytes =
            std::iter::once(b"OPTIONS * RTSP/1.0\r\nX: ".to_vec()).chain(std::iter::repeat_with(|| b"x".to_vec()));
        let mut often = tokio::time::interval(SHORT / 20);
        let mut answer = [0; 1024];
        loop {
            tokio::select! {
                read = reader.read(&mut answer) => match read {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return Instant::now(),
                },
                _ = often.tick() => {
                    let next = bytes.next().unwrap_or_default();
                    // That it is refused is seen by the reader.
                    let _ = async { writer.write_all(&next).await?; writer.flush().await }.await;
                }
            }
        }
    })
    .await;
    let took = ended - began;
    assert!((SHORT..LONG).contains(&took), "{took:?}");
    assert_eq!(viewer.picture().await.expect("the slate"), SLATE);
}

#[tokio::test]
async fn whoever_connects_and_says_nothing_makes_room_again() {
    let stage = Stage::with(&pullers(), |rtsp| {
        (rtsp.patience.shake, rtsp.patience.prove, rtsp.patience.idle) = (SHORT, SHORT, LONG);
        rtsp.max_per_address = 2;
    })
    .await;
    for at in [stage.tls, stage.plain] {
        patient("the silent ones to be ended", async {
            let mut held = Vec::new();
            for _ in 0..2 {
                held.push(TcpStream::connect(at).await.expect("a connection"));
            }
            for mut silent in held {
                let mut bytes = Vec::new();
                // Ended by the board: this side keeps its own half open.
                let _ = silent.read_to_end(&mut bytes).await;
                assert!(bytes.is_empty(), "{bytes:?}");
            }
        })
        .await;
    }
    let mut client = stage.client().await.knows_password();
    client.play().await;
    assert_eq!(client.picture().await.expect("the slate"), SLATE);
}

#[tokio::test]
async fn a_proven_client_that_asks_for_nothing_more_is_ended() {
    let stage = Stage::with(&pullers(), |rtsp| rtsp.patience.idle = SHORT).await;
    let mut client = stage.client().await.knows_password();
    assert_eq!(client.ask("DESCRIBE", "/613", &[]).await.status, 200);
    let began = Instant::now();
    assert!(client.next().await.is_none());
    assert!(began.elapsed() < PATIENCE);
}
