"""SMTP, POP3 and IMAP: greetings, log-ins in the clear that are let in and that are not, TLS in the middle of a connection.

RFC 5321, RFC 4954, RFC 3207; RFC 1939, RFC 2449, RFC 5034; RFC 9051, RFC 2971.
"""
import base64
import struct

from wire import Capture


def plain(user, password):
    return base64.b64encode(f"\0{user}\0{password}".encode())


def hello():
    """A ClientHello of TLS 1.2 with one suite, and the ServerHello to it (RFC 5246 section 7.4.1)."""
    def record(kind, body):
        message = bytes([kind]) + len(body).to_bytes(3, "big") + body
        return b"\x16\x03\x03" + struct.pack("!H", len(message)) + message
    client = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\0\x02\xc0\x2f" + b"\x01\0"
    server = b"\x03\x03" + bytes(range(32, 64)) + b"\0" + b"\xc0\x2f" + b"\0"
    return record(1, client), record(2, server)


def secured(talk):
    client, server = hello()
    talk.client(client)
    talk.server(server)
    change = b"\x14\x03\x03\0\x01\x01"
    data = b"\x17\x03\x03\0\x20" + bytes(range(32))
    talk.client(change + data)
    talk.server(change + data)
    talk.client(data)


def hosts(capture):
    return (capture.host("00:0c:29:0f:00:01", "10.92.0.1"), capture.host("00:40:9d:0f:00:11", "10.92.0.11"), capture.host("d4:be:d9:0f:00:12", "10.92.0.12", 128))


capture = Capture("smtp/greeting-log-in-and-starttls.pcap")
server, logger, station = hosts(capture)
with capture.tcp(logger, 50101, server, 25) as talk:
    talk.server(b"220 mail.plant.example ESMTP Postfix (Debian/GNU)\r\n")
    talk.client(b"EHLO alarm-logger7\r\n")
    talk.server(b"250-mail.plant.example\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n")
    talk.client(b"AUTH LOGIN\r\n")
    talk.server(b"334 VXNlcm5hbWU6\r\n")
    talk.client(base64.b64encode(b"alarms") + b"\r\n")
    talk.server(b"334 UGFzc3dvcmQ6\r\n")
    talk.client(base64.b64encode(b"LABSECRET-smtp") + b"\r\n")
    talk.server(b"235 2.7.0 Authentication successful\r\n")
    talk.client(b"MAIL FROM:<alarms@plant.example>\r\n")
    talk.server(b"250 2.1.0 Ok\r\n")
    talk.client(b"RCPT TO:<shift@plant.example>\r\n")
    talk.server(b"250 2.1.5 Ok\r\n")
    talk.client(b"DATA\r\n")
    talk.server(b"354 End data with <CR><LF>.<CR><LF>\r\n")
    talk.client(b"Subject: Alarm\r\n\r\nEHLO this.is.mail\r\nBoiler 2 high level\r\n.\r\n")
    talk.server(b"250 2.0.0 Ok: queued\r\n")
    talk.client(b"QUIT\r\n")
    talk.server(b"221 2.0.0 Bye\r\n")
with capture.tcp(station, 50102, server, 587) as talk:
    talk.server(b"220 mail.plant.example ESMTP Postfix (Debian/GNU)\r\n")
    talk.client(b"EHLO [10.92.0.12]\r\n")
    talk.server(b"250-mail.plant.example\r\n250 STARTTLS\r\n")
    talk.client(b"AUTH PLAIN " + plain("ann", "LABSECRET-smtp2") + b"\r\n")
    talk.server(b"538 5.7.11 Encryption required\r\n")
    talk.client(b"STARTTLS\r\n")
    talk.server(b"220 2.0.0 Ready to start TLS\r\n")
    secured(talk)
capture.write()

capture = Capture("smtp/unusual-port.pcap")
server, logger, station = hosts(capture)
with capture.tcp(logger, 50103, server, 10025, opened=False) as talk:
    talk.client(b"EHLO alarm-logger7\r\n")
    talk.server(b"250-mail.plant.example\r\n250 AUTH CRAM-MD5\r\n")
capture.write()

capture = Capture("pop/greeting-log-ins-and-stls.pcap")
server, logger, station = hosts(capture)
with capture.tcp(station, 50201, server, 110) as talk:
    talk.server(b"+OK Dovecot (Debian) ready.\r\n")
    talk.client(b"CAPA\r\n")
    talk.server(b"+OK\r\nTOP\r\nUIDL\r\nSTLS\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n")
    talk.client(b"USER ann\r\n")
    talk.server(b"+OK\r\n")
    talk.client(b"PASS LABSECRET-pop\r\n")
    talk.server(b"+OK Logged in.\r\n")
    talk.client(b"RETR 1\r\n")
    talk.server(b"+OK 30 octets\r\nSubject: Alarm\r\n\r\nBoiler 2\r\n.\r\n")
with capture.tcp(station, 50202, server, 110) as talk:
    talk.server(b"+OK Dovecot (Debian) ready.\r\n")
    talk.client(b"APOP ann c4c9334bac560ecc979e58001b3e22fb\r\n")
    talk.server(b"-ERR [AUTH] Authentication failed.\r\n")
    talk.client(b"STLS\r\n")
    talk.server(b"+OK Begin TLS negotiation now.\r\n")
    secured(talk)
capture.write()

capture = Capture("imap/greeting-log-ins-and-starttls.pcap")
server, logger, station = hosts(capture)
with capture.tcp(station, 50301, server, 143) as talk:
    talk.server(b"* OK [CAPABILITY IMAP4rev1 LITERAL+ ID STARTTLS AUTH=PLAIN] Dovecot (Debian) ready.\r\n")
    talk.client(b'a1 ID ("name" "Thunderbird" "version" "128.7.0")\r\n')
    talk.server(b'* ID ("name" "Dovecot" "version" "2.3.19.1")\r\na1 OK ID completed.\r\n')
    talk.client(b'a2 LOGIN ann "LABSECRET-imap"\r\n')
    talk.server(b"a2 OK [CAPABILITY IMAP4rev1] Logged in\r\n")
    talk.client(b"a3 SELECT INBOX\r\n")
    talk.server(b"* 1 EXISTS\r\na3 OK [READ-WRITE] Select completed\r\n")
    talk.client(b"a4 FETCH 1 BODY[]\r\n")
    talk.server(b"* 1 FETCH (BODY[] {27}\r\n* OK nobody greets in here\r\n)\r\na4 OK Fetch completed.\r\n")
with capture.tcp(station, 50302, server, 143) as talk:
    talk.server(b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] Dovecot (Debian) ready.\r\n")
    talk.client(b"b1 AUTHENTICATE PLAIN\r\n")
    talk.server(b"+ \r\n")
    talk.client(plain("ann", "LABSECRET-imap2") + b"\r\n")
    talk.server(b"b1 NO [PRIVACYREQUIRED] Plaintext authentication disallowed\r\n")
    talk.client(b"b2 STARTTLS\r\n")
    talk.server(b"b2 OK Begin TLS negotiation now.\r\n")
    secured(talk)
capture.write()

capture = Capture("imap/unusual-port.pcap")
server, logger, station = hosts(capture)
with capture.tcp(station, 50303, server, 10143) as talk:
    talk.server(b"* OK IMAP4rev1 Service Ready\r\n")
    talk.client(b"a LOGOUT\r\n")
    talk.server(b"* BYE\r\na OK\r\n")
capture.write()
