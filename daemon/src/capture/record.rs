//! A live capture that is also written to a file, packet by packet as it came, so that it can be read once more.

use super::block::{Block, Blocks, Damage, Health, MAX_SNAPLEN};
use super::text::shown;
use dissectors::packet::{LinkType, Packet};
use observations::Part;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// First bytes of a pcap file with nanoseconds (draft-ietf-opsawg-pcap §4).
const MAGIC: u32 = 0xa1b2_3c4d;

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

/// Writes down what another gives, as a pcap file with nanoseconds.
///
/// A file that cannot be written any more (a full disk) is said once and left; capturing goes on.
pub struct Recorded {
    blocks: Box<dyn Blocks>,
    file: Option<BufWriter<File>>,
    path: PathBuf,
}

impl Recorded {
    /// Begins the file, which its owner alone may read; one that is there already is not written over.
    ///
    /// # Errors
    /// If it cannot be made; the message names it.
    pub fn new(blocks: Box<dyn Blocks>, link: LinkType, path: &Path) -> io::Result<Self> {
        let begin = || {
            let mut file = BufWriter::new(File::options().write(true).create_new(true).mode(0o600).open(path)?);
            file.write_all(&header(link))?;
            file.flush()?;
            Ok(file)
        };
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", shown(&path.to_string_lossy())));
        Ok(Self { blocks, file: Some(begin().map_err(named)?), path: path.to_owned() })
    }

    /// Where the packets of one of several interfaces go: of `plant.pcap`, `plant-eth1.pcap`.
    #[must_use]
    pub fn path_of(path: &Path, interface: &str) -> PathBuf {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
        path.with_file_name(format!("{stem}-{interface}{}", extension.unwrap_or_default()))
    }

    /// Hands the packets to the system.
    fn keep(&mut self, block: &Block) {
        let Some(file) = &mut self.file else { return };
        let written = block.packets().try_for_each(|packet| write(file, &packet)).and_then(|()| file.flush());
        if let Err(error) = written {
            eprintln!("wirecensus: {}: {error}; nothing more is recorded, capturing goes on", shown(&self.path.to_string_lossy()));
            self.file = None;
        }
    }
}

/// The file's header (draft-ietf-opsawg-pcap §4), version 2.4.
fn header(link: LinkType) -> [u8; 24] {
    let mut header = [0; 24];
    header[..4].copy_from_slice(&MAGIC.to_le_bytes());
    header[4..6].copy_from_slice(&2u16.to_le_bytes());
    header[6..8].copy_from_slice(&4u16.to_le_bytes());
    header[16..20].copy_from_slice(&MAX_SNAPLEN.to_le_bytes());
    header[20..].copy_from_slice(&link.0.to_le_bytes());
    header
}

/// One record (draft-ietf-opsawg-pcap §5).
fn write(file: &mut impl Write, packet: &Packet<'_>) -> io::Result<()> {
    let number = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
    let length = u32::try_from(packet.data.len()).unwrap_or(u32::MAX);
    for field in [number(packet.time.div_euclid(SECOND)), number(packet.time.rem_euclid(SECOND)), length, packet.wire_len] {
        file.write_all(&field.to_le_bytes())?;
    }
    file.write_all(packet.data)
}

impl Blocks for Recorded {
    fn next(&mut self, block: &mut Block) -> Result<bool, Damage> {
        let more = self.blocks.next(block)?;
        if !block.is_empty() {
            self.keep(block);
        }
        Ok(more)
    }

    fn health(&self) -> Health {
        self.blocks.health()
    }

    fn parts(&self) -> Vec<Part> {
        self.blocks.parts()
    }

    fn filter(&mut self, expression: Option<&str>) -> Result<(), String> {
        self.blocks.filter(expression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::FileReader;

    /// Every packet, as times and bytes.
    fn all(blocks: &mut dyn Blocks) -> Vec<(i64, u32, Vec<u8>)> {
        let (mut block, mut packets) = (Block::default(), Vec::new());
        while blocks.next(&mut block).unwrap() {
            packets.extend(block.packets().map(|packet| (packet.time, packet.wire_len, packet.data.to_vec())));
        }
        packets
    }

    #[test]
    fn what_was_recorded_reads_as_it_came() {
        let folder = tempfile::tempdir().unwrap();
        let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/arp/plant-start-up.pcap");
        let open = |path: &Path| Box::new(FileReader::open(path, 0, 0).unwrap());
        let path = folder.path().join("again.pcap");
        let came = all(&mut Recorded::new(open(&capture), LinkType::ETHERNET, &path).unwrap());
        assert!(!came.is_empty());
        assert_eq!(all(&mut *open(&path)), came);
        let error = Recorded::new(open(&capture), LinkType::ETHERNET, &path).err().unwrap();
        assert!(error.to_string().contains("again.pcap: File exists"), "{error}");
    }

    #[test]
    fn each_interface_has_a_file_of_its_own() {
        assert_eq!(Recorded::path_of(Path::new("day/plant.pcap"), "eth1"), Path::new("day/plant-eth1.pcap"));
        assert_eq!(Recorded::path_of(Path::new("plant"), "eth1"), Path::new("plant-eth1"));
    }

    #[test]
    fn a_disk_that_is_full_ends_the_recording_and_not_the_capture() {
        let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps/arp/plant-start-up.pcap");
        let mut whole = FileReader::open(&capture, 0, 0).unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let blocks = Box::new(FileReader::open(&capture, 0, 0).unwrap());
        let mut recorded = Recorded { blocks, file: Some(BufWriter::new(full)), path: "/dev/full".into() };
        assert_eq!(all(&mut recorded), all(&mut whole));
        assert!(recorded.file.is_none());
    }
}
