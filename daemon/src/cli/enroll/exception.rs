//! `enroll delegate` and `enroll compensate`: honest ends for what cannot hold an identity.

use super::{Desk, Done, Failure, now};
use enrollment::registrar::Registrar;
use enrollment::state::State;
use enrollment::store::Exception;

/// Ends a request because a gateway holds the identity for the device: until the review, when people are asked again.
#[derive(clap::Args)]
pub(super) struct Delegate {
    /// The request's id; or the device's, where no way to an identity is open and so nothing was proposed.
    #[arg(value_name = "ID")]
    id: String,
    /// The gateway that holds the identity.
    #[arg(long, value_name = "GATEWAY")]
    to: String,
    #[command(flatten)]
    until: Until,
}

/// Ends a request because the device can hold no identity, and a zone protects it: until the review, when people are asked again.
#[derive(clap::Args)]
pub(super) struct Compensate {
    /// The request's id; or the device's, where no way to an identity is open and so nothing was proposed.
    #[arg(value_name = "ID")]
    id: String,
    /// The zone that protects it.
    #[arg(long, value_name = "ZONE")]
    zone: String,
    #[command(flatten)]
    until: Until,
}

/// Who answers for it, and until when.
#[derive(clap::Args)]
struct Until {
    /// Who answers for it.
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// The day on which it is looked at again, as 2027-06-30.
    #[arg(long, value_name = "DATE")]
    review: jiff::civil::Date,
    /// Who decides, for the audit log.
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    #[command(flatten)]
    desk: Desk,
}

impl Delegate {
    pub(super) fn run(&self) -> Done {
        self.until.end(&self.id, State::Delegated, &self.to)
    }
}

impl Compensate {
    pub(super) fn run(&self) -> Done {
        self.until.end(&self.id, State::Compensated, &self.zone)
    }
}

impl Until {
    fn end(&self, id: &str, state: State, by: &str) -> Done {
        let day = self.review.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| Failure::usage(format!("--review: {error}")))?;
        let exception = Exception { state, by: by.to_owned(), owner: self.owner.clone(), review: day.timestamp().as_second() };
        let (mut registrar, actor) = (self.desk.registrar()?, format!("person:{}", self.name));
        let id = self.take(&mut registrar, id, &exception, &actor)?;
        let held = registrar.held(&id)?;
        crate::cli::output::answer(&format!("{id}  {}\n", held.reason))
    }

    /// The request that is ended: the one that there is, or one for a device that nothing was proposed for.
    fn take(&self, registrar: &mut Registrar, id: &str, exception: &Exception, actor: &str) -> Result<String, Failure> {
        if registrar.store.get(id)?.is_some() || self.desk.db.is_none() {
            registrar.except(id, exception, actor, now())?;
            return Ok(id.to_owned());
        }
        let request = enrollment::propose::without_identity(&self.desk.document()?, &registrar.policy, id).map_err(Failure::new)?;
        let request = self.desk.own_key()?.propose(request).request;
        registrar.except_device(&request, exception, actor, now())?;
        Ok(request.id)
    }
}
