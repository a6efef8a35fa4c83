//! What tests ask of the library beyond MPP's own interface: misbehaviour, and counts. One set for each loaded copy of the file, so that tests which run
//! side by side load copies.
//!
//! | `mpp_sim_set` | does, until set to 0 |
//! |---|---|
//! | `create`, `init`, `group`, `buffer`, `import`, `set_cfg`, `put`, `get`, `idr` | that call answers with the number given |
//! | `frame` | `mpp_frame_init` answers so |
//! | `hang_ms` | the encoder sits so long on every frame, as hardware that is stuck |
//! | `deaf` | timeouts count for nothing: a call comes back when the encoder is done |
//! | `hold` | packets come one frame late |
//! | `lose` | no packet comes at all |
//! | `empty`, `garbage` | packets without bytes; packets that are no stream |
//! | `no_h265` | H.265 is not offered |
//! | `header_once` | parameter sets come with the first key picture only, as from libraries that ignore the header mode |

use rkmpp_sys::MPP_RET;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, c_char};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What this copy was told, and what it counted.
#[derive(Default)]
pub(crate) struct Faults {
    set: BTreeMap<String, i64>,
    counts: BTreeMap<&'static str, i64>,
    refused: BTreeSet<String>,
    version: Option<CString>,
}

static FAULTS: Mutex<Faults> =
    Mutex::new(Faults { set: BTreeMap::new(), counts: BTreeMap::new(), refused: BTreeSet::new(), version: None });

fn faults() -> MutexGuard<'static, Faults> {
    FAULTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a fault is set to; 0 where it is not.
pub(crate) fn fault(name: &str) -> i64 {
    faults().set.get(name).copied().unwrap_or(0)
}

/// The error that a call is to answer with, if any; counts the call.
pub(crate) fn answer(call: &'static str) -> Result<(), MPP_RET> {
    *faults().counts.entry(call).or_default() += 1;
    match fault(call) {
        0 => Ok(()),
        error => Err(error as MPP_RET),
    }
}

pub(crate) fn is_refused(setting: &str) -> bool {
    faults().refused.contains(setting)
}

pub(crate) fn version() -> *const c_char {
    const SILENT: &CStr = c"unknown mpp version for missing VCS info";
    // A leak of a few bytes each time that a version is set: the caller keeps the pointer for good.
    faults().version.as_ref().map_or(SILENT.as_ptr(), |text| text.clone().into_raw())
}

/// # Safety
/// A string that ends with a zero byte.
pub(crate) unsafe fn text(string: *const c_char) -> String {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_sim_set(name: *const c_char, value: i64) {
    // SAFETY: a C string, by contract.
    let name = unsafe { text(name) };
    faults().set.insert(name, value);
}

/// How often a call of that name was made; `live`: objects that were not given back.
#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_sim_count(name: *const c_char) -> i64 {
    // SAFETY: a C string, by contract.
    let name = unsafe { text(name) };
    if name == "live" { crate::memory::live() } else { faults().counts.get(name.as_str()).copied().unwrap_or(0) }
}

/// Refuses a setting of that name from now on.
#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_sim_refuse(setting: *const c_char) {
    // SAFETY: a C string, by contract.
    let setting = unsafe { text(setting) };
    faults().refused.insert(setting);
}

/// What the library says of its version.
#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_sim_version(says: *const c_char) {
    // SAFETY: a C string, by contract.
    let says = unsafe { text(says) };
    faults().version = CString::new(says).ok();
}
