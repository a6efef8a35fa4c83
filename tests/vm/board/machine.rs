//! The virtual machine: qemu with its console, a shell in it, and its GPIO lines.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What the machine says on its console when its services are being started.
const UP: &str = "board-vm: up";
/// How long a shell command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(60);
/// The end of a command's output, and its status.
const END: &str = "board-vm-end:";
/// Sockets in the machine's folder.
const QTEST: &str = "qtest.sock";
const MONITOR: &str = "monitor.sock";

/// A running machine; dropping it ends it.
pub(crate) struct Machine {
    qemu: Child,
    shell: u16,
    dir: PathBuf,
}

impl Machine {
    /// Boots `image` (see `image.sh`) and waits until its services are being started. The console goes to `dir/console.log`.
    ///
    /// # Errors
    /// When qemu is missing or the machine does not come up.
    pub(crate) fn boot(image: &Path, dir: &Path, ntp_port: u16, within: Duration) -> Result<Self> {
        let shell = free_port()?;
        let console = dir.join("console.log");
        let forward = format!("user,id=net,hostfwd=tcp:127.0.0.1:{shell}-:2222");
        let socket = |name: &str| format!("unix:{},server=on,wait=off", dir.join(name).display());
        let append = format!("console=ttyAMA0 quiet loglevel=4 panic=-1 rdinit=/init campari.ntp=10.0.2.2:{ntp_port}");
        let mut command = Command::new("qemu-system-aarch64");
        command.args(["-M", "virt", "-cpu", "cortex-a76", "-smp", "2", "-m", "1536"]);
        command.args(["-accel", "tcg,thread=multi", "-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio"]);
        command.args(["-netdev", &forward, "-device", "virtio-net-device,netdev=net", "-device", "virtio-rng-device"]);
        command.args(["-device", "i6300esb", "-qtest-log", "/dev/null"]);
        command.args(["-qtest", &socket(QTEST), "-monitor", &socket(MONITOR)]);
        command.arg("-kernel").arg(image.join("kernel")).arg("-initrd").arg(image.join("initramfs"));
        command.args(["-append", &append]).stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(std::fs::File::create(dir.join("qemu.log")).context("qemu's log")?);
        let mut qemu = command.spawn().context("qemu-system-aarch64 (apt-get install qemu-system-arm)")?;
        let (tell, up) = mpsc::channel();
        let output = qemu.stdout.take().context("qemu's console")?;
        let mut copy = std::fs::File::create(&console).context("the console's log")?;
        std::thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                // The log is for people; the test goes on without it.
                writeln!(copy, "{}", line.trim_end()).ok();
                if line.contains(UP) {
                    tell.send(()).ok();
                }
            }
        });
        let machine = Self { qemu, shell, dir: dir.to_owned() };
        if up.recv_timeout(within).is_err() {
            bail!("the machine is not up within {} s; its console: {}", within.as_secs(), console.display());
        }
        // qemu takes connections before the machine's shell listens, and then resets them.
        let until = Instant::now() + COMMAND_WITHIN;
        while let Err(error) = machine.run("true") {
            if Instant::now() > until {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(machine)
    }

    /// Runs a shell command in the machine; gives what it wrote.
    ///
    /// # Errors
    /// When it fails, or the machine does not answer.
    pub(crate) fn run(&self, command: &str) -> Result<String> {
        let said = || format!("`{command}` in the machine");
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.shell)).with_context(said)?;
        stream.set_read_timeout(Some(COMMAND_WITHIN))?;
        stream.write_all(format!("{{ {command}\n}} 2>&1; echo {END}$?; exit\n").as_bytes()).with_context(said)?;
        let mut output = String::new();
        let read = stream.read_to_string(&mut output);
        let Some((text, status)) = output.rsplit_once(END) else {
            bail!("{} did not end: {output} {read:?}", said());
        };
        if status.trim() != "0" {
            bail!("{} failed ({}): {text}", said(), status.trim());
        }
        Ok(text.trim_end().to_owned())
    }

    /// Waits until the machine resets itself, which ends qemu.
    ///
    /// # Errors
    /// When it runs on.
    pub(crate) fn ends(&mut self, within: Duration) -> Result<()> {
        let until = Instant::now() + within;
        while self.qemu.try_wait().context("qemu")?.is_none() {
            if Instant::now() > until {
                bail!("the machine still runs after {} s", within.as_secs());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Drives a line of the machine's GPIO chip (pl061) from outside, as a switch would.
    ///
    /// # Errors
    /// When qemu refuses it.
    pub(crate) fn pull(&self, line: u8, high: bool) -> Result<()> {
        let chip = self.gpio_chip()?;
        let mut control = UnixStream::connect(self.dir.join(QTEST)).context("qemu's test socket")?;
        control.set_read_timeout(Some(COMMAND_WITHIN))?;
        control.write_all(format!("set_irq_in {chip} unnamed-gpio-in {line} {}\n", i32::from(high)).as_bytes())?;
        let mut answer = String::new();
        BufReader::new(control).read_line(&mut answer)?;
        if answer.starts_with("OK") { Ok(()) } else { bail!("qemu does not drive line {line} of {chip}: {answer}") }
    }

    /// The chip's place in qemu's tree, which is another one in each version.
    fn gpio_chip(&self) -> Result<String> {
        let mut monitor = UnixStream::connect(self.dir.join(MONITOR)).context("qemu's monitor")?;
        monitor.set_read_timeout(Some(COMMAND_WITHIN))?;
        monitor.write_all(b"info qom-tree /machine/unattached\n")?;
        for line in BufReader::new(monitor).lines() {
            if let Some(device) = line.context("qemu's tree")?.trim().strip_suffix(" (pl061)") {
                return Ok(format!("/machine/unattached{device}"));
            }
        }
        bail!("qemu's machine has no pl061")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It has no disk and nothing to save.
        self.qemu.kill().ok();
        self.qemu.wait().ok();
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a port for the machine's shell")?;
    Ok(listener.local_addr()?.port())
}
