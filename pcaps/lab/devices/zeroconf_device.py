"""Announce a device's services: zeroconf_device.py MODEL OWN_ADDRESS. Stack: python zeroconf."""
import socket
import sys
import time

from zeroconf import ServiceInfo, Zeroconf

MODELS = {
    "printer": ("BRN001BA90A0023.local.", [
        ("_ipp._tcp.local.", "Brother HL-L6400DW series", 631, {
            "txtvers": "1", "qtotal": "1", "pdl": "application/octet-stream,image/urf,application/postscript",
            "rp": "ipp/print", "ty": "Brother HL-L6400DW series", "product": "(Brother HL-L6400DW series)",
            "adminurl": "http://BRN001BA90A0023.local./", "usb_MFG": "Brother", "usb_MDL": "HL-L6400DW series",
            "UUID": "e3248000-80ce-11db-8000-001ba90a0023", "priority": "25", "note": "Office 2.04"}),
        ("_pdl-datastream._tcp.local.", "Brother HL-L6400DW series", 9100, {
            "ty": "Brother HL-L6400DW series", "usb_MFG": "Brother", "usb_MDL": "HL-L6400DW series"})]),
    "cast": ("54600900-0a00-4026-9f2e-7d3c8f5b1e26.local.", [
        ("_googlecast._tcp.local.", "Chromecast-546009000a004026", 8009, {
            "id": "546009000a0040269f2e7d3c8f5b1e26", "cd": "1CF29BE21D5A", "rm": "", "ve": "05",
            "md": "Chromecast Ultra", "ic": "/setup/icon.png", "fn": "Lobby screen", "ca": "201221", "st": "0",
            "bs": "FA8FCA2B6A6B", "nf": "1", "rs": ""})]),
    "meter": ("shelly-em3-24ac40a0021.local.", [
        ("_http._tcp.local.", "shelly-em3-24ac40a0021", 80, {
            "id": "shelly-em3-24ac40a0021", "app": "EM3", "ver": "1.14.0", "arch": "esp32"})]),
}
server, services = MODELS[sys.argv[1]]
address = socket.inet_aton(sys.argv[2])
zeroconf = Zeroconf(interfaces=[sys.argv[2]])
for kind, name, port, text in services:
    zeroconf.register_service(ServiceInfo(kind, f"{name}.{kind}", addresses=[address], port=port, properties=text, server=server))
time.sleep(3600)
