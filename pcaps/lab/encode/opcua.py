"""OPC UA (OPC 10000-4 and 10000-6): a message in chunks, a password in the clear, and connections met in the middle, unsecured and encrypted.

What the recorded capture of a real stack does not show. Binary encoding by hand: numbers little-endian, lengths signed.
"""
import struct

from wire import Capture

NONE = "http://opcfoundation.org/UA/SecurityPolicy#None"
SECURE = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"
URL = "opc.tcp://10.79.0.90:4840"


def text(value):
    return struct.pack("<i", -1) if value is None else struct.pack("<i", len(value)) + value.encode()


def node(number, namespace=0):
    return struct.pack("<BBH", 1, namespace, number)


def message(kind, body):
    return kind + struct.pack("<I", 8 + len(body)) + body


def hello():
    return message(b"HELF", struct.pack("<IIIII", 0, 65536, 65536, 0, 0) + text(URL))


def acknowledge():
    return message(b"ACKF", struct.pack("<IIIII", 0, 65536, 65536, 0, 0))


def request_header(handle, token=b"\0\0"):
    return token + struct.pack("<qII", 134168832000000000, handle, 0) + text(None) + struct.pack("<I", 4000) + b"\0\0\0"


def response_header(handle, result=0):
    return struct.pack("<qII", 134168832000000000, handle, result) + b"\0" + struct.pack("<i", 0) + b"\0\0\0"


def open_channel(policy, sequence, body):
    return message(b"OPNF", struct.pack("<I", 7) + text(policy) + text(None) + text(None) + struct.pack("<II", sequence, sequence) + body)


def chunk(letter, sequence, request, body):
    return message(b"MSG" + letter, struct.pack("<IIII", 7, 13, sequence, request) + body)


def application(uri, product, name, kind, urls):
    return text(uri) + text(product) + b"\x02" + text(name) + struct.pack("<I", kind) + text(None) + text(None) + struct.pack("<i", len(urls)) + b"".join(map(text, urls))


def endpoint(mode, policy, tokens):
    body = text(URL) + application("urn:press-7:controller:opcua", "urn:example.com:controller", "Press 7 controller", 0, [URL]) + text(None)
    body += struct.pack("<I", mode) + text(policy) + struct.pack("<i", len(tokens))
    for kind in tokens:
        body += text(f"token{kind}") + struct.pack("<I", kind) + text(None) * 3
    return body + text("http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary") + bytes([mode])


def read(handle, nodes):
    body = node(631) + request_header(handle) + struct.pack("<dI", 0.0, 2) + struct.pack("<i", len(nodes))
    return body + b"".join(one + struct.pack("<I", 13) + text(None) + b"\0\0" + text(None) for one in nodes)


def values(handle, texts):
    body = node(634) + response_header(handle) + struct.pack("<i", len(texts))
    return body + b"".join(b"\x01\x0c" + text(one) if isinstance(one, str) else b"\x01\x0b" + struct.pack("<d", one) for one in texts) + struct.pack("<i", 0)


class Session:
    def __init__(self, talk):
        self.talk, self.sequence = talk, 50

    def exchange(self, asks, answers, pieces=None):
        self.sequence += 1
        self.talk.client(chunk(b"F", self.sequence, self.sequence, asks))
        parts = [answers] if pieces is None else [answers[at:at + pieces] for at in range(0, len(answers), pieces)]
        for number, part in enumerate(parts):
            self.talk.server(chunk(b"F" if number + 1 == len(parts) else b"C", self.sequence + number, self.sequence, part))


capture = Capture("opcua/chunks-and-open-password.pcap")
controller, panel = capture.host("00:30:de:0b:00:90", "10.79.0.90"), capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
with capture.tcp(panel, 50060, controller, 4840) as talk:
    talk.client(hello())
    talk.server(acknowledge())
    talk.client(open_channel(NONE, 1, node(446) + request_header(1) + struct.pack("<III", 0, 0, 1) + text(None) + struct.pack("<I", 3600000)))
    talk.server(open_channel(NONE, 1, node(449) + response_header(1) + struct.pack("<III", 0, 7, 13) + struct.pack("<qI", 134168832000000000, 3600000) + text(None)))
    session = Session(talk)
    offered = [endpoint(1, NONE, [0, 1]), endpoint(2, SECURE, [1, 2]), endpoint(3, SECURE, [1, 2])]
    session.exchange(node(428) + request_header(2) + text(URL) + struct.pack("<ii", 0, 0), node(431) + response_header(2) + struct.pack("<i", 3) + b"".join(offered), pieces=400)
    client = application("urn:panel-7:hmi", "urn:example.com:hmi", "Press 7 panel", 1, [])
    session.exchange(
        node(461) + request_header(3) + client + text(None) + text(URL) + text("panel") + text(None) + text(None) + struct.pack("<dI", 60000.0, 0),
        node(464) + response_header(3) + node(1001, 1) + node(1002, 1) + struct.pack("<d", 60000.0) + text(None) + text(None) + struct.pack("<i", 3) + b"".join(offered) + struct.pack("<i", 0) + text(None) * 2 + struct.pack("<I", 0),
    )
    token = text("token1") + text("setter") + text("LABSECRET-opcplain") + text(None)
    session.exchange(
        node(467) + request_header(4, node(1002, 1)) + text(None) * 2 + struct.pack("<ii", 0, 0) + node(324) + b"\x01" + struct.pack("<i", len(token)) + token + text(None) * 2,
        node(470) + response_header(4) + text(None) + struct.pack("<ii", 0, 0),
    )
    for handle in range(5, 30):
        session.exchange(read(handle, [node(5001, 2)]), values(handle, [float(handle)]))
    session.exchange(node(712) + request_header(30, node(1002, 1)) + struct.pack("<i", 1) + node(7001, 2) + node(7002, 2) + struct.pack("<i", 0), node(715) + response_header(30) + struct.pack("<i", 0) + struct.pack("<i", 0))
capture.write()

capture = Capture("opcua/picked-up-in-the-middle.pcap")
controller, panel = capture.host("00:30:de:0b:00:90", "10.79.0.90"), capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
other, historian = capture.host("00:30:de:0b:00:91", "10.79.0.91"), capture.host("52:54:00:0b:00:20", "10.79.0.20")
with capture.tcp(panel, 50061, controller, 4840, opened=False) as talk:
    session = Session(talk)
    for handle in range(100, 160):
        session.exchange(read(handle, [node(5001, 2)]), values(handle, [float(handle)]))
    session.exchange(read(160, [node(2261), node(2263), node(2264), node(2265)]), values(160, ["Press runtime", "Example Automation", "5.3.1", "1187"]))
    session.exchange(node(673) + request_header(161) + struct.pack("<i", 1) + node(5002, 2) + struct.pack("<I", 13) + text(None) + b"\x01\x0b" + struct.pack("<d", 40.0), node(676) + response_header(161) + struct.pack("<iI", 1, 0) + struct.pack("<i", 0))
with capture.tcp(historian, 50062, other, 4840, opened=False) as talk:
    for sequence in range(20):
        sealed = bytes((sequence * 31 + at * 17 + 90) & 0xFF for at in range(112))
        talk.client(message(b"MSGF", struct.pack("<II", 9, 4) + sealed))
        talk.server(message(b"MSGF", struct.pack("<II", 9, 4) + sealed[::-1]))
capture.write()

capture = Capture("opcua/unusual-port.pcap")
controller, panel = capture.host("00:30:de:0b:00:90", "10.79.0.90"), capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
with capture.tcp(panel, 50063, controller, 49320) as talk:
    talk.client(hello())
    talk.server(acknowledge())
    session = Session(talk)
    session.exchange(node(428) + request_header(2) + text(URL) + struct.pack("<ii", 0, 0), node(431) + response_header(2) + struct.pack("<i", 1) + endpoint(3, SECURE, [2]))
capture.write()


# OPC 10000-100: a line's server shows the devices behind it, as types with the vendor's name plate.
DRIVE = [
    ("Manufacturer", ("en", "Example Drives")), ("Model", ("en", "AX-5112")), ("ProductCode", "AX5112-0000-0212"), ("HardwareRevision", "4"), ("SoftwareRevision", "2.14.3"),
    ("DeviceRevision", "B"), ("DeviceManual", "https://drives.example.com/ax5112.pdf"), ("SerialNumber", "AX-22-004711"), ("RevisionCounter", 7), ("AssetId", "P7-D01"), ("ComponentName", "Ram drive"),
]
VALVES = [("Manufacturer", ("", "Example Pneumatics")), ("Model", ("", "VTX-16")), ("SerialNumber", "9K31-0088"), ("SoftwareRevision", "1.9"), ("HardwareRevision", "r03"), ("DeviceManual", None)]
SCANNER = [("Manufacturer", ("en", "Example Vision")), ("Model", ("en", "CodeEye 40")), ("SerialNumber", "CE40-1187"), ("SoftwareRevision", "7.0.2"), ("AssetId", "P7-S02")]
ORDER = [("SerialNumber", "PART-000551"), ("Model", ("en", "Bracket left"))]


def named(name, namespace=4):
    return b"\x03" + struct.pack("<H", namespace) + text(name)


def variant(value):
    """A DataValue: a number, a text, a text with its language, or a status that the node has none (Bad_AttributeIdInvalid)."""
    if value is None:
        return b"\x02" + struct.pack("<I", 0x80350000)
    if isinstance(value, int):
        return b"\x01\x06" + struct.pack("<i", value)
    if isinstance(value, str):
        return b"\x01\x0c" + text(value)
    locale, words = value
    return b"\x01\x15" + (b"\x03" + text(locale) if locale else b"\x02") + text(words)


def browse(handle, name):
    """The references forward from one node, of every kind and class."""
    return node(527) + request_header(handle) + b"\0\0" + struct.pack("<qII", 0, 0, 0) + struct.pack("<i", 1) + named(name) + struct.pack("<I", 0) + b"\0\x21" + b"\1" + struct.pack("<II", 0, 63)


def browsed(handle, name, plate):
    body = node(530) + response_header(handle) + struct.pack("<iI", 1, 0) + text(None) + struct.pack("<i", len(plate) + 1)
    for shown, kind, reference in [("ParameterSet", 1, 0x2F)] + [(row[0], 2, 0x2E) for row in plate]:
        body += bytes([0, reference]) + b"\1" + named(f"{name}.{shown}") + struct.pack("<H", 2) + text(shown) + b"\2" + text(shown) + struct.pack("<I", kind) + bytes([0, 58 if kind == 1 else 68])
    return body + struct.pack("<i", 0)


def plate_values(handle, plate):
    return node(634) + response_header(handle) + struct.pack("<i", len(plate)) + b"".join(variant(value) for _, value in plate) + struct.pack("<i", 0)


def paths(handle, device, plate):
    body = node(554) + request_header(handle) + struct.pack("<i", len(plate))
    for shown, _ in plate:
        body += node(85) + struct.pack("<i", 3)
        body += b"".join(bytes([0, reference, 0, 1]) + struct.pack("<H", 2) + text(step) for step, reference in (("DeviceSet", 0x23), (device, 0x23), (shown, 0x2E)))
    return body


def targets(handle, device, plate):
    body = node(557) + response_header(handle) + struct.pack("<i", len(plate))
    return body + b"".join(struct.pack("<Ii", 0, 1) + named(f"{device}.{shown}") + struct.pack("<I", 0xFFFFFFFF) for shown, _ in plate) + struct.pack("<i", 0)


capture = Capture("opcua/name-plates-of-a-line.pcap")
server, station = capture.host("00:30:de:0b:00:92", "10.79.0.92"), capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
with capture.tcp(station, 50064, server, 4840) as talk:
    talk.client(hello())
    talk.server(acknowledge())
    talk.client(open_channel(NONE, 1, node(446) + request_header(1) + struct.pack("<III", 0, 0, 1) + text(None) + struct.pack("<I", 3600000)))
    talk.server(open_channel(NONE, 1, node(449) + response_header(1) + struct.pack("<III", 0, 7, 13) + struct.pack("<qI", 134168832000000000, 3600000) + text(None)))
    session = Session(talk)
    for number, (name, plate) in enumerate((("RamDrive", DRIVE), ("Valves", VALVES), ("Order", ORDER))):
        session.exchange(browse(10 + number, name), browsed(10 + number, name, plate))
    session.exchange(paths(20, "Scanner", SCANNER), targets(20, "Scanner", SCANNER))
    session.exchange(read(21, [node(2261), node(2262), node(2263), node(2264)]), values(21, ["Press 7 line server", "urn:example.com:line-server", "Example Automation", "3.2.0"]))
    for number, (name, plate) in enumerate((("RamDrive", DRIVE), ("Valves", VALVES), ("Order", ORDER), ("Scanner", SCANNER))):
        session.exchange(read(30 + number, [named(f"{name}.{shown}") for shown, _ in plate]), plate_values(30 + number, plate))
        session.exchange(read(40 + number, [named(f"{name}.ParameterSet.Speed")]), values(40 + number, [12.5 + number]))
capture.write()
