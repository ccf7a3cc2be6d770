"""S7comm-plus: a panel and an engineering station at an S7-1200; the newer controller beside it goes on inside TLS.

T. Wiens' s7comm-plus plugin for Wireshark (layout of messages); RFC 1006 and X.224 below.
"""
import struct

from wire import Capture

REQUEST, RESPONSE = 0x31, 0x32
CREATE_OBJECT, SET_MULTI, GET_MULTI, GET_STREAMED, INIT_SSL = 0x04CA, 0x0542, 0x054C, 0x0586, 0x05B3


def packet(tpdu):
    return struct.pack(">BBH", 3, 0, 4 + len(tpdu)) + tpdu


def data(message):
    return packet(b"\x02\xf0\x80" + message)


def message(version, opcode, function, sequence, body, digest=False):
    inner = struct.pack(">BHHHH", opcode, 0, function, 0, sequence) + body
    if digest:
        inner = b"\x20" + bytes((sequence * 7 + at) & 0xFF for at in range(32)) + inner
    return data(struct.pack(">BBH", 0x72, version, len(inner)) + inner + struct.pack(">BBH", 0x72, version, 0))


def string(attribute, text):
    return b"\xa3" + attribute + b"\x00\x15" + bytes([len(text)]) + text


class Session:
    def __init__(self, talk, order, firmware, version=2):
        self.talk, self.order, self.firmware, self.version, self.sequence = talk, order, firmware, version, 0

    def connect(self):
        called = b"SIMATIC-ROOT-HMI"
        head = b"\xc0\x01\x0a\xc1\x02\x06\x00\xc2" + bytes([len(called)]) + called
        self.talk.client(packet(bytes([6 + len(head), 0xE0, 0, 0, 0, 7, 0]) + head))
        self.talk.server(packet(bytes([6 + len(head), 0xD0, 0, 7, 0, 9, 0]) + head))

    def open(self, station):
        wanted = b"\x00\x00\x01\x20\x36\x00\x00\x01\x1d\x00\x04" + string(b"\x82\x21", b"1:::6.0::TCP/IP") + string(b"\x82\x2a", station)
        made = b"\x36\x11\x02\x87\x3e\x87\x23\xa1\x00\x00\x01\x20" + b"\xa3\x82\x32\x00\x17\x00\x00\x01\x3a\x82\x3b\x00\x04\x82\x00"
        made += b"\x82\x3f\x00\x15" + bytes([len(self.order) + len(self.firmware) + 3]) + b"1;" + self.order + b";" + self.firmware
        made += b"\x82\x40\x00\x15\x05" + b"2;794" + b"\x00" * 5
        self.exchange(CREATE_OBJECT, wanted, made, 1)

    def exchange(self, function, ask, told, version=None, digest=False):
        self.sequence += 1
        version = version or self.version
        self.talk.client(message(version, REQUEST, function, self.sequence, ask, digest))
        self.talk.server(message(version, RESPONSE, function, self.sequence, told, digest))

    def poll(self, times, digest=False):
        for number in range(times):
            self.exchange(GET_MULTI, b"\x00\x00\x03\xbe\x34\x00\x00\x00\x00\x01", b"\x34\x00\x01\x00\x08" + struct.pack(">I", number), digest=digest)

    def read_identification(self, serial):
        record = struct.pack(">HHH", 0x0020, 0x0038, 0x0100) + struct.pack(">H", 0x002A) + self.order.ljust(20) + serial.ljust(16)
        record = (record + struct.pack(">HcBBB", 2, b"V", 4, 2, 3)).ljust(60, b"\0")
        self.exchange(GET_STREAMED, b"\x34\x00\x00\x00\x31\x20\x04\x01\x9d\x29\x00", b"\x34\x00\x00\x00\x14\x00\x3c" + record)


capture = Capture("s7comm-plus/sessions-polling-and-write.pcap")
plc, hmi = capture.host("28:63:36:0b:00:91", "10.81.0.91"), capture.host("00:1c:06:0b:00:92", "10.81.0.92")
eng = capture.host("d4:be:d9:0b:00:06", "10.81.0.6")
with capture.tcp(hmi, 52061, plc, 102) as talk:
    session = Session(talk, b"6ES7 214-1AG40-0XB0 ", b"V4.2")
    session.connect()
    session.open(b"KTP700-mixer")
    session.poll(20)
    session.exchange(SET_MULTI, b"\x00\x00\x03\xbe\x01\x01\x82\x32\x01\x00\x17", b"\x34\x00\x00\x00")
with capture.tcp(eng, 52062, plc, 102) as talk:
    session = Session(talk, b"6ES7 214-1AG40-0XB0 ", b"V4.2", 3)
    session.connect()
    session.open(b"ENG-WS02_4711")
    session.version = 2
    session.read_identification(b"S V-L1AC90412018")
    session.version = 3
    session.poll(5, digest=True)
# The other controller goes on inside TLS, of which nothing is seen.
newer = capture.host("28:63:36:0b:00:93", "10.81.0.93")
with capture.tcp(eng, 52063, newer, 102) as talk:
    session = Session(talk, b"", b"", 1)
    session.connect()
    session.exchange(INIT_SSL, b"\x00\x00\x00\x00\x30\x00\x00", b"\x30\x00\x00\x00")
capture.write()
