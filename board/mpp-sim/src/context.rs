//! A context: settings, one frame on its way in, packets on their way out, and the thread that encodes.
#![allow(non_upper_case_globals, reason = "C's names of codings")]

use crate::encode::{Codec, Unit};
use crate::faults::{answer, fault};
use crate::memory::Group;
use crate::objects::{Frame, Meta, Packet, Settings, Share, give, look};
use rkmpp_sys::{
    KEY_OUTPUT_INTRA, MPP_ENC_HEADER_MODE_EACH_IDR, MPP_ENC_SPLIT_OUT_LOWDELAY, MPP_ERR_INIT, MPP_ERR_VALUE, MPP_NOK,
    MPP_OK, MPP_RET, MPP_VIDEO_CodingAVC, MPP_VIDEO_CodingHEVC, MppBuffer, MppFrame, MppPacket,
};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// See the [module](self).
pub(crate) struct Context {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    packets: Group,
}

struct State {
    coding: i32,
    settings: Settings,
    input_timeout: i32,
    output_timeout: i32,
    header_mode: i32,
    key_wanted: bool,
    frame: Option<Pending>,
    out: VecDeque<Outgoing>,
    held: Option<Outgoing>,
    /// The parameter sets of the last key picture.
    header: Vec<u8>,
    ending: bool,
}

/// The caller's frame, which it must keep until it is told otherwise.
struct Pending(MppFrame);
// SAFETY: the frame is the encoder's until it is done; that callers keep to it is what is tested.
unsafe impl Send for Pending {}

/// A packet's handle on its way out.
struct Outgoing(MppPacket);
// SAFETY: nobody else has the handle yet.
unsafe impl Send for Outgoing {}

impl Default for State {
    fn default() -> Self {
        Self {
            coding: 0,
            settings: Settings::default(),
            // As upstream: input blocks, output does not.
            input_timeout: -1,
            output_timeout: 0,
            header_mode: 0,
            key_wanted: false,
            frame: None,
            out: VecDeque::new(),
            held: None,
            header: Vec::new(),
            ending: false,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Waits while `condition` holds: for ever below 0, not at all for 0, else so many milliseconds. False when it still holds.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        timeout_ms: i32,
        mut condition: impl FnMut(&mut State) -> bool,
    ) -> (MutexGuard<'a, State>, bool) {
        let Ok(timeout_ms) = u64::try_from(timeout_ms) else {
            let state = self.changed.wait_while(state, condition).unwrap_or_else(PoisonError::into_inner);
            return (state, true);
        };
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, Duration::from_millis(timeout_ms), &mut condition)
            .unwrap_or_else(PoisonError::into_inner);
        let met = !condition(&mut state);
        (state, met)
    }
}

impl Context {
    pub(crate) fn new() -> Self {
        Self { shared: Arc::default(), thread: None }
    }
    pub(crate) fn start(&mut self, coding: i32) -> MPP_RET {
        if !offers(coding) || self.thread.is_some() {
            return MPP_NOK;
        }
        self.shared.lock().coding = coding;
        let shared = Arc::clone(&self.shared);
        self.thread = Some(std::thread::spawn(move || run(&shared)));
        MPP_OK
    }
    pub(crate) fn set_timeout(&self, input: bool, timeout_ms: i32) -> MPP_RET {
        if !(-1..=8000).contains(&timeout_ms) {
            return MPP_ERR_VALUE;
        }
        let mut state = self.shared.lock();
        *(if input { &mut state.input_timeout } else { &mut state.output_timeout }) = timeout_ms;
        MPP_OK
    }
    pub(crate) fn settings(&self) -> Settings {
        self.shared.lock().settings.clone()
    }
    /// Refused while a size or a rate makes no sense, as upstream.
    pub(crate) fn configure(&self, new: &Settings) -> MPP_RET {
        let sound = ["prep:width", "prep:height", "rc:bps_target", "rc:fps_out_num"].iter().all(|n| new.get(n, 0) > 0);
        if !sound {
            return MPP_ERR_VALUE;
        }
        self.shared.lock().settings = new.clone();
        MPP_OK
    }
    pub(crate) fn set_header_mode(&self, mode: i32) {
        self.shared.lock().header_mode = mode;
    }
    pub(crate) fn want_key(&self) {
        self.shared.lock().key_wanted = true;
    }
    pub(crate) fn header(&self) -> Vec<u8> {
        self.shared.lock().header.clone()
    }

    /// Hands a frame in and waits until it is encoded. With a timeout it may come back while the encoder still reads the frame.
    pub(crate) fn put(&self, frame: MppFrame) -> MPP_RET {
        if self.thread.is_none() {
            return MPP_ERR_INIT;
        }
        let state = self.shared.lock();
        let timeout = if fault("deaf") == 0 { state.input_timeout } else { -1 };
        let (mut state, free) = self.shared.wait(state, timeout, |state| state.frame.is_some());
        if !free {
            return MPP_NOK;
        }
        state.frame = Some(Pending(frame));
        self.shared.changed.notify_all();
        let (_state, done) = self.shared.wait(state, timeout, |state| state.frame.is_some());
        if done { MPP_OK } else { MPP_NOK }
    }
    /// The next packet; null, and still good, when none came in time.
    pub(crate) fn get(&self) -> Result<MppPacket, MPP_RET> {
        if self.thread.is_none() {
            return Err(MPP_ERR_INIT);
        }
        let state = self.shared.lock();
        let timeout = state.output_timeout;
        let (mut state, _) = self.shared.wait(state, timeout, |state| state.out.is_empty());
        Ok(state.out.pop_front().map_or(MppPacket::NULL, |packet| packet.0))
    }
}

impl Drop for Context {
    /// Waits for the thread, as upstream does, however long the frame takes.
    fn drop(&mut self) {
        self.shared.lock().ending = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let mut state = self.shared.lock();
        let left: Vec<Outgoing> = state.out.drain(..).collect();
        for packet in left.into_iter().chain(state.held.take()) {
            // SAFETY: nobody was given it.
            drop(unsafe { crate::objects::take::<Packet>(packet.0.0) });
        }
    }
}

pub(crate) fn offers(coding: i32) -> bool {
    coding == MPP_VIDEO_CodingAVC || coding == MPP_VIDEO_CodingHEVC && fault("no_h265") == 0
}

fn run(shared: &Shared) {
    let mut codec = Codec::default();
    loop {
        let (state, _) = shared.wait(shared.lock(), -1, |state| state.frame.is_none() && !state.ending);
        if state.frame.is_none() {
            return;
        }
        drop(state);
        hang(shared);
        let mut state = shared.lock();
        let Some(frame) = state.frame.as_ref().map(|pending| pending.0) else { continue };
        let key = std::mem::take(&mut state.key_wanted);
        let (settings, coding) = (state.settings.clone(), state.coding);
        drop(state);
        // SAFETY: the caller keeps the frame until it is taken out of the state below.
        let frame = unsafe { look::<Frame>(frame.0) };
        let pts = frame.as_ref().map_or(0, |frame| frame.pts);
        let unit = frame.and_then(|frame| codec.encode(frame, &settings, key, coding));
        let mut state = shared.lock();
        state.frame = None;
        if let Some(unit) = unit {
            deliver(shared, &mut state, unit, pts);
        }
        drop(state);
        shared.changed.notify_all();
    }
}

/// Stuck, for as long as the fault says; lets go as soon as it is set to 0.
fn hang(shared: &Shared) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(u64::try_from(fault("hang_ms")).unwrap_or(0)) {
        let _ = shared.wait(shared.lock(), 1, |_| true);
    }
}

fn deliver(shared: &Shared, state: &mut State, mut unit: Unit, pts: i64) {
    let is_header = |nal: &[u8]| {
        nal.get(4).is_some_and(|byte| match state.coding {
            MPP_VIDEO_CodingAVC => matches!(byte & 0x1F, 7 | 8),
            _ => (32..=34).contains(&(byte >> 1 & 0x3F)),
        })
    };
    if unit.key {
        let first = state.header.is_empty();
        state.header = unit.nals.iter().filter(|nal| is_header(nal)).flatten().copied().collect();
        if !first && (state.header_mode != MPP_ENC_HEADER_MODE_EACH_IDR || fault("header_once") != 0) {
            unit.nals.retain(|nal| !is_header(nal));
        }
    }
    if fault("lose") != 0 {
        return;
    }
    let low_delay = state.settings.get("split:mode", 0) != 0
        && state.settings.get("split:out", 0) & i64::from(MPP_ENC_SPLIT_OUT_LOWDELAY) != 0;
    let pieces: Vec<Vec<u8>> = if low_delay { unit.nals } else { vec![unit.nals.concat()] };
    let count = pieces.len();
    for (at, mut piece) in pieces.into_iter().enumerate() {
        if fault("empty") != 0 {
            piece.clear();
        }
        if fault("garbage") != 0 {
            piece.fill(0x5A);
        }
        let Some(buffer) = shared.packets.get(piece.len().max(4096)) else { return };
        let Some(share) = share_of(buffer) else { return };
        if share.buffer().write(&piece).is_none() {
            return;
        }
        let mut meta = Meta::default();
        meta.0.insert(KEY_OUTPUT_INTRA, i32::from(unit.key));
        let packet =
            Packet { buffer: share, length: piece.len(), pts, meta, partition: low_delay, last: at + 1 == count };
        let packet = Outgoing(MppPacket(give(packet)));
        if fault("hold") != 0 {
            state.out.extend(state.held.replace(packet));
        } else {
            state.out.push_back(packet);
        }
    }
}

/// A new buffer's only share.
fn share_of(buffer: MppBuffer) -> Option<Share> {
    // SAFETY: it was made just now, and lives.
    let share = unsafe { Share::of(buffer) };
    // SAFETY: the share that its maker was given; the one above stays.
    unsafe { crate::memory::Buffer::unshare(buffer) };
    share
}

/// Counts a call and answers with the error that it was told to.
pub(crate) fn called(call: &'static str, then: impl FnOnce() -> MPP_RET) -> MPP_RET {
    match answer(call) {
        Ok(()) => then(),
        Err(error) => error,
    }
}
