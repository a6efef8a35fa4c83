//! What a board finds in its network: the time, proven (NTS, RFC 8915), and the broker at its usual port.

use anyhow::{Context, Result, bail, ensure};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::net::{TcpListener, TcpStream};

/// Where brokers listen, and the only port that the board's firewall lets the voice speak TCP to.
pub(crate) const BROKER_PORT: u16 = 8883;
/// Where the time is had (RFC 5905 §7.2).
const NTP_PORT: u16 = 123;
/// Where keys for the time are had (RFC 8915 §4).
const NTS_PORT: u16 = 4460;
/// This machine as the board sees it.
pub(crate) const THIS_MACHINE: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// Debian's chronyd with this machine's clock, which it does not touch.
pub(crate) struct TimeServer {
    chronyd: Child,
}

impl TimeServer {
    /// Starts it, and leaves in `dir`/ca.pem whom a board must believe for it.
    ///
    /// # Errors
    /// Ports 123 and 4460 that are in use, or not this user's to take.
    pub(crate) fn start(chronyd: &Path, dir: &Path) -> Result<Self> {
        ours_to_take()?;
        std::fs::create_dir_all(dir).context("the time server's folder")?;
        let path = |name: &str| dir.join(name);
        let authority = Authority::new()?;
        std::fs::write(path("time.crt"), authority.server.0)?;
        std::fs::write(path("time.key"), authority.server.1)?;
        std::fs::write(path("ca.pem"), authority.certificate)?;
        let text = format!(
            "local stratum 1\nallow 127.0.0.1\nbindaddress 127.0.0.1\nport {NTP_PORT}\nntsport {NTS_PORT}\nntsserverkey {key}\nntsservercert {cert}\n\
             ntsdumpdir {dir}\ncmdport 0\nbindcmdaddress /\npidfile {dir}/pid\n",
            key = path("time.key").display(),
            cert = path("time.crt").display(),
            dir = dir.display()
        );
        std::fs::write(path("chrony.conf"), text)?;
        let log = std::fs::File::create(path("chronyd.log")).context("the time server's log")?;
        let mut command = Command::new(chronyd);
        command.args(["-x", "-d", "-u", "root", "-f"]).arg(path("chrony.conf"));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut chronyd = command.spawn().context("chronyd")?;
        while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, NTS_PORT)).is_err() {
            if chronyd.try_wait()?.is_some() {
                let why = std::fs::read_to_string(path("chronyd.log")).unwrap_or_default();
                bail!(
                    "no time for the board (ports {NTP_PORT} and {NTS_PORT} of 127.0.0.1 must be free, and this user's to take): {why}"
                );
            }
            std::thread::yield_now();
        }
        Ok(Self { chronyd })
    }
}

/// That nobody else serves there, a server that an earlier run left behind for one: it would answer in this one's place.
fn ours_to_take() -> Result<()> {
    let time = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, NTP_PORT)).err();
    let keys = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, NTS_PORT)).err();
    for (port, error) in [(NTP_PORT, time), (NTS_PORT, keys)] {
        // What else may be wrong, chronyd says itself.
        ensure!(
            error.is_none_or(|error| error.kind() != std::io::ErrorKind::AddrInUse),
            "port {port} of 127.0.0.1 is in use, by a time server of another run? It must be free for the board's; end what listens there"
        );
    }
    Ok(())
}

impl Drop for TimeServer {
    fn drop(&mut self) {
        let _ended = self.chronyd.kill();
        let _reaped = self.chronyd.wait();
    }
}

struct Authority {
    certificate: String,
    server: (String, String),
}

impl Authority {
    fn new() -> Result<Self> {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Campari test time");
        let key = rcgen::KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        let issuer = rcgen::Issuer::new(params, key);
        let own = rcgen::KeyPair::generate()?;
        let mut server = rcgen::CertificateParams::new([THIS_MACHINE.to_string()])?;
        server.distinguished_name.push(rcgen::DnType::CommonName, "time");
        Ok(Self { certificate, server: (server.signed_by(&own, &issuer)?.pem(), own.serialize_pem()) })
    }
}

/// Passes on what comes to the brokers' usual port of this machine.
///
/// # Errors
/// A port that is in use.
pub(crate) async fn broker_at_its_port(to: u16) -> Result<tokio::task::JoinHandle<()>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, BROKER_PORT)).await;
    let listener = listener
        .with_context(|| format!("port {BROKER_PORT} of 127.0.0.1 is in use; the board's firewall allows no other"))?;
    Ok(tokio::spawn(async move {
        while let Ok((mut board, _)) = listener.accept().await {
            tokio::spawn(async move {
                if let Ok(mut broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await {
                    // Either end may go at any time; the other is closed with it.
                    let _bytes = tokio::io::copy_bidirectional(&mut board, &mut broker).await;
                }
            });
        }
    }))
}
