"""ADS: a controller is found and asked, a route to it is opened with a password, its variables are polled and written, it is stopped.

Beckhoff Information System, TwinCAT ADS/AMS specification; datagrams as AdsLib (MIT licence) builds them.
"""
import struct

from wire import Capture

SERVER, CLIENT = bytes([5, 29, 117, 96, 1, 1]), bytes([10, 81, 0, 6, 1, 1])


def ams(answer, port, command, number, data, back=32905):
    ends = struct.pack("<6sH6sH", CLIENT, back, SERVER, port) if answer else struct.pack("<6sH6sH", SERVER, port, CLIENT, back)
    header = ends + struct.pack("<HHIII", command, 4 | answer, len(data), 0, number)
    return struct.pack("<HI", 0, len(header) + len(data)) + header + data


def tags(*rows):
    return struct.pack("<I", len(rows)) + b"".join(struct.pack("<HH", tag, len(value)) + value for tag, value in rows)


def datagram(service, sender, number, body):
    return struct.pack("<III", 0x71146603, number, service) + sender + struct.pack("<H", 10000) + body


def talk(conversation, number, port, command, ask, told):
    conversation.client(ams(0, port, command, number, ask))
    conversation.server(ams(1, port, command, number, told))


def poll(conversation, times, start=1000):
    for number in range(times):
        ask = struct.pack("<III", 0xF005, 0x1B000001 + number % 3, 4)
        talk(conversation, start + number, 851, 2, ask, struct.pack("<III", 0, 4, number))


DESCRIPTION = b"""<?xml version="1.0"?><TcTargetDesc><TargetType>CX</TargetType><TargetVersion><Version>3</Version><Revision>1</Revision>\
<Build>4024</Build></TargetVersion><TargetFeatures><NetId>5.29.117.96.1.1</NetId></TargetFeatures><Hardware><Model>CX-1020</Model>\
<SerialNo>0004187711</SerialNo><CPUVersion>4.2</CPUVersion></Hardware><OsImage><ImageVersion>6.02c</ImageVersion><OsName>Windows CE</OsName>\
<OsVersion>6.0</OsVersion></OsImage></TcTargetDesc>"""

capture = Capture("ads/search-route-poll-and-stop.pcap")
plc, eng = capture.host("00:01:05:0b:00:41", "10.81.0.41"), capture.host("d4:be:d9:0b:00:06", "10.81.0.6")
capture.udp(eng, 48899, capture.group("10.81.0.255"), 48899, datagram(1, CLIENT, 1, tags()))
version = struct.pack("<IIIII", 276, 6, 0, 0, 3).ljust(276, b"\0")
found = tags((5, b"CX-1D7560\0"), (4, version), (3, struct.pack("<BBH", 3, 1, 4024)))
capture.udp(plc, 48899, eng, 48899, datagram(0x80000001, SERVER, 1, found))
route = tags((12, b"ENG-WS02\0"), (7, CLIENT), (13, b"Administrator\0"), (2, b"LABSECRET-route\0"), (5, b"10.81.0.6\0"))
capture.udp(eng, 48899, plc, 48899, datagram(6, CLIENT, 2, route))
capture.udp(plc, 48899, eng, 48899, datagram(0x80000006, SERVER, 2, tags((1, bytes(4)))))
with capture.tcp(eng, 52011, plc, 48898) as conversation:
    talk(conversation, 1, 10000, 1, b"", struct.pack("<IBBH16s", 0, 3, 1, 4024, b"TwinCAT System"))
    talk(conversation, 2, 10000, 2, struct.pack("<III", 700, 1, 2048), struct.pack("<II", 0, len(DESCRIPTION)) + DESCRIPTION)
    talk(conversation, 3, 10000, 4, b"", struct.pack("<IHH", 0, 5, 1))
    talk(conversation, 4, 851, 4, b"", struct.pack("<IHH", 0, 5, 0))
    poll(conversation, 30)
    talk(conversation, 2000, 851, 3, struct.pack("<IIII", 0xF005, 0x1B000001, 4, 42), struct.pack("<I", 0))
    talk(conversation, 2001, 851, 5, struct.pack("<HHI", 6, 0, 0), struct.pack("<I", 0))
    talk(conversation, 2002, 851, 4, b"", struct.pack("<IHH", 0, 6, 0))
capture.write()

capture = Capture("ads/picked-up-in-the-middle.pcap")
plc, hmi = capture.host("00:01:05:0b:00:41", "10.81.0.41"), capture.host("00:0c:29:0b:00:05", "10.81.0.5")
with capture.tcp(hmi, 52012, plc, 48898, opened=False) as conversation:
    poll(conversation, 40)
    talk(conversation, 3000, 10000, 1, b"", struct.pack("<IBBH16s", 0, 3, 1, 4024, b"TwinCAT System"))
    talk(conversation, 3001, 851, 3, struct.pack("<IIII", 0xF005, 0x1B000002, 4, 7), struct.pack("<I", 0))
    poll(conversation, 20, 4000)
capture.write()

capture = Capture("ads/unusual-port.pcap")
plc, hmi = capture.host("00:01:05:0b:00:41", "10.81.0.41"), capture.host("00:0c:29:0b:00:05", "10.81.0.5")
with capture.tcp(hmi, 52013, plc, 40898) as conversation:
    poll(conversation, 10)
capture.write()
