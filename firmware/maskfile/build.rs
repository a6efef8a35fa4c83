//! Tells campari-mask where `libtensorflowlite_c.so` lies: `$ORIGIN/../lib/campari` on a board, and on a development machine the folder
//! that `cargo xtask setup` filled. A library crate cannot set this for those who depend on it (board/tflite/README.md).

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bins=-Wl,-rpath,$ORIGIN/../lib/campari");
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if let Ok(folder) = root.join(".campari/tflite").join(arch).canonicalize() {
        println!("cargo:rustc-link-arg-bins=-Wl,-rpath,{}", folder.display());
    }
}
