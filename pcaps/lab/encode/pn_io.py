"""PROFINET IO: a controller connects to a device, reads what it and its modules are, writes a tag; cyclic data and an alarm.

IEC 61158-6-10 section 5 (blocks), The Open Group C706 chapter 12 (PDUs), PI Identification & Maintenance Functions.
"""
import struct
import uuid

from wire import Capture, mac_bytes

PORT = 34964
DEVICE_INTERFACE = uuid.UUID("dea00001-6c97-11d1-8271-00a02442df7d")
ENDPOINT_MAPPER = uuid.UUID("e1af8308-5d1f-11c9-91a4-08002b14a0fa")
AR = uuid.UUID("5f1d3a60-2b6e-4c0e-9d8a-71b2c3d4e5f6")


def object_uuid(instance, device, vendor):
    return uuid.UUID(f"dea00000-6c97-11d1-8271-{instance:04x}{device:04x}{vendor:04x}")


class Calls:
    """Calls of one activity; a controller writes big-endian, the device answers little-endian."""

    def __init__(self, called, little):
        self.called, self.little, self.sequence = called, little, 0

    def pdu(self, kind, operation, stub, little, interface=DEVICE_INTERFACE, flags=0x20, fragment=0):
        order = "<" if little else ">"
        ids = [identifier.bytes_le if little else identifier.bytes for identifier in (self.called, interface, AR)]
        head = struct.pack("BBBB", 4, kind, flags, 0) + bytes([0x10 if little else 0, 0, 0, 0]) + b"".join(ids)
        head += struct.pack(order + "IIIHHHHHBB", 0, 1, self.sequence, operation, 0xFFFF, 0xFFFF, len(stub), fragment, 0, 0)
        return head + stub

    def request(self, operation, blocks, **kw):
        ndr = struct.pack(">IIIII", 4096, len(blocks), 4096, 0, len(blocks))
        return self.pdu(0, operation, ndr + blocks, False, **kw)

    def answer(self, operation, blocks, **kw):
        ndr = struct.pack("<IIIII", 0, len(blocks), 4096, 0, len(blocks))
        return self.pdu(2, operation, ndr + blocks, True, **kw)


def block(kind, body, version=0x0100):
    return struct.pack(">HHH", kind, len(body) + 2, version) + body


def record_header(kind, slot, subslot, index, length, sequence=1):
    body = struct.pack(">H", sequence) + AR.bytes + struct.pack(">IHHHHI", 0, slot, subslot, 0, index, length) + bytes(24)
    return block(kind, body)


def im0(vendor, order, serial, hardware, software):
    prefix, major, minor, patch = software
    body = struct.pack(">H", vendor) + order.encode().ljust(20) + serial.encode().ljust(16)
    body += struct.pack(">HcBBB", hardware, prefix.encode(), major, minor, patch)
    return block(0x0020, body + struct.pack(">HHHHH", 1, 0xF600, 3, 0x0101, 0x001E))


def im1(function, location):
    return block(0x0021, function.encode().ljust(32) + location.encode().ljust(22))


capture = Capture("pn_io/connect-read-and-write.pcap")
plc = capture.host("28:63:36:0b:00:21", "10.81.0.21")
et200 = capture.host("00:1b:1b:0b:00:22", "10.81.0.22")
pg = capture.host("d4:be:d9:0b:00:06", "10.81.0.6")
calls = Calls(object_uuid(1, 0x0313, 0x002A), True)

# The station that starts asks whether another has its name; the controller looks for it.
ask = bytes([2, 2, 0, 12]) + b"et200-filler"
capture.frame(et200.mac, "01:0e:cf:00:00:00", 0x8892, struct.pack(">HBBIHH", 0xFEFE, 5, 0, 0x0300AB01, 1, len(ask)) + ask)
capture.wait(1)
capture.frame(plc.mac, "01:0e:cf:00:00:00", 0x8892, struct.pack(">HBBIHH", 0xFEFE, 5, 0, 0x01000001, 1, len(ask)) + ask)
told = bytes([2, 2, 0, 14, 0, 0]) + b"et200-filler"
told += bytes([2, 3, 0, 6, 0, 0, 0x00, 0x2A, 0x03, 0x13]) + bytes([2, 4, 0, 4, 0, 0, 1, 0])
told += bytes([1, 2, 0, 14, 0, 1]) + et200.ip_bytes + bytes([255, 255, 255, 0, 0, 0, 0, 0])
capture.frame(et200.mac, plc.mac, 0x8892, struct.pack(">HBBIHH", 0xFEFF, 5, 1, 0x01000001, 0, len(told)) + told)

# Connect: who I am, what cyclic data, which modules I expect.
name = b"plc-filler"
initiator = struct.pack(">H", 1) + AR.bytes + struct.pack(">H", 1) + mac_bytes(plc.mac) + object_uuid(0x64, 0x010D, 0x002A).bytes
initiator += struct.pack(">IHHH", 0x11, 600, 0x8892, len(name)) + name
expected = struct.pack(">HIHIHH", 1, 0, 1, 0x00000040, 0, 1) + struct.pack(">HIHHHBB", 1, 1, 1, 1, 2, 1, 1)
answer_ar = struct.pack(">H", 1) + AR.bytes + struct.pack(">H", 1) + mac_bytes(et200.mac) + struct.pack(">H", 0x8892)
capture.udp(plc, 49152, et200, PORT, calls.request(0, block(0x0101, initiator) + block(0x0104, expected)))
capture.udp(et200, 49161, plc, 49152, calls.answer(0, block(0x8101, answer_ar)))
calls.sequence += 1
capture.udp(plc, 49152, et200, PORT, calls.request(4, block(0x0110, struct.pack(">H", 0) + AR.bytes + struct.pack(">HHHH", 1, 0, 1, 0))))
capture.udp(et200, 49161, plc, 49152, calls.answer(4, block(0x8110, struct.pack(">H", 0) + AR.bytes + struct.pack(">HHHH", 1, 0, 8, 0))))

# Cyclic data in both directions.
for cycle in range(40):
    for source, target, frame_id in ((plc, et200, 0x8001), (et200, plc, 0x8000)):
        capture.frame(source.mac, target.mac, 0x8892, struct.pack(">H", frame_id) + bytes(40) + struct.pack(">HBB", cycle * 32, 0x35, 0))

# The engineering station reads identification of the device and of its modules, in fragments where it is long.
engineering = Calls(object_uuid(1, 0x0313, 0x002A), True)
engineering.sequence = 7


def read(slot, subslot, index, record):
    engineering.sequence += 1
    capture.udp(pg, 51000, et200, PORT, engineering.request(2, record_header(0x0009, slot, subslot, index, 4096)))
    blocks = record_header(0x8009, slot, subslot, index, len(record)) + record
    whole = engineering.answer(2, blocks)
    head, stub = whole[:80], whole[80:]
    pieces = [stub[at:at + 120] for at in range(0, len(stub), 120)]
    if len(pieces) < 2:
        capture.udp(et200, 49170, pg, 51000, whole)
        return
    for number, piece in enumerate(pieces):
        flags = 0x04 | 0x08 | (0x02 if number + 1 == len(pieces) else 0)
        header = head[:2] + bytes([flags]) + head[3:74] + struct.pack("<HH", len(piece), number) + head[78:]
        capture.udp(et200, 49170, pg, 51000, header + piece)


capture.wait(5)
read(0, 1, 0xAFF0, im0(0x002A, "6ES7 155-6AU01-0BN0", "S C-K7R1900422", 5, ("V", 4, 2, 1)))
read(0, 1, 0xAFF1, im1("Filler line 3", "Hall B, cabinet 2"))
read(1, 1, 0xAFF0, im0(0x002A, "6ES7 131-6BH01-0BA0", "C-L5A200100911", 3, ("V", 0, 0, 2)))
modules = struct.pack(">HIH", 1, 0, 2) + struct.pack(">HIHHI", 0, 0x00000010, 1, 1, 1) + struct.pack(">HIHHI", 1, 0x00000040, 1, 1, 1)
read(0, 0, 0xF000, block(0x0013, modules, 0x0101))
engineering.sequence += 1
tag = im1("Filler line 3", "Hall B, cabinet 4")
capture.udp(pg, 51000, et200, PORT, engineering.request(3, record_header(0x0008, 0, 1, 0xAFF1, len(tag)) + tag))
capture.udp(et200, 49170, pg, 51000, engineering.answer(3, record_header(0x8008, 0, 1, 0xAFF1, 0)))

# The endpoint mapper's answer has type, order number and revisions as text.
engineering.sequence += 1
capture.udp(pg, 51001, et200, PORT, engineering.pdu(0, 2, struct.pack(">IIIIIII", 0, 1, 0, 2, 0, 1, 0) + bytes(40), False, interface=ENDPOINT_MAPPER))
annotation = f"{'IM155-6 PN ST':25} {'6ES7 155-6AU01-0BN0':20} {5:5} V{4:3}{2:3}{1:3}\0".encode()
entry = bytes(20) + struct.pack("<IIII", 1, 1, 0, 1) + object_uuid(1, 0x0313, 0x002A).bytes_le + struct.pack("<III", 3, 0, len(annotation)) + annotation
capture.udp(et200, 49170, pg, 51001, engineering.pdu(2, 2, entry, True, interface=ENDPOINT_MAPPER))

# A module raises an alarm of low priority.
notification = block(0x0002, struct.pack(">HIHHIIH", 1, 0, 1, 1, 0x00000040, 1, 0))
capture.frame(et200.mac, plc.mac, 0x8892, struct.pack(">HHHBBHHH", 0xFE01, 1, 1, 0x11, 0x11, 0xFFFF, 0xFFFE, len(notification)) + notification)
capture.write()
