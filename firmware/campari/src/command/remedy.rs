//! What a person at a desk does about a refusal. What whoever writes a client does is [`ErrorCode::remedy`]: the same refusal, another cause.

use contract::ErrorCode;

/// What whoever was refused can do.
#[must_use]
pub fn remedy(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Malformed | ErrorCode::TooLarge | ErrorCode::WrongType => {
            "this program and the board do not speak the same version: compare `campari --version` with the firmware in `campari status`"
        }
        ErrorCode::UnknownKey => "the board's policy does not know this key: the policy office must add it and publish",
        ErrorCode::BadSignature => "the key file is not the one whose public half is in the policy: use the right one",
        ErrorCode::NotAllowed => "this key may not do that here: ask a colleague whose key may, or the policy office",
        ErrorCode::WrongAudience => "it was meant for another camera or site: check --site and --camera",
        ErrorCode::Expired | ErrorCode::NotYetValid => "board and sender disagree about the time: check both clocks",
        ErrorCode::Replayed => {
            "it was sent before, or is overtaken: try again; for a release, start `campari room` first"
        }
        ErrorCode::StaleChallenge => "the board has a new challenge: try again",
        ErrorCode::OutsidePolicy => "the city's policy does not allow it: ask for less, or ask the policy office",
        ErrorCode::PolicyRefused => {
            "this bundle is older, or not signed by two of the office's keys: sign a higher version with both"
        }
        ErrorCode::NoPolicy => "the board has no valid policy: the policy office must publish one",
        ErrorCode::ClockUnsure => "the board does not know the time and grants nothing: tell the technician",
        ErrorCode::NotOffered => "the board does not offer that: its `catalogue` says what it does",
        ErrorCode::Busy => "as much is going on there as may: try again later, or end something first",
        ErrorCode::Reserved => "the camera is reserved: wait until it is released",
        ErrorCode::PrivacySwitch => {
            "somebody at the camera does not want it watched: nobody can grant until that is over"
        }
        ErrorCode::NoSuchShare => "the share is over: nothing is left to do",
        ErrorCode::NoSuchRequest => "somebody was quicker, or the request lapsed: nothing is left to do",
        ErrorCode::ControlRoomLost => "the board hears no heartbeat: start `campari room`",
        ErrorCode::EyeAbsent => "the board's eye does not answer: `campari status` shows whether it comes back",
        ErrorCode::Fault => "something at the board is broken: tell the technician",
        ErrorCode::UnknownCommand => "the board's firmware is too old for this command",
    }
}
