"""What network devices say to their neighbours: MNDP, EDP, FDP, Ubiquiti's discovery, CAPWAP.

After MikroTik's documentation (MNDP), RFC 5415 (CAPWAP), and the fields that public descriptions of the others name.
"""
import struct

from wire import Capture, mac_bytes


def tlv(kind, value, head="!HH", more=0):
    return struct.pack(head, kind, len(value) + more) + value


# ── MNDP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("mndp/router-and-access-point.pcap")
everybody = capture.group("255.255.255.255")
admin = capture.host("d4:be:d9:0d:00:10", "10.87.0.16")
router = capture.host("4c:5e:0c:0d:00:01", "10.87.0.1")
point = capture.host("4c:5e:0c:0d:00:02", "10.87.0.2")
capture.udp(admin, 5678, everybody, 5678, bytes(4))
for number, (host, name, version, board, licence) in enumerate((
    (router, b"gate-north", b"6.49.10 (long-term)", b"RB750Gr3", b"ABCD-1234"),
    (point, b"ap-hall-2", b"7.12.1 (stable)", b"RBwAPG-5HacD2HnD", b"EFGH-5678"),
) * 2):
    fields = ((1, mac_bytes(host.mac)), (5, name), (7, version), (8, b"MikroTik"), (10, struct.pack("<I", 86400 + 60 * number)), (11, licence),
              (12, board), (14, b"\0"), (16, b"bridge"), (17, host.ip_bytes))
    capture.udp(host, 5678, everybody, 5678, struct.pack("!HH", 0, number) + b"".join(tlv(*field) for field in fields))
    capture.wait(30)
capture.write()

# ── EDP ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("edp/switch.pcap")
switch = capture.host("00:04:96:0d:01:01", "10.87.1.1")


def edp(kind, value):
    return struct.pack("!BBH", 0x99, kind, len(value) + 4) + value


for number in range(2):
    info = struct.pack("!HHH6s4B16s", 0, 4, 0, bytes(6), 15, 3, 1, 4, b"\xff" * 16)
    tlvs = edp(1, b"core-hall-1\0") + edp(2, info) + edp(0, b"")
    body = struct.pack("!BBHHHH", 1, 0, 16 + len(tlvs), 0, number, 0) + mac_bytes(switch.mac) + tlvs
    payload = b"\xaa\xaa\x03\x00\xe0\x2b\x00\xbb" + body
    capture.frame(switch.mac, "00:e0:2b:00:00:00", len(payload), payload)
    capture.wait(30)
capture.write()

# ── FDP ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("fdp/switch.pcap")
switch = capture.host("00:e0:52:0d:02:01", "10.87.2.1")
for number in range(2):
    fields = ((1, b"dist-sw-4"), (3, b"ethernet1/1/2"), (4, struct.pack("!I", 2)), (5, b"IronWare Software, Version 08.0.30tT211"), (6, b"ICX6450-24"))
    payload = b"\xaa\xaa\x03\x00\xe0\x52\x20\x00" + b"\x01\x05\0\0" + b"".join(tlv(kind, value, more=4) for kind, value in fields)
    capture.frame(switch.mac, "01:e0:52:cc:cc:cc", len(payload), payload)
    capture.wait(60)
capture.write()

# ── Ubiquiti ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("ubdp/radio-and-gateway.pcap")
admin = capture.host("d4:be:d9:0d:03:10", "10.87.3.16")
everybody = capture.group("255.255.255.255")
radio = capture.host("24:a4:3c:0d:03:01", "10.87.3.1")
gateway = capture.host("24:a4:3c:0d:03:02", "10.87.3.2")


def fields(*pairs):
    return b"".join(struct.pack("!BH", kind, len(value)) + value for kind, value in pairs)


def answer(version, command, body):
    return struct.pack("!BBH", version, command, len(body)) + body


capture.udp(admin, 50001, everybody, 10001, b"\x01\0\0\0")
capture.udp(radio, 10001, admin, 50001, answer(1, 0, fields(
    (2, mac_bytes(radio.mac) + radio.ip_bytes), (1, mac_bytes(radio.mac)), (10, struct.pack("!I", 777777)), (11, b"radio-silo-4"), (12, b"N5N"),
    (13, b"plant-bridge"), (14, b"\x02"), (3, b"XW.ar934x.v5.6.15.30572.170328.1107"), (20, b"NanoStation M5"))))
capture.udp(admin, 50001, everybody, 10001, b"\x02\x08\0\0")
capture.udp(gateway, 10001, admin, 50001, answer(2, 9, fields(
    (1, mac_bytes(gateway.mac)), (2, mac_bytes(gateway.mac) + gateway.ip_bytes), (3, b"UGW3.v4.4.57.5578372"), (11, b"gw-office"), (21, b"UGW3"),
    (22, b"4.4.57.5578372"))))
# Behind a forwarded port.
capture.udp(radio, 20001, admin, 50002, answer(1, 0, fields((1, mac_bytes(radio.mac)), (11, b"radio-silo-4"), (12, b"N5N"), (20, b"NanoStation M5"))))
capture.write()

# ── CAPWAP ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("capwap/discovery-and-join.pcap")
point = capture.host("00:3a:7d:0d:04:01", "10.87.4.1")
cheap = capture.host("00:05:5d:0d:04:02", "10.87.4.2")
controller = capture.host("00:3a:7d:0d:04:fe", "10.87.4.254")
everybody = capture.group("255.255.255.255")
CISCO = struct.pack("!I", 9)


def control(kind, sequence, elements):
    return bytes([0, 0x10, 0x02, 0, 0, 0, 0, 0]) + struct.pack("!IBHB", kind, sequence, len(elements) + 1, 0) + elements


def point_elements(name, model, serial, software, boot, mac, maker=CISCO):
    board = maker + tlv(0, model) + tlv(1, serial) + tlv(4, mac_bytes(mac))
    descriptor = bytes([2, 2, 1, 1, 0, 1]) + maker + tlv(0, b"V01") + maker + tlv(1, software) + maker + tlv(2, boot)
    return tlv(20, b"\0") + tlv(38, board) + tlv(39, descriptor) + tlv(45, name)


ELEMENTS = point_elements(b"ap-hall-3", b"AIR-CAP2702I-E-K9", b"FGL2012A1B2", b"8.5.182.0", b"15.2.4.0", point.mac)
AC = tlv(1, struct.pack("!HHHHBBBB", 12, 500, 3, 50, 2, 1, 0, 6) + CISCO + tlv(4, b"V02") + CISCO + tlv(5, b"8.5.182.0")) + tlv(4, b"wlc-plant")
capture.udp(point, 50001, everybody, 5246, control(1, 1, ELEMENTS))
capture.udp(controller, 5246, point, 50001, control(2, 1, AC))
capture.udp(point, 50001, controller, 5246, b"\x01\0\0\0\x16\xfe\xff" + bytes(8) + struct.pack("!H", 66) + b"\x01" + struct.pack("!I", 54)[1:] + bytes(5)
            + struct.pack("!I", 54)[1:] + b"\xfe\xfd" + bytes(range(32)) + b"\0\0" + b"\0\x04\xc0\x2f\0\x2f" + b"\x01\0" + b"\0\x08" + b"\0\x0d\0\x04\0\x02\x04\x01")
capture.udp(controller, 5246, point, 50001, b"\x01\0\0\0\x17\xfe\xfd" + bytes(8) + struct.pack("!H", 32) + bytes(range(32)))
# One whose controller asks for no DTLS.
capture.udp(cheap, 50002, controller, 5246, control(3, 1, point_elements(b"ap-yard-1", b"DAP-2660", b"QBDA1H2000417", b"1.17", b"1.00", cheap.mac, struct.pack("!I", 171)) + tlv(28, b"yard")))
capture.udp(controller, 5246, cheap, 50002, control(4, 1, AC))
for number in range(3):
    capture.udp(cheap, 50002, controller, 5246, control(13, 2 + number, b""))
    capture.udp(controller, 5246, cheap, 50002, control(14, 2 + number, b""))
capture.write()

# ── LWAPP ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("lwapp/discovery-and-echo.pcap")
controller, point, everybody = capture.host("00:0b:85:0d:05:01", "10.87.5.254"), capture.host("00:0b:85:51:2a:e0", "10.87.5.21"), capture.group("255.255.255.255")


def lwapp(kind, sequence, elements=b""):
    return bytes([0x04, 0]) + struct.pack("!HHBBHI", 8 + len(elements), 0, kind, sequence, len(elements), 0) + elements


identity = mac_bytes(point.mac)
capture.udp(point, 31245, everybody, 12223, identity + lwapp(1, 1, bytes([58, 0, 1, 0])))
capture.udp(controller, 12223, point, 31245, lwapp(2, 1, bytes([31, 0, 9]) + b"wlc-yard1"))
for number in range(2, 5):
    capture.udp(point, 31245, controller, 12223, identity + lwapp(22, number))
    capture.udp(controller, 12223, point, 31245, lwapp(23, number))
    capture.wait(30)
capture.write()
