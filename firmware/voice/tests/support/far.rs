//! A second network namespace at the end of a wire that a test can cut: whoever is there vanishes without a word, as TCP sees it.
//!
//! The test starts itself anew in namespaces of its own (`unshare`, util-linux; `ip`, iproute2). Where the system allows none it fails and says so.

#![allow(dead_code, unreachable_pub)] // each test program uses its part

use std::process::Command;
use std::sync::mpsc;

const INSIDE: &str = "CAMPARI_TEST_FAR";
/// The board's end of the wire, and the other.
pub const HERE: [u8; 4] = [10, 61, 3, 1];
pub const THERE: [u8; 4] = [10, 61, 3, 2];

/// Whether this is the process that sees the namespace; if not, it is run, and has succeeded.
pub fn is_inside(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let script = "ip link set lo up && ip link add here type veth peer name there && ip address add 10.61.3.1/24 dev here && ip link set here up && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "sh", "-c", script, "sh"])
        .arg(std::env::current_exe().expect("known"))
        .args(["--exact", name, "--test-threads", "1", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare runs: apt-get install util-linux");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    false
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("ip runs: apt-get install iproute2");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

type Job = Box<dyn FnOnce() + Send>;

/// The other end. What is opened there stays there, whoever uses it.
pub struct Far {
    jobs: mpsc::Sender<Job>,
}

impl Far {
    pub fn new() -> Self {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a namespace in our own");
            let own = std::fs::read_link("/proc/thread-self").expect("/proc");
            tell.send(own.file_name().expect("a number").to_string_lossy().into_owned()).expect("somebody waits");
            todo.iter().for_each(|job| job());
        });
        let thread = told.recv().expect("a namespace");
        ip(&format!("link set there netns {thread}"));
        let far = Self { jobs };
        far.there(|| {
            ip("address add 10.61.3.2/24 dev there");
            ip("link set there up");
        });
        far
    }
    /// Does it there, and waits for it.
    pub fn there<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = mpsc::channel();
        let job = move || drop(tell.send(job()));
        self.jobs.send(Box::new(job)).expect("it is there");
        told.recv().expect("done")
    }
    /// Nothing goes either way any more, and nobody is told.
    pub fn cut(&self) {
        self.there(|| ip("link set there down"));
    }
    pub fn mend(&self) {
        self.there(|| ip("link set there up"));
    }
}
