//! From a device that no vault manages to an identity that is seen working: proposals, approvals, delivery, and what became of them.
//!
//! Two processes share this crate. The *sensor* proposes: it turns an inventory document into signed [`request::Request`]s and holds no
//! credential of any vault. The *registrar* checks policy and approvals, delivers to a [`target::Target`] through an outbox, and alone
//! holds a credential. Nothing here reads a packet, and nothing is ever issued because of what was sniffed: what goes out is a proposal.
//!
//! | module | what is there |
//! |---|---|
//! | [`request`] | what is proposed: the document that is signed, and the digest that an approval binds |
//! | [`target`] | what a vault, or another counterpart, can do: one trait, one file each below `targets/` |
//! | [`targets`] | the kinds there are, and their options |

pub mod request;
pub mod target;
pub mod targets;
