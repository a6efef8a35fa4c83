//! Which TensorFlow Lite library this is.
//!
//! XNNPACK's options cross the C boundary by value, and their layout differs between versions. The headers in `include/` are those of 2.17; with any
//! other library the options would be read from the wrong bytes, so it is refused before the first call that takes them.

/// The versions that `include/` describes.
const KNOWN: &str = "2.17.";

/// Refuses a library that the headers do not describe. The error is the cause, for a `DetectorError::Model`.
pub(crate) fn check(version: &str) -> Result<(), String> {
    if version.starts_with(KNOWN) {
        return Ok(());
    }
    Err(format!(
        "cannot run on libtensorflowlite_c.so {version}: this program was built for {KNOWN}x; \
         install that library (cargo xtask setup, or the board's image), or rebuild with headers for {version}"
    ))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn the_library_at_hand_is_known() {
        check(tflitec::tf_lite_version()).unwrap();
    }

    #[test]
    fn another_version_is_refused_with_advice() {
        for version in ["2.16.1", "2.18.0", "2.170.0", ""] {
            let refusal = check(version).unwrap_err();
            assert!(refusal.contains(version) && refusal.contains("install"), "{refusal}");
        }
    }
}
