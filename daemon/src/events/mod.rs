//! Events: what happened on the network since the last look, told to people and systems elsewhere.
//!
//! A process of its own makes and delivers them. The sensor has no right to speak IP and is not slowed; this reads the sensor's database
//! and never writes it. What it knew, what happened and what waits to be delivered stand in a database of its own.
//!
//! | module | is |
//! |---|---|
//! | [`kind`] | the table of kinds |
//! | [`event`] | what happened, and the message that tells it |
//! | [`forget`] | whom an operator wants forgotten |
//! | [`known`] | what is known from the rounds before |
//! | [`compare`] | what was known, held against the document of now |
//! | [`baseline`] | what is usual between two devices |
//! | [`mirror`] | whether the mirrored ports hear what they should |
//! | [`budget`] | no floods |
//! | [`store`] | the database |
//! | [`keeper`] | one round after the other |
//! | [`deliver`] | syslog and webhooks |
//! | [`settings`] | `[events]` of the configuration |

pub mod baseline;
pub mod budget;
pub mod compare;
pub mod deliver;
pub mod event;
pub mod forget;
pub mod keeper;
pub mod kind;
pub mod known;
pub mod mirror;
pub mod settings;
pub mod store;

#[cfg(test)]
mod tests;
