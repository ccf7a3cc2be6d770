//! Fields that say an attribute by themselves: no rule is needed to see that a serial number is the serial number.

use crate::claim::{Attribute, Claim, Class};
use crate::text;
use observations::{Field, Kind, Statement, ValueRef};
use std::borrow::Cow;
use std::sync::OnceLock;

/// What each field is, and how far its plain word is believed where a device says it of itself.
const FIELDS: &[(Field, Attribute, u8)] = &[
    (Field::VendorName, Attribute::Vendor, 90),
    (Field::Manufacturer, Attribute::Vendor, 90),
    (Field::ModelName, Attribute::Model, 90),
    (Field::ProductName, Attribute::Model, 85),
    (Field::ModuleType, Attribute::Model, 85),
    (Field::ProductCode, Attribute::OrderNumber, 85),
    (Field::OrderNumber, Attribute::OrderNumber, 90),
    (Field::IdentityProductCode, Attribute::OrderNumber, 60),
    (Field::SerialNumber, Attribute::Serial, 90),
    (Field::FirmwareVersion, Attribute::Firmware, 90),
    (Field::HardwareVersion, Attribute::Hardware, 90),
    (Field::RevisionNumber, Attribute::Hardware, 60),
    (Field::SoftwareVersion, Attribute::Software, 85),
    (Field::RuntimeVersion, Attribute::Software, 85),
    (Field::BootLoaderVersion, Attribute::Software, 60),
    (Field::OperatingSystem, Attribute::Os, 85),
    (Field::OsRelease, Attribute::Os, 50),
    (Field::RuntimeName, Attribute::Software, 40),
    (Field::VmVersion, Attribute::Software, 40),
    (Field::BrandId, Attribute::Product, 60),
    (Field::SystemDescription, Attribute::Description, 85),
    (Field::LldpSystemDescription, Attribute::Description, 85),
    (Field::Description, Attribute::Description, 80),
    (Field::CdpPlatform, Attribute::Model, 85),
    (Field::CdpSoftware, Attribute::Software, 85),
    (Field::StationType, Attribute::Model, 80),
    (Field::Location, Attribute::Location, 80),
    (Field::AssetId, Attribute::AssetId, 90),
    (Field::Vin, Attribute::AssetId, 80),
    (Field::Tag, Attribute::AssetId, 80),
    (Field::ShortTag, Attribute::AssetId, 60),
    (Field::ProjectName, Attribute::Application, 80),
    (Field::ApplicationName, Attribute::Application, 80),
    (Field::SoftwareProduct, Attribute::Product, 80),
    (Field::ProductUri, Attribute::Product, 50),
    (Field::PlantName, Attribute::Application, 60),
    (Field::MemoryCardSerial, Attribute::MemoryCardSerial, 90),
    (Field::OperatingMode, Attribute::OperatingMode, 90),
    (Field::StationName, Attribute::StationName, 90),
    (Field::HttpServer, Attribute::Software, 60),
    (Field::SshBanner, Attribute::Software, 60),
    (Field::SsdpServer, Attribute::Software, 60),
    (Field::HttpUserAgent, Attribute::Software, 40),
    (Field::SipServer, Attribute::Software, 60),
    (Field::RtspServer, Attribute::Software, 60),
    (Field::RtspUserAgent, Attribute::Software, 40),
    (Field::SipUserAgent, Attribute::Software, 60),
    (Field::HttpPoweredBy, Attribute::Software, 50),
    (Field::DomainName, Attribute::Domain, 80),
    (Field::Workgroup, Attribute::Domain, 75),
    (Field::FriendlyName, Attribute::FriendlyName, 80),
    (Field::ObjectName, Attribute::FriendlyName, 80),
    (Field::HttpTitle, Attribute::PageTitle, 60),
    (Field::DhcpVendorClass, Attribute::DhcpVendorClass, 90),
    (Field::Dhcpv6VendorClass, Attribute::DhcpVendorClass, 90),
    (Field::DicomImplementationVersion, Attribute::Software, 70),
    (Field::SparkplugDevice, Attribute::FriendlyName, 70),
];

/// Fields that name a host. Domains and workgroups are no hostnames.
const NAMES: &[(Field, u8)] = &[
    (Field::Hostname, 90),
    (Field::SystemName, 90),
    (Field::FullyQualifiedName, 85),
    (Field::StationName, 85),
    (Field::DnsName, 80),
    (Field::DeviceId, 75),
    (Field::ObjectName, 70),
    (Field::NasIdentifier, 70),
    (Field::MailClient, 60),
    (Field::SyslogHostname, 60),
    (Field::ModuleName, 50),
];

/// Words that makers leave in fields that nobody filled in: they say nothing (SMBIOS defaults and the like).
const FILLERS: &[&str] = &[
    "",
    "0",
    "n/a",
    "na",
    "none",
    "null",
    "unknown",
    "default",
    "default string",
    "to be filled by o.e.m.",
    "system serial number",
    "not specified",
    "unset",
    "<unset>",
    "(none)",
    "?",
    "-",
    "empty",
    "missing",
    "<missing>",
    "unspecified",
    "unnamed",
    "no name",
    "not set",
    "(not set)",
    "not available",
];

/// Whether a text is one that makers leave where nothing was filled in.
#[must_use]
pub fn is_filler(value: &str) -> bool {
    let plain = value.trim();
    if !plain.is_ascii() {
        return FILLERS.contains(&plain.to_lowercase().as_str());
    }
    /// The longest of [`FILLERS`].
    const LONGEST: usize = 22;
    let nothing = |byte: u8| matches!(byte, b'0' | b'x' | b'X' | b'-' | b'.' | b' ' | b'?');
    plain.bytes().all(nothing) || plain.len() <= LONGEST && FILLERS.iter().any(|filler| filler.eq_ignore_ascii_case(plain))
}

/// Serial numbers that simulators, samples and unprogrammed boards show.
const NO_SERIALS: &[&str] = &["not available", "not applicable", "serial", "serial number", "sn", "test"];

/// Whether a text is no serial number that could tell one device from another: a filler, shorter than four characters, one character
/// again and again, or the digits counted up.
#[must_use]
pub fn is_no_serial(value: &str) -> bool {
    let plain: String = value.trim().to_lowercase();
    let bytes = plain.as_bytes();
    let alike = bytes.windows(2).all(|pair| pair[0] == pair[1]);
    let counted = bytes.iter().all(u8::is_ascii_digit) && bytes.windows(2).all(|pair| (pair[0] - b'0' + 1) % 10 == pair[1] - b'0');
    is_filler(&plain) || bytes.len() < 4 || alike || counted || NO_SERIALS.contains(&plain.as_str())
}

/// The rule that a field is by itself, `field:serial-number`.
fn rule_of(field: Field) -> &'static str {
    static RULES: OnceLock<Vec<String>> = OnceLock::new();
    let rules = RULES.get_or_init(|| {
        let most = Field::ALL.iter().map(|field| usize::from(field.code())).max().unwrap_or(0);
        let mut rules = vec![String::new(); most + 1];
        Field::ALL.iter().for_each(|field| rules[usize::from(field.code())] = format!("field:{}", field.name()));
        rules
    });
    &rules[usize::from(field.code())]
}

/// What a field says by itself, how far it is believed: its rows of both tables.
fn rows(field: Field) -> &'static [(Attribute, u8)] {
    static ROWS: OnceLock<Vec<Vec<(Attribute, u8)>>> = OnceLock::new();
    let rows = ROWS.get_or_init(|| {
        let most = Field::ALL.iter().map(|field| usize::from(field.code())).max().unwrap_or(0);
        let mut rows = vec![Vec::new(); most + 1];
        FIELDS.iter().for_each(|(field, attribute, confidence)| rows[usize::from(field.code())].push((*attribute, *confidence)));
        NAMES.iter().for_each(|(field, confidence)| rows[usize::from(field.code())].push((Attribute::Hostname, *confidence)));
        rows
    });
    &rows[usize::from(field.code())]
}

/// Whether a field says an attribute by itself.
pub(crate) fn reads(field: Field) -> bool {
    !rows(field).is_empty() || matches!(field, Field::SubjectAltName | Field::CertificateCommonName)
}

/// DNS names in one certificate; one with more is of a service that many hosts give.
const CERTIFICATE_NAMES_MAX: usize = 3;

/// The name that a server's own certificate is made out to (RFC 9525 §6.3): its first DNS name, of old certificates the common name. An
/// operator wrote it, and a reverse proxy shows another's, so that it is an inference.
fn certificate_name<'a>(said: &Statement<'a>) -> Option<Claim<'a>> {
    let serves = said.get(Field::CertificateRole).is_some_and(|role| role == ValueRef::Text(b"server"));
    if !serves || !said.of_itself() {
        return None;
    }
    let named = |field: Field| said.fields.iter().enumerate().filter(move |(_, one)| one.field == field);
    let dns = |value: ValueRef<'a>| match text::safe(value) {
        Cow::Borrowed(name) => name.strip_prefix("dns:"),
        Cow::Owned(_) => None,
    };
    let names: Vec<(usize, &str)> = named(Field::SubjectAltName).filter_map(|(at, one)| Some((at, dns(one.value)?))).collect();
    let of_a_host =
        |name: &str| name.contains('.') && !name.contains(['*', ' ', ':', '/', '@']) && !name.bytes().all(|b| b == b'.' || b.is_ascii_digit());
    let (at, field, name) = if names.is_empty() {
        named(Field::CertificateCommonName).find_map(|(at, one)| match text::safe(one.value) {
            Cow::Borrowed(name) => Some((at, Field::CertificateCommonName, name)),
            Cow::Owned(_) => None,
        })?
    } else {
        let (at, name) = names.iter().copied().find(|(_, name)| of_a_host(name)).filter(|_| names.len() <= CERTIFICATE_NAMES_MAX)?;
        (at, Field::SubjectAltName, name)
    };
    let value = hostname(name).filter(|name| of_a_host(name))?;
    let (attribute, class) = (Attribute::Hostname, Class::Inferred);
    Some(Claim { attribute, value: value.into(), class, confidence: 50, rule: rule_of(field).into(), field: Some(at) })
}

/// Claims that need no rule.
pub fn claims<'a>(said: &Statement<'a>, claims: &mut Vec<Claim<'a>>) {
    if said.kind == Kind::Certificate {
        claims.extend(certificate_name(said));
    }
    if matches!(said.kind, Kind::Request | Kind::Certificate | Kind::Credential) {
        return;
    }
    let class = class_of(said);
    let before = claims.len();
    for (index, one) in said.fields.iter().enumerate() {
        for (attribute, confidence) in rows(one.field).iter().copied().filter(|row| means(row.0, one.field, said)) {
            let Some(value) = value(attribute, one.value) else { continue };
            claims.push(Claim {
                attribute,
                value,
                class,
                confidence: confidence.min(class.most()),
                rule: rule_of(one.field).into(),
                field: Some(index),
            });
        }
    }
    let code = code_as_model(said, claims.get(before..).unwrap_or_default());
    claims.extend(code);
}

fn value(attribute: Attribute, value: ValueRef<'_>) -> Option<Cow<'_, str>> {
    match (attribute, text::safe(value)) {
        (Attribute::Hostname, Cow::Borrowed(name)) => hostname(name).map(Cow::Borrowed),
        (Attribute::Hostname, Cow::Owned(name)) => hostname(&name).map(|name| name.to_owned().into()),
        (_, value) => Some(text::trimmed(value)).filter(|value| !is_filler(value)),
    }
}

/// Protocols in which a version is a number alone, and whose it is the protocol tells: rules say it with the product's name. Routers say in
/// EIGRP which system they run.
const BARE_VERSIONS: &[&str] = &["eigrp", "elasticsearch", "memcache", "mongo", "mysql", "pgsql", "resp", "tds", "tns"];

/// Whether a field means its attribute in this statement.
fn means(attribute: Attribute, field: Field, said: &Statement<'_>) -> bool {
    match (attribute, field) {
        // The domain that a server hands out is its network's, and not one that it is in.
        (Attribute::Domain, _) => matches!(said.kind, Kind::Name | Kind::Identity),
        // A device object's name is what people call it; with spaces it is no host's name.
        (Attribute::Hostname, Field::ObjectName) => said.get(field).is_none_or(|name| !name.display().trim().contains(char::is_whitespace)),
        // UPnP's model number, and DPWS's, is any text: a version as often as a number.
        (_, Field::ProductCode) => !matches!(said.protocol, "upnp" | "wsdd"),
        (Attribute::Software, Field::SoftwareVersion) => !BARE_VERSIONS.contains(&said.protocol),
        // The title of an error's page is the error's.
        (_, Field::HttpTitle) => said.get(Field::HttpStatus).and_then(ValueRef::number).is_none_or(|status| status < 300),
        _ => true,
    }
}

/// Where a device gives a product code with letters in it and no name of its model, that code is what it calls its model.
fn code_as_model<'a>(said: &Statement<'_>, claims: &[Claim<'a>]) -> Option<Claim<'a>> {
    let code = claims.iter().find(|claim| claim.rule == rule_of(Field::ProductCode) && claim.value.chars().any(char::is_alphabetic))?;
    let named = claims.iter().any(|claim| claim.attribute == Attribute::Model);
    let confidence = 60.min(class_of(said).most());
    (!named).then(|| Claim { attribute: Attribute::Model, confidence, ..code.clone() })
}

/// A device's own word is declared; another's word about it is reported.
#[must_use]
pub fn class_of(said: &Statement<'_>) -> Class {
    if said.of_itself() && said.kind != Kind::Neighbor { Class::Declared } else { Class::Reported }
}

/// A name without the root's dot and the link-local domain; none where the text is no host's name (a service, a reverse name, a filler).
#[must_use]
pub fn hostname(name: &str) -> Option<&str> {
    let name = name.trim().trim_end_matches('.');
    // RFC 6762 §3: one label below `local`. With more it is somebody's domain that ends so.
    let bare = name.len().checked_sub(".local".len()).and_then(|at| name.split_at_checked(at)).filter(|(_, end)| end.eq_ignore_ascii_case(".local"));
    let name = bare.map(|(label, _)| label).filter(|label| !label.contains('.')).unwrap_or(name);
    let ends = |end: &str| name.len().checked_sub(end.len()).and_then(|at| name.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end));
    let service = name.split('.').any(|label| label.starts_with('_'));
    let reverse = ends(".in-addr.arpa") || ends(".ip6.arpa");
    let localhost = name.split('.').next().is_some_and(|label| label.eq_ignore_ascii_case("localhost"));
    let refused = is_filler(name) || service || reverse || localhost || name.len() > 253;
    (!refused).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use observations::Value;

    #[test]
    fn a_servers_certificate_names_it_where_it_names_one_host() {
        let role = (Field::CertificateRole, crate::testing::text("server"));
        let of = |names: &[(Field, &str)]| {
            let fields: Vec<_> =
                std::iter::once(role.clone()).chain(names.iter().map(|(field, name)| (*field, crate::testing::text(name)))).collect();
            let (said, mut all) = (crate::testing::said("tls", Kind::Certificate, &fields), Vec::new());
            claims(&said.statement(), &mut all);
            all.into_iter().map(|claim| (claim.value.into_owned(), claim.class)).collect::<Vec<_>>()
        };
        let san = |name: &'static str| (Field::SubjectAltName, name);
        assert_eq!(
            of(&[san("ip:10.0.0.2"), san("dns:HIST1"), san("dns:hist1.plant.example")]),
            [("hist1.plant.example".to_owned(), Class::Inferred)]
        );
        assert_eq!(of(&[(Field::CertificateCommonName, "plc.plant.example")]), [("plc.plant.example".to_owned(), Class::Inferred)]);
        for nobody in [
            san("dns:*.example.com"),
            san("dns:localhost.localdomain"),
            (Field::CertificateCommonName, "IOS-Self-Signed-Certificate-1"),
            (Field::CertificateCommonName, "10.0.0.1"),
        ] {
            assert!(of(&[nobody]).is_empty(), "{nobody:?}");
        }
        assert!(of(&[san("dns:a.example"), san("dns:b.example"), san("dns:c.example"), san("dns:d.example")]).is_empty());
    }

    #[test]
    fn services_reverse_names_and_fillers_are_no_hostnames() {
        for name in ["_http._tcp.local", "4.3.2.1.in-addr.arpa", "localhost", "", "0", "Default string"] {
            assert_eq!(hostname(name), None, "{name}");
        }
        assert_eq!(hostname("BRN001BA90A0023.local."), Some("BRN001BA90A0023"));
        assert_eq!(hostname("plc1.plant.example"), Some("plc1.plant.example"));
        assert_eq!(hostname("dc1.plant.local"), Some("dc1.plant.local"));
    }

    fn told(kind: Kind, fields: &[(Field, Value)]) -> Vec<(Attribute, String)> {
        let (said, mut found) = (crate::testing::said("any", kind, fields), Vec::new());
        claims(&said.statement(), &mut found);
        found.into_iter().map(|claim| (claim.attribute, claim.value.into_owned())).collect()
    }

    #[test]
    fn a_domain_that_is_handed_out_is_not_the_servers() {
        let domain = [(Field::DomainName, crate::testing::text("plant.example"))];
        assert_eq!(told(Kind::Name, &domain), [(Attribute::Domain, "plant.example".to_owned())]);
        assert!(told(Kind::Service, &domain).is_empty());
        assert!(told(Kind::Lease, &domain).is_empty());
    }

    #[test]
    fn an_errors_page_does_not_name_the_device() {
        let page = |status| told(Kind::Identity, &[(Field::HttpTitle, crate::testing::text("Pump")), (Field::HttpStatus, Value::Number(status))]);
        assert_eq!(page(200), [(Attribute::PageTitle, "Pump".to_owned())]);
        assert!(page(401).is_empty());
    }

    #[test]
    fn a_product_code_is_the_model_where_no_model_is_named() {
        let code = |code| (Field::ProductCode, crate::testing::text(code));
        let model = (Attribute::Model, "BMX P34 2020".to_owned());
        assert_eq!(told(Kind::Identity, &[code("BMX P34 2020")]), [(Attribute::OrderNumber, model.1.clone()), model]);
        assert_eq!(told(Kind::Identity, &[code("55")]), [(Attribute::OrderNumber, "55".to_owned())]);
        let named = told(Kind::Identity, &[code("PX-2"), (Field::ModelName, crate::testing::text("Pump"))]);
        assert_eq!(named.iter().filter(|claim| claim.0 == Attribute::Model).count(), 1);
    }

    #[test]
    fn what_nobody_filled_in_says_nothing() {
        assert!(FILLERS.iter().all(|filler| is_filler(&filler.to_uppercase())) && is_filler(" 0x00-00 ?"));
        assert!(is_filler("To Be Filled By O.E.M."));
        assert!(is_filler("00000000"));
        assert!(!is_filler("S C-C2UR28922012"));
        for serial in ["0", "To be filled by O.E.M.", "1", "XXXXXXXX", "123456789", "0123456789", "N/A"] {
            assert!(is_no_serial(serial), "{serial}");
        }
        assert!(!is_no_serial("S C-C2UR28922012") && !is_no_serial("3735928559"));
    }
}
