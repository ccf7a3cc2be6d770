//! Messages leave the machine: a thread a receiver, each in order, each until it was taken.

mod syslog;

use super::event::{Message, Profile};
use super::settings::{Receiver, ReceiverKind, Settings};
use super::store::Store;
use enrollment::targets::webhook::Webhook;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a receiver's thread looks for what is due, while there is nothing.
const LOOK: Duration = Duration::from_millis(500);

/// Why a receiver did not take a message, and how long it wants to be left alone, if it says so.
#[derive(Debug)]
pub struct NotTaken {
    /// Seconds.
    pub wait: Option<u64>,
    /// For people; no secret, nothing of the message.
    pub what: String,
}

impl NotTaken {
    fn new(what: impl Into<String>) -> Self {
        Self { wait: None, what: what.into() }
    }
}

/// Whoever takes messages.
enum Way {
    Syslog(Box<syslog::Sender>),
    Webhook(Box<Webhook>),
}

/// A receiver that can be told.
pub struct Outlet {
    name: String,
    profile: Profile,
    way: Way,
}

impl Outlet {
    /// A receiver by its settings. Nothing is sent yet.
    ///
    /// # Errors
    /// If they do not make one; the message names the option.
    pub fn open(name: &str, receiver: &Receiver, sensor: Option<&str>) -> Result<Self, String> {
        let way = match receiver.kind {
            ReceiverKind::Syslog => Way::Syslog(Box::new(syslog::Sender::open(name, receiver, sensor)?)),
            ReceiverKind::Webhook => Way::Webhook(Box::new(Webhook::open(name, &receiver.webhook()).map_err(|failure| failure.message)?)),
        };
        Ok(Self { name: name.to_owned(), profile: receiver.profile, way })
    }

    /// Tells a message.
    ///
    /// # Errors
    /// If the receiver did not take it.
    pub fn send(&mut self, message: &Message) -> Result<(), NotTaken> {
        match &mut self.way {
            Way::Syslog(sender) => sender.send(message, self.profile),
            Way::Webhook(webhook) => {
                let body = message.json(self.profile).to_string();
                webhook.notify(&message.id, body.as_bytes()).map_err(|failure| {
                    let wait = match failure.reason {
                        enrollment::target::Reason::Throttled(wait) => wait.map(|wait| wait.as_secs()),
                        _ => None,
                    };
                    NotTaken { wait, what: failure.message }
                })
            }
        }
    }

    /// Tells what waits, as far as it is due; how many messages were taken.
    ///
    /// # Errors
    /// If the database cannot be read or written.
    pub fn empty(&mut self, store: &mut Store, now: impl Fn() -> i64, stop: &AtomicBool) -> Result<u64, super::store::StoreError> {
        let mut sent = 0;
        while !stop.load(Ordering::Relaxed) {
            let Some(waiting) = store.due(&self.name, now())? else { break };
            match self.send(&waiting.message) {
                Ok(()) => store.sent(&self.name, waiting.number)?,
                Err(failure) => {
                    store.failed(&self.name, now(), failure.wait, &failure.what)?;
                    break;
                }
            }
            sent += 1;
        }
        Ok(sent)
    }
}

/// Opens every receiver.
///
/// # Errors
/// If the settings of one do not make one.
pub fn open(settings: &Settings) -> Result<Vec<Outlet>, String> {
    settings.targets.iter().map(|(name, receiver)| Outlet::open(name, receiver, settings.sensor.as_deref())).collect()
}

/// Tells what comes, until it is told to stop; `tell` is told of trouble, once while it lasts.
pub fn keep_on(mut outlet: Outlet, database: &Path, stop: &AtomicBool, now: impl Fn() -> i64, tell: impl Fn(&str)) {
    let mut trouble = None;
    let mut store = None;
    while !stop.load(Ordering::Relaxed) {
        let done = match &mut store {
            Some(store) => Outlet::empty(&mut outlet, store, &now, stop).map_err(|error| error.to_string()).map(|_| {
                let receipts = store.receipts().unwrap_or_default();
                receipts.into_iter().find(|one| one.target == outlet.name).and_then(|one| one.error)
            }),
            none => Store::open(database).map_err(|error| error.to_string()).map(|opened| {
                *none = Some(opened);
                None
            }),
        };
        let what = done.unwrap_or_else(Some);
        if what != trouble {
            tell(&format!("{}: {}", outlet.name, what.as_deref().unwrap_or("takes messages again")));
            trouble = what;
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests;
