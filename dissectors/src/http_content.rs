//! What pages and device descriptions tell in their body: a title, or bytes that another dissector reads.
//!
//! Spec: RFC 9110 §8.4 (content codings); HTML Living Standard §4.2.2 (title).

use crate::context::{Context, trim};
use crate::http_form;
use crate::http_message::{Head, Start};
use flate2::read::GzDecoder;
use observations::{Field, Kind, Span, Value};
use std::io::Read;

/// The head of a page, with its title, lies in its first kilobytes.
const TITLE_WITHIN: usize = 8 * 1024;
/// What is called a page may be a device description (small servers call all they have `text/html`); most are no longer.
const PAGE_MAX: usize = 16 * 1024;
/// Descriptions with icons and services have some 10 KiB.
const DESCRIPTION_MAX: usize = 64 * 1024;
/// A printer's attributes have some 20 KiB; a document that follows a question is not read.
const ATTRIBUTES_MAX: usize = 32 * 1024;
/// Forms of log-ins have some hundred bytes; what is longer was uploaded.
const FORM_MAX: usize = 4 * 1024;
/// A search engine's answer for its root has some 600 bytes. Longer JSON is data, and passed over.
const JSON_MAX: usize = 2 * 1024;
/// The same compressed: text shrinks to a quarter.
const COMPRESSED_MAX: usize = 16 * 1024;
/// What a compressed body may grow to: a bomb ends here.
const INFLATED_MAX: usize = 64 * 1024;
/// Longer titles are texts.
const TITLE_MAX: usize = 256;

/// Documents by the name space that stands in them, and the key under which each is handed on: UPnP Device Architecture 2.0 §2.3, HNAP 1.2
/// §3, ONVIF Core Specification §5.3, DPWS as submitted and 1.1.
const DOCUMENTS: &[(&[u8], u64)] = &[
    (b"urn:schemas-upnp-org:device-1-0", UPNP),
    (b"http://purenetworks.com/HNAP1/", HNAP),
    (b"http://www.onvif.org/ver", ONVIF),
    (b"http://schemas.xmlsoap.org/ws/2006/02/devprof", WSD),
    (b"http://docs.oasis-open.org/ws-dd/ns/dpws/2009/01", WSD),
];

/// How documents end.
const ENDS: &[&[u8]] = &[b"root>", b"Envelope>"];

/// Keys under which bodies, and connections that are upgraded, are handed on.
pub(crate) const UPNP: u64 = 1;
pub(crate) const HNAP: u64 = 2;
pub(crate) const ONVIF: u64 = 3;
pub(crate) const IPP: u64 = 4;
pub(crate) const WEBSOCKET: u64 = 5;
pub(crate) const WSD: u64 = 6;
pub(crate) const JSON: u64 = 7;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Media {
    Html,
    Xml,
    /// RFC 8010 §3: attributes, then perhaps a document to print.
    Ipp,
    /// What was filled in and sent: pairs, or JSON.
    Form,
    /// What a server answers in JSON.
    Json,
}

/// A body that is worth reading, as far as it is there.
#[derive(Debug)]
pub(crate) struct Content {
    media: Media,
    gzip: bool,
    /// Of a response.
    status: Option<u16>,
    bytes: Vec<u8>,
    parts: Vec<(usize, Vec<Span>)>,
}

impl Content {
    /// Whether a body is worth reading, by the fields before it. Of what clients send, that which says what they ask.
    pub(crate) fn of(head: &Head<'_>) -> Option<Self> {
        let status = match head.start {
            Start::Response { status: status @ (200..=299 | 400 | 401 | 403) } => Some(status),
            Start::Response { .. } => return None,
            Start::Request { .. } => None,
        };
        let media = match head.get("content-type") {
            None if status.is_none() => return None,
            None => Media::Html,
            Some(kind) => media(kind)?,
        };
        let media = match (media, status) {
            (Media::Form, Some(200)) if is_short_json(head) => Media::Json,
            (Media::Form, Some(_)) => return None,
            (media, _) => media,
        };
        // 400 is how SOAP 1.2 says that a question was wrong; a page of that status tells nothing.
        if media == Media::Html && matches!(status, None | Some(400)) {
            return None;
        }
        let gzip = match head.get("content-encoding") {
            None => false,
            Some(coding) if coding.eq_ignore_ascii_case(b"identity") => false,
            Some(coding) if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") => true,
            Some(_) => return None,
        };
        Some(Self { media, gzip, status, bytes: Vec::new(), parts: Vec::new() })
    }

    /// How many more bytes are worth having.
    pub(crate) fn room(&self) -> usize {
        let most = match (self.gzip, self.media) {
            (true, _) => COMPRESSED_MAX,
            (false, Media::Html) => PAGE_MAX,
            (false, Media::Xml) => DESCRIPTION_MAX,
            (false, Media::Ipp) => ATTRIBUTES_MAX,
            (false, Media::Form) => FORM_MAX,
            (false, Media::Json) => JSON_MAX,
        };
        most.saturating_sub(self.bytes.len())
    }

    /// Keeps a piece of the body, up to what is worth having.
    pub(crate) fn gather(&mut self, piece: &[u8], cx: &Context<'_>) {
        let piece = piece.get(..self.room()).unwrap_or(piece);
        if !piece.is_empty() {
            self.bytes.extend_from_slice(piece);
            self.parts.push((piece.len(), cx.spans_of(piece)));
        }
    }

    /// Reads a body that came in one piece. Whether it told something.
    pub(crate) fn read(&self, whole: &[u8], cx: &mut Context<'_>) -> bool {
        self.decoded(whole, true, cx)
    }

    /// Reads the body as far as it was gathered; `ended` if that is all of it.
    pub(crate) fn read_gathered(&self, ended: bool, cx: &mut Context<'_>) -> bool {
        let ended = ended || self.room() == 0;
        cx.stitched(&self.bytes, &self.parts, "http-body", |bytes, cx| self.decoded(bytes, ended, cx))
    }

    fn decoded(&self, bytes: &[u8], ended: bool, cx: &mut Context<'_>) -> bool {
        if !self.gzip {
            return self.plain(bytes, ended, cx);
        }
        let mut out = Vec::new();
        // A stream that is cut or broken gives what came before.
        let limit = u64::try_from(INFLATED_MAX).unwrap_or(0);
        let _cut = GzDecoder::new(bytes).take(limit).read_to_end(&mut out);
        cx.derived(&out, bytes, "http-gzip", |bytes, cx| self.plain(bytes, ended, cx))
    }

    /// What a body is, its structure says; its declared type only how much of it is worth having.
    fn plain(&self, bytes: &[u8], ended: bool, cx: &mut Context<'_>) -> bool {
        if self.media == Media::Ipp {
            return cx.under(IPP, bytes);
        }
        if self.media == Media::Form {
            return http_form::sent(bytes, cx);
        }
        if self.media == Media::Json {
            return ended && cx.under(JSON, bytes);
        }
        // Where the connection's end is the body's, its last element tells that it is whole.
        let whole = ended || ENDS.iter().any(|end| trim(bytes).ends_with(end));
        if whole && !is_page(trim(bytes)) && DOCUMENTS.iter().any(|(space, key)| contains(bytes, space) && cx.under(*key, bytes)) {
            return true;
        }
        let Some((title, status)) = title(bytes).zip(self.status) else { return false };
        let server = cx.sender();
        let saying = cx.say(&server, Kind::Identity).text(Field::HttpTitle, title);
        // A page of an error tells less of the device than its own.
        drop(saying.implied(Field::HttpStatus, &Value::Number(status.into())));
        true
    }
}

fn media(kind: &[u8]) -> Option<Media> {
    let end = kind.iter().position(|byte| *byte == b';').unwrap_or(kind.len());
    let kind = trim(kind.get(..end)?);
    if kind.eq_ignore_ascii_case(b"text/html") || kind.eq_ignore_ascii_case(b"application/xhtml+xml") {
        return Some(Media::Html);
    }
    if kind.eq_ignore_ascii_case(b"application/ipp") {
        return Some(Media::Ipp);
    }
    if kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") || kind.eq_ignore_ascii_case(b"application/json") {
        return Some(Media::Form);
    }
    let xml: [&[u8]; 3] = [b"text/xml", b"application/xml", b"application/soap+xml"];
    xml.iter().any(|name| kind.eq_ignore_ascii_case(name)).then_some(Media::Xml)
}

/// Whether an answer is JSON, and known to be no longer than what is read of it.
fn is_short_json(head: &Head<'_>) -> bool {
    let json = head.get("content-type").is_some_and(|kind| find(kind, b"json").is_some());
    let length = head.get("content-length").and_then(|length| std::str::from_utf8(trim(length)).ok()?.parse::<usize>().ok());
    json && length.is_some_and(|length| length <= JSON_MAX)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    find(bytes, part).is_some()
}

/// Where a part begins, in whatever case.
fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let first = *part.first()?;
    let begins = |at: &usize| bytes.get(*at..*at + part.len()).is_some_and(|here| here.eq_ignore_ascii_case(part));
    memchr::memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), bytes).find(begins)
}

/// Whether a body opens as pages do and descriptions do not.
fn is_page(bytes: &[u8]) -> bool {
    let opens = |tag: &[u8]| bytes.get(..tag.len()).is_some_and(|here| here.eq_ignore_ascii_case(tag));
    opens(b"<!doctype html") || opens(b"<html")
}

/// The text of the first title element.
fn title(page: &[u8]) -> Option<&[u8]> {
    let page = page.get(..TITLE_WITHIN).unwrap_or(page);
    let open = find(page, b"<title")?;
    let rest = page.get(open + 6..)?;
    // Another element's name may begin alike.
    rest.first().filter(|byte| matches!(byte, b'>' | b' ' | b'\t' | b'\r' | b'\n'))?;
    let rest = rest.get(rest.iter().position(|byte| *byte == b'>')? + 1..)?;
    let title = trim(rest.get(..find(rest, b"</title")?)?);
    title.get(..TITLE_MAX).or(Some(title)).filter(|title| !title.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_found_in_whatever_case() {
        assert_eq!(title(b"<HTML><HEAD><Title lang=en>\r\n SIMATIC S7 </TITLE>"), Some(&b"SIMATIC S7"[..]));
        assert_eq!(title(b"<titles>no</titles>"), None);
        assert_eq!(title(b"<title></title>"), None);
        assert_eq!(title(b"<title>cut"), None);
    }
}
