//! A program of the stage: its log, its end, its memory.

use super::StageError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::sync::watch;

/// Lines of a log that an error shows.
const LAST_LINES: usize = 15;
/// How long a program may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// Pause between two looks at something that sends no notice: a listening socket, a file.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    pid: u32,
    log: PathBuf,
    ended: watch::Receiver<Option<ExitStatus>>,
    waiter: tokio::task::JoinHandle<()>,
}

impl Child {
    /// Starts `program`; what it writes goes to `logs/NAME.log`, after what is there already.
    ///
    /// # Errors
    /// [`StageError`] when it cannot be started or the log cannot be written.
    pub fn start<'a>(
        name: &'static str,
        program: &Path,
        args: impl IntoIterator<Item = &'a OsStr>,
        logs: &Path,
    ) -> Result<Self, StageError> {
        super::files::folder(logs)?;
        let log = logs.join(format!("{name}.log"));
        let unlogged = |cause| StageError::File { path: log.clone(), cause };
        let out = std::fs::OpenOptions::new().create(true).append(true).open(&log).map_err(unlogged)?;
        let err = out.try_clone().map_err(unlogged)?;
        let mut child = tokio::process::Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .kill_on_drop(true)
            .spawn()
            .map_err(|cause| StageError::NotStarted { name, program: program.to_owned(), cause })?;
        let pid = child.id().unwrap_or_default();
        let (tell, ended) = watch::channel(None);
        let waiter = tokio::spawn(async move {
            if let Ok(status) = child.wait().await {
                tell.send_replace(Some(status));
            }
        });
        Ok(Self { name, pid, log, ended, waiter })
    }

    /// Its name on the stage.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }
    /// Where it logs.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }
    /// How it ended, if it did.
    #[must_use]
    pub fn exit(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    /// Waits for its end, and makes an error of it that shows the last lines of its log.
    pub async fn death(&self) -> StageError {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await.ok().and_then(|status| *status);
        self.died(status)
    }

    fn died(&self, status: Option<ExitStatus>) -> StageError {
        StageError::Died {
            name: self.name,
            how: status.map_or_else(|| "unknown status".into(), |status| status.to_string()),
            log: self.log.clone(),
            last_lines: last_lines(&self.log),
        }
    }

    /// Repeats `attempt` until it succeeds, the program ends, or `within` is over.
    ///
    /// # Errors
    /// [`StageError::Died`] or [`StageError::Late`].
    pub async fn until<T, E, F>(
        &self,
        what: &'static str,
        within: Duration,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, StageError>
    where
        F: Future<Output = Result<T, E>>,
    {
        let trying = async {
            loop {
                if let Ok(done) = attempt().await {
                    return done;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            done = tokio::time::timeout(within, trying) => done.map_err(|_| StageError::Late {
                what: format!("{} {what}", self.name),
                within_s: within.as_secs(),
                last_lines: last_lines(&self.log),
            }),
            death = self.death() => Err(death),
        }
    }

    /// The largest resident set so far, in MB of 10^6 bytes (`VmHWM` of proc(5); readable though the eye allows no dump).
    #[must_use]
    pub fn peak_rss_mb(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        let kib: f64 =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()?;
        Some(kib * 1024.0 / 1e6)
    }

    /// SIGKILL, as a crash or the watchdog would do, and waits until it is gone.
    pub async fn kill(&self) {
        self.signal(Signal::SIGKILL);
        self.death().await;
    }

    /// SIGTERM, then SIGKILL when it does not end.
    pub async fn stop(&self) {
        self.signal(Signal::SIGTERM);
        if tokio::time::timeout(GRACE, self.death()).await.is_err() {
            tracing::warn!(name = self.name, "did not end after SIGTERM, killed");
            self.kill().await;
        }
    }

    fn signal(&self, signal: Signal) {
        // An ended child's number may be another program's by now.
        if self.exit().is_none()
            && let Ok(pid) = i32::try_from(self.pid)
            && let Err(cause) = kill(Pid::from_raw(pid), signal)
        {
            tracing::debug!(name = self.name, %cause, "signal");
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.waiter.abort();
    }
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(|line| format!("    {line}\n")).collect()
}
