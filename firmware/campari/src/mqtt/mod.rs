//! MQTT 5 as the control room uses it: connection, retained state, commands with an answer (OASIS MQTT 5.0).
//!
//! Signatures protect what travels; the broker's ACL and TLS are the first wall only.

mod bus;
mod connection;

pub use bus::{Bus, BusError, BusSettings, Message, Retained};
pub use connection::{Broker, BrokerError, Identity, Tls};
