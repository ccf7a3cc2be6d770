//! Rights that are given up. What parses hostile bytes may in the end open packet sockets, read what stands open to everybody, and
//! write to the folders of its own files; no bug in it can start a program or load a module.
//!
//! First [`become_user`], before anything is opened, so that files belong to whom they should; then, when everything is open and while
//! there is one thread, [`confine`]: threads that are made later inherit it.

use caps::{CapSet, Capability, CapsHashSet};
use landlock::{ABI, Access, AccessFs, BitFlags, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, path_beneath_rules};
use nix::unistd::{User, geteuid, setgid, setgroups, setuid};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Whom root becomes if nobody is named: the package makes this user.
const USER: &str = "wirecensus";

/// The version of Landlock that is asked for (Linux 6.10); an older kernel enforces what it knows.
const LANDLOCK: ABI = ABI::V5;

/// What may be read beside the own files: interfaces and their counters, zones of time, names of protocols.
const READ: &[&str] = &["/proc", "/sys", "/etc", "/usr", "/dev"];

/// System calls that this program never makes, and that what takes it over would: other programs, other processes, the kernel itself.
/// They fail with EPERM.
const NEVER: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_personality,
    libc::SYS_syslog,
    libc::SYS_mknodat,
];

/// Why rights could not be given up.
#[derive(Debug, PartialEq, Eq)]
pub enum PrivilegeError {
    /// Root, and nobody to become.
    Root,
    /// There is no such user.
    NoUser(String),
    /// The system refused.
    System(&'static str, String),
}

impl std::fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => write!(
                f,
                "it parses what strangers send and does not stay root: say --user NAME (there is no user {USER} here), start it as a user with \
                 CAP_NET_RAW, or say --allow-root to keep the user root without its rights"
            ),
            Self::NoUser(name) => write!(f, "there is no user {}", crate::capture::text::shown(name)),
            Self::System(what, error) => write!(f, "rights cannot be given up ({what}): {error}"),
        }
    }
}

impl std::error::Error for PrivilegeError {}

fn failed<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> PrivilegeError {
    move |error| PrivilegeError::System(what, error.to_string())
}

/// Root becomes another user; of all capabilities one stays, to open packet sockets, where it was there. Returns the user's name if it
/// changed.
///
/// # Errors
/// If root can become nobody and is not allowed to stay, or the system refuses.
pub fn become_user(named: Option<&str>, allow_root: bool) -> Result<Option<String>, PrivilegeError> {
    if !geteuid().is_root() {
        keep_one_capability()?;
        return Ok(None);
    }
    let find = |name: &str| User::from_name(name).map_err(failed("users"));
    let user = match (named, allow_root) {
        (Some(name), _) => Some(find(name)?.ok_or_else(|| PrivilegeError::NoUser(name.to_owned()))?),
        (None, true) => None,
        (None, false) => Some(find(USER)?.ok_or(PrivilegeError::Root)?),
    };
    for capability in caps::all().into_iter().filter(|capability| *capability != Capability::CAP_NET_RAW) {
        // One that this kernel does not know cannot be dropped, and gives nothing.
        let _ = caps::drop(None, CapSet::Bounding, capability);
    }
    if let Some(user) = &user {
        rustix::thread::set_keep_capabilities(true).map_err(failed("keeping capabilities"))?;
        setgroups(&[]).map_err(failed("groups"))?;
        setgid(user.gid).map_err(failed("group"))?;
        setuid(user.uid).map_err(failed("user"))?;
        rustix::thread::set_keep_capabilities(false).map_err(failed("keeping capabilities"))?;
    }
    keep_one_capability()?;
    Ok(user.map(|user| user.name))
}

fn keep_one_capability() -> Result<(), PrivilegeError> {
    let permitted = caps::read(None, CapSet::Permitted).map_err(failed("capabilities"))?;
    let kept: CapsHashSet = permitted.into_iter().filter(|capability| *capability == Capability::CAP_NET_RAW).collect();
    // What is ambient is inherited by other programs: there are none.
    let _ = caps::clear(None, CapSet::Ambient);
    caps::set(None, CapSet::Effective, &kept).map_err(failed("capabilities"))?;
    caps::set(None, CapSet::Permitted, &kept).map_err(failed("capabilities"))?;
    caps::clear(None, CapSet::Inheritable).map_err(failed("capabilities"))
}

/// What is enforced from now on, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confined {
    /// Of Landlock: all, in part, or nothing, as the kernel can.
    pub landlock: &'static str,
    /// Whether system calls are filtered.
    pub seccomp: bool,
}

/// No new rights, no writing outside these folders, no reading outside these and what all may read, no system call of `NEVER`. A
/// kernel that lacks one of these enforces the others.
///
/// # Errors
/// If the system refuses to give no new rights.
pub fn confine(read: &[PathBuf], write: &[PathBuf]) -> Result<Confined, PrivilegeError> {
    rustix::thread::set_no_new_privs(true).map_err(failed("no new privileges"))?;
    Ok(Confined { landlock: landlock(read, write), seccomp: seccomp() })
}

fn landlock(read: &[PathBuf], write: &[PathBuf]) -> &'static str {
    let running = std::env::current_exe().ok();
    let readable = READ.iter().map(PathBuf::from).chain(read.iter().cloned()).chain(running);
    let execute: BitFlags<AccessFs> = AccessFs::Execute.into();
    let devices = AccessFs::MakeChar | AccessFs::MakeBlock;
    let enforce = || {
        let rules = Ruleset::default().handle_access(AccessFs::from_all(LANDLOCK))?.create()?;
        let rules = rules.add_rules(path_beneath_rules(readable, AccessFs::from_read(LANDLOCK) & !execute))?;
        rules.add_rules(path_beneath_rules(write, AccessFs::from_all(LANDLOCK) & !execute & !devices))?.restrict_self()
    };
    match enforce() {
        Ok(status) => match status.ruleset {
            RulesetStatus::FullyEnforced => "enforced",
            RulesetStatus::PartiallyEnforced => "enforced in part",
            RulesetStatus::NotEnforced => "not in this kernel",
        },
        Err(error) => {
            tracing::warn!(%error, "Landlock cannot be set up");
            "failed"
        }
    }
}

fn seccomp() -> bool {
    let enforce = || -> Result<(), Box<dyn std::error::Error>> {
        let rules: BTreeMap<i64, _> = NEVER.iter().map(|call| (*call, Vec::new())).collect();
        let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let filter: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?.try_into()?;
        Ok(seccompiler::apply_filter(&filter)?)
    };
    match enforce() {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "system calls cannot be filtered");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_confined_can_start_nothing_and_write_nowhere_else() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let paths = (inside.path().to_owned(), outside.path().to_owned());
        // Confinement is the thread's, and this thread ends with the test.
        let confined = std::thread::spawn(move || {
            let confined = confine(&[], std::slice::from_ref(&paths.0)).unwrap();
            let started = std::process::Command::new("/bin/true").status();
            let written = [&paths.0, &paths.1].map(|folder| std::fs::write(folder.join("x"), "x").is_ok());
            (confined, started.is_ok(), written, std::fs::read_to_string("/proc/self/status").is_ok())
        });
        let (confined, started, written, read) = confined.join().unwrap();
        if confined.landlock == "enforced" {
            assert_eq!(written, [true, false]);
        } else {
            eprintln!("NOT CHECKED: Landlock is {}", confined.landlock);
        }
        assert!(confined.seccomp && !started && read, "{confined:?}");
    }
}
