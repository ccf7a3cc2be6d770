//! Which segment of a site a VLAN is: a table, because every packet asks.

use std::sync::Arc;

/// VLAN ids; the entry behind them is for frames without one.
const VLANS: usize = 4_096;

/// The segments of one source. Number 0 is the site itself, for every VLAN that no segment names.
#[derive(Clone, PartialEq, Eq)]
pub struct Segments {
    names: Arc<[String]>,
    table: Arc<[u16]>,
}

impl Default for Segments {
    fn default() -> Self {
        Self { names: Arc::new([String::new()]), table: vec![0; VLANS + 1].into() }
    }
}

impl Segments {
    /// Builds the table from names and their VLANs (`None` is "untagged"), numbered from 1 in the order given.
    ///
    /// # Errors
    /// The first VLAN that two segments name, with both names; or more segments than VLANs.
    pub fn new(segments: &[(String, Vec<Option<u16>>)]) -> Result<Self, String> {
        let mut names = vec![String::new()];
        let mut table = vec![0_u16; VLANS + 1];
        for (name, vlans) in segments {
            let number = u16::try_from(names.len()).ok().filter(|number| usize::from(*number) <= VLANS + 1);
            let number = number.ok_or_else(|| format!("more than {} segments", VLANS + 1))?;
            for vlan in vlans {
                let entry = &mut table[index(*vlan)];
                if *entry != 0 && *entry != number {
                    let which = vlan.map_or_else(|| "untagged".to_owned(), |vlan| format!("VLAN {vlan}"));
                    return Err(format!("{which} is in segment {:?} already: a VLAN belongs to one segment", names[usize::from(*entry)]));
                }
                *entry = number;
            }
            names.push(name.clone());
        }
        Ok(Self { names: names.into(), table: table.into() })
    }

    /// The segment of a frame with this VLAN id, or of one without. VLAN 0 carries only a priority and counts as untagged.
    #[must_use]
    pub fn segment_of(&self, vlan: Option<u16>) -> u16 {
        self.table.get(index(vlan)).copied().unwrap_or(0)
    }

    /// Names by number; the first is the site's own, "".
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What tells this table from others, for the source key.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for name in self.names.iter() {
            out.extend_from_slice(&(name.len() as u64).to_le_bytes());
            out.extend_from_slice(name.as_bytes());
        }
        out.extend(self.table.iter().flat_map(|segment| segment.to_le_bytes()));
        out
    }
}

impl std::fmt::Debug for Segments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Segments").field(&self.names).finish()
    }
}

/// The entry of a VLAN.
fn index(vlan: Option<u16>) -> usize {
    vlan.map(|vlan| usize::from(vlan) % VLANS).filter(|vlan| *vlan != 0).unwrap_or(VLANS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vlans_map_to_segments_and_untagged_frames_too() {
        let segments = Segments::new(&[("cell 1".into(), vec![Some(10), Some(11)]), ("office".into(), vec![None])]).unwrap();
        assert_eq!([Some(10), Some(11), Some(12), None, Some(0)].map(|vlan| segments.segment_of(vlan)), [1, 1, 0, 2, 2]);
        assert_eq!(segments.names(), ["", "cell 1", "office"]);
        assert_eq!(Segments::default().segment_of(None), 0);
    }

    #[test]
    fn a_vlan_belongs_to_one_segment() {
        let error = Segments::new(&[("a".into(), vec![Some(10)]), ("b".into(), vec![Some(10)])]).unwrap_err();
        assert_eq!(error, "VLAN 10 is in segment \"a\" already: a VLAN belongs to one segment");
    }
}
