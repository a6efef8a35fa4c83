//! The folders that a configuration names: that the eye may write where it must, and that the policy is there.

use super::Asked;
use contract::doctor::Check;
use nix::unistd::{AccessFlags, access};
use std::path::Path;

/// State folder, the link's folder, the policy bundle.
pub(super) fn folders(asked: &Asked) -> Vec<Check> {
    let Some(config) = &asked.config else { return Vec::new() };
    let mut checks = vec![writable("state.dir", &config.state.dir)];
    if let Some(folder) = config.link.socket.parent() {
        checks.push(writable("link.socket", if folder.as_os_str().is_empty() { Path::new(".") } else { folder }));
    }
    checks.push(policy(config));
    checks
}

/// A folder that may be written to; one that is not there yet may be made.
fn writable(line: &str, folder: &Path) -> Check {
    let there = folder.ancestors().find(|part| part.exists()).unwrap_or(Path::new("/"));
    match access(there, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) => Check::pass(line, format!("{} can be written to", folder.display())),
        Err(cause) => Check::fail(line, format!("{}: {cause}", there.display()), "make it, owned by the eye's user"),
    }
}

fn policy(config: &crate::config::Config) -> Check {
    const LINE: &str = "policy.bundle";
    let held = config.state.dir.join("policy.json");
    let Some(file) = [Some(&held), config.policy.bundle.as_ref()].into_iter().flatten().find(|file| file.exists())
    else {
        return Check::note(
            LINE,
            "none here yet: every grant is refused",
            "the policy office sends one, or provisioning brings it",
        );
    };
    match std::fs::File::open(file) {
        Ok(_) => Check::pass(LINE, file.display().to_string()),
        Err(cause) => Check::fail(LINE, format!("{}: {cause}", file.display()), "let the eye's user read it"),
    }
}
