//! One connection's conversation: what each request asks for, in which order that is allowed, and the words of the answers.
//!
//! RFC 2326 §10, §12, appendix A. One session for each connection; a second SETUP changes its transport, which is how clients fall back from UDP to TCP.
//! The caller does what [`Ask`] says before it hears the next request.

use crate::Answer;
use crate::proof::{self, Key, Refused};
use crate::transport::{self, Way};
use rtsp_types::headers::{self, NptRange, NptTime, Transports};
use rtsp_types::{HeaderName, Method, Request, Response, StatusCode, Url, Version};

/// What is answered, and what one may say.
const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, SET_PARAMETER, TEARDOWN";
/// Control of the one stream, below the camera's URL.
const STREAM: &str = "video";
const SDP: &str = "application/sdp";
/// What is said where the policy lets no media go in clear.
const ENCRYPTED_ONLY: &str = "Media Goes Encrypted Only: Use rtsps, TCP";
/// After as many requests that prove nothing the connection is closed.
const MOST_REFUSALS: u8 = 8;

/// What does not change during a conversation.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The camera: the path of the one URL.
    pub camera: String,
    /// Fresh chance, for this connection's digests.
    pub nonce: String,
    /// Fresh chance, for this connection's session.
    pub session: String,
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// How long a silent session lives, seconds; told to the client.
    pub timeout_s: u32,
}

/// Who may be there, at the moment of a request.
#[derive(Debug, Clone, Copy)]
pub struct Whom<'a> {
    /// It is known who may; until then everybody is asked to come back.
    pub ready: bool,
    /// All that may fetch.
    pub keys: &'a [Key<'a>],
    /// Which of them the client's certificate proved it to be.
    pub certified: Option<usize>,
    /// Whether media may go in clear: over UDP, and on a connection in clear.
    pub plain: bool,
}

/// What a request comes to.
#[derive(Debug, PartialEq)]
pub enum Ask {
    /// Say this and go on.
    Say(Answer),
    /// Say this and close.
    Close(Answer),
    /// Describe the stream to this user: [`Conversation::described`].
    Describe {
        /// Index into the keys.
        user: usize,
    },
    /// Prepare to send: [`Conversation::set_up`].
    SetUp {
        /// Index into the keys.
        user: usize,
        /// How.
        way: Way,
    },
    /// Send: [`Conversation::playing`].
    Play,
    /// Stop sending, and say this.
    TearDown(Answer),
}

/// One connection's.
#[derive(Debug)]
pub struct Conversation {
    settings: Settings,
    cseq: String,
    user: Option<String>,
    url: Option<Url>,
    has_session: bool,
    playing: bool,
    refusals: u8,
}

impl Conversation {
    /// Nothing said yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let cseq = String::new();
        Self { settings, cseq, user: None, url: None, has_session: false, playing: false, refusals: 0 }
    }

    /// The user that this connection has proved to be.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }
    /// Whether media was asked for and not given up.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.playing
    }

    /// The answer to something that is no request.
    #[must_use]
    pub fn not_understood(too_large: bool) -> Answer {
        let status = if too_large { StatusCode::RequestMessageBodyTooLarge } else { StatusCode::BadRequest };
        Response::builder(Version::V1_0, status).build(Vec::new()).into()
    }

    /// Hears a request.
    pub fn hear(&mut self, request: &Request<Vec<u8>>, whom: &Whom<'_>) -> Ask {
        let cseq = request.header(&headers::CSEQ).map(|value| value.as_str().trim());
        let Some(cseq) =
            cseq.filter(|text| !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit()))
        else {
            self.cseq.clear();
            return Ask::Close(self.status(StatusCode::BadRequest));
        };
        self.cseq = cseq.to_owned();
        if request.version() != Version::V1_0 {
            return Ask::Close(self.status(StatusCode::RTSPVersionNotSupported));
        }
        // Says what this program can, and nothing of the camera.
        if *request.method() == Method::Options {
            return Ask::Say(self.with(StatusCode::Ok, &[(headers::PUBLIC, METHODS)]));
        }
        if !whom.ready {
            return Ask::Say(self.status(StatusCode::ServiceUnavailable));
        }
        let user = match self.proven(request, whom) {
            Ok(user) => user,
            Err(refused) => return self.unauthorised(refused),
        };
        self.refusals = 0;
        self.asked(request, user, whom)
    }

    fn proven(&mut self, request: &Request<Vec<u8>>, whom: &Whom<'_>) -> Result<usize, Refused> {
        let user = match whom.certified {
            Some(user) => user,
            None => proof::of(request, whom.keys, &self.settings.nonce, self.settings.secure)?,
        };
        let name = whom.keys.get(user).ok_or(Refused::Unproven)?.user;
        // A session is one user's, whoever else is on the connection.
        match &self.user {
            Some(before) if before != name => Err(Refused::Unproven),
            _ => {
                self.user = Some(name.to_owned());
                Ok(user)
            }
        }
    }

    fn unauthorised(&mut self, refused: Refused) -> Ask {
        self.refusals = self.refusals.saturating_add(1);
        let mut answer = self.status(StatusCode::Unauthorized);
        answer.challenges = proof::challenges(&self.settings.nonce, self.settings.secure, refused == Refused::Stale);
        if self.refusals >= MOST_REFUSALS { Ask::Close(answer) } else { Ask::Say(answer) }
    }

    /// Whoever asks may know that the camera exists.
    fn asked(&mut self, request: &Request<Vec<u8>>, user: usize, whom: &Whom<'_>) -> Ask {
        if let Some(required) = request.header(&headers::REQUIRE).or(request.header(&headers::PROXY_REQUIRE)) {
            let required = required.as_str().to_owned();
            return Ask::Say(self.with(StatusCode::OptionNotSupported, &[(headers::UNSUPPORTED, &required)]));
        }
        if !self.is_ours(request.request_uri()) {
            return Ask::Say(self.status(StatusCode::NotFound));
        }
        if let Some(named) = request.header(&headers::SESSION) {
            let named = named.as_str().split(';').next().unwrap_or_default().trim();
            if !self.has_session || named != self.settings.session {
                return Ask::Say(self.status(StatusCode::SessionNotFound));
            }
        }
        match request.method() {
            Method::Describe => self.describe(request, user),
            Method::Setup | Method::Play if !self.settings.secure && !whom.plain => Ask::Say(self.encrypted_only()),
            Method::Setup => self.setup(request, user, whom),
            Method::Play => self.play(request),
            Method::Teardown if self.has_session => {
                (self.has_session, self.playing) = (false, false);
                Ask::TearDown(self.status(StatusCode::Ok))
            }
            Method::Teardown => Ask::Say(self.status(StatusCode::SessionNotFound)),
            // How clients keep a session alive (§10.8); there is nothing to read or set.
            Method::GetParameter | Method::SetParameter if request.body().is_empty() => {
                Ask::Say(self.with_session(StatusCode::Ok, &[]))
            }
            Method::GetParameter | Method::SetParameter => Ask::Say(self.status(StatusCode::ParameterNotUnderstood)),
            Method::Extension(_) => Ask::Say(self.status(StatusCode::NotImplemented)),
            _ => Ask::Say(self.with(StatusCode::MethodNotAllowed, &[(headers::ALLOW, METHODS)])),
        }
    }

    /// The camera's URL, or its stream's.
    fn is_ours(&self, url: Option<&Url>) -> bool {
        let Some(url) = url else { return false };
        let path = url.path().trim_matches('/');
        path.strip_prefix(self.settings.camera.as_str()).is_some_and(|rest| matches!(rest, "" | "/video"))
    }

    fn describe(&mut self, request: &Request<Vec<u8>>, user: usize) -> Ask {
        let takes = request.header(&headers::ACCEPT).is_none_or(|accept| {
            let mut kinds = accept.as_str().split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
            kinds.any(|kind| [SDP, "application/*", "*/*"].iter().any(|ours| kind.eq_ignore_ascii_case(ours)))
        });
        if !takes {
            return Ask::Say(self.status(StatusCode::NotAcceptable));
        }
        self.url = request.request_uri().cloned();
        Ask::Describe { user }
    }

    /// The stream is described by `sdp`, whose control URLs are relative; `None` when there is no picture to describe yet.
    #[must_use]
    pub fn described(&self, sdp: Option<String>) -> Answer {
        let Some(sdp) = sdp else { return self.status(StatusCode::ServiceUnavailable) };
        let base = self.base();
        let built = self.built(StatusCode::Ok, &[(headers::CONTENT_TYPE, SDP), (headers::CONTENT_BASE, &base)], false);
        built.build(sdp.into_bytes()).into()
    }

    fn setup(&mut self, request: &Request<Vec<u8>>, user: usize, whom: &Whom<'_>) -> Ask {
        let offered = match request.typed_header::<Transports>() {
            Ok(Some(offered)) => offered,
            Ok(None) | Err(_) => return Ask::Say(self.status(StatusCode::BadRequest)),
        };
        if self.playing && request.header(&headers::SESSION).is_none() {
            return Ask::Say(self.status(StatusCode::MethodNotValidInThisState));
        }
        self.url = self.url.take().or_else(|| request.request_uri().cloned());
        match transport::choose(&offered, whom.plain) {
            Some(way) => Ask::SetUp { user, way },
            None => Ask::Say(self.status(StatusCode::UnsupportedTransport)),
        }
    }

    /// The way is prepared: `ssrc` of the stream, and for UDP the ports here; `Err` when it is not, with what to tell.
    #[must_use]
    pub fn set_up(&mut self, way: Way, prepared: Result<(u32, Option<(u16, u16)>), StatusCode>) -> Answer {
        let (ssrc, server) = match prepared {
            Ok(prepared) => prepared,
            Err(status) => return self.status(status),
        };
        (self.has_session, self.playing) = (true, false);
        let transport = match way {
            Way::Interleaved { rtp, rtcp } => {
                format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp};ssrc={ssrc:08X};mode=\"PLAY\"")
            }
            Way::Udp { rtp, rtcp } => {
                let server = server.map_or(String::new(), |(rtp, rtcp)| format!(";server_port={rtp}-{rtcp}"));
                format!("RTP/AVP;unicast;client_port={rtp}-{rtcp}{server};ssrc={ssrc:08X};mode=\"PLAY\"")
            }
        };
        let timeout_s = self.settings.timeout_s;
        let session = format!("{};timeout={timeout_s}", self.settings.session);
        self.with(StatusCode::Ok, &[(headers::TRANSPORT, &transport), (headers::SESSION, &session)])
    }

    /// Live has no other time than now (§12.29): a client that asks for another is told so; one that asks for another speed is told which it gets.
    fn play(&mut self, request: &Request<Vec<u8>>) -> Ask {
        if !self.has_session || request.header(&headers::SESSION).is_none() {
            return Ask::Say(self.status(StatusCode::SessionNotFound));
        }
        if let Some(range) = request.header(&headers::RANGE) {
            // RFC 2326 has a `time` parameter behind it, which is of no use to a live stream.
            let text = range.as_str().split(';').next().unwrap_or_default().trim().to_owned();
            if !is_now(&text) {
                return Ask::Say(self.with_session(StatusCode::InvalidRange, &[]));
            }
        }
        self.playing = true;
        Ask::Play
    }

    /// Media goes out, from this sequence number and RTP timestamp on.
    #[must_use]
    pub fn playing(&self, request: &Request<Vec<u8>>, sequence: u16, timestamp: u32) -> Answer {
        let info = format!("url={}{STREAM};seq={sequence};rtptime={timestamp}", self.base());
        let mut said = vec![(headers::RTP_INFO, info.as_str()), (headers::RANGE, "npt=now-")];
        for speed in [headers::SCALE, headers::SPEED] {
            if request.header(&speed).is_some() {
                said.push((speed, "1.0"));
            }
        }
        self.with_session(StatusCode::Ok, &said)
    }

    /// What control URLs are relative to.
    fn base(&self) -> String {
        let Some(mut url) = self.url.clone() else { return String::new() };
        // Neither fails on a URL with a host, and no other is answered.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_path(&format!("/{}/", self.settings.camera));
        url.into()
    }

    /// Whoever is here in clear learns what to do; another transport on this connection would not help, so it is not 461.
    fn encrypted_only(&self) -> Answer {
        let answer = self.built(StatusCode::Forbidden, &[], false).reason_phrase(ENCRYPTED_ONLY);
        answer.build(Vec::new()).into()
    }
    fn status(&self, status: StatusCode) -> Answer {
        self.with(status, &[])
    }
    fn with(&self, status: StatusCode, said: &[(HeaderName, &str)]) -> Answer {
        self.built(status, said, false).build(Vec::new()).into()
    }
    fn with_session(&self, status: StatusCode, said: &[(HeaderName, &str)]) -> Answer {
        self.built(status, said, self.has_session).build(Vec::new()).into()
    }
    fn built(&self, status: StatusCode, said: &[(HeaderName, &str)], session: bool) -> rtsp_types::ResponseBuilder {
        let mut answer = Response::builder(Version::V1_0, status).header(headers::SERVER, "Campari");
        if !self.cseq.is_empty() {
            answer = answer.header(headers::CSEQ, self.cseq.as_str());
        }
        if session {
            answer = answer.header(headers::SESSION, self.settings.session.as_str());
        }
        said.iter().fold(answer, |answer, (name, value)| answer.header(name.clone(), *value))
    }
}

/// From now, or from the beginning of what has none, without an end.
fn is_now(range: &str) -> bool {
    let request = Request::builder(Method::Play, Version::V1_0).header(headers::RANGE, range).empty();
    match request.typed_header::<headers::Range>() {
        Ok(Some(headers::Range::Npt(NptRange::Empty))) => true,
        Ok(Some(headers::Range::Npt(NptRange::From(from)))) => match from {
            NptTime::Now => true,
            NptTime::Seconds(seconds, parts) => seconds == 0 && parts.unwrap_or(0) == 0,
            NptTime::Hms(hours, minutes, seconds, parts) => {
                hours == 0 && minutes == 0 && seconds == 0 && parts.unwrap_or(0) == 0
            }
        },
        _ => false,
    }
}
