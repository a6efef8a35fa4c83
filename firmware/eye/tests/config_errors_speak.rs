//! A configuration that cannot be used is refused with file, line and what is allowed.
#![allow(clippy::unwrap_used)] // a helper that fails fails the test

use contract::Filter;
use eye::config::{Config, ConfigError};

const GOOD: &str = r#"
site = "almere"
camera = "613"

[source]
kind = "clip"
file = "scene.mp4"
loop = true

[detector]
manifest = "models/manifest.toml"

[link]
socket = "eye.sock"

[state]
dir = "state"

[policy]
roots = [{ kid = "a", x = "AA" }, { kid = "b", x = "BB" }]
"#;

fn error(text: &str) -> String {
    Config::parse("eye.toml", text).unwrap_err().to_string()
}

#[test]
fn a_good_file_is_read_and_defaults_are_filled_in() {
    let config = Config::parse("eye.toml", GOOD).unwrap();
    assert_eq!((config.setting(), config.threads()), ("fast", 1));
    assert_eq!(config.encoder.bitrate_kbps, 4_000);
    assert!(!config.clock.assume_synchronised);
}

#[test]
fn an_unknown_key_is_named_with_file_line_and_what_is_allowed() {
    let text = GOOD.replace("[detector]", "[detector]\nthreshold = 0.1");
    let error = error(&text);
    for part in ["eye.toml", "line 11", "threshold", "manifest", "setting"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
}

#[test]
fn a_frame_waits_for_the_detector_as_long_as_the_budget_leaves_unless_the_file_says_otherwise() {
    let wait = |profile: &str, detector: &str| {
        let text = GOOD
            .replace("camera =", &format!("{profile}\ncamera ="))
            .replace("[detector]", &format!("[detector]\n{detector}"));
        Config::parse("eye.toml", &text).unwrap().wait().as_millis()
    };
    assert_eq!(wait("", ""), 80);
    assert_eq!(wait("profile = \"rk3588\"", ""), 33);
    assert_eq!(wait("profile = \"rk3588\"", "wait_ms = 60"), 60);
    assert_eq!(wait("profile = \"vm\"", ""), 80);
}

#[test]
fn pins_and_watchdog_of_the_file_come_before_the_profiles() {
    let text = GOOD.replace("camera =", "profile = \"rk3588\"\ncamera =");
    let config = Config::parse("eye.toml", &text).unwrap();
    assert_eq!(config.watchdog().unwrap().device.to_str(), Some("/dev/watchdog0"));
    assert_eq!((config.cores(), config.pins().inputs().count()), (&[4, 5, 6, 7][..], 0));
    let own = "[watchdog]\ndevice = \"/dev/watchdog1\"\n[pins]\ntamper = { line = \"lid\" }\n[detector]\ncores = [0]\n";
    let config = Config::parse("eye.toml", &text.replace("[detector]\n", own)).unwrap();
    assert_eq!(config.watchdog().unwrap().device.to_str(), Some("/dev/watchdog1"));
    assert_eq!((config.cores(), config.pins().inputs().count()), (&[0][..], 1));
    let error = error(&text.replace("[detector]\n", "[pins]\nsiren = { line = \"x\" }\n[detector]\n"));
    assert!(error.contains("siren") && error.contains("line 12"), "{error}");
}

#[test]
fn a_profile_gives_what_the_file_does_not_state() {
    let with = |profile: &str, detector: &str| {
        let text = GOOD.replace("camera =", &format!("profile = {profile:?}\ncamera ="));
        Config::parse("eye.toml", &text.replace("[detector]", &format!("[detector]\n{detector}"))).unwrap()
    };
    let chosen = |config: &Config| (config.setting().to_owned(), config.threads());
    assert_eq!(chosen(&with("rk3588", "")), ("full".to_owned(), 4));
    assert_eq!(chosen(&with("rk3588", "setting = \"light\"")), ("light".to_owned(), 4));
    assert_eq!(chosen(&with("rk3588", "threads = 2")), ("full".to_owned(), 2));
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.toml");
    let text = "name = \"own\"\ndescription = \"ours\"\n[detector]\nsetting = \"light\"\nthreads = 3\n";
    std::fs::write(&own, text).unwrap();
    assert_eq!(chosen(&with(own.to_str().unwrap(), "")), ("light".to_owned(), 3));
}

#[test]
fn each_filter_has_the_rate_of_the_file_or_the_profile_and_silhouette_always_has_one() {
    let rates = |text: &str| {
        let rates = Config::parse("eye.toml", text).unwrap().rates();
        Filter::ALL.map(|filter| rates.of(filter))
    };
    let profiled = GOOD.replace("camera =", "profile = \"rv1126b\"\ncamera =");
    assert_eq!(rates(GOOD), [None, None, Some(12), None]);
    assert_eq!(rates(&profiled), [Some(15), Some(15), Some(8), Some(15)]);
    assert_eq!(rates(&format!("{profiled}[fps]\ncoarse = 5\n")), [Some(15), Some(15), Some(8), Some(5)]);
    let error = error(&format!("{GOOD}[fps]\nsilhouette = 0\n"));
    assert!(error.contains("silhouette") && error.contains("nonzero"), "{error}");
}

#[test]
fn a_scene_that_would_be_learned_too_soon_is_refused() {
    for (line, allowed) in
        [("still_s = 1", "5 to 600"), ("still_s = 30\nagain_s = 20", "still_s to 3600"), ("step = 60", "2 to 32")]
    {
        let error = error(&format!("{GOOD}[silhouette]\n{line}\n"));
        assert!(error.contains("silhouette.") && error.contains(allowed), "{error}");
    }
}

#[test]
fn a_profile_that_is_not_there_is_named_with_its_line_and_those_that_are() {
    let error = error(&GOOD.replace("camera =", "profile = \"rk3399\"\ncamera ="));
    for part in ["eye.toml", "line 3", "rk3399", "rk3588", "desktop"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
}

#[test]
fn a_wrong_type_is_named_with_its_line() {
    let error = error(&GOOD.replace("camera = \"613\"", "camera = 613"));
    for part in ["eye.toml", "line 3", "string"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
}

#[test]
fn an_identifier_that_would_inject_a_topic_is_refused() {
    let error = error(&GOOD.replace("\"613\"", "\"613/#\""));
    assert!(error.contains("not allowed in an identifier"), "{error}");
}

#[test]
fn one_policy_key_alone_is_not_enough() {
    let error = error(&GOOD.replace(", { kid = \"b\", x = \"BB\" }", ""));
    assert!(error.contains("policy.roots") && error.contains("2 to 8"), "{error}");
}

#[test]
fn a_value_outside_its_range_is_named_with_the_range() {
    let error = error(&GOOD.replace("[detector]", "[detector]\nthreads = 99"));
    assert!(error.contains("detector.threads") && error.contains("1 to 8"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::read(std::path::Path::new("not-there.toml")).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }));
    assert!(error.to_string().contains("not-there.toml"));
}

#[test]
fn the_example_is_a_configuration() {
    let config = Config::parse("eye.example.toml", include_str!("../eye.example.toml")).unwrap();
    assert_eq!(config.profile.as_ref().map(|profile| profile.name.as_str()), Some("rk3588"));
    assert_eq!(config.encoder.bitrate_kbps, 4_000);
}

#[test]
fn p3_the_self_test_is_every_five_minutes_and_cannot_be_switched_off() {
    let config = |line: &str| Config::parse("eye.toml", &format!("{GOOD}[selftest]\n{line}\n"));
    assert_eq!(Config::parse("eye.toml", GOOD).unwrap().selftest.every_min, 5);
    assert_eq!(config("every_min = 1").unwrap().selftest.every_min, 1);
    for line in ["every_min = 0", "every_min = 61"] {
        let error = config(line).unwrap_err().to_string();
        assert!(error.contains("selftest.every_min") && error.contains("1 to 60"), "{error}");
    }
}

#[test]
fn the_encoder_is_the_files_the_profiles_or_what_there_is() {
    let order = |top: &str, encoder: &str| {
        let text = format!("{top}{GOOD}[encoder]\n{encoder}\n");
        Config::parse("eye.toml", &text).unwrap().encoders().to_string()
    };
    assert_eq!(order("", ""), "mpp, v4l2-m2m, software");
    assert_eq!(order("profile = \"rk3568\"\n", ""), "mpp, software");
    assert_eq!(order("profile = \"rk3568\"\n", "kind = \"software\""), "software");
    for (bad, says) in
        [("kind = \"nvenc\"", "v4l2-m2m"), ("slice_bytes = 100", "200 to 60000"), ("intra_refresh_rows = 0", "1 to 64")]
    {
        let error = error(&format!("{GOOD}[encoder]\n{bad}\n"));
        assert!(error.contains(says), "{error}");
    }
}
