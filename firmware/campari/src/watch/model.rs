//! What the watch knows, and what follows from what it hears. Pure: no I/O, no clock, no terminal.

use super::text::{clock, plain};
use crate::command::GrantOrder;
use contract::asking::{DenyReason, OpenRequest};
use contract::body::{
    Catalogue, EyeState, Mode, PinState, Presence, RoomPresence, ServerFault, ShareLog, State, Taken,
};
use contract::{CameraId, EndReason, Jti, Rung, SiteId, SubscriberId};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// Most notices that are kept.
const NOTICES: usize = 200;
/// Most shares whose subscriber is remembered.
const WATCHERS: usize = 4096;
/// An agent that was not heard for so long does not beat any more, seconds.
const ROOM_SILENT_S: u64 = 8;

/// One request that waits, and what a grant of it would say; or why it is not to be believed.
#[derive(Debug, Clone)]
pub struct Asked {
    /// As the board shows it.
    pub open: OpenRequest,
    /// As the subscriber signed it.
    pub order: Result<GrantOrder, String>,
}

/// What came in from the broker.
#[derive(Debug, Clone)]
pub enum Heard {
    /// `state` of a camera.
    State(CameraId, Box<State>),
    /// `catalogue` of a camera.
    Catalogue(CameraId, Box<Catalogue>),
    /// `inbox` of a camera.
    Inbox(CameraId, Vec<Asked>),
    /// Somebody has a request in hand, or no longer.
    Taken(CameraId, Jti, Option<Taken>),
    /// A line of `share-log`.
    Log(CameraId, Box<ShareLog>),
    /// The room's presence.
    Presence(RoomPresence),
    /// The agent that leads gave a sign of life.
    Lead,
    /// The broker is there, or gone.
    Connected(bool),
}

/// What changed that somebody might want to know; with `--json`, a line each.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Change {
    /// A new request.
    Asked {
        /// Where.
        camera: CameraId,
        /// What.
        request: Box<OpenRequest>,
        /// Whether the subscriber signed it.
        believed: bool,
    },
    /// A request was decided, withdrawn, or lapsed.
    Gone {
        /// Where.
        camera: CameraId,
        /// Which.
        request: Jti,
    },
    /// A request is in somebody's hands, or no longer.
    Taken {
        /// Where.
        camera: CameraId,
        /// Which.
        request: Jti,
        /// Whose.
        by: Option<String>,
    },
    /// A camera looks different.
    Camera {
        /// Which.
        camera: CameraId,
        /// How it looks.
        looks: Looks,
    },
    /// Something happened to a share.
    Share {
        /// Where.
        camera: CameraId,
        /// What.
        log: Box<ShareLog>,
    },
    /// The control room's agent came, went, or is busy.
    Room {
        /// Whether it runs.
        online: bool,
        /// Whether everybody is busy.
        busy: bool,
    },
    /// The broker is there, or gone.
    Connected {
        /// Whether.
        connected: bool,
    },
}

/// What of a camera's state is worth a word when it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Looks {
    /// Whether the board is there.
    pub presence: Presence,
    /// Who commands.
    pub mode: Option<Mode>,
    /// How sure it is of its masking.
    pub ladder: Option<Rung>,
    /// Shares that stand.
    pub shares: Vec<Jti>,
    /// Whether a leak report stands.
    pub leak: bool,
    /// Whether its clock can be trusted.
    pub clock_synchronised: Option<bool>,
    /// Whether somebody there does not want it watched.
    pub privacy_switch: bool,
}

/// One camera.
#[derive(Debug, Clone, Default)]
pub struct Camera {
    /// As its board last said.
    pub state: Option<State>,
    /// For people.
    pub name: Option<String>,
}

impl Camera {
    /// The eye's state, if the board is there.
    #[must_use]
    pub fn eye(&self) -> Option<&EyeState> {
        let state = self.state.as_ref()?;
        state.eye.as_ref().filter(|_| state.presence == Presence::Online)
    }

    fn looks(&self) -> Option<Looks> {
        let state = self.state.as_ref()?;
        let eye = self.eye();
        Some(Looks {
            presence: state.presence,
            mode: eye.map(|eye| eye.mode),
            ladder: eye.map(|eye| eye.ladder),
            shares: eye.map(|eye| eye.shares.iter().map(|share| share.jti.clone()).collect()).unwrap_or_default(),
            leak: eye.is_some_and(|eye| eye.leak.is_some()),
            clock_synchronised: eye.map(|eye| eye.clock_synchronised),
            privacy_switch: eye
                .and_then(|eye| eye.pins)
                .and_then(|pins| pins.privacy_switch)
                .is_some_and(|pin| pin != PinState::Off),
        })
    }
}

/// What the centralist wants done.
#[derive(Debug, Clone)]
pub enum Order {
    /// Grant what was asked.
    Grant(CameraId, Box<GrantOrder>),
    /// Say no.
    Deny(CameraId, Jti, DenyReason),
    /// Let it run longer, minutes.
    Extend(CameraId, Jti, u64),
    /// End one share, every share of a camera (no share), or every share (no camera).
    Revoke(Option<CameraId>, Option<Jti>),
    /// The police take a camera, or all.
    Preempt(Option<CameraId>),
    /// The police give it back.
    Release(Option<CameraId>),
    /// Tell colleagues that this request is in hand, until it lapses (Unix seconds).
    Take(CameraId, Jti, u64),
    /// Tell them that it no longer is.
    PutBack(CameraId, Jti),
    /// Tell whoever asks that everybody is busy, or no longer.
    Busy(bool),
    /// Somebody uncovered was seen.
    ReportLeak(CameraId),
}

/// What must be done outside.
#[derive(Debug, Clone)]
pub enum Do {
    /// Sign and send.
    Order(Order),
    /// Make the terminal ring.
    Bell,
    /// End.
    Quit,
}

/// How serious a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// For the record.
    Plain,
    /// It went well.
    Good,
    /// It did not, or somebody should look.
    Bad,
}

/// A line for the centralist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When, Unix seconds.
    pub at: u64,
    /// How serious.
    pub tone: Tone,
    /// What.
    pub text: String,
}

/// Which list the arrows move in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    /// The inbox.
    Requests,
    /// Cameras and their shares.
    Cameras,
}

/// A row of the camera list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A camera.
    Camera(CameraId),
    /// A share of it.
    Share(CameraId, Jti),
}

impl Row {
    /// Its camera.
    #[must_use]
    pub fn camera(&self) -> &CameraId {
        match self {
            Row::Camera(camera) | Row::Share(camera, _) => camera,
        }
    }
}

/// A question that waits for one key.
#[derive(Debug, Clone)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// Which key does what; any other key does nothing.
    pub answers: Vec<(char, &'static str, Order)>,
}

/// One request on the list.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Where.
    pub camera: CameraId,
    /// What.
    pub asked: Asked,
}

/// Everything that is known.
#[derive(Debug, Clone)]
pub struct Model {
    /// Whose cameras.
    pub site: SiteId,
    /// Who works here.
    pub operator: String,
    /// Unix seconds.
    pub now: u64,
    /// Whether the broker is there.
    pub connected: bool,
    /// The cameras.
    pub cameras: BTreeMap<CameraId, Camera>,
    /// What waits, the one that lapses first on top.
    pub inbox: Vec<Waiting>,
    /// In whose hands.
    pub taken: BTreeMap<(CameraId, Jti), Taken>,
    /// The room's presence.
    pub room: Option<RoomPresence>,
    /// When the agent that leads was last heard.
    pub led_at: Option<u64>,
    /// Who watches, as far as it was heard.
    pub watchers: BTreeMap<Jti, SubscriberId>,
    /// Newest last.
    pub notices: VecDeque<Notice>,
    /// Where the arrows move.
    pub pane: Pane,
    /// The selected request, by name, so that a list that moves does not move the hand.
    pub picked: Option<Jti>,
    /// The selected row of the camera list.
    pub at: Option<Row>,
    /// What must be answered first.
    pub question: Option<Question>,
    /// Whether the keys are explained.
    pub help: bool,
    /// What is under way.
    pub doing: Option<String>,
}

impl Model {
    /// Nothing known yet, at `now` (Unix seconds).
    #[must_use]
    pub fn new(site: SiteId, operator: String, now: u64) -> Self {
        Self {
            site,
            operator,
            now,
            connected: true,
            cameras: BTreeMap::new(),
            inbox: Vec::new(),
            taken: BTreeMap::new(),
            room: None,
            led_at: None,
            watchers: BTreeMap::new(),
            notices: VecDeque::new(),
            pane: Pane::Cameras,
            picked: None,
            at: None,
            question: None,
            help: false,
            doing: None,
        }
    }

    /// Time passed. A request whose time is over leaves though its board may be gone.
    pub fn tick(&mut self, now: u64) {
        self.now = now;
        self.inbox.retain(|waiting| waiting.asked.open.until.saturating_add(5) > now);
        self.repair_selection();
    }

    /// Takes in what was heard.
    pub fn hear(&mut self, heard: Heard) -> (Vec<Change>, Vec<Do>) {
        let (mut changes, mut todo) = (Vec::new(), Vec::new());
        match heard {
            Heard::State(camera, state) => {
                let known = self.cameras.entry(camera.clone()).or_default();
                let before = known.looks();
                known.state = Some(*state);
                if let Some(looks) = known.looks()
                    && before.as_ref() != Some(&looks)
                {
                    if before.is_some() {
                        self.remark_camera(&camera, before.as_ref(), &looks);
                    }
                    changes.push(Change::Camera { camera, looks });
                }
            }
            Heard::Catalogue(camera, catalogue) => {
                self.cameras.entry(camera).or_default().name = Some(plain(&catalogue.name, 40));
            }
            Heard::Inbox(camera, asked) => {
                self.inbox_of(&camera, asked, &mut changes);
                if changes.iter().any(|change| matches!(change, Change::Asked { .. })) {
                    todo.push(Do::Bell);
                }
            }
            Heard::Taken(camera, request, taken) => {
                let by = taken.as_ref().map(|taken| taken.by.clone());
                let key = (camera.clone(), request.clone());
                let before = self.taken.get(&key).map(|taken| taken.by.clone());
                match taken {
                    Some(taken) => self.taken.insert(key, taken),
                    None => self.taken.remove(&key),
                };
                if before != by {
                    changes.push(Change::Taken { camera, request, by });
                }
            }
            Heard::Log(camera, log) => {
                self.remark_share(&camera, &log);
                changes.push(Change::Share { camera, log });
            }
            Heard::Presence(room) => {
                if self.room.as_ref() != Some(&room) {
                    changes.push(Change::Room { online: room.online, busy: room.busy });
                    self.room = Some(room);
                }
            }
            Heard::Lead => self.led_at = Some(self.now),
            Heard::Connected(connected) => {
                if self.connected != connected {
                    self.connected = connected;
                    let (tone, text) = if connected {
                        (Tone::Good, "the broker is back")
                    } else {
                        (Tone::Bad, "no connection to the broker: nothing here is new, and nothing can be sent")
                    };
                    self.note(tone, text.to_owned());
                    changes.push(Change::Connected { connected });
                }
            }
        }
        self.repair_selection();
        (changes, todo)
    }

    fn inbox_of(&mut self, camera: &CameraId, asked: Vec<Asked>, changes: &mut Vec<Change>) {
        let before: Vec<Jti> =
            self.inbox.iter().filter(|w| w.camera == *camera).map(|w| w.asked.open.jti.clone()).collect();
        for gone in before.iter().filter(|jti| !asked.iter().any(|asked| asked.open.jti == **jti)) {
            self.taken.remove(&(camera.clone(), gone.clone()));
            changes.push(Change::Gone { camera: camera.clone(), request: gone.clone() });
        }
        for new in asked.iter().filter(|asked| !before.contains(&asked.open.jti)) {
            let text = format!("{} asks for camera {camera}", plain(new.open.sub.as_str(), 24));
            match &new.order {
                Ok(_) => self.note(Tone::Plain, text),
                Err(cause) => self.note(Tone::Bad, format!("{text}, but {}", plain(cause, 120))),
            }
            changes.push(Change::Asked {
                camera: camera.clone(),
                request: Box::new(new.open.clone()),
                believed: new.order.is_ok(),
            });
        }
        self.inbox.retain(|waiting| waiting.camera != *camera);
        self.inbox.extend(asked.into_iter().map(|asked| Waiting { camera: camera.clone(), asked }));
        self.inbox
            .sort_by(|a, b| (a.asked.open.until, &a.asked.open.jti).cmp(&(b.asked.open.until, &b.asked.open.jti)));
    }

    fn remark_camera(&mut self, camera: &CameraId, before: Option<&Looks>, looks: &Looks) {
        let was = |test: fn(&Looks) -> bool| before.is_some_and(test);
        if before.map(|looks| looks.presence) != Some(looks.presence) {
            match looks.presence {
                Presence::Online => self.note(Tone::Good, format!("camera {camera} is back")),
                Presence::EyeAbsent => self.note(Tone::Bad, format!("camera {camera}: its eye is not running")),
                Presence::Offline => self.note(Tone::Bad, format!("camera {camera}: its board is offline")),
            }
        }
        if looks.leak && !was(|looks| looks.leak) {
            self.note(
                Tone::Bad,
                format!("camera {camera}: a leak was reported, everything is coarse until it is cleared"),
            );
        }
        if looks.privacy_switch && !was(|looks| looks.privacy_switch) {
            self.note(Tone::Bad, format!("camera {camera}: somebody there turned its privacy switch on"));
        }
        if looks.clock_synchronised == Some(false) && !was(|looks| looks.clock_synchronised == Some(false)) {
            self.note(
                Tone::Bad,
                format!("camera {camera}: its clock is unsure, it grants nothing; tell the technician"),
            );
        }
        if looks.mode == Some(Mode::Reserved) && !was(|looks| looks.mode == Some(Mode::Reserved)) {
            self.note(Tone::Plain, format!("camera {camera} is the police's"));
        }
        if looks.mode == Some(Mode::Normal) && was(|looks| looks.mode == Some(Mode::Reserved)) {
            self.note(Tone::Plain, format!("camera {camera} is given back by the police"));
        }
        if before.is_some() && !looks.leak && was(|looks| looks.leak) {
            self.note(Tone::Good, format!("camera {camera}: the leak report is cleared"));
        }
    }

    fn remark_share(&mut self, camera: &CameraId, log: &ShareLog) {
        if self.watchers.len() >= WATCHERS && !self.watchers.contains_key(&log.jti) {
            self.watchers.pop_first();
        }
        self.watchers.insert(log.jti.clone(), log.sub.clone());
        let sub = &log.sub;
        let text = match log.event.as_str() {
            "started" => format!("{sub} watches camera {camera}"),
            "waiting" => match log.server.map(server_fault) {
                Some(why) => format!("{sub}'s media server for camera {camera} {why}; the share waits"),
                None => format!("{sub} has gone from camera {camera}; the share waits"),
            },
            "resumed" => format!("{sub} is back at camera {camera}"),
            "extended" => format!("{sub} may watch camera {camera} longer"),
            "ended" => {
                self.watchers.remove(&log.jti);
                let reason = log.reason.map(why).unwrap_or("for a reason that this version does not know");
                let watched = log.usage.map(|usage| {
                    let seconds = usage.seconds_clear + usage.seconds_cautious + usage.seconds_covered;
                    // A share lasts a day at most.
                    format!(" after {}", clock(seconds.clamp(0.0, 1e6) as u64))
                });
                format!("{sub} no longer watches camera {camera}{}: {reason}", watched.unwrap_or_default())
            }
            _ => return,
        };
        let tone = if log.event == "ended" && log.reason == Some(EndReason::Fault) { Tone::Bad } else { Tone::Plain };
        self.note(tone, text);
    }

    /// What became of an order.
    pub fn done(&mut self, verdict: Result<String, String>) {
        self.doing = None;
        match verdict {
            Ok(text) => self.note(Tone::Good, text),
            Err(text) => self.note(Tone::Bad, text),
        }
    }

    /// A line for the centralist.
    pub fn note(&mut self, tone: Tone, text: String) {
        self.notices.push_back(Notice { at: self.now, tone, text });
        if self.notices.len() > NOTICES {
            self.notices.pop_front();
        }
    }

    /// The camera list as it is shown.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let shares = |camera: &Camera| camera.eye().map(|eye| eye.shares.clone()).unwrap_or_default();
        self.cameras
            .iter()
            .flat_map(|(id, camera)| {
                let of = shares(camera).into_iter().map(|share| Row::Share(id.clone(), share.jti));
                std::iter::once(Row::Camera(id.clone())).chain(of)
            })
            .collect()
    }

    /// The request under the hand.
    #[must_use]
    pub fn request(&self) -> Option<&Waiting> {
        let picked = self.picked.as_ref()?;
        self.inbox.iter().find(|waiting| waiting.asked.open.jti == *picked)
    }

    /// Whether the room's heartbeat is there, as far as can be told here.
    #[must_use]
    pub fn room_beats(&self) -> bool {
        self.led_at.is_some_and(|at| self.now.saturating_sub(at) <= ROOM_SILENT_S)
    }

    /// A selection that is gone goes to its neighbour; the first request takes the hand to the inbox.
    fn repair_selection(&mut self) {
        if self.request().is_none() {
            let first = self.inbox.first().map(|waiting| waiting.asked.open.jti.clone());
            if self.picked.is_none() && first.is_some() && self.question.is_none() {
                self.pane = Pane::Requests;
            }
            self.picked = first;
        }
        if self.inbox.is_empty() {
            self.pane = Pane::Cameras;
        }
        let rows = self.rows();
        if let Some(at) = &self.at
            && !rows.contains(at)
        {
            self.at = rows.iter().find(|row| row.camera() == at.camera()).cloned();
        }
        if self.at.is_none() {
            self.at = rows.into_iter().next();
        }
    }
}

fn server_fault(fault: ServerFault) -> &'static str {
    match fault {
        ServerFault::Unreachable => "does not answer at its address",
        ServerFault::Untrusted => "cannot prove who it is",
        ServerFault::Refused => "refuses the stream or the credential",
        ServerFault::Silent => "has fallen silent",
        ServerFault::Closed => "closed the connection",
    }
}

fn why(reason: EndReason) -> &'static str {
    match reason {
        EndReason::ViewerLeft => "the viewer left",
        EndReason::Withdrawn => "taken back by the subscriber",
        EndReason::Expired => "its time was over",
        EndReason::Revoked => "revoked",
        EndReason::Preempted => "the police took the camera",
        EndReason::ControlRoomLost => "no heartbeat reached the board",
        EndReason::ViewLeft => "the camera left the granted view",
        EndReason::Fault => "a technical fault",
        EndReason::Policy => "a newer policy does not allow it",
        EndReason::Replaced => "a newer grant took its place",
        EndReason::LeakReported => "a leak was reported",
        EndReason::PrivacySwitch => "the privacy switch at the camera",
        EndReason::Maintenance => "the board was stopped",
    }
}
