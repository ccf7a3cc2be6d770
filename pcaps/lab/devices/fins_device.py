"""An Omron CJ2M as far as FINS/UDP goes: controller data and memory reads.

No package ships a FINS device; the client is the `fins` package.
"""
import socket
import struct

device = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
device.bind(("0.0.0.0", 9600))
while True:
    request, sender = device.recvfrom(2048)
    if len(request) < 12:
        continue
    _, _, _, to_net, to_node, to_unit, from_net, from_node, from_unit, service = request[:10]
    head = bytes([0xC0, 0, 2, from_net, from_node, from_unit, to_net, to_node, to_unit, service])
    command = request[10:12]
    if command == b"\x05\x01":    # controller data: model, version, then areas
        answer = b"\0\0" + b"CJ2M-CPU33".ljust(20) + b"02.01".ljust(20) + bytes(40) + struct.pack("!HBHBBHBH", 20, 0, 32, 4, 1, 0, 0, 0)
    elif command == b"\x06\x01":  # status: run, monitor mode
        answer = b"\0\0" + b"\x01\x02" + bytes(24)
    elif command == b"\x01\x01":  # memory area
        answer = b"\0\0" + b"\x12\x34" * struct.unpack("!H", request[16:18])[0]
    else:
        answer = b"\x04\x01"
    device.sendto(head + command + answer, sender)
