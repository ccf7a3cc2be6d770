//! Reads one capture file, block by block, and says where it is damaged.

use super::block::{Block, Blocks, Damage, Health, Reason};
use super::format::{Kind, Packing};
use super::input::{Input, OpenError, Progress, Why};
use super::pcap::{self, PcapWalk, Shape};
use super::pcapng::PcapngWalk;
use super::text::grouped;
use super::walk::{Walk, Walked};
use observations::Part;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// One capture file, or standard input.
pub struct FileReader {
    /// As it was given.
    file: String,
    part: u16,
    input: Input,
    walk: Walk,
    format: String,
    ended: bool,
    /// Found behind packets that were handed out first.
    pending: Option<Damage>,
    damage: Option<String>,
}

impl FileReader {
    /// Opens `path`, or standard input if it is `-`. `part` is the file's index in its source and goes into packet ids; `clock_offset` in
    /// nanoseconds is added to every time.
    ///
    /// # Errors
    /// If there is no such file, or it is no capture.
    pub fn open(path: &Path, part: u16, clock_offset: i64) -> Result<Self, OpenError> {
        let file = path.to_string_lossy().into_owned();
        let input = Input::open(path).and_then(|input| Self::start(&file, input, part, clock_offset));
        input.map_err(|why| OpenError { file, why })
    }

    /// Reads a capture from anywhere; `name` stands in messages.
    ///
    /// # Errors
    /// If it is no capture.
    pub fn from_reader(name: &str, reader: Box<dyn Read + Send>, part: u16, clock_offset: i64) -> Result<Self, OpenError> {
        let input = Input::from_reader(reader, None, false).and_then(|input| Self::start(name, input, part, clock_offset));
        input.map_err(|why| OpenError { file: name.to_owned(), why })
    }

    /// The same of a stream that goes on while it is read: what is there is handed on at once.
    pub(crate) fn from_stream(name: &str, reader: Box<dyn Read + Send>) -> Result<Self, OpenError> {
        let input = Input::from_reader(reader, None, true).and_then(|input| Self::start(name, input, 0, 0));
        input.map_err(|why| OpenError { file: name.to_owned(), why })
    }

    /// Reads the file's header.
    fn start(file: &str, mut input: Input, part: u16, clock_offset: i64) -> Result<Self, Why> {
        let head = input.head()?;
        let (walk, mut format) = match Kind::of(&head) {
            Some(Kind::Pcap) => {
                let shape = Shape::read(&head).ok_or(Why::CutHeader(head.len()))?;
                input.step_over(pcap::HEADER);
                (Walk::Pcap(PcapWalk::new(shape, clock_offset, part)), shape.name())
            }
            Some(Kind::Pcapng) => (Walk::Pcapng(PcapngWalk::new(clock_offset, part)), "pcapng".to_owned()),
            None => return Err(Input::refuse(&head)),
        };
        if input.packing != Packing::Plain {
            format = format!("{format}, {}", input.packing.name());
        }
        Ok(Self { file: file.to_owned(), part, input, walk, format, ended: false, pending: None, damage: None })
    }

    /// For messages: "pcap, microseconds, gzip".
    #[must_use]
    pub fn format(&self) -> &str {
        &self.format
    }

    /// How far reading came.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.input.progress.clone()
    }

    /// Decides after a walk over `filled` bytes whether the file goes on.
    fn settle(&mut self, bytes: &[u8], walked: Walked) {
        let left = bytes.get(walked.consumed..).unwrap_or_default();
        let reason = match (walked.damage, self.input.ended && walked.needed > 0) {
            (Some(reason), _) => Some(reason),
            (None, false) => {
                self.input.keep(walked.consumed, left);
                return;
            }
            (None, true) => match self.input.failed.take() {
                Some(failed) => Some(Reason::Input(failed)),
                None if left.is_empty() && self.walk.may_end() => None,
                None => Some(Reason::Cut { needed: walked.needed as u64, there: left.len() as u64 }),
            },
        };
        self.ended = true;
        self.pending = reason.map(|reason| Damage {
            file: self.file.clone(),
            packet: self.walk.number() + 1,
            offset: self.input.offset + walked.consumed as u64,
            unpacked: self.input.packing != Packing::Plain,
            part: self.part,
            reason,
        });
        self.damage = self.pending.as_ref().map(Damage::what);
    }
}

impl Blocks for FileReader {
    fn next(&mut self, block: &mut Block) -> Result<bool, Damage> {
        block.records.clear();
        while !self.ended {
            let filled = self.input.fill(&mut block.bytes);
            let bytes = block.bytes.get(..filled).unwrap_or_default();
            let walked = self.walk.walk(bytes, &mut block.records);
            self.settle(bytes, walked);
            if !block.records.is_empty() {
                return Ok(true);
            }
        }
        self.pending.take().map_or(Ok(false), Err)
    }

    fn health(&self) -> Health {
        self.walk.health()
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part { name: base_name(&self.file), packets: self.walk.number(), damage: self.damage.clone(), sha256: None }]
    }
}

/// A path's last component.
pub(crate) fn base_name(file: &str) -> String {
    Path::new(file).file_name().map_or_else(|| file.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// SHA-256 of a file as it lies on the disk, in hex. Costs three times what walking its packets does: only where it is asked for.
///
/// # Errors
/// Of reading.
pub fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            Ok(n) => hash.update(buffer.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The closing words of a run over many files: "38 of 40 files complete".
#[must_use]
pub fn completeness(complete: usize, files: usize) -> String {
    format!("{} of {} {} complete", grouped(complete as u64), grouped(files as u64), if files == 1 { "file" } else { "files" })
}
