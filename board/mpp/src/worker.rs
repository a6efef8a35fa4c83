//! The thread that calls the library. Whoever waits for it waits so long and no longer; a thread that does not come back is left behind with all that the
//! hardware may still touch, and frees it when it comes back after all.

use crate::library::{MOST_STUCK, MppLibrary};
use crate::session::Session;
use crate::settings::MppOptions;
use board_hal::{EncodeError, EncodedUnit, EncoderSettings};
use mask::{ColourMatrix, ColourRange, MaskedFrame};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Opening takes a library its time: it looks for devices and allocates.
const OPEN_LIMIT: Duration = Duration::from_secs(3);

enum Job {
    Encode { frame: MaskedFrame, key: bool, unit: EncodedUnit },
    Change(EncoderSettings),
}

/// What came of a job, and the unit that was lent for it.
type Answer = (Result<(), EncodeError>, EncodedUnit);

/// A session on its thread.
pub(crate) struct Worker {
    /// `None` once the thread was left behind.
    jobs: Option<SyncSender<Job>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    library: MppLibrary,
    stuck_after: Duration,
    /// The last answer was an error: the thread is on its way out.
    failed: bool,
}

impl Worker {
    pub(crate) fn open(
        library: &MppLibrary,
        settings: EncoderSettings,
        colours: (ColourRange, ColourMatrix),
        options: MppOptions,
    ) -> Result<Self, EncodeError> {
        let stuck = library.stuck();
        if stuck >= MOST_STUCK {
            return Err(EncodeError::Wedged(stuck));
        }
        let (jobs, to_do) = sync_channel::<Job>(1);
        // Room for one, so that the thread never waits for whoever gave up waiting for it.
        let (answer, answers) = sync_channel::<Answer>(1);
        let mpp = std::sync::Arc::clone(&library.mpp);
        let thread = std::thread::Builder::new().name("mpp".into()).spawn(move || {
            let opened = Session::open(&mpp, settings, colours, options);
            let (session, result) = match opened {
                Ok(session) => (Some(session), Ok(())),
                Err(error) => (None, Err(error)),
            };
            let told = answer.send((result, EncodedUnit::default()));
            if let (Some(session), Ok(())) = (session, told) {
                run(session, &to_do, &answer);
            }
        });
        let thread = thread.map_err(|error| EncodeError::Settings(format!("no thread for MPP: {error}")))?;
        let library = library.clone();
        let mut worker =
            Self { jobs: Some(jobs), answers, thread: Some(thread), library, stuck_after: OPEN_LIMIT, failed: false };
        worker.wait()?.0?;
        worker.stuck_after = options.stuck_after;
        Ok(worker)
    }

    pub(crate) fn encode(&mut self, frame: MaskedFrame, key: bool, unit: &mut EncodedUnit) -> Result<(), EncodeError> {
        unit.key = false;
        unit.data.clear();
        let lent = EncodedUnit { data: std::mem::take(&mut unit.data), key: false };
        self.give(Job::Encode { frame, key, unit: lent })?;
        let (result, came) = self.wait()?;
        *unit = came;
        result
    }
    pub(crate) fn change(&mut self, settings: EncoderSettings) -> Result<(), EncodeError> {
        self.give(Job::Change(settings))?;
        self.wait()?.0
    }

    fn give(&mut self, job: Job) -> Result<(), EncodeError> {
        let jobs = self.jobs.as_ref().ok_or(EncodeError::Stuck(self.stuck_after))?;
        // Nothing else is on its way, so there is room.
        jobs.try_send(job).map_err(|_| gone())
    }
    fn wait(&mut self) -> Result<Answer, EncodeError> {
        match self.answers.recv_timeout(self.stuck_after) {
            Ok(answer) => {
                self.failed = answer.0.is_err();
                Ok(answer)
            }
            Err(RecvTimeoutError::Timeout) => {
                self.leave_behind();
                Err(EncodeError::Stuck(self.stuck_after))
            }
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }
    /// Counted until it comes back.
    fn leave_behind(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else { return };
        let count = std::sync::Arc::clone(&self.library.stuck);
        let stuck = count.fetch_add(1, Ordering::AcqRel) + 1;
        tracing::error!(stuck, "an MPP encoder is stuck and left behind");
        // Somebody must notice its end. Without a thread to do so it counts for ever, which is the careful way.
        let watch = move || {
            let _ = thread.join();
            count.fetch_sub(1, Ordering::AcqRel);
            tracing::warn!("an MPP encoder that was stuck came back and is gone");
        };
        if let Err(error) = std::thread::Builder::new().name("mpp-stuck".into()).spawn(watch) {
            tracing::error!(%error, "no thread to watch a stuck encoder");
        }
    }
}

impl Drop for Worker {
    /// Waits until the encoder is gone, so that the next one finds the hardware free, but not for ever.
    fn drop(&mut self) {
        self.jobs = None;
        if self.thread.is_none() {
            return;
        }
        // After an error pictures are waited for already.
        let patience = if self.failed { self.stuck_after / 8 } else { self.stuck_after };
        loop {
            match self.answers.recv_timeout(patience) {
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return self.leave_behind(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn gone() -> EncodeError {
    EncodeError::Failed("MPP: its thread ended".to_owned())
}

/// Until nobody gives jobs, or an error. However it ends, the session goes first, and after it the frame that the hardware might have been reading.
fn run(session: Session, jobs: &Receiver<Job>, answers: &SyncSender<Answer>) {
    let mut held = None;
    // Declared after what it may read, and so dropped before it.
    let mut session = session;
    while let Ok(job) = jobs.recv() {
        let (result, unit) = match job {
            Job::Encode { frame, key, mut unit } => {
                let result = session.encode(held.insert(frame), key, &mut unit.data).map(|key| unit.key = key);
                if result.is_ok() {
                    // Encoded: the camera may have its buffer back.
                    held = None;
                } else {
                    unit.data.clear();
                }
                (result, unit)
            }
            Job::Change(settings) => (session.change(settings), EncodedUnit::default()),
        };
        let refused = matches!(result, Err(EncodeError::Settings(_))) && held.is_none();
        let ends = result.is_err() && !refused;
        if answers.send((result, unit)).is_err() || ends {
            return;
        }
    }
}
