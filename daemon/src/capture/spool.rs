//! A folder into which others put captures: which of its files are whole, and in what order they are read. Looked at each second; nothing
//! in it is changed or taken away.

use super::input::{OpenError, Why};
use super::reader::{Settings, open};
use super::text::{grouped, shown};
use crate::clock;
use observations::SourceKey;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a file must be as it is before it is read: who writes a capture writes it more often. A file that is moved here whole has not
/// been changed for longer, mostly, and is read at once.
const SETTLED: Duration = Duration::from_secs(5);

/// Files, and subfolders, of one folder that are looked at: a day of a capture that turns every two seconds. Of more, nobody takes them away.
const FILES_MAX: usize = 50_000;

/// Subfolders within each other: a capture program sorts by year, month, day and hour, below a sensor's name.
const DEPTH_MAX: usize = 8;

/// Files that are opened before the first of them is read, so that they come in the order of time.
const TOGETHER: usize = 512;

/// A folder that is watched.
pub struct Spool {
    folder: PathBuf,
    /// Subfolders within each other that are looked at.
    depth: usize,
    settings: Settings,
    known: HashMap<PathBuf, File>,
    /// Sources that were read to their end before this run, and when that was.
    before: Before,
    crowded: bool,
    gone: bool,
}

/// What was read before this run.
#[derive(Default)]
pub struct Before {
    /// Sources that are whole in the database.
    pub whole: std::collections::HashSet<SourceKey>,
    /// When the last run ended, nanoseconds since 1970; what was changed since is read again.
    pub ended: Option<i64>,
}

/// A file as it was seen.
struct File {
    size: u64,
    changed: i64,
    since: Instant,
    /// It was read, or cannot be, as it is.
    done: bool,
}

/// A file that can be read.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready {
    /// The time of its first packet; none comes last.
    pub first: (bool, Option<i64>),
    /// Where it is.
    pub path: PathBuf,
}

/// What a look gave.
#[derive(Default, Debug)]
pub struct Look {
    /// What can be read, the earliest first.
    pub ready: Vec<Ready>,
    /// What is worth a word.
    pub news: Vec<String>,
    /// Whether the folder is there.
    pub there: bool,
}

impl Spool {
    /// Watches a folder; its files are read with these settings.
    ///
    /// # Errors
    /// If it is none, or may not be read.
    pub fn new(folder: &Path, settings: &Settings, before: Before) -> io::Result<Self> {
        fs::read_dir(folder)?;
        let (folder, settings) = (folder.to_owned(), settings.clone());
        Ok(Self { folder, depth: 0, settings, known: HashMap::new(), before, crowded: false, gone: false })
    }

    /// Watches its subfolders as well, to a fixed depth. Links are not followed: they may lead anywhere.
    #[must_use]
    pub fn recursive(self, recursive: bool) -> Self {
        Self { depth: if recursive { DEPTH_MAX } else { 0 }, ..self }
    }

    /// Reads files in another way from now on; what was read stays read.
    pub fn set(&mut self, settings: &Settings) {
        self.settings = settings.clone();
    }

    /// Looks at the folder.
    pub fn look(&mut self, now: Instant) -> Look {
        let mut look = Look::default();
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) => {
                let first = !std::mem::replace(&mut self.gone, true);
                look.news.extend(first.then(|| format!("{}: {error}; it is waited for", self.name(&self.folder))));
                return look;
            }
        };
        look.there = true;
        if std::mem::take(&mut self.gone) {
            look.news.push(format!("{}: there again", self.name(&self.folder)));
        }
        let (mut found, mut room) = (HashMap::new(), FILES_MAX);
        let crowded = gather(entries, self.depth, &mut room, &mut found);
        if crowded && !std::mem::replace(&mut self.crowded, crowded) {
            look.news.push(format!("{}: more than {} files; the others are not looked at", self.name(&self.folder), grouped(FILES_MAX as u64)));
        }
        self.known.retain(|path, _| found.contains_key(path));
        for (path, (size, changed)) in found {
            let file = self.known.entry(path).or_insert_with(|| File { size, changed, since: settled_since(changed, now), done: false });
            if (file.size, file.changed) != (size, changed) {
                *file = File { size, changed, since: now, done: false };
            }
        }
        self.open_settled(now, &mut look);
        look.ready.sort();
        look
    }

    /// A file was read, to its end or to its damage: it is not read again unless it changes.
    pub fn done(&mut self, path: &Path) {
        if let Some(file) = self.known.get_mut(path) {
            file.done = true;
        }
    }

    /// Opens the files that have settled, for their keys and first times.
    fn open_settled(&mut self, now: Instant, look: &mut Look) {
        let settled = self.known.iter().filter(|(_, file)| !file.done && now.duration_since(file.since) >= SETTLED);
        let mut settled: Vec<(PathBuf, i64)> = settled.map(|(path, file)| (path.clone(), file.changed)).collect();
        // The oldest first, if there are many.
        settled.sort_by(|(a, changed_a), (b, changed_b)| (changed_a, a).cmp(&(changed_b, b)));
        for (path, changed) in settled.into_iter().take(TOGETHER) {
            match self.first_of(&path) {
                Ok((key, _)) if self.was_read(&key, changed) => self.done(&path),
                Ok((_, first)) => look.ready.push(Ready { first: (first.is_none(), first), path }),
                // Its rights may be set right later; that changes no size and no time, so it is asked again.
                Err(OpenError { why: Why::Missing | Why::Denied, .. }) => {}
                Err(error) => {
                    look.news.push(format!("{error}; it is left alone"));
                    self.done(&path);
                }
            }
        }
    }

    fn first_of(&self, path: &Path) -> Result<(SourceKey, Option<i64>), OpenError> {
        let mut reader = open(path, &self.settings)?;
        Ok((reader.key(), reader.first_time()))
    }

    /// Whether a run before this one read the file as it is.
    fn was_read(&self, key: &SourceKey, changed: i64) -> bool {
        self.before.whole.contains(key) && self.before.ended.is_some_and(|ended| changed < ended)
    }

    fn name(&self, path: &Path) -> String {
        shown(&path.to_string_lossy())
    }
}

/// Takes in regular files that somebody meant to be seen, with their size and when they changed, and those of subfolders as deep as that;
/// whether there are more than may be looked at. Links are not followed: they may lead anywhere.
fn gather(entries: fs::ReadDir, depth: usize, room: &mut usize, found: &mut HashMap<PathBuf, (u64, i64)>) -> bool {
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let in_work = name.starts_with('.') || [".tmp", ".part", ".partial"].iter().any(|end| name.ends_with(end));
        let Some(meta) = entry.metadata().ok().filter(|_| !in_work) else { continue };
        let Some(left) = room.checked_sub(1) else { return true };
        if meta.is_file() && meta.len() > 0 {
            *room = left;
            found.insert(entry.path(), (meta.len(), meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec())));
        } else if meta.is_dir() && depth > 0 {
            *room = left;
            // One that may not be read, or is gone by now, is empty for us.
            if fs::read_dir(entry.path()).is_ok_and(|entries| gather(entries, depth - 1, room, found)) {
                return true;
            }
        }
    }
    false
}

/// Since when a file that is seen for the first time has been as it is, as its own time says.
fn settled_since(changed: i64, now: Instant) -> Instant {
    let age = u64::try_from(clock::now().saturating_sub(changed)).map_or(Duration::ZERO, Duration::from_nanos).min(SETTLED);
    now.checked_sub(age).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps").join(name)
    }

    fn put(folder: &Path, capture_name: &str, as_name: &str, age: u64) {
        let path = folder.join(as_name);
        fs::copy(capture(capture_name), &path).unwrap();
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(std::time::UNIX_EPOCH + Duration::from_nanos(clock::now().unsigned_abs()) - Duration::from_secs(age))
            .unwrap();
    }

    fn names(look: &Look) -> Vec<String> {
        look.ready.iter().map(|ready| ready.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    fn spool(folder: &Path, before: Before) -> Spool {
        Spool::new(folder, &Settings::default(), before).unwrap()
    }

    #[test]
    fn files_come_in_the_order_of_their_packets_once_they_have_settled() {
        let folder = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let mut spool = spool(folder.path(), Before::default());
        let first = |name: &str| open(&capture(name), &Settings::default()).unwrap().first_time().unwrap();
        let (a, b) = ("modbus/device-identification.pcap", "arp/plant-start-up.pcap");
        let expected = if first(a) < first(b) { ["x.pcap", "y.pcap"] } else { ["y.pcap", "x.pcap"] };
        put(folder.path(), a, "x.pcap", 60);
        put(folder.path(), b, "y.pcap", 60);
        put(folder.path(), a, "grows.pcap", 0);
        put(folder.path(), a, ".hidden.pcap", 60);
        put(folder.path(), a, "z.pcap.part", 60);
        fs::write(folder.path().join("empty.pcap"), "").unwrap();
        assert_eq!(names(&spool.look(now)), expected);
        let later = spool.look(now + SETTLED * 2);
        assert!(later.there && later.news.is_empty() && names(&later).contains(&"grows.pcap".to_owned()), "{later:?}");
        for ready in later.ready {
            spool.done(&ready.path);
        }
        assert!(spool.look(now + SETTLED * 3).ready.is_empty(), "each is read once");
        put(folder.path(), b, "x.pcap", 0);
        assert!(spool.look(now + SETTLED * 3).ready.is_empty(), "it changed a moment ago");
        assert_eq!(names(&spool.look(now + SETTLED * 4)), ["x.pcap"]);
    }

    #[test]
    fn subfolders_are_looked_at_if_that_is_wished_to_a_depth_and_never_through_a_link() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = "modbus/device-identification.pcap";
        let deep = (0..DEPTH_MAX).fold(folder.path().to_owned(), |path, level| path.join(level.to_string()));
        let deeper = deep.join("deeper");
        fs::create_dir_all(&deeper).unwrap();
        fs::create_dir(folder.path().join(".work")).unwrap();
        put(folder.path(), name, "top.pcap", 60);
        put(&deep, name, "deep.pcap", 60);
        put(&deeper, name, "deeper.pcap", 60);
        put(&folder.path().join(".work"), name, "unfinished.pcap", 60);
        put(elsewhere.path(), name, "elsewhere.pcap", 60);
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(folder.path(), deep.join("loop")).unwrap();
        let seen = |recursive| {
            let mut names = names(&spool(folder.path(), Before::default()).recursive(recursive).look(Instant::now()));
            names.sort();
            names
        };
        assert_eq!(seen(false), ["top.pcap"]);
        assert_eq!(seen(true), ["deep.pcap", "top.pcap"]);
    }

    #[test]
    fn what_is_no_capture_is_named_once() {
        let folder = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let mut spool = spool(folder.path(), Before::default());
        fs::write(folder.path().join("notes.txt"), "hello, this is no capture at all").unwrap();
        let look = spool.look(now);
        let look = if look.news.is_empty() { spool.look(now + SETTLED) } else { look };
        assert!(look.ready.is_empty() && look.news.len() == 1 && look.news[0].contains("notes.txt: "), "{look:?}");
        assert!(spool.look(now + SETTLED * 2).news.is_empty());
    }

    #[test]
    fn what_an_earlier_run_read_is_known_again_unless_it_changed_since() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "modbus/device-identification.pcap", "x.pcap", 3600);
        let key = open(&folder.path().join("x.pcap"), &Settings::default()).unwrap().key();
        let before = |ago: i64| Before { whole: [key].into(), ended: Some(clock::now() - ago * 1_000_000_000) };
        assert!(spool(folder.path(), before(60)).look(Instant::now()).ready.is_empty());
        assert_eq!(names(&spool(folder.path(), before(7200)).look(Instant::now())), ["x.pcap"]);
        let unknown = Before { ended: Some(clock::now()), ..Before::default() };
        assert_eq!(names(&spool(folder.path(), unknown).look(Instant::now())), ["x.pcap"]);
    }

    #[test]
    fn a_folder_that_goes_away_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("spool");
        assert!(Spool::new(&inside, &Settings::default(), Before::default()).is_err());
        fs::create_dir(&inside).unwrap();
        let mut spool = spool(&inside, Before::default());
        fs::remove_dir(&inside).unwrap();
        let look = spool.look(Instant::now());
        assert!(!look.there && look.news.len() == 1 && spool.look(Instant::now()).news.is_empty());
        fs::create_dir(&inside).unwrap();
        assert!(spool.look(Instant::now()).news[0].ends_with("there again"));
    }
}
