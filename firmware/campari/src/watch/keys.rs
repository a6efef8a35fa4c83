//! What a key means, given what is on the screen. What bites asks first.

use super::model::{Do, Model, Order, Pane, Question, Row, Waiting};
use contract::CameraId;
use contract::asking::DenyReason;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The keys, for the help and for the line at the bottom.
pub(super) const HELP: &[(&str, &str)] = &[
    ("Tab", "requests / cameras"),
    ("↑ ↓", "move (also k, j)"),
    ("t", "take a request, or put it back: colleagues see it"),
    ("g", "grant the request as it was asked"),
    ("d", "deny the request; asks why"),
    ("e", "extend the share; asks how long"),
    ("r", "revoke the share, or every share of the camera; asks"),
    ("R", "revoke every share of every camera; asks"),
    ("p", "preempt the camera for the police; asks"),
    ("P", "preempt every camera; asks"),
    ("l", "release the camera; asks"),
    ("L", "release every camera; asks"),
    ("!", "report that somebody is to be seen uncovered; asks"),
    ("b", "everybody is busy, or no longer: who asks now is told at once"),
    ("?", "these keys"),
    ("q", "end the watch; shares go on"),
];

const REASONS: [(char, &str, DenyReason); 4] = [
    ('1', "needed elsewhere", DenyReason::Busy),
    ('2', "not now", DenyReason::NotNow),
    ('3', "purpose", DenyReason::Purpose),
    ('4', "other", DenyReason::Other),
];
const LONGER: [(char, &str, u64); 4] =
    [('1', "5 min", 5), ('2', "15 min", 15), ('3', "30 min", 30), ('4', "60 min", 60)];

impl Model {
    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent) -> Vec<Do> {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return vec![Do::Quit];
        }
        if let Some(question) = self.question.take() {
            let KeyCode::Char(pressed) = key.code else { return Vec::new() };
            let chosen = question.answers.into_iter().find(|(answer, _, _)| *answer == pressed);
            return chosen.map(|(_, _, order)| self.order(order)).unwrap_or_default();
        }
        if std::mem::take(&mut self.help) {
            return Vec::new();
        }
        match key.code {
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right => self.switch_pane(),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::Char(pressed) => return self.pressed(pressed),
            _ => {}
        }
        Vec::new()
    }

    fn pressed(&mut self, pressed: char) -> Vec<Do> {
        match pressed {
            'q' => return vec![Do::Quit],
            '?' => self.help = true,
            't' => return self.with_request(|model, waiting| model.take(waiting)),
            'g' => return self.with_request(|model, waiting| model.grant(waiting)),
            'd' => return self.with_request(|model, waiting| model.ask_why(&waiting)),
            'e' => self.ask_how_long(),
            'r' => self.ask_revoke(),
            'R' => self.ask("REVOKE EVERY SHARE OF EVERY CAMERA?".into(), 'Y', Order::Revoke(None, None)),
            'p' => self.with_camera(|camera| {
                (
                    format!("preempt camera {camera}: end every share, grant none until release?"),
                    Order::Preempt(Some(camera)),
                )
            }),
            'P' => self.ask(
                "PREEMPT EVERY CAMERA: end every share, grant none until release?".into(),
                'Y',
                Order::Preempt(None),
            ),
            'l' => self.with_camera(|camera| {
                (format!("release camera {camera}: it can be shared again?"), Order::Release(Some(camera)))
            }),
            'L' => self.ask("RELEASE EVERY CAMERA?".into(), 'Y', Order::Release(None)),
            '!' => self.with_camera(|camera| {
                (
                    format!("report a leak at camera {camera}: everything coarse until a privacy officer clears it?"),
                    Order::ReportLeak(camera),
                )
            }),
            'b' => {
                let busy = !self.room.as_ref().is_some_and(|room| room.busy);
                return self.order(Order::Busy(busy));
            }
            _ => {}
        }
        Vec::new()
    }

    fn switch_pane(&mut self) {
        self.pane = match self.pane {
            Pane::Cameras if !self.inbox.is_empty() => Pane::Requests,
            _ => Pane::Cameras,
        };
    }

    fn step(&mut self, by: isize) {
        fn moved<T: PartialEq + Clone>(list: &[T], at: Option<&T>, by: isize) -> Option<T> {
            let now = at.and_then(|at| list.iter().position(|one| one == at)).unwrap_or(0);
            list.get(now.saturating_add_signed(by).min(list.len().saturating_sub(1))).cloned()
        }
        match self.pane {
            Pane::Requests => {
                let list: Vec<_> = self.inbox.iter().map(|waiting| waiting.asked.open.jti.clone()).collect();
                self.picked = moved(&list, self.picked.as_ref(), by);
            }
            Pane::Cameras => self.at = moved(&self.rows(), self.at.as_ref(), by),
        }
    }

    fn order(&mut self, order: Order) -> Vec<Do> {
        self.doing = Some(order.to_string());
        vec![Do::Order(order)]
    }

    fn ask(&mut self, text: String, yes: char, order: Order) {
        self.question = Some(Question { text, answers: vec![(yes, "yes", order)] });
    }

    fn with_request(&mut self, then: impl FnOnce(&mut Self, Waiting) -> Vec<Do>) -> Vec<Do> {
        match self.request().cloned() {
            Some(waiting) => then(self, waiting),
            None => {
                self.note(super::Tone::Plain, "no request waits".into());
                Vec::new()
            }
        }
    }

    fn with_camera(&mut self, then: impl FnOnce(CameraId) -> (String, Order)) {
        // A request under the hand means its camera.
        let of_request = self.request().filter(|_| self.pane == Pane::Requests).map(|waiting| waiting.camera.clone());
        if let Some(camera) = of_request.or_else(|| self.at.as_ref().map(|row| row.camera().clone())) {
            let (text, order) = then(camera);
            self.ask(text, 'y', order);
        }
    }

    fn take(&mut self, waiting: Waiting) -> Vec<Do> {
        let open = waiting.asked.open;
        let key = (waiting.camera, open.jti);
        let mine = self.taken.get(&key).is_some_and(|taken| taken.by == self.operator);
        let (camera, request) = key;
        self.order(if mine { Order::PutBack(camera, request) } else { Order::Take(camera, request, open.until) })
    }

    fn grant(&mut self, waiting: Waiting) -> Vec<Do> {
        let key = (waiting.camera.clone(), waiting.asked.open.jti.clone());
        match waiting.asked.order {
            Ok(order) => {
                let order = Order::Grant(waiting.camera, Box::new(order));
                match self.taken.get(&key).filter(|taken| taken.by != self.operator) {
                    Some(taken) => {
                        let text = format!(
                            "{} has this request in hand; grant it all the same?",
                            super::text::plain(&taken.by, 24)
                        );
                        self.ask(text, 'y', order);
                        Vec::new()
                    }
                    None => self.order(order),
                }
            }
            Err(cause) => {
                self.note(super::Tone::Bad, format!("not granted: {}", super::text::plain(&cause, 160)));
                Vec::new()
            }
        }
    }

    fn ask_why(&mut self, waiting: &Waiting) -> Vec<Do> {
        let request = &waiting.asked.open.jti;
        let answers = REASONS
            .map(|(key, word, reason)| (key, word, Order::Deny(waiting.camera.clone(), request.clone(), reason)))
            .into();
        self.question = Some(Question { text: format!("deny {}: why?", waiting.asked.open.sub), answers });
        Vec::new()
    }

    /// The share under the hand, or the only one of the camera.
    fn share(&self) -> Option<(CameraId, contract::Jti)> {
        match self.at.clone()? {
            Row::Share(camera, jti) => Some((camera, jti)),
            Row::Camera(camera) => match self.cameras.get(&camera)?.eye()?.shares.as_slice() {
                [only] => Some((camera, only.jti.clone())),
                _ => None,
            },
        }
    }

    fn ask_how_long(&mut self) {
        let Some((camera, jti)) = self.share() else {
            return self.note(super::Tone::Plain, "choose a share first (Tab, arrows)".into());
        };
        let answers =
            LONGER.map(|(key, word, minutes)| (key, word, Order::Extend(camera.clone(), jti.clone(), minutes))).into();
        self.question = Some(Question { text: format!("extend the share of camera {camera} by"), answers });
    }

    fn ask_revoke(&mut self) {
        match self.at.clone() {
            Some(Row::Share(camera, jti)) => {
                let who = self.watchers.get(&jti).map_or_else(|| jti.to_string(), ToString::to_string);
                let text = format!("revoke the share of {who} at camera {camera}?");
                self.ask(text, 'y', Order::Revoke(Some(camera), Some(jti)));
            }
            Some(Row::Camera(camera)) => {
                let text = format!("revoke every share of camera {camera}?");
                self.ask(text, 'y', Order::Revoke(Some(camera), None));
            }
            None => {}
        }
    }
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |camera: &Option<CameraId>| {
            camera.as_ref().map_or_else(|| "every camera".into(), |c| format!("camera {c}"))
        };
        match self {
            Order::Grant(camera, order) => write!(f, "grant camera {camera} to {}", order.subscriber),
            Order::Deny(camera, ..) => write!(f, "deny camera {camera}"),
            Order::Extend(camera, _, minutes) => write!(f, "extend camera {camera} by {minutes} min"),
            Order::Revoke(camera, _) => write!(f, "revoke {}", of(camera)),
            Order::Preempt(camera) => write!(f, "preempt {}", of(camera)),
            Order::Release(camera) => write!(f, "release {}", of(camera)),
            Order::Take(camera, ..) => write!(f, "take the request for camera {camera}"),
            Order::PutBack(camera, _) => write!(f, "put the request for camera {camera} back"),
            Order::Busy(busy) => write!(f, "say that everybody is {}", if *busy { "busy" } else { "free again" }),
            Order::ReportLeak(camera) => write!(f, "report a leak at camera {camera}"),
        }
    }
}
