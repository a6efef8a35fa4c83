//! The C functions, as the headers have them.

use crate::context::{Context, called, offers};
use crate::faults::{is_refused, text};
use crate::memory::{Buffer, Group};
use crate::objects::{Frame, Meta, Packet, Settings, Share, give, is_unsigned, look, take};
use rkmpp_sys::{
    MPP_CTX_ENC, MPP_ENC_GET_CFG, MPP_ENC_GET_HDR_SYNC, MPP_ENC_SET_CFG, MPP_ENC_SET_HEADER_MODE,
    MPP_ENC_SET_IDR_FRAME, MPP_ENC_SET_SEI_CFG, MPP_ERR_NOMEM, MPP_ERR_NULL_PTR, MPP_NOK, MPP_OK, MPP_RET,
    MPP_SET_INPUT_TIMEOUT, MPP_SET_OUTPUT_TIMEOUT, MpiCmd, MppApi, MppBuffer, MppBufferGroup, MppBufferInfo, MppCtx,
    MppEncCfg, MppFrame, MppMeta, MppPacket, MppParam, MppTask, Tag,
};
use std::ffi::{c_char, c_int, c_void};
use std::ptr::null;

/// Looks behind a handle of the caller's.
macro_rules! behind {
    ($handle:expr => $kind:ty) => {{
        // SAFETY: a live handle of that kind, or null: the C interface's contract.
        let found = unsafe { look::<$kind>($handle.0) };
        match found {
            Some(found) => found,
            None => return,
        }
    }};
    ($handle:expr => $kind:ty, else $otherwise:expr) => {{
        // SAFETY: a live handle of that kind, or null: the C interface's contract.
        let found = unsafe { look::<$kind>($handle.0) };
        match found {
            Some(found) => found,
            None => return $otherwise,
        }
    }};
}

/// Writes through a pointer of the caller's.
macro_rules! write {
    ($pointer:expr, $value:expr) => {{
        let pointer = $pointer;
        if pointer.is_null() {
            return MPP_ERR_NULL_PTR;
        }
        // SAFETY: a valid pointer to such a value: the C interface's contract.
        unsafe { pointer.write($value) };
    }};
}

struct Table(MppApi);
// SAFETY: constant, and the pointers in it are to functions.
unsafe impl Sync for Table {}

static API: Table = Table(MppApi {
    size: size_of::<MppApi>() as u32,
    version: 0,
    decode: null(),
    decode_put_packet: null(),
    decode_get_frame: null(),
    encode: null(),
    encode_put_frame: Some(put_frame),
    encode_get_packet: Some(get_packet),
    isp: null(),
    isp_put_frame: null(),
    isp_get_frame: null(),
    poll: None,
    dequeue: None,
    enqueue: None,
    reset: None,
    control: Some(control),
    reserv: [0; 16],
});

unsafe extern "C" fn put_frame(ctx: MppCtx, frame: MppFrame) -> MPP_RET {
    let context = behind!(ctx => Context, else MPP_ERR_NULL_PTR);
    called("put", || context.put(frame))
}

unsafe extern "C" fn get_packet(ctx: MppCtx, packet: *mut MppPacket) -> MPP_RET {
    let context = behind!(ctx => Context, else MPP_ERR_NULL_PTR);
    called("get", || match context.get() {
        Ok(got) => {
            write!(packet, got);
            MPP_OK
        }
        Err(error) => error,
    })
}

unsafe extern "C" fn control(ctx: MppCtx, command: MpiCmd, param: MppParam) -> MPP_RET {
    let context = behind!(ctx => Context, else MPP_ERR_NULL_PTR);
    // SAFETY: commands that take a number take a pointer to one: the C interface's contract.
    let number = || unsafe { param.0.cast::<c_int>().as_ref() }.copied().unwrap_or(0);
    match command {
        MPP_SET_INPUT_TIMEOUT | MPP_SET_OUTPUT_TIMEOUT => {
            context.set_timeout(command == MPP_SET_INPUT_TIMEOUT, number())
        }
        MPP_ENC_GET_CFG => {
            *behind!(param => Settings, else MPP_ERR_NULL_PTR) = context.settings();
            MPP_OK
        }
        MPP_ENC_SET_CFG => {
            let new = behind!(param => Settings, else MPP_ERR_NULL_PTR);
            called("set_cfg", || context.configure(new))
        }
        MPP_ENC_SET_IDR_FRAME => called("idr", || {
            context.want_key();
            MPP_OK
        }),
        MPP_ENC_SET_HEADER_MODE => {
            context.set_header_mode(number());
            MPP_OK
        }
        MPP_ENC_SET_SEI_CFG => MPP_OK,
        MPP_ENC_GET_HDR_SYNC => {
            let packet = behind!(param => Packet, else MPP_ERR_NULL_PTR);
            let header = context.header();
            if header.is_empty() || packet.buffer.buffer().write(&header).is_none() {
                return MPP_NOK;
            }
            packet.length = header.len();
            MPP_OK
        }
        _ => MPP_NOK,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_create(ctx: *mut MppCtx, api: *mut *mut MppApi) -> MPP_RET {
    called("create", || {
        write!(api, (&raw const API.0).cast_mut());
        write!(ctx, MppCtx(give(Context::new())));
        MPP_OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_init(ctx: MppCtx, kind: c_int, coding: c_int) -> MPP_RET {
    let context = behind!(ctx => Context, else MPP_ERR_NULL_PTR);
    called("init", || if kind == MPP_CTX_ENC { context.start(coding) } else { MPP_NOK })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_destroy(ctx: MppCtx) -> MPP_RET {
    called("destroy", || {
        // SAFETY: a live context, the C interface's contract.
        match unsafe { take::<Context>(ctx.0) } {
            Some(context) => {
                drop(context);
                MPP_OK
            }
            None => MPP_ERR_NULL_PTR,
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_check_support_format(kind: c_int, coding: c_int) -> MPP_RET {
    if kind == MPP_CTX_ENC && offers(coding) { MPP_OK } else { MPP_NOK }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn get_mpp_version() -> *const c_char {
    crate::faults::version()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_enc_cfg_init(cfg: *mut MppEncCfg) -> MPP_RET {
    write!(cfg, MppEncCfg(give(Settings::default())));
    MPP_OK
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_enc_cfg_deinit(cfg: MppEncCfg) -> MPP_RET {
    // SAFETY: a live configuration, the C interface's contract.
    if unsafe { take::<Settings>(cfg.0) }.is_some() { MPP_OK } else { MPP_ERR_NULL_PTR }
}

fn set(cfg: MppEncCfg, name: *const c_char, value: i64, unsigned: bool) -> MPP_RET {
    // SAFETY: a C string, the C interface's contract.
    let name = unsafe { text(name) };
    if is_refused(&name) || is_unsigned(&name) != Some(unsigned) {
        return MPP_NOK;
    }
    behind!(cfg => Settings, else MPP_ERR_NULL_PTR).0.insert(name, value);
    MPP_OK
}

fn get(cfg: MppEncCfg, name: *const c_char) -> Option<i64> {
    // SAFETY: a C string, the C interface's contract.
    let name = unsafe { text(name) };
    is_unsigned(&name)?;
    Some(behind!(cfg => Settings, else None).get(&name, 0))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_enc_cfg_set_s32(cfg: MppEncCfg, name: *const c_char, value: i32) -> MPP_RET {
    set(cfg, name, value.into(), false)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_enc_cfg_set_u32(cfg: MppEncCfg, name: *const c_char, value: u32) -> MPP_RET {
    set(cfg, name, value.into(), true)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_enc_cfg_get_s32(cfg: MppEncCfg, name: *const c_char, value: *mut i32) -> MPP_RET {
    let Some(found) = get(cfg, name) else { return MPP_NOK };
    write!(value, found as i32);
    MPP_OK
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_enc_cfg_get_u32(cfg: MppEncCfg, name: *const c_char, value: *mut u32) -> MPP_RET {
    let Some(found) = get(cfg, name) else { return MPP_NOK };
    write!(value, found as u32);
    MPP_OK
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_frame_init(frame: *mut MppFrame) -> MPP_RET {
    called("frame", || {
        write!(frame, MppFrame(give(Frame::default())));
        MPP_OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_frame_deinit(frame: *mut MppFrame) -> MPP_RET {
    // SAFETY: a valid pointer to a handle, the C interface's contract.
    let handle = unsafe { frame.replace(MppFrame::NULL) };
    // SAFETY: a live frame, likewise.
    if unsafe { take::<Frame>(handle.0) }.is_some() { MPP_OK } else { MPP_ERR_NULL_PTR }
}

macro_rules! frame_setters {
    ($($name:ident($field:ident: $kind:ty);)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(frame: MppFrame, value: $kind) {
            behind!(frame => Frame).$field = value;
        }
    )*};
}

frame_setters! {
    mpp_frame_set_width(width: u32);
    mpp_frame_set_height(height: u32);
    mpp_frame_set_hor_stride(hor_stride: u32);
    mpp_frame_set_ver_stride(ver_stride: u32);
    mpp_frame_set_fmt(format: c_int);
    mpp_frame_set_pts(pts: i64);
    mpp_frame_set_eos(eos: u32);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_frame_set_buffer(frame: MppFrame, buffer: MppBuffer) {
    // SAFETY: a live buffer or null, the C interface's contract.
    let share = unsafe { Share::of(buffer) };
    behind!(frame => Frame).buffer = share;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_frame_get_buffer(frame: MppFrame) -> MppBuffer {
    behind!(frame => Frame, else MppBuffer::NULL).buffer.as_ref().map_or(MppBuffer::NULL, Share::handle)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_frame_get_meta(frame: MppFrame) -> MppMeta {
    MppMeta((&raw mut behind!(frame => Frame, else MppMeta::NULL).meta).cast())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_packet_init_with_buffer(packet: *mut MppPacket, buffer: MppBuffer) -> MPP_RET {
    // SAFETY: a live buffer or null, the C interface's contract.
    let Some(buffer) = (unsafe { Share::of(buffer) }) else { return MPP_ERR_NULL_PTR };
    let length = buffer.buffer().size();
    let new = Packet { buffer, length, pts: 0, meta: Meta::default(), partition: false, last: false };
    write!(packet, MppPacket(give(new)));
    MPP_OK
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_packet_deinit(packet: *mut MppPacket) -> MPP_RET {
    // SAFETY: a valid pointer to a handle, the C interface's contract.
    let handle = unsafe { packet.replace(MppPacket::NULL) };
    // SAFETY: a live packet, likewise.
    if unsafe { take::<Packet>(handle.0) }.is_some() { MPP_OK } else { MPP_ERR_NULL_PTR }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_packet_set_length(packet: MppPacket, bytes: usize) {
    behind!(packet => Packet).length = bytes;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_packet_get_pos(packet: MppPacket) -> *mut c_void {
    behind!(packet => Packet, else std::ptr::null_mut()).buffer.buffer().start()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_packet_get_length(packet: MppPacket) -> usize {
    behind!(packet => Packet, else 0).length
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_packet_get_pts(packet: MppPacket) -> i64 {
    behind!(packet => Packet, else 0).pts
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_packet_has_meta(packet: MppPacket) -> i32 {
    i32::from(!behind!(packet => Packet, else 0).meta.0.is_empty())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_packet_get_meta(packet: MppPacket) -> MppMeta {
    MppMeta((&raw mut behind!(packet => Packet, else MppMeta::NULL).meta).cast())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_packet_is_partition(packet: MppPacket) -> u32 {
    u32::from(behind!(packet => Packet, else 0).partition)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_packet_is_eoi(packet: MppPacket) -> u32 {
    u32::from(behind!(packet => Packet, else 0).last)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_buffer_group_get(
    group: *mut MppBufferGroup,
    _kind: c_int,
    _mode: c_int,
    _tag: Tag,
    _caller: Tag,
) -> MPP_RET {
    called("group", || {
        write!(group, Group::default().give());
        MPP_OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_buffer_group_put(group: MppBufferGroup) -> MPP_RET {
    // SAFETY: a live group, the C interface's contract.
    if unsafe { take::<Group>(group.0) }.is_some() { MPP_OK } else { MPP_ERR_NULL_PTR }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_buffer_group_limit_config(group: MppBufferGroup, _bytes: usize, count: i32) -> MPP_RET {
    behind!(group => Group, else MPP_ERR_NULL_PTR).limit(usize::try_from(count).unwrap_or(0));
    MPP_OK
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_buffer_import_with_tag(
    _group: MppBufferGroup,
    info: *mut MppBufferInfo,
    buffer: *mut MppBuffer,
    _tag: Tag,
    _caller: Tag,
) -> MPP_RET {
    called("import", || {
        // SAFETY: a valid pointer or null, the C interface's contract.
        let Some(info) = (unsafe { info.as_ref() }) else { return MPP_ERR_NULL_PTR };
        let Some(imported) = Buffer::import(info.fd, info.size) else { return MPP_NOK };
        write!(buffer, imported);
        MPP_OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_buffer_get_with_tag(
    group: MppBufferGroup,
    buffer: *mut MppBuffer,
    bytes: usize,
    _tag: Tag,
    _caller: Tag,
) -> MPP_RET {
    let group = behind!(group => Group, else MPP_ERR_NULL_PTR);
    called("buffer", || {
        let Some(got) = group.get(bytes) else { return MPP_ERR_NOMEM };
        write!(buffer, got);
        MPP_OK
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_buffer_put_with_caller(buffer: MppBuffer, _caller: Tag) -> MPP_RET {
    if buffer.is_null() {
        return MPP_ERR_NULL_PTR;
    }
    // SAFETY: a live buffer of which the caller has a share, the C interface's contract.
    unsafe { Buffer::unshare(buffer) };
    MPP_OK
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_buffer_get_ptr_with_caller(buffer: MppBuffer, _caller: Tag) -> *mut c_void {
    behind!(buffer => Buffer, else std::ptr::null_mut()).start()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_buffer_get_fd_with_caller(buffer: MppBuffer, _caller: Tag) -> c_int {
    behind!(buffer => Buffer, else -1).fd()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_buffer_get_size_with_caller(buffer: MppBuffer, _caller: Tag) -> usize {
    behind!(buffer => Buffer, else 0).size()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_buffer_sync_begin_f(_buffer: MppBuffer, _read_only: i32, _caller: Tag) -> MPP_RET {
    called("sync_begin", || MPP_OK)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_buffer_sync_end_f(_buffer: MppBuffer, _read_only: i32, _caller: Tag) -> MPP_RET {
    called("sync_end", || MPP_OK)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_meta_set_s32(meta: MppMeta, key: c_int, value: i32) -> MPP_RET {
    behind!(meta => Meta, else MPP_ERR_NULL_PTR).0.insert(key, value);
    MPP_OK
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mpp_meta_get_s32(meta: MppMeta, key: c_int, value: *mut i32) -> MPP_RET {
    let Some(found) = behind!(meta => Meta, else MPP_ERR_NULL_PTR).0.get(&key) else { return MPP_NOK };
    write!(value, *found);
    MPP_OK
}

/// What is not simulated, though the library must have it.
macro_rules! unsimulated {
    ($($name:ident($($argument:ty),*);)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($(_: $argument),*) -> MPP_RET {
            MPP_NOK
        }
    )*};
}

unsimulated! {
    mpp_meta_set_packet(MppMeta, c_int, MppPacket);
    mpp_meta_get_packet(MppMeta, c_int, *mut MppPacket);
    mpp_task_meta_set_frame(MppTask, c_int, MppFrame);
    mpp_task_meta_get_frame(MppTask, c_int, *mut MppFrame);
    mpp_task_meta_set_packet(MppTask, c_int, MppPacket);
    mpp_task_meta_get_packet(MppTask, c_int, *mut MppPacket);
}
