//! Captures out of code and a seed: the same shape and seed give the same bytes.

mod air;
mod call;
mod frame;
mod hosts;
mod idle;
mod mix;
mod office;
mod pcap;
mod plant;
mod put;
mod random;
mod scan;
mod schedule;
mod site;
mod talk;
mod tcp;

use std::io::{Result, Write};

use air::Air;
use call::Call;
use pcap::Pcap;
use random::Random;
use schedule::Start;
use site::Site;
use talk::Talk;

pub(crate) use site::is_plant_prefix;

/// Counts up whenever the same order gives other bytes than before.
pub const REVISION: u32 = 1;

/// What a capture looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A plant and an office.
    Mix,
    /// Very many devices, mostly one packet a flow.
    Hosts,
    /// Connections that stay open and say nothing.
    Idle,
}

impl Shape {
    /// The shape of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "mix" => Some(Self::Mix),
            "hosts" => Some(Self::Hosts),
            "idle" => Some(Self::Idle),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mix => "mix",
            Self::Hosts => "hosts",
            Self::Idle => "idle",
        }
    }
}

/// Everything that decides the bytes of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The shape.
    pub shape: Shape,
    /// How many packets; *idle* has three a flow.
    pub packets: u64,
    /// How many devices, routers included.
    pub devices: u64,
    /// How many seconds of traffic.
    pub seconds: u64,
    /// Where chance begins.
    pub seed: u64,
}

impl Order {
    /// The usual size of a shape.
    #[must_use]
    pub fn usual(shape: Shape) -> Self {
        let (packets, devices, seconds) = match shape {
            Shape::Mix => (2_800_000, 2_000, 360),
            Shape::Hosts => (1_000_000, 100_000, 3_600),
            Shape::Idle => (3_000_000, 2_000, 600),
        };
        Self { shape, packets, devices, seconds, seed: 1 }
    }
}

/// Writes the capture and returns how many packets and bytes of frames it has.
///
/// # Errors
/// If `to` cannot be written to.
pub fn write<W: Write>(order: &Order, to: W) -> Result<(u64, u64)> {
    let mut random = Random::new(order.seed);
    let site = Site::new(order.devices as usize);
    let mut pcap = Pcap::begin(to)?;
    let mut chance = Random::new(random.next());
    let mut air = Air::new(Random::new(random.next()));
    let most = order.packets;
    match order.shape {
        Shape::Mix => {
            let entries = mix::plan(most, order.seconds, &mut random);
            let starts = starts(entries.iter().map(|(at, _)| *at));
            let build = |number: u64| build_mix(&site, &mut chance, &entries[number as usize].1);
            schedule::run(&starts, most, &mut air, &mut pcap, build)?;
            let rest = (most - pcap.packets).div_ceil(2);
            let starts: Vec<Start> = (0..rest).map(|nth| (pcap.last + nth * 1_000, 0)).collect();
            let build = |_| build_mix(&site, &mut chance, &mix::FILLER);
            schedule::run(&starts, most, &mut air, &mut pcap, build)?;
        }
        Shape::Hosts => {
            let devices = site.devices.len() as u64;
            let entries = hosts::plan(most, devices, order.seconds, &mut random);
            let starts = starts(entries.iter().map(|(at, _)| *at));
            let build = |number: u64| {
                let (device, saying) = entries[number as usize].1;
                hosts::say(&mut brief(&site, &mut chance), device as usize, saying)
            };
            schedule::run(&starts, most, &mut air, &mut pcap, build)?;
        }
        Shape::Idle => {
            let flows = most / 3;
            let starts = starts((0..flows).map(|number| number * order.seconds * 1_000_000 / flows));
            let build = |number: u64| idle::open(&mut brief(&site, &mut chance), number);
            schedule::run(&starts, most, &mut air, &mut pcap, build)?;
        }
    }
    pcap.end()?;
    Ok((pcap.packets, pcap.bytes))
}

/// The order in which the entries begin.
fn starts(times: impl Iterator<Item = u64>) -> Vec<Start> {
    let mut starts: Vec<Start> = times.zip(0..).collect();
    starts.sort_unstable();
    starts
}

fn build_mix(site: &Site, random: &mut Random, entry: &mix::Entry) -> Box<dyn Talk> {
    let mut call = Call { site, random, packets: entry.packets, life: entry.life };
    (mix::ROWS[entry.row].make)(&mut call)
}

fn brief<'a>(site: &'a Site, random: &'a mut Random) -> Call<'a> {
    Call { site, random, packets: 1, life: 1 }
}
