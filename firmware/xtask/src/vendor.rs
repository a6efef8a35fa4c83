//! `cargo xtask vendor`: the source archive that the Yocto recipes build from, without a network: this repository as committed, and every crate of
//! Cargo.lock. Its sha256 is pinned in the layer.
//!
//! The layer itself (yocto/) is left out, so that committing a pin does not change what it pins.

use crate::{child, setup, workspace};
use anyhow::{Context, Result, bail};
use clap::Args;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the layer keeps the pin.
const PIN: &str = "yocto/meta-campari/recipes-campari/campari/campari-pin.inc";
const PINNED: &str = "CAMPARI_ARCHIVE_SHA256";

/// What `cargo xtask vendor` is asked.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Where the archive goes (default .campari/vendor, where the layer looks).
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Pin nothing: make the archive and say whether it is the pinned one.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Where the archive lies unless something else is asked.
pub(crate) fn folder() -> PathBuf {
    workspace::kept().join("vendor")
}

/// The archive's name, as campari-archive.inc has it.
pub(crate) fn name() -> String {
    format!("campari-{}.tar.gz", env!("CARGO_PKG_VERSION"))
}

/// Makes the archive, and pins it or compares it with the pin.
pub(crate) fn run(options: &Options) -> Result<()> {
    let here = std::env::current_dir().context("finding the current folder")?;
    let out = options.out.as_ref().map_or_else(folder, |out| here.join(out));
    let changed = child::output(git().args(["status", "--porcelain", "--untracked-files=no", "--", ".", ":!yocto"]))?;
    if !changed.is_empty() {
        bail!("the archive holds what is committed, and this is not:\n{changed}");
    }
    let archive = out.join(name());
    make(&out, &archive)?;
    let sha256 = sha256_of(&archive)?;
    eprintln!("{}: sha256 {sha256}", archive.display());
    let pin = workspace::root().join(PIN);
    if options.check {
        return match pinned()? {
            pinned if pinned == sha256 => Ok(()),
            pinned => bail!("{PIN} pins {pinned}; `cargo xtask vendor` pins anew"),
        };
    }
    setup::write_whole(&pin, pin_text(&sha256, &child::output(git().args(["rev-parse", "HEAD"]))?).as_bytes())?;
    eprintln!("pinned in {PIN}");
    Ok(())
}

fn git() -> Command {
    let mut command = Command::new("git");
    command.current_dir(workspace::root());
    command
}

/// Gathers everything in a folder beside the archive, then packs it so that the same sources give the same bytes.
fn make(out: &Path, archive: &Path) -> Result<()> {
    let whole = format!("campari-{}", env!("CARGO_PKG_VERSION"));
    let work = out.join("work");
    let tree = work.join(&whole);
    if work.exists() {
        std::fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))?;
    }
    std::fs::create_dir_all(&work).with_context(|| format!("making {}", work.display()))?;
    let committed = work.join("committed.tar");
    let mut archived = git();
    archived.args(["archive", "--format=tar", &format!("--prefix={whole}/"), "--output"]).arg(&committed);
    child::output(archived.args(["HEAD", "--", ".", ":!yocto"]))?;
    child::output(Command::new("tar").arg("-xf").arg(&committed).arg("-C").arg(&work))?;
    eprintln!("Gathering the crates of Cargo.lock (fetched where cargo has them not) …");
    child::output(
        workspace::cargo().args(["vendor", "--quiet", "--locked", "--versioned-dirs"]).arg(tree.join("vendor")),
    )?;
    let config = tree.join(".cargo/config.toml");
    let mut text = std::fs::read_to_string(&config).with_context(|| format!("reading {}", config.display()))?;
    text.push_str(SOURCES);
    setup::write_whole(&config, text.as_bytes())?;
    eprintln!("Packing …");
    pack(&work, &whole, archive)?;
    std::fs::remove_dir_all(&work).with_context(|| format!("removing {}", work.display()))
}

/// In place of the registry; relative to the folder that holds `.cargo`.
const SOURCES: &str =
    "\n[source.crates-io]\nreplace-with = \"vendored\"\n\n[source.vendored]\ndirectory = \"vendor\"\n";

/// No time, owner or order of the machine that packs gets in.
fn pack(work: &Path, whole: &str, archive: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--format=gnu", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.args(["--mode=u+rwX,go=rX", "-C"]).arg(work).args(["-cf", "-", whole]);
    let mut packing = tar
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting `{}`", child::line(&tar)))?;
    let packed = packing.stdout.take().context("tar's output is not piped")?;
    let part = archive.with_extension("part");
    let file = std::fs::File::create(&part).with_context(|| format!("making {}", part.display()))?;
    let squeezed =
        Command::new("gzip").args(["-6", "-n", "-c"]).stdin(packed).stdout(file).status().context("starting gzip")?;
    let packed = packing.wait().context("waiting for tar")?;
    if !squeezed.success() || !packed.success() {
        bail!("tar ({packed}) or gzip ({squeezed}) failed; is the disk full?");
    }
    std::fs::rename(&part, archive).with_context(|| format!("writing {}", archive.display()))
}

/// Lower-case hexadecimal SHA-256 of a file of any size.
pub(crate) fn sha256_of(path: &Path) -> Result<String> {
    let at = || format!("reading {}", path.display());
    let mut file = std::fs::File::open(path).with_context(at)?;
    let (mut digest, mut block) = (Sha256::new(), vec![0_u8; 1 << 20]);
    loop {
        match file.read(&mut block).with_context(at)? {
            0 => break,
            read => digest.update(&block[..read]),
        }
    }
    let mut text = String::new();
    for byte in digest.finalize() {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

/// What the layer pins.
pub(crate) fn pinned() -> Result<String> {
    let pin = workspace::root().join(PIN);
    let text = std::fs::read_to_string(&pin).with_context(|| format!("reading {}", pin.display()))?;
    read_pin(&text).with_context(|| format!("{PIN} has no line {PINNED} = \"…\""))
}

/// How far the sources are from those that are pinned.
pub(crate) enum Age {
    /// What the archive holds has not changed since.
    Fresh,
    /// The commit that was packed, and how many commits since then have changed what the archive holds.
    Behind(String, usize),
    /// The history that is here does not reach back to that commit.
    Unknown(String),
}

/// Compares the pinned commit with the one that is checked out.
pub(crate) fn age() -> Result<Age> {
    let pin = workspace::root().join(PIN);
    let text = std::fs::read_to_string(&pin).with_context(|| format!("reading {}", pin.display()))?;
    let commit = read_commit(&text).with_context(|| format!("{PIN} does not say which commit was packed"))?;
    let since = format!("{commit}..HEAD");
    Ok(match child::output(git().args(["rev-list", "--count", "--no-merges", &since, "--", ".", ":!yocto"])) {
        Ok(count) => match count.trim().parse().context("reading what git counted")? {
            0 => Age::Fresh,
            behind => Age::Behind(commit, behind),
        },
        Err(_) => Age::Unknown(commit),
    })
}

/// The commit in the comment that [`pin_text`] writes.
fn read_commit(text: &str) -> Option<String> {
    let word = text.lines().next()?.split(" as committed in ").nth(1)?.split(',').next()?;
    (word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| word.to_owned())
}

fn read_pin(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(PINNED))?;
    Some(value.split('"').nth(1)?.to_owned())
}

fn pin_text(sha256: &str, commit: &str) -> String {
    format!(
        "# Written by `cargo xtask vendor`: the sources as committed in {}, and the crates of their Cargo.lock.\n{PINNED} = \"{sha256}\"\n",
        commit.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_that_is_written_is_read_again() {
        let sum = setup::sha256_hex(b"abc");
        assert_eq!(read_pin(&pin_text(&sum, "0123\n")), Some(sum));
        assert_eq!(read_pin("# no pin\n"), None);
    }

    #[test]
    fn the_commit_that_was_packed_is_read_from_the_pin() {
        let commit = "0123456789abcdef".repeat(3)[..40].to_owned();
        assert_eq!(read_commit(&pin_text("sum", &commit)), Some(commit));
        assert_eq!(read_commit("# Written by hand\n"), None);
        let pin = std::fs::read_to_string(workspace::root().join(PIN)).unwrap();
        assert!(read_commit(&pin).is_some(), "{pin}");
    }

    #[test]
    fn the_same_files_are_packed_to_the_same_bytes_whenever_they_were_made() {
        let work = tempfile::tempdir().unwrap();
        let sums: Vec<String> = [0_u64, 1_000_000_000]
            .into_iter()
            .map(|seconds| {
                let folder = work.path().join("tree");
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join("a"), "content").unwrap();
                let when = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
                std::fs::File::options().append(true).open(folder.join("a")).unwrap().set_modified(when).unwrap();
                let archive = work.path().join(format!("{seconds}.tar.gz"));
                pack(work.path(), "tree", &archive).unwrap();
                sha256_of(&archive).unwrap()
            })
            .collect();
        assert_eq!(sums[0], sums[1]);
    }

    #[test]
    fn the_layer_builds_the_version_that_is_packed() {
        let recipe = format!("yocto/meta-campari/recipes-campari/campari/campari_{}.bb", env!("CARGO_PKG_VERSION"));
        assert!(workspace::root().join(&recipe).exists(), "{recipe} is missing: the archive is {}", name());
        pinned().unwrap();
    }
}
