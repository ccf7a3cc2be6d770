"""PTP: IEEE 1588-2008 clause 13, power profile IEEE C37.238-2017, management 15.5.3.1.2."""
import struct

from wire import Capture, mac_bytes

SYNC, DELAY_REQ, PDELAY_REQ, PDELAY_RESP, FOLLOW_UP, DELAY_RESP, ANNOUNCE, MANAGEMENT = 0, 1, 2, 3, 8, 9, 0xB, 0xD
STAMP = bytes(10)


def identity(mac):
    mac = mac_bytes(mac)
    return mac[:3] + b"\xff\xfe" + mac[3:]


def message(kind, clock, sequence, body, domain=0, transport=0, control=5):
    size = 34 + len(body)
    return struct.pack("!BBHBBHQI", transport << 4 | kind, 2, size, domain, 0, 0, 0, 0) + clock + struct.pack("!HHBb", 1, sequence, control, 0) + body


def announce(clock, sequence, grandmaster, quality, steps=0, domain=0, tlvs=b"", transport=0):
    p1, clock_class, accuracy, variance, p2, source = quality
    body = STAMP + struct.pack("!hBBBBHB", 37, 0, p1, clock_class, accuracy, variance, p2) + grandmaster + struct.pack("!HB", steps, source) + tlvs
    return message(ANNOUNCE, clock, sequence, body, domain, transport)


def power_profile(number):
    return struct.pack("!HH", 3, 18) + bytes.fromhex("1c129d000002") + struct.pack("!HIIH", number, 0, 50, 0)


GPS = (128, 6, 0x21, 0x4E5D, 128, 0x20)
FREE = (128, 248, 0xFE, 0xFFFF, 128, 0xA0)
GROUP = "01:1b:19:00:00:00"
PEERS = "01:80:c2:00:00:0e"

capture = Capture("ptp/power-profile.pcap")
master, relay = "00:80:ea:0b:40:01", "00:30:a7:0b:40:02"
for sequence in range(10):
    clock = identity(master)
    capture.frame(master, GROUP, 0x88F7, announce(clock, sequence, clock, GPS, 0, 0, power_profile(3)))
    capture.frame(master, GROUP, 0x88F7, message(SYNC, clock, sequence, STAMP, control=0))
    capture.frame(master, GROUP, 0x88F7, message(FOLLOW_UP, clock, sequence, STAMP, control=2))
    capture.frame(relay, PEERS, 0x88F7, message(PDELAY_REQ, identity(relay), sequence, STAMP + bytes(10)))
    capture.frame(master, PEERS, 0x88F7, message(PDELAY_RESP, clock, sequence, STAMP + identity(relay) + b"\0\1"))
capture.write()

capture = Capture("ptp/grandmaster-boundary-clock-and-management.pcap")
grandmaster, boundary, camera = capture.host("00:b0:ae:0b:40:03", "10.79.4.3"), capture.host("00:1b:0d:0b:40:04", "10.79.4.4"), capture.host("ac:cc:8e:0b:40:05", "10.79.4.5")
station = capture.host("d4:be:d9:0b:40:06", "10.79.4.6")
group = capture.group("224.0.1.129")
top, middle, leaf = identity(grandmaster.mac), identity(boundary.mac), identity(camera.mac)
for sequence in range(5):
    capture.udp(grandmaster, 320, group, 320, announce(top, sequence, top, GPS, domain=4, tlvs=struct.pack("!HH", 0x8009, 24) + bytes(24)))
    capture.udp(boundary, 320, group, 320, announce(middle, sequence, top, GPS, 1, domain=4))
    capture.udp(boundary, 319, group, 319, message(SYNC, middle, sequence, STAMP, domain=4, control=0))
    capture.udp(camera, 319, group, 319, message(DELAY_REQ, leaf, sequence, STAMP, domain=4, control=1))
    capture.udp(boundary, 320, group, 320, message(DELAY_RESP, middle, sequence, STAMP + leaf + b"\0\1", domain=4, control=3))


def text(words):
    return bytes([len(words)]) + words.encode()


def managed(clock, target, action, tlv):
    return message(MANAGEMENT, clock, 1, target + b"\xff\xff" + struct.pack("!BBBB", 1, 1, action, 0) + struct.pack("!HH", 1, len(tlv)) + tlv, control=4)


description = (
    struct.pack("!H", 0x8000) + text("IEEE 802.3") + struct.pack("!H", 6) + mac_bytes(grandmaster.mac) + struct.pack("!HH", 1, 4) + grandmaster.ip_bytes
    + bytes.fromhex("00b0ae00") + text("Microchip;TimeProvider 4100;TP41-203977") + text("D;2.4.13;2.4.13") + text("gm-north;Control building, rack 2") + bytes.fromhex("001b19000100")
)
capture.udp(station, 50501, grandmaster, 320, managed(identity(station.mac), b"\xff" * 8, 0, struct.pack("!H", 1)))
capture.udp(grandmaster, 320, station, 50501, managed(top, identity(station.mac), 2, struct.pack("!H", 1) + description))
capture.udp(station, 50501, boundary, 320, managed(identity(station.mac), middle, 1, struct.pack("!HBB", 0x2005, 10, 0)))
capture.write()
