//! Tells the board in the machine what time it is here: a simple NTP server (RFC 5905, client/server mode; stratum 1 by its own word), because the
//! machine has no other network and its clock must be synchronised by an NTP client of its own, as a board's is.

use anyhow::{Context, Result};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;
/// Length of a packet without extensions.
const PACKET: usize = 48;

/// Starts it on a free port of loopback, for as long as this program runs; gives the port.
///
/// # Errors
/// When no port is free.
pub(crate) fn start() -> Result<u16> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("a port for the time server")?;
    let port = socket.local_addr().context("the time server's port")?.port();
    std::thread::spawn(move || {
        let mut packet = [0_u8; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            if let Some(answer) = answer(packet.get(..length).unwrap_or_default(), now()) {
                // A lost answer is asked for again.
                socket.send_to(&answer, from).ok();
            }
        }
    });
    Ok(port)
}

/// The time as NTP writes it: seconds since 1900 in the upper half, fractions in the lower.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    ((since.as_secs() + NTP_TO_UNIX_S) << 32) | fraction
}

/// The answer to a client's packet (RFC 5905 figure 8), if it is one.
fn answer(request: &[u8], now: u64) -> Option<[u8; PACKET]> {
    const CLIENT: u8 = 3;
    const SERVER: u8 = 4;
    let first = *request.first()?;
    if request.len() < PACKET || first & 7 != CLIENT {
        return None;
    }
    let mut packet = [0_u8; PACKET];
    packet[0] = (first & 0x38) | SERVER; // the client's version, no leap second
    packet[1] = 1; // stratum
    packet[2] = request[2]; // poll
    packet[3] = 0xEC; // precision: 2^-20 s
    packet[12..16].copy_from_slice(b"HOST");
    packet[16..24].copy_from_slice(&now.to_be_bytes()); // reference
    packet[24..32].copy_from_slice(&request[40..48]); // origin: when the client sent
    packet[32..40].copy_from_slice(&now.to_be_bytes()); // receive
    packet[40..48].copy_from_slice(&now.to_be_bytes()); // transmit
    Some(packet)
}
