//! Targets that stay open from one round to the next: a log-in is not made each minute, and a wrapped secret id can be unwrapped only once.

use super::{Settings, open};
use crate::request::Request;
use crate::target::{Capabilities, Failure, Issued, IssuedList, Posture, Reason, Registered, Status, Target};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A target that others hold too.
type Held = Arc<Mutex<Watched>>;

/// Targets that were opened, by name.
#[derive(Default)]
pub struct Kept {
    open: BTreeMap<String, (Settings, Held)>,
}

impl Kept {
    /// A target by its settings: the one that is open, or a new one where there is none, where they changed, or where its credential or
    /// the other side's certificate was refused: its files may be other ones now. A wrapped secret id is in the open one's memory alone.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(&mut self, name: &str, settings: &Settings) -> Result<Box<dyn Target>, Failure> {
        let is_wrapped = settings.approle.as_ref().is_some_and(|approle| approle.wrapped);
        let held = match self.open.get(name).filter(|(known, _)| known == settings) {
            Some((_, held)) if is_wrapped || !is_refused(held) => Arc::clone(held),
            _ => {
                let held = Arc::new(Mutex::new(Watched { target: open(name, settings)?, is_refused: false }));
                self.open.insert(name.to_owned(), (settings.clone(), Arc::clone(&held)));
                held
            }
        };
        Ok(Box::new(Lent(held)))
    }
}

fn is_refused(held: &Held) -> bool {
    held.lock().unwrap_or_else(PoisonError::into_inner).is_refused
}

/// One that remembers that it was refused.
struct Watched {
    target: Box<dyn Target>,
    is_refused: bool,
}

impl Watched {
    fn seen<T>(&mut self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        self.is_refused |= outcome.as_ref().is_err_and(|failure| matches!(failure.reason, Reason::Unauthenticated | Reason::Untrusted));
        outcome
    }
}

/// One that is handed out.
struct Lent(Held);

macro_rules! delegate {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $gives:ty;)*) => {
        impl Target for Lent {
            fn kind(&self) -> &'static str { self.0.lock().unwrap_or_else(PoisonError::into_inner).target.kind() }
            $(fn $name(&mut self, $($argument: $kind),*) -> Result<$gives, Failure> {
                let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let outcome = held.target.$name($($argument),*);
                held.seen(outcome)
            })*
        }
    };
}

delegate! {
    probe() -> Capabilities;
    register(request: &Request) -> Registered;
    sign(request: &Request, csr_pem: &str) -> Issued;
    status(registered: &Registered) -> Status;
    issued(known: &dyn Fn(&str) -> bool) -> IssuedList;
    posture(registered: &Registered, posture: &Posture) -> ();
    propose_deactivation(registered: &Registered, why: &str) -> ();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_opened_once_while_its_settings_stay() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { kind: "file".into(), format: Some("csv".into()), folder: Some(folder.path().into()), ..Settings::default() };
        let mut kept = Kept::default();
        assert_eq!(kept.open("table", &settings).unwrap().kind(), "file");
        let first = Arc::clone(&kept.open["table"].1);
        kept.open("table", &settings).unwrap();
        assert!(Arc::ptr_eq(&first, &kept.open["table"].1));
        kept.open("table", &Settings { format: Some("est".into()), ..settings.clone() }).unwrap();
        assert!(!Arc::ptr_eq(&first, &kept.open["table"].1));
        assert!(kept.open("table", &Settings { kind: "x".into(), ..settings }).is_err());
    }
}
