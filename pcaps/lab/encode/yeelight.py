"""Yeelight: a search and the answer of a lamp, and its announcement.

Yeelight WiFi Light Inter-Operation Specification section 3.
"""
from wire import Capture

LAMP = ("Location: yeelight://10.80.10.31:55443\r\nServer: POSIX UPnP/1.0 YGLC/1\r\nid: 0x00000000036ed5d1\r\nmodel: color4\r\nfw_ver: 35\r\n"
        "support: get_prop set_default set_power toggle set_bright\r\npower: on\r\nbright: 100\r\nname: bench\r\n")

capture = Capture("yeelight/lamp.pcap")
group = capture.group("239.255.255.250")
hub = capture.host("d4:be:d9:0a:00:d0", "10.80.10.60")
lamp = capture.host("78:11:dc:0a:00:d1", "10.80.10.31")
capture.udp(hub, 51000, group, 1982, b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1982\r\nMAN: "ssdp:discover"\r\nST: wifi_bulb\r\n\r\n')
capture.udp(lamp, 1982, hub, 51000, b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nDate:\r\nExt:\r\n" + LAMP.encode() + b"\r\n")
capture.udp(lamp, 49153, group, 1982, b"NOTIFY * HTTP/1.1\r\nHost: 239.255.255.250:1982\r\nCache-Control: max-age=3600\r\nNTS: ssdp:alive\r\n" + LAMP.encode() + b"\r\n")
capture.write()
