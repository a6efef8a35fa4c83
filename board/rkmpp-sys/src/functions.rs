//! The loaded library: every function that is used, looked up once.

use crate::types::*;
use crate::version::Version;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::fmt;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

/// The name that the dynamic linker knows it by.
pub const LIBRARY: &str = "librockchip_mpp.so.1";

/// Why the library cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is not there, or not for this machine.
    #[error(
        "{library}: {cause}; install Rockchip's MPP (package librockchip-mpp1, recipe rockchip-mpp), or choose another encoder"
    )]
    Missing {
        /// What was looked for.
        library: String,
        /// What the dynamic linker said.
        cause: String,
    },
    /// It lacks a function.
    #[error(
        "{library}: has no function {symbol}; it is older than this program understands, or no MPP: install a newer one"
    )]
    Symbol {
        /// Which library.
        library: String,
        /// What it lacks.
        symbol: &'static str,
    },
    /// It says that it is too old.
    #[error("{library}: is of {version}, and none before {oldest} is understood: install a newer one")]
    TooOld {
        /// Which library.
        library: String,
        /// Its version.
        version: Version,
        /// The oldest date that would do.
        oldest: &'static str,
    },
}

/// Declares [`Mpp`]: a field for every function. Those after `optional` came later and may be missing.
macro_rules! functions {
    (
        required { $($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)* }
        optional { $($(#[$odoc:meta])* fn $oname:ident($($oargument:ident: $otype:ty),* $(,)?) $(-> $oresult:ty)?;)* }
    ) => {
        /// The library, loaded for good: it starts threads and keeps statics, so it is never unloaded.
        ///
        /// Every field is the C function of that name. Calling one is `unsafe`: handles must be live ones of this library, pointers valid for what the
        /// header says.
        #[allow(missing_docs, reason = "the functions are the C headers'")]
        pub struct Mpp {
            path: PathBuf,
            version: Version,
            $($(#[$doc])* pub $name: unsafe extern "C" fn($($type),*) $(-> $result)?,)*
            $($(#[$odoc])* pub $oname: Option<unsafe extern "C" fn($($otype),*) $(-> $oresult)?>,)*
        }

        impl Mpp {
            fn look_up(library: &Library, path: &Path) -> Result<Self, LoadError> {
                Ok(Self {
                    path: path.to_path_buf(),
                    version: Version::default(),
                    // SAFETY: the signatures are those of the headers that `layout.txt` names.
                    $($name: unsafe { required(library, path, concat!(stringify!($name), "\0")) }?,)*
                    // SAFETY: likewise.
                    $($oname: unsafe { optional(library, concat!(stringify!($oname), "\0")) },)*
                })
            }
        }

        /// Every function that the library must have.
        pub(crate) const REQUIRED: &[&str] = &[$(stringify!($name)),*];
        /// Every function that it may have.
        pub(crate) const OPTIONAL: &[&str] = &[$(stringify!($oname)),*];
    };
}

functions! {
    required {
        // Context (rk_mpi.h).
        fn mpp_create(ctx: *mut MppCtx, api: *mut *mut MppApi) -> MPP_RET;
        fn mpp_init(ctx: MppCtx, kind: MppCtxType, coding: MppCodingType) -> MPP_RET;
        fn mpp_destroy(ctx: MppCtx) -> MPP_RET;
        fn mpp_check_support_format(kind: MppCtxType, coding: MppCodingType) -> MPP_RET;
        // Configuration (rk_venc_cfg.h).
        fn mpp_enc_cfg_init(cfg: *mut MppEncCfg) -> MPP_RET;
        fn mpp_enc_cfg_deinit(cfg: MppEncCfg) -> MPP_RET;
        fn mpp_enc_cfg_set_s32(cfg: MppEncCfg, name: *const c_char, value: i32) -> MPP_RET;
        fn mpp_enc_cfg_set_u32(cfg: MppEncCfg, name: *const c_char, value: u32) -> MPP_RET;
        fn mpp_enc_cfg_get_s32(cfg: MppEncCfg, name: *const c_char, value: *mut i32) -> MPP_RET;
        fn mpp_enc_cfg_get_u32(cfg: MppEncCfg, name: *const c_char, value: *mut u32) -> MPP_RET;
        // Frames (mpp_frame.h).
        fn mpp_frame_init(frame: *mut MppFrame) -> MPP_RET;
        fn mpp_frame_deinit(frame: *mut MppFrame) -> MPP_RET;
        fn mpp_frame_set_width(frame: MppFrame, width: u32);
        fn mpp_frame_set_height(frame: MppFrame, height: u32);
        fn mpp_frame_set_hor_stride(frame: MppFrame, bytes: u32);
        fn mpp_frame_set_ver_stride(frame: MppFrame, lines: u32);
        fn mpp_frame_set_fmt(frame: MppFrame, format: MppFrameFormat);
        fn mpp_frame_set_pts(frame: MppFrame, pts: i64);
        fn mpp_frame_set_eos(frame: MppFrame, eos: u32);
        fn mpp_frame_set_buffer(frame: MppFrame, buffer: MppBuffer);
        fn mpp_frame_get_buffer(frame: MppFrame) -> MppBuffer;
        fn mpp_frame_get_meta(frame: MppFrame) -> MppMeta;
        // Packets (mpp_packet.h).
        fn mpp_packet_init_with_buffer(packet: *mut MppPacket, buffer: MppBuffer) -> MPP_RET;
        fn mpp_packet_deinit(packet: *mut MppPacket) -> MPP_RET;
        fn mpp_packet_set_length(packet: MppPacket, bytes: usize);
        fn mpp_packet_get_pos(packet: MppPacket) -> *mut c_void;
        fn mpp_packet_get_length(packet: MppPacket) -> usize;
        fn mpp_packet_get_pts(packet: MppPacket) -> i64;
        fn mpp_packet_has_meta(packet: MppPacket) -> i32;
        fn mpp_packet_get_meta(packet: MppPacket) -> MppMeta;
        fn mpp_packet_is_partition(packet: MppPacket) -> u32;
        fn mpp_packet_is_eoi(packet: MppPacket) -> u32;
        // Buffers and their groups (mpp_buffer.h); what C code calls are macros over these.
        fn mpp_buffer_group_get(group: *mut MppBufferGroup, kind: MppBufferType, mode: MppBufferMode, tag: Tag, caller: Tag) -> MPP_RET;
        fn mpp_buffer_group_put(group: MppBufferGroup) -> MPP_RET;
        fn mpp_buffer_group_limit_config(group: MppBufferGroup, bytes: usize, count: i32) -> MPP_RET;
        fn mpp_buffer_import_with_tag(group: MppBufferGroup, info: *mut MppBufferInfo, buffer: *mut MppBuffer, tag: Tag, caller: Tag) -> MPP_RET;
        fn mpp_buffer_get_with_tag(group: MppBufferGroup, buffer: *mut MppBuffer, bytes: usize, tag: Tag, caller: Tag) -> MPP_RET;
        fn mpp_buffer_put_with_caller(buffer: MppBuffer, caller: Tag) -> MPP_RET;
        fn mpp_buffer_get_ptr_with_caller(buffer: MppBuffer, caller: Tag) -> *mut c_void;
        fn mpp_buffer_get_fd_with_caller(buffer: MppBuffer, caller: Tag) -> c_int;
        fn mpp_buffer_get_size_with_caller(buffer: MppBuffer, caller: Tag) -> usize;
        // Metadata (mpp_meta.h).
        fn mpp_meta_set_s32(meta: MppMeta, key: MppMetaKey, value: i32) -> MPP_RET;
        fn mpp_meta_get_s32(meta: MppMeta, key: MppMetaKey, value: *mut i32) -> MPP_RET;
        fn mpp_meta_set_packet(meta: MppMeta, key: MppMetaKey, packet: MppPacket) -> MPP_RET;
        fn mpp_meta_get_packet(meta: MppMeta, key: MppMetaKey, packet: *mut MppPacket) -> MPP_RET;
        // Tasks (mpp_task.h).
        fn mpp_task_meta_set_frame(task: MppTask, key: MppMetaKey, frame: MppFrame) -> MPP_RET;
        fn mpp_task_meta_get_frame(task: MppTask, key: MppMetaKey, frame: *mut MppFrame) -> MPP_RET;
        fn mpp_task_meta_set_packet(task: MppTask, key: MppMetaKey, packet: MppPacket) -> MPP_RET;
        fn mpp_task_meta_get_packet(task: MppTask, key: MppMetaKey, packet: *mut MppPacket) -> MPP_RET;
    }
    optional {
        // Not in a header that is installed; there since April 2020.
        fn get_mpp_version() -> *const c_char;
        // Caches of buffers; since November 2023.
        fn mpp_buffer_sync_begin_f(buffer: MppBuffer, read_only: i32, caller: Tag) -> MPP_RET;
        fn mpp_buffer_sync_end_f(buffer: MppBuffer, read_only: i32, caller: Tag) -> MPP_RET;
    }
}

impl Mpp {
    /// Loads `library`: a name such as [`LIBRARY`], or a path.
    ///
    /// # Errors
    /// [`LoadError`], one line that says what to do.
    ///
    /// # Safety
    /// The library runs code when it is loaded: `library` must name an MPP, or nothing.
    pub unsafe fn load(library: impl AsRef<OsStr>) -> Result<Self, LoadError> {
        let path = Path::new(library.as_ref());
        // RTLD_LOCAL: its hundreds of unprefixed C symbols are nobody else's.
        // SAFETY: the caller's promise.
        let opened = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
        let opened = opened.map_err(|cause| LoadError::Missing {
            library: path.display().to_string(),
            cause: innermost(&cause, path),
        })?;
        let mut mpp = Self::look_up(&opened, path)?;
        mpp.version = mpp.ask_version();
        if mpp.version.is_too_old() {
            let (library, version) = (path.display().to_string(), mpp.version);
            return Err(LoadError::TooOld { library, version, oldest: Version::OLDEST });
        }
        // Only now that its functions are used for good; what was refused has been unloaded again.
        let _kept = ManuallyDrop::new(opened);
        Ok(mpp)
    }
    /// What was loaded.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Which one it is.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }
    fn ask_version(&self) -> Version {
        let Some(ask) = self.get_mpp_version else { return Version::default() };
        // SAFETY: it takes nothing and returns a static string.
        let text = unsafe { ask() };
        if text.is_null() {
            return Version::default();
        }
        // SAFETY: a static string that ends with a zero byte.
        let text = unsafe { CStr::from_ptr(text) };
        Version::of_text(&text.to_string_lossy())
    }
}

impl fmt::Debug for Mpp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mpp").field("path", &self.path).field("version", &self.version).finish_non_exhaustive()
    }
}

/// What the dynamic linker said, without the path that the error names already.
fn innermost(error: &libloading::Error, path: &Path) -> String {
    let said = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    said.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&said).to_owned()
}

/// # Safety
/// `T` must be the function's type.
unsafe fn optional<T: Copy>(library: &Library, name: &'static str) -> Option<T> {
    // SAFETY: the caller's promise.
    let symbol = unsafe { library.get::<T>(name.as_bytes()) };
    symbol.ok().map(|found| *found)
}

/// # Safety
/// As `optional`.
unsafe fn required<T: Copy>(library: &Library, path: &Path, name: &'static str) -> Result<T, LoadError> {
    // SAFETY: the caller's promise.
    let found = unsafe { optional(library, name) };
    found.ok_or_else(|| LoadError::Symbol { library: path.display().to_string(), symbol: name.trim_end_matches('\0') })
}
