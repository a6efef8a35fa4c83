//! Running other programs: quietly with the end of their output kept for the error, or with their output passed on.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Lines of a failed program's output that go into the error.
const TAIL_LINES: usize = 15;

/// The command as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let word = |word: &OsStr| {
        let text = word.to_string_lossy();
        if text.is_empty() || text.contains(|c: char| c.is_whitespace() || "'\"$*;&|<>()".contains(c)) {
            format!("'{}'", text.replace('\'', r"'\''"))
        } else {
            text.into_owned()
        }
    };
    words.map(word).collect::<Vec<_>>().join(" ")
}

/// Runs a program, passing its output on. Fails when it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let text = line(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("starting `{text}`"))?;
    if !status.success() {
        bail!("`{text}` failed ({status})");
    }
    Ok(())
}

/// Runs a program and returns its standard output; its errors are shown only if it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    String::from_utf8(bytes(command)?).with_context(|| format!("`{}` wrote something that is not text", line(command)))
}

/// As [`output`], for programs that write bytes.
pub(crate) fn bytes(command: &mut Command) -> Result<Vec<u8>> {
    let text = line(command);
    let out = command.stdin(Stdio::null()).output().with_context(|| format!("starting `{text}`"))?;
    if !out.status.success() {
        let mut said = String::from_utf8_lossy(&out.stderr).into_owned();
        said.push_str(&String::from_utf8_lossy(&out.stdout));
        bail!("`{text}` failed ({}):\n{}", out.status, tail(&said));
    }
    Ok(out.stdout)
}

/// Runs a program, handing every line of its standard output to `each`; standard error is passed on.
pub(crate) fn lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let text = line(command);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().with_context(|| format!("starting `{text}`"))?;
    let stdout = child.stdout.take().context("the program's output is not piped")?;
    for line in BufReader::new(stdout).split(b'\n') {
        each(&String::from_utf8_lossy(&line.with_context(|| format!("reading the output of `{text}`"))?));
    }
    Ok(child.wait().with_context(|| format!("waiting for `{text}`"))?.success())
}

/// The last lines of a program's output.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| format!("    {line}\n")).collect()
}

/// A command that the kernel ends with this process, also when this one is killed; where util-linux' setpriv is missing, a plain one.
pub(crate) fn guarded(program: &Path) -> Command {
    match find("setpriv") {
        Some(guard) => {
            let mut command = Command::new(guard);
            command.args(["--pdeathsig", "TERM", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// Finds a program on `PATH` or in the system folders that a user's `PATH` often lacks (mosquitto is in `/usr/sbin`).
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_program_is_named_with_its_last_words() {
        let error = output(Command::new("sh").args(["-c", "echo the disk is full >&2; exit 3"])).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("the disk is full") && text.contains("exit status: 3"), "{text}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(format!("{error:#}").contains("no-such-program-here"));
    }

    #[test]
    fn every_line_is_handed_on_and_failure_is_told() {
        let mut seen = Vec::new();
        let ok = lines(Command::new("sh").args(["-c", "printf 'a\\nb'; false"]), |line| seen.push(line.to_owned()));
        assert!(!ok.unwrap());
        assert_eq!(seen, ["a", "b"]);
    }

    #[test]
    fn a_guarded_program_ends_with_who_started_it() {
        // Ends by the signal when the thread that started it does.
        let mut child = std::thread::spawn(|| {
            let mut command = guarded(Path::new("sh"));
            // It speaks once the guard is set: the shell is what setpriv became.
            let mut child = command.args(["-c", "echo up; exec sleep 1000"]).stdout(Stdio::piped()).spawn().unwrap();
            let mut up = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut up).unwrap();
            assert_eq!(up, "up\n");
            child
        })
        .join()
        .unwrap();
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("echo");
        command.args(["it's", "a b", "c"]);
        assert_eq!(line(&command), r"echo 'it'\''s' 'a b' c");
    }
}
