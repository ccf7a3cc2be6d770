"""MMS (ISO 9506-2) over ACSE (ITU-T X.227), presentation (X.226), session (X.225), transport (X.224) and TPKT (RFC 1006), as IEC 61850-8-1
and ICCP (IEC 60870-6-503) use it."""
import struct

from ber import integer, oid, tlv
from wire import Capture

ACSE_SYNTAX, MMS_SYNTAX, BER = "2.2.1.0.1", "1.0.9506.2.1", "2.1.1"
PASSWORD = "2.2.3.1"


def tpkt(tpdu):
    return struct.pack("!BBH", 3, 0, 4 + len(tpdu)) + tpdu


def connect(code, selector):
    variable = b"\xc0\x01\x0a" + b"\xc1\x02\x00\x01" + bytes([0xC2, len(selector)]) + selector
    return tpkt(bytes([6 + len(variable), code, 0, 1 if code == 0xD0 else 0, 0, 1, 0]) + variable)


def session(kind, data):
    """Connect or accept: version 2, duplex, selectors, user data."""
    parameters = bytes.fromhex("0506130100160102") + bytes.fromhex("14020002") + bytes.fromhex("33020001") + bytes.fromhex("34020001")
    size = struct.pack("!BH", 0xFF, len(data)) if len(data) > 254 else bytes([len(data)])
    parameters += b"\xc1" + size + data
    size = struct.pack("!BH", 0xFF, len(parameters)) if len(parameters) > 254 else bytes([len(parameters)])
    return bytes([kind]) + size + parameters


def values(context, value):
    return tlv(0x61, tlv(0x30, integer(context), tlv(0xA0, value)))


def presentation(answer, value):
    contexts = b"".join(tlv(0x30, integer(number), oid(syntax), tlv(0x30, oid(BER))) for number, syntax in ((1, ACSE_SYNTAX), (3, MMS_SYNTAX)))
    results = tlv(0x30, tlv(0x80, b"\0"), oid(BER, 0x81)) * 2
    inner = (tlv(0x83, b"\0\0\0\1") + tlv(0xA5, results)) if answer else (tlv(0x81, b"\0\0\0\1") + tlv(0x82, b"\0\0\0\1") + tlv(0xA4, contexts))
    return tlv(0x31, tlv(0xA0, tlv(0x80, b"\1")), tlv(0xA2, inner, values(1, value)))


def information(pdu):
    return tlv(0xBE, tlv(0x28, integer(3), tlv(0xA0, pdu)))


def associate(talk, called, calling, password=None, selector=b"\0\1"):
    proof = tlv(0x8A, b"\x04\x80") + oid(PASSWORD, 0x8B) + tlv(0xAC, tlv(0x80, password)) if password else b""
    initiate = tlv(0x80, b"\x00\xfd\xe8") + tlv(0x81, b"\5") + tlv(0x82, b"\5") + tlv(0x83, b"\x0a") + tlv(0xA4, tlv(0x80, b"\1"), tlv(0x81, b"\x05\xf1\x00"), tlv(0x82, bytes.fromhex("03ee1c00000408000079ef18")))
    context = tlv(0xA1, oid("1.0.9506.2.3"))
    asked = tlv(0x60, context, tlv(0xA2, oid(called)), tlv(0xA3, integer(12)), tlv(0xA6, oid(calling)), tlv(0xA7, integer(12)), proof, information(tlv(0xA8, initiate)))
    answer = tlv(0x61, context, tlv(0xA2, integer(0)), tlv(0xA3, tlv(0xA1, integer(0))), tlv(0xA4, oid(called)), tlv(0xA5, integer(12)), information(tlv(0xA9, initiate)))
    talk.client(connect(0xE0, selector))
    talk.server(connect(0xD0, selector))
    talk.client(tpkt(b"\x02\xf0\x80" + session(13, presentation(False, asked))))
    talk.server(tpkt(b"\x02\xf0\x80" + session(14, presentation(True, answer))))


def data(pdu):
    return tpkt(b"\x02\xf0\x80" + b"\1\0\1\0" + values(3, pdu))


class Client:
    def __init__(self, talk, invoke=0):
        self.talk, self.invoke = talk, invoke

    def call(self, asked, answer):
        self.invoke += 1
        self.talk.client(data(tlv(0xA0, integer(self.invoke), asked)))
        self.talk.server(data(tlv(0xA1, integer(self.invoke), answer)))

    def read(self, names, results):
        listed = b"".join(tlv(0x30, tlv(0xA0, name)) for name in names)
        self.call(tlv(0xA4, tlv(0xA1, tlv(0xA0, listed))), tlv(0xA4, tlv(0xA1, *results)))

    def write(self, name, value):
        self.call(tlv(0xA5, tlv(0xA0, tlv(0x30, tlv(0xA0, name))), tlv(0xA0, value)), tlv(0xA5, b"\x81\0"))


def variable(domain, item):
    return tlv(0xA1, tlv(0x1A, domain.encode()), tlv(0x1A, item.encode()))


def vmd(item):
    return tlv(0x80, item.encode())


def text(words):
    return tlv(0x8A, words.encode())


def structure(*members):
    return tlv(0xA2, *members)


def number(value):
    return tlv(0x87, b"\x08" + struct.pack("!f", value))


STRING = tlv(0x8A, b"\xff\x01")


def kind(*components):
    return tlv(0xA2, tlv(0xA1, *(tlv(0x30, tlv(0x80, name.encode()), tlv(0xA1, of)) for name, of in components)))


PLATE = [("vendor", "Siemens AG"), ("hwRev", "CC"), ("swRev", "V09.40.01"), ("serNum", "BF2203104417"), ("model", "7SL86-DAAA-AA0-0AAAA0")]

capture = Capture("mms/name-plates-control-files.pcap")
station, relay, other = capture.host("00:50:56:0b:80:01", "10.79.8.1"), capture.host("00:09:8e:0b:80:02", "10.79.8.2"), capture.host("00:30:a7:0b:80:03", "10.79.8.3")
with capture.tcp(station, 50501, relay, 102) as talk:
    associate(talk, "1.1.1.999.1", "1.1.1.999")
    client = Client(talk)
    client.call(b"\x82\0", tlv(0xA2, tlv(0x80, b"Siemens AG"), tlv(0x81, b"7SL86"), tlv(0x82, b"V09.40.01")))
    client.call(tlv(0xA1, tlv(0xA0, tlv(0x80, b"\x09")), tlv(0xA1, b"\x80\0")), tlv(0xA1, tlv(0xA0, tlv(0x1A, b"BAY1PROT"), tlv(0x1A, b"BAY1CTRL")), tlv(0x81, b"\0")))
    # The type of a logical node, then its descriptions as a structure in that order.
    order = kind(("ST", kind(("PhyHealth", kind(("stVal", tlv(0x85, b"\x20")))))), ("DC", kind(("PhyNam", kind(*((name, STRING) for name, _ in PLATE))), ("Proxy", kind(("d", STRING))))))
    client.call(tlv(0xA6, tlv(0xA0, variable("BAY1PROT", "LPHD1"))), tlv(0xA6, tlv(0x80, b"\0"), tlv(0xA2, order)))
    client.read([variable("BAY1PROT", "LPHD1$DC")], [structure(structure(*(text(word) for _, word in PLATE)), structure(text("no proxy")))])
    client.read([variable("BAY1PROT", "LLN0$DC$NamPlt$swRev"), variable("BAY1PROT", "LLN0$DC$NamPlt$d")], [text("V09.40.01"), text("Line differential protection, bay 1")])
    client.write(variable("BAY1CTRL", "CSWI1$CO$Pos$SBOw"), structure(tlv(0x83, b"\1")))
    client.write(variable("BAY1CTRL", "CSWI1$CO$Pos$Oper"), structure(tlv(0x83, b"\1")))
    client.write(variable("BAY1PROT", "PTOC1$SE$StrVal$setMag$f"), number(1.2))
    client.write(variable("BAY1PROT", "LLN0$BR$brcb01$RptEna"), tlv(0x83, b"\1"))
    client.call(tlv(0xBF4D, tlv(0xA0, tlv(0x19, b"COMTRADE"))), tlv(0xBF4D, tlv(0xA0, tlv(0x30, b"")), tlv(0x81, b"\0")))
with capture.tcp(station, 50502, other, 102, opened=False) as talk:
    # Long open: polls, then the name plate attribute by attribute.
    client = Client(talk, 4000)
    for turn in range(60):
        client.read([variable("SEL_411L_1MET", "METMMXU1$MX$A")], [structure(number(410.0 + turn), tlv(0x84, b"\x03\0\0"))])
    names = [variable("SEL_411L_1CFG", f"LPHD1$DC$PhyNam${name}") for name in ("vendor", "swRev", "serNum", "model")]
    client.read(names, [text("SEL"), text("SEL-411L-R126-V0"), text("1181570442"), text("SEL-411L")])
capture.write()

capture = Capture("mms/iccp-transfer-sets-and-device-control.pcap")
north, south = capture.host("00:50:56:0b:80:06", "10.79.8.6"), capture.host("00:50:56:0b:80:07", "10.79.8.7")
with capture.tcp(north, 50506, south, 102) as talk:
    associate(talk, "1.3.9999.4.1", "1.3.9999.3.1", None, b"\0\2")
    client = Client(talk)
    client.read([vmd("TASE2_Version")], [structure(tlv(0x85, b"\x07\xd0"), tlv(0x85, b"\x08"))])
    # Blocks 1, 2 and 5 of twelve bits.
    client.read([vmd("Supported_Features")], [tlv(0x84, b"\x04\xc8\x00")])
    client.call(tlv(0xA1, tlv(0xA0, tlv(0x80, b"\x09")), tlv(0xA1, b"\x80\0")), tlv(0xA1, tlv(0xA0, tlv(0x1A, b"NORTH_SOUTH")), tlv(0x81, b"\0")))
    client.read([variable("NORTH_SOUTH", "Bilateral_Table_ID")], [text("BLT-NS-2026-1")])
    members = b"".join(tlv(0x30, tlv(0xA0, variable("NORTH_SOUTH", name))) for name in ("Transfer_Set_Name", "Transfer_Set_Time_Stamp", "DSConditions_Detected", "Line_7_MW", "Line_7_MVAR"))
    client.call(tlv(0xAB, variable("NORTH_SOUTH", "DS_Lines"), tlv(0xA0, members)), b"\x8b\0")
    client.read([variable("NORTH_SOUTH", "Next_DSTransfer_Set")], [structure(tlv(0x85, b"\1"), text("NORTH_SOUTH"), text("DSTrans1"))])
    client.write(variable("NORTH_SOUTH", "DSTrans1"), structure(structure(tlv(0x85, b"\1"), text("NORTH_SOUTH"), text("DS_Lines")), tlv(0x85, b"\0"), tlv(0x85, b"\x0a"), tlv(0x83, b"\1")))
    for turn in range(6):
        report = structure(tlv(0x85, b"\1"), text("NORTH_SOUTH"), text("DSTrans1")), tlv(0x85, struct.pack("!I", 1772438400 + 10 * turn)), tlv(0x84, b"\3\x40"), number(704.0 + turn), number(12.5)
        talk.server(data(tlv(0xA3, tlv(0xA0, tlv(0xA1, variable("NORTH_SOUTH", "DS_Lines")), tlv(0xA0, *report)))))
        capture.wait(10)
    client.read([variable("NORTH_SOUTH", "Breaker_7_SBO")], [tlv(0x85, b"\x2a")])
    client.write(variable("NORTH_SOUTH", "Breaker_7"), tlv(0x85, b"\1"))
    client.write(variable("NORTH_SOUTH", "Breaker_7_TAG"), structure(tlv(0x84, b"\6\x40"), text("maintenance")))
capture.write()

capture = Capture("mms/iccp-with-a-password.pcap")
west, east = capture.host("00:50:56:0b:80:04", "10.79.8.4"), capture.host("00:50:56:0b:80:05", "10.79.8.5")
with capture.tcp(west, 50503, east, 102) as talk:
    associate(talk, "1.3.9999.2.1", "1.3.9999.1.1", b"LABSECRET-iccp", b"\0\2")
    client = Client(talk)
    client.read([vmd("Supported_Features")], [tlv(0x84, b"\x04\xc0\x00")])
    client.read([vmd("TASE2_Version")], [structure(tlv(0x85, b"\x07\xd0"), tlv(0x85, b"\x08"))])
    client.read([variable("WEST_EAST", "Bilateral_Table_ID")], [text("BLT WEST-EAST 4")])
    for turn in range(5):
        client.read([variable("WEST_EAST", "Line_204_MW")], [structure(number(204.0 + turn), tlv(0x84, b"\x03\0"))])
    client.write(variable("WEST_EAST", "Setpoint_3"), number(50.0))
capture.write()

capture = Capture("mms/unusual-port.pcap")
with capture.tcp(capture.host("00:50:56:0b:80:01", "10.79.8.1"), 50504, capture.host("00:09:8e:0b:80:02", "10.79.8.2"), 10102) as talk:
    associate(talk, "1.1.1.999.1", "1.1.1.999")
    Client(talk).call(b"\x82\0", tlv(0xA2, tlv(0x80, b"Siemens AG"), tlv(0x81, b"7SL86"), tlv(0x82, b"V09.40.01")))
capture.write()
