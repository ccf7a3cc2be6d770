"""IPP: a printer says what it is and prints; a print server says what its queue prints on.

RFC 8010 section 3, RFC 8011 section 5.4, PWG 5100.13, IEEE 1284 section 7.6.
"""
import struct

from wire import Capture


def attribute(tag, name, *values):
    out = b""
    for at, value in enumerate(values):
        key = name.encode() if at == 0 else b""
        out += struct.pack("!BH", tag, len(key)) + key + struct.pack("!H", len(value)) + value
    return out


OPERATION = attribute(0x47, "attributes-charset", b"utf-8") + attribute(0x48, "attributes-natural-language", b"en")


def message(code, groups, number=1):
    return struct.pack("!BBHI", 2, 0, code, number) + b"\x01" + OPERATION + groups + b"\x03"


def post(host, body):
    return f"POST /ipp/print HTTP/1.1\r\nHost: {host}\r\nUser-Agent: CUPS/2.4.2 (Linux 6.1; x86_64) IPP/2.0\r\nContent-Type: application/ipp\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def ok(server, body):
    return f"HTTP/1.1 200 OK\r\nServer: {server}\r\nContent-Type: application/ipp\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(server, body):
    half = len(body) // 2
    chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (body[:half], body[half:], b""))
    return f"HTTP/1.1 200 OK\r\nServer: {server}\r\nContent-Type: application/ipp\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks


PRINTER = b"\x04" + attribute(0x45, "printer-uri-supported", b"ipp://10.80.15.41/ipp/print") + attribute(0x44, "uri-security-supported", b"none") \
    + attribute(0x44, "uri-authentication-supported", b"none") + attribute(0x42, "printer-name", b"BRN3C2AF40A0131") \
    + attribute(0x41, "printer-location", b"hall 2, gate 4") + attribute(0x41, "printer-info", b"Brother HL-L6400DW series") \
    + attribute(0x41, "printer-make-and-model", b"Brother HL-L6400DW series") + attribute(0x23, "printer-state", b"\0\0\0\x03") \
    + attribute(0x41, "printer-device-id", b"MFG:Brother;CMD:PJL,PCL,PCLXL,URF;MDL:HL-L6400DW series;CLS:PRINTER;CID:Brother Laser Type1;SN:E78098A6N000131;") \
    + attribute(0x45, "printer-uuid", b"urn:uuid:e3248000-80ce-11db-8000-3c2af40a0131") + attribute(0x41, "printer-firmware-string-version", b"1.72") \
    + attribute(0x44, "document-format-supported", b"application/octet-stream", b"image/urf", b"image/pwg-raster")
QUEUE = b"\x04" + attribute(0x42, "printer-name", b"office") + attribute(0x41, "printer-make-and-model", b"HP LaserJet 4200 Series") \
    + attribute(0x23, "printer-type", b"\0\x80\x90\x04") + attribute(0x22, "printer-is-shared", b"\x01")

capture = Capture("ipp/printer-and-print-server.pcap")
printer = capture.host("3c:2a:f4:0a:01:31", "10.80.15.41")
server = capture.host("00:15:5d:0a:01:32", "10.80.15.10")
client = capture.host("d4:be:d9:0a:01:33", "10.80.15.60")
with capture.tcp(client, 51511, printer, 631) as talk:
    talk.client(post("10.80.15.41:631", message(0x0B, b"")))
    talk.server(chunked("debut/1.30", message(0, PRINTER)))
    for number in range(2, 8):
        talk.client(post("10.80.15.41:631", message(0x0A, b"", number)))
        talk.server(ok("debut/1.30", message(0, b"", number)))
    talk.client(post("10.80.15.41:631", message(0x02, b"", 9) + b"%!PS LABPERSON page" * 40))
    talk.server(ok("debut/1.30", message(0, b"\x02" + attribute(0x21, "job-id", b"\0\0\0\x11"), 9)))
with capture.tcp(client, 51512, server, 631, opened=False) as talk:
    talk.client(post("10.80.15.10:631", message(0x0B, b"")))
    talk.server(ok("CUPS/2.4 IPP/2.1", message(0, QUEUE)))
with capture.tcp(client, 51513, printer, 8631) as talk:
    talk.client(post("10.80.15.41:8631", message(0x0B, b"")))
    talk.server(ok("debut/1.30", message(0, PRINTER)))
capture.write()
