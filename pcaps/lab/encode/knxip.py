"""KNXnet/IP (ISO 22510): an interface with secured services is described, opened with and without KNX/IP Secure, and written through."""
import struct

from wire import Capture

PORT = 3671


def message(service, body):
    return struct.pack("!BBHH", 6, 0x10, service, 6 + len(body)) + body


def endpoint(host, port, transport=1):
    return struct.pack("!BB4sH", 8, transport, host.ip_bytes, port)


def block(kind, body):
    return bytes([2 + len(body), kind]) + body


def description(host, mac, serial, name, address, programming):
    device = struct.pack("!BBHH6s4s6s30s", 0x20, programming, address, 0x0012, bytes.fromhex(serial), bytes([224, 0, 23, 12]), bytes.fromhex(mac.replace(":", "")), name.encode())
    families = bytes([2, 2, 3, 2, 4, 2, 5, 2, 9, 1])
    secured = bytes([3, 1, 4, 1])
    current = host.ip_bytes + bytes([255, 255, 255, 0]) + bytes([10, 79, 0, 1]) + bytes(4) + b"\x04\x00"
    return block(0x01, device) + block(0x02, families) + block(0x06, secured) + block(0x04, current) + block(0x08, struct.pack("!BBHH", 1, 0, 254, 0x091A))


def telegram(code, source, destination, data, group=True):
    return bytes([code, 0, 0xBC, 0xE0 if group else 0x60]) + struct.pack("!HH", source, destination) + bytes([len(data) - 1]) + data


def tunnel(channel, sequence, frame, service=0x0420):
    return message(service, bytes([4, channel, sequence, 0]) + frame)


def individual(area, line, device):
    return area << 12 | line << 8 | device


def group(main, middle, sub):
    return main << 11 | middle << 8 | sub


capture = Capture("knxip/secure-description-and-telegrams.pcap")
mac = "00:24:6d:0b:00:95"
interface, station = capture.host(mac, "10.79.0.95"), capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
everybody = capture.group("224.0.23.12")
capture.udp(station, 50070, everybody, PORT, message(0x020B, endpoint(station, 50070)))
capture.udp(interface, PORT, station, 50070, message(0x020C, endpoint(interface, PORT) + description(interface, mac, "00c501042711", "KNX IP Secure interface hall 3", individual(1, 1, 10), 1)))
# A tunnel in the clear.
capture.udp(station, 50071, interface, PORT, message(0x0205, endpoint(station, 50071) * 2 + bytes([4, 4, 2, 0])))
capture.udp(interface, PORT, station, 50071, message(0x0206, bytes([21, 0]) + endpoint(interface, PORT) + bytes([4, 4]) + struct.pack("!H", individual(1, 1, 11))))
for sequence in range(30):
    data = b"\x00\x81" if sequence % 3 else b"\x00\x00"
    capture.udp(station, 50071, interface, PORT, tunnel(21, sequence, telegram(0x11, 0, group(1, 2, sequence % 5), data)))
    capture.udp(interface, PORT, station, 50071, message(0x0421, bytes([4, 21, sequence, 0])))
    capture.udp(interface, PORT, station, 50071, tunnel(21, sequence, telegram(0x2E, individual(1, 1, 11), group(1, 2, sequence % 5), data)))
device = individual(1, 1, 42)
for sequence, data in enumerate((b"\x80", b"\x43\x00", b"\x43\xd1\x00LABS", b"\x42\x84\x01\x16\x01\x02\x03\x04", b"\x43\x80", b"\x81"), 30):
    capture.udp(station, 50071, interface, PORT, tunnel(21, sequence, telegram(0x11, 0, device, data, group=False)))
    capture.udp(interface, PORT, station, 50071, message(0x0421, bytes([4, 21, sequence, 0])))
# Properties of the interface itself: manufacturer, order information.
capture.udp(station, 50072, interface, PORT, message(0x0205, endpoint(station, 50072) * 2 + bytes([2, 3])))
capture.udp(interface, PORT, station, 50072, message(0x0206, bytes([22, 0]) + endpoint(interface, PORT) + bytes([2, 3])))
for sequence, (property_id, value) in enumerate(((12, bytes.fromhex("00c5")), (15, b"IPI731S\0\0\0"))):
    capture.udp(station, 50072, interface, PORT, tunnel(22, sequence, bytes([0xFC, 0, 0, 1, property_id, 0x10, 1]), 0x0310))
    capture.udp(interface, PORT, station, 50072, message(0x0311, bytes([4, 22, sequence, 0])))
    capture.udp(interface, PORT, station, 50072, tunnel(22, sequence, bytes([0xFB, 0, 0, 1, property_id, 0x10, 1]) + value, 0x0310))
# The same interface through KNX/IP Secure, over TCP.
with capture.tcp(station, 50073, interface, PORT) as talk:
    talk.client(message(0x0951, struct.pack("!BB6x", 8, 2) + bytes(range(32))))
    talk.server(message(0x0952, struct.pack("!H", 5) + bytes(range(32, 64)) + bytes(range(64, 80))))
    for sequence in range(12):
        sealed = struct.pack("!H6s6sH", 5, sequence.to_bytes(6, "big"), bytes.fromhex("00fa12345678"), 0xAFFE) + bytes((sequence * 7 + at * 11) & 0xFF for at in range(40))
        (talk.client if sequence % 2 else talk.server)(message(0x0950, sealed))
capture.write()

capture = Capture("knxip/unusual-port.pcap")
interface, station = capture.host(mac, "10.79.0.95"), capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
capture.udp(station, 50074, interface, 13671, message(0x0203, endpoint(station, 50074)))
capture.udp(interface, 13671, station, 50074, message(0x0204, description(interface, mac, "00c501042711", "KNX IP Secure interface hall 3", individual(1, 1, 10), 0)))
capture.write()
