//! Modbus/TCP: polls of several units, and now and then a device that says who it is.

use crate::generate::call::Call;
use crate::generate::put::Put;
use crate::generate::random::Random;
use crate::generate::site::{Device, Kind};
use crate::generate::talk::{Conversation, Round, Span, Talk, Turn};
use crate::generate::tcp::{Client, Server};

/// Vendor, product code, revision, product name, model: one row a vendor prefix of the kind.
const MAKES: [[&str; 5]; 4] = [
    ["Schneider Electric", "BMX P34 2020", "v2.7", "Modicon M340", "BMX P34 2020"],
    ["WAGO Kontakttechnik", "750-881", "01.09.21", "ETHERNET Controller", "750-881"],
    ["Phoenix Contact", "2702783", "1.6.0", "AXL F BK ETH", "AXL F BK ETH"],
    ["Moxa", "MGate MB3180", "2.4", "MGate", "MB3180"],
];

/// One thing that is asked in every round.
#[derive(Clone, Copy)]
struct Request {
    unit: u8,
    function: u8,
    address: u16,
    count: u16,
}

/// A poll that goes on for long.
pub(crate) fn poll(call: &mut Call<'_>) -> Box<dyn Talk> {
    let (device, conversation) = begin(call);
    let several = if device.make == 3 { 6 } else { 1 };
    let rounds = u64::from(call.packets) / 3;
    let span = if call.random.chance(25) { Span::Midway } else { Span::Open };
    let round = round(requests(several, call.random));
    conversation.rounds(rounds, call.life, round).spanning(span).boxed()
}

/// Connect, a few questions, close.
pub(crate) fn visit(call: &mut Call<'_>) -> Box<dyn Talk> {
    let (_, conversation) = begin(call);
    let rounds = call.packets.saturating_sub(8) / 3;
    let round = round(requests(2, call.random));
    conversation.rounds(u64::from(rounds), call.life, round).boxed()
}

fn begin(call: &mut Call<'_>) -> (Device, Conversation) {
    let device = *call.site.any(Kind::Modbus, call.random);
    let operator = *call.site.operator(&device, call.random);
    let link = call.tcp(&operator, &device, 502);
    let opening = if call.random.chance(8) { identify(&device) } else { Vec::new() };
    (device, Conversation::brief(link, opening))
}

fn requests(units: u64, random: &mut Random) -> Vec<Request> {
    let count = random.between(1, 5);
    let one = |random: &mut Random| {
        let function = *random.pick(&[&3, &3, &3, &3, &4, &4, &1, &2, &16]);
        Request {
            unit: random.between(1, units) as u8,
            function,
            address: random.below(400) as u16 * 10,
            count: match function {
                1 | 2 => random.between(8, 200) as u16,
                16 => random.between(1, 20) as u16,
                _ => random.between(10, 125) as u16,
            },
        }
    };
    (0..count).map(|_| one(random)).collect()
}

/// Asks one request after the other; values change a little from answer to answer.
fn round(requests: Vec<Request>) -> Round {
    let mut transaction = 0_u16;
    Box::new(move |random| {
        transaction = transaction.wrapping_add(1);
        let request = requests[usize::from(transaction) % requests.len()];
        let (ask, answer) = exchange(request, random);
        let header = |body: &[u8]| frame(transaction, request.unit, body);
        vec![(Client, header(&ask)), (Server, header(&answer))]
    })
}

fn exchange(request: Request, random: &mut Random) -> (Vec<u8>, Vec<u8>) {
    let mut ask = vec![request.function];
    ask.be16(request.address).be16(request.count);
    let mut answer = vec![request.function];
    match request.function {
        1 | 2 => {
            answer.short(&random.bytes(usize::from(request.count).div_ceil(8)));
        }
        16 => {
            answer = ask.clone();
            ask.short(&random.bytes(usize::from(request.count) * 2));
        }
        _ => {
            answer.short(&random.bytes(usize::from(request.count) * 2));
        }
    }
    (ask, answer)
}

/// Read device identification (43/14) and report server id (17).
fn identify(device: &Device) -> Vec<Turn> {
    let [vendor, code, revision, name, model] = MAKES[device.make % MAKES.len()];
    let mut basic = vec![0x2b, 0x0e, 2, 0x82, 0, 0, 5];
    for (id, value) in [(0, vendor), (1, code), (2, revision), (4, name), (5, model)] {
        basic.byte(id).short(value.as_bytes());
    }
    let mut server = vec![0x01, 0xff];
    server.raw(format!("{vendor} {model} {}", device.serial()).as_bytes());
    let mut report = vec![0x11];
    report.short(&server);
    vec![(Client, frame(1, 1, &[0x2b, 0x0e, 2, 0])), (Server, frame(1, 1, &basic)), (Client, frame(2, 1, &[0x11])), (Server, frame(2, 1, &report))]
}

fn frame(transaction: u16, unit: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(body.len() + 7);
    frame.be16(transaction).be16(0).be16(body.len() as u16 + 1).byte(unit).raw(body);
    frame
}
