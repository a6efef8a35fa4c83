//! Prints every structure, field and constant that the bindings rely on, one a line, for `record-layout.sh` and for eyes. With an argument: loads that
//! library instead and says what it is.
#![allow(clippy::print_stdout, unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(library) = std::env::args_os().nth(1) else {
        for line in rkmpp_sys::layout::lines() {
            println!("{line}");
        }
        return ExitCode::SUCCESS;
    };
    // SAFETY: whoever names a library says that it is an MPP.
    match unsafe { rkmpp_sys::Mpp::load(library) } {
        Ok(mpp) => {
            let (required, optional) = rkmpp_sys::layout::functions();
            let sync = mpp.mpp_buffer_sync_end_f.is_some();
            println!("{}: of {}", mpp.path().display(), mpp.version());
            println!("{} functions, of {} optional ones cache control: {sync}", required.len(), optional.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
