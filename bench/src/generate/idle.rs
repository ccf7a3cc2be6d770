//! The shape *idle*: connections that are opened and then say nothing more.

use super::call::Call;
use super::frame::Ip;
use super::talk::Link;
use super::talk::{Conversation, Span, Talk};
use super::tcp::{Stack, Tcp};

/// Connection number `number` of all: clients and ports are used up one after the other.
pub(crate) fn open(call: &mut Call<'_>, number: u64) -> Box<dyn Talk> {
    let clients = call.site.devices.len() as u64 - 20;
    let client = call.site.devices[20 + (number % clients) as usize];
    let turn = number / clients;
    let from = client.end(10_000 + (turn % 50_000) as u16);
    let mut to = call.site.devices[2 + (turn / 50_000 % 10) as usize].end(443);
    to.mac = call.site.router(&client);
    to.ip = Ip::V4([192, 0, 2, (1 + turn / 50_000 % 200) as u8]);
    let stacks = ((from, client.stack()), (to, Stack::Linux));
    let link = Link::Tcp(Box::new(Tcp::new(stacks.0, stacks.1, client.vlan, call.random)));
    Conversation::brief(link, Vec::new()).spanning(Span::Open).boxed()
}
