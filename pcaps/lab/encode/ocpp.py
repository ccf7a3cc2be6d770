"""OCPP: a charging station of version 1.6 boots and is controlled, one of version 2.0.1 too, one was connected long before.

OCPP-J 1.6 sections 3 and 4, OCPP 1.6 sections 4 to 6, OCPP 2.0.1 part 2; RFC 6455 section 5.
"""
import json
import struct

from wire import Capture

KEY = b"\x37\xfa\x21\x3d"


def frame(message, masked):
    data = json.dumps(message, separators=(",", ":")).encode()
    length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack("!H", len(data))
    if not masked:
        return b"\x81" + length + data
    return b"\x81" + bytes([length[0] | 0x80]) + length[1:] + KEY + bytes(byte ^ KEY[at % 4] for at, byte in enumerate(data))


def opening(path, version, host, authorization=""):
    return (f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Protocol: {version}\r\nSec-WebSocket-Version: 13\r\n{authorization}\r\n").encode()


def switched(version):
    return (f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            f"Sec-WebSocket-Protocol: {version}\r\n\r\n").encode()


capture = Capture("ocpp/stations.pcap")
system = capture.host("00:15:5d:0a:01:21", "10.80.14.10")
first = capture.host("00:60:35:0a:01:22", "10.80.14.31")
second = capture.host("00:60:35:0a:01:23", "10.80.14.32")
third = capture.host("00:60:35:0a:01:24", "10.80.14.33")

with capture.tcp(first, 51411, system, 8080) as talk:
    talk.client(opening("/steve/websocket/CentralSystemService/CP-HALL2-1", "ocpp1.6", "10.80.14.10:8080"))
    talk.server(switched("ocpp1.6"))
    talk.client(frame([2, "1", "BootNotification", {
        "chargePointVendor": "ABB", "chargePointModel": "Terra AC W22", "chargePointSerialNumber": "TACW2241120G0122", "firmwareVersion": "1.8.27",
        "iccid": "89430300001234567890", "imsi": "LABPERSON-imsi", "meterType": "internal"}], True))
    talk.server(frame([3, "1", {"status": "Accepted", "currentTime": "2026-03-02T08:00:00Z", "interval": 300}], False))
    for count in range(2, 10):
        talk.client(frame([2, str(count), "Heartbeat", {}], True))
        talk.server(frame([3, str(count), {"currentTime": "2026-03-02T08:00:00Z"}], False))
    talk.client(frame([2, "10", "Authorize", {"idTag": "LABPERSON-tag"}], True))
    talk.server(frame([3, "10", {"idTagInfo": {"status": "Accepted"}}], False))
    talk.server(frame([2, "s1", "RemoteStartTransaction", {"idTag": "LABPERSON-tag", "connectorId": 1}], False))
    talk.client(frame([3, "s1", {"status": "Accepted"}], True))
    talk.server(frame([2, "s2", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "LABSECRET-ocppkey"}], False))
    talk.client(frame([3, "s2", {"status": "Accepted"}], True))

with capture.tcp(second, 51412, system, 9220) as talk:
    talk.client(opening("/ocpp/CP-YARD-7", "ocpp2.0.1", "10.80.14.10:9220", "Authorization: Basic Q1AtWUFSRC03OkxBQlNFQ1JFVC1vY3Bw\r\n"))
    talk.server(switched("ocpp2.0.1"))
    talk.client(frame([2, "1", "BootNotification", {"reason": "PowerUp", "chargingStation": {
        "model": "HYC_150", "vendorName": "alpitronic", "serialNumber": "HYC150-0023", "firmwareVersion": "2.5.1", "modem": {"iccid": "89430300001234567891"}}}], True))
    talk.server(frame([3, "1", {"currentTime": "2026-03-02T08:00:00Z", "interval": 300, "status": "Accepted"}], False))
    talk.server(frame([2, "s1", "UpdateFirmware", {"requestId": 7, "firmware": {"location": "https://x.example/fw.bin"}}], False))
    talk.client(frame([3, "s1", {"status": "Accepted"}], True))

with capture.tcp(third, 51413, system, 8080, opened=False) as talk:
    for count in range(70, 80):
        talk.client(frame([2, str(count), "MeterValues", {"connectorId": 1, "meterValue": []}], True))
        talk.server(frame([3, str(count), {}], False))
    talk.server(frame([2, "r1", "Reset", {"type": "Hard"}], False))
    talk.client(frame([3, "r1", {"status": "Accepted"}], True))
capture.write()
