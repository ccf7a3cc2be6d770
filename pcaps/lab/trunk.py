"""Makes one capture of the recordings of several cells, as a mirrored trunk port gives it: each frame with its cell's VLAN tag.

A frame that came tagged keeps its tag alone. Times stay as the kernel took them; frames are put in their order.
"""
import shutil
import struct

ETHERNET_ADDRESSES = 12
TAG = b"\x81\x00"


def join(recordings, target):
    """`recordings`: VLAN (0: untagged) to file."""
    if list(recordings) == [0]:
        shutil.move(recordings[0], target)
        return
    frames = sorted((frame for vlan, path in recordings.items() for frame in read(path, vlan)), key=lambda frame: frame[:2])
    with open(target, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for seconds, micros, data in frames:
            out.write(struct.pack("<IIII", seconds, micros, len(data), len(data)) + data)


def read(path, vlan):
    with open(path, "rb") as file:
        file.read(24)
        while head := file.read(16):
            seconds, micros, captured, _ = struct.unpack("<IIII", head)
            data = file.read(captured)
            if len(data) < captured:
                return  # tcpdump was ended in the middle of a packet
            if vlan and data[ETHERNET_ADDRESSES:ETHERNET_ADDRESSES + 2] != TAG:
                data = data[:ETHERNET_ADDRESSES] + TAG + struct.pack("!H", vlan) + data[ETHERNET_ADDRESSES:]
            yield seconds, micros, data
