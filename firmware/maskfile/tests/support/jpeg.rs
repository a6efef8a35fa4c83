//! JPEG files that no encoder at hand writes: progressive ones, and such with one, three or four colours. ITU-T T.81.
//!
//! Every block is flat: only its DC coefficient is there, coded with one table in which the code of a length category is the category in four bits.

/// A picture of 8 x 8 blocks, `across` in a row; `blocks` holds the samples of each, one per component (as stored: no colour transform).
pub fn flat_blocks(across: u16, blocks: &[[u8; 4]], components: u8, progressive: bool) -> Vec<u8> {
    let down = (blocks.len() / usize::from(across)) as u16;
    let mut bytes = vec![0xff, 0xd8];
    let mut segment = |marker: u8, body: &[u8]| {
        bytes.extend([0xff, marker]);
        bytes.extend((body.len() as u16 + 2).to_be_bytes());
        bytes.extend(body);
    };
    // Adobe, transform 0: three components are RGB, four are CMYK, and that inverted.
    segment(0xee, b"Adobe\0\x64\0\0\0\0\0");
    // One quantisation table: DC in steps of 8, which is a whole level of a flat block.
    segment(0xdb, &[&[0][..], &[8; 64]].concat());
    let mut frame = vec![8];
    frame.extend((down * 8).to_be_bytes());
    frame.extend((across * 8).to_be_bytes());
    frame.push(components);
    frame.extend((1..=components).flat_map(|id| [id, 0x11, 0]));
    segment(if progressive { 0xc2 } else { 0xc0 }, &frame);
    // DC: twelve codes of four bits. AC: one code of one bit, end of block.
    segment(0xc4, &[&[0, 0, 0, 0, 12][..], &[0; 12], &(0..12).collect::<Vec<u8>>()].concat());
    segment(0xc4, &[&[0x10, 1][..], &[0; 15], &[0]].concat());
    let mut scan = vec![components];
    scan.extend((1..=components).flat_map(|id| [id, 0]));
    scan.extend([0, if progressive { 0 } else { 63 }, 0]);
    segment(0xda, &scan);

    let mut bits = Bits::default();
    let mut before = [128_i32; 4];
    for block in blocks {
        for (sample, before) in block.iter().zip(&mut before).take(usize::from(components)) {
            let step = i32::from(*sample) - *before;
            *before = i32::from(*sample);
            let length = 32 - step.unsigned_abs().leading_zeros();
            bits.push(length, 4);
            bits.push(if step < 0 { (step - 1) as u32 } else { step as u32 }, length);
            if !progressive {
                bits.push(0, 1);
            }
        }
    }
    bytes.extend(bits.end());
    bytes.extend([0xff, 0xd9]);
    bytes
}

/// Entropy-coded bytes: highest bit first, 0xff stuffed.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, length: u32) {
        self.held = (self.held << length) | (u64::from(value) & ((1 << length) - 1));
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.held >> self.count) as u8;
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
    }
    fn end(mut self) -> Vec<u8> {
        self.push(0x7f, 7);
        self.bytes
    }
}
