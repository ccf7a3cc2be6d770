//! `enroll csr attach` and `enroll cert fetch`: for devices that make their CSR on their own page.

use super::{Desk, Done, Failure, now};
use crate::capture::text::shown;
use enrollment::store::Note;
use std::path::PathBuf;

/// CSRs of devices.
#[derive(clap::Args)]
pub(super) struct Csr {
    #[command(subcommand)]
    command: CsrCommand,
}

#[derive(clap::Subcommand)]
enum CsrCommand {
    Attach(Attach),
}

/// Attaches a CSR that was made on the device; it is signed once the target knows the device. Its key must be no other request's.
#[derive(clap::Args)]
struct Attach {
    /// The request's id.
    #[arg(value_name = "ID")]
    request: String,
    /// PKCS#10 in PEM.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who vouches that it is this device's, for the audit log.
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    #[command(flatten)]
    desk: Desk,
}

/// Certificates of devices.
#[derive(clap::Args)]
pub(super) struct Cert {
    #[command(subcommand)]
    command: CertCommand,
}

#[derive(clap::Subcommand)]
enum CertCommand {
    Fetch(Fetch),
}

/// Prints the certificate that was issued, and what leads to its root, to be installed by hand.
#[derive(clap::Args)]
struct Fetch {
    /// The request's id.
    #[arg(value_name = "ID")]
    request: String,
    #[command(flatten)]
    desk: Desk,
}

/// A CSR is a few kilobytes; what is longer is none.
const CSR_BYTES_MAX: u64 = 64 * 1024;

impl Csr {
    pub(super) fn run(&self) -> Done {
        let CsrCommand::Attach(attach) = &self.command;
        let name = shown(&attach.file.to_string_lossy());
        let failed = |error: std::io::Error| Failure::new(format!("{name}: {error}"));
        if std::fs::metadata(&attach.file).map_err(failed)?.len() > CSR_BYTES_MAX {
            return Err(Failure::new(format!("{name}: too long for a CSR")));
        }
        let csr = std::fs::read_to_string(&attach.file).map_err(failed)?;
        attach.desk.registrar()?.attach_csr(&attach.request, &csr, &attach.name, now())?;
        crate::cli::output::answer(&format!("{}: the CSR is attached; `enroll dispatch` has it signed\n", attach.request))
    }
}

impl Cert {
    pub(super) fn run(&self) -> Done {
        let CertCommand::Fetch(fetch) = &self.command;
        let mut registrar = fetch.desk.registrar()?;
        let held = registrar.held(&fetch.request)?;
        let certificate = held.certificate.ok_or_else(|| Failure::new(format!("nothing was issued for it yet: it is {}", held.state)))?;
        let serial = held.serial.unwrap_or_default();
        registrar.store.note(now(), &Note { actor: "operator", action: "export-certificate", subject: &fetch.request, detail: &serial })?;
        crate::cli::output::answer(&format!("{}\n", certificate.trim_end()))
    }
}
