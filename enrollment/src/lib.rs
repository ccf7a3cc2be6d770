//! From a device that no vault manages to an identity that is seen working: proposals, approvals, delivery, and what became of them.
//!
//! Two processes share this crate. The *sensor* proposes: it turns an inventory document into signed [`request::Request`]s and holds no
//! credential of any vault. The *registrar* checks policy and approvals, delivers to a [`target::Target`] through an outbox, and alone
//! holds a credential. Nothing here reads a packet, and nothing is ever issued because of what was sniffed: what goes out is a proposal.
//!
//! | module | what is there |
//! |---|---|
//! | [`request`] | what is proposed: the document that is signed, and the digest that an approval binds |
//! | [`credential`] | files that hold secrets: where they lie, and who may read them |
//! | [`sign`] | keys and signatures |
//! | [`identity`] | the registrar's or a sensor's own certificate |
//! | [`people`] | people whom a vault authenticated |
//! | [`policy`] | what an operator lets happen |
//! | [`propose`] | from an inventory to requests |
//! | [`state`] | where a request stands, and where it may go |
//! | [`approval`] | what people sign, and whether it is enough |
//! | [`store`] | the registrar's database, and the only SQL here |
//! | [`listed`] | what targets list, as lists of managed devices |
//! | [`registrar`] | takes in, asks for approval, delivers through the outbox |
//! | [`audit`] | a log whose entries carry the hash of the one before |
//! | [`serve`] | the front: sensors on other hosts propose here |
//! | [`target`] | what a vault, or another counterpart, can do: one trait |
//! | [`uses`] | use that others' logs report |
//! | [`targets`] | the counterparts that there are, one file each |

pub mod approval;
pub mod audit;
pub mod credential;
pub mod identity;
pub mod listed;
pub mod people;
pub mod policy;
pub mod propose;
pub mod registrar;
pub mod request;
pub mod serve;
pub mod sign;
pub mod state;
pub mod store;
pub mod target;
pub mod targets;
pub mod uses;
