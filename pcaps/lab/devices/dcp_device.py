"""A PROFINET device as far as discovery goes: dcp_device.py MODEL NAME_OF_STATION ADDRESS GATEWAY. Answers DCP Identify requests on a raw socket.

No package ships a DCP device, so these few lines are the one stack in the lab that is not somebody's product.
"""
import socket
import struct
import sys

MODELS = {
    # model: (type of station, vendor id, device id)
    "et200sp": ("ET200SP", 0x002A, 0x0313),
    "s7-300": ("S7-300", 0x002A, 0x0101),
}
station, vendor, device = MODELS[sys.argv[1]]
name, address, gateway = sys.argv[2:5]
PROFINET = 0x8892

link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(PROFINET))
link.bind(("eth0", PROFINET))
link.setsockopt(263, 1, struct.pack("iHH8s", socket.if_nametoindex("eth0"), 0, 6, bytes.fromhex("010ecf000000")))
mac = link.getsockname()[4]


def block(option, suboption, data):
    raw = struct.pack("!BBHH", option, suboption, len(data) + 2, 0) + data
    return raw + b"\0" * (len(raw) % 2)


blocks = (block(2, 1, station.encode()) + block(2, 2, name.encode()) + block(2, 3, struct.pack("!HH", vendor, device))
          + block(2, 4, b"\x01\0") + block(2, 5, bytes([1, 2, 2, 1, 2, 2, 2, 3, 2, 4]))
          + block(1, 2, socket.inet_aton(address) + socket.inet_aton("255.255.255.0") + socket.inet_aton(gateway)))
while True:
    frame = link.recv(2000)
    frame_id, service, kind, transaction, _, _ = struct.unpack_from("!HBBIHH", frame, 14)
    if frame[6:12] == mac or frame_id not in (0xFEFE, 0xFEFD):
        continue
    wanted = frame[26:28]
    if frame_id == 0xFEFE and wanted not in (b"\xff\xff", b"\x02\x02"):
        continue
    answer_id, answer = (0xFEFF, 5) if frame_id == 0xFEFE else (0xFEFD, 3)
    head = struct.pack("!HBBIHH", answer_id, answer, 1, transaction, 0, len(blocks))
    link.send((frame[6:12] + mac + struct.pack("!H", PROFINET) + head + blocks).ljust(60, b"\0"))
