"""Kerberos: a machine and a user log in at a key distribution centre, a service ticket, an account without pre-authentication.

RFC 4120 (messages, ASN.1 in section 5), RFC 3961 (encryption types). Cipher texts are fillers: nobody here has a key.
"""
from ber import integer, tlv
from wire import Capture

REALM = "PLANT.EXAMPLE"


def member(number, *content):
    return tlv(0xA0 + number, *content)


def text(value):
    return tlv(0x1B, value.encode())


def sequence(*content):
    return tlv(0x30, *content)


def principal(number, kind, *parts):
    return member(number, sequence(member(0, integer(kind)), member(1, sequence(*(text(part) for part in parts)))))


def encrypted(number, etype, size):
    return member(number, sequence(member(0, integer(etype)), member(1, integer(3)), member(2, tlv(0x04, bytes(range(7, 7 + 32)) * (size // 32)))))


def padata(number, *pairs):
    return member(number, sequence(*(sequence(member(1, integer(kind)), member(2, tlv(0x04, value))) for kind, value in pairs)))


def ticket(number, etype, *service):
    body = sequence(member(0, integer(5)), member(1, text(REALM)), principal(2, 2, *service), encrypted(3, etype, 192))
    return member(number, tlv(0x61, body))


def request_body(client, service, etypes, netbios=None):
    parts = [member(0, tlv(0x03, b"\0\x40\x81\0\x10"))]
    if client:
        parts.append(principal(1, 1, *client))
    parts += [member(2, text(REALM)), principal(3, 2, *service), member(5, tlv(0x18, b"20370913024805Z")), member(7, integer(1804289383))]
    parts.append(member(8, sequence(*(integer(etype) for etype in etypes))))
    if netbios:
        parts.append(member(9, sequence(sequence(member(0, integer(20)), member(1, tlv(0x04, netbios.ljust(16).encode()))))))
    return member(4, sequence(*parts))


def as_req(client, etypes, proof, netbios=None):
    stamp = [(2, sequence(member(0, integer(etypes[0])), member(2, tlv(0x04, bytes(56)))))] if proof else []
    pairs = padata(3, *stamp, (128, sequence(member(0, tlv(0x01, b"\xff")))))
    return tlv(0x6A, sequence(member(1, integer(5)), member(2, integer(10)), pairs, request_body(client, ("krbtgt", REALM), etypes, netbios)))


def reply(tag, kind, client, service, ticket_etype, session_etype):
    salt = padata(2, (19, sequence(sequence(member(0, integer(session_etype)), member(1, text(REALM + "".join(client)))))))
    return tlv(tag, sequence(member(0, integer(5)), member(1, integer(kind)), salt, member(3, text(REALM)), principal(4, 1, *client),
                             ticket(5, ticket_etype, *service), encrypted(6, session_etype, 128)))


def tgs_req(service, etypes):
    ap = tlv(0x6E, sequence(member(0, integer(5)), member(1, integer(14)), member(2, tlv(0x03, bytes(5))), ticket(3, 18, "krbtgt", REALM), encrypted(4, 18, 96)))
    return tlv(0x6C, sequence(member(1, integer(5)), member(2, integer(12)), padata(3, (1, ap)), request_body(None, service, etypes)))


def error(code, service):
    return tlv(0x7E, sequence(member(0, integer(5)), member(1, integer(30)), member(4, tlv(0x18, b"20260302080000Z")), member(5, integer(4711)), member(6, integer(code)),
                              member(9, text(REALM)), principal(10, 2, *service)))


def framed(message):
    return len(message).to_bytes(4, "big") + message


TGT = ("krbtgt", REALM)
capture = Capture("kerberos/machine-user-and-service-ticket.pcap")
kdc = capture.host("00:15:5d:0b:00:01", "10.88.0.1", 128)
historian, station = capture.host("00:15:5d:0b:00:11", "10.88.0.11", 128), capture.host("d4:be:d9:0b:00:12", "10.88.0.12", 128)
server = capture.host("00:0c:29:0b:00:13", "10.88.0.13")
# Windows: refused for want of pre-authentication, then with an encrypted timestamp.
capture.udp(historian, 50101, kdc, 88, as_req(("HIST01$",), [18, 17, 23, 24], False, "HIST01"))
capture.udp(kdc, 88, historian, 50101, error(25, TGT))
capture.udp(historian, 50102, kdc, 88, as_req(("HIST01$",), [18, 17, 23, 24], True, "HIST01"))
capture.udp(kdc, 88, historian, 50102, reply(0x6B, 11, ("HIST01$",), TGT, 18, 18))
# A user at an engineering station, over TCP, with a ticket of RC4 for an old service.
with capture.tcp(station, 50201, kdc, 88) as talk:
    talk.client(framed(as_req(("ann.operator",), [23, 3], True, "ENG-WS02")))
    talk.server(framed(reply(0x6B, 11, ("ann.operator",), TGT, 18, 23)))
with capture.tcp(station, 50202, kdc, 88) as talk:
    talk.client(framed(tgs_req(("MSSQLSvc", "hist01.plant.example:1433"), [18, 17, 23])))
    talk.server(framed(reply(0x6D, 13, ("ann.operator",), ("MSSQLSvc", "hist01.plant.example:1433"), 23, 18)))
# An account that needs no pre-authentication.
capture.udp(station, 50203, kdc, 88, as_req(("svc-backup",), [23], False))
capture.udp(kdc, 88, station, 50203, reply(0x6B, 11, ("svc-backup",), TGT, 23, 23))
# A Linux host by its own service, with a password that is wrong.
capture.udp(server, 50301, kdc, 88, as_req(("host", "gw13.plant.example"), [18, 17], True))
capture.udp(kdc, 88, server, 50301, error(24, TGT))
capture.write()

capture = Capture("kerberos/unusual-port.pcap")
kdc, historian = capture.host("00:15:5d:0b:00:01", "10.88.0.1", 128), capture.host("00:15:5d:0b:00:11", "10.88.0.11", 128)
with capture.tcp(historian, 50401, kdc, 10088, opened=False) as talk:
    talk.client(framed(as_req(("HIST01$",), [18, 17], True)))
    talk.server(framed(reply(0x6B, 11, ("HIST01$",), TGT, 18, 18)))
capture.write()
