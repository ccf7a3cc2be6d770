"""WiZ: a lamp is registered with, read and switched.

pywizlight's notes on the messages.
"""
import json

from wire import Capture


def message(method, **more):
    return json.dumps({"method": method, **more}, separators=(",", ":")).encode()


capture = Capture("wiz/lamp.pcap")
phone = capture.host("d4:be:d9:0a:00:b0", "10.80.8.60")
lamp = capture.host("a8:bb:50:0a:00:b1", "10.80.8.31")
capture.udp(phone, 50800, lamp, 38899, message("registration", params={"phoneMac": "aabbccddeeff", "register": False, "phoneIp": "10.80.8.60", "id": 1}))
capture.udp(lamp, 38899, phone, 50800, message("registration", env="pro", result={"mac": "a8bb500a00b1", "success": True}))
capture.udp(phone, 50800, lamp, 38899, message("getSystemConfig", params={}))
capture.udp(lamp, 38899, phone, 50800, message("getSystemConfig", env="pro", result={
    "mac": "a8bb500a00b1", "homeId": 653906, "roomId": 989983, "moduleName": "ESP01_SHRGB1C_31", "fwVersion": "1.25.0", "groupId": 0, "drvConf": [20, 2]}))
for dimming in range(10, 20):
    capture.udp(phone, 50800, lamp, 38899, message("getPilot", params={}))
    capture.udp(lamp, 38899, phone, 50800, message("getPilot", env="pro", result={"mac": "a8bb500a00b1", "rssi": -55, "state": True, "dimming": dimming}))
capture.udp(phone, 50800, lamp, 38899, message("setPilot", params={"state": False}))
capture.udp(lamp, 38899, phone, 50800, message("setPilot", env="pro", result={"success": True}))
capture.write()
