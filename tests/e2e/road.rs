//! The whole road with parts nobody here wrote: Mosquitto carries the commands, ffmpeg subscribes from the session description.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a helper that fails fails the test; figures are told

mod common;

use campari::stage::Stage;
use common::relay::Relay;
use common::{PATIENCE, alone, run, stage};
use contract::claims::Delivery;
use contract::{EndReason, ErrorCode, Filter, Jti};
use e2e::judge::judge;
use e2e::pictures;
use e2e::truth::Truth;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Silence that is taken for an end: far longer than the 40 ms between pictures.
const SILENCE: Duration = Duration::from_millis(1_500);

/// ffmpeg, subscribed; writes what it receives to a file until it is told to end.
struct Ffmpeg {
    child: Child,
    file: PathBuf,
}

impl Ffmpeg {
    /// Subscribes at a free port of its own with the board's session description, its port replaced.
    fn subscribe(sdp: &str, granted: SocketAddr, dir: &Path) -> (Self, SocketAddr) {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() & !1;
        let to = SocketAddr::from(([127, 0, 0, 1], free));
        let own = dir.join("own.sdp");
        std::fs::write(&own, sdp.replace(&format!("video {} ", granted.port()), &format!("video {free} "))).unwrap();
        let file = dir.join("ffmpeg.mkv");
        let log = std::fs::File::create(dir.join("ffmpeg.log")).unwrap();
        let child = Command::new("ffmpeg")
            .args(["-y", "-v", "warning", "-protocol_whitelist", "file,udp,rtp", "-i"])
            .arg(&own)
            .args(["-map", "0:v", "-c", "copy"])
            .arg(&file)
            .stdin(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let listening = || std::fs::read_to_string("/proc/net/udp").unwrap().contains(&format!(":{free:04X} "));
        let until = std::time::Instant::now() + PATIENCE;
        while !listening() {
            assert!(std::time::Instant::now() < until, "ffmpeg does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        (Self { child, file }, to)
    }

    /// Ends it in good order; gives its file.
    fn end(mut self) -> PathBuf {
        use nix::sys::signal::{Signal, kill};
        kill(nix::unistd::Pid::from_raw(self.child.id() as i32), Signal::SIGINT).unwrap();
        self.child.wait().unwrap();
        self.file.clone()
    }
}

async fn granted_to(stage: &Stage, relay: &Relay, lasts: Duration) -> Jti {
    let mut order = stage.order();
    order.delivery = Delivery::Push { address: relay.address().ip(), port: relay.address().port() };
    order.lasts = lasts;
    let outcome = stage.grant(order).await.unwrap();
    outcome.answer.share.clone().unwrap_or_else(|| panic!("refused: {outcome:?}"))
}

#[test]
fn p1_nothing_before_the_grant_masked_pictures_during_it_nothing_after_the_revoke() {
    let _alone = alone();
    run(async {
        let stage = stage("road").start().await.unwrap();
        stage.ready(PATIENCE).await.unwrap();
        let relay = Relay::open();
        // Online, looking, and silent: for as long as twenty-five pictures would take.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((relay.packets(), stage.ledger().snapshot().datagrams), (0, 0), "packets before the grant");

        let jti = granted_to(&stage, &relay, Duration::from_secs(600)).await;
        let said = stage.until("the session description", PATIENCE, |said| said.sdp(&jti).is_some()).await.unwrap();
        let (ffmpeg, to) = Ffmpeg::subscribe(said.sdp(&jti).unwrap(), relay.address(), &stage.paths().root);
        relay.pass_on(to);
        stage
            .until("clear", PATIENCE, |said| said.eye().is_some_and(|eye| eye.ladder == contract::Rung::Clear))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(8)).await;

        let revoked = stage.revoke(Some(jti.clone())).await.unwrap();
        assert!(revoked.answer.ok, "{revoked:?}");
        let said = stage.until("the end", PATIENCE, |said| said.logged(&jti, "ended").is_some()).await.unwrap();
        assert_eq!(said.logged(&jti, "ended").unwrap().log.reason, Some(EndReason::Revoked));
        assert!(relay.falls_silent(SILENCE, PATIENCE), "packets go on after the revoke");
        let packets = relay.packets();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(relay.packets(), packets, "packets long after the revoke");
        let file = ffmpeg.end();
        stage.stop().await;
        judge_pictures(&file);
    });
}

/// What ffmpeg got: decodes cleanly; under every head and plate nothing of the original; elsewhere the original.
fn judge_pictures(received: &Path) {
    let truth = Truth::read(&common::scene().with_extension("json")).unwrap();
    let (width, height) = (truth.width, truth.height);
    let seen = pictures::decode(received, width, height).unwrap();
    assert!(seen.len() > 100, "only {} pictures arrived", seen.len());
    let original = pictures::decode(&common::scene(), width, height).unwrap();
    let frames: Vec<_> = truth.frames.iter().collect();
    let verdict = judge(seen.iter().skip(50).step_by(5), &original, &frames, 20.0);
    println!("{} pictures, of which {verdict:?}", seen.len());
    assert!(verdict.judged > 50, "the scene has too little in it: {verdict:?}");
    assert!(verdict.showing * 50 <= verdict.judged, "heads and plates correlate with the original: {verdict:?}");
    assert!(verdict.median_masked_in_vain < 0.3, "half of the pictures are masked without need: {verdict:?}");
    assert!(verdict.median_elsewhere_db > 30.0, "outside the masks the picture is not the original: {verdict:?}");
}

#[test]
fn p4_media_stops_when_the_grant_expires() {
    let _alone = alone();
    run(async {
        let stage = stage("expiry").start().await.unwrap();
        stage.ready(PATIENCE).await.unwrap();
        let relay = Relay::open();
        let jti = granted_to(&stage, &relay, Duration::from_secs(4)).await;
        let said = stage.until("the end", PATIENCE, |said| said.logged(&jti, "ended").is_some()).await.unwrap();
        assert_eq!(said.logged(&jti, "ended").unwrap().log.reason, Some(EndReason::Expired));
        assert!(relay.packets() > 0, "nothing came while it was granted");
        assert!(relay.falls_silent(SILENCE, PATIENCE), "packets go on after the expiry");
        stage.stop().await;
    });
}

#[test]
fn p4_a_share_dies_within_the_lease_when_the_heartbeat_stops_though_voice_and_broker_are_well() {
    let _alone = alone();
    run(async {
        let mut stage = stage("lease").policy(|policy| policy.lease_s = 4).start().await.unwrap();
        stage.ready(PATIENCE).await.unwrap();
        let relay = Relay::open();
        let jti = granted_to(&stage, &relay, Duration::from_secs(600)).await;
        stage.until("the start", PATIENCE, |said| said.sdp(&jti).is_some()).await.unwrap();
        stage.stop_heartbeat();
        let said = stage.until("the end", PATIENCE, |said| said.logged(&jti, "ended").is_some()).await.unwrap();
        assert_eq!(said.logged(&jti, "ended").unwrap().log.reason, Some(EndReason::ControlRoomLost));
        assert!(relay.falls_silent(SILENCE, PATIENCE), "packets go on without a heartbeat");
        assert!(stage.voice().unwrap().exit().is_none() && stage.eye().unwrap().exit().is_none());

        // And a new grant is refused for the same reason until the control room is back.
        let refused = stage.grant(stage.order()).await.unwrap();
        assert_eq!(refused.answer.error.unwrap().code, ErrorCode::ControlRoomLost);
        stage.start_room().unwrap();
        let heard = |said: &campari::stage::Said| {
            said.eye().is_some_and(|eye| eye.heartbeat_age_s.is_some_and(|age_s| age_s < 3.0))
        };
        stage.until("the heartbeat again", PATIENCE, heard).await.unwrap();
        assert!(stage.grant(stage.order()).await.unwrap().answer.ok);
        stage.stop().await;
    });
}

#[test]
fn p5_a_grant_outside_the_policy_is_refused_with_its_reason() {
    let _alone = alone();
    run(async {
        let stage =
            stage("policy").policy(|policy| policy.subscribers[0].min_filter = Filter::Fill).start().await.unwrap();
        stage.ready(PATIENCE).await.unwrap();
        let mut weaker = stage.order();
        weaker.filter = Filter::Pixelate;
        let mut elsewhere = stage.order();
        elsewhere.delivery = Delivery::Push { address: [127, 0, 0, 2].into(), port: 5004 };
        let mut longer = stage.order();
        longer.lasts = Duration::from_secs(999_999);
        for (what, order) in [("a weaker filter", weaker), ("another address", elsewhere), ("a longer share", longer)] {
            let refused = stage.grant(order).await.unwrap().answer.error;
            assert_eq!(refused.map(|refusal| refusal.code), Some(ErrorCode::OutsidePolicy), "{what}");
        }
        assert_eq!(stage.ledger().snapshot().datagrams, 0);
        stage.stop().await;
    });
}
