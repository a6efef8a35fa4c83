//! The virtual machine: qemu from loader to login prompt that is not there; its console is only read, as nobody logs in.

use anyhow::{Context, Result, bail, ensure};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long qemu itself may take for a word.
const MONITOR_WITHIN: Duration = Duration::from_secs(30);

/// What a machine is switched on with.
pub(crate) struct Plan<'a> {
    /// What `build.sh` made: loader, its flash, device tree.
    pub(crate) image: &'a Path,
    pub(crate) disk: &'a Path,
    /// Its console goes here.
    pub(crate) console: &'a Path,
    /// What its battery-backed clock says, when not the time of this machine.
    pub(crate) clock: Option<&'a str>,
    /// Every block that it writes goes here, too (dm-log-writes' format).
    pub(crate) writes: Option<&'a Path>,
    /// A serial line of the development image's shell.
    pub(crate) shell: bool,
}

/// A running machine; dropping it is pulling its plug.
pub(crate) struct Machine {
    qemu: Child,
    console: PathBuf,
    /// How many sticks were put in.
    sticks: u32,
}

impl Machine {
    /// Switches it on.
    ///
    /// # Errors
    /// When qemu is missing.
    pub(crate) fn boot(plan: &Plan<'_>) -> Result<Self> {
        let (image, console) = (plan.image, plan.console);
        // What an earlier machine said there is not this one's.
        std::fs::write(console, "").with_context(|| format!("making {}", console.display()))?;
        let mut command = Command::new("qemu-system-aarch64");
        command.args(["-M", "virt,acpi=off", "-cpu", "cortex-a76", "-smp", "2", "-m", "1536"]);
        command.args(["-accel", "tcg,thread=multi", "-nodefaults", "-nographic"]);
        command.arg("-bios").arg(image.join("u-boot.bin")).arg("-dtb").arg(image.join("machine.dtb"));
        command.arg("-drive").arg(format!("if=pflash,unit=1,format=raw,file={}", image.join("flash.img").display()));
        match plan.writes {
            None => {
                let drive = format!("if=none,id=disk,cache=writethrough,format=raw,file={}", plan.disk.display());
                command.args(["-drive", &drive]);
            }
            Some(writes) => {
                // The machine sees a cache that it must flush, so that its flushes are in the log.
                let node =
                    |name: &str, file: &Path| format!("driver=file,node-name={name},filename={}", file.display());
                command.args(["-blockdev", &node("raw", plan.disk), "-blockdev", &node("log", writes)]);
                command.args(["-blockdev", "driver=blklogwrites,node-name=disk,file=raw,log=log,log-sector-size=512"]);
            }
        }
        let disk = if plan.writes.is_some() {
            "virtio-blk-device,drive=disk,write-cache=on"
        } else {
            "virtio-blk-device,drive=disk"
        };
        command.args(["-device", disk, "-device", "virtio-rng-device"]);
        command.args(["-device", "i6300esb", "-device", "qemu-xhci"]);
        command.args(["-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net"]);
        if let Some(clock) = plan.clock {
            command.args(["-rtc", &format!("base={clock}")]);
        }
        let socket = |name: &str| format!("unix:{},server=on,wait=off", console.with_extension(name).display());
        if plan.shell {
            command.args([
                "-device",
                "virtio-serial-device",
                "-chardev",
                &format!("socket,id=shell,{}", socket("shell").replacen("unix:", "path=", 1)),
            ]);
            command.args(["-device", "virtconsole,chardev=shell"]);
        }
        command.args(["-monitor", &socket("monitor")]);
        command.arg("-serial").arg(format!("file:{}", console.display())).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(std::fs::File::create(console.with_extension("qemu")).context("qemu's log")?);
        let qemu = command.spawn().context("qemu-system-aarch64 (apt-get install qemu-system-arm)")?;
        Ok(Self { qemu, console: console.to_owned(), sticks: 0 })
    }

    /// What it said on its console so far.
    ///
    /// # Errors
    /// When qemu has ended.
    pub(crate) fn said(&mut self) -> Result<String> {
        if let Some(status) = self.qemu.try_wait().context("qemu")? {
            let why = std::fs::read_to_string(self.console.with_extension("qemu")).unwrap_or_default();
            bail!("qemu ended ({status}): {why}");
        }
        // qemu makes the file when it starts.
        let said = std::fs::read(&self.console).unwrap_or_default();
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// Puts a stick in.
    ///
    /// # Errors
    /// When qemu refuses it.
    pub(crate) fn put_in(&mut self, stick: &Path) -> Result<()> {
        self.sticks += 1;
        let id = format!("stick{}", self.sticks);
        self.tell(&format!("drive_add 0 if=none,id={id},format=raw,cache=writethrough,file={}", stick.display()))?;
        self.tell(&format!("device_add usb-storage,id=usb-{id},drive={id}"))?;
        Ok(())
    }

    /// Pulls the last one out, and waits until nobody has its file open.
    ///
    /// # Errors
    /// When qemu does not let it go.
    pub(crate) fn pull_out(&self) -> Result<()> {
        let id = format!("stick{}", self.sticks);
        self.tell(&format!("device_del usb-{id}"))?;
        let until = Instant::now() + MONITOR_WITHIN;
        while self.tell("info block")?.contains(&format!("\n{id} ")) {
            ensure!(Instant::now() < until, "qemu does not let the stick go");
        }
        Ok(())
    }

    /// Runs a command in the development image's shell; gives what it wrote.
    ///
    /// # Errors
    /// A shell that does not answer.
    pub(crate) fn shell(&self, command: &str, within: Duration) -> Result<String> {
        const END: &str = "image-test-end";
        let mut shell = UnixStream::connect(self.console.with_extension("shell")).context("the machine's shell")?;
        shell.set_read_timeout(Some(Duration::from_millis(200)))?;
        // The marker is put together there, so that the echo of the command is not taken for it.
        shell.write_all(format!("\n{command}; echo image-test'-end'\n").as_bytes())?;
        let (mut said, until) = (String::new(), Instant::now() + within);
        while !said.contains(END) {
            ensure!(Instant::now() < until, "`{command}` in the machine does not end: {said}");
            let mut some = [0; 4096];
            match shell.read(&mut some) {
                Ok(0) => bail!("the machine's shell ended at `{command}`: {said}"),
                Ok(n) => said.push_str(&String::from_utf8_lossy(&some[..n])),
                Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(cause) => return Err(cause).context("the machine's shell"),
            }
        }
        Ok(said)
    }

    /// A word to qemu's monitor; gives its answer.
    fn tell(&self, word: &str) -> Result<String> {
        let mut monitor = UnixStream::connect(self.console.with_extension("monitor")).context("qemu's monitor")?;
        monitor.set_read_timeout(Some(Duration::from_millis(200)))?;
        monitor.write_all(format!("{word}\n").as_bytes())?;
        let (mut said, until) = (String::new(), Instant::now() + MONITOR_WITHIN);
        // A prompt before the word and one after it.
        while said.matches("(qemu)").count() < 2 {
            ensure!(Instant::now() < until, "qemu's monitor does not answer `{word}`: {said}");
            let mut some = [0; 4096];
            match monitor.read(&mut some) {
                Ok(0) => bail!("qemu's monitor ended at `{word}`: {said}"),
                Ok(n) => said.push_str(&String::from_utf8_lossy(&some[..n])),
                Err(cause) if cause.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(cause) => return Err(cause).context("qemu's monitor"),
            }
        }
        ensure!(!said.contains("Error") && !said.contains("annot"), "qemu: {said}");
        Ok(said)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ended = self.qemu.kill();
        let _reaped = self.qemu.wait();
    }
}
