"""Certificates that lead to a plant's own authority, and what proves that their keys are held: TLS 1.0 and 1.2, DTLS 1.2, OPC UA in mode Sign.

The bytes of TLS are those of two OpenSSL ends that talk through memory, those of DTLS of `openssl s_server` and `s_client` on the loopback
interface; what is wrong with one of them was changed afterwards. Certificates are made by python-cryptography, and so are the signatures of
OPC UA (OPC 10000-4 sections 5.7.2 and 5.7.3). Keys, and with them all captures, are others each time.

Writes `pcaps/proof/*.pcap` and beside them what an operator of that plant would have: `trust/ca.pem`, `trust/revoked.crl`, `trust/revoked.pem`,
`trust/issued.csv`, `trust/policy.toml`.
"""
import datetime
import hashlib
import ipaddress
import pathlib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "encode"))
from wire import Capture  # noqa: E402

TRUST = HERE.parent / "proof" / "trust"
BEGIN, END = datetime.datetime(2026, 1, 1), datetime.datetime(2028, 1, 1)
SERIALS = iter(range(0x1001, 0x2000))


def name(common, organization="Example Works", serial=None):
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if serial:
        parts.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, serial))
    return x509.Name(parts)


def rsa_key():
    return rsa.generate_private_key(65537, 2048)


def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


class Issuer:
    def __init__(self, common, key, above=None):
        self.key, self.subject, self.above = key, name(common), above
        self.certificate = (above or self).issue(self.subject, key, authority=True)

    def issue(self, subject, key, names=(), authority=False, begin=BEGIN, end=END):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.subject).public_key(key.public_key())
        builder = builder.serial_number(next(SERIALS)).not_valid_before(begin).not_valid_after(end)
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
        if not authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def pem(*certificates):
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


def private(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class End:
    """Who shows a chain and holds a key; `key` may be another's, then the handshake ends where the other side looks."""

    def __init__(self, key, *chain):
        self.key, self.chain = key, chain

    def files(self, folder):
        paths = pathlib.Path(folder, "chain.pem"), pathlib.Path(folder, "key.pem")
        paths[0].write_bytes(pem(*self.chain))
        paths[1].write_bytes(private(self.key))
        return [str(path) for path in paths]

    def load(self, context):
        with tempfile.TemporaryDirectory() as folder:
            context.load_cert_chain(*self.files(folder))


def contexts(server, client, version, mutual):
    above, below = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    below.check_hostname = False
    for context in (above, below):
        context.set_ciphers("ECDHE+AESGCM:ECDHE+AES:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        context.verify_mode = ssl.CERT_NONE
    server.load(above)
    if client:
        client.load(below)
    if mutual:
        above.verify_mode = ssl.CERT_REQUIRED
        above.load_verify_locations(cadata=pem(ROOT.certificate).decode())
    return above, below


def tls(capture, client, port, server, server_port, shows, presents=None, version=ssl.TLSVersion.TLSv1_2, asked="", change=None, mutual=None):
    """A connection through memory: flights are recorded as they are handed over. `change` alters what the server sends."""
    mutual = bool(presents) if mutual is None else mutual
    above, below = contexts(shows, presents, version, mutual)
    up, down, heard_above, heard_below = ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO()
    here = below.wrap_bio(heard_below, up, server_side=False, server_hostname=asked or None)
    there = above.wrap_bio(heard_above, down, server_side=True)
    done = {here: False, there: False}
    with capture.tcp(client, port, server, server_port) as talk:
        for _ in range(8):
            for end, out, heard, say in ((here, up, heard_above, talk.client), (there, down, heard_below, talk.server)):
                if not done[end]:
                    try:
                        end.do_handshake()
                        done[end] = True
                    except ssl.SSLWantReadError:
                        pass
                sent = out.read()
                if sent:
                    # Who looks at what was changed would end here: the other end is handed what was sent.
                    say(change(sent) if change and say == talk.server else sent)
                    heard.write(sent)
        for end, out, heard, say in ((here, up, heard_above, talk.client), (there, down, heard_below, talk.server)):
            end.write(b"a question or an answer")
            sent = out.read()
            say(sent)
            heard.write(sent)


def spoilt(sent):
    """The server's key exchange with one bit of its signature turned: the last byte of the message."""
    at = 0
    while at < len(sent):
        kind, length = sent[at], struct.unpack_from("!H", sent, at + 3)[0]
        inner = at + 5
        while kind == 22 and inner < at + 5 + length:
            size = int.from_bytes(sent[inner + 1:inner + 4], "big")
            if sent[inner] == 12:
                last = inner + 4 + size - 1
                return sent[:last] + bytes([sent[last] ^ 1]) + sent[last + 1:]
            inner += 4 + size
        at += 5 + length
    return sent


def dtls(capture, client, port, server, server_port, shows, presents):
    """What two OpenSSL programs say to each other, through a relay that writes it down."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        chain, key = shows.files(folder)
        own, own_key = presents.files(other)
        root = pathlib.Path(folder, "ca.pem")
        root.write_bytes(pem(ROOT.certificate))
        relay, behind = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        relay.bind(("127.0.0.1", 0))
        serve = ["openssl", "s_server", "-dtls1_2", "-accept", "127.0.0.1:45684", "-cert", chain, "-key", key, "-Verify", "3", "-CAfile", str(root), "-quiet", "-mtu", "1200"]
        program = subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        ask = ["openssl", "s_client", "-dtls1_2", "-connect", f"127.0.0.1:{relay.getsockname()[1]}", "-cert", own, "-key", own_key, "-quiet", "-mtu", "1200"]
        asker = subprocess.Popen(ask, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peer, said = [], []

        def down():
            while True:
                try:
                    data = behind.recv(65535)
                except OSError:
                    return
                said.append((False, data))
                relay.sendto(data, peer[0])

        relay.settimeout(3)
        behind.connect(("127.0.0.1", 45684))
        threading.Thread(target=down, daemon=True).start()
        try:
            while True:
                data, where = relay.recvfrom(65535)
                peer[:] = [where]
                said.append((True, data))
                behind.send(data)
        except TimeoutError:
            pass
        asker.kill()
        program.kill()
        behind.close()
        for from_client, data in said:
            capture.udp(*((client, port, server, server_port) if from_client else (server, server_port, client, port)), data)


# ── the plant's authorities ─────────────────────────────────────────────────────────────────────────────────────────────────
ROOT = Issuer("Plant Root CA", ec_key())
ISSUING = Issuer("Plant Issuing CA", rsa_key(), ROOT)
# Somebody else's of the same name.
ROGUE = Issuer("Plant Issuing CA", rsa_key(), Issuer("Plant Root CA", ec_key()))


def own(common, key, *names, issuer=ISSUING, serial=None, **more):
    certificate = issuer.issue(name(common, serial=serial), key, names, **more)
    return End(key, certificate, *([issuer.certificate] if issuer.above else []))


dns = lambda text: x509.DNSName(text)
ip = lambda text: x509.IPAddress(ipaddress.ip_address(text))
uri = lambda text: x509.UniformResourceIdentifier(text)

station = own("station", ec_key(), dns("station.plant.example"), issuer=ROOT)
press = own("press", rsa_key(), dns("press.plant.example"), ip("10.101.0.11"))

capture = Capture("proof/handshakes.pcap")
visitor = capture.host("d4:be:d9:16:00:06", "10.101.0.6", ttl=128)
host = lambda number: capture.host(f"00:90:e8:16:00:{number:02x}", f"10.101.0.{number}")
tls(capture, visitor, 50201, host(11), 443, press, station, asked="press.plant.example")
# The same key, and a signature that is not by it.
tls(capture, visitor, 50202, host(12), 443, own("mixer", rsa_key(), dns("mixer.plant.example")), asked="mixer.plant.example", change=spoilt)
tls(capture, visitor, 50203, host(13), 443, own("oven", ec_key(), dns("oven.plant.example"), issuer=ROGUE), asked="oven.plant.example")
revoked = own("scale", ec_key(), dns("scale.plant.example"))
tls(capture, visitor, 50204, host(14), 443, revoked, asked="scale.plant.example")
tls(capture, visitor, 50205, host(15), 443, own("pump", rsa_key(), dns("pump.plant.example")), station, version=ssl.TLSVersion.TLSv1, asked="pump.plant.example")
tls(capture, visitor, 50206, host(16), 443, own("mill", ec_key(), dns("mill.plant.example")), version=ssl.TLSVersion.TLSv1_3, asked="mill.plant.example")
# Asked for by one name, shown for another.
tls(capture, visitor, 50207, host(17), 443, own("saw", ec_key(), dns("saw-old.plant.example")), asked="saw.plant.example")
dtls(capture, visitor, 50208, host(18), 5684, own("valve", ec_key(), dns("valve.plant.example")), station)
# A certificate that the vault's list does not have, and one that nobody renews.
shadow = own("lathe", ec_key(), dns("lathe.plant.example"))
tls(capture, visitor, 50209, host(19), 443, shadow, asked="lathe.plant.example")
old = own("crane", ec_key(), dns("crane.plant.example"), begin=datetime.datetime(2020, 1, 1), end=datetime.datetime(2029, 1, 1))
tls(capture, visitor, 50210, host(20), 443, old, asked="crane.plant.example")


def identity(device, serial, product):
    """EtherNet/IP ListIdentity and its answer (CIP volume 2 section 2-4.2)."""
    head = lambda length: struct.pack("<HHII8sI", 0x63, length, 0, 0, b"", 0)
    capture.udp(visitor, 50300, device, 44818, head(0))
    address = struct.pack("!HH4s8x", 2, 44818, device.ip_bytes)
    item = struct.pack("<H", 1) + address + struct.pack("<HHHBBHI", 1, 14, 166, 20, 11, 0x30, serial) + bytes([len(product)]) + product + b"\3"
    capture.udp(device, 44818, visitor, 50300, head(6 + len(item)) + struct.pack("<HHH", 1, 0x0C, len(item)) + item)


# A certificate for another device's serial number, and one for its own; one that nobody replaced after the installation.
for number, serial in ((21, "SN 00AABB01"), (22, "PID:1769-L33 SN:006C0622")):
    identity(host(number), 0x6C0600 + number - 20 + 0x20, b"1769-L33ER")
    tls(capture, visitor, 50211 + number, host(number), 443, own(f"cell-{number}", ec_key(), dns(f"cell-{number}.plant.example"), serial=serial), asked=f"cell-{number}.plant.example")
made = rsa_key()
default = Issuer("localhost.localdomain", made)
default.subject = name("localhost.localdomain", "SomeOrganization")
default.certificate = default.issue(default.subject, made)
tls(capture, visitor, 50240, host(23), 443, End(made, default.certificate))
capture.write()

# ── OPC UA, mode Sign ───────────────────────────────────────────────────────────────────────────────────────────────────────
SECURE = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"
ALGORITHM = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
URL = "opc.tcp://10.101.0.90:4840"


def text(value):
    if value is None:
        return struct.pack("<i", -1)
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<i", len(value)) + value


node = lambda number, namespace=0: struct.pack("<BBH", 1, namespace, number)
message = lambda kind, body: kind + struct.pack("<I", 8 + len(body)) + body
request_header = lambda handle, token=b"\0\0": token + struct.pack("<qII", 134168832000000000, handle, 0) + text(None) + struct.pack("<I", 4000) + b"\0\0\0"
response_header = lambda handle: struct.pack("<qII", 134168832000000000, handle, 0) + b"\0" + struct.pack("<i", 0) + b"\0\0\0"
application = lambda address, kind: text(address) + text("urn:example.com:runtime") + b"\x02" + text("Runtime") + struct.pack("<I", kind) + text(None) * 2 + struct.pack("<i", 0)
# A signed chunk ends with the HMAC-SHA-256 of the channel's key, which is nobody's here.
chunk = lambda sequence, request, body: message(b"MSGF", struct.pack("<IIII", 7, 13, sequence, request) + body + hashlib.sha256(body).digest())
sign = lambda key, data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def endpoint(certificate, address):
    body = text(URL) + application(address, 0) + text(certificate) + struct.pack("<I", 2) + text(SECURE) + struct.pack("<i", 0)
    return body + text("http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary") + b"\2"


def opcua(capture, client, port, server, mine, theirs, addresses, signature=sign):
    certificates = [der(end.chain[0]) for end in (mine, theirs)]
    nonces = [hashlib.sha256(f"{port} {side}".encode()).digest() for side in range(2)]
    # What opens a secured channel is encrypted: here bytes of no meaning.
    opens = lambda certificate: message(b"OPNF", struct.pack("<I", 7) + text(SECURE) + text(certificate) + text(b"\7" * 20) + bytes(range(256)))
    with capture.tcp(client, port, server, 4840) as talk:
        talk.client(message(b"HELF", struct.pack("<IIIII", 0, 65536, 65536, 0, 0) + text(URL)))
        talk.server(message(b"ACKF", struct.pack("<IIIII", 0, 65536, 65536, 0, 0)))
        talk.client(opens(certificates[0]))
        talk.server(opens(certificates[1]))
        body = node(461) + request_header(1) + application(addresses[0], 1) + text(None) + text(URL) + text("s") + text(nonces[0]) + text(certificates[0])
        talk.client(chunk(51, 1, body + struct.pack("<dI", 60000.0, 0)))
        body = node(464) + response_header(1) + node(1001, 1) + node(1002, 1) + struct.pack("<d", 60000.0) + text(nonces[1]) + text(certificates[1])
        body += struct.pack("<i", 1) + endpoint(certificates[1], addresses[1]) + struct.pack("<i", 0)
        talk.server(chunk(51, 1, body + text(ALGORITHM) + text(sign(theirs.key, certificates[0] + nonces[0])) + struct.pack("<I", 0)))
        body = node(467) + request_header(2, node(1002, 1)) + text(ALGORITHM) + text(signature(mine.key, certificates[1] + nonces[1])) + struct.pack("<ii", 0, 0)
        talk.client(chunk(52, 2, body + node(321) + b"\x01" + text(text("anonymous")) + text(None) * 2))
        talk.server(chunk(52, 2, node(470) + response_header(2) + text(None) + struct.pack("<ii", 0, 0)))


capture = Capture("proof/opcua-sign.pcap")
controller, panel, other = (capture.host(f"00:30:de:16:00:{number:02x}", f"10.101.0.{number}") for number in (90, 91, 92))
serves = own("controller", rsa_key(), uri("urn:controller.plant.example:runtime"))
asks = own("panel", rsa_key(), uri("urn:panel.plant.example:hmi"))
opcua(capture, panel, 50301, controller, asks, serves, ("urn:panel.plant.example:hmi", "urn:controller.plant.example:runtime"))
# Who shows the panel's certificate and signs with a key of his own, under another application's name.
opcua(capture, other, 50302, controller, End(rsa_key(), asks.chain[0]), serves, ("urn:other.plant.example:hmi", "urn:controller.plant.example:runtime"))
capture.write()

# ── what the operator has ───────────────────────────────────────────────────────────────────────────────────────────────────
TRUST.mkdir(parents=True, exist_ok=True)
(TRUST / "ca.pem").write_bytes(pem(ROOT.certificate))


def revocations(issuer, *serials):
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).last_update(datetime.datetime(2026, 2, 1)).next_update(datetime.datetime(2026, 12, 31))
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    for serial in serials:
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(datetime.datetime(2026, 2, 1)).build())
    return builder.sign(issuer.key, hashes.SHA256())


listed = revocations(ISSUING, 0x77, revoked.chain[0].serial_number)
(TRUST / "revoked.crl").write_bytes(listed.public_bytes(serialization.Encoding.DER))
(TRUST / "revoked.pem").write_bytes(listed.public_bytes(serialization.Encoding.PEM))
# One that somebody else signed: the press would be revoked by it.
forged = revocations(ROGUE, press.chain[0].serial_number)
(TRUST / "forged.crl").write_bytes(forged.public_bytes(serialization.Encoding.DER))
issued = [("station", station), ("press", press), ("scale", revoked), ("crane", old), ("controller", serves), ("panel", asks)]
lines = ["name,serial,issuer", *(f'{common},{end.chain[0].serial_number:x},"{end.chain[0].issuer.rfc4514_string()}"' for common, end in issued)]
(TRUST / "issued.csv").write_text("\n".join([*lines, 'never,1fff,"CN=Plant Issuing CA,O=Example Works"', ""]))
(TRUST / "policy.toml").write_text("""# What the operator of the plant of these captures knows.
[[zone]]
name = "plant"
networks = ["10.101.0.0/24"]

[[issuer]]
file = "ca.pem"

[[revoked]]
file = "revoked.crl"

[[revoked]]
file = "forged.crl"

[[issued]]
file = "issued.csv"

[renewal]
days = 1000

[[mutual]]
zone = "plant"
""")
