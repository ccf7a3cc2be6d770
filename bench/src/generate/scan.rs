//! Connections that come to nothing, and lone SYNs.

use super::call::Call;
use super::talk::{Conversation, Span, Talk};

const PORTS: [u16; 12] = [21, 22, 23, 80, 139, 443, 445, 502, 1_433, 3_389, 5_900, 8_080];

/// A SYN that is turned away.
pub(crate) fn refused(call: &mut Call<'_>) -> Box<dyn Talk> {
    let user = *call.site.user(call.random);
    let other = call.site.devices[(user.number as usize + 1) % call.site.devices.len()];
    let port = PORTS[call.random.below(12) as usize];
    let link = call.tcp(&user, &other, port);
    Conversation::brief(link, Vec::new()).spanning(Span::Refused).boxed()
}
