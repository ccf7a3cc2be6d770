//! Opens a file or standard input, unpacks it as it is read, and counts how far reading came.
//!
//! Unpacking is streaming and its memory is bounded by the window that the format needs, so a file that unpacks to far more than itself
//! costs time and nothing else. What is packed twice is not followed.

use super::block::BLOCK_BYTES;
use super::format::{HEAD, Packing, stranger};
use super::text::shown;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The name of standard input on the command line.
pub const STDIN: &str = "-";

/// Largest window of a zstd frame, as a power of two: what `zstd --long` (27) writes; more must be asked for there, too.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Memory for unpacking xz, KiB: `xz -9` needs 65 MiB; a header may claim 4 GiB.
const XZ_MEMORY_KIB_MAX: u32 = 192 * 1024;

/// Bytes that are read at once from a packed file.
const PACKED_CHUNK: usize = 128 * 1024;

/// Why a file could not be opened as a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenError {
    /// The file as it was given.
    pub file: String,
    /// What is wrong.
    pub why: Why,
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", shown(&self.file), self.why)
    }
}

impl std::error::Error for OpenError {}

/// What is wrong with a file that could not be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// There is none.
    Missing,
    /// Reading is not permitted.
    Denied,
    /// It is a folder.
    Folder,
    /// It has no bytes.
    Empty,
    /// It ends within the file's header: how many bytes there are.
    CutHeader(usize),
    /// It is something else; what, as far as can be told.
    Stranger(String),
    /// The system or the unpacker says so.
    Input(String),
    /// The filter expression.
    Filter(String),
    /// Standard input or a pipe among files that are read as one.
    ReadTwice,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("no such file"),
            Self::Denied => f.write_str("reading is not permitted: change its mode, or run as a user who may read it"),
            Self::Folder => f.write_str("a folder, not a file"),
            Self::Empty => f.write_str("empty file"),
            Self::CutHeader(there) => write!(f, "the file ends within its header, after {there} bytes"),
            Self::Stranger(what) | Self::Input(what) => f.write_str(what),
            Self::Filter(what) => write!(f, "--bpf: {what}"),
            Self::ReadTwice => f.write_str("files that are read as one are opened twice, which a pipe does not allow: write it to a file first"),
        }
    }
}

/// How far reading came; the clone may be asked from another thread.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub(crate) read: Arc<AtomicU64>,
    pub(crate) total: Option<u64>,
}

impl Progress {
    /// Bytes read of the file as it lies on the disk, and its size when it was opened, if it is a regular file.
    #[must_use]
    pub fn now(&self) -> (u64, Option<u64>) {
        (self.read.load(Ordering::Relaxed), self.total)
    }
}

/// Counts what passes.
struct Counting<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Unpacked bytes of a capture, in buffers: what a walk leaves over stands at the start of the next.
pub(crate) struct Input {
    reader: Box<dyn Read + Send>,
    pub(crate) packing: Packing,
    pub(crate) progress: Progress,
    /// Whether a reader at the other end of a pipe may be waiting: what is there is handed on at once.
    eager: bool,
    carry: Vec<u8>,
    /// Where `carry` begins, in unpacked bytes from the start.
    pub(crate) offset: u64,
    pub(crate) ended: bool,
    /// Why it ended, if it did not end by itself.
    pub(crate) failed: Option<String>,
}

impl Input {
    /// Opens `path`, or standard input if it is `-`.
    pub(crate) fn open(path: &Path) -> Result<Self, Why> {
        if path.as_os_str() == STDIN {
            return Self::from_reader(Box::new(io::stdin()), None, true);
        }
        let explain = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Why::Missing,
            io::ErrorKind::PermissionDenied => Why::Denied,
            io::ErrorKind::IsADirectory => Why::Folder,
            _ => Why::Input(error.to_string()),
        };
        let file = File::open(path).map_err(explain)?;
        let meta = file.metadata().map_err(explain)?;
        if meta.is_dir() {
            return Err(Why::Folder);
        }
        let total = meta.is_file().then_some(meta.len());
        Self::from_reader(Box::new(file), total, total.is_none())
    }

    /// Recognises what packs the bytes, and unpacks it.
    pub(crate) fn from_reader(raw: Box<dyn Read + Send>, total: Option<u64>, eager: bool) -> Result<Self, Why> {
        let progress = Progress { read: Arc::default(), total };
        let mut raw = Counting { inner: raw, read: Arc::clone(&progress.read) };
        let head = head_of(&mut raw).map_err(|error| Why::Input(error.to_string()))?;
        if head.is_empty() {
            return Err(Why::Empty);
        }
        let packing = Packing::of(&head);
        let raw = Cursor::new(head).chain(raw);
        let reader = unpacker(packing, raw).map_err(|error| Why::Input(error.to_string()))?;
        Ok(Self { reader, packing, progress, eager, carry: Vec::new(), offset: 0, ended: false, failed: None })
    }

    /// The first bytes after unpacking; they stay to be read.
    pub(crate) fn head(&mut self) -> Result<Vec<u8>, Why> {
        let packing = self.packing.name();
        let head = head_of(&mut self.reader).map_err(|error| Why::Input(format!("unpacking {packing}: {error}")))?;
        if head.is_empty() {
            return Err(Why::Empty);
        }
        self.carry.extend_from_slice(&head);
        Ok(head)
    }

    /// What the head is, if it is no capture.
    pub(crate) fn refuse(head: &[u8]) -> Why {
        Why::Stranger(stranger(head))
    }

    /// Steps over bytes that were looked at by [`Input::head`].
    pub(crate) fn step_over(&mut self, bytes: usize) {
        let bytes = bytes.min(self.carry.len());
        self.carry.drain(..bytes);
        self.offset += bytes as u64;
    }

    /// Fills `bytes` with what was left over and what comes next; returns how many of them are filled. An error of reading or unpacking
    /// ends the input, and what came before it stands.
    pub(crate) fn fill(&mut self, bytes: &mut Vec<u8>) -> usize {
        if bytes.len() < BLOCK_BYTES {
            bytes.resize(BLOCK_BYTES, 0);
        }
        // What is left over never outgrows the buffer that it came from.
        let mut filled = self.carry.len().min(BLOCK_BYTES);
        bytes[..filled].copy_from_slice(&self.carry[..filled]);
        self.carry.clear();
        while !self.ended && filled < BLOCK_BYTES {
            match self.reader.read(&mut bytes[filled..BLOCK_BYTES]) {
                Ok(0) => self.ended = true,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.ended = true;
                    self.failed = Some(self.explain(&error));
                }
            }
            if self.eager {
                break;
            }
        }
        filled
    }

    /// Keeps what a walk left over, for the next [`Input::fill`].
    pub(crate) fn keep(&mut self, consumed: usize, rest: &[u8]) {
        self.offset += consumed as u64;
        self.carry.extend_from_slice(rest);
    }

    /// An error in words that name the unpacker.
    fn explain(&self, error: &io::Error) -> String {
        match (self.packing, error.kind()) {
            (Packing::Plain, _) => format!("reading failed: {error}"),
            (packing, io::ErrorKind::UnexpectedEof) => format!("the {} stream is cut: {error}", packing.name()),
            (packing, _) => format!("unpacking {} failed: {error}", packing.name()),
        }
    }
}

/// Reads until [`HEAD`] bytes are there or the end.
fn head_of(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD);
    match reader.take(HEAD as u64).read_to_end(&mut head) {
        // What came before an error decides; the error comes again.
        Err(error) if head.is_empty() => Err(error),
        _ => Ok(head),
    }
}

/// The reader that undoes `packing`.
fn unpacker(packing: Packing, raw: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let buffered = |raw| BufReader::with_capacity(PACKED_CHUNK, raw);
    Ok(match packing {
        Packing::Plain => Box::new(raw),
        Packing::Gzip => Box::new(MultiGzDecoder::new(buffered(raw))),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered(raw))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(buffered(raw), true, XZ_MEMORY_KIB_MAX)),
    })
}
