//! SSDP: devices notify, computers search.

use crate::generate::call::Call;
use crate::generate::site::{Device, Kind};
use crate::generate::talk::{Conversation, Link, Talk};
use crate::generate::tcp::Client;

use super::names::groups;

/// A notification of an appliance or a search of a computer.
pub(crate) fn either(call: &mut Call<'_>) -> Box<dyn Talk> {
    let search = call.random.chance(50);
    let kind = if search { Kind::Windows } else { Kind::Appliance };
    let device = *call.site.any(kind, call.random);
    let (mut from, to) = groups(&device, 1_900, 0x0c, [239, 255, 255, 250], false);
    let body = if search {
        from.port = call.random.port();
        SEARCH.to_owned()
    } else {
        notification(&device)
    };
    Conversation::brief(Link::Udp(from, to, device.vlan), vec![(Client, body.into_bytes())]).boxed()
}

const SEARCH: &str = "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: urn:dial-multiscreen-org:service:dial:1\r\nUSER-AGENT: Chromium/130.0.6723.70 Windows\r\n\r\n";

/// What an appliance announces.
pub(crate) fn notification(device: &Device) -> String {
    let [a, b, c, d] = device.v4;
    let server = [
        "Brother-HTTP/1.0 UPnP/1.0 HL-L5200DW/1.33",
        "Linux/4.9 UPnP/1.0 AXIS-M3045/9.80.3",
        "Synology/DSM/DS920/10.0.0.5 UPnP/1.0",
        "Linux/6.1 UPnP/1.0 MiniDLNA/1.3.0",
    ][device.make % 4];
    format!(
        "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\nLOCATION: http://{a}.{b}.{c}.{d}:49152/description.xml\r\nSERVER: {server}\r\nNT: upnp:rootdevice\r\nUSN: uuid:4d696e69-444c-164e-9d41-{:012x}::upnp:rootdevice\r\nNTS: ssdp:alive\r\n\r\n",
        device.number
    )
}
