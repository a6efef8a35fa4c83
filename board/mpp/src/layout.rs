//! Where a picture's planes lie, as MPP can be told: luma at the start, lines of both planes alike, chroma after so many lines.

use mask::{DmaBuf, Geometry};

/// Hardware reads lines that begin at multiples of this, bytes.
const LINE_ALIGNMENT: usize = 16;
/// Pictures are coded in blocks of so many lines.
const BLOCK_LINES: usize = 16;

/// Strides of both planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bytes from line to line.
    pub(crate) stride: usize,
    /// Lines of luma before chroma begins.
    pub(crate) lines: usize,
}

impl Layout {
    /// Of a buffer of our own.
    pub(crate) fn own(geometry: &Geometry) -> Self {
        Self {
            stride: geometry.width.next_multiple_of(LINE_ALIGNMENT),
            lines: geometry.height.next_multiple_of(BLOCK_LINES),
        }
    }
    /// Of a camera's buffer; `None` when the hardware could not read it.
    pub(crate) fn of_dma_buf(buffer: &DmaBuf<'_>, geometry: &Geometry) -> Option<Self> {
        let stride = geometry.luma_stride;
        let sound = geometry.chroma_stride == stride
            && stride.is_multiple_of(LINE_ALIGNMENT)
            && buffer.luma_offset == 0
            && buffer.chroma_offset.is_multiple_of(stride);
        let layout = Self { stride, lines: buffer.chroma_offset.checked_div(stride)? };
        // Whole lines are read, the last one too.
        let fits = layout.lines.is_multiple_of(2) && layout.lines >= geometry.height;
        (sound && fits && buffer.chroma_offset + stride * (geometry.height / 2) <= buffer.len).then_some(layout)
    }
    /// Bytes of a buffer of our own.
    pub(crate) fn bytes(self) -> usize {
        self.stride * self.lines * 3 / 2
    }
    pub(crate) fn chroma_offset(self) -> usize {
        self.stride * self.lines
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn only_a_buffer_that_hardware_can_read_is_taken_as_it_lies() {
        let file = File::open("/dev/null").unwrap();
        let geometry = Geometry { width: 100, height: 50, luma_stride: 112, chroma_stride: 112 };
        let good = DmaBuf { fd: file.as_fd(), len: 112 * 64 + 112 * 25, luma_offset: 0, chroma_offset: 112 * 64 };
        assert_eq!(Layout::of_dma_buf(&good, &geometry), Some(Layout { stride: 112, lines: 64 }));
        for (what, bad) in [
            ("luma not at the start", DmaBuf { luma_offset: 112, ..good }),
            ("chroma within a line", DmaBuf { chroma_offset: 112 * 64 + 16, ..good }),
            ("an odd line", DmaBuf { chroma_offset: 112 * 63, ..good }),
            ("chroma over luma", DmaBuf { chroma_offset: 112 * 48, ..good }),
            ("the last line cut", DmaBuf { len: good.len - 1, ..good }),
        ] {
            assert_eq!(Layout::of_dma_buf(&bad, &geometry), None, "{what}");
        }
        for odd in [
            Geometry { luma_stride: 100, chroma_stride: 100, ..geometry },
            Geometry { chroma_stride: 128, ..geometry },
            Geometry { luma_stride: 0, chroma_stride: 0, ..geometry },
        ] {
            assert_eq!(Layout::of_dma_buf(&good, &odd), None, "{odd:?}");
        }
    }
}
