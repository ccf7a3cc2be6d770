"""ROC Plus by D301180X012: configuration, station name, login, polls, a write, a file."""
import struct

from wire import Capture, crc16_modbus


def message(destination, source, opcode, data=b""):
    frame = bytes([*destination, *source, opcode, len(data)]) + data
    return frame + crc16_modbus(frame)


HOST, FLOW = (3, 1), (12, 2)


def ask(opcode, data=b""):
    return message(FLOW, HOST, opcode, data)


def answer(opcode, data=b""):
    return message(HOST, FLOW, opcode, data)


capture = Capture("roc_plus/configuration-login-and-write.pcap")
supervisor = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
well = capture.host("00:d0:ea:0b:00:c1", "10.79.0.121")
spare = capture.host("00:d0:ea:0b:00:c2", "10.79.0.122")
CONFIGURATION = struct.pack("<BHBBBB", 1, 1, 2, 0, 1, 1) + bytes(11) + b"\x06" + bytes(196)
with capture.tcp(supervisor, 50191, well, 4000) as talk:
    talk.client(ask(6))
    talk.server(answer(6, CONFIGURATION))
    talk.client(ask(17, b"OPERATOR3".ljust(30) + b"LABSECRET-roc".ljust(40) + b"\x05"))
    talk.server(answer(17))
    talk.client(ask(180, bytes([1, 91, 0, 2])))
    talk.server(answer(180, bytes([1, 91, 0, 2]) + b"Wellpad 12".ljust(20)))
    for at in range(10):
        talk.client(ask(180, bytes([1, 103, at, 5])))
        talk.server(answer(180, bytes([1, 103, at, 5]) + struct.pack("<f", 20.5 + at)))
    talk.client(ask(181, bytes([1, 101, 0, 8, 1])))
    talk.server(answer(181))
    talk.client(ask(203, bytes([3, 0, 0, 0, 0, 0, 0, 64, 0])))
    talk.server(answer(203, bytes([3, 0, 0]) + bytes(64)))
with capture.tcp(supervisor, 50192, spare, 4000, opened=False) as talk:
    for at in range(6):
        talk.client(ask(167, bytes([103, at, 1, 5])))
        talk.server(answer(167, bytes([103, at, 1, 5]) + struct.pack("<f", 3.5)))
    talk.client(ask(6))
    talk.server(answer(6, CONFIGURATION))
    talk.client(ask(8, bytes([0, 30, 8, 2, 3, 0xEA, 7])))
    talk.server(answer(8))
capture.write()
