"""SOME/IP with service discovery (AUTOSAR PRS): a camera offers, a head unit subscribes and asks."""
import struct

from wire import Capture

CAMERA, LAMPS = 0x1234, 0x1301


def message(service, method, client, session, kind, body, interface=1, code=0):
    return struct.pack("!HHIHHBBBB", service, method, len(body) + 8, client, session, 1, interface, kind, code) + body


def discovery(session, entries, options=b""):
    entries = b"".join(entries)
    body = struct.pack("!B3xI", 0xC0, len(entries)) + entries + struct.pack("!I", len(options)) + options
    return message(0xFFFF, 0x8100, 0, session, 2, body)


def entry(kind, service, instance, major, ttl, minor, options=(0, 0)):
    return struct.pack("!BBBBHHII", kind, 0, 0, options[0] << 4 | options[1], service, instance, major << 24 | ttl, minor)


def endpoint(host, port, transport=17):
    return struct.pack("!HBB4sBBH", 9, 4, 0, host.ip_bytes, 0, transport, port)


def configuration(text):
    texts = bytes([len(text)]) + text.encode() + b"\0"
    return struct.pack("!HBB", len(texts) + 1, 1, 0) + texts


capture = Capture("someipsd/offer-subscribe-call.pcap")
camera, head = capture.host("02:7d:fa:0b:00:50", "172.16.4.50"), capture.host("02:7d:fa:0b:00:51", "172.16.4.51")
group = capture.group("224.244.224.245")
options = endpoint(camera, 30501) + configuration("hostname=camera-front")
capture.udp(head, 30490, group, 30490, discovery(1, [entry(0, CAMERA, 0xFFFF, 0xFF, 3, 0xFFFFFFFF)]))
for session in range(1, 5):
    offers = [entry(1, CAMERA, 1, 2, 3, 4, (1, 1)), entry(1, LAMPS, 1, 1, 3, 0, (1, 0))]
    capture.udp(camera, 30490, group, 30490, discovery(session, offers, options))
    capture.wait(1)
capture.udp(head, 30490, camera, 30490, discovery(2, [entry(6, CAMERA, 1, 2, 3, 0x0005, (1, 0))], endpoint(head, 30502)))
capture.udp(camera, 30490, head, 30490, discovery(5, [entry(7, CAMERA, 1, 2, 3, 0x0005)]))
for session in range(1, 20):
    capture.udp(head, 30502, camera, 30501, message(CAMERA, 0x0021, 0x0010, session, 0, b"\x01\x02"))
    capture.udp(camera, 30501, head, 30502, message(CAMERA, 0x0021, 0x0010, session, 0x80, b"\x00\x00\x00\x2a"))
    capture.udp(camera, 30501, head, 30502, message(CAMERA, 0x8005, 0, session, 2, bytes(range(32))))
with capture.tcp(head, 50020, camera, 30503) as talk:
    talk.client(message(LAMPS, 0x0001, 0x0010, 1, 0, b"\x01"))
    talk.server(message(LAMPS, 0x0001, 0x0010, 1, 0x81, b"", code=0x02))
capture.write()
