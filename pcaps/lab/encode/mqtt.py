"""MQTT 3.1.1 with Sparkplug B: an edge node and a device behind it are born, a broker lets in anybody.

OASIS MQTT 3.1.1 section 3; Eclipse Sparkplug 3.0.0 sections 4 and 6, sparkplug_b.proto; Protocol Buffers encoding.
"""
import struct

from wire import Capture


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def packet(first, body):
    return bytes([first]) + varint(len(body)) + body


def string(text):
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def connect(client, user=None, password=None):
    flags = 2 | (0x80 if user else 0) | (0x40 if password else 0)
    body = string("MQTT") + bytes([4, flags]) + struct.pack("!H", 60) + string(client)
    return packet(0x10, body + (string(user) if user else b"") + (string(password) if password else b""))


def publish(topic, payload):
    return packet(0x30, string(topic) + payload)


def proto(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def birth(metrics, seq):
    fields = proto(1, 1_772_438_400_000)
    for name, value in metrics:
        fields += proto(2, proto(1, name) + proto(3, 1_772_438_400_000) + proto(4, 12) + proto(15, value))
    return fields + proto(3, seq)


capture = Capture("mqtt/sparkplug-births.pcap")
broker = capture.host("00:15:5d:0a:00:41", "10.80.1.10")
edge = capture.host("00:a0:3d:0a:00:42", "10.80.1.21")
viewer = capture.host("d4:be:d9:0a:00:43", "10.80.1.60")
gateway = capture.host("00:90:e8:0a:00:44", "10.80.1.22")

with capture.tcp(edge, 50011, broker, 1883) as talk:
    talk.client(connect("Edge1"))
    talk.server(packet(0x20, b"\0\0"))
    talk.client(publish("spBv1.0/Plant/NBIRTH/Edge1", birth([
        ("Properties/Hardware Make", "Opto 22"),
        ("Properties/Hardware Model", "GRV-EPIC-PR1"),
        ("Properties/OS", "Linux 5.10"),
        ("Properties/FW", "3.5.1"),
        ("Node Control/Rebirth", "false"),
    ], 0)))
    talk.client(publish("spBv1.0/Plant/DBIRTH/Edge1/Press7", birth([
        ("Properties/Hardware Make", "Acme Presses"),
        ("Properties/Hardware Model", "P-700"),
        ("Properties/FW", "1.12"),
        ("Inputs/Force", "0"),
    ], 1)))
    for seq in range(2, 20):
        talk.client(publish("spBv1.0/Plant/DDATA/Edge1/Press7", birth([("Inputs/Force", str(seq * 11))], seq)))
    talk.client(packet(0xC0, b""))
    talk.server(packet(0xD0, b""))

with capture.tcp(viewer, 50012, broker, 1883) as talk:
    talk.client(connect("scada-viewer"))
    talk.server(packet(0x20, b"\0\0"))
    talk.client(packet(0x82, struct.pack("!H", 1) + string("spBv1.0/Plant/#") + b"\0"))
    talk.server(packet(0x90, struct.pack("!H", 1) + b"\0"))

# Open since long: measured values, then a command.
with capture.tcp(gateway, 50013, broker, 1883, opened=False) as talk:
    for value in range(12):
        talk.client(publish("plant/hall2/meter/power", str(1800 + value).encode()))
    talk.client(publish("plant/hall3/valve/set", b"open"))

with capture.tcp(gateway, 50014, broker, 11883) as talk:
    talk.client(connect("hall2-gateway", "meter", "LABSECRET-sparkplug"))
    talk.server(packet(0x20, b"\0\0"))
capture.write()
