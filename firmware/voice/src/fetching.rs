//! Shares that go by RTSP, as the desk sees them: fetched from the board's own server, or published to a media server.
//!
//! Decides nothing: what the eye says of a share is passed on to the hall, and to the errand that publishes it.

use crate::rtsp::{Hall, Relays};
use crate::secrets;
use contract::body::PullCredential;
use contract::{EncryptionKey, Jti, SubscriberId};
use link::{Relay, Way};
use std::sync::Arc;

/// Both.
#[derive(Debug)]
pub struct Fetching {
    /// Who sits where.
    pub hall: Arc<Hall>,
    /// The board's own URL; `None` where it serves nobody.
    url: Option<String>,
    relays: Relays,
}

/// What a subscriber is told when its share is granted.
#[derive(Debug, Default)]
pub struct Invitation {
    /// Where the picture will be.
    pub url: Option<String>,
    /// What opens it, sealed.
    pub credential: Option<String>,
}

impl Fetching {
    /// Nothing granted yet.
    #[must_use]
    pub fn new(hall: Arc<Hall>, url: Option<String>, relays: Relays) -> Self {
        Self { hall, url, relays }
    }

    /// A share was granted; `body` says to which media server it goes, where it does.
    pub fn granted(
        &mut self,
        (jti, sub): (&Jti, &SubscriberId),
        way: Way,
        seal_to: Option<EncryptionKey>,
        body: &[u8],
    ) -> Invitation {
        match way {
            Way::Push => Invitation::default(),
            Way::Pull => self.invite(jti, sub, seal_to),
            Way::Relay => match serde_json::from_slice::<Relay>(body) {
                Ok(to) => {
                    let url = Some(to.url.clone());
                    self.hall.granted(jti.clone(), sub.clone(), true);
                    self.relays.granted(jti.clone(), to);
                    Invitation { url, credential: None }
                }
                Err(error) => {
                    tracing::error!(share = %jti, %error, "the eye does not say which media server; nothing is published");
                    Invitation::default()
                }
            },
        }
    }

    /// The URL, and what opens it, sealed.
    fn invite(&self, jti: &Jti, sub: &SubscriberId, to: Option<EncryptionKey>) -> Invitation {
        let Some(url) = &self.url else {
            tracing::error!(share = %jti, "it is to be fetched, but the configuration has no [rtsp]: nobody can");
            return Invitation::default();
        };
        self.hall.granted(jti.clone(), sub.clone(), false);
        let credential = to.zip(self.hall.puller(sub)).and_then(|(to, puller)| {
            let credential = PullCredential { user: puller.sub, password: puller.password };
            secrets::seal_credential(&credential, &to)
                .inspect_err(|error| tracing::error!(share = %jti, %error, "its credential cannot be told"))
                .ok()
        });
        Invitation { url: Some(url.clone()), credential }
    }

    /// The eye waits for somebody to be there; media stops.
    pub fn waits(&self, jti: &Jti) {
        self.hall.waits(jti);
        self.relays.begins(jti);
    }
    /// It is over.
    pub fn ended(&mut self, jti: &Jti) {
        self.hall.ended(jti);
        self.relays.ended(jti);
    }
    /// The eye is lost, and every share with it.
    pub fn lose_eye(&mut self) {
        self.hall.lose_eye();
        self.relays.lose_eye();
    }
    /// Waits for the last words to media servers, not long.
    pub async fn close(&mut self) {
        self.relays.close().await;
    }
}
