"""DICOM: a scanner stores pictures in an archive, a work place searches it, a service tool echoes.

DICOM PS3.8 section 9.3 and Annex D, PS3.7 section 6.3 and Annexes D and E.
"""
import struct

from wire import Capture

VERIFICATION = b"1.2.840.10008.1.1"
CT_IMAGE = b"1.2.840.10008.5.1.4.1.1.2"
STUDY_FIND = b"1.2.840.10008.5.1.4.1.2.2.1"
IMPLICIT = b"1.2.840.10008.1.2"


def item(kind, value):
    return struct.pack("!BBH", kind, 0, len(value)) + value


def associate(kind, called, calling, classes, uid, version, identity=b""):
    contexts = b""
    for number, name in enumerate(classes):
        if kind == 1:
            contexts += item(0x20, bytes([2 * number + 1, 0, 0, 0]) + item(0x30, name) + item(0x40, IMPLICIT))
        else:
            contexts += item(0x21, bytes([2 * number + 1, 0, 0, 0]) + item(0x40, IMPLICIT))
    user = item(0x51, struct.pack("!I", 16384)) + item(0x52, uid) + item(0x55, version) + identity
    body = struct.pack("!HH16s16s32x", 1, 0, called.ljust(16), calling.ljust(16)) + item(0x10, b"1.2.840.10008.3.1.1.1") + contexts + item(0x50, user)
    return struct.pack("!BBI", kind, 0, len(body)) + body


def element(number, value):
    return struct.pack("<HHI", 0, number, len(value)) + value


def even(uid):
    return uid + b"\0" * (len(uid) % 2)


def command(context, field, sop, dataset):
    rest = element(2, even(sop)) + element(0x100, struct.pack("<H", field)) + element(0x110, struct.pack("<H", 1)) + element(0x800, struct.pack("<H", dataset))
    return data(context, 3, element(0, struct.pack("<I", len(rest))) + rest)


def data(context, control, value):
    pdv = struct.pack("!IBB", len(value) + 2, context, control) + value
    return struct.pack("!BBI", 4, 0, len(pdv)) + pdv


RELEASE, RELEASED = b"\5\0\0\0\0\4\0\0\0\0", b"\6\0\0\0\0\4\0\0\0\0"

capture = Capture("dicom/scanner-archive-workplace.pcap")
archive = capture.host("00:15:5d:0a:01:01", "10.80.12.10")
scanner = capture.host("00:1e:0b:0a:01:02", "10.80.12.21")
reader = capture.host("d4:be:d9:0a:01:03", "10.80.12.60")
SERVER = (b"1.2.276.0.7230010.3.0.3.6.7", b"OFFIS_DCMTK_367")
CLIENT = (b"1.3.12.2.1107.5.1.4", b"SIEMENS_SWF_VB40")

with capture.tcp(scanner, 51211, archive, 104) as talk:
    talk.client(associate(1, b"ARCHIVE", b"CT-2", [VERIFICATION, CT_IMAGE], *CLIENT))
    talk.server(associate(2, b"ARCHIVE", b"CT-2", [VERIFICATION, CT_IMAGE], *SERVER))
    talk.client(command(1, 0x30, VERIFICATION, 0x101))
    talk.server(command(1, 0x8030, VERIFICATION, 0x101))
    for _ in range(5):
        talk.client(command(3, 0x01, CT_IMAGE, 0))
        talk.client(data(3, 2, b"\x10\0\x10\0\x08\0\0\0LABPATIE" + bytes(1800)))
        talk.server(command(3, 0x8001, CT_IMAGE, 0x101))
    talk.client(RELEASE)
    talk.server(RELEASED)

identity = item(0x58, b"\x02\0" + struct.pack("!H", 6) + b"reader" + struct.pack("!H", 15) + b"LABSECRET-dicom")
with capture.tcp(reader, 51212, archive, 104) as talk:
    talk.client(associate(1, b"ARCHIVE", b"WS-READ1", [STUDY_FIND], b"1.2.40.0.13.1.3", b"dcm4che-5.29.1", identity))
    talk.server(associate(2, b"ARCHIVE", b"WS-READ1", [STUDY_FIND], *SERVER, item(0x59, b"\0\0")))
    talk.client(command(1, 0x20, STUDY_FIND, 0))
    talk.server(command(1, 0x8020, STUDY_FIND, 0x101))
    talk.client(RELEASE)
    talk.server(RELEASED)

# Open since long, then a deletion that was never seen before.
with capture.tcp(scanner, 51213, archive, 104, opened=False) as talk:
    talk.client(command(3, 0x01, CT_IMAGE, 0))
    talk.client(data(3, 2, bytes(900)))
    talk.client(command(3, 0x150, CT_IMAGE, 0x101))

with capture.tcp(scanner, 51214, archive, 44104) as talk:
    talk.client(associate(1, b"ARCHIVE", b"CT-2", [VERIFICATION], *CLIENT))
    talk.server(associate(2, b"ARCHIVE", b"CT-2", [VERIFICATION], *SERVER))
capture.write()
