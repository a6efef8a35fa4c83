//! Which lines of the machine's GPIO chip (pl061, eight lines; the fourth is its power button) stand for what.

/// The privacy switch.
pub(crate) const PRIVACY: u8 = 0;
/// The contact of the housing.
pub(crate) const TAMPER: u8 = 1;
/// Lit while a grant could be given.
const ARMED: u8 = 6;
/// Lit while somebody watches.
pub(crate) const SHARING: u8 = 7;

/// As the eye's configuration states them.
pub(crate) fn table() -> toml::Table {
    let lines = [("privacy_switch", PRIVACY), ("tamper", TAMPER), ("light_armed", ARMED), ("light_sharing", SHARING)];
    let pin = |offset: u8| toml::toml! { chip = "gpiochip0" offset = offset };
    lines.into_iter().map(|(name, offset)| (name.to_owned(), pin(offset).into())).collect()
}
