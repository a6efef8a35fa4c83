//! A client that publishes faster than anybody should.

use super::LANDLORD;
use std::sync::Arc;
use std::time::Duration;

/// A client that publishes on one topic as fast as it is told to, in a thread of its own.
pub struct Flood {
    stop: Arc<std::sync::atomic::AtomicBool>,
    thread: std::thread::JoinHandle<u64>,
}

impl Flood {
    /// MQTT by hand: CONNECT, then PUBLISH with QoS 0, which no library's queue slows down.
    pub fn start(port: u16, topic: String, per_s: u64, within: Duration) -> Self {
        use std::io::{Read as _, Write as _};
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect((LANDLORD, port)).expect("the broker is there");
            let connect = [0x10, 18, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 60, 0, 0, 5, b'f', b'l', b'o', b'o', b'd'];
            stream.write_all(&connect).expect("a connection");
            stream.read_exact(&mut [0; 4]).expect("CONNACK");
            let payload = [b'x'; 500];
            let length = 2 + topic.len() + 1 + payload.len();
            let mut publish = vec![0x30, (length % 128) as u8 | 0x80, (length / 128) as u8, 0, topic.len() as u8];
            publish.extend_from_slice(topic.as_bytes());
            publish.push(0);
            publish.extend_from_slice(&payload);
            let (began, mut sent) = (std::time::Instant::now(), 0);
            while began.elapsed() < within && !stopped.load(std::sync::atomic::Ordering::Relaxed) {
                let due = (began.elapsed().as_secs_f64() * per_s as f64) as u64;
                while sent < due {
                    if stream.write_all(&publish).is_err() {
                        return sent;
                    }
                    sent += 1;
                }
                std::thread::yield_now();
            }
            sent
        });
        Self { stop, thread }
    }
    pub async fn stop(self) -> u64 {
        self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
        tokio::task::spawn_blocking(move || self.thread.join().expect("no panic")).await.expect("no panic")
    }
}
