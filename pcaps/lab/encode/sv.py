"""Sampled values: IEC 61850-9-2 (2011) clause 8.5, as IEC 61869-9 and the 9-2LE guideline fill it."""
import struct

from ber import tlv
from wire import Capture

#: One ASDU: svID, smpCnt, confRev, smpSynch, eight values of four bytes with four of quality.
def asdu(name, count, synch=2, data_set=None, grandmaster=None):
    samples = b"".join(struct.pack("!iI", value, 0) for value in (1200, -600, -600, 0, 632000, -316000, -316000, 0))
    return tlv(
        0x30,
        tlv(0x80, name.encode()),
        tlv(0x81, data_set.encode()) if data_set else b"",
        tlv(0x82, struct.pack("!H", count)),
        tlv(0x83, struct.pack("!I", 1)),
        tlv(0x85, bytes([synch])),
        tlv(0x87, samples),
        tlv(0x89, grandmaster) if grandmaster else b"",
    )


def message(app_id, asdus, reserved=0, extension=b""):
    pdu = tlv(0x60, tlv(0x80, bytes([len(asdus)])), tlv(0xA2, *asdus))
    return struct.pack("!HHHH", app_id, 8 + len(pdu), reserved | len(extension), 0) + pdu + extension


capture = Capture("sv/three-merging-units.pcap")
# One bay's merging unit; one with two streams of two samples a frame; a test set that says it simulates.
unit, double, tester = "00:21:c1:0b:20:01", "00:09:8e:0b:20:02", "00:0e:c6:0b:20:03"
clock = bytes.fromhex("0080eafffe0b2009")
for count in range(40):
    capture.frame(unit, "01:0c:cd:04:00:01", 0x88BA, message(0x4000, [asdu("AA1J1Q01_MU01", count)]), vlan=20)
    streams = [asdu("AA1J1Q02_I/LLN0$MS$MSVCB01", count, 2, "AA1J1Q02_I/LLN0$PhsMeas1", clock), asdu("AA1J1Q02_U", count, 2)]
    capture.frame(double, "01:0c:cd:04:00:02", 0x88BA, message(0x4001, streams), vlan=20)
    capture.frame(tester, "01:0c:cd:04:00:03", 0x88BA, message(0x4002, [asdu("TESTSET1", count, 0)], 0x8000), vlan=20)
capture.write()

capture = Capture("sv/protected.pcap")
for count in range(10):
    # IEC 62351-6: an extension of 48 bytes behind the PDU, as its length in the first reserved word says.
    capture.frame(unit, "01:0c:cd:04:00:01", 0x88BA, message(0x4000, [asdu("AA1J1Q01_MU01", count)], 0, bytes(range(48))), vlan=20)
capture.write()
