//! Stands between the board and a subscriber nobody here wrote: takes every RTP datagram on the granted port, notes when, and passes it on.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The granted port, and what came through it.
pub struct Relay {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    packets: Vec<Instant>,
    /// Held back until somebody listens.
    waiting: Vec<Vec<u8>>,
    to: Option<SocketAddr>,
}

impl Relay {
    /// Takes an even port on loopback.
    #[must_use]
    pub fn open() -> Self {
        let socket = (0..100)
            .map(|_| UdpSocket::bind("127.0.0.1:0").expect("a port"))
            .find(|socket| socket.local_addr().is_ok_and(|address| address.port() % 2 == 0))
            .expect("an even port");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a read timeout");
        let address = socket.local_addr().expect("an address");
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let thread = std::thread::spawn({
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            move || {
                let mut datagram = [0_u8; 2048];
                while !stop.load(Ordering::Acquire) {
                    let Ok(length) = socket.recv(&mut datagram) else { continue };
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.packets.push(Instant::now());
                    match seen.to {
                        Some(to) => drop(socket.send_to(&datagram[..length], to)),
                        None => seen.waiting.push(datagram[..length].to_vec()),
                    }
                }
            }
        });
        Self { address, seen, stop, thread: Some(thread) }
    }

    /// Where the board is to send.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on to `to`, beginning with what was held back, at a pace that a receiver's buffer stands.
    pub fn pass_on(&self, to: SocketAddr) {
        let out = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, datagram) in std::mem::take(&mut seen.waiting).into_iter().enumerate() {
            out.send_to(&datagram, to).expect("loopback takes datagrams");
            if number % 8 == 7 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        seen.to = Some(to);
    }

    /// How many came so far.
    #[must_use]
    pub fn packets(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).packets.len()
    }

    /// When the last one came.
    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).packets.last().copied()
    }

    /// Waits until nothing has come for `quiet`, for at most `within`. Returns whether it became quiet.
    #[must_use]
    pub fn falls_silent(&self, quiet: Duration, within: Duration) -> bool {
        let until = Instant::now() + within;
        while Instant::now() < until {
            if self.last().is_none_or(|last| last.elapsed() >= quiet) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
