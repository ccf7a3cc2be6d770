//! How log-ins are told, the same in every protocol: the method, and what became of it.
//!
//! An observation of kind `Security` about the side that decides (the server) has `AuthenticationMethod`, in the protocol's own word or
//! one of the words here, and `Outcome`: what is only *offered*, what a client *attempted*, what was *accepted* or *refused* by an answer
//! that was seen, or what is *required*. What is read at all was not encrypted; what an outer protocol protects stands under that
//! protocol's name.

use crate::context::{Context, Saying};
use observations::{Field, Kind, Subject, Value};

pub(crate) const OFFERED: &str = "offered";
pub(crate) const ATTEMPTED: &str = "attempted";
pub(crate) const ACCEPTED: &str = "accepted";
pub(crate) const REFUSED: &str = "refused";
pub(crate) const REQUIRED: &str = "required";

/// Words for methods that protocols have no word for.
pub(crate) const NONE: &str = "none";
pub(crate) const ANONYMOUS: &str = "anonymous";
pub(crate) const PASSWORD: &str = "password";

/// A method and what became of it; fields that quote the wire may follow.
pub(crate) fn say<'s, 'a>(cx: &'s mut Context<'a>, about: &Subject, method: &str, outcome: &str) -> Saying<'s, 'a> {
    cx.say(about, Kind::Security).implied(Field::AuthenticationMethod, &word(method)).implied(Field::Outcome, &word(outcome))
}

/// The same, where the method's word stands in the payload.
pub(crate) fn quoted(cx: &mut Context<'_>, about: &Subject, method: &[u8], outcome: &str) {
    drop(cx.say(about, Kind::Security).text(Field::AuthenticationMethod, method).implied(Field::Outcome, &word(outcome)));
}

/// A protection and what became of it (`tls` accepted).
pub(crate) fn protection(cx: &mut Context<'_>, about: &Subject, level: &str, outcome: &str) {
    drop(cx.say(about, Kind::Security).implied(Field::SecurityLevel, &word(level)).implied(Field::Outcome, &word(outcome)));
}

/// What became of it, by whether it was accepted.
pub(crate) const fn outcome(accepted: bool) -> &'static str {
    if accepted { ACCEPTED } else { REFUSED }
}

/// A word of ours as a value.
pub(crate) fn word(text: &str) -> Value {
    Value::Text(text.into())
}
