//! How captures are read: options and reading, shared by all commands that take captures.

use super::Failure;
use super::progress::Bar;
use crate::capture::Filter;
use crate::capture::file::completeness;
use crate::capture::input::Why;
use crate::capture::plan::{Plan, PlanOptions, PlannedSource, plan};
use crate::capture::sources::SourcesFile;
use crate::capture::text::shown;
use crate::config::Config;
use crate::limits::Limiting;
use crate::pipeline::keep::Keeper;
use crate::pipeline::stopwatch::Stopwatch;
use crate::pipeline::{self, Options, Outcome};
use crate::store::Writer;
use crate::tags::SiteKey;
use dissectors::context::Tagger;
use fingerprints::Fingerprints;
use fingerprints::defaults::secrets;
use inventory::judge::policy::Policy;
use observations::Said;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Before the name of a registrar's database in `--managed`.
const REGISTRAR: &str = "registrar:";

/// A database that is written to.
pub(super) type Database = Arc<Mutex<Writer>>;

/// What tags captured secrets: the key of a file, or one that is gone when the program ends.
pub(super) fn tagger(site_key: Option<&Path>) -> Result<Arc<dyn Tagger>, Failure> {
    let wrong = |path: &Path, error| Failure::usage(format!("--site-key {}: {error}", shown(&path.to_string_lossy())));
    Ok(Arc::new(match site_key {
        Some(path) => SiteKey::of_file(path).map_err(|error| wrong(path, error))?,
        None => SiteKey::of_this_run()?,
    }))
}

/// How captures are read: shared by all commands that read them.
#[derive(clap::Args, Clone, Default)]
pub(super) struct Reading {
    /// The site that addresses belong to.
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// Maps files to site, segments, tap, direction and clock offset.
    #[arg(long, value_name = "FILE.toml")]
    sources: Option<PathBuf>,
    /// Reads all files as one source: a rotation, or the two halves of a link.
    #[arg(long)]
    as_one: bool,
    /// Reads only packets that this filter expression lets pass (see pcap-filter(7)).
    #[arg(long, value_name = "EXPR")]
    bpf: Option<String>,
    /// Engines that work side by side.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Adds fingerprint rules from the TOML files of this folder.
    #[arg(long, value_name = "DIR")]
    fingerprints: Option<PathBuf>,
    /// Zones, conduits, severities, who may ask, lists of managed devices: what the wire does not tell.
    #[arg(long, value_name = "FILE.toml")]
    policy: Option<PathBuf>,
    /// A list of managed devices: CSV, JSON, a NetBox export, or with `registrar:` before its name a registrar's database, for what its
    /// vaults list; may be given several times.
    #[arg(long, value_name = "FILE")]
    managed: Vec<PathBuf>,
    /// Certificates of authorities that are trusted (PEM or DER); signatures that lead to them are verified. May be given several times.
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// A list of revoked certificates (CRL in PEM or DER); may be given several times.
    #[arg(long, value_name = "FILE")]
    revoked: Vec<PathBuf>,
    /// What was there before: a time, or an inventory (JSON) of that time; who came later is new.
    #[arg(long, value_name = "TIME|FILE.json")]
    baseline: Option<String>,
    /// Advisories (CSAF 2.0, JSON), or a folder of them; may be given several times.
    #[arg(long, value_name = "PATH")]
    advisories: Vec<PathBuf>,
    /// Says on standard error what each stage took.
    #[arg(long)]
    stages: bool,
    /// Notes the SHA-256 of each file in the inventory.
    #[arg(long)]
    sha256: bool,
    /// How many findings are listed, if a configuration says so.
    #[arg(skip)]
    listed: Option<usize>,
}

/// What observations are interpreted by.
pub(super) struct Knowledge {
    pub(super) fingerprints: Fingerprints,
    pub(super) policy: Policy,
    /// How many findings are listed.
    pub(super) findings_max: usize,
}

/// What reading captures gave.
pub(super) struct ReadAll {
    /// What was said, as far as it is not in the database.
    pub(super) said: Said,
    /// Files that were read whole.
    pub(super) complete: usize,
    /// Files in all.
    pub(super) files: usize,
    /// Packets read.
    pub(super) packets: u64,
    /// Whether the database holds everything.
    pub(super) kept: bool,
    /// What the stages took, if that was asked for.
    pub(super) stopwatch: Option<Arc<Stopwatch>>,
}

impl Reading {
    /// As by default, with the rules of a folder.
    pub(super) fn with_fingerprints(folder: Option<PathBuf>) -> Self {
        Self { fingerprints: folder, ..Self::default() }
    }

    /// The same with so many findings listed as a configuration says.
    pub(super) fn listing(self, limits: &Limiting) -> Self {
        Self { listed: limits.findings.map(|_| limits.findings()), ..self }
    }

    /// How many engines work side by side.
    pub(super) fn workers(&self) -> usize {
        usize::from(self.workers)
    }

    /// Rules, and what an operator knows.
    pub(super) fn knowledge(&self, tagger: Option<&dyn Tagger>) -> Result<Knowledge, Failure> {
        Ok(Knowledge { fingerprints: self.fingerprints()?, policy: self.policy(tagger)?, findings_max: self.findings_max()? })
    }

    /// How many findings are listed: `[limits] findings` of the configuration, where a command reads one, else of the environment.
    pub(super) fn findings_max(&self) -> Result<usize, Failure> {
        let of_environment = || Config::of_environment(|name| std::env::var(name).ok()).map(|config| config.limits.findings());
        self.listed.map_or_else(of_environment, Ok).map_err(|error| Failure::usage(error.to_string()))
    }

    /// What an operator knows: `--policy`, `--managed`, and the secrets that makers set, tagged as captured ones are.
    fn policy(&self, tagger: Option<&dyn Tagger>) -> Result<Policy, Failure> {
        let mut policy = match &self.policy {
            Some(path) => crate::policy::read(path).map_err(|error| Failure::usage(format!("--policy {error}")))?,
            None => Policy::default(),
        };
        let of_registrar = |path: &Path| path.to_str().and_then(|name| name.strip_prefix(REGISTRAR)).map(PathBuf::from);
        for path in self.managed.iter().filter(|path| of_registrar(path).is_none()) {
            policy.authorities.push(crate::policy::read_list(path).map_err(|error| Failure::usage(format!("--managed {error}")))?);
        }
        for path in &self.trust {
            policy.issuers.extend(crate::policy::read_authorities(path).map_err(|error| Failure::usage(format!("--trust {error}")))?);
        }
        for path in &self.revoked {
            policy.revocations.push(crate::policy::read_revocations(path).map_err(|error| Failure::usage(format!("--revoked {error}")))?);
        }
        // Last: whom a vault's CA stands beside is known then.
        for path in self.managed.iter().filter_map(|path| of_registrar(path)) {
            let lists = crate::policy::read_vault(&path).map_err(|error| Failure::usage(format!("--managed registrar:{error}")))?;
            crate::policy::add_vault(&mut policy, lists);
        }
        if let Some(text) = &self.baseline {
            policy.baseline = Some(crate::policy::read_baseline(text).map_err(|error| Failure::usage(format!("--baseline {error}")))?);
        }
        for path in &self.advisories {
            policy.advisories.extend(crate::policy::read_advisories(path).map_err(|error| Failure::usage(format!("--advisories {error}")))?);
        }
        for one in tagger.into_iter().flat_map(|tagger| secrets().map(move |one| tagger.tag(one.user.map(str::as_bytes), one.secret.as_bytes()))) {
            match one.login {
                Some(login) => drop(policy.default_logins.insert(login.to_vec())),
                None => drop(policy.default_secrets.insert(one.secret.to_vec())),
            }
        }
        Ok(policy)
    }

    /// Whether anything but the database decides what is derived from it.
    pub(super) fn has_policy(&self) -> bool {
        self.policy.is_some()
            || !self.managed.is_empty()
            || !self.trust.is_empty()
            || !self.revoked.is_empty()
            || self.baseline.is_some()
            || !self.advisories.is_empty()
    }

    /// The built-in rules, and those of `--fingerprints`.
    pub(super) fn fingerprints(&self) -> Result<Fingerprints, Failure> {
        Fingerprints::with(&self.more_fingerprints()?).map_err(|error| Failure::usage(format!("--fingerprints: {error}")))
    }

    /// The files of `--fingerprints`: name and text.
    pub(super) fn more_fingerprints(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut more = Vec::new();
        if let Some(folder) = &self.fingerprints {
            let wrong = |path: &Path, error| Failure::usage(format!("--fingerprints {}: {error}", shown(&path.to_string_lossy())));
            let entries = std::fs::read_dir(folder).map_err(|error| wrong(folder, error))?;
            let mut paths: Vec<PathBuf> =
                entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
            paths.sort();
            for path in paths {
                let text = std::fs::read_to_string(&path).map_err(|error| wrong(&path, error))?;
                more.push((path.display().to_string(), text));
            }
        }
        Ok(more)
    }

    /// The files, sorted into sources. What is wrong with the options is told here, before anything is written.
    pub(super) fn plan(&self, files: &[PathBuf]) -> Result<Plan, Failure> {
        self.plan_as(files, self.as_one)
    }

    /// As [`Reading::plan`], each file a source of its own.
    pub(super) fn plan_apart(&self, files: &[PathBuf]) -> Result<Plan, Failure> {
        self.plan_as(files, false)
    }

    fn plan_as(&self, files: &[PathBuf], as_one: bool) -> Result<Plan, Failure> {
        let sources = match &self.sources {
            Some(path) => SourcesFile::read(path).map_err(|error| Failure::usage(format!("--sources {error}")))?,
            None => SourcesFile::default(),
        };
        if let Some(expression) = &self.bpf {
            Filter::compile(expression).map_err(|what| Failure::usage(format!("--bpf: {what}")))?;
        }
        let options = PlanOptions { site: self.site.clone(), bpf: self.bpf.clone(), as_one };
        let plan = plan(files, &sources, &options).map_err(Failure::usage)?;
        for skipped in &plan.skipped {
            eprintln!("{skipped}");
        }
        for failed in &plan.failed {
            eprintln!("{failed}");
        }
        Ok(plan)
    }

    /// Reads all that was planned; what is said goes into the database, if one is given, while it is read.
    pub(super) fn read(&self, plan: &Plan, database: Option<&Database>, tagger: Option<Arc<dyn Tagger>>) -> Result<ReadAll, Failure> {
        let stopwatch = self.stages.then(Arc::<Stopwatch>::default);
        let options = Options { workers: self.workers(), tagger, stopwatch: stopwatch.clone(), ..Options::new() };
        let mut all = ReadAll { said: Said::default(), complete: 0, files: plan.failed.len(), packets: 0, kept: true, stopwatch };
        let mut bar = Bar::new();
        for planned in &plan.sources {
            all.files += planned.parts.len();
            if let Some(mut outcome) = self.read_source(planned, &options, &mut bar, database)? {
                let whole = outcome.said.source.parts.iter().filter(|part| part.damage.is_none()).count();
                all.complete += whole.min(planned.parts.len());
                all.packets += outcome.said.source.packets;
                all.keep(&mut outcome, database, &bar);
            }
        }
        bar.done();
        if all.files == 0 {
            return Err(Failure::new("there is no capture among what was given"));
        }
        Ok(all)
    }

    /// Reads one source. A file that cannot be opened is named, and the others go on; a wrong filter is the same for all.
    fn read_source(
        &self,
        planned: &PlannedSource,
        options: &Options,
        bar: &mut Bar,
        database: Option<&Database>,
    ) -> Result<Option<Outcome>, Failure> {
        let mut reader = match planned.open() {
            Ok(reader) => reader,
            Err(error) if matches!(error.why, Why::Filter(_)) => return Err(Failure::usage(error.to_string())),
            Err(error) => {
                bar.say(&error.to_string());
                return Ok(None);
            }
        };
        bar.begin(&planned.name, reader.progress());
        let mut keeper = database.map(|database| Keeper::new(Arc::clone(database)));
        let mut outcome = pipeline::read(&mut reader, options, |snapshot| {
            bar.tick();
            if let Some(news) = keeper.as_mut().and_then(|keeper| keeper.tick(snapshot)) {
                bar.say(&news.to_string());
            }
        });
        for damage in &outcome.damages {
            bar.say(&damage.to_string());
        }
        for link in reader.unfiltered() {
            bar.say(&format!("{}: --bpf cannot be applied to packets of {}; they were left out", shown(&planned.name), link.name()));
        }
        if self.sha256 {
            for (part, file) in outcome.said.source.parts.iter_mut().zip(&planned.parts) {
                part.sha256 = crate::capture::file::sha256(&file.path).ok();
            }
        }
        Ok(Some(outcome))
    }
}

impl ReadAll {
    /// Into the database; into memory if there is none, or it cannot be written.
    fn keep(&mut self, outcome: &mut Outcome, database: Option<&Database>, bar: &Bar) {
        let said = std::mem::take(&mut outcome.said);
        if let Some(database) = database {
            match Keeper::new(Arc::clone(database)).finish(&said) {
                Ok(()) => return,
                Err(error) => bar.say(&format!("wirecensus: {error}")),
            }
            self.kept = false;
        }
        self.said.join(Said::of(said));
    }

    /// Whether nothing could be read of what was given.
    pub(super) fn nothing(&self) -> bool {
        self.packets == 0 && self.complete < self.files
    }

    /// Says on stderr how much of several files could be read, and what it took.
    pub(super) fn tell(&self) {
        if let Some(stopwatch) = &self.stopwatch {
            eprint!("{}", stopwatch.report(self.packets));
        }
        if self.files > 1 || self.complete < self.files {
            eprintln!("{}", completeness(self.complete, self.files));
        }
    }
}
