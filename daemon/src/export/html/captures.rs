//! The captures, and how all of this was found out.

use super::Heading;
use super::wire::{Wire, moment, number};
use inventory::Document;
use inventory::document::{FileRecord, SourceRecord};
use maud::{Markup, html};
use std::collections::BTreeMap;

pub(super) fn captures(document: &Document) -> Markup {
    html! {
        table.wide {
            thead {
                tr {
                    th { "Capture" } th { "Site" } th { "From, to" } th.figure { "Packets" } th.figure { "Bytes" }
                    th { "Gaps and damage" } th.figure { "Lost" } th.figure { "Delivered twice" }
                }
            }
            tbody { @for source in &document.sources { (row(source)) } }
        }
    }
}

fn row(source: &SourceRecord) -> Markup {
    html! {
        tr {
            td {
                strong { (Wire(&source.name)) }
                span.line.quiet { "key " code { (Wire(&source.key)) } }
                @for file in &source.files { (sums(file, source)) }
                span.line.quiet { (Wire(source.link_types.join(", "))) }
            }
            td { (Wire(&source.site)) @if let Some(tap) = &source.tap { span.line.quiet { "tap " (Wire(tap)) } } }
            td {
                @if let Some(first) = &source.first_seen { span.line { (moment(first)) } }
                @if let Some(last) = &source.last_seen { span.line { (moment(last)) } }
            }
            td.figure { (number(source.packets)) }
            td.figure { (number(source.bytes)) }
            td { (damage(source)) }
            td.figure { @match source.dropped { Some(dropped) => { (number(dropped)) }, None => { span.quiet { "not stated" } } } }
            td.figure { (number(source.duplicates)) }
        }
    }
}

/// Digests of a source's files, where they were asked for; names, where there are several.
fn sums(file: &FileRecord, source: &SourceRecord) -> Markup {
    html! {
        @if source.files.len() > 1 || file.name != source.name { span.line.quiet { (Wire(&file.name)) ": " (number(file.packets)) " packets" } }
        @if let Some(digest) = &file.sha256 { span.line.quiet { "SHA-256 " code { (Wire(digest)) } } }
    }
}

fn damage(source: &SourceRecord) -> Markup {
    let counted = |what: &str, counts: &BTreeMap<String, u64>| {
        html! {
            @for (reason, count) in counts { span.line { (number(*count)) " " (what) ": " (Wire(reason)) } }
        }
    };
    let sound = source.complete && source.truncated == 0 && source.undecoded.is_empty() && source.malformed.is_empty() && source.clock.is_none();
    html! {
        @if sound { span.quiet { "none" } }
        @if !source.complete { span.line { strong { "not read to its end" } } }
        @for file in &source.files { @if let Some(damage) = &file.damage { span.line { (Wire(&file.name)) ": " (Wire(damage)) } } }
        @if let Some(clock) = &source.clock { span.line { "clock not believed: " (Wire(clock)) } }
        @if source.truncated > 0 { span.line { (number(source.truncated)) " packets cut short" } }
        (counted("not decoded", &source.undecoded))
        (counted("malformed", &source.malformed))
    }
}

pub(super) fn method(document: &Document, heading: &Heading) -> Markup {
    html! {
        p {
            "Everything here was read from packets that others sent. Nothing was transmitted, no name was resolved and no host was contacted. "
            "The same captures give the same inventory, byte for byte; each value leads back to a packet and its bytes."
        }
        dl {
            dt { "What a passive observer can see" }
            dd {
                "who speaks on the mirrored links, in which protocols, with whom; what devices say of themselves and of others in clear; "
                "certificates up to TLS 1.2; log-ins in clear."
            }
            dt { "What it cannot see" }
            dd {
                "what is silent or crosses another link; what is encrypted, certificates under TLS 1.3 included; software that nothing speaks "
                "of; how a device is set up where it does not say so. A finding that is missing proves nothing."
            }
            dt { "How sure a value is" }
            dd {
                ul {
                    li { strong { "proven" } ": a signature was verified in the traffic." }
                    li { strong { "declared" } ": the device says so itself. At most 95 of 100: anybody can say anything." }
                    li { strong { "reported" } ": another device says so." }
                    li { strong { "inferred" } ": from the card's maker, the stack, ports, words or behaviour. At most 70 of 100." }
                }
            }
            dt { "Unknown" }
            dd { "is an answer: below a threshold nothing is claimed." }
            dt { "Managed" }
            dd { "without a list of managed devices that is fresh and covers the site, the state is unknown, not unmanaged." }
            dt { "Zones and levels" }
            dd { "are suggested by addresses and roles unless they were declared; what is only suggested raises no finding to high." }
            dt { "Enrollment" }
            dd { "is proposed, never begun: on what was sniffed nothing is issued, and because of silence nothing is revoked." }
            @if heading.redacted {
                dt { "Pseudonyms" }
                dd {
                    "the same value has the same pseudonym throughout; networks stay together and the first half of a MAC address names its maker "
                    "still. Without the key nobody can undo them."
                }
            }
            dt { "Made by" }
            dd {
                "wirecensus " (Wire(&document.producer.version)) ", rules " (Wire(&document.producer.rules))
                @if let Some(author) = &heading.author { ", for " (Wire(author)) }
            }
        }
    }
}
