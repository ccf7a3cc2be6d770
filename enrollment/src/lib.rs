//! From a device that no vault manages to an identity that is seen working: proposals, approvals, delivery, and what became of them.
//!
//! Two processes share this crate. The *sensor* proposes: it turns an inventory document into signed [`request::Request`]s and holds no
//! credential of any vault. The *registrar* checks policy and approvals, delivers to a [`target::Target`] through an outbox, and alone
//! holds a credential. Nothing here reads a packet, and nothing is ever issued because of what was sniffed: what goes out is a proposal.
//!
//! | module | what is there |
//! |---|---|
//! | [`request`] | what is proposed: the document that is signed, and the digest that an approval binds |
//! | [`policy`], [`propose`], [`sign`] | who becomes a candidate, what is proposed for it, and the signature over it |
//! | [`state`], [`approval`], [`audit`] | which step may follow which, whose word counts, and the chain in which all of it is written down |
//! | [`outbox`], [`dispatch`], [`store`] | when a delivery is tried again, the delivery itself, and the file that all of it lies in |
//! | [`target`] | what a vault, or another counterpart, can do: one trait, one file each below `targets/` |

pub mod approval;
pub mod audit;
pub mod dispatch;
pub mod outbox;
pub mod policy;
pub mod propose;
pub mod request;
pub mod sign;
pub mod state;
pub mod store;
pub mod target;
