"""What findings are about and no recorded plant shows: conflicts of identity, a way to the internet, certificates that are wrong.

Six captures. `weakness/identities-and-zones.pcap`: a cell (10.91.0.0/24), an office (10.91.1.0/24) and a router to the internet.
`weakness/certificates-and-keys.pcap`: TLS 1.2 (RFC 5246), X.509 (RFC 5280) and SSH (RFC 4253) servers. Keys are made of digests, signatures
mean nothing; nobody could log in with either. `weakness/unread.pcap`: a protocol of nobody's. `weakness/newcomers.pcap`: a plant of
two days, and who comes on the second. `weakness/secrets.pcap`: secrets, each made for this, in protocols that no other capture shows with
one. `weakness/classic-opc.pcap`: classic OPC below and at packet integrity.
"""
import base64
import hashlib
import struct
import uuid

from ber import integer, oid, tlv
from wire import Capture, checksum, mac_bytes

# ── identities and zones ────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("weakness/identities-and-zones.pcap")
router = capture.host("00:90:e8:0c:00:01", "10.91.0.1")
station = capture.host("d4:be:d9:0c:00:06", "10.91.0.6", ttl=128)
press = capture.host("00:80:f4:0c:00:11", "10.91.0.11")
mixer = capture.host("00:80:f4:0c:00:12", "10.91.0.12")
odd = capture.host("36:1c:9a:0c:00:13", "10.91.0.13")
thief = capture.host("00:1b:1b:0c:00:12", "10.91.0.12")
twins = [capture.host(mac, ip) for mac, ip in (("00:00:bc:0c:00:21", "10.91.0.21"), ("00:1d:9c:0c:00:22", "10.91.0.22"))]
s7 = capture.host("28:63:36:0c:00:30", "10.91.0.30")
# What the router hands on bears its address and a TTL that is one less for each hop.
office = capture.host(router.mac, "10.91.1.40", ttl=127)
printer = capture.host("00:1b:a9:0c:00:50", "10.91.0.50")
cloud, resolver, stranger = (capture.host(router.mac, ip, ttl=52) for ip in ("52.166.1.1", "9.9.9.9", "81.2.69.142"))


def arp(operation, sender, target, target_mac="00:00:00:00:00:00", to="ff:ff:ff:ff:ff:ff"):
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + mac_bytes(sender.mac) + sender.ip_bytes + mac_bytes(target_mac) + target.ip_bytes
    capture.frame(sender.mac, to, 0x0806, body)


def modbus(transaction, unit, pdu):
    return struct.pack("!HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def identification(revision):
    objects = [(0, b"Schneider Electric"), (1, b"BMXP342020"), (2, revision)]
    body = b"".join(bytes([number, len(text)]) + text for number, text in objects)
    return b"\x2b\x0e\x01\x01\x00\x00" + bytes([len(objects)]) + body


for one in (station, press, mixer, odd, *twins, s7, printer):
    arp(1, one, one)
    arp(1, one, router)
    arp(2, router, one, one.mac, one.mac)

# Firmware is changed between two visits of the engineering station, and polling goes on.
for visit, revision in enumerate((b"V2.70", b"V3.20")):
    with capture.tcp(station, 50010 + visit, press, 502) as talk:
        talk.client(modbus(1, 0, b"\x2b\x0e\x01\x00"))
        talk.server(modbus(1, 0, identification(revision)))
        talk.client(modbus(2, 0, b"\x03\x00\x00\x00\x02"))
        talk.server(modbus(2, 0, b"\x03\x04\x00\x01\x00\x02"))
    capture.wait(600)

# A controller whose only address was chosen by software; one address that two hold; two that show one serial number.
with capture.tcp(station, 50020, odd, 502) as talk:
    talk.client(modbus(1, 1, b"\x03\x00\x00\x00\x01"))
    talk.server(modbus(1, 1, b"\x03\x02\x00\x07"))
for _ in range(3):
    arp(1, mixer, mixer)
    arp(1, thief, thief)
    arp(2, mixer, station, station.mac, station.mac)
    arp(2, thief, station, station.mac, station.mac)
    capture.wait(20)


def list_identity(host):
    name = b"1756-L61/B LOGIX5561"
    address = struct.pack("!HH4s8x", 2, 44818, host.ip_bytes)
    item = struct.pack("<H", 1) + address + struct.pack("<HHHBBHI", 1, 14, 54, 20, 11, 0x3160, 0x00C0FFEE) + bytes([len(name)]) + name + b"\x03"
    body = struct.pack("<HHH", 1, 0x000C, len(item)) + item
    return struct.pack("<HHII8sI", 0x63, len(body), 0, 0, b"weakness", 0) + body


def ask_identity():
    return struct.pack("<HHII8sI", 0x63, 0, 0, 0, b"weakness", 0)


for _ in range(2):
    for twin in twins:
        capture.udp(station, 50030, twin, 44818, ask_identity())
        capture.udp(twin, 44818, station, 50030, list_identity(twin))
    capture.wait(5)


# S7: protection level 1 (SZL 0x0232 index 4), as in "Status list" of the S7-300/400 system manual.
def tpkt(payload):
    return struct.pack("!BBH", 3, 0, len(payload) + 4) + payload


def data(payload):
    return tpkt(b"\x02\xf0\x80" + payload)


def szl_request(number, index):
    parameter = bytes.fromhex("0001120411440100")
    body = b"\xff\x09\x00\x04" + struct.pack("!HH", number, index)
    return data(struct.pack("!BBHHHH", 0x32, 7, 0, 5, len(parameter), len(body)) + parameter + body)


def szl_answer(number, index, records, size):
    parameter = bytes.fromhex("000112081284010100000000")
    body = struct.pack("!HHHH", number, index, size, len(records) // size) + records
    body = b"\xff\x09" + struct.pack("!H", len(body)) + body
    return data(struct.pack("!BBHHHH", 0x32, 7, 0, 5, len(parameter), len(body)) + parameter + body)


with capture.tcp(station, 50040, s7, 102) as talk:
    talk.client(tpkt(bytes.fromhex("11e00000000100c0010ac1020100c2020102")))
    talk.server(tpkt(bytes.fromhex("11d00001000200c0010ac1020100c2020102")))
    talk.client(data(bytes.fromhex("320100000400000800 00f0000001000101e0".replace(" ", ""))))
    talk.server(data(bytes.fromhex("3203000004000008000000 00f0000001000100f0".replace(" ", ""))))
    talk.client(szl_request(0x0232, 4))
    levels = struct.pack("!HHHHHH", 4, 1, 0, 1, 2, 0) + b"\0" * 28
    talk.server(szl_answer(0x0232, 4, levels, 40))

# An engineering station in the office programs by CODESYS across the router, and prints in the cell.


with capture.tcp(office, 50050, printer, 9100) as talk:
    talk.client(b"\x1b%-12345X@PJL JOB NAME=\"shift report\"\r\n@PJL INFO ID\r\n")
    talk.server(b"@PJL INFO ID\r\n\"HL-L5210DN series\"\r\n\x0c")
    talk.client(b"@PJL ENTER LANGUAGE=PCL\r\n\x1bEshift report\x1bE\x1b%-12345X")

# A panel is asked across the router (Crimson 3), and a broker for everything (MQTT 3.1.1 section 3.8).
def crimson(register, kind, value=b""):
    body = struct.pack("!HBB", register, kind, 0) + value
    return struct.pack("!H", len(body)) + body


panel = capture.host("00:05:e4:0c:00:51", "10.91.0.51")
broker = capture.host("52:54:00:0c:00:52", "10.91.0.52")
with capture.tcp(office, 50052, panel, 789) as talk:
    talk.client(crimson(0x012B, 0x1B))
    talk.server(crimson(0x012B, 3, b"Red Lion Controls\0"))
    talk.client(crimson(0x012A, 0x1A))
    talk.server(crimson(0x012A, 3, b"G310\0"))
with capture.tcp(station, 50053, broker, 1883) as talk:
    talk.client(b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x07laptop7")
    talk.server(b"\x20\x02\x00\x00")
    talk.client(b"\x82\x06\x00\x01\x00\x01#\x00")
    talk.server(b"\x90\x03\x00\x01\x00")


# A deprecated policy (OPC 10000-7 section 6.6.163) and an NTLMv1 response (MS-NLMP section 2.2.2.6) that no password is behind.
def opcua_text(value):
    return struct.pack("<i", -1) if value is None else struct.pack("<i", len(value)) + value


def opcua(kind, body):
    return kind + struct.pack("<I", 8 + len(body)) + body


POLICY = b"http://opcfoundation.org/UA/SecurityPolicy#Basic256"
historian = capture.host("52:54:00:0c:00:54", "10.91.0.54")
with capture.tcp(station, 50054, historian, 4840) as talk:
    talk.client(opcua(b"HELF", struct.pack("<IIIII", 0, 65536, 65536, 0, 0) + opcua_text(b"opc.tcp://10.91.0.54:4840")))
    talk.server(opcua(b"ACKF", struct.pack("<IIIII", 0, 65536, 65536, 0, 0)))
    for side in (0, 1):
        sealed = hashlib.sha512(bytes([side])).digest() * 4
        head = struct.pack("<I", 7 * side) + opcua_text(POLICY) + opcua_text(b"0\x82\x00\x01") + opcua_text(hashlib.sha1(b"station").digest())
        talk.send(side, opcua(b"OPNF", head + sealed))


def ntlm(response):
    domain, user, workstation = (text.encode("utf-16-le") for text in ("PLANT", "operator", "ENG-WS09"))
    fields, payload = b"", b""
    for value in (b"\0" * 24, response, domain, user, workstation, b""):
        fields += struct.pack("<HHI", len(value), len(value), 64 + len(payload))
        payload += value
    return b"NTLMSSP\0" + struct.pack("<I", 3) + fields + struct.pack("<I", 0x00000201) + payload


with capture.tcp(station, 50055, historian, 80) as talk:
    for number, token in enumerate((b"NTLMSSP\0" + struct.pack("<II16x", 1, 0x00000207), ntlm(hashlib.sha256(b"response").digest()[:24]))):
        talk.client(b"GET /reports HTTP/1.1\r\nHost: historian\r\nAuthorization: NTLM " + base64.b64encode(token) + b"\r\n\r\n")
        challenge = b"NTLMSSP\0" + struct.pack("<IHHIIQ8xHHI", 2, 0, 0, 48, 0x00000201, 0x0123456789ABCDEF, 0, 0, 48)
        answer = b"HTTP/1.1 200 OK\r\n" if number else b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM " + base64.b64encode(challenge) + b"\r\n"
        talk.server(answer + b"Server: Microsoft-IIS/8.5\r\nContent-Length: 0\r\n\r\n")

# A camera's page takes the log-in that its maker set (RFC 7617), and a switch lets a device in by its MAC address (RFC 2865).
camera = capture.host("44:19:b6:0c:00:56", "10.91.0.56")
with capture.tcp(station, 50056, camera, 80) as talk:
    talk.client(b"GET /device HTTP/1.1\r\nHost: camera\r\nAuthorization: Basic " + base64.b64encode(b"admin:admin") + b"\r\n\r\n")
    talk.server(b"HTTP/1.1 200 OK\r\nServer: App-webs/\r\nContent-Length: 2\r\n\r\n{}")


def attributes(*pairs):
    return b"".join(bytes([kind, len(value) + 2]) + value for kind, value in pairs)


switch, radius = capture.host("00:1b:0d:0c:00:57", "10.91.0.57"), capture.host("52:54:00:0c:00:58", "10.91.0.58")
bypass = attributes((1, b"001ba90c0050"), (6, struct.pack("!I", 10)), (4, switch.ip_bytes), (31, b"00-1B-A9-0C-00-50"), (80, hashlib.md5(b"bypass").digest()))
capture.udp(switch, 50057, radius, 1812, struct.pack("!BBH", 1, 7, 20 + len(bypass)) + hashlib.md5(b"request").digest() + bypass)
let_in = attributes((80, hashlib.md5(b"let in").digest()))
capture.udp(radius, 1812, switch, 50057, struct.pack("!BBH", 2, 7, 20 + len(let_in)) + hashlib.md5(b"answer").digest() + let_in)

# A laptop asks ten addresses for what they are.
for number in range(10):
    target = capture.host(f"00:80:f4:0c:01:{number:02x}", f"10.91.0.{100 + number}")
    with capture.tcp(thief, 50060 + number, target, 502) as talk:
        talk.client(modbus(1, 0, b"\x2b\x0e\x01\x00"))
        talk.server(modbus(1, 0, identification(b"V2.70")))

# The press asks a name server and a service in the internet; the internet asks the press.
question = struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + b"\x05press\x07example\x03com\0" + struct.pack("!HH", 1, 1)
answer = struct.pack("!HHHHHH", 0x1234, 0x8180, 1, 1, 0, 0) + question[12:] + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 300, 4) + cloud.ip_bytes
capture.udp(press, 50070, resolver, 53, question)
capture.udp(resolver, 53, press, 50070, answer)
with capture.tcp(press, 50071, cloud, 80) as talk:
    talk.client(b"POST /telemetry HTTP/1.1\r\nHost: press.example.com\r\nContent-Length: 2\r\n\r\n{}")
    talk.server(b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n")
with capture.tcp(stranger, 50072, press, 502) as talk:
    talk.client(modbus(1, 0, b"\x03\x00\x00\x00\x02"))
    talk.server(modbus(1, 0, b"\x03\x04\x00\x01\x00\x02"))

# Somebody looks at the press by VNC: RFC 6143, no authentication (section 7.2.1).
with capture.tcp(office, 50073, press, 5900) as talk:
    talk.server(b"RFB 003.008\n")
    talk.client(b"RFB 003.008\n")
    talk.server(b"\x01\x01")
    talk.client(b"\x01")
    talk.server(b"\0\0\0\0")
    talk.client(b"\x01")
    talk.server(struct.pack("!HH", 1024, 768) + bytes.fromhex("2018000100ff00ff00ff100800000000") + struct.pack("!I", 7) + b"press-7")

# Two DHCP servers answer one client (RFC 2131).
client = capture.host("00:80:f4:0c:00:60", "0.0.0.0")
everybody = capture.group("255.255.255.255")


def dhcp(operation, kind, own, options):
    head = struct.pack("!BBBBIHH4s4s4s4s6s10x64x128x", operation, 1, 6, 0, 0x91919191, 0, 0x8000, b"\0" * 4, own, b"\0" * 4, b"\0" * 4, mac_bytes(client.mac))
    return head + b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + options + b"\xff"


capture.udp(client, 68, everybody, 67, dhcp(1, 1, b"\0" * 4, bytes([55, 3, 1, 3, 6])))
for server, own in ((router, b"\x0a\x5b\0\x3c"), (thief, b"\x0a\x5b\0\x3d")):
    capture.udp(server, 67, everybody, 68, dhcp(2, 2, own, bytes([54, 4]) + server.ip_bytes + bytes([51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0])))
capture.write()

# ── certificates and keys ───────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("weakness/certificates-and-keys.pcap")
visitor = capture.host("d4:be:d9:0d:00:06", "10.92.0.6")


def made(text, size):
    """Bytes that are no key of anybody."""
    out = b""
    while len(out) < size:
        out += hashlib.sha256(f"{text} {len(out)}".encode()).digest()
    return b"\x80" + out[1:size - 1] + b"\x01"


def named(common_name):
    return tlv(0x30, tlv(0x31, tlv(0x30, oid("2.5.4.3"), tlv(0x0C, common_name.encode()))))


def utc(text):
    return tlv(0x17, text.encode())


def certificate(common_name, issuer, key, until, authority=False):
    rsa = tlv(0x30, oid("1.2.840.113549.1.1.1"), tlv(0x05))
    public = tlv(0x30, rsa, tlv(0x03, b"\0", tlv(0x30, integer(int.from_bytes(made(key, 256), "big")), integer(65537))))
    signature = tlv(0x30, oid("1.2.840.113549.1.1.11"), tlv(0x05))
    constraints = tlv(0x30, oid("2.5.29.19"), tlv(0x01, b"\xff"), tlv(0x04, tlv(0x30, tlv(0x01, b"\xff")) if authority else tlv(0x30)))
    serial = int.from_bytes(hashlib.sha256(common_name.encode()).digest()[:8], "big")
    body = tlv(0x30, tlv(0xA0, integer(2)), integer(serial), signature, named(issuer), tlv(0x30, utc("251201000000Z"), utc(until)), named(common_name), public, tlv(0xA3, tlv(0x30, constraints)))
    return tlv(0x30, body, signature, tlv(0x03, b"\0", made(f"signature of {common_name}", 256)))


def handshake(kind, body):
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def record(kind, body):
    return struct.pack("!BHH", kind, 0x0303, len(body)) + body


def tls(host, port, suite, chain):
    hello = b"\x03\x03" + made("client", 32) + b"\0" + struct.pack("!H", 8) + struct.pack("!HHHH", 0xC02F, 0x002F, 0x000A, 0x0005) + b"\x01\0"
    chosen = b"\x03\x03" + made(f"server {host.ip}", 32) + b"\0" + struct.pack("!H", suite) + b"\0"
    certificates = b"".join(len(one).to_bytes(3, "big") + one for one in chain)
    with capture.tcp(visitor, port, host, 443) as talk:
        talk.client(record(22, handshake(1, hello)))
        talk.server(record(22, handshake(2, chosen) + handshake(11, len(certificates).to_bytes(3, "big") + certificates) + handshake(14, b"")))
        talk.client(record(22, handshake(16, b"\x01\0" + made("exchange", 256))) + record(20, b"\x01") + record(22, made("finished", 40)))
        talk.server(record(20, b"\x01") + record(22, made("finished", 40)))
        talk.client(record(23, made("request", 64)))
        talk.server(record(23, made("answer", 64)))


ISSUER = "Plant Issuing CA"
cameras = [capture.host(f"44:19:b6:0d:00:{number:02x}", f"10.92.0.{number}") for number in (21, 22)]
for number, camera in enumerate(cameras):
    # One key from the factory in both, and forward secrecy in neither.
    tls(camera, 50100 + number, 0x002F, [certificate(f"camera-{number + 1}", ISSUER, "factory", "350101000000Z")])
recorder = capture.host("00:11:32:0d:00:31", "10.92.0.31")
tls(recorder, 50110, 0x0005, [certificate("recorder", ISSUER, "recorder", "260320000000Z")])
gateway = capture.host("00:90:e8:0d:00:41", "10.92.0.41")
tls(gateway, 50120, 0xC02F, [certificate("gateway", "Plant Root CA", "gateway", "340101000000Z", authority=True)])


# ── SSH ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
def text(value):
    return struct.pack("!I", len(value)) + value


def packet(payload):
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    return struct.pack("!IB", len(payload) + padding + 1, padding) + payload + b"\0" * padding


def offer(who):
    lists = [b"curve25519-sha256", b"ssh-rsa,ssh-dss", b"aes128-ctr", b"aes128-ctr", b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none", b"", b""]
    return b"\x14" + made(who, 16) + b"".join(map(text, lists)) + b"\0" + b"\0" * 4


def number(size, name):
    return text(b"\0" + made(name, size))


def rsa_key(name, size):
    return text(b"ssh-rsa") + text(b"\x01\0\x01") + number(size, name)


def dss_key(name):
    return text(b"ssh-dss") + number(128, name + " p") + number(20, name + " q") + number(128, name + " g") + number(128, name + " y")


def ssh(host, port, key):
    with capture.tcp(visitor, port, host, 22) as talk:
        talk.server(b"SSH-2.0-dropbear_0.52\r\n")
        talk.client(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
        talk.client(packet(offer("visitor")))
        talk.server(packet(offer(host.ip)))
        talk.client(packet(b"\x1e" + text(made("ephemeral", 32))))
        talk.server(packet(b"\x1f" + text(key) + text(made("server ephemeral", 32)) + text(text(b"ssh-rsa") + text(made("signature", 128)))) + packet(b"\x15"))
        talk.client(packet(b"\x15"))


for number_of, camera in enumerate(cameras):
    ssh(camera, 50130 + number_of, rsa_key("factory", 128))
ssh(recorder, 50140, rsa_key("recorder", 256))
capture.wait(86_400)
ssh(recorder, 50141, rsa_key("recorder, reset", 256))
ssh(gateway, 50142, dss_key("gateway"))
capture.write()

# ── what nobody reads ───────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("weakness/unread.pcap")
one, other = capture.host("00:80:f4:0e:00:11", "10.93.0.11"), capture.host("00:80:f4:0e:00:12", "10.93.0.12")
with capture.tcp(one, 50200, other, 30999) as talk:
    for turn in range(12):
        talk.send(turn % 2, b"".join(hashlib.sha256(f"{turn} {part}".encode()).digest() for part in range(20)))
capture.write()

# ── who comes on the second day ─────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("weakness/newcomers.pcap")
station, scada = capture.host("d4:be:d9:0f:00:06", "10.94.0.6", ttl=128), capture.host("52:54:00:0f:00:07", "10.94.0.7")
press, rtu = capture.host("00:80:f4:0f:00:11", "10.94.0.11"), capture.host("00:30:a7:0f:00:31", "10.94.0.31")
safety = capture.host("28:63:36:0f:00:41", "10.94.0.41")


def poll(client, port, server, value=7):
    with capture.tcp(client, port, server, 502) as talk:
        talk.client(modbus(1, 1, b"\x03\x00\x00\x00\x01"))
        talk.server(modbus(1, 1, b"\x03\x02" + struct.pack("!H", value)))


# IEC 60870-5-104 section 5: start, one single command (type 45, cause 6), its confirmation (cause 7); station 3, point 1001.
def command(client, port, server):
    def command_of(sent, received, cause):
        asdu = struct.pack("<BBBBH", 45, 1, cause, 0, 3) + (1001).to_bytes(3, "little") + b"\x01"
        return struct.pack("<BBHH", 0x68, 4 + len(asdu), sent << 1, received << 1) + asdu

    with capture.tcp(client, port, server, 2404) as talk:
        talk.client(bytes.fromhex("680407000000"))
        talk.server(bytes.fromhex("68040b000000"))
        talk.client(command_of(0, 0, 6))
        talk.server(command_of(0, 1, 7))


def s7_session(talk):
    talk.client(tpkt(bytes.fromhex("11e00000000100c0010ac1020100c2020102")))
    talk.server(tpkt(bytes.fromhex("11d00001000200c0010ac1020100c2020102")))
    talk.client(data(bytes.fromhex("32010000040000080000f0000001000101e0")))
    talk.server(data(bytes.fromhex("320300000400000800000000f0000001000100f0")))


for one in (station, scada, press, rtu, safety):
    arp(1, one, one)
poll(station, 50300, press)
command(scada, 50301, rtu)
# The order number of an F-CPU (SZL 0x0011): "System Software for S7-300/400, System and Standard Functions", chapter 34.
with capture.tcp(station, 50302, safety, 102) as talk:
    s7_session(talk)
    talk.client(szl_request(0x0011, 1))
    talk.server(szl_answer(0x0011, 1, struct.pack("!H20sHHH", 1, b"6ES7 315-2FJ14-0AB0 ", 192, 4, 1), 28))

capture.wait(86_400)
laptop, camera = capture.host("d4:be:d9:0f:00:99", "10.94.0.99", ttl=128), capture.host("44:19:b6:0f:00:56", "10.94.0.56")
for one in (station, scada, press, rtu, safety, laptop, camera):
    arp(1, one, one)
poll(station, 50310, press, 8)
poll(laptop, 50311, press, 8)
command(scada, 50312, rtu)
command(laptop, 50313, rtu)

# The camera's page, so that it is known for one; then it loads a block into the safety controller (job 0x1a).
with capture.tcp(station, 50314, camera, 80) as talk:
    talk.client(b"GET / HTTP/1.1\r\nHost: camera\r\n\r\n")
    talk.server(b"HTTP/1.1 200 OK\r\nServer: App-webs/\r\nContent-Length: 0\r\n\r\n")
with capture.tcp(camera, 50315, safety, 102) as talk:
    s7_session(talk)
    request = b"\x1a\x00\x01\x00\x00\x00\x00\x00\x09_0A00001P\x0d1000334000284"
    talk.client(data(struct.pack("!BBHHHH", 0x32, 1, 0, 9, len(request), 0) + request))
    talk.server(data(struct.pack("!BBHHHHBB", 0x32, 3, 0, 9, 1, 0, 0, 0) + b"\x1a"))


# An access point tells its switch what it is (IEEE 802.1AB section 8.5: chassis, port, time to live, name, what it does).
def lldp(kind, value):
    return struct.pack("!H", kind << 9 | len(value)) + value


radio = "f0:9f:c2:0f:00:50"
tlvs = lldp(1, b"\x04" + mac_bytes(radio)) + lldp(2, b"\x03" + mac_bytes(radio)) + lldp(3, b"\x00\x78")
tlvs += lldp(5, b"ap-hall-1") + lldp(7, struct.pack("!HH", 0x000C, 0x0008)) + lldp(8, b"\x05\x01\x0a\x5e\x00\x50\x02\x00\x00\x00\x01\x00")
capture.frame(radio, "01:80:c2:00:00:0e", 0x88CC, tlvs + lldp(0, b""))


# The station has IPv6 (RFC 4861 section 4.4: a neighbour advertisement to all nodes, and its answer to a solicitation).
def ipv6(source, target, target_mac, body):
    pseudo = source + target + struct.pack("!II", len(body), 58)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    capture.frame(station.mac, target_mac, 0x86DD, struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + source + target + body)


own = bytes.fromhex("fe80000000000000d6bed9fffe0f0006")
everybody = bytes.fromhex("ff020000000000000000000000000001")
ipv6(own, everybody, "33:33:00:00:00:01", b"\x88\x00\x00\x00\x20\x00\x00\x00" + own + b"\x02\x01" + mac_bytes(station.mac))
capture.write()

# ── secrets in the clear ────────────────────────────────────────────────────────────────────────────────────────────────────
capture = Capture("weakness/secrets.pcap")
client, server = capture.host("d4:be:d9:10:00:06", "10.95.0.6", ttl=128), capture.host("52:54:00:10:00:20", "10.95.0.20")
phone, controller = capture.host("80:5e:c0:10:00:30", "10.95.0.30"), capture.host("28:63:36:10:00:41", "10.95.0.41")
for one in (client, server, phone, controller):
    arp(1, one, one)

# An API key, a bearer token (RFC 6750 section 2.1) and a proxy's log-in (RFC 9110 section 11.7.2).
with capture.tcp(client, 50400, server, 80) as talk:
    for field in (b"X-API-Key: LABSECRET-apikey", b"Authorization: Bearer LABSECRET-bearer", b"Proxy-Authorization: Basic " + base64.b64encode(b"admin:LABSECRET-proxy")):
        talk.client(b"GET /api/state HTTP/1.1\r\nHost: server\r\n" + field + b"\r\n\r\n")
        talk.server(b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 2\r\n\r\n{}")

# A phone registers by Basic, which RFC 3261 section 22 forbids.
register = b"REGISTER sip:10.95.0.20 SIP/2.0\r\nVia: SIP/2.0/UDP 10.95.0.30:5060;branch=z9hG4bK7\r\nFrom: <sip:12@10.95.0.20>;tag=7\r\n"
register += b"To: <sip:12@10.95.0.20>\r\nCall-ID: 7@10.95.0.30\r\nCSeq: 2 REGISTER\r\nContact: <sip:12@10.95.0.30>\r\n"
register += b"Authorization: Basic " + base64.b64encode(b"12:LABSECRET-sip") + b"\r\nContent-Length: 0\r\n\r\n"
capture.udp(phone, 5060, server, 5060, register)
capture.udp(server, 5060, phone, 5060, register.replace(b"REGISTER sip:10.95.0.20 SIP/2.0", b"SIP/2.0 200 OK").replace(b"Authorization: Basic " + base64.b64encode(b"12:LABSECRET-sip") + b"\r\n", b""))


# SMB 1 without encrypted passwords (MS-CIFS sections 2.2.4.52 and 2.2.4.53).
def smb(command, reply, words, data):
    head = b"\xffSMB" + bytes([command]) + b"\0" * 4 + bytes([0x98 if reply else 0x18]) + b"\x03\x80" + b"\0" * 20
    body = head + bytes([len(words) // 2]) + words + struct.pack("<H", len(data)) + data
    return struct.pack("!I", len(body)) + body


def wide(value):
    return value.encode("utf-16-le") + b"\0\0"


with capture.tcp(client, 50401, server, 445) as talk:
    talk.client(smb(0x72, False, b"", b"\x02NT LM 0.12\0"))
    talk.server(smb(0x72, True, b"\0\0\x01" + b"\0" * 30 + b"\x08", b"\x07" * 8 + wide("PLANT") + wide("SERVER")))
    typed = b"LABSECRET-smb\0"
    words = b"\xff\0\0\0" + b"\0" * 10 + struct.pack("<HH", len(typed), 0) + b"\0" * 8
    talk.client(smb(0x73, False, words, typed + b"\0" * ((1 + len(typed)) % 2) + wide("operator") + wide("PLANT") + wide("Windows 5.1") + wide("LM 5")))
    talk.server(smb(0x73, True, b"\xff\0\0\0\0\0", b"\0" + wide("Unix") + wide("Samba") + wide("PLANT")))

# A service that says its own log-in (DNS-SD, RFC 6763 section 6.4: keys u and p of _http._tcp).
owner = b"\x06server\x05_http\x04_tcp\x05local\0"
strings = b"".join(bytes([len(one)]) + one for one in (b"u=admin", b"p=LABSECRET-dnssd", b"path=/"))
answers = owner + struct.pack("!HHIH", 33, 0x8001, 120, 15) + struct.pack("!HHH", 0, 0, 80) + b"\x07server1\0"
answers += owner + struct.pack("!HHIH", 16, 0x8001, 120, len(strings)) + strings
capture.udp(server, 5353, capture.group("224.0.0.251"), 5353, struct.pack("!HHHHHH", 0, 0x8400, 0, 2, 0, 0) + answers)

# A controller is asked with a password (userdata, group 5, function 1): masked with 0x55 and with what stands two bytes before.
masked = bytearray()
for at, byte in enumerate(b"LABSECRE"):
    masked.append(byte ^ 0x55 ^ (masked[at - 2] if at > 1 else 0))
with capture.tcp(client, 50402, controller, 102) as talk:
    s7_session(talk)
    parameter, body = bytes.fromhex("0001120411450100"), b"\xff\x09\x00\x08" + bytes(masked)
    talk.client(data(struct.pack("!BBHHHH", 0x32, 7, 0, 6, len(parameter), len(body)) + parameter + body))
    parameter, body = bytes.fromhex("000112081285010100000000"), b"\x0a\0\0\0"
    talk.server(data(struct.pack("!BBHHHH", 0x32, 7, 0, 6, len(parameter), len(body)) + parameter + body))
capture.write()

# ── classic OPC ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
# DCE/RPC over TCP: C706 chapter 12.6, MS-RPCE section 2.2.2.11; interfaces of MS-DCOM section 1.9 and OPC DA 2.05. Verifiers are digests.
capture = Capture("weakness/classic-opc.pcap")
client, old, new = capture.host("d4:be:d9:11:00:06", "10.96.0.6", ttl=128), capture.host("00:1b:21:11:00:20", "10.96.0.20", ttl=128), capture.host("00:1b:21:11:00:21", "10.96.0.21", ttl=128)
ACTIVATOR, RESOLVER = "000001a0-0000-0000-c000-000000000046", "99fcfec4-5260-101b-bbcb-00aa0021347a"
SERVER, SYNC = "39c13a4d-011e-11d0-9675-0020afd8adb3", "39c13a52-011e-11d0-9675-0020afd8adb3"
NDR = uuid.UUID("8a885d04-1ceb-11c9-9fe8-08002b104860").bytes_le + struct.pack("<I", 2)


def rpc(kind, call_id, body, level=None):
    padding = -len(body) % 4 if level else 0
    trailer = b"\0" * padding + struct.pack("<BBBBI", 10, level, padding, 0, 0) + hashlib.md5(f"{kind} {call_id}".encode()).digest() if level else b""
    return struct.pack("<BBBBIHHI", 5, 0, kind, 3, 0x10, 16 + len(body) + len(trailer), 16 if level else 0, call_id) + body + trailer


def rpc_session(host, source, port, level, interfaces):
    with capture.tcp(client, source, host, port) as talk:
        contexts = b"".join(struct.pack("<HBB", at, 1, 0) + uuid.UUID(one).bytes_le + struct.pack("<I", 0) + NDR for at, one in enumerate(interfaces))
        talk.client(rpc(11, 1, struct.pack("<HHIB3x", 4280, 4280, 0, len(interfaces)) + contexts))
        address = str(port).encode() + b"\0"
        results = b"".join(struct.pack("<HH", 0, 0) + NDR for _ in interfaces)
        body = struct.pack("<HHIH", 4280, 4280, 7, len(address)) + address
        talk.server(rpc(12, 1, body + b"\0" * (-len(body) % 4) + struct.pack("<B3x", len(interfaces)) + results))
        for at, _ in enumerate(interfaces):
            talk.client(rpc(0, 2 + at, struct.pack("<IHH", 24, at, 4) + made("stub", 24), level))
            talk.server(rpc(2, 2 + at, struct.pack("<IHBB", 24, at, 0, 0) + made("result", 24), level))


for one in (client, old, new):
    arp(1, one, one)
for number_of, (host, level) in enumerate(((old, 2), (new, 5))):
    rpc_session(host, 50500 + 4 * number_of, 135, None, [RESOLVER])
    rpc_session(host, 50501 + 4 * number_of, 135, level, [ACTIVATOR])
    rpc_session(host, 50502 + 4 * number_of, 49200, level, [SERVER, SYNC])
capture.write()
