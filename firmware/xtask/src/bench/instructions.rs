//! How many instructions the hot loops take for a 1080p frame, as Arm code and as x86-64 code: a loop that is no longer vectorised shows, without a board.
//!
//! The measuring programs run unchanged in qemu's emulated machines with `-icount shift=0`, in which each instruction takes one nanosecond of the machine's
//! time: a millisecond that such a program tells is a million instructions. Nothing of the machine below has a say in them.

use super::Setting;
use super::programs::number;
use super::row::{Bar, Row};
use crate::setup::{self, Arch};
use crate::{child, cross, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Package and name of the measuring programs.
const PROGRAMS: [(&str, &str); 3] = [("mask", "paint_bench"), ("detect", "bench"), ("board-v4l2", "convert_bench")];

/// A figure: what it is, which program tells it under which name, and the most millions of instructions for Arm and for x86-64.
struct Figure {
    name: &'static str,
    program: usize,
    path: &'static str,
    most: [f64; 2],
}

/// The bars are what was measured, and a tenth.
const FIGURES: [Figure; 9] = [
    Figure { name: "paint fill", program: 0, path: "fill_ms", most: [0.071, 0.061] },
    Figure { name: "paint pixelate", program: 0, path: "pixelate_ms", most: [0.079, 0.069] },
    Figure { name: "paint silhouette", program: 0, path: "silhouette_ms", most: [20.4, 35.8] },
    Figure { name: "paint coarse", program: 0, path: "coarse_ms", most: [1.52, 2.3] },
    Figure { name: "colour and resize for the detector", program: 1, path: "prepare_ms.p50", most: [18.4, 24.9] },
    Figure { name: "decode its tensors", program: 1, path: "decode_ms.p50", most: [0.465, 0.563] },
    Figure { name: "track", program: 1, path: "track_ms.p50", most: [0.203, 0.3] },
    Figure { name: "YUYV to NV12", program: 2, path: "yuyv_ms", most: [7.3, 14.5] },
    Figure { name: "NV16 to NV12", program: 2, path: "nv16_ms", most: [0.775, 0.702] },
];

/// Both machines' counts.
pub(super) fn run(_: &Setting) -> Result<Vec<Row>> {
    let options = setup::Options { target: Some(Arch::Aarch64), nightly: true, board_vm: true, ..Default::default() };
    setup::run(&options)?;
    let mut rows = Vec::new();
    for (machine, name) in [(0, "aarch64"), (1, "x86-64")] {
        let told = PROGRAMS.map(|(package, example)| counted(package, example, machine == 0));
        for figure in FIGURES {
            let row = format!("{}, {name}", figure.name);
            rows.push(match &told[figure.program] {
                Ok(json) => {
                    let millions = number(json, figure.path)?;
                    Row::new(&row, "M instructions", Bar::AtMost(figure.most[machine]), millions).note("a 1080p frame")
                }
                Err(error) => Row::missing(&row, &format!("{error:#}")),
            });
        }
    }
    Ok(rows)
}

/// Builds a measuring program and runs it where instructions are the clock; gives what it printed.
fn counted(package: &str, example: &str, arm: bool) -> Result<Value> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--quiet", "--release", "--package", package, "--example", example]);
    if arm {
        cross::equip(cargo.args(["--target", cross::BOARD]));
    }
    child::run(&mut cargo)?;
    let target = workspace::metadata(true)?.target_directory;
    let built = if arm { target.join(cross::BOARD) } else { target };
    let program = built.join("release/examples").join(example);
    let text = if arm { in_arm_machine(&program)? } else { in_x86_machine(&program)? };
    let last = text.lines().rfind(|line| line.starts_with('{'));
    let last = last.with_context(|| format!("{example} printed no JSON: {}", child::tail(&text)))?;
    serde_json::from_str(last).with_context(|| format!("reading what {example} printed: {last}"))
}

fn in_x86_machine(program: &Path) -> Result<String> {
    let script = workspace::root().join("tests/vm/run.sh");
    child::output(Command::new("bash").arg(script).args(["--count", "--timeout", "580", "--"]).arg(program))
}

fn in_arm_machine(program: &Path) -> Result<String> {
    let image = workspace::kept().join("bench/instructions");
    let script = workspace::root().join("tests/vm/board/image.sh");
    let command = image.with_extension("sh");
    setup::write_whole(&command, b"exec /bin/program\n")?;
    let put = |from: &Path, to: &str| format!("{}:{to}", from.display());
    let mut make = Command::new("bash");
    make.arg(script).arg(&image).arg(put(program, "/bin/program")).arg(put(&command, "/command"));
    child::output(&mut make)?;
    let file = |name: &str| -> PathBuf { image.join(name) };
    let mut qemu = Command::new("qemu-system-aarch64");
    qemu.args(["-M", "virt", "-cpu", "cortex-a76", "-smp", "1", "-m", "1024", "-accel", "tcg"]);
    qemu.args(["-icount", "shift=0,sleep=off", "-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio"]);
    qemu.arg("-kernel").arg(file("kernel")).arg("-initrd").arg(file("initramfs"));
    qemu.args(["-append", "console=ttyAMA0 quiet loglevel=4 panic=-1 rdinit=/init"]);
    let text = child::output(&mut qemu)?.replace('\r', "");
    if !text.contains("board-vm: exit 0") {
        bail!("the program failed in the machine: {}", child::tail(&text));
    }
    Ok(text)
}
