//! Which layers there are, which of those that ours depends on are not, and for which machines images can be planned.

use super::{Options, Told, absolute};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Layers that ours depends on: the collection, and what our recipes take from it. Where a layer is not at hand, empty recipes of these names stand in, so
/// that the rest can still be read; the check then never ends with 0. meta-rockchip appends to glmark2 and v4l-utils.
const NEEDED: &[(&str, &[&str])] =
    &[("openembedded-layer", &["cryptsetup", "glmark2", "v4l-utils"]), ("networking-layer", &["chrony", "nftables"])];
/// Layers that the images want, without which they are planned with less.
const WANTED: &[&str] = &["rauc"];
/// Machines, and the collection that brings them.
const MACHINES: &[(&str, &str)] =
    &[("qemuarm64", "core"), ("rockchip-rk3588-evb", "rockchip"), ("rockchip-rk3568-evb", "rockchip")];

/// A layer as its layer.conf describes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) folder: PathBuf,
    pub(super) collection: String,
    compatible: Vec<String>,
}

/// What is read, and for whom images are planned.
pub(super) struct Plan {
    /// The release's name, as openembedded-core gives it.
    pub(super) series: String,
    pub(super) layers: Vec<Layer>,
    pub(super) stand_ins: Vec<(&'static str, &'static [&'static str])>,
    pub(super) machines: Vec<&'static str>,
}

impl Plan {
    pub(super) fn of(options: &Options, told: &mut Told) -> Result<Self> {
        let meta = absolute(&options.oe.join("meta"))?;
        let conf =
            std::fs::read_to_string(meta.join("conf/layer.conf")).context("reading openembedded-core's layer.conf")?;
        let series =
            value(&conf, "LAYERSERIES_CORENAMES").context("openembedded-core's layer.conf names no release")?;
        let mut layers = Vec::new();
        for folder in &options.layers {
            layers.extend(found_in(&absolute(folder)?)?);
        }
        for layer in &layers {
            if !layer.compatible.contains(&series) {
                bail!(
                    "{} is for {}, openembedded-core is {series}; give those of one release",
                    layer.folder.display(),
                    layer.compatible.join(" ")
                );
            }
        }
        let here = |collection: &str| collection == "core" || layers.iter().any(|layer| layer.collection == collection);
        let stand_ins: Vec<_> = NEEDED.iter().filter(|(collection, _)| !here(collection)).copied().collect();
        for (collection, recipes) in &stand_ins {
            told.not_checked(format!(
                "{collection} is not at hand; empty recipes stand in for its {}",
                recipes.join(", ")
            ));
        }
        for collection in WANTED.iter().filter(|collection| !here(collection)) {
            told.not_checked(format!("{collection} is not at hand: images without it, and no bundle"));
        }
        if let Some(unknown) = options.machines.iter().find(|name| MACHINES.iter().all(|(machine, _)| machine != name))
        {
            let known: Vec<&str> = MACHINES.iter().map(|(machine, _)| *machine).collect();
            bail!("--machines: {unknown} is none of {}", known.join(", "));
        }
        let asked = |machine: &str| options.machines.is_empty() || options.machines.iter().any(|name| name == machine);
        for (machine, _) in MACHINES.iter().filter(|(machine, _)| !asked(machine)) {
            told.not_checked(format!("{machine}: not asked for (--machines)"));
        }
        let (machines, absent): (Vec<_>, Vec<_>) = MACHINES
            .iter()
            .copied()
            .filter(|(machine, _)| asked(machine))
            .partition(|(_, collection)| here(collection));
        for (machine, collection) in absent {
            told.not_checked(format!("{machine}: its layer {collection} is not at hand"));
        }
        Ok(Self { series, layers, stand_ins, machines: machines.into_iter().map(|(machine, _)| machine).collect() })
    }

    /// Whether that layer is among them.
    pub(super) fn has(&self, collection: &str) -> bool {
        self.layers.iter().any(|layer| layer.collection == collection)
    }
}

/// The layer in a folder, or the layers in the folders below it that ours can use.
fn found_in(folder: &Path) -> Result<Vec<Layer>> {
    if folder.join("conf/layer.conf").exists() {
        return Ok(vec![read(folder)?]);
    }
    let mut layers = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?.flatten() {
        if entry.path().join("conf/layer.conf").exists() {
            layers.push(read(&entry.path())?);
        }
    }
    if layers.is_empty() {
        bail!("{} is no layer and holds none (conf/layer.conf)", folder.display());
    }
    // Others of such a collection would want layers of their own; meta-python is what networking-layer wants.
    let of_use = ["openembedded-layer", "meta-python", "networking-layer", "rauc", "rockchip"];
    layers.retain(|layer| of_use.contains(&layer.collection.as_str()));
    layers.sort_by(|a, b| a.folder.cmp(&b.folder));
    Ok(layers)
}

fn read(folder: &Path) -> Result<Layer> {
    let file = folder.join("conf/layer.conf");
    let conf = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let collection =
        value(&conf, "BBFILE_COLLECTIONS").with_context(|| format!("{} names no collection", file.display()))?;
    let compatible = value(&conf, &format!("LAYERSERIES_COMPAT_{collection}")).unwrap_or_default();
    let compatible = compatible.split_whitespace().map(str::to_owned).collect();
    Ok(Layer { folder: folder.to_owned(), collection, compatible })
}

/// The text that a variable of a layer.conf is set to, in one line and in quotes.
fn value(conf: &str, variable: &str) -> Option<String> {
    let rest = conf
        .lines()
        .find_map(|line| line.trim().strip_prefix(variable).filter(|rest| rest.starts_with([' ', '+', '=', '?'])))?;
    Some(rest.split('"').nth(1)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(root: &Path, name: &str, conf: &str) {
        std::fs::create_dir_all(root.join(name).join("conf")).unwrap();
        std::fs::write(root.join(name).join("conf/layer.conf"), conf).unwrap();
    }

    fn oe(root: &Path) -> Options {
        layer(&root.join("oe"), "meta", "LAYERSERIES_CORENAMES = \"wrynose\"\n");
        Options { oe: root.join("oe"), ..Options::default() }
    }

    #[test]
    fn without_further_layers_stand_ins_are_made_and_the_rest_is_named() {
        let root = tempfile::tempdir().unwrap();
        let mut told = Told::default();
        let plan = Plan::of(&oe(root.path()), &mut told).unwrap();
        assert_eq!((plan.series.as_str(), plan.machines.as_slice()), ("wrynose", ["qemuarm64"].as_slice()));
        assert_eq!(plan.stand_ins.len(), NEEDED.len());
        let text = told.lines.join("\n");
        assert!(text.contains("chrony") && text.contains("rauc") && text.contains("rockchip-rk3588-evb"), "{text}");
        assert_eq!(told.verdict(), 2);
    }

    #[test]
    fn a_folder_of_layers_gives_those_that_are_of_use_and_brings_its_machines() {
        let root = tempfile::tempdir().unwrap();
        let conf = |name: &str| {
            format!("BBFILE_COLLECTIONS += \"{name}\"\nLAYERSERIES_COMPAT_{name} = \"whinlatter wrynose\"\n")
        };
        layer(&root.path().join("all"), "meta-oe", &conf("openembedded-layer"));
        layer(&root.path().join("all"), "meta-xfce", &conf("xfce-layer"));
        layer(root.path(), "meta-rockchip", &conf("rockchip"));
        let layers = vec![root.path().join("all"), root.path().join("meta-rockchip")];
        let plan = Plan::of(&Options { layers, ..oe(root.path()) }, &mut Told::default()).unwrap();
        assert!(plan.has("openembedded-layer") && !plan.has("xfce-layer") && plan.machines.len() == MACHINES.len());
        assert_eq!(plan.stand_ins.iter().map(|(collection, _)| *collection).collect::<Vec<_>>(), ["networking-layer"]);
    }

    #[test]
    fn a_machine_that_is_not_asked_for_is_told_as_not_checked() {
        let root = tempfile::tempdir().unwrap();
        let mut told = Told::default();
        let options = Options { machines: vec!["rockchip-rk3588-evb".into()], ..oe(root.path()) };
        let plan = Plan::of(&options, &mut told).unwrap();
        assert!(plan.machines.is_empty() && told.verdict() == 2);
        assert!(told.lines.iter().any(|line| line.contains("qemuarm64: not asked for")), "{:?}", told.lines);
        let options = Options { machines: vec!["rk3599".into()], ..oe(root.path()) };
        let text = Plan::of(&options, &mut told).err().map(|error| error.to_string()).unwrap();
        assert!(text.contains("rk3599") && text.contains("qemuarm64"), "{text}");
    }

    #[test]
    fn layers_of_another_release_are_refused() {
        let root = tempfile::tempdir().unwrap();
        layer(root.path(), "old", "BBFILE_COLLECTIONS += \"rauc\"\nLAYERSERIES_COMPAT_rauc = \"scarthgap\"\n");
        let options = Options { layers: vec![root.path().join("old")], ..oe(root.path()) };
        let text = Plan::of(&options, &mut Told::default()).err().map(|error| error.to_string()).unwrap();
        assert!(text.contains("scarthgap") && text.contains("wrynose"), "{text}");
    }
}
