//! The invented site: devices with vendor prefixes, addresses, names and VLANs, all a function of their number.

use super::frame::{End, Ip, Mac};
use super::random::Random;
use super::tcp::Stack;

/// Devices of one cell or one office segment.
const SEGMENT: usize = 50;

/// What a device is, which decides what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A switch of the plant.
    PlantSwitch,
    /// The operator's or engineer's computer of a cell.
    Operator,
    /// Speaks Modbus.
    Modbus,
    /// Speaks S7 and PROFINET.
    Siemens,
    /// Speaks EtherNet/IP.
    Rockwell,
    /// Speaks OPC UA.
    OpcUa,
    /// Sends GOOSE.
    Relay,
    /// A switch of the office.
    OfficeSwitch,
    /// A Windows computer.
    Windows,
    /// A computer or telephone of Apple.
    Apple,
    /// A printer, a camera, a NAS or a small Linux box.
    Appliance,
    /// A server.
    Server,
    /// The way out.
    Router,
}

impl Kind {
    /// The vendor prefixes of such devices.
    fn prefixes(self) -> &'static [[u8; 3]] {
        match self {
            Self::PlantSwitch => &[[0, 0x80, 0x63], [0, 0x0a, 0xdc]],
            Self::Operator => &[[0, 0xd0, 0xc9], [0, 0x60, 0x65]],
            Self::Modbus => &[[0, 0x80, 0xf4], [0, 0x30, 0xde], [0, 0xa0, 0x45], [0, 0x90, 0xe8]],
            Self::Siemens => &[[0, 0x1b, 0x1b], [0, 0x0e, 0x8c], [0x28, 0x63, 0x36]],
            Self::Rockwell => &[[0, 0, 0xbc], [0, 0x1d, 0x9c]],
            Self::OpcUa => &[[0, 1, 5], [0, 0x0e, 0xcf]],
            Self::Relay => &[[0, 0x30, 0xa7]],
            Self::OfficeSwitch | Self::Router => &[[0, 0x1e, 0x14]],
            Self::Windows => &[[0xf8, 0xb1, 0x56], [0x3c, 0xd9, 0x2b], [0x54, 0xee, 0x75]],
            Self::Apple => &[[0xf0, 0x18, 0x98]],
            Self::Appliance => &[[0, 0x1b, 0xa9], [0xac, 0xcc, 0x8e], [0, 0x11, 0x32], [0xb8, 0x27, 0xeb]],
            Self::Server => &[[0, 0x50, 0x56]],
        }
    }

    /// True for what stands in the plant.
    pub(crate) fn in_plant(self) -> bool {
        self <= Self::Relay
    }

    fn stack(self) -> Stack {
        match self {
            Self::Operator | Self::Windows => Stack::Windows,
            Self::Apple | Self::Server | Self::OpcUa | Self::Router => Stack::Linux,
            _ => Stack::Embedded,
        }
    }

    fn of_plant(cell: usize, place: usize) -> Self {
        match (place, cell % 5) {
            (0, _) => Self::PlantSwitch,
            (1..=3, _) => Self::Operator,
            (_, 0) => Self::Modbus,
            (_, 1) => Self::Siemens,
            (_, 2) => Self::Rockwell,
            (_, 3) => Self::OpcUa,
            _ => Self::Relay,
        }
    }

    fn of_office(segment: usize, place: usize) -> Self {
        match (segment, place) {
            (0, 1..=9) => Self::Server,
            (_, 0) => Self::OfficeSwitch,
            (_, place) if place % 10 < 6 => Self::Windows,
            (_, place) if place % 10 < 8 => Self::Apple,
            _ => Self::Appliance,
        }
    }
}

/// True if the prefix belongs to a device of the plant.
pub(crate) fn is_plant_prefix(prefix: [u8; 3]) -> bool {
    use Kind::{Modbus, OpcUa, Operator, PlantSwitch, Relay, Rockwell, Siemens};
    [PlantSwitch, Operator, Modbus, Siemens, Rockwell, OpcUa, Relay].iter().any(|kind| kind.prefixes().contains(&prefix))
}

/// One device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Device {
    /// Its number on the site.
    pub(crate) number: u32,
    /// What it is.
    pub(crate) kind: Kind,
    /// Which of its kind's makes it is.
    pub(crate) make: usize,
    /// Its card.
    pub(crate) mac: Mac,
    /// Its address.
    pub(crate) v4: [u8; 4],
    /// Its cell or segment.
    pub(crate) segment: usize,
    /// The tag of its segment, if the mirror shows one.
    pub(crate) vlan: Option<u16>,
}

impl Device {
    fn new(number: usize, kind: Kind, segment: usize, place: usize) -> Self {
        let number = number as u32;
        let prefixes = kind.prefixes();
        let make = number as usize % prefixes.len();
        let [a, b, c] = prefixes[make];
        let [_, d, e, f] = (number.wrapping_mul(0x006b_4f0d) & 0x00ff_ffff).to_be_bytes();
        let half = if kind.in_plant() { 10 } else { 100 };
        let net = half + (segment / 250) as u8;
        let tagged = (segment * 7 + usize::from(half)) % 10 < 3;
        Self {
            number,
            kind,
            make,
            mac: [a, b, c, d, e, f],
            v4: [10, net, (segment % 250) as u8, place as u8 + 10],
            segment,
            vlan: tagged.then_some((usize::from(half) + segment) as u16 % 4_000 + 1),
        }
    }

    /// Its side of a conversation over IPv4.
    pub(crate) fn end(&self, port: u16) -> End {
        End { mac: self.mac, ip: Ip::V4(self.v4), port, hops: self.stack().hops() }
    }

    /// Its side of a conversation over IPv6, from its link-local or its site address.
    pub(crate) fn end6(&self, port: u16, local: bool) -> End {
        let m = self.mac;
        let mut address = [0; 16];
        let prefix: [u8; 4] = if local { [0xfe, 0x80, 0, 0] } else { [0x20, 1, 0x0d, 0xb8] };
        address[..4].copy_from_slice(&prefix);
        if !local {
            address[6..8].copy_from_slice(&(self.segment as u16).to_be_bytes());
        }
        let low = [m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]];
        address[8..].copy_from_slice(&low);
        End { ip: Ip::V6(address), ..self.end(port) }
    }

    /// Its TCP stack.
    pub(crate) fn stack(&self) -> Stack {
        self.kind.stack()
    }

    /// Its host or station name.
    pub(crate) fn name(&self) -> String {
        let stem = match self.kind {
            Kind::PlantSwitch | Kind::OfficeSwitch => "sw",
            Kind::Operator => "hmi",
            Kind::Modbus | Kind::Siemens | Kind::Rockwell => "plc",
            Kind::OpcUa => "ipc",
            Kind::Relay => "ied",
            Kind::Windows => "pc",
            Kind::Apple => "macbook",
            Kind::Appliance => ["printer", "camera", "nas", "raspberrypi"][self.make],
            Kind::Server => "srv",
            Kind::Router => "gw",
        };
        format!("{stem}-{:05}", self.number)
    }

    /// Its serial number as text.
    pub(crate) fn serial(&self) -> String {
        format!("SN{:08X}", self.number.wrapping_mul(2_654_435_761))
    }
}

/// All devices.
pub(crate) struct Site {
    /// By number; the first two are the routers.
    pub(crate) devices: Vec<Device>,
    /// Places in `devices`, by kind.
    kinds: Vec<(Kind, Vec<u32>)>,
}

impl Site {
    /// A site of `count` devices, two fifths of them in the plant.
    pub(crate) fn new(count: usize) -> Self {
        let count = count.max(2 * SEGMENT);
        let plant = count * 2 / 5;
        let mut devices = vec![Device::new(0, Kind::Router, 0, 245), Device::new(1, Kind::Router, 1, 245)];
        for number in 2..count {
            let in_plant = number < plant;
            let place = if in_plant { number - 2 } else { number - plant };
            let (segment, place) = (place / SEGMENT, place % SEGMENT);
            let kind = if in_plant { Kind::of_plant(segment, place) } else { Kind::of_office(segment, place) };
            devices.push(Device::new(number, kind, segment, place));
        }
        let mut kinds: Vec<(Kind, Vec<u32>)> = Vec::new();
        for device in &devices {
            match kinds.iter_mut().find(|(kind, _)| *kind == device.kind) {
                Some((_, places)) => places.push(device.number),
                None => kinds.push((device.kind, vec![device.number])),
            }
        }
        Self { devices, kinds }
    }

    /// Any device of the kind; if the site is too small to have one, any device.
    pub(crate) fn any(&self, kind: Kind, random: &mut Random) -> &Device {
        let place = match self.kinds.iter().find(|(other, _)| *other == kind) {
            Some((_, places)) => places[random.below(places.len() as u64) as usize] as usize,
            None => random.below(self.devices.len() as u64) as usize,
        };
        &self.devices[place]
    }

    /// A device of the office that uses services.
    pub(crate) fn user(&self, random: &mut Random) -> &Device {
        let kind = match random.below(10) {
            0..=5 => Kind::Windows,
            6..=7 => Kind::Apple,
            _ => Kind::Appliance,
        };
        self.any(kind, random)
    }

    /// The operator's computer in the cell of `device`.
    pub(crate) fn operator(&self, device: &Device, random: &mut Random) -> &Device {
        let nth = random.between(1, 3) as usize;
        let place = 2 + device.segment * SEGMENT + nth;
        self.devices.get(place).unwrap_or(&self.devices[0])
    }

    /// The router's card, as seen in the segment of `device`.
    pub(crate) fn router(&self, device: &Device) -> Mac {
        self.devices[usize::from(!device.kind.in_plant())].mac
    }

    /// A host on the internet, behind the router of `device`.
    pub(crate) fn outside(&self, device: &Device, port: u16, random: &mut Random) -> End {
        // A few hundred well visited hosts in the nets that are set aside for examples.
        let net = random.pick(&[&[192, 0, 2], &[198, 51, 100], &[203, 0, 113]]);
        let host = random.between(1, 250) as u8;
        End { mac: self.router(device), ip: Ip::V4([net[0], net[1], net[2], host]), port, hops: 52 }
    }

    /// A host on the internet with an IPv6 address.
    pub(crate) fn outside6(&self, device: &Device, port: u16, random: &mut Random) -> End {
        let mut address = [0; 16];
        address[..4].copy_from_slice(&[0x26, 0x06, 0x47, 0x00]);
        address[15] = random.between(1, 250) as u8;
        End { ip: Ip::V6(address), ..self.outside(device, port, random) }
    }

    /// An office server as `device` sees it: itself, or through the router.
    pub(crate) fn server(&self, device: &Device, port: u16, random: &mut Random) -> (End, Device) {
        let server = *self.any(Kind::Server, random);
        let mut end = server.end(port);
        if server.segment != device.segment || device.kind.in_plant() {
            end.mac = self.router(device);
            end.hops -= 1;
        }
        (end, server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_device_has_its_own_card_and_address() {
        let site = Site::new(20_000);
        let mut macs: Vec<Mac> = site.devices.iter().map(|device| device.mac).collect();
        let mut addresses: Vec<[u8; 4]> = site.devices.iter().map(|device| device.v4).collect();
        macs.sort_unstable();
        macs.dedup();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!((macs.len(), addresses.len()), (20_000, 20_000));
    }

    #[test]
    fn prefixes_tell_plant_from_office() {
        for device in &Site::new(2_000).devices {
            let prefix = [device.mac[0], device.mac[1], device.mac[2]];
            assert_eq!(is_plant_prefix(prefix), device.kind.in_plant());
        }
    }
}
