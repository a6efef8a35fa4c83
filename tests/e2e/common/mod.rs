//! What the end-to-end tests share: the stage on the default scene, one at a time.

// Each test program uses a part of this.
#![allow(dead_code, unreachable_pub)]

pub mod relay;

use campari::stage::{Builder, Scene, Stage};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long starting or recovering may take on a busy machine. Nothing is measured by it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

/// Where cargo puts the programs: beside the folder of this test.
#[must_use]
pub fn programs() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let dir = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").to_owned();
    for program in ["campari-eye", "campari-voice"] {
        assert!(dir.join(program).exists(), "{program} is not built; run `cargo xtask test`, or `cargo build` first");
    }
    dir
}

/// The default scene, made by `cargo xtask setup`.
#[must_use]
pub fn scene() -> PathBuf {
    let scene = root().join(".campari/scene/scene-v1.mp4");
    assert!(scene.exists(), "{} is not there; run `cargo xtask setup`", scene.display());
    scene
}

/// One stage at a time: two cores are busy with one.
pub fn alone() -> MutexGuard<'static, ()> {
    static STAGE: Mutex<()> = Mutex::new(());
    STAGE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stage on the default scene, in a folder named after the test.
#[must_use]
pub fn stage(name: &str) -> Builder {
    stage_with(name, &programs())
}

/// As [`stage`], with programs from another folder.
#[must_use]
pub fn stage_with(name: &str, programs: &Path) -> Builder {
    stage_of(name, programs, Scene::Clip(scene()))
}

/// As [`stage`], with programs from another folder and something else before the camera.
#[must_use]
pub fn stage_of(name: &str, programs: &Path, scene: Scene) -> Builder {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    Stage::builder(programs, &root().join("models"), scene, &dir)
}

/// Runs an asynchronous test body on one thread.
pub fn run<T>(body: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(body)
}

/// Reads the eye's journal, every segment, and checks its chain to the last line; says how many entries hold.
#[must_use]
pub fn verified_journal(eye_state: &Path) -> u64 {
    let entries = std::fs::read_dir(eye_state).expect("the eye's state").map(|entry| entry.expect("a file").path());
    let number = |path: &PathBuf| journal::segment::number(path.file_name()?.to_str()?);
    let mut segments: Vec<(u32, PathBuf)> = entries.filter_map(|path| number(&path).map(|of| (of, path))).collect();
    segments.sort();
    let mut audit = journal::Audit::new([]);
    for (_, path) in segments {
        let text = std::fs::read(&path).expect("a segment");
        let lines = text.strip_suffix(b"\n").expect("the journal ends with a whole line");
        for line in lines.split(|byte| *byte == b'\n') {
            audit.line(line).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()));
        }
    }
    audit.last()
}
