"""Genisys by SM-6900B: two stations behind one server, polls, indications, controls that are checked back and executed."""
from wire import Capture, crc16_modbus


def message(header, station, data=b""):
    body = bytes([station]) + data
    body += crc16_modbus(bytes([header]) + body)
    escaped = b"".join(bytes([0xF0, byte & 15]) if byte >= 0xF0 else bytes([byte]) for byte in body)
    return bytes([header]) + escaped + b"\xf6"


def taken(station):
    return bytes([0xF1, station, 0xF6])


capture = Capture("genisys/indications-and-controls.pcap")
office = capture.host("d4:be:d9:0b:00:06", "10.79.0.6")
server = capture.host("00:90:e8:0b:00:d1", "10.79.0.131")
with capture.tcp(office, 50201, server, 10001, opened=False) as talk:
    for turn in range(8):
        station = 1 + turn % 2
        talk.client(message(0xFB, station))
        talk.server(taken(station) if turn % 3 else message(0xF2, station, bytes([turn, 5, 1, 0xF4])))
    talk.client(message(0xFC, 2, bytes([1, 4])))
    talk.server(message(0xF3, 2, bytes([1, 4])))
    talk.client(message(0xFE, 2))
    talk.server(taken(2))
    talk.client(message(0xFD, 2))
    talk.server(message(0xF2, 2, bytes([0, 1, 1, 4, 2, 0])))
capture.write()
