//! Mosquitto, started and killed.

use super::{LANDLORD, patient};
use std::path::PathBuf;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A Mosquitto of our own.
pub struct Broker {
    pub port: u16,
    child: Child,
    config: PathBuf,
}

impl Broker {
    pub async fn start(dir: &TempDir) -> Self {
        Self::start_at(dir, free_port()).await
    }
    pub async fn start_at(dir: &TempDir, port: u16) -> Self {
        Self::start_with(dir, port, &format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).await
    }
    /// With a configuration of its own, which listens on `port` among others.
    pub async fn start_with(dir: &TempDir, port: u16, text: &str) -> Self {
        let config = dir.path().join("mosquitto.conf");
        // In a user namespace there is nobody else to become.
        std::fs::write(&config, format!("{text}persistence false\nuser root\n")).expect("a file");
        let child = run_mosquitto(&config).await;
        Self { port, child, config }
    }
    /// Kills it without a goodbye.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it ran");
    }
    pub async fn restart(&mut self) {
        self.child = run_mosquitto(&self.config).await;
    }
}

async fn run_mosquitto(config: &PathBuf) -> Child {
    let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
    let program = program.iter().find(|path| std::path::Path::new(path).exists());
    let program = program.expect("mosquitto is not installed: apt-get install mosquitto");
    let mut child = Command::new(program)
        .arg("-c")
        .arg(config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("mosquitto starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    patient("mosquitto to run", async {
        while let Some(line) = lines.next_line().await.expect("text") {
            if line.ends_with("running") {
                return;
            }
        }
        panic!("mosquitto ended at once");
    })
    .await;
    // Somebody must read on, or it blocks.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    child
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind((LANDLORD, 0)).and_then(|s| s.local_addr()).expect("a free port").port()
}
