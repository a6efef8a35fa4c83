//! `board-vm`: eye and voice as Arm programs on a real kernel with real drivers, in a virtual machine; broker, control room and subscriber outside.
//!
//! Run by `cargo xtask board-vm`, which builds what it takes. The machine (qemu's `virt`, Cortex-A76, emulated) has Debian's kernel, two vivid
//! cameras (several memory planes per buffer, and one), a pl061 GPIO chip, and a clock kept by chrony. The scene is played into vivid's output and
//! comes back as the camera's picture. Exit status 1 when a step fails; what comes after it is told as not run.

mod machine;
mod pins;
mod report;
mod scene;
mod story;
mod time_server;

use anyhow::{Context, Result, bail};
use campari::stage::{Elsewhere, Scene, Stage};
use clap::Parser;
use machine::Machine;
use report::Report;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;
use story::Story;

/// This machine, as the one in qemu's user network sees it.
const THIS_MACHINE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 2, 2));
/// The camera of the board: a link that follows the device which the scene is played into.
const CAMERA: &str = "/dev/camera";
/// Longest boot.
const BOOT_WITHIN: Duration = Duration::from_secs(120);

/// Runs eye and voice on a board in a virtual machine.
#[derive(Parser)]
struct Options {
    /// The repository.
    #[arg(long)]
    root: PathBuf,
    /// Folder of the Arm programs campari-eye and campari-voice.
    #[arg(long)]
    programs: PathBuf,
    /// The default scene.
    #[arg(long)]
    scene: PathBuf,
    /// Folder of the TFLite library for Arm.
    #[arg(long)]
    tflite: PathBuf,
    /// Where logs and the received stream go.
    #[arg(long)]
    out: PathBuf,
    /// Write what was seen here.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(cause) => {
            eprintln!("error: {cause}");
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report::new();
    let done = runtime.block_on(run(&options, &mut report));
    report.end();
    let written = options.json.as_ref().map_or(Ok(()), |file| report.write(file));
    match done.and(written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}\nlogs: {}", options.out.display());
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options, report: &mut Report) -> Result<()> {
    std::fs::create_dir_all(&options.out).context("the folder for logs")?;
    let frames = options.out.join("scene.nv12");
    let played = scene::play(&options.scene, &frames)?;
    let ntp = time_server::start()?;
    let stage = Stage::builder(
        &options.programs,
        &options.root.join("models"),
        Scene::Camera(CAMERA.into()),
        &options.out.join("stage"),
    )
    .detector_setting("light")
    .elsewhere(Elsewhere {
        this_machine: THIS_MACHINE,
        files: "/etc/campari".into(),
        models: "/usr/share/campari/models".into(),
        eye_state: "/var/lib/campari/eye".into(),
        socket: "/run/campari/eye.sock".into(),
    })
    .eye(board)
    .start()
    .await?;
    let image = options.out.join("image");
    make_image(options, &stage, &frames, &image)?;
    let machine = report.step("the board boots", || Machine::boot(&image, &options.out, ntp, BOOT_WITHIN))?;
    let mut story = Story { stage, machine, report, played };
    let told = story.tell().await;
    story.keep_logs(&options.out.join("board-logs"));
    told?;
    story.stopped()
}

/// The board's camera, profile and pins. What emulation makes slow is given time; the report tells that.
fn board(config: &mut toml::Table) {
    let source = toml::toml! { kind = "v4l2" device = "/dev/camera" width = 640 height = 360 fps = 25 };
    config.insert("source".into(), source.into());
    config.insert("profile".into(), "vm".into());
    config.insert("pins".into(), pins::table().into());
    for (table, key, value) in report::SLOWED {
        if let Some(table) = config.entry(table).or_insert_with(|| toml::Table::new().into()).as_table_mut() {
            table.insert(key.into(), value.into());
        }
    }
    if let Some(link) = config.get_mut("link").and_then(toml::Value::as_table_mut) {
        link.insert("voice_uid".into(), 971.into());
    }
}

fn make_image(options: &Options, stage: &Stage, frames: &Path, image: &Path) -> Result<()> {
    let paths = stage.paths();
    let mut command = Command::new("bash");
    command.arg(options.root.join("tests/vm/board/image.sh")).arg(image);
    let mut put = |from: &Path, to: &str| {
        command.arg(format!("{}:{to}", from.display()));
    };
    for program in ["campari-eye", "campari-voice"] {
        put(&options.programs.join(program), &format!("/usr/bin/{program}"));
    }
    put(&options.tflite.join("libtensorflowlite_c.so"), "/usr/lib/campari/libtensorflowlite_c.so");
    let models = options.root.join("models");
    for entry in std::fs::read_dir(&models).context("the models")? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == "manifest.toml" || name.ends_with(".tflite") {
            put(&path, &format!("/usr/share/campari/models/{name}"));
        }
    }
    put(&paths.eye_config, "/etc/campari/eye.toml");
    put(&paths.voice_config, "/etc/campari/voice.toml");
    put(&paths.policy, "/etc/campari/policy.json");
    put(&paths.root.join("tls"), "/etc/campari/tls");
    put(frames, "/srv/scene.nv12");
    let output = command.output().context("running image.sh")?;
    if !output.status.success() {
        bail!("the board's image: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
