//! `enroll self`: the registrar's, or a sensor's, own identity.

use super::{Done, Failure, now};
use crate::capture::text::shown;
use enrollment::identity::{Identity, hold};
use enrollment::policy::Policy;
use enrollment::registrar::Registrar;
use enrollment::store::Note;
use std::path::PathBuf;

/// Makes a key, has the vault of [enrollment.self] sign it, and keeps both in one file for its owner alone; renews them when a third of
/// the certificate's life is left, and else does nothing. `enroll serve` does the same by itself; on a sensor it is for a timer.
#[derive(clap::Args)]
pub(super) struct Own {
    /// The configuration with the table [enrollment.self].
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Own {
    pub(super) fn run(&self) -> Done {
        let name = shown(&self.config.to_string_lossy());
        let text = std::fs::read_to_string(&self.config).map_err(|error| Failure::new(format!("{name}: {error}")))?;
        let policy = Policy::of_toml(&text).map_err(|what| Failure::usage(format!("{name}: {what}")))?;
        let own = policy.own.as_ref().ok_or_else(|| Failure::usage(format!("{name}: there is no [enrollment.self]")))?;
        let words = match hold(own, &policy, now())? {
            Some(identity) => format!("certificate {} until {}\n", identity.serial, identity.not_after),
            None => match Identity::of_file(&own.file)? {
                Some(identity) => format!("certificate {} holds until {}\n", identity.serial, identity.not_after),
                None => return Err(Failure::new(format!("{}: it is gone", shown(&own.file.to_string_lossy())))),
            },
        };
        crate::cli::output::answer(&words)
    }
}

/// Renews the registrar's own identity if it is due; whether it did. A vault that does not sign is told, and asked again the next round.
pub(super) fn renew(registrar: &mut Registrar) -> bool {
    let Some(own) = registrar.policy.own.clone() else { return false };
    let (did, words) = match hold(&own, &registrar.policy, now()) {
        Ok(None) => return false,
        Ok(Some(identity)) => {
            let note = Note { actor: "registrar", action: "renew-self", subject: &own.common_name, detail: &identity.serial };
            let noted = registrar.store.note(now(), &note).err().map(|error| format!("; not in the log: {error}"));
            (true, format!("own certificate {} until {}{}", identity.serial, identity.not_after, noted.unwrap_or_default()))
        }
        Err(failure) => (false, format!("own identity: {failure}")),
    };
    eprintln!("registrar: {}", shown(&words));
    did
}
