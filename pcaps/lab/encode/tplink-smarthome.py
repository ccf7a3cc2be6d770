"""TP-Link Smart Home: a plug is searched for, read, switched, and told another Wi-Fi network; a strip on another port.

softScheck, "Reverse Engineering the TP-Link HS110": each byte is mixed with the one sent before it, the first with 171.
"""
import json
import struct

from wire import Capture


def mixed(document):
    out, key = b"", 171
    for byte in json.dumps(document, separators=(",", ":")).encode():
        key ^= byte
        out += bytes([key])
    return out


def framed(document):
    data = mixed(document)
    return struct.pack("!I", len(data)) + data


ASK = {"system": {"get_sysinfo": {}}}
PLUG = {"system": {"get_sysinfo": {
    "err_code": 0, "sw_ver": "1.2.6 Build 200727 Rel.121701", "hw_ver": "1.0", "type": "IOT.SMARTPLUGSWITCH", "model": "HS110(EU)",
    "mac": "50:C7:BF:0A:00:91", "deviceId": "8006E4B1C9A3F2D75D1E0F6A9B8C7D6E1A2B3C91", "hwId": "45E29DA8382494D2E82688B52A0B2EB5",
    "fwId": "00000000000000000000000000000000", "oemId": "3D341ECE302C0642C99E31CE2430544B", "alias": "Compressor 2",
    "dev_name": "Wi-Fi Smart Plug With Energy Monitoring", "relay_state": 1, "on_time": 4711, "latitude": 48.2, "longitude": 16.37}}}

capture = Capture("tplink-smarthome/plug-and-strip.pcap")
everybody = capture.group("255.255.255.255")
phone = capture.host("d4:be:d9:0a:00:90", "10.80.6.60")
plug = capture.host("50:c7:bf:0a:00:91", "10.80.6.31")
strip = capture.host("50:c7:bf:0a:00:92", "10.80.6.32")

capture.udp(phone, 50600, everybody, 9999, mixed(ASK))
capture.udp(plug, 9999, phone, 50600, mixed(PLUG))
with capture.tcp(phone, 50601, plug, 9999) as talk:
    talk.client(framed(ASK))
    talk.server(framed(PLUG))
with capture.tcp(phone, 50602, plug, 9999, opened=False) as talk:
    for count in range(10):
        talk.client(framed({"emeter": {"get_realtime": {}}}))
        talk.server(framed({"emeter": {"get_realtime": {"current": 1.2 + count / 10, "voltage": 231.4, "power": 280 + count, "total": 12.3, "err_code": 0}}}))
    talk.client(framed({"system": {"set_relay_state": {"state": 0}}}))
    talk.server(framed({"system": {"set_relay_state": {"err_code": 0}}}))
    talk.client(framed({"netif": {"set_stainfo": {"ssid": "plant", "password": "LABSECRET-wifi", "key_type": 3}}}))
    talk.server(framed({"netif": {"set_stainfo": {"err_code": 0}}}))
with capture.tcp(phone, 50603, strip, 19999) as talk:
    talk.client(framed(ASK))
    talk.server(framed({"system": {"get_sysinfo": {
        "sw_ver": "1.0.19 Build 200224 Rel.090814", "hw_ver": "1.0", "model": "HS300(US)", "deviceId": "80067AC4FDBD41C54C55896BFA07EAAD1CE0D692",
        "hwId": "34C41AA028022D0CCEA5E678E8547C54", "alias": "Rack \"B\"", "mic_type": "IOT.SMARTPLUGSWITCH", "mac": "50:C7:BF:0A:00:92",
        "children": [{"id": "00", "state": 1, "alias": "Switch"}], "child_num": 1, "err_code": 0}}}))
capture.write()
