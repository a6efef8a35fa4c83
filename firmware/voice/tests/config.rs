//! Every mistake in the configuration file is named with its line and with what is allowed.

use std::path::{Path, PathBuf};
use voice::config::{Config, ConfigError};

const GOOD: &str = r#"site = "demo"
camera = "613"
link = "/run/campari/link.sock"

[mqtt]
host = "broker.example"
port = 8883

[mqtt.tls]
ca = "/etc/campari/ca.pem"
cert = "/etc/campari/board.pem"
key = "/etc/campari/board.key"

[rtp]
max_payload_bytes = 1100
"#;

fn wrong(from: &str, to: &str) -> (usize, String) {
    let text = GOOD.replace(from, to);
    assert_ne!(text, GOOD, "{from:?} is not in the file");
    match Config::parse(&text, Path::new("voice.toml")) {
        Err(ConfigError::Wrong { path, line, what }) => {
            assert_eq!(path, PathBuf::from("voice.toml"));
            (line, what)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_file_is_read_with_its_defaults() {
    let config = Config::parse(GOOD, Path::new("voice.toml")).unwrap();
    assert_eq!(config.mqtt.keep_alive_s, 10);
    assert_eq!(config.client_id(), "campari-demo-613");
    assert_eq!(config.rtp.max_payload_bytes, 1100);
    let short = GOOD.split("[mqtt.tls]").next().unwrap();
    let config = Config::parse(short, Path::new("voice.toml")).unwrap();
    assert_eq!((config.mqtt.tls, config.rtp.max_payload_bytes), (None, 1200));
}

#[test]
fn mistakes_are_named_with_line_and_what_is_allowed() {
    let cases = [
        ("camera =", "kamera =", 2, "expected one of `site`, `camera`, `link`, `mqtt`, `rtp`"),
        ("\"613\"", "\"6/13\"", 2, "allowed: A-Z a-z 0-9"),
        ("8883", "\"8883\"", 7, "expected u16"),
        ("8883", "88883", 7, "expected u16"),
        ("8883", "0", 7, "1 to 65535"),
        ("\"broker.example\"", "\"\"", 6, "a name or an IP literal"),
        ("port = 8883", "port = 8883\nkeep_alive_s = 1", 8, "5 to 60"),
        ("port = 8883", "port = 8883\nclient_id = \"\"", 8, "1 to 128 characters"),
        ("1100", "100", 15, "500 to 8900"),
        ("1100", "1100\nmulticast_ttl = 0", 16, "1 to 255"),
        ("[rtp]", "[metrics]\nlisten = \"0.0.0.0:9613\"\n[rtp]", 15, "[metrics.tls]"),
        ("site = \"demo\"\n", "", 1, "missing field `site`"),
        ("site = \"demo\"", "site = demo", 1, "string"),
    ];
    for (from, to, line, allowed) in cases {
        let (found, what) = wrong(from, to);
        assert_eq!(found, line, "{from} -> {to}: {what}");
        assert!(what.contains(allowed), "{from} -> {to}: {what}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("/nonexistent/voice.toml")).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/voice.toml: cannot be read"), "{error}");
}

#[test]
fn the_example_is_a_good_file() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/voice.example.toml"));
    let config = Config::load(path).unwrap();
    assert_eq!((config.mqtt.keep_alive_s, config.rtp.max_payload_bytes), (10, 1200));
    // What is commented out is right too, and says the defaults.
    let uncommented =
        std::fs::read_to_string(path).unwrap().replace("# client_id", "client_id").replace("# keep", "keep");
    let uncommented = uncommented.replace("# [rtp]", "[rtp]").replace("# max_", "max_");
    let (before, fetching) = uncommented.split_once("# [rtsp]").unwrap();
    let setting = |line: &&str| {
        let key = |key: &str| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(before, _)| key(before))
    };
    let settings = fetching.lines().map(|line| line.strip_prefix("# ").filter(setting).unwrap_or(line));
    let uncommented = format!("{before}[rtsp]{}", settings.collect::<Vec<_>>().join("\n"));
    let explicit = Config::parse(&uncommented, path).unwrap();
    assert_eq!(explicit.client_id(), config.client_id());
    assert_eq!((explicit.mqtt.keep_alive_s, explicit.rtp), (config.mqtt.keep_alive_s, config.rtp));
    let rtsp = explicit.rtsp.unwrap();
    assert_eq!((rtsp.listen.to_string().as_str(), rtsp.max_connections, rtsp.max_per_address), ("[::]:8322", 64, 16));
    let [relay] = explicit.relay.as_slice() else { panic!("the example has one [[relay]]: {:?}", explicit.relay) };
    assert_eq!((relay.server.to_string().as_str(), relay.user.as_str()), ("192.0.2.9:8322", "board-613"));
}
