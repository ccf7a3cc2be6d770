//! `interfaces`: what `run` can listen on.

use super::Done;
use crate::capture::interfaces;
use std::process::ExitCode;

/// Lists the interfaces.
#[derive(clap::Args)]
pub struct Interfaces {}

impl Interfaces {
    pub(super) fn run(&self) -> Done {
        for interface in interfaces::interfaces() {
            println!("{interface}");
        }
        Ok(ExitCode::SUCCESS)
    }
}
