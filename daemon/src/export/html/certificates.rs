//! Certificates that were presented: whose, by whom, until when, and what is wrong.

use super::findings::anchor;
use super::survey::Survey;
use super::wire::{Wire, day, number};
use inventory::Document;
use inventory::document::Certificate;
use maud::{Markup, html};

/// Presenters named of one certificate; the rest is counted.
const PRESENTERS_MAX: usize = 12;

/// Algorithms by object identifier: RFC 3279, RFC 4055, RFC 5758, RFC 8410.
const ALGORITHMS: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.1", "RSA"),
    ("1.2.840.113549.1.1.4", "MD5 with RSA"),
    ("1.2.840.113549.1.1.5", "SHA-1 with RSA"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.113549.1.1.11", "SHA-256 with RSA"),
    ("1.2.840.113549.1.1.12", "SHA-384 with RSA"),
    ("1.2.840.113549.1.1.13", "SHA-512 with RSA"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.10045.2.1", "EC"),
    ("1.2.840.10045.4.1", "ECDSA with SHA-1"),
    ("1.2.840.10045.4.3.2", "ECDSA with SHA-256"),
    ("1.2.840.10045.4.3.3", "ECDSA with SHA-384"),
    ("1.2.840.10045.4.3.4", "ECDSA with SHA-512"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
];

pub(super) fn certificates(document: &Document, survey: &Survey) -> Markup {
    if document.certificates.is_empty() {
        return html! { p { "None was seen in clear." } };
    }
    html! {
        table.wide {
            thead {
                tr { th { "Subject" } th { "Issuer" } th { "Valid" } th { "Key" } th { "Signature" } th { "Presented by" } th { "What is wrong" } }
            }
            tbody { @for (at, certificate) in document.certificates.iter().enumerate() { (row(at, certificate, survey)) } }
        }
    }
}

fn row(at: usize, certificate: &Certificate, survey: &Survey) -> Markup {
    html! {
        tr {
            td {
                (Wire(&certificate.subject))
                @if !certificate.subject_alt_names.is_empty() { span.line.quiet { (Wire(certificate.subject_alt_names.join(", "))) } }
                span.line.quiet { "SHA-256 " code { (Wire(&certificate.sha256)) } }
            }
            td {
                @if certificate.self_signed { span.quiet { "itself" } } @else { (Wire(&certificate.issuer)) }
                span.line.quiet { "no. " (Wire(&certificate.serial)) }
            }
            td { (day(certificate.not_before.as_ref())) " to " (day(certificate.not_after.as_ref())) }
            td { (Wire(named(&certificate.key))) }
            td { (Wire(named(&certificate.signature))) }
            td { (presenters(certificate, survey)) span.line.quiet { (Wire(certificate.roles.join(", "))) } }
            td { (wrong(at, survey)) }
        }
    }
}

fn presenters(certificate: &Certificate, survey: &Survey) -> Markup {
    let known: Vec<u32> = certificate.presented_by.iter().filter_map(|id| survey.find(id)).collect();
    html! {
        @for entry in known.iter().take(PRESENTERS_MAX).filter_map(|at| survey.entry(*at)) {
            span.line { a href={ "#d" (entry.number) } { (Wire(entry.label())) } }
        }
        @if known.len() > PRESENTERS_MAX { span.line { "and " (number((known.len() - PRESENTERS_MAX) as u64)) " more" } }
    }
}

/// Findings that name the certificate.
fn wrong(at: usize, survey: &Survey) -> Markup {
    html! {
        @for group in survey.wrong.get(at).into_iter().flatten() {
            @if let Some(found) = survey.groups.get(*group as usize) {
                span.line { a href={ "#" (anchor(*group as usize)) } { (Wire(&found.title)) } }
            }
        }
    }
}

/// `RSA 2048` of `1.2.840.113549.1.1.1 2048`.
fn named(algorithm: &str) -> String {
    let (identifier, rest) = algorithm.split_once(' ').unwrap_or((algorithm, ""));
    let name = ALGORITHMS.iter().find(|(known, _)| *known == identifier).map_or(identifier, |(_, name)| name);
    if rest.is_empty() { name.to_owned() } else { format!("{name} {rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_have_names_and_unknown_ones_keep_their_numbers() {
        assert_eq!(named("1.2.840.113549.1.1.1 2048"), "RSA 2048");
        assert_eq!(named("1.2.840.113549.1.1.5"), "SHA-1 with RSA");
        assert_eq!(named("1.2.3 4"), "1.2.3 4");
    }
}
