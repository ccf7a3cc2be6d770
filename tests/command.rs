//! The command, run as a user runs it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// What a run ended with.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The command with arguments, not started.
pub(crate) fn command<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirecensus"));
    // Tests may run as root, and there is no user for it.
    command.args(arguments).env("WIRECENSUS_ALLOW_ROOT", "1");
    command
}

/// Runs it in a folder.
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> Ran {
    ended(command(arguments).current_dir(folder).output().expect("the command can be run"))
}

/// What came out.
pub(crate) fn ended(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).expect("the command writes UTF-8");
    let ran = Ran { status: output.status.code().expect("no signal ended it"), stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}
