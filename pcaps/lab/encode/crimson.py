"""Crimson 3 as captures show it: a panel says maker and model, on its port and on another."""
import struct

from wire import Capture


def message(register, kind, text=b""):
    body = struct.pack("!HBB", register, kind, 0) + text
    return struct.pack("!H", len(body)) + body


capture = Capture("crimson/maker-and-model.pcap")
programmer = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
panel = capture.host("00:05:e4:0b:00:a1", "10.79.0.101")
gateway = capture.host("00:05:e4:0b:00:a2", "10.79.0.102")
for port, host, model in ((789, panel, b"G310"), (10789, gateway, b"DSPLE")):
    with capture.tcp(programmer, 50181, host, port, opened=port == 789) as talk:
        talk.client(message(0x012B, 0x1B))
        talk.server(message(0x012B, 3, b"Red Lion Controls\0"))
        talk.client(message(0x012A, 0x1A))
        talk.server(message(0x012A, 3, model + b"\0"))
capture.write()
