//! A stage that plays: grant, revoke, kill and restart, and wait for what should follow.

use super::board::{Board, Said};
use super::broker::{BrokerFiles, Parties};
use super::builder::{Builder, Keys, Paths};
use super::certificates::{Certificates, Role};
use super::child::Child;
use super::{Scene, StageError};
use crate::command::{AskOrder, Booth, Desk, Events, GrantOrder, Outcome};
use crate::mqtt::{Broker, Bus, BusSettings};
use crate::receive::{Format, Ledger, Ports, Receiver, SavedStream};
use crate::room::{Room, RoomSettings};
use crate::trust::{Root, Trust};
use contract::asking::OpenRequest;
use contract::body::EyeState;
use contract::claims::{Actors, Delivery};
use contract::policy::Policy;
use contract::topic::CommandTopic;
use contract::{Filter, Jti, Rung, ViewName};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long connections on loopback may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Everything runs.
pub struct Stage {
    paths: Paths,
    keys: Keys,
    certificates: Certificates,
    broker_files: BrokerFiles,
    parties: Parties,
    view: ViewName,
    policy: Policy,
    eye_program: PathBuf,
    voice_program: PathBuf,
    this_machine: IpAddr,
    broker: Option<Child>,
    eye: Option<Child>,
    voice: Option<Child>,
    room: Option<Room>,
    subscriber: Option<Receiver>,
    centralist: Bus,
    board: Board,
}

impl Stage {
    /// A stage to be set; see [`Builder`].
    #[must_use]
    pub fn builder(programs: &Path, models: &Path, scene: Scene, root: &Path) -> Builder {
        Builder::new(programs, models, scene, root)
    }

    pub(super) async fn open(
        builder: Builder,
        paths: Paths,
        keys: Keys,
        certificates: Certificates,
        broker_files: BrokerFiles,
        policy: Policy,
    ) -> Result<Self, StageError> {
        // The subscriber listens before anything else runs: a packet too early would be counted.
        let ports = Ports::bind_free(IpAddr::V4(Ipv4Addr::LOCALHOST)).await?;
        let subscriber = Receiver::start(ports, Format::USUAL, None, Some(&paths.received))?;
        let broker = broker_files.start(&paths.logs).await?;
        let Parties { site, camera, .. } = builder.parties.clone();
        let centralist = Bus::open(
            &certificates.connection(Role::Centralist, broker_files.ports),
            BusSettings {
                client_id: "centralist".into(),
                subscribe: Board::subscriptions(&site, &camera),
                answers: Some(format!("campari/v1/{site}/answer/centralist")),
                ..BusSettings::default()
            },
        )?;
        let board = Board::follow(centralist.messages(), &site, &camera);
        let (this_machine, here) = (builder.this_machine(), builder.elsewhere.is_none());
        let mut stage = Self {
            this_machine,
            eye_program: builder.program("campari-eye"),
            voice_program: builder.program("campari-voice"),
            parties: builder.parties,
            view: builder.view,
            paths,
            keys,
            certificates,
            broker_files,
            policy,
            broker: Some(broker),
            eye: None,
            voice: None,
            room: None,
            subscriber: Some(subscriber),
            centralist,
            board,
        };
        stage.centralist.ready(CONNECT_WITHIN).await?;
        stage.start_room()?;
        if here {
            stage.start_eye()?;
            stage.start_voice()?;
        }
        Ok(stage)
    }

    /// Waits until a grant would be accepted and answered with a picture: board online, heartbeat heard, masking works.
    ///
    /// # Errors
    /// [`StageError`] when a program dies or `within` is over.
    pub async fn ready(&self, within: Duration) -> Result<EyeState, StageError> {
        let fit = |said: &Said| {
            said.eye().is_some_and(|eye| {
                eye.ladder != Rung::Dark
                    && eye.heartbeat_age_s.is_some_and(|age_s| f64::from(age_s) < 3.0)
                    && eye.fps > 0.0
            })
        };
        let said = self.until("the board is online, hears the heartbeat and is not dark", within, fit).await?;
        said.eye().cloned().ok_or_else(|| self.late("the eye's state", within))
    }

    /// Waits until what the board said satisfies `wanted`.
    ///
    /// # Errors
    /// [`StageError::Late`] with the newest state, or [`StageError::Died`].
    pub async fn until(
        &self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&Said) -> bool,
    ) -> Result<Said, StageError> {
        let mut said = self.board.said();
        let wait = async { said.wait_for(|said| wanted(said)).await.map(|said| said.clone()).ok() };
        let found = tokio::time::timeout(within, self.guarded(wait)).await.map_err(|_| self.late(what, within))??;
        found.ok_or_else(|| self.late(what, within))
    }

    /// Runs `doing`, unless a program dies meanwhile.
    ///
    /// # Errors
    /// [`StageError::Died`].
    pub async fn guarded<T>(&self, doing: impl Future<Output = T>) -> Result<T, StageError> {
        tokio::select! {
            done = doing => Ok(done),
            death = death(self.eye.as_ref()) => Err(death),
            death = death(self.voice.as_ref()) => Err(death),
            death = death(self.broker.as_ref()) => Err(death),
        }
    }

    fn late(&self, what: &str, within: Duration) -> StageError {
        let state = self.said().state.map_or_else(
            || "no state".into(),
            |state| serde_json::to_string(&state).unwrap_or_else(|cause| cause.to_string()),
        );
        StageError::Late {
            what: what.to_owned(),
            within_s: within.as_secs(),
            last_lines: format!("    newest state: {state}\n    logs: {}", self.paths.logs.display()),
        }
    }

    /// A grant to this stage's subscriber, as it would be given for an hour.
    #[must_use]
    pub fn order(&self) -> GrantOrder {
        let to = self.subscriber_address();
        GrantOrder {
            subscriber: self.parties.subscriber.clone(),
            view: self.view.clone(),
            filter: Filter::Fill,
            fps: None,
            lasts: Duration::from_secs(3600),
            delivery: Delivery::Push { address: self.this_machine, port: to.port() },
            purpose: "traffic".into(),
            act: Self::actor(),
            cnf: None,
            request: None,
        }
    }

    fn actor() -> Actors {
        Actors { operator: "operator-1".into(), requester: None }
    }

    /// The centralist grants.
    ///
    /// # Errors
    /// [`StageError`] when the board does not answer; a refusal is an answer.
    pub async fn grant(&self, order: GrantOrder) -> Result<Outcome, StageError> {
        let desk = self.desk();
        let signed = desk.sign_grant(&self.eye_state()?, order)?;
        Ok(self.guarded(desk.send(CommandTopic::Grant, signed)).await??)
    }

    /// The centralist revokes one share, or all.
    ///
    /// # Errors
    /// As [`Stage::grant`].
    pub async fn revoke(&self, share: Option<Jti>) -> Result<Outcome, StageError> {
        let desk = self.desk();
        let signed = desk.sign_revoke(Some(&self.eye_state()?), share, Self::actor())?;
        Ok(self.guarded(desk.send(CommandTopic::Revoke, signed)).await??)
    }

    /// What the subscriber would ask for: what [`Stage::order`] grants, for `lasts`.
    #[must_use]
    pub fn wish(&self, lasts: Duration) -> AskOrder {
        let order = self.order();
        AskOrder {
            view: order.view,
            filter: Some(order.filter),
            fps: order.fps,
            lasts,
            delivery: order.delivery,
            purpose: order.purpose,
            requester: Some("traffic-manager-7".into()),
            cnf: None,
        }
    }

    /// The subscriber's own connection, with what it is told from now on.
    ///
    /// # Errors
    /// [`StageError::Bus`].
    pub async fn subscriber_bus(&self) -> Result<(Bus, Events), StageError> {
        let Parties { site, camera, subscriber } = &self.parties;
        let client_id = format!("{subscriber}-{:08x}", rand::random::<u32>());
        let settings = BusSettings {
            subscribe: vec![Booth::events_filter(site, camera, subscriber)],
            answers: Some(Booth::answers(site, subscriber, &client_id)),
            client_id,
            ..BusSettings::default()
        };
        let bus = self.bus(Role::Subscriber, settings).await?;
        let events = Events::of(bus.messages(), site, camera, subscriber);
        Ok((bus, events))
    }

    /// The subscriber's place at `bus`.
    #[must_use]
    pub fn booth<'a>(&'a self, bus: &'a Bus) -> Booth<'a> {
        Booth {
            bus,
            key: &self.keys.subscriber,
            subscriber: self.parties.subscriber.clone(),
            site: self.parties.site.clone(),
            camera: self.parties.camera.clone(),
        }
    }

    /// What a centralist's control room believes: the stage's policy, verified.
    ///
    /// # Errors
    /// [`StageError`].
    pub fn trust(&self) -> Result<Trust, StageError> {
        let bundle = std::fs::read(&self.paths.policy)
            .map_err(|cause| StageError::File { path: self.paths.policy.clone(), cause })?;
        Ok(Trust::new(&bundle, &self.roots(), &self.parties.site)?)
    }

    /// The policy office's public keys.
    #[must_use]
    pub fn roots(&self) -> Vec<Root> {
        self.keys.policy.iter().map(|key| Root { kid: key.kid.clone(), x: key.key.public().x() }).collect()
    }

    /// The centralist grants a request that waits, as the subscriber signed it.
    ///
    /// # Errors
    /// As [`Stage::grant`]; [`StageError::Command`] when it is not to be believed.
    pub async fn grant_request(&self, open: &OpenRequest) -> Result<Outcome, StageError> {
        let operator = Self::actor().operator;
        self.grant(crate::command::believed(&self.trust()?, &self.parties.camera, open, operator)?).await
    }

    /// The centralist lets `share` run until `exp`, Unix seconds.
    ///
    /// # Errors
    /// As [`Stage::grant`].
    pub async fn extend(&self, share: Jti, exp: u64) -> Result<Outcome, StageError> {
        let desk = self.desk();
        let signed = desk.sign_extend(&self.eye_state()?, share, exp, Self::actor())?;
        Ok(self.guarded(desk.send(CommandTopic::Extend, signed)).await??)
    }

    /// The centralist's place, to send what [`Stage::grant`] would not.
    #[must_use]
    pub fn desk(&self) -> Desk<'_> {
        Desk {
            bus: &self.centralist,
            key: &self.keys.centralist,
            site: self.parties.site.clone(),
            camera: self.parties.camera.clone(),
        }
    }

    /// The eye's newest state.
    ///
    /// # Errors
    /// [`StageError::Late`] when the board is not online.
    pub fn eye_state(&self) -> Result<EyeState, StageError> {
        self.said().eye().cloned().ok_or_else(|| self.late("the board is online", Duration::ZERO))
    }

    /// What the board said so far.
    #[must_use]
    pub fn said(&self) -> Said {
        self.board.said().borrow().clone()
    }
    /// What the board says, to wait on.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }
    /// What reached the subscriber. Empty once [`Stage::stop`] began.
    #[must_use]
    pub fn ledger(&self) -> Arc<Ledger> {
        self.subscriber.as_ref().map(|subscriber| Arc::clone(subscriber.ledger())).unwrap_or_default()
    }
    /// Where the subscriber listens for RTP; RTCP is the next port.
    #[must_use]
    pub fn subscriber_address(&self) -> SocketAddr {
        self.subscriber.as_ref().map_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), |s| s.ports().address())
    }
    /// Frees the subscriber's ports, so that another program can listen there. Tells what was saved.
    pub async fn subscriber_leaves(&mut self) -> Option<SavedStream> {
        match self.subscriber.take() {
            Some(subscriber) => subscriber.leave().await,
            None => None,
        }
    }
    /// Where everything lies.
    #[must_use]
    pub fn paths(&self) -> &Paths {
        &self.paths
    }
    /// How `role` reaches the broker.
    #[must_use]
    pub fn connection(&self, role: Role) -> Broker {
        self.certificates.connection(role, self.broker_files.ports)
    }
    /// Every private key.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }
    /// Site, camera and subscriber.
    #[must_use]
    pub fn parties(&self) -> &Parties {
        &self.parties
    }
    /// The policy in force at the start.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
    /// The eye, while it runs.
    #[must_use]
    pub fn eye(&self) -> Option<&Child> {
        self.eye.as_ref()
    }
    /// The voice, while it runs.
    #[must_use]
    pub fn voice(&self) -> Option<&Child> {
        self.voice.as_ref()
    }
    /// The agent, while it runs.
    #[must_use]
    pub fn room(&self) -> Option<&Room> {
        self.room.as_ref()
    }

    /// What `campari` needs on its command line to reach this stage's broker as `role`.
    #[must_use]
    pub fn flags(&self, role: Role) -> Vec<String> {
        let broker = self.certificates.connection(role, self.broker_files.ports);
        let mut flags = vec!["--site".into(), self.parties.site.to_string(), "--broker".into(), broker.to_string()];
        let identity = broker.tls.and_then(|tls| Some((tls.ca, tls.identity?)));
        if let Some((ca, identity)) = identity {
            for (flag, path) in [("--ca", ca), ("--cert", identity.cert), ("--key-pem", identity.key)] {
                flags.extend([flag.to_owned(), path.display().to_string()]);
            }
        }
        flags
    }

    /// Another connection to the broker, with the certificate of `role`.
    ///
    /// # Errors
    /// [`StageError::Bus`].
    pub async fn bus(&self, role: Role, settings: BusSettings) -> Result<Bus, StageError> {
        let bus = Bus::open(&self.connection(role), settings)?;
        bus.ready(CONNECT_WITHIN).await?;
        Ok(bus)
    }

    /// Starts the agent, again if it was stopped.
    ///
    /// # Errors
    /// [`StageError`].
    pub fn start_room(&mut self) -> Result<(), StageError> {
        self.room = Some(Room::start(RoomSettings {
            broker: self.certificates.connection(Role::Room, self.broker_files.ports),
            client_id: "room".into(),
            site: self.parties.site.clone(),
            key: self.keys.room.clone(),
            trust: self.trust()?,
            memory: Some(self.paths.room_memory.clone()),
            busy: false,
        })?);
        Ok(())
    }
    /// The agent vanishes, as in a crash: no more heartbeats.
    pub fn stop_heartbeat(&mut self) {
        self.room = None;
    }

    /// Starts the eye, again if it was killed.
    ///
    /// # Errors
    /// [`StageError::NotStarted`].
    pub fn start_eye(&mut self) -> Result<(), StageError> {
        let args = ["--config".as_ref(), self.paths.eye_config.as_os_str()];
        self.eye = Some(Child::start("eye", &self.eye_program, args, &self.paths.logs)?);
        Ok(())
    }
    /// Kills the eye, as its watchdog or the kernel would.
    pub async fn kill_eye(&mut self) {
        kill(self.eye.take()).await;
    }
    /// Starts the voice, again if it was killed.
    ///
    /// # Errors
    /// [`StageError::NotStarted`].
    pub fn start_voice(&mut self) -> Result<(), StageError> {
        let args = ["--config".as_ref(), self.paths.voice_config.as_os_str()];
        self.voice = Some(Child::start("voice", &self.voice_program, args, &self.paths.logs)?);
        Ok(())
    }
    /// Kills the voice.
    pub async fn kill_voice(&mut self) {
        kill(self.voice.take()).await;
    }
    /// Starts the broker again on its port.
    ///
    /// # Errors
    /// [`StageError`].
    pub async fn start_broker(&mut self) -> Result<(), StageError> {
        self.broker = Some(self.broker_files.start(&self.paths.logs).await?);
        Ok(())
    }
    /// Kills the broker.
    pub async fn kill_broker(&mut self) {
        kill(self.broker.take()).await;
    }

    /// Ends everything in good order: voice, eye, agent, centralist, broker. Tells what the subscriber saved.
    pub async fn stop(mut self) -> Option<SavedStream> {
        let saved = self.subscriber_leaves().await;
        for child in [self.voice.take(), self.eye.take()].into_iter().flatten() {
            child.stop().await;
        }
        if let Some(room) = self.room.take() {
            room.stop().await;
        }
        self.centralist.close().await;
        if let Some(broker) = self.broker.take() {
            broker.stop().await;
        }
        if !self.paths.socket.starts_with(&self.paths.root)
            && let Some(short) = self.paths.socket.parent()
            && let Err(cause) = std::fs::remove_dir_all(short)
        {
            tracing::debug!(%cause, "the socket's folder stays");
        }
        saved
    }
}

async fn death(child: Option<&Child>) -> StageError {
    match child {
        Some(child) => child.death().await,
        None => std::future::pending().await,
    }
}

async fn kill(child: Option<Child>) {
    if let Some(child) = child {
        child.kill().await;
    }
}
