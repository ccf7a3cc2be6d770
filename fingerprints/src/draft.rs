//! Drafts of rules from texts that no rule knew: an expression for what they have in common, and a sample from which numbers are gone.

use observations::Field;
use regex::escape;
use toml::Value;

/// Texts that tell what a device is, as a rule; what identifies one device or a person is not among them.
pub const FIELDS: &[Field] = &[
    Field::VendorName,
    Field::Manufacturer,
    Field::ModelName,
    Field::ProductName,
    Field::ProductCode,
    Field::OrderNumber,
    Field::DeviceType,
    Field::SystemDescription,
    Field::SystemObjectId,
    Field::LldpSystemDescription,
    Field::HttpServer,
    Field::HttpRealm,
    Field::HttpTitle,
    Field::HttpUserAgent,
    Field::SshBanner,
    Field::FtpBanner,
    Field::Banner,
    Field::SsdpServer,
    Field::SsdpSearchTarget,
    Field::UpnpDeviceType,
    Field::SipServer,
    Field::SipUserAgent,
    Field::DhcpVendorClass,
    Field::DhcpParameterList,
    Field::Dhcpv6VendorClass,
    Field::MdnsService,
    Field::WsdType,
    Field::SyslogAppName,
    Field::IkeVendorId,
    Field::TcpSignature,
    Field::Hostname,
];

/// Fields that may name a person: a draft is made only of a form that several devices share.
pub const PERSONAL: &[Field] = &[Field::Hostname];

/// Fields whose numbers are what they tell.
const NUMBERS: &[Field] = &[Field::DhcpParameterList, Field::SystemObjectId, Field::IkeVendorId, Field::TcpSignature];

/// Longer texts are known by their beginning.
const LENGTH_MAX: usize = 80;
/// Hexadecimal digits of which so many stand together are an address or a serial number.
const HEXADECIMAL_MIN: usize = 6;

/// What texts of one form have in common, and a sample of that form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Form {
    /// An expression that matches them.
    pub regex: String,
    /// A text that it matches, without their numbers.
    pub example: String,
}

/// The form of a text; none if it could be anything.
#[must_use]
pub fn form(field: Field, text: &str) -> Option<Form> {
    let text = text.trim();
    let plain = text.chars().all(|c| !c.is_control()) && !text.contains('@');
    if !plain || text.chars().filter(|c| c.is_alphanumeric()).count() < 3 {
        return None;
    }
    if NUMBERS.contains(&field) {
        return Some(Form { regex: format!("^{}$", escape(text)), example: text.to_owned() });
    }
    let cut = text.chars().count() > LENGTH_MAX;
    let text: String = text.chars().take(LENGTH_MAX).collect();
    let (mut regex, mut example) = ("^".to_owned(), String::new());
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let run = |is: fn(&u8) -> bool| rest.bytes().take_while(is).count();
        let (hexadecimal, digits) = (run(u8::is_ascii_hexdigit), run(u8::is_ascii_digit));
        let number = |run: usize| rest.bytes().take(run).any(|byte| byte.is_ascii_digit());
        let taken = if hexadecimal >= HEXADECIMAL_MIN && number(hexadecimal) {
            regex.push_str(&format!("[0-9A-Fa-f]{{{hexadecimal}}}"));
            example.push_str(&"0".repeat(hexadecimal));
            hexadecimal
        } else if digits > 0 {
            regex.push_str(r"\d+");
            example.push('0');
            digits
        } else {
            let one = rest.chars().next().map_or(1, char::len_utf8);
            regex.push_str(&escape(&rest[..one]));
            example.push_str(&rest[..one]);
            one
        };
        rest = &rest[taken..];
    }
    if !cut {
        regex.push('$');
    }
    example.chars().any(char::is_alphabetic).then_some(Form { regex, example })
}

/// A rule to be finished: what it claims is left to whoever knows the device.
#[must_use]
pub fn rule(field: Field, form: &Form, devices: usize, cards: &[String]) -> String {
    let quoted = |text: &str| Value::String(text.to_owned()).to_string();
    let slug: String = form.example.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = slug.split('-').filter(|word| !word.is_empty()).take(6).collect();
    let id = quoted(&format!("draft-{}-{}", field.name(), words.join("-")));
    let plural = if devices == 1 { "device" } else { "devices" };
    let cards = if cards.is_empty() { String::new() } else { format!("# cards made by: {}\n", cards.join("; ").replace(['\n', '\r'], " ")) };
    format!(
        "# {devices} {plural} without a class\n{cards}[[rule]]\nid = {id}\nsource = \"seen on the wire; say how the product is known\"\nfield = [{}]\nregex = {}\nexample = {}\n\
         # Write what it is; \"unknown\" claims nothing.\nclaims = {{ class = \"unknown\", type = \"unknown\" }}\nconfidence = 60\n",
        quoted(field.name()),
        quoted(&form.regex),
        quoted(&form.example),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fingerprints;

    #[test]
    fn versions_and_serial_numbers_are_no_part_of_a_form() {
        let of = |text| form(Field::HttpServer, text).unwrap();
        assert_eq!(of("Acme-Webs/2.15"), of("Acme-Webs/3.1"));
        assert_eq!(of("Acme-Webs/2.15").example, "Acme-Webs/0.0");
        assert_eq!(of("box 00e04c123abc").example, "box 000000000000");
        assert_eq!(form(Field::DhcpParameterList, "1,3,6").unwrap().example, "1,3,6");
        for nothing in ["", "12", "a", "jane@example.org", "123.456"] {
            assert_eq!(form(Field::HttpServer, nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_draft_is_a_rule_that_can_be_loaded_and_claims_nothing_yet() {
        for text in ["Acme \"Webs\"/2.15 (it's)", &"x1 ".repeat(60), "Ünïcode \\d+ 7"] {
            let form = form(Field::HttpServer, text).unwrap();
            let draft = rule(Field::HttpServer, &form, 2, &["Acme Ltd.".to_owned()]);
            let prints = Fingerprints::with(&[("draft.toml".to_owned(), draft.clone())]).unwrap_or_else(|e| panic!("{e}\n{draft}"));
            assert!(prints.rules() > Fingerprints::new().unwrap_or_else(|e| panic!("{e}")).rules());
            let said = crate::testing::said("http", observations::Kind::Service, &[(Field::HttpServer, crate::testing::text(text))]);
            assert!(prints.claims(&said.statement()).iter().all(|claim| !claim.rule.starts_with("draft-")));
        }
    }
}
