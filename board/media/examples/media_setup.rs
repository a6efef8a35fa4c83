//! `media_setup FILE.toml`: checks and sets up what a profile's `[isp]` says, without the eye. Exit status 0 when all is as it should be.
//!
//! Tried on the kernel's virtual ISP, vimc, which Debian does not build: `tests/vm/run.sh --file vimc.ko:/root/vimc.ko …` with a program that loads it.
#![allow(clippy::print_stdout)]

use board_profile::IspProfile;
use std::process::ExitCode;

fn main() -> ExitCode {
    let isp = std::env::args().nth(1).ok_or("usage: media_setup FILE.toml".to_owned()).and_then(|file| {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
        toml::from_str::<IspProfile>(&text).map_err(|error| format!("{file}: {error}"))
    });
    let isp = match isp {
        Ok(isp) => isp,
        Err(error) => {
            println!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut good = true;
    for finding in board_media::check(&isp) {
        good &= finding.result.is_ok();
        println!("{}: {}", finding.what, finding.result.err().unwrap_or_else(|| "as it should be".to_owned()));
    }
    if let Some(graph) = &isp.media {
        let outcome = board_media::setup(graph);
        good &= outcome.is_ok();
        println!("{}", outcome.map_or_else(|error| error.to_string(), |()| "the media graph is set up".to_owned()));
    }
    ExitCode::from(u8::from(!good))
}
