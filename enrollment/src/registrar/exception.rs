//! Honest ends for what cannot hold an identity: another holds it for the device, or a zone protects it. Each has an owner and a day on
//! which it is looked at again.

use super::{Error, Registrar};
use crate::request::Request;
use crate::state::State;
use crate::store::{Exception, Note};

/// Longest name of a gateway, zone or owner, in characters.
const NAME_MAX: usize = 200;

impl Registrar {
    /// Ends a request because a gateway holds the identity for the device, or a zone protects it: until the review.
    ///
    /// # Errors
    /// If there is no such request, it is past that, or something is left out.
    pub fn except(&mut self, id: &str, exception: &Exception, actor: &str, now: i64) -> Result<(), Error> {
        let held = self.held(id)?;
        sound(exception, now)?;
        if !held.state.next().contains(&exception.state) {
            return Err(Error::Refused(format!("request {id} cannot be {}: it is {}", exception.state, held.state)));
        }
        let why = words(exception);
        let note = Note { actor, action: exception.state.name(), subject: id, detail: &why };
        Ok(self.store.except(id, exception, &why, now, &note)?)
    }

    /// The same for a device that no request stands for, since no way to an identity is open.
    ///
    /// # Errors
    /// As [`Self::except`].
    pub fn except_device(&mut self, request: &Request, exception: &Exception, actor: &str, now: i64) -> Result<(), Error> {
        sound(exception, now)?;
        if let Some(other) = self.store.on_device(&request.device_keys, &request.target)?.first() {
            return Err(Error::Refused(format!("request {} stands for this device: name that", other.request.id)));
        }
        let note = Note { actor, action: "propose", subject: &request.id, detail: &request.justification };
        self.store.put(request, State::AwaitingApproval, "new", now, &note)?;
        self.except(&request.id, exception, actor, now)
    }

    /// Asks again about what was delegated or compensated for until now; a sentence for each.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub fn review(&mut self, now: i64) -> Result<Vec<String>, Error> {
        let mut told = Vec::new();
        for (id, exception) in self.store.exceptions()? {
            if exception.review > now || self.held(&id)?.state != exception.state {
                continue;
            }
            let why = format!("to be reviewed: {}", words(&exception));
            let note = Note { actor: "registrar", action: "review", subject: &id, detail: &why };
            self.store.advance(&id, State::AwaitingApproval, &why, None, now, &note)?;
            told.push(format!("{id} is {}: {why}", State::AwaitingApproval));
        }
        Ok(told)
    }
}

/// Whether it is an end, and nothing of it is left out.
fn sound(exception: &Exception, now: i64) -> Result<(), Error> {
    let Exception { state, by, owner, review } = exception;
    if !matches!(state, State::Delegated | State::Compensated) {
        return Err(Error::Refused(format!("a request cannot be {state} because people say so")));
    }
    for (what, text) in [("gateway or zone", by), ("owner", owner)] {
        if text.trim().is_empty() || text.chars().count() > NAME_MAX {
            return Err(Error::Refused(format!("the {what} is missing, or longer than {NAME_MAX} characters")));
        }
    }
    if *review <= now {
        return Err(Error::Refused("the day of the review is past: an end without one is none".to_owned()));
    }
    Ok(())
}

fn words(exception: &Exception) -> String {
    let Exception { state, by, owner, review } = exception;
    let day = jiff::Timestamp::from_second(*review).map_or_else(|_| review.to_string(), |at| at.strftime("%Y-%m-%d").to_string());
    let what = if *state == State::Delegated { "to gateway" } else { "by zone" };
    format!("{state} {what} {by}, owner {owner}, until {day}")
}
