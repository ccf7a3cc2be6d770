//! Texts in which words of ours stand beside what came from the wire.

use super::super::Contents;
use super::class::KEPT_ATTRIBUTES;
use super::pseudonym::{Pseudonyms, is_uuid, mac_of};
use dissectors::registry::Registry;
use inventory::document::Device;
use observations::Field;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::LazyLock;

/// Shorter words name nobody.
const NAME_MIN: usize = 3;

/// More digits may be a serial number: a port has five.
const DIGITS_MAX: usize = 5;

/// Places of a text at which a subject may end that are tried: a subject has few colons.
const COLONS_MAX: usize = 8;

/// Words of ours in texts that also hold what came from the wire: those of findings, of reasons and of limits.
const WORDS: &str = "\
    a an and are as at be became been beyond but by can certificate certificates chosen claimed class conversation conversations covers \
    critical device devices does during each every exactly first for forwarding fragments fresh from further had has have hidden high hit \
    hostname in inferred info is it its key kept know known last list listed loaded lost low mac managed many medium more most name named \
    no not number observations of on one only open or other others out over packets parts per policy port ports reached ready said same \
    seen segment serial server servers service services set severity show shown software streams subjects suppressed taken than that \
    the they this time to too two understood unit unread up was were which with without year years zone \
    address addresses answer answered answers asked asks behind bytes capture conflict direction dropped ip level mirror way \
    anonymous authentication basic bearer cleartext digest encrypted encryption form guest login none null password plain required \
    security session sha sha1 sha-1 sha256 sha-256 signing simple tls ssl unsigned user des 3des md5 rc4 ntlm ntlmv1 ntlmv2 lm \
    tcp udp eth sctp icmp true false yes self-signed key-bits not-after not-before certificate-key engine-id mac station-name \
    dhcp-client-id outside link vlan tag owner location criticality many state read write control program configure diagnose \
    authorization community key route area protection token name remote signing-disabled signing-enabled signing-required ntlm-v1 \
    rakp-hmac-sha1 ws-username-token-digest ws-username-token-text basic128rsa15 basic256 basic256sha256 ssh-dss ssh-rsa run stop \
    programming mechanism oauth cram-md5 plaintext noauth authpriv noauthnopriv authnopriv \
    truncated malformed unsupported unknown version length checksum header frame payload type option options value field \
    retired expired unmanaged verified fault damaged rows end file cut middle record block interface timestamp clock backwards";

/// Names that any network has, and no network is known by.
const ANYBODYS: &[&str] = &["workgroup", "localhost", "localdomain", "local", "admin", "root"];

/// What words may stay anywhere: ours, protocols, operations and fields.
static OURS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut words: HashSet<String> = WORDS.split_ascii_whitespace().map(str::to_owned).collect();
    words.extend(Field::ALL.iter().map(|field| field.name().to_lowercase()));
    for (_, row) in Registry::new().rows() {
        words.insert(row.name.to_lowercase());
        words.extend(row.operations.iter().map(|(name, _)| name.to_lowercase()));
    }
    words
});

/// What is a name, an address or a number of this inventory.
#[derive(Default)]
pub(super) struct Known {
    /// In small letters.
    names: HashSet<String>,
    addresses: HashSet<IpAddr>,
    /// Values that stay: who is called as his model is, is called so by the maker.
    public: HashSet<String>,
    /// Versions: four numbers are not always an address.
    versions: HashSet<String>,
    subjects: HashSet<String>,
    files: HashSet<String>,
}

impl Known {
    /// Of everything that an inventory holds.
    pub(super) fn of(contents: &dyn Contents) -> Self {
        let mut known = Self::default();
        let head = contents.head();
        known.subjects.extend(head.certificates.iter().flat_map(|certificate| [certificate.subject.clone(), certificate.issuer.clone()]));
        for source in &head.sources {
            known.files.insert(source.name.clone());
            known.files.extend(source.files.iter().map(|file| file.name.clone()));
        }
        for number in 0..contents.devices() {
            if let Some(device) = contents.device(number) {
                known.see(&device);
            }
        }
        for number in 0..contents.conversations() {
            if let Some(talk) = contents.conversation(number) {
                known.addresses.extend([&talk.client, &talk.server].into_iter().filter_map(|party| party.address.parse::<IpAddr>().ok()));
            }
        }
        known.public.extend(ANYBODYS.iter().map(|&name| name.to_owned()));
        known.names.retain(|name| !known.public.contains(name));
        known
    }

    fn see(&mut self, device: &Device) {
        self.addresses.extend(device.ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok()));
        self.names.extend(device.macs.iter().map(|mac| mac.replace(':', "")));
        for text in named(device) {
            let text = text.to_lowercase();
            // The host without its domain, and the domain without its host, name as much.
            if let Some((host, domain)) = text.split_once('.').filter(|(host, _)| host.parse::<u32>().is_err()) {
                self.names.extend([host, domain].into_iter().filter(|part| part.len() > NAME_MIN).map(str::to_owned));
            }
            if text.len() >= NAME_MIN && !text.contains(char::is_whitespace) {
                self.names.insert(text);
            }
        }
        self.names.extend(device.identities.iter().map(|identity| identity.value.to_lowercase()).filter(|value| value.len() > DIGITS_MAX));
        for name in KEPT_ATTRIBUTES {
            let Some(record) = device.attributes.get(*name) else { continue };
            let value = record.value.to_lowercase();
            // What a rule of ours made of what was said: its words are the maker's. What was said as it stands may be anybody's.
            if !record.rule.starts_with("field:") {
                self.public.extend(value.split(|c: char| !c.is_alphanumeric()).map(str::to_owned));
            }
            if matches!(*name, "firmware" | "hardware" | "software") {
                self.versions.insert(value.clone());
            }
            self.public.insert(value);
        }
    }

    /// A device's own names, the longest first: those with blanks in them are found in its own texts only.
    pub(super) fn own(&self, device: &Device) -> Vec<String> {
        let long = |text: &&str| text.len() > NAME_MIN && !self.public.contains(&text.to_lowercase());
        let mut own: Vec<String> = named(device).filter(long).map(str::to_lowercase).collect();
        own.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        own.dedup();
        own
    }
}

/// What a device is called, by itself, by others and by an operator.
pub(super) fn named(device: &Device) -> impl Iterator<Item = &str> {
    let attributes = device.attributes.iter().filter(|(name, _)| !KEPT_ATTRIBUTES.contains(&name.as_str()));
    let values = attributes.flat_map(|(_, record)| {
        let others = record.rivals.iter().chain(&record.history).map(|rival| rival.value.as_str());
        others.chain([record.value.as_str()])
    });
    device.hostnames.iter().map(String::as_str).chain(values).chain(device.annotations.values().map(String::as_str)).filter(|text| !text.is_empty())
}

/// A zone, segment or site.
pub(super) fn place(text: &str, pseudonyms: &Pseudonyms<'_>) -> String {
    let ours = matches!(text, "site" | "outside" | "link") || text.strip_prefix("vlan ").is_some_and(|number| number.parse::<u16>().is_ok());
    if ours { text.to_owned() } else { pseudonyms.whole(text) }
}

/// The name of a capture.
pub(super) fn file(text: &str, pseudonyms: &Pseudonyms<'_>) -> String {
    const ENDINGS: &[&str] = &["pcap", "pcapng", "cap", "gz", "xz", "zst"];
    let mut stem = text;
    while let Some((before, _)) = stem.rsplit_once('.').filter(|(_, ending)| ENDINGS.contains(ending)) {
        stem = before;
    }
    format!("{}{}", pseudonyms.whole(stem), &text[stem.len()..])
}

/// A distinguished name as RFC 4514 writes it: types stay, values do not.
pub(super) fn subject(text: &str, pseudonyms: &Pseudonyms<'_>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = unescaped(rest).unwrap_or(rest.len());
        let (kind, value) = rest[..end].split_once('=').unwrap_or(("", &rest[..end]));
        if !kind.is_empty() && kind.len() <= 40 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.') {
            out.push_str(kind);
            out.push('=');
        }
        out.push_str(&pseudonyms.whole(value));
        out.extend(rest[end..].chars().next());
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    out
}

/// The next comma or plus sign that no backslash takes for the value.
fn unescaped(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = !escaped && matches!(byte, b',' | b'+');
        escaped = !escaped && byte == b'\\';
        ends
    })
}

pub(super) fn alternative_name(text: &str, pseudonyms: &Pseudonyms<'_>) -> String {
    match text.split_once(':').filter(|(kind, _)| OURS.contains(*kind) || matches!(*kind, "dns" | "ip" | "uri" | "email")) {
        Some((kind, value)) => format!("{kind}:{}", pseudonyms.whole(value)),
        None => pseudonyms.whole(text),
    }
}

/// A text of which only words of ours stay, and short numbers. A subject, or a capture's name, at its beginning is taken as a whole.
pub(super) fn strict(text: &str, known: &Known, pseudonyms: &Pseudonyms<'_>) -> String {
    for (end, _) in text.match_indices(": ").take(COLONS_MAX) {
        if known.subjects.contains(&text[..end]) {
            return subject(&text[..end], pseudonyms) + &strict(&text[end..], known, pseudonyms);
        }
        if known.files.contains(&text[..end]) {
            return file(&text[..end], pseudonyms) + &strict(&text[end..], known, pseudonyms);
        }
    }
    if let Some((said, value)) = text.split_once(": ").filter(|(said, _)| is_field(said)) {
        let value = if is_ours(value, known) { value.to_owned() } else { pseudonyms.whole(value) };
        return format!("{}: {value}", words(said, &|word| strict_word(word, known, pseudonyms, 0)));
    }
    words(text, &|word| strict_word(word, known, pseudonyms, 0))
}

/// `snmp location`: a protocol and a field, after which the value stands as it was said.
fn is_field(said: &str) -> bool {
    said.split_once(' ').is_some_and(|(_, field)| Field::from_name(field).is_some())
}

/// Whether every word of a value is ours: a place in words of ours is a place.
fn is_ours(value: &str, known: &Known) -> bool {
    let ours = |word: &str| word.is_empty() || is_plain(word) || is_number(word) || OURS.contains(&word.to_lowercase()) || known.is_version(word);
    value.split(is_between).all(|word| ours(word) && !known.names.contains(&word.to_lowercase()))
}

/// Words joined by slash, colon or equals sign are looked at apart, so deep.
const JOINED_MAX: u8 = 4;

fn strict_word(word: &str, known: &Known, pseudonyms: &Pseudonyms<'_>, depth: u8) -> String {
    if is_plain(word) {
        return word.to_owned();
    }
    if let Some(address) = pseudonyms.address(word) {
        return address;
    }
    if known.files.contains(word) {
        return file(word, pseudonyms);
    }
    let lower = word.to_lowercase();
    let stays = OURS.contains(&lower) || is_number(word) || known.is_version(word) || word.chars().count() < NAME_MIN;
    if stays && !known.names.contains(&lower) {
        return word.to_owned();
    }
    if let Some((at, between)) = word.char_indices().find(|(_, c)| matches!(c, '/' | ':' | '=')).filter(|_| depth < JOINED_MAX) {
        let part = |part: &str| if part.is_empty() { String::new() } else { strict_word(part, known, pseudonyms, depth + 1) };
        return format!("{}{between}{}", part(&word[..at]), part(&word[at + 1..]));
    }
    pseudonyms.name(word)
}

/// Arcs of object identifiers of algorithms: RSA's and ANSI X9.62's. Below others stand, at times, addresses.
const ALGORITHMS: [&str; 2] = ["1.2.840.113549.", "1.2.840.10045."];

/// A time of the document, or an algorithm.
fn is_plain(word: &str) -> bool {
    let time = word.len() >= 20 && word.ends_with('Z') && word.as_bytes().get(10) == Some(&b'T');
    let algorithm = ALGORITHMS.iter().any(|arc| word.starts_with(arc));
    (time || algorithm) && word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'T' | b'Z'))
}

/// A count, a port, a short version: nothing that would be an address or a serial number.
fn is_number(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let number = word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-' | b'%' | b','));
    (1..=DIGITS_MAX).contains(&digits) && number
}

/// A text that stays but for addresses and names of this inventory.
pub(super) fn within(text: &str, known: &Known, pseudonyms: &Pseudonyms<'_>) -> String {
    if known.versions.contains(&text.to_lowercase()) && !text.parse::<IpAddr>().is_ok_and(|ip| known.is_address(&ip)) {
        return words(text, &|word| if is_version(word) { word.to_owned() } else { within_word(word, known, pseudonyms, 0) });
    }
    words(text, &|word| within_word(word, known, pseudonyms, 0))
}

fn is_version(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

impl Known {
    /// A version that stays where it is an attribute's value.
    fn is_version(&self, word: &str) -> bool {
        self.versions.contains(&word.to_lowercase())
    }

    /// An address that is one here, or could be: a version of four numbers rarely begins as a private network does.
    fn is_address(&self, ip: &IpAddr) -> bool {
        self.addresses.contains(ip) || matches!(ip, IpAddr::V4(ip) if ip.is_private() || ip.is_link_local())
    }
}

/// `product/version` (RFC 9110 section 10.1.5): four numbers after a slash that are no address here are a version.
fn is_products_version(before: &str, between: char, version: &str, known: &Known) -> bool {
    !before.is_empty() && between == '/' && version.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4() && !known.is_address(&ip))
}

/// Last labels of names of two labels: `customer.com` is somebody's, `node.js` is a product.
const DOMAINS: &[&str] = &[
    "arpa",
    "at",
    "be",
    "biz",
    "ch",
    "cn",
    "com",
    "corp",
    "cz",
    "de",
    "dk",
    "es",
    "eu",
    "example",
    "fi",
    "fr",
    "home",
    "info",
    "internal",
    "intern",
    "intra",
    "io",
    "it",
    "jp",
    "kr",
    "lan",
    "local",
    "localdomain",
    "net",
    "nl",
    "no",
    "org",
    "pl",
    "ru",
    "se",
    "test",
    "uk",
    "us",
];

/// Products that are spelt as names of hosts.
const PRODUCTS: &[&str] = &["asp.net", "vb.net", "ado.net"];

/// A name of a host, in small letters, as banners have it: every label has a letter, which no version has.
fn is_host_name(word: &str) -> bool {
    let is_label =
        |label: &str| label.bytes().any(|byte| byte.is_ascii_lowercase()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let labels = word.split('.').count();
    let top = word.rsplit('.').next().unwrap_or_default();
    let named = labels > 2 && top.len() > 1 && top.bytes().all(|byte| byte.is_ascii_lowercase());
    labels > 1 && (named || DOMAINS.contains(&top)) && word.split('.').all(is_label) && !PRODUCTS.contains(&word)
}

fn within_word(word: &str, known: &Known, pseudonyms: &Pseudonyms<'_>, depth: u8) -> String {
    let lower = word.to_lowercase();
    let is_address = match word.parse::<IpAddr>() {
        Ok(ip) => known.is_address(&ip) || !known.versions.contains(&lower),
        Err(_) => mac_of(word).is_some() || is_uuid(word),
    };
    if is_address {
        return pseudonyms.whole(word);
    }
    if known.names.contains(&lower) || is_host_name(&lower) || word.contains('@') && word.contains('.') {
        return pseudonyms.whole(word);
    }
    let joined = word.char_indices().find(|(_, c)| matches!(c, '/' | ':' | '=' | '_')).filter(|_| depth < JOINED_MAX);
    if let Some((at, between)) = joined {
        let (before, after) = (&word[..at], &word[at + 1..]);
        let part = |part: &str| if part.is_empty() { String::new() } else { within_word(part, known, pseudonyms, depth + 1) };
        let after = if is_products_version(before, between, after, known) { after.to_owned() } else { part(after) };
        return format!("{}{between}{after}", part(before));
    }
    word.to_owned()
}

/// A text without names, whatever stands around them.
pub(super) fn without(text: &str, names: &[String], pseudonyms: &Pseudonyms<'_>) -> String {
    let mut text = text.to_owned();
    for name in names {
        // Small letters may have another length: only what has the same is compared.
        let lower = text.to_lowercase();
        if lower.len() != text.len() {
            continue;
        }
        let mut out = String::new();
        let mut end = 0;
        for (at, _) in lower.match_indices(name.as_str()) {
            if text.is_char_boundary(at) && text.is_char_boundary(at + name.len()) {
                out.push_str(&text[end..at]);
                out.push_str(&pseudonyms.whole(name));
                end = at + name.len();
            }
        }
        out.push_str(&text[end..]);
        text = out;
    }
    text
}

/// A text with each of its words made anew; what stands between words stays.
fn words(text: &str, make: &dyn Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_between) {
        let word = piece.trim_end_matches(is_between);
        let between = &piece[word.len()..];
        // Points at the end of a sentence are no part of its last word.
        let bare = word.trim_end_matches(['.', ':', '!', '?']);
        if !bare.is_empty() {
            out.push_str(&make(bare));
        }
        out.push_str(&word[bare.len()..]);
        out.push_str(between);
    }
    out
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '[' | ']' | '{' | '}' | '"' | '\'' | '<' | '>' | '|' | '→' | '…' | '`')
}
