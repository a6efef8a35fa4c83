//! Gives up what the eye must never have: the network, core dumps, new privileges, and in the end new programs (P2).
//!
//! In two steps, because a clip's decoder is a child process: [`before_camera`] runs first of all, single-threaded; [`after_camera`] when every
//! device is open. Both seccomp filters hold for every thread and every child. What cannot be had (an empty network namespace without the right
//! to make one) is said in the log; seccomp is never optional.

use nix::sched::CloneFlags;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Why the eye may not run.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// A step that must not fail.
    #[error("confinement: {step} failed: {cause}; the eye does not run unconfined")]
    Failed {
        /// Which step.
        step: &'static str,
        /// What the system said.
        cause: String,
    },
}

fn failed(step: &'static str) -> impl Fn(&dyn std::fmt::Display) -> ConfineError {
    move |cause| ConfineError::Failed { step, cause: cause.to_string() }
}

/// What was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// No interface but an idle loopback, or why not.
    pub empty_network: Result<(), String>,
    /// Memory never goes to swap, or why not.
    pub locked_memory: Result<(), String>,
}

/// Gives up network, dumps and privileges. Call first of all, before any thread, device or socket.
///
/// # Errors
/// [`ConfineError`] when seccomp, dumpability or no-new-privileges cannot be had.
pub fn before_camera() -> Result<Confinement, ConfineError> {
    let empty_network = leave_network();
    nix::sys::prctl::set_dumpable(false).map_err(|e| failed("making it non-dumpable")(&e))?;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0)
        .map_err(|e| failed("forbidding core dumps")(&e))?;
    nix::sys::prctl::set_no_new_privs().map_err(|e| failed("giving up new privileges")(&e))?;
    apply(&no_network()?)?;
    Ok(Confinement { empty_network, locked_memory: lock_memory() })
}

/// Gives up starting programs. Call when every device is open.
///
/// # Errors
/// [`ConfineError`] when seccomp cannot be had.
pub fn after_camera() -> Result<(), ConfineError> {
    apply(&no_programs()?)
}

/// Whether this process sees no network interface but loopback.
fn sees_only_loopback() -> bool {
    std::fs::read_to_string("/proc/thread-self/net/dev")
        .is_ok_and(|text| text.lines().skip(2).all(|line| line.trim_start().starts_with("lo:")))
}

/// An empty network namespace: given by the service manager, made with the right to, or made in a user namespace of our own.
fn leave_network() -> Result<(), String> {
    if sees_only_loopback() {
        return Ok(());
    }
    if nix::sched::unshare(CloneFlags::CLONE_NEWNET).is_ok() {
        return Ok(());
    }
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    nix::sched::unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(|e| format!("{e}; give the unit PrivateNetwork=yes, or allow user namespaces"))?;
    let map = |file: &str, text: String| std::fs::write(file, text).map_err(|e| format!("{file}: {e}"));
    map("/proc/self/setgroups", "deny".into())?;
    map("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    map("/proc/self/gid_map", format!("{gid} {gid} 1"))
}

/// Keeps raw pixels out of swap. Pages are locked as they are touched, so that untouched stacks cost nothing.
fn lock_memory() -> Result<(), String> {
    let swap = std::fs::read_to_string("/proc/swaps").map_or(0, |text| text.lines().count().saturating_sub(1));
    if swap == 0 {
        return Ok(());
    }
    use nix::sys::mman::{MlockAllFlags, mlockall};
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)
        .map_err(|e| format!("{e}; the machine has swap: switch it off or raise LimitMEMLOCK"))
}

/// System calls refused from the start: every socket but Unix ones, and ways round that.
fn no_network() -> Result<BpfProgram, ConfineError> {
    let not_unix = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, nix::libc::AF_UNIX as u64)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|e| failed("building the network filter")(&e))?;
    let mut rules = BTreeMap::from([(nix::libc::SYS_socket, vec![not_unix])]);
    for call in [
        nix::libc::SYS_io_uring_setup, // opens sockets past the filter
        nix::libc::SYS_bpf,
        nix::libc::SYS_ptrace,
        nix::libc::SYS_process_vm_readv,
        nix::libc::SYS_process_vm_writev,
        nix::libc::SYS_setns, // the way back
        nix::libc::SYS_pidfd_getfd,
        nix::libc::SYS_kexec_load,
        nix::libc::SYS_mount,
    ] {
        rules.insert(call, vec![]);
    }
    #[cfg(target_arch = "x86_64")]
    rules.insert(nix::libc::SYS_arch_prctl, vec![no_tiles()?]);
    build(rules)
}

/// Asking the kernel for AMX tiles is refused too. Not for safety: TFLite would choose its tile kernels, which lose to AVX-512 on networks as
/// narrow as ours (23 ms against 29 ms on a Sapphire Rapids core).
#[cfg(target_arch = "x86_64")]
fn no_tiles() -> Result<SeccompRule, ConfineError> {
    /// `ARCH_REQ_XCOMP_PERM` of the kernel's asm/prctl.h.
    const REQUEST_PERMISSION: u64 = 0x1023;
    SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, REQUEST_PERMISSION)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|e| failed("building the network filter")(&e))
}

/// System calls refused once every device is open.
fn no_programs() -> Result<BpfProgram, ConfineError> {
    build(BTreeMap::from([(nix::libc::SYS_execve, vec![]), (nix::libc::SYS_execveat, vec![])]))
}

fn build(rules: BTreeMap<i64, Vec<SeccompRule>>) -> Result<BpfProgram, ConfineError> {
    let failed = failed("building a seccomp filter");
    let arch = std::env::consts::ARCH.try_into().map_err(|e: seccompiler::BackendError| failed(&e))?;
    let refuse = SeccompAction::Errno(nix::libc::EPERM as u32);
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)
        .and_then(TryInto::try_into)
        .map_err(|e: seccompiler::BackendError| failed(&e))
}

fn apply(program: &BpfProgram) -> Result<(), ConfineError> {
    apply_filter_all_threads(program).map_err(|e| failed("installing seccomp")(&e))
}

impl std::fmt::Display for Confinement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::from("sockets other than Unix refused, no core dumps, no new privileges");
        match &self.empty_network {
            Ok(()) => text.push_str(", empty network namespace"),
            Err(why) => write!(text, ", NO empty network namespace ({why})")?,
        }
        if let Err(why) = &self.locked_memory {
            write!(text, ", memory NOT locked ({why})")?;
        }
        f.write_str(&text)
    }
}
