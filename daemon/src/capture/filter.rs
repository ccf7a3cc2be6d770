//! A BPF expression as `--bpf` takes it, compiled by libpcap and run on packets of files.

use super::block::Block;
use dissectors::packet::{LinkType, Packet};

/// Link types that one source may bring: a hostile pcapng file could name tens of thousands, each with a program of its own. Packets of
/// further ones do not pass.
const LINKS_MAX: usize = 64;

/// A compiled filter. The program depends on the link type, so there is one for each.
pub struct Filter {
    expression: String,
    programs: Vec<(LinkType, Option<program::Program>)>,
}

impl Filter {
    /// Compiles `expression` for Ethernet, to tell a slip before anything is read.
    ///
    /// # Errors
    /// What libpcap says of it, or that this build has no libpcap.
    pub fn compile(expression: &str) -> Result<Self, String> {
        let mut filter = Self { expression: expression.to_owned(), programs: Vec::new() };
        let program = program::compile(expression, LinkType::ETHERNET)?;
        filter.programs.push((LinkType::ETHERNET, Some(program)));
        Ok(filter)
    }

    /// Whether the filter lets a packet pass. On a link type that the expression does not fit (`vlan` on raw IP) nothing passes.
    pub fn passes(&mut self, packet: &Packet<'_>) -> bool {
        let known = self.programs.iter().position(|(link, _)| *link == packet.link);
        if known.is_none() && self.programs.len() >= LINKS_MAX {
            return false;
        }
        let index = known.unwrap_or_else(|| {
            self.programs.push((packet.link, program::compile(&self.expression, packet.link).ok()));
            self.programs.len() - 1
        });
        matches!(self.programs.get(index), Some((_, Some(program))) if program::passes(program, packet.data))
    }

    /// Drops the records of packets that do not pass. Numbers stay: evidence names a packet of the file.
    pub fn apply(&mut self, block: &mut Block) {
        let mut records = std::mem::take(&mut block.records);
        records.retain(|record| {
            let start = record.start as usize;
            let data = block.bytes.get(start..start + record.len as usize).unwrap_or_default();
            self.passes(&Packet { data, wire_len: record.wire_len, link: record.link, time: record.time, id: record.id })
        });
        block.records = records;
    }

    /// Link types that came and that the expression does not fit.
    #[must_use]
    pub fn unfit(&self) -> Vec<LinkType> {
        self.programs.iter().filter(|(_, program)| program.is_none()).map(|(link, _)| *link).collect()
    }
}

#[cfg(feature = "pcap-live")]
mod program {
    use dissectors::packet::LinkType;

    pub(super) type Program = pcap::BpfProgram;

    pub(super) fn compile(expression: &str, link: LinkType) -> Result<Program, String> {
        // Files number raw IP as 101, libpcap on this system as 12.
        let link = if link == LinkType::RAW { LinkType::RAW_OLD } else { link };
        let dead = pcap::Capture::dead(pcap::Linktype(link.0.cast_signed()));
        let program = dead.and_then(|dead| dead.compile(expression, true));
        program.map_err(|error| format!("{expression:?}: {}", super::super::text::shown(&error.to_string())))
    }

    /// libpcap takes the captured length for the one on the wire here: `greater` and `len` mean captured bytes.
    pub(super) fn passes(program: &Program, data: &[u8]) -> bool {
        program.filter(data)
    }
}

#[cfg(not(feature = "pcap-live"))]
mod program {
    use dissectors::packet::LinkType;

    /// There is none without libpcap.
    pub(super) enum Program {}

    pub(super) fn compile(_: &str, _: LinkType) -> Result<Program, String> {
        Err("filter expressions need libpcap, and this build is without it (feature `pcap-live`)".to_owned())
    }

    pub(super) fn passes(program: &Program, _: &[u8]) -> bool {
        match *program {}
    }
}
