//! The few sentences that introduce the document.

/// Opens the AsyncAPI document.
pub(crate) const INTRODUCTION: &str = "What a Campari board says and understands over MQTT 5. Everything that commands is a compact JWS (RFC 7515), signed \
with Ed25519; its claims and its JOSE header have schemas of their own, named in `x-jws`. Everything else is JSON. Members that a reader does not know are \
ignored; a command that a board does not know is refused with `unknown-command`. Operations are written from the board's side: it receives commands and \
sends what it is and does. `x-who` says who may publish and subscribe; the broker's access lists are made to match, and signatures hold where they fail.";

/// What a parameter of a topic stands for.
pub(crate) const PARAMETERS: [(&str, &str); 5] = [
    ("site", "A city's camera park."),
    ("camera", "One camera of the site."),
    ("subscriber", "A traffic system, as the policy names it."),
    ("id", "The jti of a request or of a grant (that is a share)."),
    ("asker", "Whoever asked, as the broker knows it; a subscriber uses its own id."),
];
