//! What a device is worth knowing for besides who it is: its zone, who manages it, what is weak, how it could get an identity.

use super::outline::protection;
use super::{Members, Traffic, View};
use crate::document::Device;
use crate::enrollability::{Signs, ways};
use crate::judge::protection::known;
use crate::judge::zone::level_of;
use crate::judge::{Basis, Judged, score, whole};
use crate::resolve::Node;
use observations::{Endpoint, Field, Transport, ValueRef};

impl View<'_> {
    /// Fills in what rules found of a component.
    pub(super) fn judge_device(&self, device: &mut Device, at: usize, members: &Members, traffic: &Traffic<'_>, judged: &Judged) {
        let zone = self.zone(at, self.policy());
        device.managed = self.managed(at, members, self.policy(), self.as_of());
        device.purdue_level = zone.level.clone().or_else(|| level_of(&device.class, &device.kind_of_device).map(str::to_owned));
        for service in &mut device.services {
            let Some(transport) = Transport::from_name(&service.transport) else { continue };
            let endpoint = Endpoint { transport, port: service.port };
            service.secured =
                known(&judged.strength.services, at as u32, &service.protocol, endpoint).map(|known| known.encrypted || known.authenticated);
        }
        device.protection = judged.strength.devices.get(&(at as u32)).map(|of| protection(of, &judged.strength.periods)).unwrap_or_default();
        device.enrollability = ways(device, self.signs(at, members));
        if judged.any(at) {
            let basis = Basis { view: self, members, traffic };
            device.findings = judged.findings(&basis, at, &zone);
        }
        whole::judge(self, at, device, &zone, &judged.left_out);
        if !device.findings.is_empty() {
            let outside = device.findings.iter().any(|finding| finding.rule == "NET-002");
            device.score = score(&device.findings, &device.class, outside);
        }
        device.zone = Some(zone.name);
    }

    /// What rules find of a part of a component: it has versions of its own.
    pub(super) fn judge_part(&self, device: &mut Device, at: usize, judged: &Judged) {
        whole::judge(self, at, device, &self.zone(at, self.policy()), &judged.left_out);
        if !device.findings.is_empty() {
            device.score = score(&device.findings, &device.class, false);
        }
    }

    /// Why a finding of a component counts no longer, if somebody answers for it: by a key of the device, or by its zone.
    pub(crate) fn suppressed(&self, at: usize, rule: &str, zone: &str) -> Option<String> {
        if self.decisions.suppressions.is_empty() {
            return None;
        }
        let keys = self.resolved.components.get(at).map_or(&[][..], |component| &component.keys);
        let of_key = keys.iter().find_map(|(key, _)| self.suppression(&key.text(), rule));
        of_key.or_else(|| self.suppression(&format!("zone:{zone}"), rule))
    }

    /// The same by the text of a key.
    pub(crate) fn suppression(&self, key: &str, rule: &str) -> Option<String> {
        let one = self.decisions.suppressions.get(&(key.to_owned(), rule.to_owned()))?;
        one.text(&super::time(self.as_of()).unwrap_or_default())
    }

    /// The Purdue level that a component's class suggests.
    pub(crate) fn level(&self, at: usize, members: &Members, traffic: &Traffic<'_>) -> Option<&'static str> {
        let device = self.whole(at, members, traffic);
        level_of(&device.class, &device.kind_of_device)
    }

    fn signs(&self, at: usize, members: &Members) -> Signs {
        let mut signs = Signs::default();
        for told in members.certificates(at).filter_map(|at| self.facts.told(at)) {
            let leaf = told.said.get(Field::ChainPosition).and_then(ValueRef::number).unwrap_or(0) == 0;
            signs.initial_identity |= leaf && told.said.get(Field::SubjectSerialNumber).is_some();
            signs.opcua_certificate |= told.said.protocol == "opcua";
        }
        signs.cip_security = self.says_cip_security(at, members);
        signs
    }

    /// Whether a component named its CIP Security objects (CIP Volume 8 §5).
    fn says_cip_security(&self, at: usize, members: &Members) -> bool {
        let named = |mark: &crate::judge::Mark| {
            let told = self.facts.told(mark.at);
            told.is_some_and(|told| told.said.get(Field::CipSecurityState).is_some() || told.said.get(Field::EnipSecurityState).is_some())
        };
        members.marks(at).iter().any(named)
    }

    /// Whether a component hands on other hosts' packets.
    pub(crate) fn is_next_hop(&self, at: usize) -> bool {
        let nodes = self.resolved.components.get(at).map_or(&[][..], |component| &component.nodes);
        nodes.iter().any(|(node, _)| matches!(node, Node::Mac(site, mac) if self.places.next_hops.contains(&(*site, *mac))))
    }
}
