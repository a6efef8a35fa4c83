//! Every board has the profile that its file states; what cannot be meant is refused with words.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use board_profile::{Bias, EncoderKind, EncoderOrder, Line, On, PinsProfile, Profile, Setting};
use contract::{Filter, FilterRates};
use std::time::Duration;

const OWN: &str = "name = \"roof\"\ndescription = \"ours\"\n[detector]\nsetting = \"light\"\nthreads = 2\n";

fn refused(text: &str) -> String {
    Profile::parse("roof.toml", text).unwrap_err().to_string()
}

#[test]
fn every_file_in_the_folder_is_built_in_under_its_own_name() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../profiles");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let mut built_in: Vec<_> = Profile::built_in().unwrap().into_iter().map(|profile| profile.name + ".toml").collect();
    built_in.sort();
    assert_eq!(files, built_in);
}

#[test]
fn each_board_gets_the_network_that_it_can_afford() {
    for (name, setting) in
        [("rk3588", Setting::Full), ("rk3568", Setting::Fast), ("rv1126b", Setting::Light), ("desktop", Setting::Fast)]
    {
        let profile = Profile::open(name).unwrap();
        assert_eq!((profile.name.as_str(), profile.detector.setting), (name, setting));
    }
}

#[test]
fn each_board_states_a_rate_for_every_filter_and_a_lower_one_for_silhouette() {
    for profile in Profile::built_in().unwrap() {
        let rate = |filter| profile.fps.of(filter).unwrap_or_else(|| panic!("{}: {filter}", profile.name));
        assert!(Filter::ALL.into_iter().all(|filter| (1..=30).contains(&rate(filter))), "{}", profile.name);
        assert!(rate(Filter::Silhouette) < rate(Filter::Fill), "{}", profile.name);
    }
    assert_eq!(Profile::parse("roof", OWN).unwrap().fps, FilterRates::default(), "one's own need not");
}

#[test]
fn a_board_is_known_by_its_device_tree() {
    for (compatible, name) in [
        ("radxa,rock-5b\0rockchip,rk3588\0", "rk3588"),
        ("xunlong,orangepi-5\0rockchip,rk3588s\0", "rk3588"),
        ("firefly,rk3568-roc-pc\0rockchip,rk3568\0", "rk3568"),
        ("rockchip,rv1126b-evb1-v10\0rockchip,rv1126b\0", "rv1126b"),
        ("rockchip,rv1126b", "rv1126b"),
    ] {
        assert_eq!(Profile::of_compatible(compatible.as_bytes()).unwrap().unwrap().name, name);
    }
    // A part of a name is another board: the RV1126 has other cores.
    for compatible in [&b""[..], b"\0\0", b"rockchip,rv1126\0", b"rockchip,rk3588-x\0", b"\xff\xfe\0"] {
        assert_eq!(Profile::of_compatible(compatible).unwrap(), None);
    }
}

#[test]
fn what_no_profile_names_is_a_desktop() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("compatible");
    assert_eq!(Profile::of_this_board(&tree).unwrap().name, "desktop");
    std::fs::write(&tree, "raspberrypi,5-model-b\0brcm,bcm2712\0").unwrap();
    assert_eq!(Profile::of_this_board(&tree).unwrap().name, "desktop");
    std::fs::write(&tree, "radxa,e25\0rockchip,rk3568\0").unwrap();
    assert_eq!(Profile::of_this_board(&tree).unwrap().name, "rk3568");
}

#[test]
fn a_file_of_ones_own_is_taken_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roof.toml");
    std::fs::write(&file, OWN).unwrap();
    let profile = Profile::open(file.to_str().unwrap()).unwrap();
    assert_eq!((profile.name.as_str(), profile.detector.threads), ("roof", 2));
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_is_allowed() {
    let cases = [
        (OWN.replace("threads", "thread"), vec!["roof.toml", "line 5", "thread", "threads"]),
        (OWN.replace("light", "lite"), vec!["line 4", "lite", "full", "fast", "light"]),
        (OWN.replace('2', "0"), vec!["roof.toml", "detector.threads = 0", "1 to 8"]),
        (OWN.replace('2', "9"), vec!["detector.threads = 9", "1 to 8"]),
        (OWN.replace("setting = \"light\"\n", ""), vec!["setting"]),
        (format!("colour = 1\n{OWN}"), vec!["line 1", "colour", "description"]),
        (format!("{OWN}[fps]\nsilhouette = 0\n"), vec!["line 7", "silhouette = 0"]),
        (format!("{OWN}[fps]\nblur = 25\n"), vec!["line 7", "blur", "silhouette"]),
    ];
    for (text, words) in cases {
        let error = refused(&text);
        for word in words {
            assert!(error.contains(word), "{word} is missing in: {error}");
        }
    }
}

#[test]
fn pins_are_stated_by_name_or_by_chip_and_number() {
    let text = format!(
        "{OWN}[pins]\nprivacy_switch = {{ line = \"privacy\", on = \"low\", bias = \"pull-up\" }}\nwiper = {{ chip = \"gpiochip1\", offset = 7 }}\n[watchdog]\ndevice = \"/dev/watchdog0\"\n"
    );
    let profile = Profile::parse("roof", &text).unwrap();
    let switch = profile.pins.privacy_switch.clone().unwrap();
    assert_eq!((switch.at, switch.on, switch.bias), (Line::Named("privacy".into()), On::Low, Some(Bias::PullUp)));
    let wiper = profile.pins.wiper.clone().unwrap();
    assert_eq!((wiper.at, wiper.on), (Line::Numbered { chip: "gpiochip1".into(), offset: 7 }, On::High));
    assert_eq!(profile.watchdog.unwrap().timeout_s, 20);
    let names = |pins: &PinsProfile| -> Vec<_> { pins.inputs().chain(pins.outputs()).map(|(name, _)| name).collect() };
    assert_eq!(names(&profile.pins), ["privacy_switch", "wiper"]);
    let own = PinsProfile { tamper: profile.pins.wiper.clone(), ..PinsProfile::default() };
    assert_eq!(names(&own.or(profile.pins)), ["privacy_switch", "tamper", "wiper"]);
}

#[test]
fn pins_that_cannot_be_meant_are_refused_with_their_line() {
    let with = |pins: &str| refused(&format!("{OWN}[pins]\n{pins}\n"));
    for (pins, words) in [
        ("siren = { line = \"x\" }", vec!["line 7", "siren", "privacy_switch"]),
        ("tamper = { line = \"x\", chip = \"y\" }", vec!["line 7", "`line`", "`chip` and `offset`"]),
        ("tamper = { chip = \"y\" }", vec!["line 7", "`chip` and `offset`"]),
        ("tamper = { line = \"\" }", vec!["line 7", "`line`"]),
        ("tamper = { line = \"x\", on = \"up\" }", vec!["line 7", "up", "high", "low"]),
        ("tamper = { line = \"x\", level = 1 }", vec!["line 7", "level", "offset"]),
        ("tamper = { chip = \"y\", offset = -1 }", vec!["line 7", "-1"]),
        ("[watchdog]\ndevice = \"x\"\ntimeout_s = 1", vec!["line 9", "1 seconds", "3 to 120"]),
    ] {
        let error = with(pins);
        for word in words {
            assert!(error.contains(word), "{word} is missing in: {error}");
        }
    }
}

#[test]
fn each_board_states_camera_and_encoder_and_what_a_frame_may_cost() {
    for (name, size, wait_ms) in [
        ("rk3588", (1920, 1080, 25), 33),
        ("rk3568", (1920, 1080, 15), 55),
        ("rv1126b", (1280, 720, 15), 55),
        ("desktop", (1920, 1080, 25), 35),
    ] {
        let profile = Profile::open(name).unwrap();
        let (camera, budget) = (profile.camera.clone().unwrap(), profile.budget.unwrap());
        assert_eq!((camera.width, camera.height, camera.fps), size, "{name}");
        let interval = board_profile::interval_ms(&camera);
        assert!(budget.besides_ms() < interval && budget.encode_ms < interval, "{name}: {budget:?} in {interval}");
        // What is left for the detector, so that the camera's rate is held.
        assert_eq!(profile.wait(), Some(Duration::from_millis(wait_ms)), "{name}");
    }
    let vm = Profile::open("vm").unwrap();
    assert_eq!((vm.wait(), vm.camera.unwrap().names), (None, vec!["vivid-000-vid-cap".to_owned()]));
}

#[test]
fn detections_a_second_are_those_of_the_camera_or_what_the_detector_can_do() {
    let rate = |name| {
        let profile = Profile::open(name).unwrap();
        profile.budget.unwrap().detections_per_s(&profile.camera.unwrap())
    };
    assert!((18.0..20.0).contains(&rate("rk3588")), "{}", rate("rk3588"));
    assert!((rate("desktop") - 25.0).abs() < 0.01, "{}", rate("desktop"));
}

#[test]
fn a_budget_needs_a_camera_and_sane_milliseconds() {
    let camera = "[camera]\nwidth = 640\nheight = 360\nfps = 10\n";
    let budget = "[budget]\ncapture_ms = 1\nprepare_ms = 1\ninfer_ms = 1\ndecode_ms = 1\nmask_ms = 1\nencode_ms = 1\n";
    assert!(Profile::parse("roof.toml", &format!("{OWN}{camera}{budget}")).is_ok());
    let error = refused(&format!("{OWN}{budget}"));
    assert!(error.contains("roof.toml") && error.contains("[camera]"), "{error}");
    let error = refused(&format!("{OWN}{camera}{}", budget.replace("mask_ms = 1", "mask_ms = nan")));
    assert!(error.contains("budget.mask_ms = NaN"), "{error}");
    let error = refused(&format!("{OWN}{camera}{}", budget.replace("mask_ms = 1\n", "")));
    assert!(error.contains("mask_ms"), "{error}");
}

#[test]
fn an_unknown_name_is_answered_with_those_that_there_are() {
    let error = Profile::open("rk3399").unwrap_err().to_string();
    for word in ["rk3399", "rk3588", "rk3568", "rv1126b", "desktop", "path"] {
        assert!(error.contains(word), "{word} is missing in: {error}");
    }
    let error = Profile::open("./gone.toml").unwrap_err().to_string();
    assert!(error.contains("./gone.toml") && error.contains("No such file"), "{error}");
}

#[test]
fn rockchip_boards_encode_in_hardware_and_others_in_what_there_is() {
    for name in ["rk3588", "rk3568", "rv1126b"] {
        assert_eq!(Profile::open(name).unwrap().encoder.kind.kinds()[0], EncoderKind::Mpp, "{name}");
    }
    assert_eq!(Profile::desktop().unwrap().encoder.kind, EncoderOrder::default());
    assert_eq!(Profile::parse("roof.toml", OWN).unwrap().encoder.kind, EncoderOrder::default(), "not stated");
}

#[test]
fn encoders_are_one_kind_a_list_or_auto_and_nothing_else() {
    let kinds = |kind: &str| {
        Profile::parse("roof.toml", &format!("{OWN}[encoder]\nkind = {kind}\n"))
            .map(|profile| profile.encoder.kind.to_string())
    };
    assert_eq!(kinds("\"auto\"").unwrap(), "mpp, v4l2-m2m, software");
    assert_eq!(kinds("\"software\"").unwrap(), "software");
    assert_eq!(kinds("[\"v4l2-m2m\", \"mpp\"]").unwrap(), "v4l2-m2m, mpp");
    for (bad, says) in [
        ("\"nvenc\"", "v4l2-m2m"),
        ("[]", "at least one"),
        ("[\"mpp\", \"mpp\"]", "mpp twice"),
        ("[\"auto\"]", "list"),
        ("1", "auto"),
    ] {
        let error = kinds(bad).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("line 7"), "{bad}: {error}");
    }
}
