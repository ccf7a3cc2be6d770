"""PC Worx: a programming station asks a controller what it is. Layout as controllers answer."""
import struct

from wire import Capture


def identify(talk):
    talk.client(b"\x01\x01\x00\x1a\0\0\0\0\x78\x80\x00\x03\x00\x0cIBETH01N0_M\0")
    talk.server(b"\x81\x01\x00\x14" + struct.pack(">IIII", 1, 0, 0x00020000, 0x00510000))
    talk.client(b"\x01\x05\x00\x16\x00\x01\0\0\x78\x80\x00\x51\0\0\0\x06\x00\x04\x02\x95\0\0")
    talk.server(b"\x81\x05\x00\x12\x00\x01\x00\x01\0\0\0\0\x00\x02\0\0\x00\x51")
    talk.client(b"\x01\x06\x00\x0e\x00\x02\0\0\0\0\x00\x51\x04\x00")
    told = bytearray(b"\x81\x06\x00\xb0\x00\x02\x00\x01\0\0\0\0\x00\x02\0\0\x00\x51\0\0\x00\x06\x00\x98\x82\x95\x00\x4a\0\0".ljust(0xB0, b"\0"))
    for place, text in ((30, b"ILC 191 ETH 2TX"), (66, b"4.42"), (79, b"03/02/16"), (91, b"10:12:44"), (152, b"2700976"), (160, b"C1")):
        told[place:place + len(text)] = text
    talk.server(bytes(told))


def poll(talk, times):
    for number in range(times):
        talk.client(b"\x01\x0a\x00\x10" + struct.pack(">HHIHH", number, 0, 0, 0x51, 1))
        talk.server(b"\x81\x0a\x00\x14" + struct.pack(">HHIII", number, 1, 0, 0x00020000, number))


capture = Capture("pcworx/identification-and-polling.pcap")
plc, eng = capture.host("00:a0:45:0b:00:61", "10.81.0.61"), capture.host("d4:be:d9:0b:00:06", "10.81.0.6")
with capture.tcp(eng, 52031, plc, 1962) as talk:
    identify(talk)
    poll(talk, 10)
with capture.tcp(eng, 52032, plc, 1962, opened=False) as talk:
    poll(talk, 20)
    identify(talk)
capture.write()

capture = Capture("pcworx/unusual-port.pcap")
plc, eng = capture.host("00:a0:45:0b:00:61", "10.81.0.61"), capture.host("d4:be:d9:0b:00:06", "10.81.0.6")
with capture.tcp(eng, 52033, plc, 21962) as talk:
    identify(talk)
capture.write()
