//! One context with what belongs to it, and the calls in their order. Runs on the worker's thread, since any call may take its time.

use crate::handles::{Buffer, Config, Context, Frame, FrameNumbers, Group, Packet, as_settings};
use crate::imports::Imports;
use crate::layout::Layout;
use crate::library::coding;
use crate::settings::{self, MppOptions};
use board_hal::annexb::AccessUnit;
use board_hal::{EncodeError, EncoderSettings};
use mask::{ColourMatrix, ColourRange, Geometry, MaskedFrame};
use rkmpp_sys::*;
use std::sync::Arc;
use std::time::Instant;

/// Larger than any access unit that makes sense: something is wrong with the packets then.
const MOST_BYTES: usize = 32 << 20;
/// More slices than a picture has rows of blocks.
const MOST_PACKETS: usize = 1024;
/// Room for parameter sets.
const HEADER_BYTES: usize = 4096;

/// See the [module](self). Fields are dropped from the top: the context first, because until it is gone the hardware may read all that follows.
pub(crate) struct Session {
    context: Context,
    /// A frame that did not come back.
    on_its_way: Option<Frame>,
    config: Config,
    imports: Imports,
    /// For frames without a dma-buf.
    own: Option<Buffer>,
    group: Group,
    mpp: Arc<Mpp>,
    settings: EncoderSettings,
    range: ColourRange,
    options: MppOptions,
    layout: Layout,
    pts: i64,
    copies: bool,
}

impl Session {
    pub(crate) fn open(
        mpp: &Arc<Mpp>,
        settings: EncoderSettings,
        (range, matrix): (ColourRange, ColourMatrix),
        options: MppOptions,
    ) -> Result<Self, EncodeError> {
        let start = |error| match as_settings(error) {
            EncodeError::Settings(text) => {
                EncodeError::Settings(format!("{text}; is /dev/mpp_service there, and may this user open it?"))
            }
            other => other,
        };
        let mut context = Context::new(mpp).map_err(as_settings)?;
        // Less than whoever waits for this thread: a library that keeps its own timeouts says so first.
        let patience_ms = i64::try_from(options.stuck_after.as_millis() * 3 / 4).unwrap_or(i64::MAX).clamp(1, 8000);
        context.set_number(MPP_SET_INPUT_TIMEOUT, patience_ms, "taking a timeout")?;
        context.set_number(MPP_SET_OUTPUT_TIMEOUT, patience_ms, "taking a timeout")?;
        context.init(coding(settings.codec)).map_err(start)?;
        let group = Group::new(mpp).map_err(as_settings)?;
        let mut config = Config::new(mpp)?;
        context.read_config(&mut config)?;
        let layout = Layout::own(&Geometry::packed(settings.width, settings.height));
        settings::apply(&mut config, &settings, (range, matrix), &options, layout)?;
        context.write_config(&config)?;
        let header = i64::from(MPP_ENC_HEADER_MODE_EACH_IDR);
        context.set_number(MPP_ENC_SET_HEADER_MODE, header, "taking the header mode")?;
        let silent = i64::from(MPP_ENC_SEI_MODE_DISABLE);
        // Messages about rate control in the stream are nobody's business; a library that insists may keep them.
        if let Err(error) = context.set_number(MPP_ENC_SET_SEI_CFG, silent, "taking the SEI mode") {
            tracing::debug!(%error, "MPP goes without a setting");
        }
        let imports = Imports::new(mpp);
        Ok(Self {
            context,
            on_its_way: None,
            config,
            imports,
            own: None,
            group,
            mpp: Arc::clone(mpp),
            settings,
            range,
            options,
            layout,
            pts: 0,
            copies: false,
        })
    }

    /// Encodes one frame into `data`; true for a key picture. After an error only dropping is left.
    pub(crate) fn encode(&mut self, frame: &MaskedFrame, key: bool, data: &mut Vec<u8>) -> Result<bool, EncodeError> {
        data.clear();
        self.check(frame)?;
        // The first picture is a key picture whatever is asked; asking once more would cost another on some chips.
        let key_asked = key && self.pts > 0;
        let layout = self.place(frame)?;
        if layout != self.layout {
            settings::apply_layout(&mut self.config, layout)?;
            self.context.write_config(&self.config)?;
            self.layout = layout;
        }
        if key_asked {
            self.context.want_key()?;
        }
        self.pts += 1;
        let numbers = FrameNumbers {
            width: self.settings.width as u32,
            height: self.settings.height as u32,
            stride: layout.stride as u32,
            lines: layout.lines as u32,
            pts: self.pts,
        };
        let buffer = match (frame.dma_buf().filter(|_| !self.copies), &self.own) {
            (Some(dma_buf), _) => self.imports.get(&dma_buf)?,
            (None, Some(own)) => own,
            (None, None) => return Err(EncodeError::Failed("MPP: no buffer for the frame".to_owned())),
        };
        let made = Frame::new(&self.mpp, &numbers, buffer)?;
        let on_its_way = self.on_its_way.insert(made);
        let start = Instant::now();
        self.context.put(on_its_way).map_err(|error| {
            let took = start.elapsed();
            if took * 2 > self.options.stuck_after { EncodeError::Stuck(took) } else { error }
        })?;
        self.collect(data)?;
        self.on_its_way = None;
        let unit = self.finish(data)?;
        if (key || self.pts == 1) && !unit {
            return Err(EncodeError::Failed("MPP: a key picture was asked for, another came".to_owned()));
        }
        Ok(unit)
    }

    /// Another rate from the next frame on.
    pub(crate) fn change(&mut self, settings: EncoderSettings) -> Result<(), EncodeError> {
        let asked = settings::apply_rate(&mut self.config, &settings, &self.options);
        match asked.and_then(|()| self.context.write_config(&self.config)) {
            Ok(()) => {
                self.settings = settings;
                Ok(())
            }
            Err(error) => {
                // What was half set must not come with the next change.
                settings::apply_rate(&mut self.config, &self.settings, &self.options)?;
                Err(error)
            }
        }
    }

    fn check(&self, frame: &MaskedFrame) -> Result<(), EncodeError> {
        let (info, settings) = (frame.info(), &self.settings);
        let Geometry { width, height, .. } = info.geometry;
        if (width, height, info.range) == (settings.width, settings.height, self.range) {
            return Ok(());
        }
        Err(EncodeError::Failed(format!(
            "the frame is {width}x{height} with {:?} range, the encoder is set to {}x{} with {:?}; open one for the frame",
            info.range, settings.width, settings.height, self.range
        )))
    }

    /// Where the frame's planes lie; copies them where they cannot stay.
    fn place(&mut self, frame: &MaskedFrame) -> Result<Layout, EncodeError> {
        let geometry = frame.info().geometry;
        let in_place = frame.dma_buf().and_then(|buffer| Layout::of_dma_buf(&buffer, &geometry));
        if self.pts < 2 || in_place.is_none() != self.copies {
            let why =
                if frame.dma_buf().is_none() { "they have no dma-buf" } else { "the hardware cannot read its layout" };
            match in_place {
                Some(Layout { stride, lines }) => tracing::info!(stride, lines, "frames are encoded where they lie"),
                None => tracing::info!(why, "frames are copied for MPP: some 30 ms each of an RK3568 at 1080p"),
            }
        }
        self.copies = in_place.is_none();
        if let Some(layout) = in_place {
            return Ok(layout);
        }
        let layout = Layout::own(&geometry);
        let fresh = self.own.is_none();
        let own = match &mut self.own {
            Some(own) => own,
            none => none.insert(self.group.buffer(layout.bytes())?),
        };
        let planes = frame.planes();
        own.write(layout.bytes(), |bytes| {
            if fresh {
                // Once: nothing of former pictures lies between and below the lines.
                bytes.fill(0);
            }
            let (luma, chroma) = bytes.split_at_mut(layout.chroma_offset());
            copy(planes.luma, geometry.luma_stride, luma, layout.stride, geometry.width, geometry.height);
            copy(planes.chroma, geometry.chroma_stride, chroma, layout.stride, geometry.width, geometry.height / 2);
        })?;
        Ok(layout)
    }

    /// All packets of the frame that was put in.
    fn collect(&mut self, data: &mut Vec<u8>) -> Result<(), EncodeError> {
        for _ in 0..MOST_PACKETS {
            let Some(packet) = self.context.get()? else {
                return Err(EncodeError::Stuck(self.options.stuck_after));
            };
            if packet.pts() != self.pts {
                let (came, pts) = (packet.pts(), self.pts);
                return Err(EncodeError::Failed(format!("MPP: a packet of frame {came} came for frame {pts}")));
            }
            let bytes = packet.bytes();
            if data.len() + bytes.len() > MOST_BYTES {
                return Err(EncodeError::Failed(format!("MPP: a picture of more than {MOST_BYTES} bytes")));
            }
            data.extend_from_slice(bytes);
            if !packet.is_followed() {
                return Ok(());
            }
        }
        Err(EncodeError::Failed(format!("MPP: a picture of more than {MOST_PACKETS} packets")))
    }

    /// Checks the access unit, and gives a key picture its parameter sets where the library did not.
    fn finish(&mut self, data: &mut Vec<u8>) -> Result<bool, EncodeError> {
        let codec = self.settings.codec;
        let wrong = || EncodeError::Failed("MPP: what came is no access unit".to_owned());
        let unit = AccessUnit::read(codec, data).ok_or_else(wrong)?;
        if unit.key && !unit.has_header {
            let buffer = self.group.buffer(HEADER_BYTES)?;
            let mut packet = Packet::new(&self.mpp, &buffer)?;
            self.context.header(&mut packet)?;
            data.splice(0..0, packet.bytes().iter().copied());
            if !AccessUnit::read(codec, data).is_some_and(|unit| unit.key && unit.has_header) {
                return Err(EncodeError::Failed("MPP: no parameter sets for a key picture".to_owned()));
            }
        }
        Ok(unit.key)
    }
}

fn copy(from: &[u8], from_stride: usize, to: &mut [u8], to_stride: usize, width: usize, lines: usize) {
    for (from, to) in from.chunks(from_stride).zip(to.chunks_mut(to_stride)).take(lines) {
        to[..width].copy_from_slice(&from[..width]);
    }
}
