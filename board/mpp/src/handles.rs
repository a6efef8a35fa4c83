//! The library's objects. Each is freed exactly once, by whoever drops it; each keeps the library.

use board_hal::EncodeError;
use rkmpp_sys::*;
use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::Arc;

/// An answer below zero is an error.
pub(crate) fn good(answer: MPP_RET, call: &str) -> Result<(), EncodeError> {
    if answer >= MPP_OK {
        return Ok(());
    }
    let name = match answer {
        MPP_NOK => " (MPP_NOK)",
        MPP_ERR_UNKNOW => " (MPP_ERR_UNKNOW)",
        MPP_ERR_NULL_PTR => " (MPP_ERR_NULL_PTR)",
        MPP_ERR_MALLOC | MPP_ERR_NOMEM => " (no memory)",
        MPP_ERR_VALUE => " (MPP_ERR_VALUE)",
        MPP_ERR_TIMEOUT => " (MPP_ERR_TIMEOUT)",
        MPP_ERR_PERM => " (MPP_ERR_PERM)",
        MPP_ERR_INIT => " (MPP_ERR_INIT)",
        MPP_ERR_VPUHW => " (MPP_ERR_VPUHW)",
        MPP_ERR_BUFFER_FULL => " (MPP_ERR_BUFFER_FULL)",
        _ => "",
    };
    Err(EncodeError::Failed(format!("MPP: {call} answers {answer}{name}")))
}

/// An error that is about settings, or about the start, rather than about a frame.
pub(crate) fn as_settings(error: EncodeError) -> EncodeError {
    match error {
        EncodeError::Failed(text) => EncodeError::Settings(text),
        other => other,
    }
}

/// A context: the encoder itself.
pub(crate) struct Context {
    mpp: Arc<Mpp>,
    ctx: MppCtx,
    put_frame: unsafe extern "C" fn(MppCtx, MppFrame) -> MPP_RET,
    get_packet: unsafe extern "C" fn(MppCtx, *mut MppPacket) -> MPP_RET,
    control: unsafe extern "C" fn(MppCtx, MpiCmd, MppParam) -> MPP_RET,
}

// SAFETY: the library locks; a handle is bound to no thread.
unsafe impl Send for Context {}

impl Context {
    pub(crate) fn new(mpp: &Arc<Mpp>) -> Result<Self, EncodeError> {
        let (mut ctx, mut api) = (MppCtx::NULL, std::ptr::null_mut::<MppApi>());
        // SAFETY: both pointers are to what it fills in.
        good(unsafe { (mpp.mpp_create)(&raw mut ctx, &raw mut api) }, "mpp_create")?;
        // SAFETY: what it filled in is a constant table of the library's, which is never unloaded.
        let table = unsafe { api.as_ref() };
        let entries = table.and_then(|api| Some((api.encode_put_frame?, api.encode_get_packet?, api.control?)));
        let large = table.is_some_and(|api| api.size as usize >= std::mem::offset_of!(MppApi, reserv));
        let (Some((put_frame, get_packet, control)), true) = (entries, large && !ctx.is_null()) else {
            if !ctx.is_null() {
                // SAFETY: a context that nobody uses.
                unsafe { (mpp.mpp_destroy)(ctx) };
            }
            return Err(EncodeError::Settings("MPP: its table of calls is not one that is understood".to_owned()));
        };
        Ok(Self { mpp: Arc::clone(mpp), ctx, put_frame, get_packet, control })
    }
    pub(crate) fn init(&mut self, coding: MppCodingType) -> Result<(), EncodeError> {
        // SAFETY: a live context that is not initialised yet.
        good(unsafe { (self.mpp.mpp_init)(self.ctx, MPP_CTX_ENC, coding) }, "mpp_init")
    }
    /// Commands that take a number.
    pub(crate) fn set_number(&mut self, command: MpiCmd, value: i64, what: &str) -> Result<(), EncodeError> {
        // Some releases read 32 bits, some 64; on the little-endian machines that there are, this is both.
        let mut value = value;
        let param = MppParam((&raw mut value).cast());
        // SAFETY: a live context, and a pointer to a number for the time of the call.
        good(unsafe { (self.control)(self.ctx, command, param) }, what)
    }
    pub(crate) fn want_key(&mut self) -> Result<(), EncodeError> {
        // SAFETY: a live context; this command takes nothing.
        let answer = unsafe { (self.control)(self.ctx, MPP_ENC_SET_IDR_FRAME, MppParam::NULL) };
        good(answer, "asking for a key picture")
    }
    pub(crate) fn read_config(&mut self, config: &mut Config) -> Result<(), EncodeError> {
        // SAFETY: a live context and a live configuration.
        good(unsafe { (self.control)(self.ctx, MPP_ENC_GET_CFG, MppParam(config.cfg.0)) }, "reading its settings")
    }
    pub(crate) fn write_config(&mut self, config: &Config) -> Result<(), EncodeError> {
        // SAFETY: a live context and a live configuration.
        let answer = unsafe { (self.control)(self.ctx, MPP_ENC_SET_CFG, MppParam(config.cfg.0)) };
        good(answer, "taking the settings").map_err(as_settings)
    }
    /// Fills `packet` with the parameter sets.
    pub(crate) fn header(&mut self, packet: &mut Packet) -> Result<(), EncodeError> {
        // SAFETY: a live context and a live packet with a buffer.
        let answer = unsafe { (self.control)(self.ctx, MPP_ENC_GET_HDR_SYNC, MppParam(packet.packet.0)) };
        good(answer, "asking for parameter sets")
    }
    /// Hands over a frame. **When this fails the encoder may still read it**: `frame`, and what its buffer is, must outlive this context then.
    pub(crate) fn put(&mut self, frame: &Frame) -> Result<(), EncodeError> {
        // SAFETY: a live context and a live frame, which the caller keeps.
        good(unsafe { (self.put_frame)(self.ctx, frame.frame) }, "taking a frame")
    }
    /// The next packet; `None` when there was none in time.
    pub(crate) fn get(&mut self) -> Result<Option<Packet>, EncodeError> {
        let mut packet = MppPacket::NULL;
        // SAFETY: a live context, and a pointer to what it fills in.
        let answer = unsafe { (self.get_packet)(self.ctx, &raw mut packet) };
        // Freed whatever the answer was.
        let packet = (!packet.is_null()).then(|| Packet { mpp: Arc::clone(&self.mpp), packet });
        if answer == MPP_ERR_TIMEOUT {
            return Ok(None);
        }
        good(answer, "giving a packet").map(|()| packet)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: a live context, once.
        unsafe { (self.mpp.mpp_destroy)(self.ctx) };
    }
}

/// Settings by name.
pub(crate) struct Config {
    mpp: Arc<Mpp>,
    cfg: MppEncCfg,
}

// SAFETY: as of `Context`.
unsafe impl Send for Config {}

impl Config {
    pub(crate) fn new(mpp: &Arc<Mpp>) -> Result<Self, EncodeError> {
        let mut cfg = MppEncCfg::NULL;
        // SAFETY: a pointer to what it fills in.
        good(unsafe { (mpp.mpp_enc_cfg_init)(&raw mut cfg) }, "mpp_enc_cfg_init")?;
        Ok(Self { mpp: Arc::clone(mpp), cfg })
    }
    pub(crate) fn signed(&mut self, name: &CStr, value: i32) -> Result<(), EncodeError> {
        // SAFETY: a live configuration and a C string.
        let answer = unsafe { (self.mpp.mpp_enc_cfg_set_s32)(self.cfg, name.as_ptr(), value) };
        taken(answer, name, i64::from(value))
    }
    pub(crate) fn unsigned(&mut self, name: &CStr, value: u32) -> Result<(), EncodeError> {
        // SAFETY: a live configuration and a C string.
        let answer = unsafe { (self.mpp.mpp_enc_cfg_set_u32)(self.cfg, name.as_ptr(), value) };
        taken(answer, name, i64::from(value))
    }
}

fn taken(answer: MPP_RET, name: &CStr, value: i64) -> Result<(), EncodeError> {
    let name = name.to_string_lossy();
    good(answer, &format!("{name} = {value}")).map_err(as_settings)
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: a live configuration, once.
        unsafe { (self.mpp.mpp_enc_cfg_deinit)(self.cfg) };
    }
}

/// A group that buffers come from.
pub(crate) struct Group {
    mpp: Arc<Mpp>,
    group: MppBufferGroup,
}

// SAFETY: as of `Context`.
unsafe impl Send for Group {}

impl Group {
    /// Of memory that hardware reads; with the processor's caches where the library can keep them in step.
    pub(crate) fn new(mpp: &Arc<Mpp>) -> Result<Self, EncodeError> {
        let kind = MPP_BUFFER_TYPE_DRM | if cache_control(mpp).is_some() { MPP_BUFFER_FLAGS_CACHABLE } else { 0 };
        let mut group = MppBufferGroup::NULL;
        // SAFETY: a pointer to what it fills in; tags may be null or static strings.
        let answer = unsafe {
            (mpp.mpp_buffer_group_get)(&raw mut group, kind, MPP_BUFFER_INTERNAL, TAG.as_ptr(), TAG.as_ptr())
        };
        good(answer, "making a group of buffers")?;
        Ok(Self { mpp: Arc::clone(mpp), group })
    }
    pub(crate) fn buffer(&self, bytes: usize) -> Result<Buffer, EncodeError> {
        let mut buffer = MppBuffer::NULL;
        // SAFETY: a live group, a pointer to what it fills in, static strings.
        let answer = unsafe {
            (self.mpp.mpp_buffer_get_with_tag)(self.group, &raw mut buffer, bytes, TAG.as_ptr(), TAG.as_ptr())
        };
        good(answer, &format!("giving a buffer of {bytes} bytes"))?;
        Ok(Buffer { mpp: Arc::clone(&self.mpp), buffer })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: a live group, once. Buffers of it that live on are the library's business.
        unsafe { (self.mpp.mpp_buffer_group_put)(self.group) };
    }
}

const TAG: &CStr = c"campari";

type Sync = unsafe extern "C" fn(MppBuffer, i32, Tag) -> MPP_RET;

/// Taking caches and writing them back: both or neither.
fn cache_control(mpp: &Mpp) -> Option<(Sync, Sync)> {
    mpp.mpp_buffer_sync_begin_f.zip(mpp.mpp_buffer_sync_end_f)
}

/// A share of a buffer.
pub(crate) struct Buffer {
    mpp: Arc<Mpp>,
    buffer: MppBuffer,
}

// SAFETY: as of `Context`.
unsafe impl Send for Buffer {}

impl Buffer {
    /// A dma-buf from outside. The library only notes the number: the descriptor must stay open for as long as this lives.
    pub(crate) fn import(mpp: &Arc<Mpp>, fd: i32, bytes: usize) -> Result<Self, EncodeError> {
        let nothing = std::ptr::null_mut();
        let mut info =
            MppBufferInfo { type_: MPP_BUFFER_TYPE_EXT_DMA, size: bytes, ptr: nothing, hnd: nothing, fd, index: 0 };
        let mut buffer = MppBuffer::NULL;
        // SAFETY: pointers to what it reads and fills in; no group, as for single imports; static strings.
        let answer = unsafe {
            (mpp.mpp_buffer_import_with_tag)(
                MppBufferGroup::NULL,
                &raw mut info,
                &raw mut buffer,
                TAG.as_ptr(),
                TAG.as_ptr(),
            )
        };
        good(answer, "importing a dma-buf")?;
        Ok(Self { mpp: Arc::clone(mpp), buffer })
    }
    /// Lends the buffer's first `bytes` to write, and writes the caches back after it.
    pub(crate) fn write(&mut self, bytes: usize, fill: impl FnOnce(&mut [u8])) -> Result<(), EncodeError> {
        let control = cache_control(&self.mpp);
        self.sync(control.map(|(begin, _)| begin), "taking its caches")?;
        // SAFETY: a live buffer.
        let size = unsafe { (self.mpp.mpp_buffer_get_size_with_caller)(self.buffer, TAG.as_ptr()) };
        // SAFETY: a live buffer.
        let start = unsafe { (self.mpp.mpp_buffer_get_ptr_with_caller)(self.buffer, TAG.as_ptr()) };
        let start = NonNull::new(start.cast::<u8>()).filter(|_| size >= bytes);
        let start =
            start.ok_or_else(|| EncodeError::Failed(format!("MPP: a buffer of {size} bytes cannot be used")))?;
        // SAFETY: `size` bytes are mapped there for as long as the buffer lives, and while no frame is on its way nobody else looks.
        fill(unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), bytes) });
        self.sync(control.map(|(_, end)| end), "writing its caches back")
    }
    fn sync(&self, call: Option<Sync>, what: &str) -> Result<(), EncodeError> {
        let Some(call) = call else { return Ok(()) };
        // SAFETY: a live buffer, to read and write.
        good(unsafe { call(self.buffer, 0, TAG.as_ptr()) }, what)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: a share of ours, once.
        unsafe { (self.mpp.mpp_buffer_put_with_caller)(self.buffer, TAG.as_ptr()) };
    }
}

/// What is said of a picture.
pub(crate) struct Frame {
    mpp: Arc<Mpp>,
    frame: MppFrame,
}

// SAFETY: as of `Context`.
unsafe impl Send for Frame {}

/// Numbers of a frame.
pub(crate) struct FrameNumbers {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) stride: u32,
    pub(crate) lines: u32,
    pub(crate) pts: i64,
}

impl Frame {
    pub(crate) fn new(mpp: &Arc<Mpp>, numbers: &FrameNumbers, buffer: &Buffer) -> Result<Self, EncodeError> {
        let mut frame = MppFrame::NULL;
        // SAFETY: a pointer to what it fills in.
        good(unsafe { (mpp.mpp_frame_init)(&raw mut frame) }, "mpp_frame_init")?;
        let made = Self { mpp: Arc::clone(mpp), frame };
        // SAFETY: a live frame, in this and the following calls.
        unsafe { (mpp.mpp_frame_set_width)(frame, numbers.width) };
        // SAFETY: as above.
        unsafe { (mpp.mpp_frame_set_height)(frame, numbers.height) };
        // SAFETY: as above.
        unsafe { (mpp.mpp_frame_set_hor_stride)(frame, numbers.stride) };
        // SAFETY: as above.
        unsafe { (mpp.mpp_frame_set_ver_stride)(frame, numbers.lines) };
        // SAFETY: as above.
        unsafe { (mpp.mpp_frame_set_fmt)(frame, MPP_FMT_YUV420SP) };
        // SAFETY: as above.
        unsafe { (mpp.mpp_frame_set_pts)(frame, numbers.pts) };
        // SAFETY: as above, and a live buffer, of which the frame takes a share.
        unsafe { (mpp.mpp_frame_set_buffer)(frame, buffer.buffer) };
        Ok(made)
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: a live frame, once.
        unsafe { (self.mpp.mpp_frame_deinit)(&raw mut self.frame) };
    }
}

/// A piece of the stream.
pub(crate) struct Packet {
    mpp: Arc<Mpp>,
    packet: MppPacket,
}

impl Packet {
    /// An empty one, to be filled.
    pub(crate) fn new(mpp: &Arc<Mpp>, buffer: &Buffer) -> Result<Self, EncodeError> {
        let mut packet = MppPacket::NULL;
        // SAFETY: a pointer to what it fills in, and a live buffer, of which the packet takes a share.
        let answer = unsafe { (mpp.mpp_packet_init_with_buffer)(&raw mut packet, buffer.buffer) };
        good(answer, "mpp_packet_init_with_buffer")?;
        // SAFETY: a live packet.
        unsafe { (mpp.mpp_packet_set_length)(packet, 0) };
        Ok(Self { mpp: Arc::clone(mpp), packet })
    }
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: a live packet.
        let length = unsafe { (self.mpp.mpp_packet_get_length)(self.packet) };
        // SAFETY: a live packet.
        let start = unsafe { (self.mpp.mpp_packet_get_pos)(self.packet) }.cast_const();
        if start.is_null() || length > isize::MAX as usize {
            return &[];
        }
        // SAFETY: the library says that so many bytes are there, for as long as the packet lives.
        unsafe { std::slice::from_raw_parts(start.cast(), length) }
    }
    pub(crate) fn pts(&self) -> i64 {
        // SAFETY: a live packet.
        unsafe { (self.mpp.mpp_packet_get_pts)(self.packet) }
    }
    /// More of the same picture follows.
    pub(crate) fn is_followed(&self) -> bool {
        // SAFETY: a live packet.
        let part = unsafe { (self.mpp.mpp_packet_is_partition)(self.packet) } != 0;
        // SAFETY: a live packet.
        part && unsafe { (self.mpp.mpp_packet_is_eoi)(self.packet) } == 0
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: a live packet, once.
        unsafe { (self.mpp.mpp_packet_deinit)(&raw mut self.packet) };
    }
}
