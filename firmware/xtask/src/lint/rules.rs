//! Who may not depend on what, as data: DESIGN §5, one reason on each line.

/// Packages that hold logic and nothing else: everything that varies comes in as an argument.
pub(crate) const PURE: &[&str] =
    &["contract", "token", "mask", "detect", "grant", "journal", "usage", "link", "rtp", "rtsp"];

/// A package and all it is built from may not hold these packages. A `*` at the end stands for any rest.
pub(crate) struct TreeRule {
    pub(crate) who: &'static [&'static str],
    pub(crate) may_not: &'static [&'static str],
    pub(crate) reason: &'static str,
}

/// Packages by which a program talks to a network.
const NETWORK: &[&str] = &[
    "tokio*",
    "mio",
    "socket2",
    "rumqtt*",
    "rustls*",
    "native-tls",
    "openssl*",
    "hyper*",
    "reqwest",
    "ureq",
    "curl*",
    "quinn*",
    "async-std",
    "smol",
    "async-io",
    "h2",
    "tungstenite",
    "paho-mqtt*",
    "voice",
    "rtp",
];

pub(crate) const TREE: &[TreeRule] = &[
    TreeRule { who: &["eye"], may_not: NETWORK, reason: "the eye holds raw pixels and has no network (P2)" },
    TreeRule { who: &["maskfile"], may_not: NETWORK, reason: "campari-mask reads raw pictures and sends nothing (P2)" },
    TreeRule { who: &["leak"], may_not: NETWORK, reason: "its contact sheets show people who were not masked (P2)" },
    TreeRule {
        who: &["voice", "campari"],
        may_not: &["openssl", "openssl-sys", "native-tls", "aws-lc-*"],
        reason: "one TLS library, rustls on ring: nothing else to patch on a board",
    },
    TreeRule {
        who: &["voice", "campari"],
        may_not: &["mask", "detect", "board-*", "eye", "maskfile", "v4l*", "tflitec", "openh264*"],
        reason: "whoever talks to the network sees no raw pixel and no driver (P2)",
    },
    TreeRule {
        who: &["eye", "voice", "campari", "maskfile"],
        may_not: &["schemars*", "jsonschema"],
        reason: "schemas are for the published contract; no board carries them",
    },
    TreeRule { who: PURE, may_not: &["tokio*", "mio", "socket2", "async-*"], reason: "pure crates open no sockets" },
    TreeRule { who: PURE, may_not: &["nix", "rustix", "v4l*"], reason: "pure crates make no system calls" },
    TreeRule {
        who: PURE,
        may_not: &["getrandom", "rand", "rand_chacha", "fastrand", "chrono", "time", "uuid"],
        reason: "pure crates take chance and time as arguments",
    },
    TreeRule {
        who: PURE,
        may_not: &["board-*", "eye", "voice", "campari"],
        reason: "logic does not know what runs it",
    },
];

/// A forbidden package that is let through, and why.
pub(crate) struct TreeExcept {
    pub(crate) who: &'static str,
    pub(crate) package: &'static str,
    pub(crate) reason: &'static str,
}

pub(crate) const TREE_EXCEPT: &[TreeExcept] =
    &[TreeExcept { who: "detect", package: "board-hal", reason: "traits and plain types, no driver, no I/O" }];

/// Paths that the sources of these packages may not name.
pub(crate) struct SourceRule {
    pub(crate) who: Who,
    pub(crate) may_not: &'static [&'static [&'static str]],
    pub(crate) reason: &'static str,
}

/// Whose sources a rule is about.
pub(crate) enum Who {
    /// The pure crates.
    Pure,
    /// The eye and every package of ours below it.
    EyeAndBelow,
    /// Every package outside `board/`.
    OutsideBoard,
}

pub(crate) const SOURCE: &[SourceRule] = &[
    SourceRule {
        who: Who::EyeAndBelow,
        may_not: &[&["TcpStream"], &["TcpListener"], &["UdpSocket"], &["ToSocketAddrs"]],
        reason: "the eye has no network; addresses as values (IpAddr) are fine",
    },
    SourceRule {
        who: Who::Pure,
        may_not: &[
            &["TcpStream"],
            &["TcpListener"],
            &["UdpSocket"],
            &["UnixStream"],
            &["UnixListener"],
            &["UnixDatagram"],
        ],
        reason: "pure crates open no sockets",
    },
    SourceRule {
        who: Who::Pure,
        may_not: &[&["Instant", "now"], &["SystemTime", "now"]],
        reason: "pure crates take the time as an argument",
    },
    SourceRule { who: Who::Pure, may_not: &[&["std", "fs"], &["std", "env"]], reason: "pure crates touch no files" },
    SourceRule { who: Who::Pure, may_not: &[&["std", "process"]], reason: "pure crates start no programs" },
    SourceRule { who: Who::Pure, may_not: &[&["std", "thread"]], reason: "pure crates start no threads" },
    SourceRule { who: Who::OutsideBoard, may_not: &[&["unsafe"]], reason: "`unsafe` lives in board/ alone" },
];
