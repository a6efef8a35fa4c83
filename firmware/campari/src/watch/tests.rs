//! A night in the control room, key by key: what is heard, what is pressed, what is on the screen.

use super::model::{Asked, Change, Do, Heard, Model, Order, Pane, Row};
use super::{Tone, draw};
use crate::command::GrantOrder;
use contract::asking::{DenyReason, LeakStanding, OpenRequest};
use contract::body::{
    Counters, EyeState, Mode, Presence, RoomPresence, ShareLog, ShareState, ShareSummary, State, Taken, Usage,
};
use contract::claims::{Actors, Delivery, Envelope, Request};
use contract::{Audience, CameraId, EndReason, Filter, Jti, Rung};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::time::Duration;

const NOW: u64 = 1_700_000_000;

fn camera(id: &str) -> CameraId {
    id.parse().unwrap()
}

fn jti(id: &str) -> Jti {
    id.parse().unwrap()
}

fn eye() -> EyeState {
    EyeState {
        mode: Mode::Normal,
        shares: Vec::new(),
        ladder: Rung::Clear,
        ladder_reason: None,
        fps: 25.0,
        capture_to_link_p99_ms: 31.0,
        challenge: "c".parse().unwrap(),
        now: NOW,
        clock_synchronised: true,
        heartbeat_age_s: Some(1.0),
        policy_version: Some(4),
        firmware: "0".into(),
        model: "heads-plates-672x384".into(),
        model_sha256: String::new(),
        self_test: None,
        requests_waiting: 0,
        leak: None,
        journal_fault: None,
        pins: None,
        counters: Counters::default(),
    }
}

fn state(eye: EyeState) -> Box<State> {
    Box::new(State { presence: Presence::Online, eye: Some(eye), voice: None })
}

fn share(id: &str, left_s: u64) -> ShareSummary {
    ShareSummary { jti: jti(id), state: ShareState::Sharing, filter: Filter::Fill, exp: NOW + left_s }
}

fn asked(at: &str, id: &str, asked_at: u64, purpose: &str) -> Asked {
    let site: contract::SiteId = "almere".parse().unwrap();
    let request = Request {
        envelope: Envelope {
            iss: "tlc".parse().unwrap(),
            aud: Audience::camera(site, camera(at)),
            iat: asked_at,
            jti: jti(id),
            challenge: None,
        },
        view: "schrijverstraat".parse().unwrap(),
        filter: Some(Filter::Fill),
        fps: None,
        duration_s: 900,
        delivery: Delivery::Push { address: [192, 0, 2, 10].into(), port: 5004 },
        purpose: purpose.into(),
        requester: Some("traffic-manager-7".into()),
        cnf: None,
    };
    let order = GrantOrder::answering(&request, "tlc".parse().unwrap(), Filter::Fill, "ines".into());
    let open = OpenRequest {
        jti: jti(id),
        sub: "tlc".parse().unwrap(),
        asked_at,
        until: asked_at + 120,
        request,
        token: String::new(),
    };
    Asked { open, order: Ok(order) }
}

fn log(id: &str, event: &str, reason: Option<EndReason>) -> Box<ShareLog> {
    let usage = reason.map(|_| Usage { seconds_clear: 61.0, ..Usage::default() });
    let (jti, sub, event) = (jti(id), "tlc".parse().unwrap(), event.into());
    Box::new(ShareLog { jti, sub, event, reason, at_ms: 0, usage, server: None })
}

fn model() -> Model {
    let mut model = Model::new("almere".parse().unwrap(), "ines".into(), NOW);
    model.hear(Heard::Presence(RoomPresence { online: true, busy: false }));
    model.hear(Heard::Lead);
    model.hear(Heard::State(camera("613"), state(eye())));
    model.hear(Heard::State(camera("614"), state(EyeState { shares: vec![share("s-614", 725)], ..eye() })));
    model.hear(Heard::Log(camera("614"), log("s-614", "started", None)));
    model
}

fn press(model: &mut Model, keys: &str) -> Vec<Do> {
    let mut todo = Vec::new();
    for key in keys.chars() {
        let code = match key {
            '\t' => KeyCode::Tab,
            '↓' => KeyCode::Down,
            '\u{1b}' => KeyCode::Esc,
            other => KeyCode::Char(other),
        };
        todo.extend(model.key(KeyEvent::new(code, KeyModifiers::NONE)));
    }
    todo
}

fn orders(todo: &[Do]) -> Vec<String> {
    todo.iter()
        .filter_map(|one| match one {
            Do::Order(order) => Some(order.to_string()),
            _ => None,
        })
        .collect()
}

fn screen(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw::draw(model, frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let rows = (0..height).map(|y| {
        let row: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        row.trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n") + "\n"
}

/// A busy hour: everything that wants attention at once.
fn busy_hour() -> Model {
    let mut model = model();
    model.hear(Heard::State(camera("615"), Box::new(State { presence: Presence::Offline, eye: None, voice: None })));
    let leak = LeakStanding { since: NOW - 60, reports: 2 };
    let covered = EyeState {
        ladder: Rung::Covered,
        ladder_reason: Some("a leak was reported".into()),
        leak: Some(leak),
        ..eye()
    };
    model.hear(Heard::State(camera("616"), state(covered)));
    model.hear(Heard::State(camera("617"), state(EyeState { mode: Mode::Reserved, ..eye() })));
    model.hear(Heard::State(
        camera("618"),
        state(EyeState { clock_synchronised: false, ladder: Rung::Cautious, ..eye() }),
    ));
    model.hear(Heard::Inbox(camera("613"), vec![asked("613", "r-1", NOW - 12, "traffic")]));
    model.hear(Heard::Inbox(camera("614"), vec![asked("614", "r-2", NOW - 105, "traffic\u{1b}[2J")]));
    let taken = Taken { by: "piet".into(), at: NOW };
    model.hear(Heard::Taken(camera("614"), jti("r-2"), Some(taken)));
    model.hear(Heard::Log(camera("614"), log("s-9", "ended", Some(EndReason::ViewerLeft))));
    model.done(Err("grant camera 617 to tlc: refused, the camera is reserved: wait until it is released".into()));
    model
}

fn compare(name: &str, expected: &str, got: &str) {
    if std::env::var_os("CAMPARI_UPDATE_SNAPSHOTS").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/watch/screens").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, got).unwrap();
        return;
    }
    assert_eq!(got, expected, "{name}; CAMPARI_UPDATE_SNAPSHOTS=1 writes it anew:\n{got}");
}

#[test]
fn the_screen_at_80x24() {
    compare("80x24.txt", include_str!("screens/80x24.txt"), &screen(&busy_hour(), 80, 24));
}

#[test]
fn the_screen_at_200x60() {
    compare("200x60.txt", include_str!("screens/200x60.txt"), &screen(&busy_hour(), 200, 60));
}

#[test]
fn every_key_that_is_explained_fits_the_smallest_screen() {
    let mut model = busy_hour();
    press(&mut model, "?");
    let text = screen(&model, 80, 24);
    for (key, word) in super::keys::HELP {
        assert!(text.contains(word), "{key}: {word} is not to be read in\n{text}");
    }
    press(&mut model, "x");
    assert!(!model.help, "any key closes it");
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    assert!(screen(&model(), 60, 20).contains("80x24"));
    for (width, height) in [(1, 1), (80, 1), (3, 24)] {
        screen(&busy_hour(), width, height);
    }
}

#[test]
fn a_new_request_rings_once_and_takes_the_hand() {
    let mut model = model();
    assert_eq!(model.pane, Pane::Cameras);
    let (changes, todo) = model.hear(Heard::Inbox(camera("613"), vec![asked("613", "r-1", NOW, "traffic")]));
    assert!(matches!(changes.as_slice(), [Change::Asked { believed: true, .. }]), "{changes:?}");
    assert!(matches!(todo.as_slice(), [Do::Bell]));
    assert_eq!(model.pane, Pane::Requests);
    let (changes, todo) = model.hear(Heard::Inbox(camera("613"), vec![asked("613", "r-1", NOW, "traffic")]));
    assert!(changes.is_empty() && todo.is_empty(), "the same inbox again is no news");
}

#[test]
fn one_key_takes_and_one_key_grants_what_was_asked() {
    let mut model = model();
    model.hear(Heard::Inbox(camera("613"), vec![asked("613", "r-1", NOW, "traffic")]));
    let taken = press(&mut model, "t");
    assert!(
        matches!(taken.as_slice(), [Do::Order(Order::Take(at, which, until))]
        if *at == camera("613") && *which == jti("r-1") && *until == NOW + 120),
        "{taken:?}"
    );
    let granted = press(&mut model, "g");
    let [Do::Order(Order::Grant(at, order))] = granted.as_slice() else { panic!("{granted:?}") };
    assert_eq!((at, order.lasts, order.filter), (&camera("613"), Duration::from_secs(900), Filter::Fill));
    assert_eq!(order.request, Some(jti("r-1")));
    assert_eq!(order.act, Actors { operator: "ines".into(), requester: Some("traffic-manager-7".into()) });
}

#[test]
fn a_request_in_a_colleagues_hands_is_granted_only_after_a_question() {
    let mut model = model();
    model.hear(Heard::Inbox(camera("613"), vec![asked("613", "r-1", NOW, "traffic")]));
    model.hear(Heard::Taken(camera("613"), jti("r-1"), Some(Taken { by: "piet".into(), at: NOW })));
    assert!(press(&mut model, "g").is_empty());
    assert!(model.question.as_ref().unwrap().text.contains("piet"));
    assert_eq!(orders(&press(&mut model, "y")), ["grant camera 613 to tlc"]);
}

#[test]
fn a_request_that_its_subscriber_did_not_sign_cannot_be_granted() {
    let mut model = model();
    let forged = Asked { order: Err("the signature does not match".into()), ..asked("613", "r-1", NOW, "traffic") };
    model.hear(Heard::Inbox(camera("613"), vec![forged]));
    assert!(press(&mut model, "g").is_empty());
    let notice = model.notices.back().unwrap();
    assert!(notice.tone == Tone::Bad && notice.text.contains("signature"), "{notice:?}");
    assert!(screen(&model, 80, 24).contains("NOT BELIEVED"));
}

#[test]
fn p8_what_bites_asks_first_and_only_its_own_key_answers() {
    let cases = [
        ("p", 'y', "preempt camera 613"),
        ("P", 'Y', "preempt every camera"),
        ("l", 'y', "release camera 613"),
        ("L", 'Y', "release every camera"),
        ("r", 'y', "revoke camera 613"),
        ("R", 'Y', "revoke every camera"),
        ("!", 'y', "report a leak at camera 613"),
    ];
    for (key, yes, wanted) in cases {
        let mut model = model();
        for other in ['n', '\u{1b}', '\t', 'g', if yes == 'y' { 'Y' } else { 'y' }] {
            assert!(press(&mut model, key).is_empty(), "{key} did not ask");
            assert!(press(&mut model, &other.to_string()).is_empty(), "{key}{other}");
            assert!(model.question.is_none());
        }
        press(&mut model, key);
        assert_eq!(orders(&press(&mut model, &yes.to_string())), [wanted]);
    }
}

#[test]
fn a_share_is_chosen_with_the_arrows_and_extended_or_revoked() {
    let mut model = model();
    press(&mut model, "↓↓");
    assert_eq!(model.at, Some(Row::Share(camera("614"), jti("s-614"))));
    press(&mut model, "e");
    let todo = press(&mut model, "2");
    assert!(
        matches!(todo.as_slice(), [Do::Order(Order::Extend(at, which, 15))]
        if *at == camera("614") && *which == jti("s-614")),
        "{todo:?}"
    );
    press(&mut model, "r");
    assert!(model.question.as_ref().unwrap().text.contains("tlc"), "who would be cut off is said");
    let todo = press(&mut model, "y");
    assert!(matches!(todo.as_slice(), [Do::Order(Order::Revoke(Some(_), Some(which)))] if *which == jti("s-614")));
}

#[test]
fn a_denial_says_why() {
    let mut model = model();
    model.hear(Heard::Inbox(camera("613"), vec![asked("613", "r-1", NOW, "traffic")]));
    press(&mut model, "d");
    let todo = press(&mut model, "3");
    assert!(matches!(todo.as_slice(), [Do::Order(Order::Deny(_, _, DenyReason::Purpose))]), "{todo:?}");
}

#[test]
fn the_hand_stays_on_its_request_while_the_list_moves() {
    let mut model = model();
    model.hear(Heard::Inbox(camera("613"), vec![asked("613", "r-1", NOW, "traffic")]));
    model.hear(Heard::Inbox(camera("614"), vec![asked("614", "r-2", NOW - 60, "traffic")]));
    assert_eq!(model.inbox[0].asked.open.jti, jti("r-2"), "the one that lapses first is on top");
    assert_eq!(model.request().unwrap().asked.open.jti, jti("r-1"), "and the hand did not follow it");
    model.hear(Heard::Inbox(camera("613"), Vec::new()));
    assert_eq!(model.request().unwrap().asked.open.jti, jti("r-2"));
    model.hear(Heard::Inbox(camera("614"), Vec::new()));
    assert!(press(&mut model, "g").is_empty() && model.pane == Pane::Cameras);
}

#[test]
fn a_request_leaves_when_its_time_is_over_though_its_board_is_gone() {
    let mut model = model();
    model.hear(Heard::Inbox(camera("613"), vec![asked("613", "r-1", NOW, "traffic")]));
    model.tick(NOW + 124);
    assert_eq!(model.inbox.len(), 1);
    model.tick(NOW + 125);
    assert!(model.inbox.is_empty() && model.request().is_none());
}

#[test]
fn an_end_is_told_with_who_why_and_how_long() {
    let mut model = model();
    model.hear(Heard::Log(camera("614"), log("s-614", "ended", Some(EndReason::ViewerLeft))));
    assert_eq!(model.notices.back().unwrap().text, "tlc no longer watches camera 614 after 1:01: the viewer left");
}

#[test]
fn a_heartbeat_that_falls_silent_and_a_broker_that_goes_are_seen() {
    let mut model = model();
    assert!(screen(&model, 80, 24).contains("heartbeat good"));
    model.tick(NOW + 9);
    assert!(screen(&model, 80, 24).contains("heartbeat silent"));
    model.hear(Heard::Presence(RoomPresence { online: false, busy: false }));
    assert!(screen(&model, 80, 24).contains("NO HEARTBEAT AGENT"));
    model.hear(Heard::Connected(false));
    assert!(screen(&model, 80, 24).contains("NO CONNECTION"));
}

#[test]
fn busy_is_said_and_taken_back_with_the_same_key() {
    let mut model = model();
    assert_eq!(orders(&press(&mut model, "b")), ["say that everybody is busy"]);
    model.hear(Heard::Presence(RoomPresence { online: true, busy: true }));
    assert!(screen(&model, 80, 24).contains("EVERYBODY BUSY"));
    assert_eq!(orders(&press(&mut model, "b")), ["say that everybody is free again"]);
}
