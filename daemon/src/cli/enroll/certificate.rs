//! `enroll csr attach` and `enroll cert fetch`: for devices with a page of their own, by hand.

use super::super::{Done, Failure};
use super::{Place, now};
use clap::Subcommand;
use serde_json::json;
use std::io::Read;
use std::path::PathBuf;

/// Bytes of a CSR; RSA with 16,384 bits has a tenth of it.
const CSR_MAX: u64 = 64 * 1024;

#[derive(Subcommand)]
pub(super) enum Csr {
    /// Attaches a CSR to a request.
    Attach {
        /// The request's id.
        id: String,
        /// PKCS#10 in PEM.
        file: PathBuf,
        /// Who vouches that it came from the device.
        #[arg(long, value_name = "NAME")]
        vouched_by: String,
        #[command(flatten)]
        place: Place,
    },
}

impl Csr {
    pub(super) fn run(&self) -> Done {
        let Self::Attach { id, file, vouched_by, place } = self;
        let mut csr = String::new();
        std::fs::File::open(file)?.take(CSR_MAX).read_to_string(&mut csr)?;
        place.registrar()?.attach_csr(id, &csr, vouched_by, now())?;
        place.answer(&json!({ "id": id, "attached": true }), &format!("{id}\tthe CSR is attached\n"))
    }
}

#[derive(Subcommand)]
pub(super) enum Cert {
    /// Shows the certificate and its chain, to be installed by hand.
    Fetch {
        /// The request's id.
        id: String,
        #[command(flatten)]
        place: Place,
    },
}

impl Cert {
    pub(super) fn run(&self) -> Done {
        let Self::Fetch { id, place } = self;
        let held = place.registrar()?.held(id)?;
        let missing = || Failure::new(format!("request {id}: no certificate was issued; it is {}", held.state.name()));
        let pem = held.certificate.as_ref().ok_or_else(missing)?;
        place.answer(&json!({ "id": id, "serial": held.serial, "certificate": pem }), pem)
    }
}
