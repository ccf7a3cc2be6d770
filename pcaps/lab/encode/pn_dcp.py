"""PROFINET DCP: stations that start ask for their own names, a controller for those of its devices; a name is set, one says hello.

IEC 61158-6-10 section 4.3.
"""
import struct

from wire import Capture

ALL = "01:0e:cf:00:00:00"
HELLO_GROUP = "01:0e:cf:00:00:01"


def block(option, suboption, value):
    return struct.pack(">BBH", option, suboption, len(value)) + value + b"\0" * (len(value) % 2)


def dcp(frame, service, kind, number, blocks, delay=0):
    return struct.pack(">HBBIHH", frame, service, kind, number, delay, len(blocks)) + blocks


capture = Capture("pn_dcp/stations-start-and-a-name-is-set.pcap")
valve, drive = "00:0e:f0:0b:00:a1", "00:0e:cf:0b:00:a2"
plc, tool = "28:63:36:0b:00:a3", "d4:be:d9:0b:00:06"
# Whether another has my name.
for number, (mac, name) in enumerate(((valve, b"valve-island-7"), (drive, b"lift-drive"))):
    for again in range(2):
        capture.frame(mac, ALL, 0x8892, dcp(0xFEFE, 5, 0, 0x03000100 + number * 16 + again, block(2, 2, name), 1))
        capture.wait(1)
# Two devices that are not there.
for number, name in enumerate((b"et200-infeed", b"et200-outfeed")):
    capture.frame(plc, ALL, 0x8892, dcp(0xFEFE, 5, 0, 0x01000200 + number, block(2, 2, name), 1))
    capture.wait(1)
# The engineering station names the drive anew, and it answers to the new name.
capture.frame(tool, drive, 0x8892, dcp(0xFEFD, 4, 0, 0x00AA0001, block(2, 2, struct.pack(">H", 1) + b"lift-drive-b")))
capture.frame(drive, tool, 0x8892, dcp(0xFEFD, 4, 1, 0x00AA0001, block(5, 4, bytes([2, 2, 0]))))
told = block(2, 2, bytes(2) + b"lift-drive-b") + block(2, 3, bytes(2) + struct.pack(">HH", 0x002A, 0x0501)) + block(2, 4, bytes(2) + bytes([1, 0]))
capture.frame(drive, HELLO_GROUP, 0x8892, dcp(0xFEFC, 6, 0, 0x00000001, told))
capture.write()
