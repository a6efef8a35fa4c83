//! The camera: that its node is there under the name that does not change, and that it gives what is stated.

use super::Asked;
use crate::config::Source;
use board_clock::SystemClock;
use board_hal::{CameraError, CameraSource};
use board_profile::CameraProfile;
use board_v4l2::{Options, V4l2Camera};
use contract::doctor::Check;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where Linux lists its video nodes.
const NODES: &str = "/sys/class/video4linux";
/// A camera that has just been started may take so long for its first frame.
const FIRST_FRAME: Duration = Duration::from_secs(3);

/// The node is there.
pub(super) fn names(asked: &Asked) -> Vec<Check> {
    let Some(camera) = asked.camera() else {
        return vec![Check::note("camera", "the profile states none", "state [camera]")];
    };
    match node(asked, &camera) {
        Ok(path) => {
            let device = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            let there = nodes(Path::new(NODES));
            let name = there.iter().find(|(node, _)| *node == device).map_or("not a video node", |(_, name)| name);
            vec![Check::pass("camera.names", format!("{name:?} is {}", path.display()))]
        }
        Err(check) => vec![*check],
    }
}

/// An ISP camera's media graph, the service that tunes its pictures, and that one's files: all that the profile states of them.
pub(super) fn isp(asked: &Asked) -> Vec<Check> {
    let check = |finding: board_media::Finding| match finding.result {
        Ok(()) => Check::pass("isp", finding.what),
        Err(remedy) => Check::fail("isp", finding.what, remedy),
    };
    board_media::check(&asked.profile.isp).into_iter().map(check).collect()
}

/// It gives the size, rate and format that are stated, and a frame.
pub(super) fn opens(asked: &Asked) -> Vec<Check> {
    let Some(camera) = asked.camera() else { return Vec::new() };
    let Ok(path) = node(asked, &camera) else { return Vec::new() };
    const LINE: &str = "camera.formats, size, fps";
    let mut opened = match open(&path, &camera) {
        Ok(opened) => opened,
        Err(error) => {
            let remedy = "end what has it open, perhaps the eye; `v4l2-ctl --list-formats-ext` shows what it offers";
            return vec![Check::fail(LINE, error.to_string(), remedy)];
        }
    };
    let format = opened.format().clone();
    let found = format!("{} {}x{} at {:.1}", format.wire, format.geometry.width, format.geometry.height, format.fps);
    let size = (format.geometry.width, format.geometry.height) == (camera.width as usize, camera.height as usize);
    let wire =
        camera.formats.is_empty() || camera.formats.iter().any(|stated| format.wire.starts_with(stated.as_str()));
    if !size || !wire || format.fps < camera.fps as f32 * 0.95 {
        let any = if camera.formats.is_empty() { "any format".into() } else { camera.formats.join(" or ") };
        let found = format!("{found}; stated: {any} {}x{} at {}", camera.width, camera.height, camera.fps);
        let remedy = "state what the camera can do, or set its mode (its driver, its media graph)";
        return vec![Check::fail(LINE, found, remedy)];
    }
    vec![match opened.next(FIRST_FRAME) {
        Ok(_frame) => Check::pass(LINE, format!("{found}, and a frame came")),
        Err(error) => {
            Check::fail(LINE, format!("{found}, but {error}"), "is the sensor's cable in, and does its 3A service run?")
        }
    }]
}

pub(super) fn open(path: &Path, camera: &CameraProfile) -> Result<V4l2Camera, CameraError> {
    let wish = Options::new(camera.width as usize, camera.height as usize, camera.fps as f32);
    V4l2Camera::open(path, &wish, Arc::new(SystemClock::new()))
}

/// The camera's node: the configuration's, else by the names in the profile. A check that says what is wrong when there is none.
pub(super) fn node(asked: &Asked, camera: &CameraProfile) -> Result<PathBuf, Box<Check>> {
    let there = nodes(Path::new(NODES));
    match asked.config.as_ref().map(|config| &config.source) {
        Some(Source::V4l2 { device, .. }) if device.exists() => return Ok(device.clone()),
        Some(Source::V4l2 { device, .. }) => {
            let found = format!("{} is not there; there are: {}", device.display(), told(&there));
            let remedy = "plug the camera in, or state its device as /dev/v4l/by-path has it";
            return Err(Box::new(Check::fail("source.device", found, remedy)));
        }
        Some(Source::Clip { file, .. }) => {
            let found = format!("a clip, {}", file.display());
            return Err(Box::new(Check::note("source", found, "kind = \"v4l2\" for a camera")));
        }
        None => {}
    }
    let by_name = |stated: &String| there.iter().find(|(_, name)| name == stated);
    match (camera.names.iter().find_map(by_name), there.first()) {
        (Some((path, _)), _) => Ok(path.clone()),
        (None, Some((path, _))) if camera.names.is_empty() => Ok(path.clone()),
        _ => {
            let found = match camera.names.as_slice() {
                [] => "there is no video node".into(),
                names => format!("no video node is called {}; there are: {}", names.join(" or "), told(&there)),
            };
            let remedy = "plug the camera in, load its driver, or state the name that its driver gives it";
            Err(Box::new(Check::fail("camera.names", found, remedy)))
        }
    }
}

/// Video nodes and what their drivers call them, lowest number first.
fn nodes(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found: Vec<(u32, PathBuf, String)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let node = entry.file_name().into_string().ok()?;
            let number = node.strip_prefix("video")?.parse().ok()?;
            let name = std::fs::read_to_string(entry.path().join("name")).ok()?;
            Some((number, Path::new("/dev").join(node), name.trim().to_owned()))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, path, name)| (path, name)).collect()
}

fn told(nodes: &[(PathBuf, String)]) -> String {
    if nodes.is_empty() {
        return "none".into();
    }
    nodes.iter().map(|(path, name)| format!("{name:?} ({})", path.display())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a helper that fails fails the test")]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_listed_by_number_with_their_drivers_names() {
        let folder = tempfile::tempdir().unwrap();
        for (node, name) in
            [("video10", "rkisp_selfpath\n"), ("video9", "rkisp_mainpath\n"), ("v4l-subdev0", "imx415\n")]
        {
            std::fs::create_dir(folder.path().join(node)).unwrap();
            std::fs::write(folder.path().join(node).join("name"), name).unwrap();
        }
        let found = nodes(folder.path());
        assert_eq!(told(&found), "\"rkisp_mainpath\" (/dev/video9), \"rkisp_selfpath\" (/dev/video10)");
        assert_eq!(told(&nodes(&folder.path().join("not-there"))), "none");
    }
}
