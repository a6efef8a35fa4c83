//! A centralist's screen against a real board: a request comes in, one key takes it, one grants it, two end it.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

mod common;

use campari::command::Told;
use campari::stage::{Role, Stage};
use common::{PATIENCE, alone, programs, run, stage};
use contract::ErrorCode;
use contract::asking::RequestEvent;
use contract::body::ShareEvent;
use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// `campari watch` on a terminal of 80x24 that is only looked at.
struct Watch {
    child: Child,
    keyboard: File,
    /// The terminal, and how often it rang.
    seen: Arc<(Mutex<(vt100::Parser, usize)>, Condvar)>,
}

impl Watch {
    fn start(stage: &Stage) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let (master, slave) = (File::from(pty.master), File::from(pty.slave));
        let roots = stage.roots().into_iter().flat_map(|root| ["--root".into(), format!("{}={}", root.kid, root.x)]);
        let child = Command::new(programs().join("campari"))
            .args(["watch", "--key"])
            .arg(stage.paths().root.join("keys/ines.jwk"))
            .arg("--policy")
            .arg(&stage.paths().policy)
            .args(roots)
            .args(stage.flags(Role::Centralist))
            .env("TERM", "xterm-256color")
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::from(slave))
            .spawn()
            .unwrap();
        let seen = Arc::new((Mutex::new((vt100::Parser::new(24, 80, 0), 0)), Condvar::new()));
        let (mut screen, told) = (master.try_clone().unwrap(), Arc::clone(&seen));
        // Ends when the terminal's other side is closed.
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                let mut terminal = told.0.lock().unwrap();
                terminal.0.process(&bytes[..count]);
                terminal.1 += bytes[..count].iter().filter(|byte| **byte == 7).count();
                drop(terminal);
                told.1.notify_all();
            }
        });
        Self { child, keyboard: master, seen }
    }

    /// Waits until the screen shows all of `wanted`.
    fn until(&self, wanted: &[&str]) -> String {
        let ends = Instant::now() + PATIENCE;
        let mut parser = self.seen.0.lock().unwrap();
        loop {
            let text = parser.0.screen().contents();
            if wanted.iter().all(|word| text.contains(word)) {
                return text;
            }
            let left = ends.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{wanted:?} is not on the screen:\n{text}");
            parser = self.seen.1.wait_timeout(parser, left).unwrap().0;
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    fn bells(&self) -> usize {
        self.seen.0.lock().unwrap().1
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn a_centralist_takes_grants_and_ends_at_key_presses() {
    let _alone = alone();
    run(async {
        let stage = stage("watch").detector_setting("light").start().await.unwrap();
        stage.ready(PATIENCE).await.unwrap();
        let mut watch = Watch::start(&stage);
        watch.until(&["613", "heartbeat good", "no request waits"]);

        let (bus, mut events) = stage.subscriber_bus().await.unwrap();
        let asked = stage.booth(&bus).ask(stage.wish(Duration::from_secs(900))).await.unwrap();
        assert!(asked.answer.ok, "{:?}", asked.answer);
        watch.until(&["1 request waits", "tlc asks for 613", "in nobody's hands"]);
        assert_eq!(watch.bells(), 1, "a new request rings once");
        watch.press("t");
        watch.until(&["in your hands"]);
        watch.press("g");
        let (mut share, mut started, mut told_so_far) = (None, Vec::new(), Vec::new());
        while !share.as_ref().is_some_and(|share| started.contains(share)) {
            let next = tokio::time::timeout(PATIENCE, events.next()).await;
            let Ok(Some((jti, told))) = next else { panic!("the subscriber was told only {told_so_far:?}") };
            told_so_far.push((jti.clone(), told.clone()));
            match told {
                Told::Request(RequestEvent::Granted { share: of }) if jti == asked.jti => share = Some(of),
                Told::Share(ShareEvent::Started { .. }) => started.push(jti),
                _ => {}
            }
        }
        watch.until(&["no request waits", "tlc watches ·", "grant camera 613 to tlc: done"]);

        watch.press("e1");
        watch.until(&["extend camera 613 by 5 min: done", "19:"]);
        watch.press("r");
        watch.until(&["revoke", "[y] yes"]);
        watch.press("n");
        watch.press("p");
        watch.until(&["preempt camera 613", "[y] yes"]);
        watch.press("y");
        watch.until(&["RESERVED", "the police took the"]);
        watch.press("ly");
        watch.until(&["release camera 613: done"]);
        watch.press("q");
        assert!(watch.child.wait().unwrap().success());
        bus.close().await;
        stage.stop().await;
    });
}

#[test]
fn of_two_centralists_who_grant_the_same_request_one_is_told_that_it_is_gone() {
    let _alone = alone();
    run(async {
        // Room for both shares: what refuses the second one is that the request was decided.
        let roomy = stage("two-centralists").detector_setting("light").policy(|policy| policy.max_shares = 2);
        let stage = roomy.start().await.unwrap();
        stage.ready(PATIENCE).await.unwrap();
        let (bus, _events) = stage.subscriber_bus().await.unwrap();
        let asked = stage.booth(&bus).ask(stage.wish(Duration::from_secs(900))).await.unwrap();
        let waits = |said: &campari::stage::Said| said.inbox.requests.iter().any(|open| open.jti == asked.jti);
        let said = stage.until("the request waits", PATIENCE, waits).await.unwrap();
        let open = &said.inbox.requests[0];
        let (one, other) = tokio::join!(stage.grant_request(open), stage.grant_request(open));
        let codes = [one, other].map(|outcome| outcome.unwrap().answer.error.map(|refusal| refusal.code));
        assert!(codes.contains(&None) && codes.contains(&Some(ErrorCode::NoSuchRequest)), "{codes:?}");
        bus.close().await;
        stage.stop().await;
    });
}
