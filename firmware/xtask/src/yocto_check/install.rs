//! bitbake runs recipes that compile nothing, to the end of do_install: fetched, unpacked and installed for real, each by itself. A dry run does not execute a
//! line of what a recipe does.
//!
//! Left out: pseudo (nothing is asked about who owns a file), and packages, for which bitbake would have to build programs first.

use super::Told;
use super::bitbake::Build;
use crate::{child, setup};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Recipes of the layer, from its folder, and what each must install at least.
const RECIPES: &[(&str, &[&str])] = &[
    ("recipes-campari/campari-config/campari-config_1.0.bb", &["etc/campari/eye.toml", "etc/campari/voice.toml"]),
    (
        "recipes-campari/campari-system/campari-system_1.0.bb",
        &["usr/lib/systemd/system/campari-eye.service", "usr/lib/sysusers.d/campari.conf"],
    ),
];
const RAUC_RECIPES: &[(&str, &[&str])] = &[(
    "dynamic-layers/rauc/recipes-campari/campari-update/campari-update_1.0.bb",
    &["usr/libexec/campari/mark-good", "usr/lib/systemd/system/campari-mark-good.service"],
)];
/// meta-rauc's recipe with our append. bitbake applies no append to a recipe that it is given as a file, so that a recipe is written that has both.
const APPENDED: &str = "rauc-conf";
const CLASS: &str = "campari-check-install";
const CONF: &str = "conf/install.conf";
const APPEND: &str = "dynamic-layers/rauc/recipes-core/rauc";

impl Build {
    /// Installs them for that machine.
    pub(super) fn install(&self, machine: &str, rauc: bool, told: &mut Told) -> Result<()> {
        eprintln!("bitbake installs what need not be compiled, for {machine} …");
        let recipes = RECIPES.iter().chain(if rauc { RAUC_RECIPES } else { &[] });
        for (recipe, files) in recipes {
            self.install_one(machine, &self.layer().join(recipe), files, told)?;
        }
        if rauc {
            // In the layer, which bitbake wants of a recipe, and where the layer's BBFILES do not look.
            let recipe = self.layer().join(format!("check/{APPENDED}.bb"));
            write_appended(self.layer(), &recipe)?;
            self.install_one(machine, &recipe, &[], told)?;
            judge_rauc(&self.work(APPENDED)?, told)?;
        }
        Ok(())
    }

    fn install_one(&self, machine: &str, recipe: &Path, files: &[&str], told: &mut Told) -> Result<()> {
        let name = recipe.file_stem().context("a recipe has a name")?.to_string_lossy().into_owned();
        let name = name.split('_').next().unwrap_or(&name).to_owned();
        let what = format!("bitbake -c install {name} for {machine}");
        for old in self.left("work", &name)?.into_iter().chain(self.left("stamps", &name)?) {
            std::fs::remove_dir_all(&old).with_context(|| format!("removing {}", old.display()))?;
        }
        let mut bitbake = self.bitbake_for(machine);
        bitbake.arg("-R").arg(self.folder().join(CONF)).arg("-b").arg(recipe).args(["-c", "install"]);
        let out = bitbake.stdin(std::process::Stdio::null()).output().with_context(|| format!("starting {what}"))?;
        let said = format!("{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        if !out.status.success() {
            told.fails(format!("{what} ({})\n{}", out.status, child::tail(&said)));
            return Ok(());
        }
        let image = self.work(&name)?;
        match files.iter().find(|file| !image.join(file).exists()) {
            Some(file) => told.fails(format!("{what}: no {file} below {}", image.display())),
            None => told.holds(what),
        }
        Ok(())
    }

    /// What a recipe installed.
    fn work(&self, name: &str) -> Result<PathBuf> {
        let found = self
            .left("work", name)?
            .into_iter()
            .flat_map(|work| folders(&work).unwrap_or_default())
            .map(|work| work.join("image"))
            .find(|image| image.is_dir());
        found.with_context(|| format!("bitbake left nothing of {name}"))
    }

    /// A recipe's folders in tmp/work or tmp/stamps: one for each architecture that it was built for.
    fn left(&self, kind: &str, name: &str) -> Result<Vec<PathBuf>> {
        let all = folders(&self.folder().join("tmp").join(kind))?;
        Ok(all.into_iter().map(|architecture| architecture.join(name)).filter(|folder| folder.is_dir()).collect())
    }
}

fn folders(of: &Path) -> Result<Vec<PathBuf>> {
    if !of.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(of).with_context(|| format!("reading {}", of.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

/// A recipe that is meta-rauc's and then our append, which bitbake takes for an include under another name.
fn write_appended(layer: &Path, recipe: &Path) -> Result<()> {
    let append = layer.join(APPEND);
    let text = std::fs::read_to_string(append.join(format!("{APPENDED}.bbappend"))).context("reading the append")?;
    let text = text.replace("${THISDIR}", &append.display().to_string());
    let folder = recipe.parent().context("a recipe lies in a folder")?;
    setup::write_whole(&folder.join("append.inc"), text.as_bytes())?;
    setup::write_whole(recipe, format!("require recipes-core/rauc/{APPENDED}.bb\nrequire append.inc\n").as_bytes())
}

/// The board's system.conf: nothing is left to be filled in, and the keyring is where it says.
fn judge_rauc(image: &Path, told: &mut Told) -> Result<()> {
    let folder = ["usr/lib/rauc", "etc/rauc"].map(|folder| image.join(folder));
    let conf = folder.iter().map(|folder| folder.join("system.conf")).find(|conf| conf.exists());
    let conf = conf.context("rauc-conf installed no system.conf")?;
    let text = std::fs::read_to_string(&conf).with_context(|| format!("reading {}", conf.display()))?;
    match wrong_with(&text, image) {
        Some(wrong) => told.fails(format!("{}: {wrong}", conf.display())),
        None => told.holds("RAUC's system.conf, as installed: filled in, and its keyring is where it says"),
    }
    Ok(())
}

fn wrong_with(conf: &str, image: &Path) -> Option<String> {
    let lines = || conf.lines().filter(|line| !line.starts_with('#'));
    if let Some(line) = lines().find(|line| line.contains('@')) {
        return Some(format!("`{line}` is not filled in"));
    }
    let value = |key: &str| lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let Some(keyring) = value("path") else { return Some("no keyring".into()) };
    if !image.join(keyring.trim_start_matches('/')).exists() {
        return Some(format!("there is no keyring {keyring}"));
    }
    // RAUC switches slots with fw_setenv, which asks this file where the counters are.
    if value("bootloader") == Some("uboot") && !image.join("etc/fw_env.config").exists() {
        return Some("U-Boot, but no etc/fw_env.config".into());
    }
    None
}

/// What bitbake reads behind its configuration: recipes run without pseudo, which it would have to build.
pub(super) fn write_conf(build: &Path) -> Result<()> {
    let class = "python () {\n    for task in (\"do_install\", \"do_package\", \"do_package_qa\"):\n        d.delVarFlag(task, \"fakeroot\")\n}\n";
    setup::write_whole(&build.join(format!("classes/{CLASS}.bbclass")), class.as_bytes())?;
    setup::write_whole(&build.join(CONF), format!("INHERIT += \"{CLASS}\"\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    #[test]
    fn a_system_conf_that_is_not_whole_is_said_to_be() {
        let image = tempfile::tempdir().unwrap();
        let conf = "# @MARK@\n[system]\nbootloader=uboot\n[keyring]\npath=/etc/rauc/ca.pem\n";
        assert!(wrong_with(&conf.replace("uboot", "@BOOTLOADER@"), image.path()).unwrap().contains("@BOOTLOADER@"));
        assert!(wrong_with(conf, image.path()).unwrap().contains("/etc/rauc/ca.pem"));
        std::fs::create_dir_all(image.path().join("etc/rauc")).unwrap();
        std::fs::write(image.path().join("etc/rauc/ca.pem"), "x").unwrap();
        assert!(wrong_with(conf, image.path()).unwrap().contains("fw_env.config"));
        assert_eq!(wrong_with(&conf.replace("uboot", "noop"), image.path()), None);
        std::fs::write(image.path().join("etc/fw_env.config"), "x").unwrap();
        assert_eq!(wrong_with(conf, image.path()), None);
    }

    #[test]
    fn every_recipe_that_is_to_be_installed_exists() {
        let layer = workspace::root().join("yocto/meta-campari");
        for (recipe, _) in RECIPES.iter().chain(RAUC_RECIPES) {
            assert!(layer.join(recipe).exists(), "{recipe}");
        }
        assert!(layer.join(APPEND).join(format!("{APPENDED}.bbappend")).exists());
    }
}
