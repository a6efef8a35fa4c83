//! A running stream: time, a consumer that stalls, frames held or released elsewhere, allocations.

use crate::ALLOCATOR;
use crate::support::{PATIENCE, SINGLE, ensure, open, open_as, patches, reopened, said, wish};
use board_clock::SystemClock;
use board_hal::{CameraSource, Clock};
use mask::RawFrame;
use stats_alloc::Region;
use std::time::Duration;

pub(crate) fn time_stamps() -> Result<String, String> {
    let clock = SystemClock::new();
    let mut camera = open(SINGLE).map_err(said)?;
    let (mut last_us, mut oldest_us) = (0, 0);
    for _ in 0..20 {
        let captured = camera.next(PATIENCE).map_err(said)?.info().captured;
        let (now_us, utc_us) = (clock.monotonic_us(), clock.utc_us());
        ensure(captured.monotonic_us > last_us, || format!("{} after {last_us}", captured.monotonic_us))?;
        ensure(captured.monotonic_us <= now_us, || "from the future".to_owned())?;
        let (age_us, utc_age_us) = (now_us - captured.monotonic_us, utc_us - captured.utc_us);
        ensure(age_us.abs_diff(utc_age_us) < 20_000, || format!("aged {age_us} us, in UTC {utc_age_us} us"))?;
        oldest_us = oldest_us.max(age_us);
        last_us = captured.monotonic_us;
    }
    ensure(oldest_us < 1_000_000, || format!("{oldest_us} us old"))?;
    Ok(format!("at most {oldest_us} us old"))
}

pub(crate) fn stall() -> Result<String, String> {
    let clock = SystemClock::new();
    let mut camera = open(SINGLE).map_err(said)?;
    camera.next(PATIENCE).map_err(said)?;
    std::thread::sleep(Duration::from_secs(2)); // the consumer is busy
    let asked_us = clock.monotonic_us();
    let captured = camera.next(PATIENCE).map_err(said)?.info().captured;
    let stale_us = asked_us.saturating_sub(captured.monotonic_us);
    ensure(stale_us < 500_000, || format!("a picture from {stale_us} us before it was asked for"))?;
    ensure(camera.dropped() >= 5, || format!("only {} count as dropped", camera.dropped()))?;
    Ok(format!("{} dropped, {stale_us} us before", camera.dropped()))
}

pub(crate) fn held() -> Result<String, String> {
    let mut camera = open(SINGLE).map_err(said)?;
    let frame = camera.next(PATIENCE).map_err(said)?;
    let before = patches(&frame);
    drop(camera);
    reopened(SINGLE)?;
    ensure(patches(&frame) == before, || "its pixels changed".to_owned())?;
    drop(frame);
    Ok("still readable".to_owned())
}

pub(crate) fn threads() -> Result<String, String> {
    let mut camera = open(SINGLE).map_err(said)?;
    let (sender, frames) = std::sync::mpsc::channel::<RawFrame>();
    let consumer = std::thread::spawn(move || frames.into_iter().map(drop).count());
    for _ in 0..30 {
        sender.send(camera.next(PATIENCE).map_err(said)?).map_err(said)?;
    }
    drop(sender);
    let count = consumer.join().map_err(|_| "the consumer panicked")?;
    Ok(format!("{count} frames"))
}

pub(crate) fn allocations() -> Result<String, String> {
    for only in [*b"NV12", *b"YUYV", *b"UYVY", *b"NV16"] {
        let mut camera = open_as(SINGLE, &wish(only)).map_err(said)?;
        camera.next(PATIENCE).map_err(said)?;
        let region = Region::new(ALLOCATOR);
        for _ in 0..15 {
            camera.next(PATIENCE).map_err(said)?;
        }
        let change = region.change();
        let count = change.allocations + change.reallocations;
        ensure(count == 0, || format!("{count} allocations over 15 {} frames", only.escape_ascii()))?;
    }
    Ok("0 over 15 frames of NV12, YUYV, UYVY and NV16 each".to_owned())
}
