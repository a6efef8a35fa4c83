//! Shares that are published to media servers: one errand each, from the eye's word that the window is open to its word that the share is over.
//!
//! Contract: **only the address that the eye named is dialled, and nothing is said there before it has proved who it is; with the share's end the errand
//! ends too, wherever it stands.** That the server is there, or is not, is told to the eye by its seat in the hall, as of any viewer.

mod errand;
mod trust;

use super::hall::Hall;
use crate::config::RelayAccess;
use contract::Jti;
use errand::{Errand, Word};
use link::Relay;
use rtsp::Credential;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Longest password, bytes.
const MOST_PASSWORD: usize = 1024;
/// How long the last words of all may take when the voice stops.
const CLOSE_WITHIN: Duration = Duration::from_millis(600);

/// How long the voice waits for a media server that takes its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Between two signs of life that it is asked for.
    pub alive_every: Duration,
    /// For the answer to one: longer than both together no server is gone unnoticed (P9).
    pub alive_within: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { alive_every: Duration::from_secs(5), alive_within: Duration::from_secs(10) }
    }
}

/// What one media server is shown when it asks who publishes.
#[derive(Debug, Clone)]
pub struct Access {
    server: SocketAddr,
    credential: Credential,
    patience: Patience,
}

/// Why a configured credential cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No such file, or no right to read it.
    #[error("[[relay]] password_file = {path:?}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's word.
        cause: std::io::Error,
    },
    /// It holds no password.
    #[error("[[relay]] password_file = {path:?}: must hold one line of 1 to {MOST_PASSWORD} bytes, the password")]
    NoPassword {
        /// The file.
        path: PathBuf,
    },
}

impl Access {
    /// As configured, with its password read.
    ///
    /// # Errors
    /// [`AccessError`] naming the file.
    pub fn read(configured: &RelayAccess) -> Result<Self, AccessError> {
        let path = || configured.password_file.clone();
        let text = std::fs::read_to_string(&configured.password_file)
            .map_err(|cause| AccessError::Unreadable { path: path(), cause })?;
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() || password.len() > MOST_PASSWORD || password.bytes().any(|byte| byte.is_ascii_control())
        {
            return Err(AccessError::NoPassword { path: path() });
        }
        let credential = Credential { user: configured.user.clone(), password: password.to_owned() };
        Ok(Self { server: configured.server, credential, patience: configured.patience })
    }
}

/// All of them.
#[derive(Debug)]
pub struct Relays {
    access: Vec<Access>,
    hall: Arc<Hall>,
    max_payload_bytes: usize,
    cname: String,
    errands: Vec<(Jti, watch::Sender<Word>)>,
    tasks: JoinSet<()>,
}

impl Relays {
    /// None yet.
    #[must_use]
    pub fn new(access: Vec<Access>, hall: Arc<Hall>, max_payload_bytes: usize, cname: String) -> Self {
        Self { access, hall, max_payload_bytes, cname, errands: Vec::new(), tasks: JoinSet::new() }
    }

    /// A share that goes to `to` was granted. Nobody is called yet.
    pub fn granted(&mut self, jti: Jti, to: Relay) {
        self.ended(&jti);
        while self.tasks.try_join_next().is_some() {}
        let (say, hear) = watch::channel(Word::Wait);
        let access = self.access.iter().find(|access| access.server == to.server);
        let credential = access.map(|access| access.credential.clone());
        let patience = access.map(|access| access.patience).unwrap_or_default();
        let errand = Errand {
            jti: jti.clone(),
            to,
            credential,
            hall: Arc::clone(&self.hall),
            max_payload_bytes: self.max_payload_bytes,
            cname: self.cname.clone(),
            patience,
        };
        self.tasks.spawn(errand.run(hear));
        self.errands.push((jti, say));
    }
    /// Its window is open.
    pub fn begins(&self, jti: &Jti) {
        self.errands.iter().filter(|(of, _)| of == jti).for_each(|(_, say)| {
            say.send_replace(Word::Go);
        });
    }
    /// It is over: its errand says its last words and goes.
    pub fn ended(&mut self, jti: &Jti) {
        // The errand hears of it by the loss of its caller.
        self.errands.retain(|(of, _)| of != jti);
    }
    /// All are over.
    pub fn lose_eye(&mut self) {
        self.errands.clear();
    }
    /// Waits for everybody's last words, not long.
    pub async fn close(&mut self) {
        self.errands.clear();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(CLOSE_WITHIN, all).await.is_err() {
            self.tasks.abort_all();
        }
    }
}
