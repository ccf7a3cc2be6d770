//! Whether a certificate is for a name that was asked for.
//!
//! Spec: RFC 9525 §6.3 (DNS names, with a wildcard as the whole first label), RFC 6125 §6.4.4 (a common name where there are no
//! alternative ones, as older software has it).

use super::{extension, read};
use crate::der::{element, elements};
use crate::dn;

/// RFC 5280 §4.2.1.6: [2] IMPLICIT; the extension.
const DNS: u8 = 0x82;
const ALTERNATIVE: u8 = 17;

/// Nothing if the certificate cannot be read, or has no name to compare.
pub(crate) fn is_for(certificate: &[u8], name: &[u8]) -> Option<bool> {
    let (_, whole) = element(certificate).ok()?;
    let certificate = read(whole.whole);
    let (extensions, subject) = (certificate.extensions?, certificate.subject?);
    let list = extension(extensions, ALTERNATIVE).and_then(|value| elements(value).next());
    let names: Vec<&[u8]> = list.map(|list| elements(list.body).filter(|one| one.tag == DNS).map(|one| one.body).collect()).unwrap_or_default();
    if !names.is_empty() {
        return Some(names.iter().any(|own| covers(own, name)));
    }
    let common = dn::attributes(subject.body).map(|(_, attribute)| attribute).filter(|attribute| attribute.kind == dn::COMMON_NAME).last()?;
    common.text().map(|own| covers(&own, name))
}

fn covers(own: &[u8], name: &[u8]) -> bool {
    let (own, name) = (own.strip_suffix(b".").unwrap_or(own), name.strip_suffix(b".").unwrap_or(name));
    match own.strip_prefix(b"*.") {
        Some(rest) => {
            name.iter().position(|byte| *byte == b'.').and_then(|dot| name.get(dot + 1..)).is_some_and(|name| name.eq_ignore_ascii_case(rest))
        }
        None => own.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x509::tests::certificate;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        assert!(covers(b"*.plant.example", b"press.PLANT.example.") && covers(b"press", b"Press"));
        assert!(!covers(b"*.plant.example", b"plant.example") && !covers(b"*.plant.example", b"a.b.plant.example") && !covers(b"press", b"pres"));
    }

    #[test]
    fn alternative_names_count_before_the_common_one() {
        assert_eq!(is_for(&certificate(), b"plc-7.plant.example"), Some(true));
        assert_eq!(is_for(&certificate(), b"plc-7"), Some(false));
        assert_eq!(is_for(&[0x30, 0], b"plc-7"), None);
    }
}
