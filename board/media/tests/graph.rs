//! What a profile names is found in a graph, or it is said what there is instead.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use board_media::check_at;
use board_media::topology::{Entity, Link, Pad, Topology};
use board_profile::{IspProfile, MediaLink};

/// Sensor → receiver → two captures, as small as a graph can be that has a choice.
fn graph() -> Topology {
    let entity = |id, name: &str| Entity { id, name: name.to_owned(), node: Some((81, id)) };
    let pad = |id, entity, index| Pad { id, entity, index };
    let link = |source, sink, enabled| Link { source, sink, enabled, immutable: false };
    Topology {
        entities: vec![entity(1, "imx415 2-001a"), entity(2, "csi2"), entity(3, "main"), entity(4, "raw")],
        pads: vec![pad(11, 1, 0), pad(21, 2, 0), pad(22, 2, 1), pad(31, 3, 0), pad(41, 4, 0)],
        links: vec![link(11, 21, true), link(22, 31, false), link(22, 41, true)],
    }
}

fn link(from: &str, from_pad: u16, to: &str, to_pad: u16) -> MediaLink {
    MediaLink { from: from.to_owned(), from_pad, to: to.to_owned(), to_pad, enabled: true }
}

#[test]
fn a_link_is_found_by_the_names_and_pads_of_both_ends() {
    let found = graph().link(&link("csi2", 1, "main", 0)).unwrap();
    assert_eq!((found.source.id, found.sink.id, found.link.enabled), (22, 31, false));
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let error = graph().link(&link("imx219", 0, "csi2", 0)).unwrap_err();
    assert!(error.contains("no entity \"imx219\"") && error.contains("imx415 2-001a, csi2"), "{error}");
    let error = graph().link(&link("csi2", 0, "main", 0)).unwrap_err();
    assert!(error.contains("1 -> \"main\":0, 1 -> \"raw\":0"), "{error}");
    assert!(graph().link(&link("main", 0, "raw", 0)).unwrap_err().contains("none"));
    assert!(Topology::default().entity("x").unwrap_err().contains("none"));
}

const ISP: &str = r#"
[media]
device = "rkisp0-vir0"
links = [{ from = "imx415 2-001a", from_pad = 0, to = "csi2", to_pad = 0 }]
formats = [{ entity = "csi2", pad = 0, code = 0x300f, width = 3864, height = 2192, crop = { left = 12, top = 16, width = 3840, height = 2160 } }]
[tuning]
process = "rkaiq_3A_server"
files = "/etc/iqfiles"
sensor = "imx415"
"#;

#[test]
fn a_profile_says_graph_and_who_tunes_the_picture() {
    let camera: IspProfile = toml::from_str(ISP).unwrap();
    let graph = camera.media.unwrap();
    assert!(graph.links[0].enabled);
    assert_eq!((graph.formats[0].code, graph.formats[0].crop.unwrap().width), (0x300f, 3840));
    for (from, to, says) in [("from_pad", "frompad", "frompad"), ("process", "programme", "programme")] {
        let error = toml::from_str::<IspProfile>(&ISP.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn without_the_service_or_its_files_the_check_says_which_and_what_to_do() {
    let camera: IspProfile = toml::from_str(ISP).unwrap();
    let root = tempfile::tempdir().unwrap();
    let make = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let failed = || -> Vec<String> {
        check_at(root.path(), &camera).into_iter().filter_map(|finding| finding.result.err()).collect()
    };
    let all = failed();
    assert_eq!(all.len(), 2);
    assert!(all[0].contains("dark and green"), "{all:?}");
    assert!(all[1].contains("/etc/iqfiles: No such file"), "{all:?}");
    make("proc/7/comm", "rkaiq_3A_serve\n");
    make("etc/iqfiles/imx219_x.json", "");
    assert!(failed()[0].contains("does not run"), "another program\'s name is not it");
    assert!(failed()[1].contains("no file for the sensor imx415"));
    make("proc/8/comm", "rkaiq_3A_server\n");
    make("etc/iqfiles/imx415_CMK-OT2022-PX1_IR0147-50IRC-8M-F20.json", "");
    assert_eq!(failed(), [""; 0]);
}
