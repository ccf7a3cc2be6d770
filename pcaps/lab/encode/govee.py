"""Govee LAN: a search, the answer of a lamp, a switch.

Govee, WLAN Control Guide.
"""
import json

from wire import Capture


def message(command, data):
    return json.dumps({"msg": {"cmd": command, "data": data}}, separators=(",", ":")).encode()


capture = Capture("govee/lamp.pcap")
group = capture.group("239.255.255.250")
hub = capture.host("d4:be:d9:0a:00:c0", "10.80.9.60")
lamp = capture.host("d4:ad:fc:0a:00:c1", "10.80.9.31")
capture.udp(hub, 50900, group, 4001, message("scan", {"account_topic": "reserve"}))
capture.udp(lamp, 4321, hub, 4002, message("scan", {
    "ip": "10.80.9.31", "device": "1F:80:D4:AD:FC:0A:00:C1", "sku": "H618A", "bleVersionHard": "3.01.01", "bleVersionSoft": "1.03.01",
    "wifiVersionHard": "1.00.10", "wifiVersionSoft": "1.02.03"}))
for _ in range(6):
    capture.udp(hub, 50901, lamp, 4003, message("devStatus", {}))
    capture.udp(lamp, 4321, hub, 4002, message("devStatus", {"onOff": 1, "brightness": 100, "color": {"r": 255, "g": 0, "b": 0}, "colorTemInKelvin": 0}))
capture.udp(hub, 50901, lamp, 4003, message("turn", {"value": 0}))
capture.write()
