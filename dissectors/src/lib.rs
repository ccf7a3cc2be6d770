//! Bytes to observations: frames, tunnels, flows, and one file a protocol.
//!
//! A library of its own: it knows no vendor, no device, no database and no wall clock, does no I/O, verifies no signature and owns no key.
//!
//! | module | is |
//! |---|---|
//! | [`packet`] | one captured packet, as a source hands it over |
//! | [`frame`] | a packet taken apart without copying |
//! | [`tunnel`] | link types, tunnels and fragments, down to the innermost conversation |
//! | [`dissector`] | what a dissector is |
//! | [`dissectors`] | all of them, one file a protocol, by layer |
//! | `dns_message` | the message of DNS, mDNS, LLMNR and NetBIOS names |
//! | `http_auth`, `http_content`, `http_form` | challenges and credentials; what bodies tell; passwords in forms |
//! | `http_message` | the head of an HTTP message and where its body ends |
//! | `netbios` | names of the NetBIOS services |
//! | [`registry`] | the table of dissectors, compiled for looking up |
//! | [`context`] | what a dissector is given, and how it says something |
//! | [`reassembly`] | TCP streams in order |
//! | `der`, `dn`, `x509` | certificates and what they are made of |
//! | `ja` | JA3 and JA4 of a TLS client's hello |
//! | `login`, `spnego`, `starttls` | how log-ins are told; log-ins that are negotiated; TLS that begins within another protocol |
//! | `lines` | lines of text: mail, terminals |
//! | `base64`, `crc`, `cbor`, `json`, `protobuf`, `xml` | wire forms that several protocols share |
//! | `codes` | tables of codes, of which a row's operations are made |
//! | `websocket` | frames of WebSockets, and what is spoken in them |
//! | [`engine`] | the library's face |

mod again;
mod asn1;
mod base64;
mod blocks;
mod bvlc_sc;
mod cbor;
mod codes;
pub mod context;
mod copies;
mod crc;
mod decap;
mod der;
mod devices;
pub mod dissector;
pub mod dissectors;
mod dn;
mod dns_message;
pub mod engine;
mod expected;
mod flow;
pub mod fragment;
pub mod frame;
mod http_auth;
mod http_content;
mod http_form;
mod http_message;
mod index;
mod ja;
mod json;
mod labels;
mod ledger;
pub mod limits;
mod lines;
mod login;
mod netbios;
mod never_routed;
pub mod packet;
pub mod pki;
mod place;
mod protobuf;
pub mod reassembly;
pub mod registry;
mod seats;
mod signed;
mod spnego;
mod stack;
mod starttls;
mod tallies;
#[cfg(test)]
pub(crate) mod testing;
mod tlv;
pub mod tunnel;
mod websocket;
mod x509;
mod xml;
