//! A stage that is left up for commands from outside: broker, eye, voice and control room, and a settings file for each of its people.
//!
//! Nobody is granted anything here, and nobody listens: that is for whoever takes the settings files. The folder of each, `people/NAME`, is what
//! `XDG_CONFIG_HOME` may say, so that commands need no flags.

use super::{DemoError, DemoSettings, READY_WITHIN, Timeline, Tone, looks};
use crate::keys::NamedKey;
use crate::stage::{Role, Stage, StageError};
use std::path::Path;
use toml::{Table, Value};

/// What the stage's traffic managers may ask for, beside what every stage's may.
const PURPOSES: [&str; 2] = ["detector-fault", "incident"];

/// Holds a stage until `enough`, or until one of its programs dies.
///
/// # Errors
/// [`DemoError`].
pub async fn hold(
    settings: &DemoSettings,
    timeline: &mut Timeline,
    enough: impl Future<Output = ()>,
) -> Result<(), DemoError> {
    let out =
        std::path::absolute(&settings.out).map_err(|cause| StageError::File { path: settings.out.clone(), cause })?;
    let largest_face = settings.largest_face;
    let starting = Stage::builder(&settings.programs, &settings.models, settings.scene.clone(), &out.join("stage"))
        .logs(&out.join("logs"))
        .detector_setting(&settings.detector)
        .policy(move |policy| {
            policy.views.iter_mut().for_each(|view| view.largest_face = Some(largest_face));
            policy.subscribers.iter_mut().for_each(|rule| rule.purposes.extend(PURPOSES.map(Into::into)));
        })
        .start();
    tokio::pin!(enough);
    let mut stage = tokio::select! {
        stage = starting => stage?,
        () = &mut enough => return Ok(()),
    };
    // Whoever asks listens, not we.
    stage.subscriber_leaves().await;
    let held: Result<(), StageError> = async {
        let eye = tokio::select! {
            eye = stage.ready(READY_WITHIN) => eye?,
            () = &mut enough => return Ok(()),
        };
        let people = out.join("people");
        for (name, of) in people_of(&stage)? {
            write(&people.join(&name), &of)?;
        }
        timeline.tell(Tone::Plain, &looks(&settings.scene, &eye));
        timeline.tell(Tone::Good, &format!("held: settings in {}, one folder a person; Ctrl-C ends", people.display()));
        stage.guarded(enough).await
    }
    .await;
    stage.stop().await;
    Ok(held?)
}

/// Who may do something here, each with a settings file.
fn people_of(stage: &Stage) -> Result<Vec<(String, Table)>, StageError> {
    let keys = stage.keys();
    // Whoever puts a board up reads this off its log and hands it on; on a stage the file is at hand.
    let board = NamedKey::read(&stage.paths().eye_state.join("board-key.jwk"))?.key.public().x();
    let camera = stage.parties().camera.to_string();
    let parties =
        [(Role::Subscriber, &keys.subscriber), (Role::Centralist, &keys.centralist), (Role::Room, &keys.room)];
    let settings = parties.map(|(role, key)| {
        let mut of = connection(stage, role);
        let file = stage.paths().root.join("keys").join(format!("{}.jwk", key.kid));
        of.insert("key".into(), file.display().to_string().into());
        if role == Role::Subscriber {
            of.insert("board_keys".into(), Table::from_iter([(camera.clone(), Value::from(board.clone()))]).into());
        } else {
            let roots = stage.roots().into_iter().map(|root| Value::from(format!("{}={}", root.kid, root.x)));
            of.insert("roots".into(), roots.collect::<Vec<_>>().into());
            of.insert("policy".into(), stage.paths().policy.display().to_string().into());
        }
        (key.kid.to_string(), of)
    });
    Ok(settings.into())
}

fn connection(stage: &Stage, role: Role) -> Table {
    let broker = stage.connection(role);
    let mut of = Table::new();
    of.insert("site".into(), stage.parties().site.to_string().into());
    of.insert("broker".into(), broker.to_string().into());
    if let Some(tls) = broker.tls {
        let identity = tls.identity.map(|identity| [("cert", identity.cert), ("key_pem", identity.key)]);
        for (name, path) in [("ca", tls.ca)].into_iter().chain(identity.into_iter().flatten()) {
            of.insert(name.into(), path.display().to_string().into());
        }
    }
    of
}

fn write(dir: &Path, settings: &Table) -> Result<(), StageError> {
    let path = dir.join("campari.toml");
    let text = toml::to_string(settings).map_err(|cause| StageError::Config { path: path.clone(), cause })?;
    std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|cause| StageError::File { path, cause })
}
