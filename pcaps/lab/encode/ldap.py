"""LDAP: root DSEs, binds of every kind, StartTLS; a domain controller that is looked for over UDP.

RFC 4511 (messages), RFC 4513 (binds), MS-ADTS section 6.3 (Netlogon over UDP).
"""
import struct

from ber import integer, tlv
from wire import Capture


def octets(value, tag=0x04):
    return tlv(tag, value if isinstance(value, bytes) else value.encode())


def message(number, operation):
    return tlv(0x30, integer(number), operation)


def windows(number, tag, *content):
    """Active Directory writes every length in four bytes."""
    def long(tag, body):
        return bytes([tag, 0x84]) + len(body).to_bytes(4, "big") + body
    return long(0x30, integer(number) + long(tag, b"".join(content)))


def simple(number, name, password):
    return message(number, tlv(0x60, integer(3), octets(name), octets(password, 0x80)))


def sasl(number, mechanism, credentials):
    return message(number, tlv(0x60, integer(3), octets(""), tlv(0xA3, octets(mechanism), octets(credentials))))


def result(number, tag, code, *more):
    return message(number, tlv(tag, integer(code, 0x0A), octets(""), octets(""), *more))


def search(number, base, scope, *names):
    limits = integer(0) + integer(0) + tlv(0x01, b"\0")
    return message(number, tlv(0x63, octets(base), integer(scope, 0x0A), integer(0, 0x0A), limits, octets("objectClass", 0x87), tlv(0x30, *(octets(name) for name in names))))


def attributes(pairs):
    return tlv(0x30, *(tlv(0x30, octets(name), tlv(0x31, *(octets(value) for value in values))) for name, values in pairs))


def entry(number, name, pairs):
    return message(number, tlv(0x64, octets(name), attributes(pairs)))


ACTIVE = [("defaultNamingContext", ["DC=plant,DC=example"]), ("dnsHostName", ["dc1.plant.example"]), ("ldapServiceName", ["plant.example:dc1$@PLANT.EXAMPLE"]),
          ("supportedSASLMechanisms", ["GSSAPI", "GSS-SPNEGO", "EXTERNAL", "DIGEST-MD5"]), ("domainControllerFunctionality", ["7"]),
          ("supportedExtension", ["1.3.6.1.4.1.1466.20037", "1.3.6.1.4.1.4203.1.11.3"])]
OTHER = [("vendorName", ["389 Project"]), ("vendorVersion", ["389-Directory/2.4.5 B2024.011.0000"]), ("supportedSASLMechanisms", ["PLAIN"]),
         ("supportedExtension", ["1.3.6.1.4.1.1466.20037"]), ("namingContexts", ["dc=lab,dc=example"])]
SECRET = b"\x17\x03\x03\x00\x20" + bytes(range(32))

capture = Capture("ldap/binds-root-and-starttls.pcap")
controller, directory = capture.host("00:15:5d:0c:00:01", "10.89.0.1", 128), capture.host("00:0c:29:0c:00:02", "10.89.0.2")
station, gateway = capture.host("d4:be:d9:0c:00:12", "10.89.0.12", 128), capture.host("00:0c:29:0c:00:13", "10.89.0.13")
with capture.tcp(station, 50101, controller, 389) as talk:
    talk.client(search(1, "", 0, "*"))
    talk.server(windows(1, 0x64, octets(""), attributes(ACTIVE)) + windows(1, 0x65, integer(0, 0x0A), octets(""), octets("")))
    talk.client(simple(2, "CN=svc-hmi,OU=Service,DC=plant,DC=example", "LABSECRET-ldap"))
    talk.server(result(2, 0x61, 0))
    for number in range(3, 9):
        talk.client(search(number, "DC=plant,DC=example", 2, "cn"))
        talk.server(entry(number, f"CN=one{number},DC=plant,DC=example", [("cn", [f"one{number}"])]) + result(number, 0x65, 0))
# No password with a name, then none at all.
with capture.tcp(gateway, 50201, controller, 389) as talk:
    talk.client(simple(1, "CN=svc-hmi,DC=plant,DC=example", ""))
    talk.server(result(1, 0x61, 53))
    talk.client(simple(2, "CN=svc-hmi,DC=plant,DC=example", "LABSECRET-wrong"))
    talk.server(result(2, 0x61, 8))
with capture.tcp(gateway, 50202, directory, 389) as talk:
    talk.client(simple(1, "", ""))
    talk.server(result(1, 0x61, 0))
    talk.client(search(2, "", 0, "+"))
    talk.server(entry(2, "", OTHER) + result(2, 0x65, 0))
    talk.client(sasl(3, "PLAIN", b"\0gateway\0LABSECRET-sasl"))
    talk.server(result(3, 0x61, 49))
with capture.tcp(gateway, 50203, directory, 389) as talk:
    talk.client(message(1, tlv(0x77, octets("1.3.6.1.4.1.1466.20037", 0x80))))
    talk.server(result(1, 0x78, 0))
    talk.client(SECRET)
    talk.server(SECRET)


def compressed():
    """MS-ADTS section 6.3.1.9: names with RFC 1035's pointers, which count from the beginning of the value."""
    head = struct.pack("<HHI", 23, 0, 0x000313FD) + bytes(range(16))
    forest = b"\x05plant\x07example\0"
    pointer = struct.pack(">H", 0xC000 | len(head))
    return head + forest + pointer + b"\x03dc1" + pointer + b"\x05PLANT\0" + b"\x03DC1\0" + b"\0" + b"\x05Works\0" + struct.pack(">H", 0xC000 | len(head) + len(forest) + 2 + 6 + 7 + 5 + 1) + struct.pack("<I", 5) + b"\xff\xff\xff\xff"


def equality(name, value):
    return tlv(0xA3, octets(name), octets(value))


filters = tlv(0xA0, equality("DnsDomain", "plant.example"), equality("Host", "ENG-WS02"), equality("NtVer", b"\x16\0\0\x20"))
ask = message(7, tlv(0x63, octets(""), integer(0, 0x0A), integer(0, 0x0A), integer(0) + integer(0) + tlv(0x01, b"\0"), filters, tlv(0x30, octets("Netlogon"))))
capture.udp(station, 50301, controller, 389, ask)
capture.udp(controller, 389, station, 50301, entry(7, "", [("Netlogon", [compressed()])]) + result(7, 0x65, 0))
capture.write()

capture = Capture("ldap/unusual-port.pcap")
directory, gateway = capture.host("00:0c:29:0c:00:02", "10.89.0.2"), capture.host("00:0c:29:0c:00:13", "10.89.0.13")
with capture.tcp(gateway, 50401, directory, 10389, opened=False) as talk:
    talk.client(simple(71, "cn=monitor,dc=lab,dc=example", "LABSECRET-ldap2"))
    talk.server(result(71, 0x61, 0))
    talk.client(search(72, "dc=lab,dc=example", 2, "cn"))
    talk.server(result(72, 0x65, 0))
capture.write()
