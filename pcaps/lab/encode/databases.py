"""Databases: MySQL, PostgreSQL, SQL Server (TDS), Oracle (TNS), Redis, MongoDB, memcached.

Each: a log-in that is passed and one that is refused, one that needs no password, TLS where the protocol begins it within itself, a
conversation that was open before, and one on an unusual port. After the documents that the dissectors' heads name.
"""
import struct

from wire import Capture


def begin(path, network):
    capture = Capture(path)
    server = capture.host(f"d4:be:d9:0b:{network:02x}:01", f"10.85.{network}.1")
    other = capture.host(f"d4:be:d9:0b:{network:02x}:02", f"10.85.{network}.2")
    client = capture.host(f"d4:be:d9:0b:{network:02x}:10", f"10.85.{network}.16")
    return capture, server, other, client


def client_hello():
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\0\x04\xc0\x2f\0\x9c" + b"\x01\0" + b"\0\0"
    return b"\x16\x03\x01" + struct.pack("!H", len(body) + 4) + b"\x01" + struct.pack("!I", len(body))[1:] + body


def server_hello():
    body = b"\x03\x03" + bytes(range(32, 64)) + b"\0" + b"\xc0\x2f" + b"\0" + b"\0\0"
    return b"\x16\x03\x03" + struct.pack("!H", len(body) + 4) + b"\x02" + struct.pack("!I", len(body))[1:] + body


DATA = b"\x17\x03\x03\0\x20" + bytes(range(32))

# ── MySQL ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, server, other, client = begin("mysql/log-ins-and-tls.pcap", 1)


def packet(sequence, body):
    return struct.pack("<I", len(body))[:3] + bytes([sequence]) + body


def greeting(version, flags, method):
    low, high = flags & 0xFFFF, flags >> 16
    return packet(0, b"\x0a" + version + b"\0" + struct.pack("<I", 77) + bytes(range(1, 9)) + b"\0" + struct.pack("<HBHHB", low, 0xFF, 2, high, 21)
                  + bytes(10) + bytes(range(9, 21)) + b"\0" + method + b"\0")


def attributes(**pairs):
    text = b"".join(bytes([len(word)]) + word for pair in pairs.items() for word in (pair[0].encode(), pair[1].encode()))
    return bytes([len(text)]) + text


def log_in(user, proof, method, more=b""):
    flags = 0x0200 | 0x8000 | 0x80000 | 0x200000 | (0x100000 if more else 0)
    return packet(1, struct.pack("<IIB", flags, 1 << 24, 0xFF) + bytes(23) + user + b"\0" + bytes([len(proof)]) + proof + method + b"\0" + more)


OK = packet(2, b"\0\0\0\x02\0\0\0")
names = attributes(_client_name="libmysql", _client_version="8.0.36", program_name="scada-historian")
with capture.tcp(client, 50001, server, 3306) as talk:
    talk.server(greeting(b"5.7.42-log", 0x81FFF7FF, b"mysql_native_password"))
    talk.client(log_in(b"historian", bytes(range(20)), b"mysql_native_password", names))
    talk.server(OK)
    for number in range(5):
        talk.client(packet(0, b"\x03select value from tags"))
        talk.server(packet(1, b"\x01") + packet(2, b"\xfe\0\0\x02\0"))
with capture.tcp(client, 50002, server, 3306) as talk:
    talk.server(greeting(b"5.7.42-log", 0x81FFF7FF, b"mysql_native_password"))
    talk.client(log_in(b"root", b"", b"mysql_native_password"))
    talk.server(packet(2, b"\xff\x15\x04#28000Access denied"))
with capture.tcp(client, 50003, other, 13306) as talk:
    talk.server(greeting(b"10.11.6-MariaDB-0+deb12u1", 0x81FFFFFF, b"mysql_native_password"))
    flags = 0x0200 | 0x0800 | 0x8000 | 0x80000
    talk.client(packet(1, struct.pack("<IIB", flags, 1 << 24, 0x2D) + bytes(23)))
    talk.client(client_hello())
    talk.server(server_hello())
    talk.client(DATA)
with capture.tcp(client, 50004, other, 3306) as talk:
    talk.server(greeting(b"10.11.6-MariaDB-0+deb12u1", 0x81FFFFFF, b"mysql_native_password"))
    talk.client(log_in(b"mes", bytes(range(20)), b"mysql_native_password"))
    talk.server(packet(2, b"\xfemysql_clear_password\0"))
    talk.client(packet(3, b"LABSECRET-mysql\0"))
    talk.server(packet(4, b"\0\0\0\x02\0\0\0"))
with capture.tcp(client, 50005, server, 3306, opened=False) as talk:
    talk.client(packet(0, b"\x03select value from tags"))
    talk.server(packet(1, b"\x01") + packet(2, b"\xfe\0\0\x02\0"))
capture.write()

# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, server, other, client = begin("pgsql/log-ins-and-tls.pcap", 2)


def typed(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def startup(**pairs):
    body = struct.pack("!I", 3 << 16) + b"".join(word.encode() + b"\0" for pair in pairs.items() for word in pair) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


SSL = struct.pack("!II", 8, 80877103)


def welcome(version):
    return typed(b"R", struct.pack("!I", 0)) + typed(b"S", b"server_version\0" + version + b"\0") + typed(b"Z", b"I")


with capture.tcp(client, 50001, server, 5432) as talk:
    talk.client(SSL)
    talk.server(b"N")
    talk.client(startup(user="historian", database="plant", application_name="grafana"))
    talk.server(typed(b"R", struct.pack("!I", 3)))
    talk.client(typed(b"p", b"LABSECRET-pgsql\0"))
    talk.server(welcome(b"11.22"))
    for number in range(5):
        talk.client(typed(b"Q", b"select now()\0"))
        talk.server(typed(b"T", bytes(8)) + typed(b"Z", b"I"))
with capture.tcp(client, 50002, server, 5432) as talk:
    talk.client(startup(user="nobody", database="plant"))
    talk.server(typed(b"R", struct.pack("!I", 5) + b"\1\2\3\4"))
    talk.client(typed(b"p", b"md5" + b"0" * 32 + b"\0"))
    talk.server(typed(b"E", b"SFATAL\0C28P01\0Mpassword authentication failed\0\0"))
with capture.tcp(client, 50003, other, 15432) as talk:
    talk.client(SSL)
    talk.server(b"S")
    talk.client(client_hello())
    talk.server(server_hello())
    talk.client(DATA)
with capture.tcp(client, 50004, other, 5432) as talk:
    talk.client(startup(user="mes", database="mes"))
    talk.server(typed(b"R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"))
    talk.client(typed(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", 8) + b"n,,n=,r="))
    talk.server(welcome(b"15.4 (Debian 15.4-1)"))
with capture.tcp(client, 50005, server, 5432, opened=False) as talk:
    talk.client(typed(b"Q", b"select now()\0"))
    talk.server(typed(b"T", bytes(8)) + typed(b"Z", b"I"))
capture.write()

# ── TDS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, server, other, client = begin("tds/prelogin-login-and-browser.pcap", 3)


def tds(kind, body):
    return struct.pack("!BBHHBB", kind, 1, len(body) + 8, 0, 1, 0) + body


def prelogin(version, encryption):
    return struct.pack("!BHHBHHB", 0, 11, 6, 1, 17, 1, 0xFF) + version + bytes([encryption])


def utf16(text):
    return text.encode("utf-16-le")


def login7(host, user, password, program, server_name):
    hidden = bytes((byte << 4 & 0xF0 | byte >> 4) ^ 0xA5 for byte in utf16(password))
    fixed, data = bytearray(94), b""
    for at, text in ((36, utf16(host)), (40, utf16(user)), (44, hidden), (48, utf16(program)), (52, utf16(server_name))):
        struct.pack_into("<HH", fixed, at, 94 + len(data), len(text) // 2)
        data += text
    struct.pack_into("<II", fixed, 0, 94 + len(data), 0x74000004)
    return tds(16, bytes(fixed) + data)


NAME = utf16("Microsoft SQL Server")
ACK = b"\x01\x74\0\0\x04" + bytes([len(NAME) // 2]) + NAME + b"\x0f\0\x07\xd0"
OLD, NEW = b"\x0b\0\x0e\xa6\0\0", b"\x0f\0\x07\xd0\0\0"
with capture.tcp(client, 50001, server, 1433) as talk:
    talk.client(tds(18, prelogin(NEW, 2)))
    talk.server(tds(4, prelogin(NEW, 2)))
    talk.client(login7("ENG-WS07", "sa", "LABSECRET-tds", "Historian Collector", "HIST-01"))
    talk.server(tds(4, b"\xad" + struct.pack("<H", len(ACK)) + ACK + b"\xfd" + bytes(12)))
    for number in range(5):
        talk.client(tds(1, bytes(22) + utf16("select value from tags")))
        talk.server(tds(4, b"\xd1" + bytes(12)))
with capture.tcp(client, 50002, server, 1433) as talk:
    talk.client(tds(18, prelogin(NEW, 2)))
    talk.server(tds(4, prelogin(NEW, 2)))
    talk.client(login7("ENG-WS07", "guest", "", "Historian Collector", "HIST-01"))
    talk.server(tds(4, b"\xaa" + struct.pack("<H", 20) + bytes(20) + b"\xfd" + bytes(12)))
with capture.tcp(client, 50003, other, 49172) as talk:
    talk.client(tds(18, prelogin(NEW, 1)))
    talk.server(tds(4, prelogin(OLD, 1)))
    talk.client(tds(18, client_hello()))
    talk.server(tds(18, server_hello()))
    talk.client(DATA)
with capture.tcp(client, 50004, server, 1433, opened=False) as talk:
    talk.client(tds(1, bytes(22) + utf16("select value from tags")))
    talk.server(tds(4, b"\xd1" + bytes(12)))
capture.udp(client, 50005, server, 1434, b"\x02")
text = b"ServerName;HIST-01;InstanceName;MSSQLSERVER;IsClustered;No;Version;15.0.2000.5;tcp;1433;;"
capture.udp(server, 1434, client, 50005, b"\x05" + struct.pack("<H", len(text)) + text)
capture.write()

# ── TNS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, server, other, client = begin("tns/connect-accept-refuse.pcap", 4)


def tns(kind, body):
    return struct.pack("!HHBBH", len(body) + 8, 0, kind, 0, 0) + body


def connect(service):
    text = (f"(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=10.85.4.1)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME={service})"
            "(CID=(PROGRAM=mes.exe)(HOST=MES-APP01)(USER=svc))))").encode()
    fixed = struct.pack("!HHHHHHHHHH", 314, 300, 0, 8192, 32767, 0x4F98, 0, 1, len(text), 58).ljust(50, b"\0")
    return tns(1, fixed + text)


with capture.tcp(client, 50001, server, 1521) as talk:
    talk.client(connect("MES"))
    talk.server(tns(2, struct.pack("!HHHHHHHH", 314, 1, 8192, 32767, 256, 0, 24, 0x4141)))
    for number in range(4):
        talk.client(tns(6, b"\0\0\x03\x5e" + bytes(20)))
        talk.server(tns(6, b"\0\0\x04\x01" + bytes(20)))
with capture.tcp(client, 50002, other, 11521) as talk:
    talk.client(connect("OLD"))
    talk.server(tns(4, b"\x22\0\0\x59(DESCRIPTION=(TMP=)(VSNNUM=186647552)(ERR=12514)(ERROR_STACK=(ERROR=(CODE=12514)(EMFI=4))))"))
with capture.tcp(client, 50003, server, 1521, opened=False) as talk:
    talk.client(tns(6, b"\0\0\x03\x5e" + bytes(20)))
    talk.server(tns(6, b"\0\0\x04\x01" + bytes(20)))
capture.write()

# ── RESP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, server, other, client = begin("resp/open-and-shut.pcap", 5)


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


INFO = (b"# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:00000000\r\nredis_mode:standalone\r\nos:Linux 6.1.0-18-amd64 x86_64\r\n"
        b"arch_bits:64\r\n")
with capture.tcp(client, 50001, server, 6379) as talk:
    talk.client(command(b"CLIENT", b"SETINFO", b"LIB-NAME", b"redis-py"))
    talk.server(b"+OK\r\n")
    talk.client(command(b"INFO"))
    talk.server(b"$%d\r\n%s\r\n" % (len(INFO), INFO))
    for number in range(5):
        talk.client(command(b"GET", b"tag:1"))
        talk.server(b"$2\r\n42\r\n")
    talk.client(command(b"SET", b"tag:1", b"43"))
    talk.server(b"+OK\r\n")
with capture.tcp(client, 50002, other, 16379) as talk:
    talk.client(command(b"GET", b"tag:1"))
    talk.server(b"-NOAUTH Authentication required.\r\n")
    talk.client(command(b"AUTH", b"LABSECRET-redis"))
    talk.server(b"+OK\r\n")
with capture.tcp(client, 50003, server, 6379, opened=False) as talk:
    talk.client(command(b"GET", b"tag:1"))
    talk.server(b"$2\r\n42\r\n")
capture.write()

# ── MongoDB ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, server, other, client = begin("mongo/open-and-shut.pcap", 6)


def bson(**pairs):
    body = b""
    for name, value in pairs.items():
        key = name.encode() + b"\0"
        if isinstance(value, bool):
            body += b"\x08" + key + bytes([value])
        elif isinstance(value, int):
            body += b"\x10" + key + struct.pack("<i", value)
        elif isinstance(value, float):
            body += b"\x01" + key + struct.pack("<d", value)
        elif isinstance(value, str):
            body += b"\x02" + key + struct.pack("<i", len(value) + 1) + value.encode() + b"\0"
        elif isinstance(value, bytes):
            body += b"\x05" + key + struct.pack("<iB", len(value), 0) + value
        else:
            body += b"\x03" + key + bson(**value)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def op_msg(number, to=0, **pairs):
    body = struct.pack("<I", 0) + b"\0" + bson(**pairs)
    return struct.pack("<iiii", len(body) + 16, number, to, 2013) + body


def op_query(number, **pairs):
    body = struct.pack("<I", 0) + b"admin.$cmd\0" + struct.pack("<ii", 0, -1) + bson(**pairs)
    return struct.pack("<iiii", len(body) + 16, number, 0, 2004) + body


def op_reply(to, **pairs):
    body = struct.pack("<IqII", 8, 0, 0, 1) + bson(**pairs)
    return struct.pack("<iiii", len(body) + 16, 900 + to, to, 1) + body


CLIENT = {"application": {"name": "mes-sync"}, "driver": {"name": "PyMongo", "version": "4.6.1"},
          "os": {"type": "Linux", "name": "Linux", "architecture": "x86_64", "version": "6.1.0"}}
with capture.tcp(client, 50001, server, 27017) as talk:
    talk.client(op_query(1, ismaster=1, helloOk=True, client=CLIENT))
    talk.server(op_reply(1, ismaster=True, maxWireVersion=17, ok=1.0))
    talk.client(op_msg(2, buildInfo=1))
    talk.server(op_msg(3, 2, version="6.0.14", gitVersion="0000", ok=1.0))
    talk.client(op_msg(4, find="tags"))
    talk.server(op_msg(5, 4, cursor={"id": 0}, ok=1.0))
    for number in range(4):
        talk.client(op_msg(6 + number, find="tags"))
        talk.server(op_msg(20 + number, 6 + number, cursor={"id": 0}, ok=1.0))
    talk.client(op_msg(12, insert="tags"))
    talk.server(op_msg(13, 12, n=1, ok=1.0))
with capture.tcp(client, 50002, other, 37017) as talk:
    talk.client(op_msg(1, hello=1, client=CLIENT))
    talk.server(op_msg(2, 1, isWritablePrimary=True, maxWireVersion=21, ok=1.0))
    talk.client(op_msg(3, find="tags"))
    talk.server(op_msg(4, 3, ok=0.0, errmsg="command find requires authentication", code=13))
    talk.client(op_msg(5, saslStart=1, mechanism="SCRAM-SHA-256", payload=b"n,,n=mes,r=abc"))
    talk.server(op_msg(6, 5, conversationId=1, done=False, payload=b"r=abcdef,s=AAAA,i=15000", ok=1.0))
    talk.client(op_msg(7, saslContinue=1, conversationId=1, payload=b"c=biws,r=abcdef,p=AAAA"))
    talk.server(op_msg(8, 7, conversationId=1, done=True, payload=b"v=AAAA", ok=1.0))
with capture.tcp(client, 50003, other, 27017) as talk:
    talk.client(op_msg(1, saslStart=1, mechanism="PLAIN", payload=b"\0mes\0LABSECRET-mongo"))
    talk.server(op_msg(2, 1, ok=0.0, errmsg="Authentication failed.", code=18))
with capture.tcp(client, 50004, server, 27017, opened=False) as talk:
    talk.client(op_msg(70, find="tags"))
    talk.server(op_msg(71, 70, cursor={"id": 0}, ok=1.0))
capture.write()

# ── memcached ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
capture, server, other, client = begin("memcache/version-and-values.pcap", 7)
with capture.tcp(client, 50001, server, 11211) as talk:
    talk.client(b"version\r\n")
    talk.server(b"VERSION 1.6.18\r\n")
    talk.client(b"set tag:1 0 0 2\r\n42\r\n")
    talk.server(b"STORED\r\n")
with capture.tcp(client, 50002, server, 11211, opened=False) as talk:
    talk.client(b"get tag:1\r\n")
    talk.server(b"VALUE tag:1 0 2\r\n42\r\nEND\r\n")
capture.write()

# ── Elasticsearch and OpenSearch, over HTTP ──────────────────────────────────────────────────────────────────────────────────
capture, server, other, client = begin("elasticsearch/root-of-two-clusters.pcap", 8)


def http_json(body):
    return f"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def root(name, cluster, version, tagline):
    return f'{{\n  "name" : "{name}",\n  "cluster_name" : "{cluster}",\n  "cluster_uuid" : "k3Jx0d1aQ1S8m2Zq7vW4tA",\n  "version" : {{ {version} }},\n  "tagline" : "{tagline}"\n}}\n'


with capture.tcp(client, 50001, server, 9200) as talk:
    talk.client(b"GET / HTTP/1.1\r\nHost: 10.85.8.1:9200\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n")
    talk.server(http_json(root("hist-es-1", "plant-logs", '"number" : "7.17.9", "build_flavor" : "default", "lucene_version" : "8.11.1"', "You Know, for Search")))
    talk.client(b"GET /_cat/health?format=json HTTP/1.1\r\nHost: 10.85.8.1:9200\r\n\r\n")
    talk.server(http_json('[{"cluster":"plant-logs","status":"green"}]'))
with capture.tcp(client, 50002, other, 19200) as talk:
    talk.client(b"GET / HTTP/1.1\r\nHost: 10.85.8.2:19200\r\n\r\n")
    talk.server(http_json(root("node-1", "energy", '"distribution" : "opensearch", "number" : "2.11.0", "lucene_version" : "9.7.0"', "The OpenSearch Project: https://opensearch.org/")))
capture.write()
