//! HTTP in the clear: pages of appliances and a few sites.

use crate::generate::call::Call;
use crate::generate::random::Random;
use crate::generate::site::Kind;
use crate::generate::talk::{Conversation, Round, Talk};
use crate::generate::tcp::{Client, Server};

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15",
    "Microsoft-Delivery-Optimization/10.0",
];
const SERVERS: [&str; 4] = ["nginx/1.24.0", "Apache/2.4.58 (Ubuntu)", "debut/1.30", "Microsoft-IIS/10.0"];

/// A few requests over one connection, then its end.
pub(crate) fn visit(call: &mut Call<'_>) -> Box<dyn Talk> {
    let user = *call.site.user(call.random);
    let inside = call.random.chance(40);
    let link = if inside {
        let appliance = *call.site.any(Kind::Appliance, call.random);
        let mut to = appliance.end(80);
        if appliance.segment != user.segment {
            to.mac = call.site.router(&user);
            to.hops -= 1;
        }
        call.tcp_to(&user, (to, appliance.stack()))
    } else {
        call.tcp_outside(&user, 80)
    };
    let round = pages(call.random);
    Conversation::brief(link, Vec::new()).rounds(u64::from(call.packets.div_ceil(6)), call.life, round).boxed()
}

fn pages(random: &mut Random) -> Round {
    let host = format!("www{}.example.org", random.below(300));
    let agent = AGENTS[random.below(3) as usize];
    let server = SERVERS[random.below(4) as usize];
    Box::new(move |random| {
        let path = random.below(10_000);
        let ask = format!("GET /assets/{path}.html HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n");
        let length = random.between(200, 6_000) as usize;
        let mut told = format!(
            "HTTP/1.1 200 OK\r\nServer: {server}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n<html><head><title>Page {path}</title></head><body>"
        )
        .into_bytes();
        let head = told.windows(4).position(|end| end == b"\r\n\r\n").unwrap_or(0) + 4;
        told.resize(head + length, b'.');
        vec![(Client, ask.into_bytes()), (Server, told)]
    })
}
