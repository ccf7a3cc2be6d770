//! What can be wrong with a certificate that was presented.

use observations::{Field, Statement, ValueRef};

/// One test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CertificateTest {
    /// Used after the end of its validity.
    Expired,
    /// Used before its validity begins.
    NotYetValid,
    /// Ends within [`SOON_DAYS`] of the last packet.
    ExpiresSoon,
    /// Subject and issuer are the same, and a device presents it as its own.
    SelfSigned,
    /// A key below today's strength.
    WeakKey,
    /// Signed with a digest for which collisions are made.
    WeakSignature,
    /// Valid for longer than [`LONG_DAYS`].
    LongValidity,
    /// A certification authority's own, presented as a device's.
    CaAsLeaf,
}

/// Renewal takes people, change windows and a plant's stand-still: a month is short.
const SOON_DAYS: i64 = 30;

/// Ten years and the leap days in them: an identity that outlives that is never renewed. (IEEE 802.1AR §8 lets initial identities last
/// for ever; those carry a serial number in the subject and are spared.)
const LONG_DAYS: i64 = 3_653;

/// 9999-12-31T23:59:59Z, which RFC 5280 §4.1.2.5 gives to certificates without a well-defined end.
const NO_END: i64 = 253_402_300_799;

const DAY: i64 = 86_400;

/// NIST SP 800-131A Rev. 2, table 2: shorter RSA keys are disallowed.
const RSA_BITS_MIN: u64 = 2048;

/// NIST SP 800-186 §3.2: curves of shorter keys are for legacy use.
const EC_BITS_MIN: u64 = 224;

/// rsaEncryption and id-dsa (RFC 3279 §2.3), id-ecPublicKey (RFC 5480 §2.1.1).
const RSA: &str = "1.2.840.113549.1.1.1";
const DSA: &str = "1.2.840.10040.4.1";
const EC: &str = "1.2.840.10045.2.1";

/// Signatures over MD2, MD4, MD5 and SHA-1 (RFC 3279 §2.2, RFC 5758 §3.1; RFC 6194, RFC 6151 on why).
const WEAK_SIGNATURES: &[&str] = &[
    "1.2.840.113549.1.1.2",
    "1.2.840.113549.1.1.3",
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.2.840.10040.4.3",
    "1.2.840.10045.4.1",
    "1.3.14.3.2.29",
];

const TESTS: &[(&str, CertificateTest)] = &[
    ("expired", CertificateTest::Expired),
    ("not-yet-valid", CertificateTest::NotYetValid),
    ("expires-soon", CertificateTest::ExpiresSoon),
    ("self-signed", CertificateTest::SelfSigned),
    ("weak-key", CertificateTest::WeakKey),
    ("weak-signature", CertificateTest::WeakSignature),
    ("long-validity", CertificateTest::LongValidity),
    ("ca-as-leaf", CertificateTest::CaAsLeaf),
];

/// When a certificate was seen, in nanoseconds, and what time it is for the whole inventory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) as_of: i64,
}

impl CertificateTest {
    /// The test of a name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        TESTS.iter().find(|(known, _)| *known == name).map(|(_, test)| *test)
    }

    /// The field that shows it, if the certificate fails it.
    pub(crate) fn fails(self, said: &Statement<'_>, seen: Seen) -> Option<Field> {
        let number = |field| said.get(field).and_then(ValueRef::number);
        let is = |field, wanted: &str| said.get(field).is_some_and(|value| value.display() == wanted);
        let leaf = number(Field::ChainPosition).unwrap_or(0) == 0;
        let self_signed = number(Field::SelfSigned) == Some(1);
        match self {
            Self::Expired => (seconds(seen.last) > date(said, Field::NotAfter)?).then_some(Field::NotAfter),
            Self::NotYetValid => (seconds(seen.first) < date(said, Field::NotBefore)?).then_some(Field::NotBefore),
            Self::ExpiresSoon => {
                let (end, now) = (date(said, Field::NotAfter)?, seconds(seen.as_of));
                (leaf && (now..now.saturating_add(SOON_DAYS * DAY)).contains(&end)).then_some(Field::NotAfter)
            }
            Self::SelfSigned => (leaf && self_signed).then_some(Field::SelfSigned),
            Self::WeakKey => {
                let bits = number(Field::KeyBits)?;
                let rsa = (is(Field::KeyAlgorithm, RSA) || is(Field::KeyAlgorithm, DSA)) && bits < RSA_BITS_MIN;
                let ec = is(Field::KeyAlgorithm, EC) && bits < EC_BITS_MIN;
                (rsa || ec).then_some(Field::KeyBits)
            }
            // Nobody relies on the signature of a root: it is trusted for being there.
            Self::WeakSignature => {
                let weak = WEAK_SIGNATURES.iter().any(|oid| is(Field::SignatureAlgorithm, oid));
                (weak && (leaf || !self_signed)).then_some(Field::SignatureAlgorithm)
            }
            Self::LongValidity => {
                let (from, to) = (date(said, Field::NotBefore)?, date(said, Field::NotAfter)?);
                let initial = said.get(Field::SubjectSerialNumber).is_some() && to >= NO_END;
                (leaf && !initial && to.saturating_sub(from) > LONG_DAYS * DAY).then_some(Field::NotAfter)
            }
            Self::CaAsLeaf => (leaf && !self_signed && number(Field::IsCa) == Some(1)).then_some(Field::IsCa),
        }
    }
}

const fn seconds(nanoseconds: i64) -> i64 {
    nanoseconds.div_euclid(1_000_000_000)
}

fn date(said: &Statement<'_>, field: Field) -> Option<i64> {
    if let Some(ValueRef::Time(seconds)) = said.get(field) { Some(seconds) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use observations::{Kind, SaidRef};

    fn fails(test: &str, fields: &[(Field, ValueRef<'_>)], at: i64) -> Option<Field> {
        let fields = fields.iter().map(|(field, value)| SaidRef { field: *field, value: *value }).collect();
        let said = Statement { kind: Kind::Certificate, fields, ..Statement::default() };
        let time = at * 1_000_000_000;
        CertificateTest::from_name(test).unwrap().fails(&said, Seen { first: time, last: time, as_of: time })
    }

    #[test]
    fn a_certificate_is_valid_on_its_last_second_and_expired_after_it() {
        let until = [(Field::NotAfter, ValueRef::Time(1000))];
        assert_eq!((fails("expired", &until, 1000), fails("expired", &until, 1001)), (None, Some(Field::NotAfter)));
        assert_eq!((fails("expires-soon", &until, 999), fails("expires-soon", &until, 1001)), (Some(Field::NotAfter), None));
        let from = [(Field::NotBefore, ValueRef::Time(1000))];
        assert_eq!((fails("not-yet-valid", &from, 999), fails("not-yet-valid", &from, 1000)), (Some(Field::NotBefore), None));
    }

    #[test]
    fn keys_are_weak_by_their_own_algorithms_measure() {
        let key =
            |algorithm: &'static str, bits| [(Field::KeyAlgorithm, ValueRef::Text(algorithm.as_bytes())), (Field::KeyBits, ValueRef::Number(bits))];
        assert!(fails("weak-key", &key(RSA, 1024), 0).is_some() && fails("weak-key", &key(RSA, 2048), 0).is_none());
        assert!(fails("weak-key", &key(EC, 192), 0).is_some() && fails("weak-key", &key(EC, 256), 0).is_none());
    }

    #[test]
    fn a_roots_own_signature_is_not_relied_on() {
        let signed = |position, own| {
            let sha1 = ValueRef::Text(b"1.2.840.113549.1.1.5");
            let place = (Field::ChainPosition, ValueRef::Number(position));
            [(Field::SignatureAlgorithm, sha1), place, (Field::SelfSigned, ValueRef::Number(own))]
        };
        assert!(fails("weak-signature", &signed(0, 1), 0).is_some());
        assert!(fails("weak-signature", &signed(1, 0), 0).is_some());
        assert!(fails("weak-signature", &signed(2, 1), 0).is_none());
    }

    #[test]
    fn an_initial_device_identity_may_last_for_ever() {
        let mut fields = vec![(Field::NotBefore, ValueRef::Time(0)), (Field::NotAfter, ValueRef::Time(NO_END))];
        assert!(fails("long-validity", &fields, 0).is_some());
        fields.push((Field::SubjectSerialNumber, ValueRef::Text(b"SN-1")));
        assert!(fails("long-validity", &fields, 0).is_none());
    }
}
