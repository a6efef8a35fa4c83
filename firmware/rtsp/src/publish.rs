//! The client's side of publishing one video (RFC 2326 §10.3, §10.11): ANNOUNCE, SETUP, RECORD, keep-alive, TEARDOWN, interleaved. No sockets, no clock.
//!
//! Contract: **one question at a time, to the one server that was named.** A redirection is a refusal. A credential is stated only where the server asks for
//! it, and on a connection in clear as a digest only. Digests are RFC 7616's, with SHA-256 or MD5, with `qop=auth` or without `qop`.

use crate::proof::{hex_md5, hex_sha256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_auth::ChallengeRef;
use rtsp_types::headers::{self, RtpLowerTransport, Transport, Transports};
use rtsp_types::{Method, Request, Response, StatusCode, Url, Version};

/// Control of the one stream, below the URL; as the description says.
const STREAM: &str = "video";
const SDP: &str = "application/sdp";
const TRANSPORT: &str = "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record";
/// Longest session id that is repeated to the server.
const MOST_SESSION: usize = 256;

/// What the server is shown when it asks who publishes.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user; no `:`, no quote.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential")
    }
}

/// Why nothing is published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The URL that was to be published is none.
    #[error("the URL is none of RTSP")]
    Url,
    /// The server wants a credential and there is none.
    #[error("the server asks who publishes, and no credential for it is configured")]
    NoCredential,
    /// It was stated, and refused.
    #[error("the server does not take the credential")]
    Unproven,
    /// It asks for a proof that is not known, or not allowed on this connection.
    #[error("the server asks for a proof that cannot be given (in clear only digests are)")]
    NoScheme,
    /// Any other answer than success.
    #[error("the server refuses {asked}: {status}")]
    Refused {
        /// What it was asked.
        asked: &'static str,
        /// Its answer.
        status: u16,
    },
    /// It took the session and then described something else.
    #[error("the server's answer to SETUP names no session, or another way than the one offered")]
    Confused,
}

/// What an answer leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Say this next.
    Say(Vec<u8>),
    /// It is recorded from now on: RTP and RTCP go on these channels.
    Recording {
        /// Of RTP.
        rtp: u8,
        /// Of RTCP.
        rtcp: u8,
    },
    /// Nothing to do.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Announce,
    SetUp,
    Record,
    KeepAlive,
    Leave,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Announce => "ANNOUNCE",
            Stage::SetUp => "SETUP",
            Stage::Record => "RECORD",
            Stage::KeepAlive => "OPTIONS",
            Stage::Leave => "TEARDOWN",
        }
    }
    fn method(self) -> Method {
        match self {
            Stage::Announce => Method::Announce,
            Stage::SetUp => Method::Setup,
            Stage::Record => Method::Record,
            Stage::KeepAlive => Method::Options,
            Stage::Leave => Method::Teardown,
        }
    }
}

/// How the server wants it proved.
#[derive(Debug, Clone)]
enum Scheme {
    Basic,
    Digest { realm: String, nonce: String, opaque: Option<String>, sha256: bool, named: bool, qop: bool, count: u32 },
}

/// One connection's conversation.
#[derive(Debug)]
pub struct Publication {
    url: Url,
    sdp: String,
    secure: bool,
    credential: Option<Credential>,
    /// Fresh chance: the client's part of digests.
    chance: String,
    scheme: Option<Scheme>,
    /// The question on its way was asked with a proof.
    proved: bool,
    stage: Stage,
    waits: bool,
    cseq: u32,
    session: Option<String>,
    channels: (u8, u8),
}

impl Publication {
    /// `sdp` is to be published at `url`; `secure` says whether the connection is encrypted, `chance` is fresh.
    ///
    /// # Errors
    /// [`PublishError::Url`].
    pub fn new(
        url: &str,
        sdp: String,
        credential: Option<Credential>,
        secure: bool,
        chance: String,
    ) -> Result<Self, PublishError> {
        let url = Url::parse(url).map_err(|_| PublishError::Url)?;
        Ok(Self {
            url,
            sdp,
            secure,
            credential,
            chance,
            scheme: None,
            proved: false,
            stage: Stage::Announce,
            waits: false,
            cseq: 0,
            session: None,
            channels: (0, 1),
        })
    }

    /// The first words.
    pub fn begin(&mut self) -> Vec<u8> {
        self.ask(Stage::Announce)
    }
    /// A sign of life, which the server has to answer. Not while another question is on its way: [`Publication::waits`].
    pub fn keep_alive(&mut self) -> Vec<u8> {
        self.ask(Stage::KeepAlive)
    }
    /// The last words.
    pub fn tear_down(&mut self) -> Vec<u8> {
        self.ask(Stage::Leave)
    }
    /// Whether a question is on its way.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Hears an answer.
    ///
    /// # Errors
    /// [`PublishError`]; close.
    pub fn hear(&mut self, answer: &Response<Vec<u8>>) -> Result<Step, PublishError> {
        let of = answer.header(&headers::CSEQ).and_then(|value| value.as_str().trim().parse::<u32>().ok());
        if !self.waits || of != Some(self.cseq) {
            // To no question of ours, or to an older one.
            return Ok(Step::Nothing);
        }
        self.waits = false;
        let (status, stage) = (answer.status(), self.stage);
        if status == StatusCode::Unauthorized && stage != Stage::Leave {
            return self.prove(answer);
        }
        self.proved = false;
        let refused = || PublishError::Refused { asked: stage.name(), status: u16::from(status) };
        match stage {
            // Whatever it says, it is there and knows the session.
            Stage::KeepAlive if status != StatusCode::SessionNotFound => return Ok(Step::Nothing),
            Stage::Leave => return Ok(Step::Nothing),
            _ if !status.is_success() => return Err(refused()),
            _ => {}
        }
        match stage {
            Stage::Announce => Ok(Step::Say(self.ask(Stage::SetUp))),
            Stage::SetUp => {
                self.session = Some(session_of(answer).ok_or(PublishError::Confused)?);
                self.channels = channels_of(answer)?;
                Ok(Step::Say(self.ask(Stage::Record)))
            }
            Stage::Record => Ok(Step::Recording { rtp: self.channels.0, rtcp: self.channels.1 }),
            Stage::KeepAlive | Stage::Leave => Ok(Step::Nothing),
        }
    }

    /// The same again, with a proof.
    fn prove(&mut self, answer: &Response<Vec<u8>>) -> Result<Step, PublishError> {
        let header = answer.header(&headers::WWW_AUTHENTICATE).map(rtsp_types::HeaderValue::as_str).unwrap_or_default();
        let challenges = http_auth::parse_challenges(header).unwrap_or_default();
        let stale =
            challenges.iter().any(|c| param(c, "stale").is_some_and(|value| value.eq_ignore_ascii_case("true")));
        // A nonce that is old may be followed by a new one, a credential that is wrong by nothing. Twice the same question is all that is asked.
        let again = matches!(&self.scheme, Some(Scheme::Digest { count, .. }) if *count > 1);
        if self.proved && !(stale && again) {
            return Err(PublishError::Unproven);
        }
        if self.credential.is_none() {
            return Err(PublishError::NoCredential);
        }
        let digests = challenges.iter().filter_map(digest);
        // The stronger one, where the server leaves the choice.
        let best = digests.max_by_key(|scheme| matches!(scheme, Scheme::Digest { sha256: true, .. }));
        let basic = challenges.iter().any(|challenge| challenge.scheme.eq_ignore_ascii_case("basic"));
        let basic = (self.secure && basic).then_some(Scheme::Basic);
        self.scheme = Some(best.or(basic).ok_or(PublishError::NoScheme)?);
        Ok(Step::Say(self.ask(self.stage)))
    }

    fn ask(&mut self, stage: Stage) -> Vec<u8> {
        (self.stage, self.waits) = (stage, true);
        self.cseq += 1;
        let mut url = self.url.clone();
        if stage == Stage::SetUp {
            url.set_path(&format!("{}/{STREAM}", self.url.path()));
        }
        let mut request = Request::builder(stage.method(), Version::V1_0)
            .header(headers::CSEQ, self.cseq.to_string())
            .header(headers::USER_AGENT, "campari");
        let authorization = self.authorization(stage.name(), url.as_str());
        self.proved = authorization.is_some();
        request = request.request_uri(url);
        if let Some(proof) = authorization {
            request = request.header(headers::AUTHORIZATION, proof);
        }
        if let Some(session) = &self.session {
            request = request.header(headers::SESSION, session.as_str());
        }
        request = match stage {
            Stage::Announce => request.header(headers::CONTENT_TYPE, SDP),
            Stage::SetUp => request.header(headers::TRANSPORT, TRANSPORT),
            Stage::Record => request.header(headers::RANGE, "npt=0.000-"),
            Stage::KeepAlive | Stage::Leave => request,
        };
        let body = if stage == Stage::Announce { self.sdp.clone() } else { String::new() };
        let mut bytes = Vec::new();
        // Into memory: cannot fail.
        let _ = request.build(body).write(&mut bytes);
        bytes
    }

    fn authorization(&mut self, method: &str, uri: &str) -> Option<String> {
        let Credential { user, password } = self.credential.as_ref()?;
        match self.scheme.as_mut()? {
            Scheme::Basic => Some(format!("Basic {}", BASE64.encode(format!("{user}:{password}")))),
            Scheme::Digest { realm, nonce, opaque, sha256, named, qop, count } => {
                let hash = if *sha256 { hex_sha256 } else { hex_md5 };
                *count += 1;
                let (a1, a2) = (hash(&format!("{user}:{realm}:{password}")), hash(&format!("{method}:{uri}")));
                let (cnonce, nc) = (&self.chance, format!("{count:08x}"));
                let middle = if *qop { format!("{nc}:{cnonce}:auth:") } else { String::new() };
                let response = hash(&format!("{a1}:{nonce}:{middle}{a2}"));
                let mut text = format!(
                    "Digest username=\"{user}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\"",
                    quoted(realm),
                    quoted(nonce)
                );
                if *named {
                    text += if *sha256 { ", algorithm=SHA-256" } else { ", algorithm=MD5" };
                }
                if let Some(opaque) = opaque {
                    text += &format!(", opaque=\"{}\"", quoted(opaque));
                }
                if *qop {
                    text += &format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\"");
                }
                Some(text)
            }
        }
    }
}

/// The answer to a question of the server's: none is understood.
#[must_use]
pub fn decline(question: &Request<Vec<u8>>) -> Vec<u8> {
    let mut answer = Response::builder(Version::V1_0, StatusCode::NotImplemented);
    if let Some(cseq) = question.header(&headers::CSEQ) {
        answer = answer.header(headers::CSEQ, cseq.clone());
    }
    let mut bytes = Vec::new();
    let _ = answer.build(Vec::new()).write(&mut bytes);
    bytes
}

fn param(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let (_, value) = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.to_unescaped())
}

/// A digest that can be answered.
fn digest(challenge: &ChallengeRef<'_>) -> Option<Scheme> {
    if !challenge.scheme.eq_ignore_ascii_case("digest") {
        return None;
    }
    let algorithm = param(challenge, "algorithm");
    let sha256 = match algorithm.as_deref() {
        None => false,
        Some(name) if name.eq_ignore_ascii_case("MD5") => false,
        Some(name) if name.eq_ignore_ascii_case("SHA-256") => true,
        Some(_) => return None,
    };
    let qop = match param(challenge, "qop") {
        None => false,
        Some(offered) if offered.split(',').any(|one| one.trim() == "auth") => true,
        Some(_) => return None,
    };
    let (realm, nonce) = (param(challenge, "realm")?, param(challenge, "nonce")?);
    let clean = |text: &str| text.bytes().all(|byte| !byte.is_ascii_control());
    if !clean(&realm) || !clean(&nonce) {
        return None;
    }
    let opaque = param(challenge, "opaque").filter(|text| clean(text));
    Some(Scheme::Digest { realm, nonce, opaque, sha256, named: algorithm.is_some(), qop, count: 0 })
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn session_of(answer: &Response<Vec<u8>>) -> Option<String> {
    let id = answer.header(&headers::SESSION)?.as_str().split(';').next()?.trim();
    let fits = !id.is_empty() && id.len() <= MOST_SESSION && id.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| id.to_owned())
}

/// The channels that the server chose; those that were offered where it names none.
fn channels_of(answer: &Response<Vec<u8>>) -> Result<(u8, u8), PublishError> {
    let Ok(Some(chosen)) = answer.typed_header::<Transports>() else { return Ok((0, 1)) };
    let Some(Transport::Rtp(rtp)) = chosen.iter().next() else { return Err(PublishError::Confused) };
    if rtp.lower_transport != Some(RtpLowerTransport::Tcp) {
        return Err(PublishError::Confused);
    }
    let (media, control) = rtp.params.interleaved.unwrap_or((0, Some(1)));
    let control = control.or(media.checked_add(1)).filter(|control| *control != media);
    Ok((media, control.ok_or(PublishError::Confused)?))
}
