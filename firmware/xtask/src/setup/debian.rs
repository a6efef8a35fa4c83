//! Debian packages: which programs and files the work needs, which package brings each, and how they get installed.
//!
//! A need counts as met when the *thing* is there, wherever it came from; the package is only how we bring it.

use crate::child;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Something the work needs from the system.
pub(crate) struct Need {
    /// The Debian package that brings it.
    pub(crate) package: &'static str,
    sign: Sign,
    /// Who needs it and what for.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader of the table; a test insists on it"))]
    why: &'static str,
}

/// How to see that a need is met.
enum Sign {
    /// A program.
    Program(&'static str),
    /// A file in one of these folders; one `*` may stand for a whole folder name.
    File { folders: &'static [&'static str], prefix: &'static str },
    /// A module of `python3`.
    Module(&'static str),
}

/// Where GStreamer keeps its plugins.
const GSTREAMER: &[&str] = &["/usr/lib/*-linux-gnu/gstreamer-1.0", "/usr/lib64/gstreamer-1.0"];

/// For building, demo and tests.
const NEEDS: &[Need] = &[
    Need { package: "g++", sign: Sign::Program("c++"), why: "openh264 builds its C++ source; ring its C" },
    Need {
        package: "nasm",
        sign: Sign::Program("nasm"),
        why: "openh264's assembly: without it encoding takes 3 times as long",
    },
    Need {
        package: "libclang-dev",
        sign: Sign::File {
            folders: &["/usr/lib/llvm-*/lib", "/usr/lib/*-linux-gnu", "/usr/lib"],
            prefix: "libclang.so",
        },
        why: "bindgen, for v4l and tflitec",
    },
    Need {
        package: "pkg-config",
        sign: Sign::Program("pkg-config"),
        why: "tflitec's build script links curl, which looks for OpenSSL",
    },
    Need {
        package: "libssl-dev",
        sign: Sign::File { folders: &["/usr/include/openssl"], prefix: "ssl.h" },
        why: "the same build script; no program of ours holds OpenSSL",
    },
    Need {
        package: "iproute2",
        sign: Sign::Program("ip"),
        why: "a wire that can be cut, for the test of peers that vanish without a word",
    },
    Need {
        package: "ffmpeg",
        sign: Sign::Program("ffmpeg"),
        why: "clips in; the independent subscriber of demo and tests",
    },
    Need {
        package: "python3-prometheus-client",
        sign: Sign::File { folders: &["/usr/lib/python3/dist-packages/prometheus_client"], prefix: "openmetrics" },
        why: "the reference parser of OpenMetrics, for a test of the voice's metrics",
    },
    Need {
        package: "gstreamer1.0-tools",
        sign: Sign::Program("gst-launch-1.0"),
        why: "an independent player, for tests and benches of what the voice sends",
    },
    Need {
        package: "gstreamer1.0-plugins-good",
        sign: Sign::File { folders: GSTREAMER, prefix: "libgstrtp.so" },
        why: "an independent player, for tests and benches of what the voice sends",
    },
    Need {
        package: "gstreamer1.0-plugins-bad",
        sign: Sign::File { folders: GSTREAMER, prefix: "libgstsdpelem.so" },
        why: "an independent player, for tests and benches of what the voice sends",
    },
    Need {
        package: "gstreamer1.0-libav",
        sign: Sign::File { folders: GSTREAMER, prefix: "libgstlibav.so" },
        why: "an independent player, for tests and benches of what the voice sends",
    },
    Need {
        package: "glib-networking",
        sign: Sign::File {
            folders: &["/usr/lib/*-linux-gnu/gio/modules", "/usr/lib64/gio/modules"],
            prefix: "libgiognutls.so",
        },
        why: "GStreamer's TLS, for the test that it fetches by RTSPS",
    },
    Need {
        package: "vlc-bin",
        sign: Sign::Program("cvlc"),
        why: "an independent player, for the test of what the voice pushes",
    },
    Need {
        package: "vlc-plugin-base",
        sign: Sign::File {
            folders: &["/usr/lib/*-linux-gnu/vlc/plugins/demux", "/usr/lib64/vlc/plugins/demux"],
            prefix: "libavformat_plugin.so",
        },
        why: "an independent player, for the test of what the voice pushes",
    },
    Need {
        package: "tshark",
        sign: Sign::Program("tshark"),
        why: "Wireshark's dissector, for the test that nothing sent is malformed",
    },
    Need {
        package: "python3-gi",
        sign: Sign::File { folders: &["/usr/lib/python3/dist-packages/gi"], prefix: "__init__.py" },
        why: "speaks to GStreamer's RTSP server, for the test of relays",
    },
    Need {
        package: "gir1.2-gst-rtsp-server-1.0",
        sign: Sign::File {
            folders: &["/usr/lib/*-linux-gnu/girepository-1.0", "/usr/lib64/girepository-1.0"],
            prefix: "GstRtspServer-1.0.typelib",
        },
        why: "a media server that nobody here wrote, for the test of relays",
    },
    Need { package: "mosquitto", sign: Sign::Program("mosquitto"), why: "the broker of demo and tests" },
    Need { package: "strace", sign: Sign::Program("strace"), why: "the test that the eye makes no network call" },
    Need { package: "python3", sign: Sign::Program("python3"), why: "runs pip" },
    Need { package: "python3-pip", sign: Sign::Module("pip"), why: "fetches what is pinned by hash" },
    Need {
        package: "fonts-dejavu-core",
        sign: Sign::File { folders: &["/usr/share/fonts/truetype/dejavu"], prefix: "DejaVuSans-Bold.ttf" },
        why: "the plates of the scene",
    },
];

/// For virtual environments: of `cargo xtask bench` and `cargo xtask attack`, and of the client that the tests play against.
pub(super) const VENV: &[Need] = &[Need {
    package: "python3-venv",
    sign: Sign::Module("ensurepip"),
    why: "the peer deface and the tests' foreign client live in virtual environments",
}];

/// For `cargo xtask bench glass` alone.
pub(super) const GLASS: &[Need] = &[
    Need { package: "xvfb", sign: Sign::Program("Xvfb"), why: "the screen in memory that players draw on" },
    Need {
        package: "gstreamer1.0-x",
        sign: Sign::File { folders: GSTREAMER, prefix: "libgstximagesink.so" },
        why: "GStreamer's window",
    },
    Need {
        package: "vlc-plugin-video-output",
        sign: Sign::File {
            folders: &["/usr/lib/*-linux-gnu/vlc/plugins/video_output", "/usr/lib64/vlc/plugins/video_output"],
            prefix: "libxcb_x11_plugin.so",
        },
        why: "VLC's window",
    },
];

/// For `cargo xtask attack` alone.
pub(super) const ATTACK: &[Need] = &[Need {
    package: "tesseract-ocr",
    sign: Sign::Program("tesseract"),
    why: "the attack that reads masked plates; brings its English model along",
}];

/// For building for the board.
pub(super) const CROSS: &[Need] = &[Need {
    package: "g++-aarch64-linux-gnu",
    sign: Sign::Program("aarch64-linux-gnu-g++"),
    why: "links Arm programs, and builds the C and C++ of openh264 and ring for them",
}];

/// For running single Arm programs.
pub(super) const ARM: &[Need] = &[Need {
    package: "qemu-user-static",
    sign: Sign::Program("qemu-aarch64-static"),
    why: "runs the tests as Arm code",
}];

/// For `cargo xtask board-vm`.
pub(super) const BOARD_VM: &[Need] = &[
    Need {
        package: "qemu-system-arm",
        sign: Sign::Program("qemu-system-aarch64"),
        why: "the machine that tests/vm/board boots",
    },
    Need { package: "cpio", sign: Sign::Program("cpio"), why: "its initial file system" },
    Need { package: "kmod", sign: Sign::Program("modprobe"), why: "which kernel modules it loads, in order" },
];

/// For `cargo xtask image` and `image-test`, beside [`BOARD_VM`].
pub(super) const IMAGE: &[Need] = &[
    Need {
        package: "u-boot-tools",
        sign: Sign::Program("mkimage"),
        why: "the signed kernel, and the loader's counters",
    },
    Need { package: "device-tree-compiler", sign: Sign::Program("fdtput"), why: "the kernel's command line in it" },
    Need { package: "cryptsetup-bin", sign: Sign::Program("veritysetup"), why: "the root's hash tree" },
    Need { package: "fdisk", sign: Sign::Program("sfdisk"), why: "the disk's slots" },
    Need { package: "fakeroot", sign: Sign::Program("fakeroot"), why: "a root that belongs to root, made by anybody" },
    Need { package: "rauc", sign: Sign::Program("rauc"), why: "updates' bundles" },
    Need { package: "squashfs-tools", sign: Sign::Program("mksquashfs"), why: "the same" },
    Need { package: "dosfstools", sign: Sign::Program("mkfs.vfat"), why: "the technician's stick" },
    Need { package: "mtools", sign: Sign::Program("mcopy"), why: "what is on it" },
    Need { package: "openssl", sign: Sign::Program("openssl"), why: "keys of updates and boots" },
    Need { package: "xz-utils", sign: Sign::Program("xz"), why: "the kernel's modules" },
];

/// For `cargo xtask nightly` alone: V4L2 in a VM.
pub(super) const NIGHTLY: &[Need] = &[
    Need {
        package: "qemu-system-x86",
        sign: Sign::Program("qemu-system-x86_64"),
        why: "the machine that tests/vm/run.sh boots",
    },
    Need { package: "cpio", sign: Sign::Program("cpio"), why: "its initial file system" },
    Need {
        package: "valgrind",
        sign: Sign::Program("valgrind"),
        why: "the hardware encoder's unsafe code under its eyes",
    },
    Need { package: "kmod", sign: Sign::Program("modprobe"), why: "which kernel modules it loads, in order" },
];

impl Need {
    fn met(&self) -> bool {
        match &self.sign {
            Sign::Program(name) => child::find(name).is_some(),
            Sign::File { folders, prefix } => folders.iter().any(|folder| has_file(folder, prefix)),
            Sign::Module(name) => module(name),
        }
    }
}

/// What this machine lacks of what everybody needs, and of those further lists that are asked for.
pub(super) fn missing(further: &[(&'static [Need], bool)]) -> Vec<&'static Need> {
    let further = further.iter().filter(|(_, asked)| *asked).flat_map(|(needs, _)| needs.iter());
    let mut named = BTreeSet::new();
    NEEDS.iter().chain(further).filter(|need| named.insert(need.package) && !need.met()).collect()
}

/// Whether python3 can find a module; asked of the import system without loading it.
fn module(name: &str) -> bool {
    let code = format!("import importlib.util as u, sys; sys.exit(u.find_spec('{name}') is None)");
    let quiet = Command::new("python3").args(["-c", &code]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

/// Whether a folder (one `*` allowed within one of its names) holds a file whose name begins so.
fn has_file(folder: &str, prefix: &str) -> bool {
    let begins = |path: &Path| {
        std::fs::read_dir(path)
            .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(prefix)))
    };
    expand(folder).iter().any(|path| begins(path))
}

/// The folders that a path with at most one `*` in one name stands for.
fn expand(folder: &str) -> Vec<PathBuf> {
    let Some((before, after)) = folder.split_once('*') else { return vec![folder.into()] };
    let (parent, start) = before.rsplit_once('/').unwrap_or(("", before));
    let (end, rest) = after.split_once('/').unwrap_or((after, ""));
    let Ok(entries) = std::fs::read_dir(format!("{parent}/")) else { return Vec::new() };
    let fits = |name: &str| name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end);
    entries.flatten().filter(|e| fits(&e.file_name().to_string_lossy())).map(|e| e.path().join(rest)).collect()
}

/// Installs packages through apt-get, or says which line to run.
pub(crate) fn install(needs: &[&Need]) -> Result<String> {
    let packages: Vec<&str> = needs.iter().map(|need| need.package).collect();
    fetch(None, &packages)?;
    let still: Vec<&str> = needs.iter().filter(|need| !need.met()).map(|need| need.package).collect();
    if !still.is_empty() {
        bail!("apt-get installed {}, yet what they should bring is not found", still.join(" "));
    }
    Ok("installed".into())
}

/// Installs packages of another machine type too, which dpkg is told of first.
pub(crate) fn foreign_packages(machine: &str, packages: &[&str]) -> Result<()> {
    fetch(Some(machine), packages)
}

fn fetch(machine: Option<&str>, packages: &[&str]) -> Result<()> {
    let add = machine.map_or_else(String::new, |machine| format!("dpkg --add-architecture {machine} && "));
    let line = format!("{add}apt-get update && apt-get install --no-install-recommends {}", packages.join(" "));
    if child::find("apt-get").is_none() {
        bail!(
            "this machine has no apt-get; install what these Debian packages hold with its own package manager: {}",
            packages.join(" ")
        );
    }
    let Some(sudo) = become_root() else {
        bail!(
            "installing Debian packages takes root. Run this line, then the same command again:\n\n    sudo sh -c '{line}'\n"
        );
    };
    let as_root = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(sudo.first().copied().unwrap_or(program));
        command.args(sudo.iter().skip(1)).args(sudo.first().map(|_| program)).args(arguments);
        child::output(command.env("DEBIAN_FRONTEND", "noninteractive"))
    };
    // Another apt may be at work (unattended upgrades); waiting beats failing.
    let apt = |words: &[&str]| as_root("apt-get", &[&["-q", "-o", "DPkg::Lock::Timeout=300"], words].concat());
    if let Some(machine) = machine {
        as_root("dpkg", &["--add-architecture", machine])?;
    }
    apt(&["update"]).with_context(|| format!("no package list to be had; with a network, run `{line}`"))?;
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat())?;
    Ok(())
}

/// The words before `apt-get` that make it run as root: none for root, `sudo -n` where that needs no password.
fn become_root() -> Option<&'static [&'static str]> {
    let id = child::output(Command::new("id").arg("-u")).ok()?;
    if id.trim() == "0" {
        return Some(&[]);
    }
    child::output(Command::new("sudo").args(["-n", "true"])).ok().map(|_| &["sudo", "-n"] as &[&str])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_folder_name() {
        let here = tempfile::tempdir().unwrap();
        let lib = here.path().join("llvm-14/lib");
        std::fs::create_dir_all(&lib).unwrap();
        std::fs::write(lib.join("libclang.so.1"), "").unwrap();
        let folder = format!("{}/llvm-*/lib", here.path().display());
        assert!(has_file(&folder, "libclang.so"));
        assert!(!has_file(&folder, "libother.so"));
        assert!(!has_file(&format!("{}/gcc-*/lib", here.path().display()), "libclang.so"));
    }

    #[test]
    fn what_is_missing_is_seen_as_missing() {
        let need = |sign| Need { package: "p", sign, why: "test" };
        assert!(!need(Sign::Program("no-such-program-here")).met());
        assert!(!need(Sign::Module("no_such_module_here")).met());
        assert!(need(Sign::Program("sh")).met());
    }

    #[test]
    fn every_need_says_why() {
        for need in NEEDS.iter().chain(VENV).chain(GLASS).chain(NIGHTLY).chain(ATTACK) {
            assert!(need.why.len() > 5, "{}", need.package);
        }
    }
}
