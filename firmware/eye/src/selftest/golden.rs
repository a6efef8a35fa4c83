//! The golden pictures, built into the program. Their format is described in `models/selftest.py`, which draws them.

use mask::{Class, Geometry, Planes, Rect};
use serde::Deserialize;

/// Name and file, in the order of `expected.json`.
const FILES: [(&str, &[u8]); 6] = [
    ("close-by", include_bytes!("../../../../models/selftest/close-by.png")),
    ("near-by-day", include_bytes!("../../../../models/selftest/near-by-day.png")),
    ("far-by-day", include_bytes!("../../../../models/selftest/far-by-day.png")),
    ("by-night", include_bytes!("../../../../models/selftest/by-night.png")),
    ("in-colour", include_bytes!("../../../../models/selftest/in-colour.png")),
    ("nothing", include_bytes!("../../../../models/selftest/nothing.png")),
];
const EXPECTED: &str = include_str!("../../../../models/selftest/expected.json");
/// Most bytes of one unpacked picture.
const MAX_BYTES: usize = 4 << 20;

/// Why the golden set cannot be used. A build that passed its tests never says so.
#[derive(Debug, thiserror::Error)]
#[error(
    "golden set of the self-test: {picture}: {cause}; build from a whole checkout, after `python models/selftest.py`"
)]
pub struct GoldenError {
    /// Which picture or file.
    pub picture: &'static str,
    /// What is wrong with it.
    pub cause: String,
}

/// What was drawn: a class and where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Head or plate.
    pub class: Class,
    /// Its outline's box, pixels of the picture.
    pub rect: Rect,
}

/// A place of one colour; the middle of a square of 8 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flat {
    /// From the left, pixels of the picture.
    pub x: usize,
    /// From the top.
    pub y: usize,
    /// Red, green, blue.
    pub rgb: [u8; 3],
}

/// One picture and what is in it.
pub struct Golden {
    /// For state and log.
    pub name: &'static str,
    /// What must be found.
    pub objects: Vec<Expected>,
    /// Colours that must reach the network.
    pub flats: Vec<Flat>,
    /// NV12, rows without padding, BT.601, 16..235.
    bytes: Vec<u8>,
    luma_len: usize,
}

impl Golden {
    /// The pixels.
    #[must_use]
    pub fn planes(&self) -> Planes<'_> {
        let (luma, chroma) = self.bytes.split_at(self.luma_len);
        Planes { luma, chroma }
    }
}

/// All pictures, of one size.
pub struct GoldenSet {
    pictures: Vec<Golden>,
    geometry: Geometry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    picture: String,
    objects: Vec<EntryObject>,
    flats: Vec<Flat>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryObject {
    class: EntryClass,
    x: f32,
    y: f32,
    w: f32,
    h: f32,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum EntryClass {
    Head,
    Plate,
}

impl GoldenSet {
    /// The pictures that this program was built with.
    ///
    /// # Errors
    /// [`GoldenError`] when one cannot be read, which the tests rule out.
    pub fn built_in() -> Result<Self, GoldenError> {
        let refuse = |picture, cause: String| GoldenError { picture, cause };
        let expected: Vec<Entry> =
            serde_json::from_str(EXPECTED).map_err(|error| refuse("expected.json", error.to_string()))?;
        if expected.len() != FILES.len() {
            return Err(refuse("expected.json", format!("lists {} pictures, not {}", expected.len(), FILES.len())));
        }
        let mut pictures = Vec::with_capacity(FILES.len());
        let mut size = None;
        for ((name, file), entry) in FILES.into_iter().zip(expected) {
            if entry.picture != name {
                return Err(refuse(name, format!("expected.json has {} in its place", entry.picture)));
            }
            let (bytes, width, height) = unpack(file).map_err(|cause| refuse(name, cause))?;
            if *size.get_or_insert((width, height)) != (width, height) {
                return Err(refuse(name, "is not of the size of those before it".to_owned()));
            }
            let objects = entry.objects.into_iter().map(EntryObject::into_expected).collect();
            pictures.push(Golden { name, objects, flats: entry.flats, bytes, luma_len: width * height });
        }
        let (width, height) = size.ok_or_else(|| refuse("all", "there is none".to_owned()))?;
        Ok(Self { pictures, geometry: Geometry::packed(width, height) })
    }

    /// The pictures; at least one.
    #[must_use]
    pub fn pictures(&self) -> &[Golden] {
        &self.pictures
    }

    /// Their size.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }
}

impl EntryObject {
    fn into_expected(self) -> Expected {
        let class = match self.class {
            EntryClass::Head => Class::Head,
            EntryClass::Plate => Class::Plate,
        };
        let Self { x, y, w, h, .. } = self;
        Expected { class, rect: Rect { x, y, w, h } }
    }
}

/// A grey PNG (ISO/IEC 15948) that holds luma above chroma: the bytes, and the picture's width and height.
fn unpack(file: &[u8]) -> Result<(Vec<u8>, usize, usize), String> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().map_err(|error| error.to_string())?;
    let len = reader.output_buffer_size().filter(|len| *len <= MAX_BYTES).ok_or("is too large")?;
    let mut bytes = vec![0; len];
    let info = reader.next_frame(&mut bytes).map_err(|error| error.to_string())?;
    if (info.color_type, info.bit_depth) != (png::ColorType::Grayscale, png::BitDepth::Eight) {
        return Err(format!("is {:?} {:?}, not 8-bit grey", info.color_type, info.bit_depth));
    }
    let (width, lines) = (info.width as usize, info.height as usize);
    if width == 0 || width % 2 != 0 || lines == 0 || lines % 3 != 0 {
        return Err(format!("has {width}x{lines} bytes, which is no NV12 picture"));
    }
    Ok((bytes, width, lines / 3 * 2))
}
