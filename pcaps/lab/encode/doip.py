"""DoIP (ISO 13400-2) and UDS (ISO 14229-1): a vehicle announces itself, is identified, diagnosed, reprogrammed; also met in the middle."""
import struct

from wire import Capture

TESTER, GATEWAY, BRAKES = 0x0E80, 0x1001, 0x1012
VIN = b"WAUZZZ8K9BA012345"


def message(kind, body, version=2):
    return struct.pack("!BBHI", version, version ^ 0xFF, kind, len(body)) + body


def uds(source, target, data):
    return message(0x8001, struct.pack("!HH", source, target) + data)


def acknowledged(source, target):
    return message(0x8002, struct.pack("!HHB", source, target, 0))


def exchange(talk, unit, asks, answers):
    talk.client(uds(TESTER, unit, asks))
    talk.server(acknowledged(unit, TESTER))
    talk.server(uds(unit, TESTER, answers))


def identifier(number):
    return struct.pack("!BH", 0x22, number)


def value(number, data):
    return struct.pack("!BH", 0x62, number) + data


def activate(talk):
    talk.client(message(0x0005, struct.pack("!HB4x", TESTER, 0)))
    talk.server(message(0x0006, struct.pack("!HHB4x", TESTER, GATEWAY, 0x10)))


def identify(talk):
    exchange(talk, GATEWAY, identifier(0xF187), value(0xF187, b"4G0907468AC"))
    exchange(talk, GATEWAY, identifier(0xF18C), value(0xF18C, b"GW20260307-0042"))
    exchange(talk, BRAKES, identifier(0xF18A), value(0xF18A, b"Example Brakes"))
    exchange(talk, BRAKES, identifier(0xF187), value(0xF187, b"8K0907379CD"))
    exchange(talk, BRAKES, identifier(0xF18C), value(0xF18C, b"BR20260211-1177"))
    exchange(talk, BRAKES, identifier(0xF195), value(0xF195, b"0311"))
    # A data identifier of the maker's own, with numbers in it.
    exchange(talk, BRAKES, identifier(0x1201), value(0x1201, b"\x01\x7f\x00\x22"))


def program(talk):
    exchange(talk, BRAKES, b"\x10\x02", b"\x50\x02\x00\x32\x01\xf4")
    exchange(talk, BRAKES, b"\x27\x01", b"\x67\x01" + bytes.fromhex("a1b2c3d4"))
    exchange(talk, BRAKES, b"\x27\x02" + bytes.fromhex("0badf00d"), b"\x67\x02")
    exchange(talk, BRAKES, bytes.fromhex("340044000800000000100000"), b"\x74\x20\x0f\xff")
    for block in range(1, 4):
        exchange(talk, BRAKES, bytes([0x36, block]) + bytes((block * at) & 0xFF for at in range(1800)), bytes([0x76, block]))
    exchange(talk, BRAKES, b"\x37", b"\x77")
    exchange(talk, BRAKES, b"\x11\x01", b"\x51\x01")


capture = Capture("doip/announcement-diagnosis-programming.pcap")
vehicle, tester = capture.host("00:1a:37:0b:00:40", "169.254.19.64"), capture.host("d4:be:d9:0b:00:06", "169.254.19.6")
everybody = capture.group("255.255.255.255")
announcement = message(0x0004, VIN + struct.pack("!H6s6sB", GATEWAY, bytes.fromhex("001a370b0040"), bytes(6), 0))
for _ in range(3):
    capture.udp(vehicle, 13400, everybody, 13400, announcement)
capture.udp(tester, 50010, everybody, 13400, message(0x0001, b"", version=0xFF))
capture.udp(vehicle, 13400, tester, 50010, announcement)
with capture.tcp(tester, 50011, vehicle, 13400) as talk:
    activate(talk)
    identify(talk)
    for _ in range(20):
        exchange(talk, BRAKES, b"\x3e\x00", b"\x7e\x00")
    program(talk)
capture.write()

capture = Capture("doip/picked-up-in-the-middle.pcap")
vehicle, tester = capture.host("00:1a:37:0b:00:40", "169.254.19.64"), capture.host("d4:be:d9:0b:00:06", "169.254.19.6")
with capture.tcp(tester, 50012, vehicle, 13400, opened=False) as talk:
    for _ in range(30):
        exchange(talk, BRAKES, b"\x3e\x00", b"\x7e\x00")
    exchange(talk, BRAKES, identifier(0xF18C), value(0xF18C, b"BR20260211-1177"))
    exchange(talk, BRAKES, b"\x2e\x12\x01\x05", b"\x7f\x2e\x33")
capture.write()

capture = Capture("doip/unusual-port.pcap")
vehicle, tester = capture.host("00:1a:37:0b:00:40", "169.254.19.64"), capture.host("d4:be:d9:0b:00:06", "169.254.19.6")
with capture.tcp(tester, 50013, vehicle, 23400) as talk:
    activate(talk)
    identify(talk)
capture.write()
