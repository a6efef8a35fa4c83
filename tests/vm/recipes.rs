//! One source of truth for what makes a system Campari's: the layer's files are installed by the layer's scripts, in bitbake's recipes and in the image of the
//! virtual machine alike. Here the scripts are run, and what they install is held against what the recipes fetch and package. bitbake itself is not run.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the recipes' words for folders are in a system whose /usr is merged.
const FOLDERS: [(&str, &str); 6] = [
    ("${nonarch_base_libdir}", "/usr/lib"),
    ("${nonarch_libdir}", "/usr/lib"),
    ("${libexecdir}", "/usr/libexec"),
    ("${systemd_system_unitdir}", "/usr/lib/systemd/system"),
    ("${systemd_unitdir}", "/usr/lib/systemd"),
    ("${UNPACKDIR}/", ""),
];

struct Recipe {
    text: String,
    files: PathBuf,
    /// What the script is given behind FILES and DESTDIR.
    folders: &'static [&'static str],
}

fn layer() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("yocto/meta-campari")
}

impl Recipe {
    fn of(path: &str, folders: &'static [&'static str]) -> Self {
        let path = layer().join(path);
        let text = std::fs::read_to_string(&path).unwrap().replace("\\\n", " ");
        Self { text, files: path.parent().unwrap().join("files"), folders }
    }

    fn all() -> [Self; 2] {
        const SYSTEM: &[&str] =
            &["/usr/lib/systemd/system", "/usr/lib", "/usr/lib/udev", "/usr/lib/systemd", "/usr/libexec"];
        [
            Self::of("recipes-campari/campari-system/campari-system_1.0.bb", SYSTEM),
            Self::of(
                "dynamic-layers/rauc/recipes-campari/campari-update/campari-update_1.0.bb",
                &["/usr/lib/systemd/system", "/usr/libexec"],
            ),
        ]
    }

    /// The words of every assignment to `name`, whatever its operator.
    fn words(&self, name: &str) -> Vec<String> {
        let lines =
            self.text.lines().filter_map(|line| line.strip_prefix(name)).filter_map(|rest| rest.split_once('='));
        let quoted = lines.filter(|(operator, _)| operator.trim().trim_matches(['+', '?', ':']).is_empty());
        let mut words: Vec<String> = Vec::new();
        for (_, value) in quoted {
            words.extend(value.trim().trim_matches('"').split_whitespace().map(str::to_owned));
        }
        for word in &mut words {
            for (name, folder) in FOLDERS {
                *word = word.replace(name, folder);
            }
        }
        words
    }

    fn installs(&self, development: bool) -> BTreeSet<String> {
        let root = tempfile::tempdir().unwrap();
        let mut script = Command::new("sh");
        script.arg(self.files.join("install.sh")).arg(&self.files).arg(root.path()).args(self.folders);
        script.env("DEVELOPMENT", if development { "yes" } else { "" });
        let output = script.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        walk(root.path()).into_iter().map(|file| format!("/{file}")).collect()
    }
}

/// Every file below `root`, as paths from it.
fn walk(root: &Path) -> BTreeSet<String> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    found
}

/// Whether a word of FILES takes a file: itself, everything below it, or one `*` within a name.
fn takes(word: &str, file: &str) -> bool {
    match word.split_once('*') {
        None => file == word || file.starts_with(&format!("{word}/")),
        Some((before, after)) => {
            file.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(|star| !star.contains('/'))
        }
    }
}

#[test]
fn every_file_of_a_recipes_folder_is_fetched_and_there_is_no_other() {
    for recipe in Recipe::all() {
        let fetched = recipe.words("SRC_URI");
        let fetched: BTreeSet<_> =
            fetched.iter().filter_map(|word| word.strip_prefix("file://")).map(str::to_owned).collect();
        assert_eq!(fetched, walk(&recipe.files), "{}", recipe.files.display());
    }
}

#[test]
fn everything_that_is_installed_is_packaged() {
    for recipe in Recipe::all() {
        let mut packaged = recipe.words("FILES:${PN}");
        packaged.extend(recipe.words("FILES:${PN}-development"));
        packaged
            .extend(recipe.words("SYSTEMD_SERVICE:${PN}").iter().map(|unit| format!("/usr/lib/systemd/system/{unit}")));
        let installed = recipe.installs(true);
        assert!(!installed.is_empty());
        for file in installed {
            assert!(
                packaged.iter().any(|word| takes(word, &file)),
                "{file} is in no package of {}",
                recipe.files.display()
            );
        }
    }
}

#[test]
fn what_only_the_development_image_has_is_a_package_of_its_own() {
    let [system, update] = Recipe::all();
    assert_eq!(update.installs(true), update.installs(false));
    let own = system.words("FILES:${PN}-development");
    let (with, without) = (system.installs(true), system.installs(false));
    assert!(without.is_subset(&with));
    assert!(with.len() > without.len());
    for file in &with {
        let is_own = own.iter().any(|word| takes(word, file));
        assert_eq!(is_own, !without.contains(file), "{file}");
    }
}

#[test]
fn a_unit_that_is_enabled_is_installed() {
    for recipe in Recipe::all() {
        let installed = recipe.installs(false);
        let units = recipe.words("SYSTEMD_SERVICE:${PN}");
        assert!(!units.is_empty());
        for unit in units {
            assert!(installed.contains(&format!("/usr/lib/systemd/system/{unit}")), "{unit}");
        }
    }
}

#[test]
fn recipe_and_virtual_machine_call_the_same_scripts() {
    let image = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("vm/image/campari.sh")).unwrap();
    for (recipe, script) in Recipe::all().iter().zip(["campari-system", "campari-update"]) {
        assert!(recipe.text.contains("install.sh ${UNPACKDIR} ${D}"), "{script}");
        assert!(image.contains(&format!("{script}/files/install.sh")), "{script}");
    }
    let class = std::fs::read_to_string(layer().join("classes-recipe/campari_image.bbclass")).unwrap();
    for script in ["harden.sh", "no-login.sh"] {
        assert!(image.contains(script), "{script}");
        assert!(class.contains(script), "{script}");
    }
}
