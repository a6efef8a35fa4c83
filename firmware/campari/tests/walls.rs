//! The broker's wall: with the files of `tests/brokers/mosquitto`, each role can do what DESIGN §8 says and nothing more. Every principal tries to
//! publish and to receive on every topic, at a real Mosquitto, once with ACL files and once with the dynamic-security plugin.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use campari::stage::{BrokerFiles, Certificates, Child, Client, Door};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{LastWill, Packet, PubAckReason};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const SITE: &str = "almere";
const PATIENCE: Duration = Duration::from_secs(20);
/// Goes out after everything else, on topics of which everybody may read one.
const LAST: &[u8] = b"that was all";
const LAST_ON: [&str; 3] = ["policy", "room/presence", "613/state"];

/// Everybody, as `FILE`, door and common name. `613@` is a subscriber who calls itself like a camera.
const PRINCIPALS: [(&str, Door, &str); 8] = [
    ("613", Door::Boards, "613"),
    ("614", Door::Boards, "614"),
    ("room", Door::ControlRoom, "room"),
    ("centralist", Door::ControlRoom, "centralist"),
    ("policy-office", Door::ControlRoom, "policy-office"),
    ("tlc", Door::Subscribers, "tlc"),
    ("vws", Door::Subscribers, "vws"),
    ("613@", Door::Subscribers, "613"),
];
const SUBSCRIBERS: [&str; 3] = ["tlc", "vws", "613@"];

/// Topic below `campari/v1/SITE/`, who may publish, who may receive: the table of DESIGN §8, written down a second time.
fn table() -> Vec<(String, Vec<&'static str>, Vec<&'static str>)> {
    let control = vec!["room", "centralist"];
    let boards = vec!["613", "614"];
    let mut rows: Vec<(String, Vec<&str>, Vec<&str>)> = Vec::new();
    let mut row = |topic: &str, writers: &[&'static str], readers: &[&'static str]| {
        rows.push((topic.to_owned(), writers.to_vec(), readers.to_vec()));
    };
    let everyone = [&control[..], &["policy-office"], &SUBSCRIBERS].concat();
    for camera in boards.clone() {
        row(&format!("{camera}/state"), &[camera], &[&control[..], &["policy-office"]].concat());
        row(&format!("{camera}/catalogue"), &[camera], &everyone);
        for level in ["inbox", "share-log", "usage", "journal"] {
            row(&format!("{camera}/{level}"), &[camera], &control);
        }
        for level in ["grant", "extend", "deny", "revoke", "preempt", "release"] {
            row(&format!("{camera}/{level}"), &["centralist"], &[camera, "room"]);
        }
        for level in ["report-leak", "clear-leak"] {
            row(&format!("{camera}/{level}"), &["centralist"], &[camera]);
        }
        row(&format!("{camera}/usage-ack"), &control, &[camera]);
        for (subscriber, name) in [("tlc", "tlc"), ("vws", "vws"), ("613@", "613")] {
            row(&format!("{camera}/share/{name}/j-1"), &[camera], &[&control[..], &[subscriber]].concat());
            for level in ["request", "withdraw", "leave", "report-leak"] {
                row(&format!("{camera}/{level}/{name}"), &[subscriber], &[camera]);
            }
        }
    }
    for level in ["preempt", "release", "revoke"] {
        row(&format!("all/{level}"), &["centralist"], &["613", "614", "room"]);
    }
    row("room/heartbeat", &["room"], &boards);
    row("room/presence", &["room"], &[&boards[..], &control, &SUBSCRIBERS].concat());
    row("room/lead", &["room"], &control);
    row("room/busy", &["centralist"], &control);
    row("room/taken/613/j-1", &control, &control);
    row("policy", &["policy-office"], &["613", "614", "room", "centralist"]);
    row("answer/campari-grant-1", &boards, &control);
    row("answer/tlc/1", &boards, &["room", "centralist", "tlc"]);
    row("answer/613/1", &boards, &["room", "centralist", "613@"]);
    // Nobody's: cameras that are none, commands that hold for one camera only, other depths, other words.
    for nobody in [
        "tlc/catalogue",
        "room/state",
        "centralist/state",
        "policy-office/catalogue",
        "room/grant",
        "615/share/tlc/j-1",
    ] {
        // A camera of that name might exist, so whoever reads all cameras reads it; nobody here may be it.
        let readers = match nobody.split_once('/').unwrap().1 {
            "state" => vec!["room", "centralist", "policy-office"],
            "catalogue" => everyone.clone(),
            "grant" => vec!["room"],
            _ => vec!["room", "centralist", "tlc"],
        };
        let writers: &[&str] = if nobody.ends_with("grant") { &["centralist"] } else { &[] };
        row(nobody, writers, &readers);
    }
    for nobody in [
        "all/grant",
        "all/extend",
        "all/deny",
        "all/state",
        "613",
        "613/unknown",
        "613/share/tlc",
        "613/share/tlc/j-1/x",
        "answer",
    ] {
        // `+/state` has a camera called `all`; the name is not reserved by the broker.
        let level = nobody.strip_prefix("all/");
        let (writers, readers): (&[&str], &[&str]) = match level {
            Some("grant" | "extend" | "deny") => (&["centralist"], &["room"]),
            Some(_) => (&[], &["room", "centralist", "policy-office"]),
            None if nobody == "answer" => (&["613", "614"], &["room", "centralist"]),
            None if nobody.starts_with("613/share/tlc") => (&[], &["room", "centralist", "tlc"]),
            None => (&[], &[]),
        };
        row(nobody, writers, readers);
    }
    rows
}

/// Whole topics, those outside the site too.
fn topics() -> BTreeMap<String, (BTreeSet<&'static str>, BTreeSet<&'static str>)> {
    let inside = table().into_iter().map(|(topic, writers, readers)| {
        (format!("campari/v1/{SITE}/{topic}"), (writers.into_iter().collect(), readers.into_iter().collect()))
    });
    let outside = [
        "campari/v1/urk/613/state",
        "campari/v1/urk/613/grant",
        "campari/v1/urk/policy",
        "campari/v2/almere/613/grant",
        "x",
        "campari",
    ];
    inside.chain(outside.map(|topic| (topic.to_owned(), <_>::default()))).collect()
}

struct Peer {
    client: AsyncClient,
    heard: mpsc::UnboundedReceiver<Packet>,
    pump: JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

async fn patient<T>(what: &str, wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

impl Peer {
    /// `None` when the broker does not take it.
    async fn open(options: MqttOptions) -> Option<Self> {
        let (client, mut events) = AsyncClient::new(options, 256);
        let (tell, heard) = mpsc::unbounded_channel();
        let pump = tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                if let Event::Incoming(packet) = event {
                    let _ = tell.send(packet);
                }
            }
        });
        let mut peer = Self { client, heard, pump };
        match patient("the broker's word", peer.heard.recv()).await {
            Some(Packet::ConnAck(_)) => Some(peer),
            None => None,
            other => panic!("{other:?}"),
        }
    }

    async fn may_publish(&mut self, topic: &str) -> bool {
        self.client.publish(topic, QoS::AtLeastOnce, false, "x").await.unwrap();
        loop {
            match patient("an acknowledgement", self.heard.recv()).await {
                Some(Packet::PubAck(ack)) => match ack.reason {
                    PubAckReason::Success | PubAckReason::NoMatchingSubscribers => return true,
                    PubAckReason::NotAuthorized => return false,
                    other => panic!("{topic}: {other:?}"),
                },
                Some(_) => {}
                None => panic!("the broker hung up over {topic}"),
            }
        }
    }

    /// Tries to subscribe to each; whether the broker lets it is its business.
    async fn subscribe(&mut self, filters: impl Iterator<Item = &str>) {
        for filter in filters {
            self.client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
            while !matches!(patient("a subscription's answer", self.heard.recv()).await, Some(Packet::SubAck(_))) {}
        }
    }

    /// The topics on which something came, up to the last message of all.
    async fn received(&mut self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        loop {
            match patient("the last message", self.heard.recv()).await {
                Some(Packet::Publish(publish)) if publish.payload == LAST => return found,
                Some(Packet::Publish(publish)) => {
                    found.insert(String::from_utf8(publish.topic.to_vec()).unwrap());
                }
                Some(_) => {}
                None => panic!("the broker hung up"),
            }
        }
    }
}

/// A broker, and a way past its wall for the tests themselves.
struct Walled {
    _dir: tempfile::TempDir,
    certificates: Certificates,
    files: BrokerFiles,
    _broker: Child,
    past: u16,
}

impl Walled {
    async fn start(clients: &[(&str, Door, &str)], write: impl FnOnce(&Path, &Certificates) -> BrokerFiles) -> Self {
        // Others of this process may have been first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let tls = dir.path().join("tls");
        std::fs::create_dir(&tls).unwrap();
        let of = |(file, door, name): &(&str, Door, &str)| Client {
            file: (*file).into(),
            door: *door,
            name: (*name).into(),
        };
        let clients: Vec<_> = clients.iter().map(of).collect();
        let certificates = Certificates::make_for(&tls, Ipv4Addr::LOCALHOST.into(), &clients).unwrap();
        let past = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let files = write(&dir.path().join("broker"), &certificates);
        let files = files.also(&format!("listener {past} 127.0.0.1\nallow_anonymous true\n")).unwrap();
        let _broker = files.start(dir.path()).await.unwrap();
        Self { _dir: dir, certificates, files, _broker, past }
    }

    fn options(&self, file: &str, door: Door) -> MqttOptions {
        let mut options =
            MqttOptions::new(format!("{file}-{:x}", rand::random::<u32>()), "127.0.0.1", self.files.ports.of(door));
        let read = |path| std::fs::read(path).unwrap();
        options.set_transport(Transport::Tls(TlsConfiguration::Simple {
            ca: read(self.certificates.ca()),
            alpn: None,
            client_auth: Some((read(self.certificates.cert(file)), read(self.certificates.key(file)))),
        }));
        options
    }

    async fn open(&self, file: &str, door: Door) -> Peer {
        Peer::open(self.options(file, door)).await.unwrap_or_else(|| panic!("{file} is not let in"))
    }

    async fn past_the_wall(&self) -> Peer {
        Peer::open(MqttOptions::new("past", "127.0.0.1", self.past)).await.unwrap()
    }

    /// Every principal against every topic.
    async fn is_as_the_table_says(&self, principals: &[(&'static str, Door, &str)]) {
        let topics = topics();
        let names: BTreeSet<&str> = principals.iter().map(|(name, ..)| *name).collect();
        let mut wrong = Vec::new();
        let mut listeners = Vec::new();
        for (name, door, _) in principals {
            let mut peer = self.open(name, *door).await;
            for (topic, (writers, _)) in &topics {
                let may = peer.may_publish(topic).await;
                if may != writers.contains(name) {
                    wrong.push(format!("{name} {} publish on {topic}", if may { "can" } else { "cannot" }));
                }
            }
            for control in ["$SYS/broker/version", "$CONTROL/dynamic-security/v1"] {
                if peer.may_publish(control).await {
                    wrong.push(format!("{name} can publish on {control}"));
                }
            }
            drop(peer);
            let mut listener = self.open(name, *door).await;
            let wide = [
                "#",
                "$SYS/#",
                "$CONTROL/#",
                "campari/v1/#",
                "campari/v1/+/+/state",
                "campari/v1/almere/#",
                "campari/v1/almere/+/share/#",
            ];
            listener.subscribe(wide.into_iter().chain(topics.keys().map(String::as_str))).await;
            listeners.push((*name, listener));
        }
        let mut past = self.past_the_wall().await;
        for topic in topics.keys() {
            assert!(past.may_publish(topic).await);
        }
        for topic in LAST_ON {
            past.client.publish(format!("campari/v1/{SITE}/{topic}"), QoS::AtLeastOnce, false, LAST).await.unwrap();
        }
        for (name, listener) in &mut listeners {
            let heard = listener.received().await;
            for (topic, (_, readers)) in &topics {
                if heard.contains(topic) != readers.contains(name) {
                    wrong.push(format!(
                        "{name} {} {topic}",
                        if heard.contains(topic) { "hears" } else { "does not hear" }
                    ));
                }
            }
            let strange: Vec<_> = heard.iter().filter(|topic| !topics.contains_key(*topic)).collect();
            if !strange.is_empty() {
                wrong.push(format!("{name} hears {strange:?}"));
            }
        }
        assert!(topics.values().any(|(writers, _)| writers.iter().any(|name| names.contains(name))));
        assert!(wrong.is_empty(), "not as the table says:\n{}", wrong.join("\n"));
    }
}

async fn with_acl_files() -> Walled {
    Walled::start(&PRINCIPALS, |dir, certificates| {
        BrokerFiles::write(dir, certificates, &[SITE.parse().unwrap()]).unwrap()
    })
    .await
}

#[tokio::test]
async fn with_acl_files_each_role_can_do_what_the_table_says_and_nothing_more() {
    with_acl_files().await.is_as_the_table_says(&PRINCIPALS).await;
}

#[tokio::test]
async fn a_certificate_opens_the_door_of_its_role_alone() {
    let walled = with_acl_files().await;
    for (file, own, _) in PRINCIPALS {
        for door in Door::ALL {
            let let_in = Peer::open(walled.options(file, door)).await.is_some();
            assert_eq!(let_in, door == own, "{file} at the door for {}", door.name());
        }
    }
}

#[tokio::test]
async fn a_last_will_is_held_to_the_same_rules() {
    let walled = with_acl_files().await;
    let state = format!("campari/v1/{SITE}/613/state");
    let mut room = walled.open("room", Door::ControlRoom).await;
    room.subscribe(std::iter::once(state.as_str())).await;
    for (file, door, arrives) in
        [("tlc", Door::Subscribers, false), ("614", Door::Boards, false), ("613", Door::Boards, true)]
    {
        let mut options = walled.options(file, door);
        options.set_last_will(LastWill::new(state.clone(), file, QoS::AtLeastOnce, false, None));
        drop(Peer::open(options.clone()).await.unwrap());
        // The same client again: when it is in, the broker is done with the one before.
        let again = Peer::open(options).await.unwrap();
        let mut past = walled.past_the_wall().await;
        assert!(past.may_publish(&state).await);
        let mut heard = Vec::new();
        while heard.last().is_none_or(|payload| payload != "x") {
            if let Some(Packet::Publish(publish)) = patient("a message", room.heard.recv()).await {
                heard.push(String::from_utf8(publish.payload.to_vec()).unwrap());
            }
        }
        assert_eq!(heard.contains(&file.to_owned()), arrives, "{heard:?}");
        again.client.disconnect().await.unwrap();
    }
}

/// What `dynsec-commands.sh` makes of the ACL files.
fn commands(file: &str, name: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/brokers/mosquitto");
    let out = std::process::Command::new("sh")
        .arg(dir.join("dynsec-commands.sh"))
        .arg(dir.join(file))
        .args([SITE, name])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Sends commands to the plugin and waits until it has done them.
async fn administer(admin: &mut Peer, commands: String) {
    admin.client.publish("$CONTROL/dynamic-security/v1", QoS::AtLeastOnce, false, commands).await.unwrap();
    loop {
        if let Some(Packet::Publish(publish)) = patient("the plugin's answer", admin.heard.recv()).await {
            let text = String::from_utf8(publish.payload.to_vec()).unwrap();
            assert!(text.contains("responses") && !text.contains("\"error\""), "{text}");
            return;
        }
    }
}

async fn with_dynamic_security(principals: &[(&'static str, Door, &str)]) -> (Walled, Peer) {
    let admin = ("broker-admin", Door::ControlRoom, "broker-admin");
    let everybody: Vec<_> = principals.iter().copied().chain([admin]).collect();
    let walled = Walled::start(&everybody, |dir, certificates| {
        std::fs::create_dir(dir).unwrap();
        let plugin_config = dir.join("dynamic-security.json");
        let made = std::process::Command::new("mosquitto_ctrl")
            .args(["dynsec", "init"])
            .arg(&plugin_config)
            .args(["broker-admin", "a-password-that-nobody-needs"])
            .output()
            .expect("mosquitto_ctrl is not installed: apt-get install mosquitto");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        BrokerFiles::write_dynamic(dir, certificates, &plugin_config).unwrap()
    })
    .await;
    let mut admin = walled.open("broker-admin", Door::ControlRoom).await;
    admin.subscribe(std::iter::once("$CONTROL/dynamic-security/v1/response")).await;
    for (_, door, name) in principals {
        administer(&mut admin, commands(&format!("{}.acl", door.name()), name)).await;
    }
    (walled, admin)
}

/// One list of names, so nobody is called like somebody else.
fn without_namesakes() -> Vec<(&'static str, Door, &'static str)> {
    PRINCIPALS.into_iter().filter(|(file, ..)| *file != "613@").collect()
}

#[tokio::test]
async fn with_dynamic_security_each_role_can_do_what_the_table_says_and_nothing_more() {
    let principals = without_namesakes();
    let (walled, _admin) = with_dynamic_security(&principals).await;
    walled.is_as_the_table_says(&principals).await;
}

#[tokio::test]
async fn with_dynamic_security_whoever_is_not_on_the_list_or_is_struck_off_it_does_nothing() {
    let (walled, mut admin) = with_dynamic_security(&[("tlc", Door::Subscribers, "tlc")]).await;
    let request = format!("campari/v1/{SITE}/613/request/tlc");
    let mut tlc = walled.open("tlc", Door::Subscribers).await;
    assert!(tlc.may_publish(&request).await);
    administer(&mut admin, r#"{"commands":[{"command":"deleteClient","username":"tlc"}]}"#.to_owned()).await;
    let gone = async { while tlc.heard.recv().await.is_some() {} };
    patient("the end of the struck-off subscriber's connection", gone).await;
    if let Some(mut again) = Peer::open(walled.options("tlc", Door::Subscribers)).await {
        assert!(!again.may_publish(&request).await);
    }
}

#[test]
fn the_script_for_dynamic_security_takes_no_name_that_could_mean_more() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/brokers/mosquitto/dynsec-commands.sh");
    for name in ["#", "+", "a/b", "a\"b", "", ".a", "a b", "%u"] {
        let out =
            std::process::Command::new("sh").arg(&script).arg("subscribers.acl").args([SITE, name]).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success() && said.contains("no identifier"), "{name:?}: {said}");
    }
}
