//! Texts that name what they say: the `key=value` strings of DNS-SD (RFC 6763 §6). A key is read where its meaning is settled, in all
//! services or in those that define it; what a service means by `version`, nobody else knows.

use crate::attribute::{class_of, is_filler};
use crate::claim::{Attribute, Claim};
use crate::text;
use observations::{Field, Statement, ValueRef};

/// One key: in which service (empty: in all), its name in lower case, what it says, how far it is believed.
struct Row(&'static str, &'static str, Attribute, u8);

const ROWS: &[Row] = &[
    // Spelled out: these words mean what they say wherever they stand.
    Row("", "manufacturer", Attribute::Vendor, 85),
    Row("", "vendor", Attribute::Vendor, 80),
    Row("", "model", Attribute::Model, 80),
    Row("", "modelname", Attribute::Model, 85),
    Row("", "model_name", Attribute::Model, 85),
    Row("", "model_number", Attribute::Model, 80),
    Row("", "modelnumber", Attribute::Model, 80),
    Row("", "hardware_ver", Attribute::Hardware, 80),
    Row("", "hardware_version", Attribute::Hardware, 80),
    Row("", "hw_version", Attribute::Hardware, 80),
    Row("", "serialnumber", Attribute::Serial, 85),
    Row("", "serial_number", Attribute::Serial, 85),
    Row("", "firmware", Attribute::Firmware, 80),
    Row("", "fw_version", Attribute::Firmware, 80),
    Row("", "fwversion", Attribute::Firmware, 80),
    Row("", "firmwareversion", Attribute::Firmware, 85),
    Row("", "firmware_version", Attribute::Firmware, 85),
    Row("", "friendly_name", Attribute::FriendlyName, 80),
    Row("", "friendlyname", Attribute::FriendlyName, 80),
    // Bonjour Printing Specification 1.2.1 §9: make and model for people, IEEE 1284 manufacturer and model, where it stands.
    Row("", "usb_mfg", Attribute::Vendor, 85),
    Row("", "usb_mdl", Attribute::Model, 85),
    Row("", "ty", Attribute::Model, 80),
    Row("", "product", Attribute::Model, 60),
    Row("_ipp", "note", Attribute::Location, 70),
    Row("_ipps", "note", Attribute::Location, 70),
    Row("_printer", "note", Attribute::Location, 70),
    Row("_pdl-datastream", "note", Attribute::Location, 70),
    Row("_uscan", "note", Attribute::Location, 70),
    Row("_scanner", "mfg", Attribute::Vendor, 80),
    Row("_scanner", "mdl", Attribute::Model, 80),
    // HomeKit Accessory Protocol, Chromecast, Sonos and others: model.
    Row("", "md", Attribute::Model, 80),
    Row("_googlecast", "fn", Attribute::FriendlyName, 80),
    // RAOP and AirPlay: model and version of what receives.
    Row("_raop", "am", Attribute::Model, 80),
    Row("_raop", "fv", Attribute::Firmware, 80),
    Row("_airplay", "fv", Attribute::Firmware, 80),
    Row("_airplay", "osvers", Attribute::Firmware, 60),
    Row("_companion-link", "rpmd", Attribute::Model, 80),
    Row("_hue", "modelid", Attribute::Model, 85),
    Row("_esphomelib", "version", Attribute::Software, 70),
    Row("_esphomelib", "project_version", Attribute::Firmware, 80),
    Row("_shelly", "app", Attribute::Model, 75),
    Row("_esphomelib", "project_name", Attribute::Model, 60),
    Row("_esphomelib", "board", Attribute::Hardware, 60),
    Row("_shelly", "ver", Attribute::Firmware, 80),
    // Matter Core Specification 1.0 §4.3.1: the name that a node shows to who commissions it.
    Row("_matterc", "dn", Attribute::FriendlyName, 75),
    Row("_matter", "dn", Attribute::FriendlyName, 75),
    // D-Link's service beside HNAP: model_number, hardware_ver, and the version of its firmware without a point.
    Row("_dhnap", "version", Attribute::Firmware, 60),
];

/// Keys whose values are the version of a named protocol or program: told together with that name.
const NAMED: &[(&str, &str, &str)] = &[("_airplay", "srcvers", "AirPlay"), ("_raop", "vs", "AirTunes"), ("", "osxvers", "Darwin major version")];

/// Claims from keyed texts.
pub fn claims<'a>(said: &Statement<'a>, claims: &mut Vec<Claim<'a>>) {
    let mut service = None;
    for (index, one) in said.fields.iter().enumerate().filter(|(_, one)| one.field == Field::MdnsTxt) {
        let text = text::safe(one.value);
        let Some((key, value)) = text.split_once('=') else { continue };
        let (key, value) = (key.trim().to_lowercase(), value.trim());
        let service = service.get_or_insert_with(|| {
            let whole = said.get(Field::MdnsService).map(ValueRef::display).unwrap_or_default().to_lowercase();
            whole.split('.').next().unwrap_or_default().to_owned()
        });
        let class = class_of(said);
        let mut claim = |attribute, value: String, confidence: u8| {
            let rule = format!("field:mdns-txt {key}").into();
            claims.push(Claim { attribute, value: value.into(), class, confidence: confidence.min(class.most()), rule, field: Some(index) });
        };
        for Row(_, _, attribute, confidence) in ROWS.iter().filter(|row| row.1 == key && (row.0.is_empty() || row.0 == *service)) {
            if let Some(value) = plain(&key, value) {
                claim(*attribute, value.to_owned(), *confidence);
            }
        }
        if let Some((.., name)) = NAMED.iter().find(|row| row.1 == key && (row.0.is_empty() || row.0 == *service))
            && !is_filler(value)
        {
            claim(Attribute::Software, format!("{name} {value}"), 60);
        }
    }
}

/// The value without what the specification puts around it: a PostScript product stands in parentheses.
fn plain<'t>(key: &str, value: &'t str) -> Option<&'t str> {
    let value = if key == "product" { value.strip_prefix('(').and_then(|value| value.strip_suffix(')')).unwrap_or(value) } else { value };
    Some(value.trim()).filter(|value| !is_filler(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{said, text};
    use observations::Kind;

    fn told(service: &str, strings: &[&str]) -> Vec<(Attribute, String)> {
        let mut fields = vec![(Field::MdnsService, text(service))];
        fields.extend(strings.iter().map(|string| (Field::MdnsTxt, text(string))));
        let (said, mut found) = (said("mdns", Kind::Service, &fields), Vec::new());
        claims(&said.statement(), &mut found);
        found.into_iter().map(|claim| (claim.attribute, claim.value.into_owned())).collect()
    }

    #[test]
    fn a_printer_names_maker_model_and_place() {
        let printer = told("_ipp._tcp", &["txtvers=1", "usb_MFG=Brother", "usb_MDL=HL-L6400DW", "note=2nd floor", "product=(Brother HL-L6400DW)"]);
        let expected = [
            (Attribute::Vendor, "Brother"),
            (Attribute::Model, "HL-L6400DW"),
            (Attribute::Location, "2nd floor"),
            (Attribute::Model, "Brother HL-L6400DW"),
        ];
        assert_eq!(printer, expected.map(|(attribute, value)| (attribute, value.to_owned())));
    }

    #[test]
    fn a_key_counts_where_its_service_defines_it() {
        assert_eq!(told("_googlecast._tcp", &["fn=Meeting room"]), [(Attribute::FriendlyName, "Meeting room".to_owned())]);
        assert!(told("_http._tcp", &["fn=x", "version=1.0", "note=see manual", "vs=2"]).is_empty());
        assert_eq!(told("_airplay._tcp", &["srcvers=366.0"]), [(Attribute::Software, "AirPlay 366.0".to_owned())]);
    }

    #[test]
    fn what_nobody_filled_in_is_not_told() {
        assert!(told("_ipp._tcp", &["usb_MFG=", "ty=Unknown", "product=()"]).is_empty());
    }
}
