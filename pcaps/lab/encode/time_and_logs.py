"""NTP, syslog and IPMI, where the lab's stacks do not say what devices in plants say.

NTP: RFC 5905, RFC 9327 (control messages), RFC 8915 (NTS). Syslog: RFC 3164, RFC 6587. IPMI: IPMI 2.0 revision 1.1, DSP0136.
"""
import struct

from wire import Capture

# ── NTP ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("ntp/clocks-and-control.pcap")
gps = capture.host("00:60:6e:0a:00:01", "10.84.0.1")
second = capture.host("00:80:f4:0a:00:02", "10.84.0.2")
nts = capture.host("d4:be:d9:0a:00:03", "10.84.0.3")
client = capture.host("00:80:f4:0a:00:10", "10.84.0.16")
station = capture.host("d4:be:d9:0a:00:20", "10.84.0.32")
group = capture.group("224.0.1.1")


def time(mode, stratum, reference, more=b""):
    stamp = struct.pack("!II", 0xEEAD782D, 0xDDD0DC00)
    return struct.pack("!BBbb", 4 << 3 | mode, stratum, 6, -20) + struct.pack("!II", 0x100, 0x200) + reference + stamp * 4 + more


ASK = bytes([0x23]) + bytes(39) + struct.pack("!II", 0xEEAD782D, 0xDDD0DC00)
MAC = struct.pack("!I", 7) + bytes(range(0x10, 0x24))


def field(kind, value):
    return struct.pack("!HH", kind, len(value) + 4) + value


NTS = field(0x0104, bytes(range(32))) + field(0x0404, struct.pack("!HH", 16, 16) + bytes(range(0x40, 0x60)))

for number in range(3):
    capture.udp(client, 123, gps, 123, ASK)
    capture.udp(gps, 123, client, 123, time(4, 1, b"GPS\0"))
    capture.wait(64)
capture.udp(gps, 123, group, 123, time(5, 1, b"GPS\0"))
capture.udp(client, 40123, second, 123, ASK + MAC)
capture.udp(second, 123, client, 40123, time(4, 2, gps.ip_bytes, MAC))
capture.udp(client, 40124, nts, 123, ASK + NTS)
capture.udp(nts, 123, client, 40124, time(4, 2, gps.ip_bytes, NTS))
# RFC 9327: read variables, and the answer in one piece.
text = b'version="ntpd 4.2.8p10@1.3728-o", processor="ppc", system="Linux/3.14.17", leap=0, stratum=1, refid=GPS\r\n'
capture.udp(station, 40125, gps, 123, struct.pack("!BBHHHHH", 0x16, 2, 1, 0, 0, 0, 0))
capture.udp(gps, 123, station, 40125, struct.pack("!BBHHHHH", 0x16, 0x82, 1, 0x0615, 0, 0, len(text)) + text.ljust((len(text) + 3) // 4 * 4, b"\0"))
# Mode 7: the list of monitored hosts is asked for.
capture.udp(station, 40126, second, 123, struct.pack("!BBBBHH", 0x17, 0, 3, 42, 0, 0))
capture.write()

# ── syslog ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("syslog/streams-and-unusual-ports.pcap")
server = capture.host("d4:be:d9:0a:00:30", "10.84.0.48")
switch = capture.host("00:1e:13:0a:00:31", "10.84.0.49", 255)
firewall = capture.host("00:09:0f:0a:00:32", "10.84.0.50")
rtu = capture.host("00:30:a7:0a:00:33", "10.84.0.51")
with capture.tcp(firewall, 50001, server, 514, opened=False) as talk:
    for number in range(3):
        talk.client(b"<134>Mar  2 08:00:0%d fw-cell-3 kernel: accepted\n" % number)
with capture.tcp(rtu, 50002, server, 601) as talk:
    one = b"<165>1 2026-03-02T08:00:00Z rtu-north iecd 12 - - station up"
    talk.client(b"%d " % len(one) + one + b"%d " % len(one) + one)
capture.udp(switch, 50003, server, 5514, b"<189>29: *Mar  2 08:00:00.123: %SYS-5-CONFIG_I: Configured from console")
capture.udp(rtu, 50004, server, 5514, b"<13>Mar  2 08:00:05 rtu-north iecd[12]: link up")
capture.write()

# ── IPMI ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("ipmi/controllers-open-and-shut.pcap")
admin = capture.host("d4:be:d9:0a:00:40", "10.84.0.64")
old = capture.host("00:25:90:0a:00:41", "10.84.0.65")
new = capture.host("00:25:90:0a:00:42", "10.84.0.66")


def rmcp(body):
    return b"\x06\x00\xff\x07" + body


def total(data):
    return -sum(data) & 0xFF


def message(to, function, sender, sequence, command, data):
    head = bytes([to, function << 2])
    rest = bytes([sender, sequence << 2, command]) + data
    return head + bytes([total(head)]) + rest + bytes([total(rest)])


def ask(command, data=b"", function=6):
    body = message(0x20, function, 0x81, 1, command, data)
    return rmcp(bytes(9) + bytes([len(body)]) + body)


def answer(command, data, function=7):
    body = message(0x81, function, 0x20, 1, command, b"\0" + data)
    return rmcp(bytes(9) + bytes([len(body)]) + body)


def plus(kind, body, session=0, sequence=0):
    return rmcp(struct.pack("<BBIIH", 6, kind, session, sequence, len(body)) + body)


ASF = struct.pack("!I", 4542)
for controller in (old, new):
    capture.udp(admin, 50000, controller, 623, b"\x06\x00\xff\x06" + ASF + b"\x80\x01\0\0")
    capture.udp(controller, 623, admin, 50000, b"\x06\x00\xff\x06" + ASF + b"\x40\x01\0\x10" + ASF + bytes(4) + b"\x81\0" + bytes(6))
# The old one: anonymous and null users, type none; the new one: RMCP+ alone, named users.
capture.udp(admin, 50001, old, 623, ask(0x38, b"\x8e\x04"))
capture.udp(old, 623, admin, 50001, answer(0x38, bytes([1, 0x97, 0x07, 3, 0, 0, 0, 0])))
capture.udp(admin, 50001, new, 623, ask(0x38, b"\x8e\x04"))
capture.udp(new, 623, admin, 50001, answer(0x38, bytes([1, 0x80, 0x04, 2, 0, 0, 0, 0])))
DEVICE = bytes([0x20, 0x81, 0x03, 0x88, 0x02, 0xBF]) + (10876).to_bytes(3, "little") + (0x0832).to_bytes(2, "little") + bytes(4)
capture.udp(admin, 50002, old, 623, ask(0x01))
capture.udp(old, 623, admin, 50002, answer(0x01, DEVICE))
capture.udp(admin, 50002, old, 623, ask(0x37))
capture.udp(old, 623, admin, 50002, answer(0x37, bytes.fromhex("31303043000400048000ac1f6b0a0041")))


def algorithms(*numbers):
    return b"".join(bytes([kind, 0, 0, 8, number, 0, 0, 0]) for kind, number in enumerate(numbers))


def log_in(controller, port, suite, user, status):
    capture.udp(admin, port, controller, 623, plus(0x10, b"\0\0\0\0" + struct.pack("<I", 0xA0) + algorithms(*suite)))
    capture.udp(controller, 623, admin, port, plus(0x11, b"\0\0\x04\0" + struct.pack("<II", 0xA0, 0x02) + algorithms(*suite)))
    capture.udp(admin, port, controller, 623, plus(0x12, b"\0\0\0\0" + struct.pack("<I", 0x02) + bytes(range(16)) + b"\x04\0\0" + bytes([len(user)]) + user))
    digest = bytes(range(20)) if suite[0] else b""
    guid = controller.ip_bytes * 4
    capture.udp(controller, 623, admin, port, plus(0x13, b"\0\0\0\0" + struct.pack("<I", 0xA0) + bytes(range(16)) + guid + digest))
    capture.udp(admin, port, controller, 623, plus(0x14, b"\0\0\0\0" + struct.pack("<I", 0x02) + digest))
    capture.udp(controller, 623, admin, port, plus(0x15, bytes([0, status, 0, 0]) + struct.pack("<I", 0xA0) + digest[:12]))


log_in(old, 50003, (0, 0, 0), b"", 0)
power = message(0x20, 0, 0x81, 2, 0x02, b"\x03")
capture.udp(admin, 50003, old, 623, plus(0, power, 2, 3))
capture.udp(old, 623, admin, 50003, plus(0, message(0x81, 1, 0x20, 2, 0x02, b"\0"), 0xA0, 3))
password = b"\x02\x02LABSECRET-bmc".ljust(18, b"\0")
capture.udp(admin, 50003, old, 623, plus(0, message(0x20, 6, 0x81, 3, 0x47, password), 2, 4))
log_in(new, 50004, (3, 4, 1), b"operator", 0)
capture.udp(admin, 50004, new, 623, plus(0xC0, bytes(range(32)), 2, 5))
log_in(new, 50005, (3, 4, 1), b"guest", 0x0D)
capture.write()
