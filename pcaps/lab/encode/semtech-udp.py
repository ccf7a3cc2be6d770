"""Semtech UDP packet forwarder: a LoRaWAN gateway and its network server; the same gateway on another port."""
import json
import struct

from wire import Capture

PUSH_DATA, PUSH_ACK, PULL_DATA, PULL_RESP, PULL_ACK, TX_ACK = range(6)
EUI = bytes.fromhex("ac1f09fffe0b0060")


def message(token, kind, body=b""):
    return struct.pack("!BHB", 2, token, kind) + body


def text(value):
    return json.dumps(value, separators=(",", ":")).encode()


def run(capture, port):
    gateway, server = capture.host("ac:1f:09:0b:00:60", "10.79.0.60"), capture.host("52:54:00:0b:00:61", "10.79.0.61")
    for token in range(0x2000, 0x2004):
        capture.udp(gateway, 50030, server, port, message(token, PULL_DATA, EUI))
        capture.udp(server, port, gateway, 50030, message(token, PULL_ACK))
        heard = {"rxpk": [{"tmst": 3512348611 + token, "chan": 2, "rfch": 0, "freq": 866.349812, "stat": 1, "modu": "LORA", "datr": "SF7BW125", "codr": "4/6", "rssi": -35, "lsnr": 5.1, "size": 16, "data": "QDwaByaAAQACw3Kd8Yq6Ww=="}]}
        capture.udp(gateway, 50031, server, port, message(token + 16, PUSH_DATA, EUI + text(heard)))
        capture.udp(server, port, gateway, 50031, message(token + 16, PUSH_ACK))
        capture.wait(5)
    status = {"stat": {"time": "2026-03-02 08:00:30 GMT", "lati": 48.1, "long": 11.5, "alti": 520, "rxnb": 4, "rxok": 4, "rxfw": 4, "ackr": 100.0, "dwnb": 0, "txnb": 0, "pfrm": "RAK7249", "mail": "operator@example.org", "desc": "gateway on the silo"}}
    capture.udp(gateway, 50031, server, port, message(0x2030, PUSH_DATA, EUI + text(status)))
    capture.udp(server, port, gateway, 50031, message(0x2030, PUSH_ACK))
    sent = {"txpk": {"imme": False, "tmst": 3513348611, "freq": 864.1, "rfch": 0, "powe": 14, "modu": "LORA", "datr": "SF11BW125", "codr": "4/6", "ipol": True, "size": 12, "data": "YDwaByaAAQABxJT2"}}
    capture.udp(server, port, gateway, 50030, message(0x2040, PULL_RESP, text(sent)))
    capture.udp(gateway, 50030, server, port, message(0x2040, TX_ACK, EUI))
    capture.write()


run(Capture("semtech-udp/gateway-and-server.pcap"), 1700)
run(Capture("semtech-udp/unusual-port.pcap"), 1780)
