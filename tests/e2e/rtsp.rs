//! A subscriber with one URL and one credential, ffmpeg: slate, the camera's picture while a share runs, slate again, all in one RTSPS session.
//!
//! Judged by what ffmpeg hands on of the stream: the slate is one constant picture, so everything else is the camera's.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a helper that fails fails the test; figures are told

mod common;

use campari::command::{Events, Told};
use campari::mqtt::Bus;
use campari::stage::Stage;
use common::{PATIENCE, alone, run, stage};
use contract::asking::RequestEvent;
use contract::body::{PullCredential, ShareEvent};
use contract::claims::Delivery;
use contract::{EndReason, Jti};
use e2e::pictures;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use token::jwe::DecryptionKey;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// P4.
const ENDS_WITHIN: Duration = Duration::from_millis(500);
/// More pictures than ffmpeg takes to look at a stream before it hands anything on.
const ENOUGH: usize = 50;

/// Slices of one picture; the slate is encoded once, and so has no more for ever.
const MOST_SLICES: usize = 4;

/// Shorter than the time between two pictures.
const AT_ONCE: Duration = Duration::from_millis(30);

/// A coded slice, and when its first bytes came.
#[derive(Debug, Clone)]
struct Slice {
    at: Instant,
    bytes: Vec<u8>,
}

/// Takes slices out of H.264 annex B as it comes.
#[derive(Default)]
struct Slices {
    /// Everything so far, for decoding.
    whole: Vec<u8>,
    /// The NAL unit that has not ended: where it begins, and when it came.
    open: Option<(usize, Instant)>,
    searched: usize,
}

impl Slices {
    fn push(&mut self, bytes: &[u8], at: Instant) -> Vec<Slice> {
        self.whole.extend_from_slice(bytes);
        let mut found = Vec::new();
        while let Some(offset) = self.whole[self.searched..].windows(3).position(|three| three == [0, 0, 1]) {
            let (end, begins) = (self.searched + offset, self.searched + offset + 3);
            if let Some((start, at)) = self.open.replace((begins, at)) {
                let nal = &self.whole[start..end];
                let zeros = nal.iter().rev().take_while(|byte| **byte == 0).count();
                let nal = &nal[..nal.len() - zeros];
                // Coded slices (H.264 table 7-1): of a picture, of a key picture.
                if matches!(nal.first().map(|byte| byte & 0x1f), Some(1 | 5)) {
                    found.push(Slice { at, bytes: nal.to_vec() });
                }
            }
            self.searched = begins;
        }
        self.searched = self.searched.max(self.whole.len().saturating_sub(2));
        found
    }
}

/// ffmpeg that fetches; what it hands on.
struct Ffmpeg {
    child: Child,
    seen: watch::Receiver<Vec<Slice>>,
    file: PathBuf,
    began: Instant,
}

impl Ffmpeg {
    fn fetch(url: &str, credential: &PullCredential, dir: &Path, name: &str) -> Self {
        let at = url.strip_prefix("rtsps://").unwrap();
        let url = format!("rtsps://{}:{}@{at}", credential.user, credential.password);
        let log = std::fs::File::create(dir.join(format!("{name}.log"))).unwrap();
        let began = Instant::now();
        let mut child = Command::new("ffmpeg")
            .args(["-v", "warning", "-rtsp_transport", "tcp", "-i", &url])
            .args(["-map", "0:v", "-c", "copy", "-flush_packets", "1", "-f", "h264", "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (tell, seen) = watch::channel(Vec::new());
        let file = dir.join(format!("{name}.h264"));
        let saved = file.clone();
        // Ends with ffmpeg.
        tokio::spawn(async move {
            let (mut slices, mut bytes) = (Slices::default(), vec![0; 1 << 16]);
            while let Ok(length @ 1..) = stdout.read(&mut bytes).await {
                let found = slices.push(&bytes[..length], Instant::now());
                tell.send_modify(|seen| seen.extend(found));
            }
            std::fs::write(saved, slices.whole).unwrap();
        });
        Self { child, seen, file, began }
    }

    /// Waits until what came satisfies `wanted`.
    async fn until(&mut self, what: &str, wanted: impl Fn(&[Slice]) -> bool) -> Vec<Slice> {
        let waited = tokio::time::timeout(PATIENCE, self.seen.wait_for(|seen| wanted(seen))).await;
        waited
            .unwrap_or_else(|_| panic!("{what} does not come"))
            .unwrap_or_else(|_| panic!("ffmpeg ended before {what}"))
            .clone()
    }

    /// Ends it in good order; gives its file.
    async fn end(mut self) -> PathBuf {
        use nix::sys::signal::{Signal, kill};
        kill(nix::unistd::Pid::from_raw(self.child.id().expect("it runs") as i32), Signal::SIGINT).unwrap();
        self.child.wait().await.unwrap();
        // The reader has saved everything when it lets go of its end.
        while self.seen.changed().await.is_ok() {}
        self.file
    }
}

/// The subscriber asks for a picture that it fetches, the centralist grants; what the subscriber was told.
async fn granted(stage: &Stage, bus: &Bus, events: &mut Events, key: &DecryptionKey) -> (Jti, String, PullCredential) {
    let mut wish = stage.wish(Duration::from_secs(600));
    wish.delivery = Delivery::Pull;
    let asked = stage.booth(bus).ask(wish).await.unwrap();
    assert!(asked.answer.ok, "{:?}", asked.answer);
    let waits = |said: &campari::stage::Said| said.inbox.requests.iter().any(|open| open.jti == asked.jti);
    let said = stage.until("the request waits", PATIENCE, waits).await.unwrap();
    let open = said.inbox.requests.iter().find(|open| open.jti == asked.jti).unwrap();
    let outcome = stage.grant_request(open).await.unwrap();
    assert!(outcome.answer.ok, "{:?}", outcome.answer);
    let (mut share, mut invited) = (None, None);
    while invited.is_none() || share.is_none() {
        match tokio::time::timeout(PATIENCE, events.next()).await.expect("an event").expect("connected") {
            (of, Told::Request(RequestEvent::Granted { share: granted })) if of == asked.jti => share = Some(granted),
            (of, Told::Share(ShareEvent::Granted { url, credential, .. })) => invited = Some((of, url, credential)),
            _ => {}
        }
    }
    let (of, url, sealed) = invited.unwrap();
    assert_eq!(Some(&of), share.as_ref());
    let opened = key.open(&sealed.expect("a credential")).unwrap();
    (of, url.expect("a URL"), serde_json::from_slice(&opened).unwrap())
}

async fn revoked(stage: &Stage, jti: &Jti) -> contract::body::ShareLog {
    let outcome = stage.revoke(Some(jti.clone())).await.unwrap();
    assert!(outcome.answer.ok, "{outcome:?}");
    let said = stage.until("the end", PATIENCE, |said| said.logged(jti, "ended").is_some()).await.unwrap();
    said.logged(jti, "ended").unwrap().log.clone()
}

#[test]
fn p1_p4_one_session_shows_the_slate_the_camera_while_a_share_runs_and_the_slate_again() {
    let _alone = alone();
    run(async {
        let key = DecryptionKey::new([7; 32]);
        let (encrypt_x, port) = (key.public().x(), free_port());
        let builder = stage("rtsp").detector_setting("light").policy(move |policy| {
            policy.plain_rtp = false;
            policy.subscribers[0].pull = Some(contract::policy::PullRule::default());
            policy.subscribers[0].encrypt_x = Some(encrypt_x);
            policy.subscribers[0].max_viewers = 2;
        });
        let tls = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rtsp/tls");
        let stage = builder.voice(move |voice| serve_rtsp(voice, port, &tls)).start().await.unwrap();
        stage.ready(PATIENCE).await.unwrap();
        let (bus, mut events) = stage.subscriber_bus().await.unwrap();

        // An earlier share, that nobody fetched: the credential outlives it.
        let (earlier, url, credential) = granted(&stage, &bus, &mut events, &key).await;
        let log = revoked(&stage, &earlier).await;
        assert_eq!(log.usage.map(|usage| usage.pictures), Some(0), "nobody was there");

        // Without a share: one constant picture.
        let mut ffmpeg = Ffmpeg::fetch(&url, &credential, &stage.paths().root, "fetched");
        let before = ffmpeg.until("the slate", |seen| seen.len() >= 20).await;
        let slate: HashSet<Vec<u8>> = before.iter().map(|slice| slice.bytes.clone()).collect();
        println!("ffmpeg's start to its first slate: {} ms", (before[0].at - ffmpeg.began).as_millis());
        assert!(slate.len() <= MOST_SLICES, "{} different slices before the grant", slate.len());

        // A share: the camera's pictures, in the same session, with the same credential.
        let asked_at = Instant::now();
        let (share, same_url, same) = granted(&stage, &bus, &mut events, &key).await;
        let granted_at = Instant::now();
        assert_eq!((&same_url, &same), (&url, &credential));
        let of_camera = |seen: &[Slice]| seen.iter().filter(|slice| !slate.contains(&slice.bytes)).count();
        let during = ffmpeg.until("the camera's picture", |seen| of_camera(seen) >= ENOUGH).await;
        let first = during.iter().find(|slice| !slate.contains(&slice.bytes)).unwrap();
        assert!(first.at > asked_at, "the camera's picture before the grant");
        println!(
            "grant told to the subscriber to the camera's first picture out of ffmpeg: {} ms; request to picture: {} ms",
            first.at.saturating_duration_since(granted_at).as_millis(),
            (first.at - asked_at).as_millis()
        );

        // A second viewer, which comes while the share runs: the camera's picture first. ffmpeg looks at a stream before it hands on what it kept meanwhile,
        // all at once: so many pictures, so long ago came the first.
        let mut second = Ffmpeg::fetch(&url, &credential, &stage.paths().root, "second");
        let seen = second.until("the camera's picture", |seen| of_camera(seen) >= 2 * ENOUGH).await;
        let first = seen.iter().find(|slice| !slate.contains(&slice.bytes)).unwrap();
        let kept = seen.iter().filter(|slice| slice.at < first.at + AT_ONCE).count();
        println!(
            "ffmpeg's start to the camera's first picture out of it: {} ms, of which it kept back {kept} pictures at 25 a second",
            (first.at - second.began).as_millis()
        );
        second.end().await;

        // Its end: the slate again, at once.
        let revoked_at = Instant::now();
        let log = revoked(&stage, &share).await;
        assert_eq!(log.reason, Some(EndReason::Revoked));
        let usage = log.usage.expect("usage");
        assert!(
            usage.pictures > 0
                && usage.bytes > 0
                && usage.seconds_clear + usage.seconds_cautious + usage.seconds_covered > 0.0,
            "{usage:?}"
        );
        let slate_again = |seen: &[Slice]| seen.len() > 3 && of_camera(&seen[seen.len() - 3..]) == 0;
        let after = ffmpeg.until("the slate again", slate_again).await;
        let last = after.iter().rposition(|slice| !slate.contains(&slice.bytes)).unwrap();
        let took = after[last].at.saturating_duration_since(revoked_at);
        println!("revoke sent to the camera's last picture out of ffmpeg: {} ms; {usage:?}", took.as_millis());
        assert!(took <= ENDS_WITHIN, "the camera's picture {took:?} after the revoke");
        let again = ffmpeg.until("more of the slate", |seen| seen.len() >= after.len() + 2).await;
        assert_eq!(of_camera(&again[last + 1..]), 0, "the camera's picture after the slate");
        assert!(ffmpeg.child.try_wait().unwrap().is_none(), "the session did not go on");

        let file = ffmpeg.end().await;
        bus.close().await;
        assert_eq!(stage.ledger().snapshot().datagrams, 0, "something was pushed");
        stage.stop().await;
        let truth = e2e::truth::Truth::read(&common::scene().with_extension("json")).unwrap();
        let seen = pictures::decode(&file, truth.width, truth.height).unwrap();
        println!("{} pictures decoded, slates among them", seen.len());
        assert!(seen.len() > ENOUGH, "{}", seen.len());
    });
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn serve_rtsp(voice: &mut toml::Table, port: u16, tls: &Path) {
    let file = |name: &str| tls.join(name).display().to_string();
    let mut rtsp = toml::Table::new();
    rtsp.insert("listen".into(), format!("127.0.0.1:{port}").into());
    rtsp.insert("known_as".into(), "localhost".into());
    rtsp.insert("cert".into(), file("broker.cert.pem").into());
    rtsp.insert("key".into(), file("broker.key.pem").into());
    voice.insert("rtsp".into(), rtsp.into());
}
