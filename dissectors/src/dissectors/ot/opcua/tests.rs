//! Messages are put together from their parts, as the binary encoding orders them.

use super::*;
use crate::testing::{conversation, field, gate, payload};
use observations::Observation;

const NONE: &str = "http://opcfoundation.org/UA/SecurityPolicy#None";
const SECURE: &str = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256";
const PORT: u16 = 4840;

fn text(value: &str) -> Vec<u8> {
    bytes(value.as_bytes())
}

fn bytes(value: &[u8]) -> Vec<u8> {
    [&u32::try_from(value.len()).unwrap().to_le_bytes()[..], value].concat()
}

const NULL: &[u8] = &[0xff; 4];

fn sized(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&kind[..], &u32::try_from(body.len() + HEADER).unwrap().to_le_bytes(), body].concat()
}

fn open_channel(policy: &str, certificate: &[u8], body: &[u8]) -> Vec<u8> {
    sized(b"OPNF", &[&[0; 4], &text(policy)[..], certificate, NULL, &[1, 0, 0, 0, 1, 0, 0, 0], body].concat())
}

fn chunk(letter: u8, request: u8, body: &[u8]) -> Vec<u8> {
    sized(&[b'M', b'S', b'G', letter], &[&[6, 0, 0, 0, 13, 0, 0, 0, request, 0, 0, 0, request, 0, 0, 0], body].concat())
}

fn kind(number: u16) -> Vec<u8> {
    [&[1, 0][..], &number.to_le_bytes()].concat()
}

fn asks() -> Vec<u8> {
    [&[0, 0][..], &[0; 16], NULL, &[0; 4], &[0, 0, 0]].concat()
}

fn answers(result: u32) -> Vec<u8> {
    [&[0; 12][..], &result.to_le_bytes(), &[0], &[0; 4], &[0, 0, 0]].concat()
}

fn application(uri: &str, product: &str, name: &str) -> Vec<u8> {
    [&text(uri)[..], &text(product), &[2], &text(name), &[0; 4], NULL, NULL, &[1, 0, 0, 0], &text("opc.tcp://10.0.0.2:4840")].concat()
}

fn endpoint(mode: u8, policy: &str) -> Vec<u8> {
    let token = |number: u8| [&text("p")[..], &[number, 0, 0, 0], NULL, NULL, NULL].concat();
    let parts = [
        &text("opc.tcp://10.0.0.2:4840")[..],
        &application("urn:plant:mixer", "urn:maker:server", "Mixer"),
        &bytes(&crate::x509::tests::certificate()),
        &[mode, 0, 0, 0],
        &text(policy),
        &[2, 0, 0, 0],
        &token(0),
        &token(1),
        NULL,
        &[0],
    ];
    parts.concat()
}

fn endpoints() -> Vec<u8> {
    [kind(431), answers(0), vec![2, 0, 0, 0], endpoint(1, NONE), endpoint(3, SECURE)].concat()
}

fn talk(payloads: &[(bool, Vec<u8>)]) -> Vec<Observation> {
    let payloads: Vec<(u16, u16, &[u8])> =
        payloads.iter().map(|(up, data)| if *up { (50000, PORT, &data[..]) } else { (PORT, 50000, &data[..]) }).collect();
    conversation(&OpcUa, Transport::Tcp, &payloads)
}

fn opened(policy: &str) -> Vec<(bool, Vec<u8>)> {
    let hello = sized(b"HELF", &[&[0; 20][..], &text("opc.tcp://10.0.0.2:4840")].concat());
    let request = [kind(446), asks(), vec![0; 8], vec![1, 0, 0, 0], NULL.to_vec(), vec![0; 4]].concat();
    vec![(true, hello), (false, sized(b"ACKF", &[0; 20])), (true, open_channel(policy, NULL, &request))]
}

#[test]
fn endpoints_say_what_a_server_is_and_how_it_may_be_talked_to() {
    let said = talk(&[(false, chunk(b'F', 2, &endpoints()))]);
    assert_eq!(field(&said, Kind::Identity, Field::ApplicationUri), ["urn:plant:mixer"]);
    assert_eq!(field(&said, Kind::Identity, Field::ProductUri), ["urn:maker:server"]);
    assert_eq!(field(&said, Kind::Identity, Field::ApplicationName), ["Mixer"]);
    let mut levels = field(&said, Kind::Service, Field::SecurityLevel);
    levels.sort();
    assert_eq!(levels, ["none", "sign-and-encrypt"]);
    assert_eq!(field(&said, Kind::Service, Field::AuthenticationMethod), ["anonymous", "password", "anonymous", "password"]);
    assert_eq!(field(&said, Kind::Certificate, Field::CertificateCommonName), ["plc-7"]);
    assert!(field(&said, Kind::Security, Field::SecurityLevel).is_empty());
}

#[test]
fn a_message_over_several_chunks_is_put_together_with_its_places() {
    let whole = endpoints();
    let last = whole.len() / 300;
    let chunks = whole.chunks(300).enumerate();
    let chunks: Vec<_> = chunks.map(|(index, part)| (false, chunk(if index == last { b'F' } else { b'C' }, 2, part))).collect();
    assert!(chunks.len() > 2);
    let said = talk(&chunks);
    assert_eq!(field(&said, Kind::Identity, Field::ApplicationUri), ["urn:plant:mixer"]);
    let certificate = said.iter().find(|said| said.kind == Kind::Certificate).unwrap();
    assert_eq!(certificate.fields_first[0].derivation.as_deref(), Some("opcua-chunks sha256"));
    assert!(certificate.fields_first[0].spans.len() >= 2);
}

#[test]
fn an_open_channel_without_security_says_so_about_the_server() {
    let said = talk(&opened(NONE));
    assert_eq!(field(&said, Kind::Security, Field::EncryptionMethod), ["None"]);
    assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["none"]);
    let security = said.iter().find(|said| said.kind == Kind::Security).unwrap();
    assert_eq!(security.about.endpoint.map(|endpoint| endpoint.port), Some(PORT));
}

#[test]
fn a_secured_channel_shows_its_client_s_certificate_and_that_nothing_can_be_read() {
    let mut talks = opened(NONE);
    talks.truncate(2);
    talks.push((true, open_channel(SECURE, &bytes(&crate::x509::tests::certificate()), &[0xaa; 256])));
    talks.push((true, chunk(b'F', 2, &[0xbb; 80])));
    let said = talk(&talks);
    assert_eq!(field(&said, Kind::Security, Field::EncryptionMethod), ["Basic256Sha256"]);
    assert_eq!(field(&said, Kind::Security, Field::SecurityLevel), ["sign-and-encrypt"]);
    assert_eq!(field(&said, Kind::Certificate, Field::CertificateRole), ["client"]);
}

#[test]
fn what_can_be_read_on_a_secured_channel_is_signed() {
    let mut talks = opened(NONE);
    talks.truncate(2);
    talks.push((true, open_channel(SECURE, NULL, &[0xaa; 256])));
    talks.push((true, chunk(b'F', 2, &[kind(826), asks(), vec![0; 4], vec![7; 32]].concat())));
    assert_eq!(field(&talk(&talks), Kind::Security, Field::SecurityLevel), ["sign"]);
}

#[test]
fn a_connection_met_in_the_middle_shows_its_protection_by_what_follows_a_known_request() {
    let publish = |signature: usize| talk(&[(true, chunk(b'F', 9, &[kind(826), asks(), vec![0; 4], vec![7; signature]].concat()))]);
    assert_eq!(field(&publish(0), Kind::Security, Field::SecurityLevel), ["none"]);
    assert_eq!(field(&publish(32), Kind::Security, Field::SecurityLevel), ["sign"]);
    let dark: Vec<_> = (0..4).map(|request| (true, chunk(b'F', request, &[0xcc; 64]))).collect();
    assert!(field(&talk(&dark[..3]), Kind::Security, Field::SecurityLevel).is_empty());
    assert_eq!(field(&talk(&dark), Kind::Security, Field::SecurityLevel), ["sign-and-encrypt"]);
}

#[test]
fn a_service_that_is_not_known_is_no_secret() {
    let mut talks = opened(NONE);
    talks.truncate(2);
    talks.push((true, open_channel(SECURE, NULL, &[0xaa; 256])));
    talks.push((true, chunk(b'F', 2, &[kind(12208), asks(), vec![7; 32]].concat())));
    assert!(field(&talk(&talks), Kind::Security, Field::SecurityLevel).is_empty());
}

fn activate(token: u16, body: &[u8]) -> Vec<u8> {
    [kind(467), asks(), NULL.to_vec(), NULL.to_vec(), NULL.to_vec(), NULL.to_vec(), kind(token), vec![1], bytes(body), NULL.to_vec()].concat()
}

#[test]
fn a_password_in_the_clear_leaves_only_its_use_and_length_class() {
    let token = [text("p"), text("operator"), text("geheim"), NULL.to_vec()].concat();
    let said = talk(&[(true, chunk(b'F', 3, &activate(324, &token))), (false, chunk(b'F', 3, &[kind(470), answers(0)].concat()))]);
    assert_eq!(field(&said, Kind::Credential, Field::SecretUse), ["opcua user name token"]);
    let methods = field(&said, Kind::Security, Field::AuthenticationMethod);
    assert_eq!(methods, ["password", "password"]);
    assert!(!said.iter().any(|said| said.fields_first.iter().any(|field| field.quote.windows(6).any(|quote| quote == b"geheim"))));
    let sealed = [text("p"), text("operator"), text("geheim"), text("http://www.w3.org/2001/04/xmlenc#rsa-oaep")].concat();
    assert!(field(&talk(&[(true, chunk(b'F', 3, &activate(324, &sealed)))]), Kind::Credential, Field::SecretUse).is_empty());
}

#[test]
fn a_user_who_is_refused_shows_no_method_of_the_server() {
    let anonymous = activate(321, &text("p"));
    let said = talk(&[(true, chunk(b'F', 3, &anonymous)), (false, chunk(b'F', 3, &[kind(470), answers(0x801f_0000)].concat()))]);
    let server: Vec<_> = said.iter().filter(|said| said.kind == Kind::Security && said.about.endpoint.is_some()).collect();
    assert!(server.iter().all(|said| said.get(Field::AuthenticationMethod).is_none()));
    assert_eq!(field(&said, Kind::Security, Field::ServiceResult), ["2149515264"]);
}

fn read_of(nodes: &[u16]) -> Vec<u8> {
    let one = |node: &u16| [kind(*node), vec![13, 0, 0, 0], NULL.to_vec(), vec![0, 0], NULL.to_vec()].concat();
    let count = u32::try_from(nodes.len()).unwrap().to_le_bytes().to_vec();
    [kind(631), asks(), vec![0; 12], count, nodes.iter().flat_map(one).collect()].concat()
}

fn values(texts: &[&str]) -> Vec<u8> {
    let one = |value: &&str| [vec![1, 12], text(value)].concat();
    let count = u32::try_from(texts.len()).unwrap().to_le_bytes().to_vec();
    [kind(634), answers(0), count, texts.iter().flat_map(one).collect()].concat()
}

#[test]
fn build_information_is_read_after_any_number_of_polls() {
    let mut talks = Vec::new();
    for _ in 0..50 {
        talks.push((true, chunk(b'F', 4, &read_of(&[5001]))));
        talks.push((false, chunk(b'F', 4, &values(&["42"]))));
    }
    talks.push((true, chunk(b'F', 5, &read_of(&[2259, 2261, 2263, 2264]))));
    talks.push((false, chunk(b'F', 5, &values(&["0", "Mixer runtime", "Example GmbH", "4.2"]))));
    let said = talk(&talks);
    assert_eq!(field(&said, Kind::Identity, Field::SoftwareProduct), ["Mixer runtime"]);
    assert_eq!(field(&said, Kind::Identity, Field::SoftwareManufacturer), ["Example GmbH"]);
    assert_eq!(field(&said, Kind::Identity, Field::SoftwareVersion), ["4.2"]);
    assert!(!said.iter().any(|said| said.fields.iter().any(|said| said.value.display() == "42")));
}

#[test]
fn a_node_is_known_in_either_form_of_its_number() {
    let long = [&asks()[..], &[0; 12], &[1, 0, 0, 0], &[2, 0, 0, 0xd5, 8, 0, 0]].concat();
    let short = [&asks()[..], &[0; 12], &[1, 0, 0, 0], &[1, 0, 0xd5, 8]].concat();
    let other = [&asks()[..], &[0; 12], &[1, 0, 0, 0], &[1, 2, 0xd5, 8]].concat();
    assert_eq!((asks_who(&long), asks_who(&short), asks_who(&other)), (true, true, false));
}

#[test]
fn a_server_s_status_holds_its_build_information() {
    let info = [text("urn:x"), text("Example GmbH"), text("Mixer runtime"), text("4.2"), text("77"), vec![0; 8]].concat();
    let status = [vec![0; 20], info, vec![0; 5]].concat();
    let value = [kind(634), answers(0), vec![1, 0, 0, 0], vec![1, 22], kind(864), vec![1], bytes(&status)].concat();
    let said = talk(&[(true, chunk(b'F', 5, &read_of(&[2256]))), (false, chunk(b'F', 5, &value))]);
    assert_eq!(field(&said, Kind::Identity, Field::SoftwareProduct), ["Mixer runtime"]);
    assert_eq!(field(&said, Kind::Identity, Field::BuildNumber), ["77"]);
}

#[test]
fn a_truncated_answer_keeps_the_endpoint_before() {
    let whole = endpoints();
    let cut = chunk(b'F', 2, &whole);
    let said = crate::testing::read_cut(&OpcUa, false, &cut[..cut.len() - 60]);
    assert_eq!(field(&said, Kind::Service, Field::SecurityLevel), ["none"]);
    assert_eq!(field(&said, Kind::Identity, Field::ApplicationName), ["Mixer"]);
}

#[test]
fn operations_are_named_and_publishing_costs_a_glance() {
    let at = At { transport: Transport::Tcp, src_port: 50000, dst_port: PORT, from_client: Some(true) };
    let glance = |number: u16| OpcUa.glance(&chunk(b'F', 9, &[kind(number), asks()].concat()), &at);
    let name = |number| glance(number).operation.map(|index| OPERATIONS[usize::from(index)].0);
    assert_eq!((name(673), name(712), name(826), name(676)), (Some("write"), Some("call"), Some("publish"), None));
    assert_eq!(glance(829).look, Look::Once(829));
    assert_eq!(name(847), Some("delete_subscriptions"));
}

#[test]
fn strangers_are_refused_and_an_unusual_port_is_no_matter() {
    let length = [b"MSGF".as_slice(), &[0xff, 0xff, 0xff, 0x7f], &[1; 40]].concat();
    for stranger in [&b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"[..], b"HELP me\r\n and more", &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3], &[0; 40], &length] {
        assert_eq!(gate(&OpcUa, stranger, PORT), Gate::NotMine);
    }
    assert_eq!(gate(&OpcUa, b"MSG", PORT), Gate::More);
    let said = payload(&OpcUa, Transport::Tcp, 49320, 50000, &chunk(b'F', 2, &endpoints()));
    assert_eq!(field(&said, Kind::Identity, Field::ApplicationUri), ["urn:plant:mixer"]);
}

const PLATE: &[(&str, &str, Field)] = &[
    ("Manufacturer", "Example GmbH", Field::VendorName),
    ("Model", "Drive X-7", Field::ModelName),
    ("HardwareRevision", "B2", Field::HardwareVersion),
    ("SoftwareRevision", "4.1.7", Field::FirmwareVersion),
    ("SerialNumber", "7001-22", Field::SerialNumber),
];

/// A node of namespace 3 by its name.
fn named(name: &str) -> Vec<u8> {
    [vec![3, 3, 0], text(name)].concat()
}

fn counted(items: &[Vec<u8>]) -> Vec<u8> {
    [u32::try_from(items.len()).unwrap().to_le_bytes().to_vec(), items.concat()].concat()
}

fn browse(node: &[u8]) -> Vec<u8> {
    let one = [node, &[0; 4], &[0, 33], &[1], &[0; 4], &[63, 0, 0, 0]].concat();
    [kind(527), asks(), vec![0, 0], vec![0; 12], vec![0; 4], counted(&[one])].concat()
}

fn browsed(node: &str, names: &[&str]) -> Vec<u8> {
    let one =
        |name: &&str| [vec![0, 46, 1], named(&format!("{node}.{name}")), vec![2, 0], text(name), vec![0], vec![2, 0, 0, 0], vec![0, 68]].concat();
    let references: Vec<_> = names.iter().map(one).collect();
    let result = [vec![0; 4], NULL.to_vec(), counted(&references)].concat();
    [kind(530), answers(0), counted(&[result]), vec![0; 4]].concat()
}

fn read_named(node: &str, names: &[&str]) -> Vec<u8> {
    let one = |name: &&str| [named(&format!("{node}.{name}")), vec![13, 0, 0, 0], NULL.to_vec(), vec![0, 0], NULL.to_vec()].concat();
    [kind(631), asks(), vec![0; 12], counted(&names.iter().map(one).collect::<Vec<_>>())].concat()
}

#[test]
fn a_name_plate_is_read_where_its_nodes_were_found_by_browsing() {
    let names: Vec<&str> = PLATE.iter().map(|row| row.0).collect();
    let texts: Vec<&str> = PLATE.iter().map(|row| row.1).collect();
    let mut talks = vec![(true, chunk(b'F', 3, &browse(&named("drive")))), (false, chunk(b'F', 3, &browsed("drive", &names)))];
    for request in 4..20 {
        talks.push((true, chunk(b'F', request, &read_named("drive", &["Speed"]))));
        talks.push((false, chunk(b'F', request, &values(&["42"]))));
    }
    talks.push((true, chunk(b'F', 20, &read_named("drive", &names))));
    talks.push((false, chunk(b'F', 20, &values(&texts))));
    let said = talk(&talks);
    for (_, value, name) in PLATE {
        assert_eq!(field(&said, Kind::Identity, *name), [*value]);
    }
    let part = said.iter().find(|said| said.get(Field::ModelName).is_some()).unwrap();
    assert_eq!(part.about.path.len(), 1);
    assert!(!said.iter().any(|said| said.fields.iter().any(|said| said.value.display() == "42")));
}

#[test]
fn paths_of_names_lead_to_the_nodes_of_a_name_plate_too() {
    let path = |name: &str| {
        let step = |name: &str| [vec![0, 47, 0, 1, 2, 0], text(name)].concat();
        [vec![0, 85], counted(&[step("DeviceSet"), step("Drive"), step(name)])].concat()
    };
    let names: Vec<&str> = PLATE.iter().map(|row| row.0).collect();
    let asked = [kind(554), asks(), counted(&names.iter().map(|name| path(name)).collect::<Vec<_>>())].concat();
    let target = |name: &&str| [vec![0; 4], counted(&[[named(&format!("x.{name}")), vec![0xff; 4]].concat()])].concat();
    let given = [kind(557), answers(0), counted(&names.iter().map(target).collect::<Vec<_>>()), vec![0; 4]].concat();
    let talks = [(true, asked), (false, given), (true, read_named("x", &["SerialNumber", "Model"])), (false, values(&["7001-22", "Drive X-7"]))];
    let said = talk(&(1u8..).zip(talks).map(|(at, (up, body))| (up, chunk(b'F', at.div_ceil(2), &body))).collect::<Vec<_>>());
    assert_eq!(field(&said, Kind::Identity, Field::SerialNumber), ["7001-22"]);
    assert_eq!(field(&said, Kind::Identity, Field::ModelName), ["Drive X-7"]);
}

#[test]
fn one_word_alone_is_no_name_plate() {
    let names = ["SerialNumber", "Model"];
    let talks = [
        (true, chunk(b'F', 3, &browse(&named("order")))),
        (false, chunk(b'F', 3, &browsed("order", &names))),
        (true, chunk(b'F', 4, &read_named("order", &names))),
        (false, chunk(b'F', 4, &values(&["part 5", "bottle"]))),
    ];
    assert!(field(&talk(&talks), Kind::Identity, Field::ModelName).is_empty());
}
