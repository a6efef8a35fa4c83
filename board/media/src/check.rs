//! What a camera depends on beside its driver. Without exposure and white balance an ISP's picture is dark and green, though every frame arrives.

use board_profile::{IspProfile, Tuning};
use std::path::Path;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What, for people.
    pub what: String,
    /// It is as it should be; else what to do about it.
    pub result: Result<(), String>,
}

/// Looks at everything that `isp` names: its media graph, the service that tunes its pictures and that one's files. Changes nothing.
#[must_use]
pub fn check(isp: &IspProfile) -> Vec<Finding> {
    let mut findings = check_at(Path::new("/"), isp);
    if let Some(graph) = &isp.media {
        let result = crate::device::MediaDevice::find(&graph.device).map_err(|error| error.to_string());
        let result = result.and_then(|media| {
            let topology = media.topology().map_err(|error| format!("its graph cannot be read: {error}"))?;
            graph.links.iter().try_for_each(|link| topology.link(link).map(drop))?;
            graph.formats.iter().try_for_each(|format| topology.entity(&format.entity).map(drop))
        });
        findings.push(Finding { what: format!("media graph of {}", graph.device), result });
    }
    findings
}

/// The part that is files alone, under another root than `/`.
#[must_use]
pub fn check_at(root: &Path, isp: &IspProfile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(tuning) = &isp.tuning {
        findings.push(Finding { what: format!("service {}", tuning.process), result: running(root, tuning) });
        findings.push(Finding { what: "tuning files".to_owned(), result: files(root, tuning) });
    }
    findings
}

fn under(root: &Path, path: &Path) -> std::path::PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Whether a process of that name runs. The kernel keeps its first fifteen bytes (`TASK_COMM_LEN`).
fn running(root: &Path, tuning: &Tuning) -> Result<(), String> {
    let wanted = tuning.process.get(..15).unwrap_or(&tuning.process);
    let processes = std::fs::read_dir(root.join("proc")).into_iter().flatten().flatten();
    let runs = processes
        .filter_map(|process| std::fs::read_to_string(process.path().join("comm")).ok())
        .any(|name| name.trim_end() == wanted);
    let advice = || {
        format!(
            "{} does not run: without it the picture is dark and green; start it before campari-eye",
            tuning.process
        )
    };
    if runs { Ok(()) } else { Err(advice()) }
}

fn files(root: &Path, tuning: &Tuning) -> Result<(), String> {
    let folder = under(root, &tuning.files);
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", tuning.files.display()))?;
    let fits = |name: &str| name.starts_with(&tuning.sensor);
    if entries.flatten().any(|entry| entry.file_name().to_str().is_some_and(fits)) {
        return Ok(());
    }
    Err(format!(
        "no file for the sensor {} in {}; it comes with the module's maker",
        tuning.sensor,
        tuning.files.display()
    ))
}
