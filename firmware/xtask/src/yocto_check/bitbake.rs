//! Runs bitbake on a copy of the layer, as a user that is not root, without a network.

use super::findings::Findings;
use super::layers::Plan;
use super::{Options, Told, absolute, install};
use crate::{child, setup, vendor, workspace};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Both images, and the bundle where there is RAUC.
const IMAGES: &[&str] = &["campari-image", "campari-image-dev"];
const BUNDLE: &str = "campari-bundle";
/// The distribution that both images are of.
const DISTRO: &str = "campari-board";

/// A build folder that is ready for bitbake.
pub(super) struct Build {
    folder: PathBuf,
    layer: PathBuf,
    oe: PathBuf,
    bitbake: PathBuf,
    /// Dependencies of our layer, for yocto-check-layer.
    beside: Vec<PathBuf>,
    user: Option<String>,
    bundle: bool,
}

impl Build {
    /// Writes configuration and stand-ins, copies the layer, and gives everything to the user that bitbake runs as.
    pub(super) fn set_up(options: &Options, plan: &Plan) -> Result<Self> {
        let scratch = match &options.scratch {
            Some(folder) => absolute(folder)?,
            None => std::env::temp_dir().join("campari-yocto-check"),
        };
        let scratch = scratch.join(&plan.series);
        let (folder, layer) = (scratch.join("build"), scratch.join("meta-campari"));
        if layer.exists() {
            std::fs::remove_dir_all(&layer).with_context(|| format!("removing {}", layer.display()))?;
        }
        std::fs::create_dir_all(&scratch).with_context(|| format!("making {}", scratch.display()))?;
        child::output(Command::new("cp").arg("-a").arg(workspace::root().join("yocto/meta-campari")).arg(&layer))?;
        let mut beside: Vec<PathBuf> = plan.layers.iter().map(|layer| layer.folder.clone()).collect();
        for (collection, recipes) in &plan.stand_ins {
            beside.push(stand_in(&scratch.join("stand-ins").join(collection), collection, recipes, &plan.series)?);
        }
        let oe = absolute(&options.oe)?;
        let list = std::iter::once(oe.join("meta")).chain(beside.iter().cloned()).chain([layer.clone()]);
        let list: Vec<String> = list.map(|path| path.display().to_string()).collect();
        let layers = format!("BBPATH = \"${{TOPDIR}}\"\nBBFILES ?= \"\"\nBBLAYERS = \"{}\"\n", list.join(" "));
        setup::write_whole(&folder.join("conf/bblayers.conf"), layers.as_bytes())?;
        let archives = archives(&scratch)?;
        setup::write_whole(&folder.join("conf/local.conf"), local_conf(&archives).as_bytes())?;
        install::write_conf(&folder)?;
        let user = is_root()?.then(|| options.user.clone());
        if let Some(user) = &user {
            child::output(Command::new("chown").args(["-R", user]).arg(&scratch))?;
        }
        let build =
            Self { folder, layer, oe, bitbake: absolute(&options.bitbake)?, beside, user, bundle: plan.has("rauc") };
        for path in std::iter::once(&build.oe).chain([&build.bitbake, &build.layer]).chain(&build.beside) {
            if child::output(build.command("test", DISTRO).arg("-x").arg(path)).is_err() {
                bail!(
                    "{} cannot be reached by user {}; --scratch and the sources must lie where it can",
                    path.display(),
                    options.user
                );
            }
        }
        Ok(build)
    }

    /// A program in bitbake's environment.
    fn command(&self, program: &str, distro: &str) -> Command {
        let mut command = match &self.user {
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={user}"), "--regid=nogroup", "--clear-groups"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let path = [self.oe.join("scripts"), self.bitbake.join("bin")].map(|path| path.display().to_string()).join(":");
        command.env_clear().current_dir(&self.folder);
        command.env("PATH", format!("{path}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
        command.env("HOME", &self.folder).env("LANG", "en_US.UTF-8").env("LC_ALL", "en_US.UTF-8");
        command.env("BUILDDIR", &self.folder).env("BBPATH", &self.folder).env("DISTRO", distro);
        command.env("BB_ENV_PASSTHROUGH_ADDITIONS", "MACHINE DISTRO");
        command
    }

    /// bitbake, as our distribution, for that machine.
    pub(super) fn bitbake_for(&self, machine: &str) -> Command {
        let mut command = self.command("bitbake", DISTRO);
        command.env("MACHINE", machine);
        command
    }

    /// The folder that it builds in.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The copy of our layer.
    pub(super) fn layer(&self) -> &Path {
        &self.layer
    }

    /// Whether there is RAUC, and with it a bundle.
    pub(super) fn has_bundle(&self) -> bool {
        self.bundle
    }

    /// Every recipe is read, for that machine: its plan then finds them in bitbake's cache.
    pub(super) fn parse(&self, machine: &str, told: &mut Told) -> Result<()> {
        eprintln!("bitbake reads every recipe …");
        self.judge("bitbake -p", self.bitbake_for(machine).arg("-p"), told)
    }

    /// Every task of the images is planned, none is run.
    pub(super) fn plan_images(&self, machine: &str, told: &mut Told) -> Result<()> {
        eprintln!("bitbake plans the images for {machine} …");
        let targets: Vec<&str> = IMAGES.iter().copied().chain(self.bundle.then_some(BUNDLE)).collect();
        let mut bitbake = self.bitbake_for(machine);
        bitbake.arg("-n").args(&targets);
        self.judge(&format!("bitbake -n {} for {machine}", targets.join(" ")), &mut bitbake, told)
    }

    /// The Yocto Project's own check. It adds the layers itself, in a build folder that has none but openembedded-core's, and wants a distribution that is
    /// not ours.
    pub(super) fn check_layer(&self, told: &mut Told) -> Result<()> {
        eprintln!("yocto-check-layer looks at the layer (long) …");
        let folder = self.folder.with_file_name("check-layer");
        let bare =
            format!("BBPATH = \"${{TOPDIR}}\"\nBBFILES ?= \"\"\nBBLAYERS = \"{}\"\n", self.oe.join("meta").display());
        setup::write_whole(&folder.join("conf/bblayers.conf"), bare.as_bytes())?;
        std::fs::copy(self.folder.join("conf/local.conf"), folder.join("conf/local.conf"))
            .with_context(|| format!("writing {}", folder.display()))?;
        if let Some(user) = &self.user {
            child::output(Command::new("chown").args(["-R", user]).arg(&folder))?;
        }
        let mut check = self.command("yocto-check-layer", "nodistro");
        check.current_dir(&folder).env("HOME", &folder).env("BUILDDIR", &folder).env("BBPATH", &folder);
        check.arg("--no-auto-dependency").arg("--dependency").args(&self.beside).arg("--").arg(&self.layer);
        self.judge("yocto-check-layer", &mut check, told)
    }

    fn judge(&self, what: &str, command: &mut Command, told: &mut Told) -> Result<()> {
        let out = command.stdin(std::process::Stdio::null()).output().with_context(|| format!("starting {what}"))?;
        let said = format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        let log = self.folder.join(format!("{}.log", what.replace(' ', "_")));
        std::fs::write(&log, &said).with_context(|| format!("writing {}", log.display()))?;
        // What is ours is told by names; that of the folder that bitbake works in is none of them.
        let at = self.folder.parent().unwrap_or(&self.folder).display().to_string();
        let findings = Findings::of(&said.replace(&at, "…"));
        let mut text = String::new();
        for line in &findings.others {
            write!(text, "\n    others': {line}")?;
        }
        for line in &findings.ours {
            write!(text, "\n    {line}")?;
        }
        if !out.status.success() {
            write!(text, "\n{}", child::tail(&said))?;
        }
        if out.status.success() && findings.ours.is_empty() {
            told.holds(format!("{what}{text}"));
        } else {
            told.fails(format!("{what} ({}; {}){text}", out.status, log.display()));
        }
        Ok(())
    }
}

fn is_root() -> Result<bool> {
    Ok(child::output(Command::new("id").arg("-u"))?.trim() == "0")
}

/// Where the recipes find the archive: the real one, or an empty one, which a dry run never opens.
fn archives(scratch: &Path) -> Result<PathBuf> {
    let folder = scratch.join("archive");
    let archive = folder.join(vendor::name());
    let real = vendor::folder().join(vendor::name());
    if real.exists() {
        std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        std::fs::copy(&real, &archive).with_context(|| format!("copying {}", real.display()))?;
    } else {
        setup::write_whole(&archive, b"stand-in\n")?;
    }
    Ok(folder)
}

/// Nothing is fetched; uninative would be, and says so.
fn local_conf(archives: &Path) -> String {
    format!(
        "MACHINE ??= \"qemuarm64\"\nDISTRO ??= \"{DISTRO}\"\nBB_NO_NETWORK = \"1\"\nCONNECTIVITY_CHECK_URIS = \"\"\nINHERIT:remove = \"uninative\"\nCAMPARI_ARCHIVE_DIR = \"{}\"\n",
        archives.display()
    )
}

/// A layer of that name with empty recipes.
fn stand_in(folder: &Path, collection: &str, recipes: &[&str], series: &str) -> Result<PathBuf> {
    let conf = format!(
        "BBPATH .= \":${{LAYERDIR}}\"\nBBFILES += \"${{LAYERDIR}}/recipes-*/*/*.bb\"\nBBFILE_COLLECTIONS += \"{collection}\"\n\
         BBFILE_PATTERN_{collection} = \"^${{LAYERDIR}}/\"\nLAYERDEPENDS_{collection} = \"core\"\nLAYERSERIES_COMPAT_{collection} = \"{series}\"\n"
    );
    setup::write_whole(&folder.join("conf/layer.conf"), conf.as_bytes())?;
    for recipe in recipes {
        let text = "SUMMARY = \"Stands in for a layer that is not at hand\"\nLICENSE = \"MIT\"\n\
                    LIC_FILES_CHKSUM = \"file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302\"\nBBCLASSEXTEND = \"native\"\n";
        setup::write_whole(
            &folder.join("recipes-stand-in").join(recipe).join(format!("{recipe}_1.bb")),
            text.as_bytes(),
        )?;
    }
    Ok(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_a_layer_of_that_name_with_the_recipes_that_are_asked_for() {
        let root = tempfile::tempdir().unwrap();
        let folder = stand_in(&root.path().join("x"), "networking-layer", &["chrony"], "wrynose").unwrap();
        let conf = std::fs::read_to_string(folder.join("conf/layer.conf")).unwrap();
        assert!(conf.contains("BBFILE_COLLECTIONS += \"networking-layer\"") && conf.contains("\"wrynose\""), "{conf}");
        assert!(folder.join("recipes-stand-in/chrony/chrony_1.bb").exists());
    }
}
