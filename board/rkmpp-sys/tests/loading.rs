//! A library that is not there or is none is refused with one line that says what to do.

#![allow(clippy::unwrap_used, unsafe_code)] // a helper that fails fails the test

use rkmpp_sys::{LoadError, Mpp};

fn refused(library: &str) -> (LoadError, String) {
    // SAFETY: there is no such library, or it is one that does nothing when it is loaded.
    let error = unsafe { Mpp::load(library) }.expect_err("refused");
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    (error, text)
}

#[test]
fn a_library_that_is_not_there_is_named_with_what_to_do() {
    let (error, text) = refused("librockchip_none.so.1");
    assert!(matches!(error, LoadError::Missing { .. }));
    assert!(text.starts_with("librockchip_none.so.1: ") && text.contains("install"), "{text}");
    assert_eq!(text.matches("librockchip_none").count(), 1, "named once: {text}");
}

#[test]
fn a_file_that_is_no_library_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "not a library").unwrap();
    let (error, _) = refused(file.path().to_str().unwrap());
    assert!(matches!(error, LoadError::Missing { .. }));
}

#[test]
fn a_library_without_the_functions_is_refused_with_the_first_that_it_lacks() {
    let (error, text) = refused("libc.so.6");
    assert!(matches!(error, LoadError::Symbol { symbol: "mpp_create", .. }), "{text}");
}
