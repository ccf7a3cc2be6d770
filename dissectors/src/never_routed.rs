//! What goes to a group of the link alone is passed on by no router: the address that sends it is one of the MAC address beside it.
//!
//! Spec: RFC 5771 §4 (224.0.0.0/24), RFC 4291 §2.7 (scope of IPv6 groups).

use crate::context::Context;
use crate::frame::Net;
use observations::{Field, Kind, Value};

/// Where an IPv4 and an IPv6 header have the source address.
const SOURCE_V4: u32 = 12;
const SOURCE_V6: u32 = 8;

/// Says that the sender's addresses belong together, if the frame went to a group of the link. The address of a group of redundant routers
/// moves between them and binds nothing.
pub(crate) fn bind(cx: &mut Context<'_>) {
    let frame = *cx.frame();
    let (field, at, length, group) = match frame.net {
        Net::V4 => (Field::Ipv4Address, SOURCE_V4, 4, frame.dst.starts_with(&[224, 0, 0])),
        Net::V6 => (Field::Ipv6Address, SOURCE_V6, 16, frame.dst.starts_with(&[0xff, 2])),
        _ => return,
    };
    let own = frame.has_macs && frame.src_mac.is_device() && !frame.src_mac.is_virtual_router() && frame.detached == 0;
    let about = cx.sender_host();
    if let (true, true, Some(ip)) = (group, own, about.ip.filter(|ip| !ip.is_unspecified())) {
        cx.say(&about, Kind::Binding).in_frame(field, &Value::Ip(ip), frame.net_offset.saturating_add(at), length);
    }
}
