"""A UPnP device's discovery: ssdp_device.py MODEL OWN_ADDRESS. Sends NOTIFY, answers M-SEARCH.

Its description is served by the device's real web server; this speaks only the multicast part.
"""
import select
import socket
import sys
import time

MODELS = {
    # model: (server, location's port and path, uuid, device type)
    "cast": ("Linux/3.8.13+, UPnP/1.0, Portable SDK for UPnP devices/1.6.18", "8008/ssdp/device-desc.xml",
             "54600900-0a00-4026-9f2e-7d3c8f5b1e26", "urn:dial-multiscreen-org:device:dial:1"),
    "camera": ("UPnP/1.0 DLNADOC/1.50 Platinum/1.0.5.13", "80/upnpdevicedesc.xml",
               "44190000-b60a-0022-8000-4419b60a0022", "urn:schemas-upnp-org:device:Basic:1"),
    "nas": ("Synology/DSM/10.77.0.28", "5000/ssdp/desc-DSM-eth0.xml",
            "73796E6F-6473-6D00-0000-0011320a0028", "urn:schemas-upnp-org:device:Basic:1"),
}
server, place, uuid, kind = MODELS[sys.argv[1]]
address = sys.argv[2]
GROUP = ("239.255.255.250", 1900)
common = f"CACHE-CONTROL: max-age=1800\r\nLOCATION: http://{address}:{place}\r\nSERVER: {server}\r\n"
names = [("upnp:rootdevice", f"uuid:{uuid}::upnp:rootdevice"), (f"uuid:{uuid}", f"uuid:{uuid}"), (kind, f"uuid:{uuid}::{kind}")]

listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("", GROUP[1]))
listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP[0]) + socket.inet_aton(address))
speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
speaker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 4)
speaker.bind((address, 0))

due = time.monotonic()
while True:
    if time.monotonic() >= due:
        for target, usn in names:
            speaker.sendto(f"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n{common}NT: {target}\r\nNTS: ssdp:alive\r\nUSN: {usn}\r\n\r\n".encode(), GROUP)
        due += 60
    if not select.select([listener], [], [], 1)[0]:
        continue
    request, sender = listener.recvfrom(4096)
    text = request.decode("latin-1")
    if not text.startswith("M-SEARCH"):
        continue
    wanted = next((l.split(":", 1)[1].strip() for l in text.split("\r\n") if l.upper().startswith("ST:")), "")
    for target, usn in names:
        if wanted in (target, "ssdp:all"):
            speaker.sendto(f"HTTP/1.1 200 OK\r\n{common}EXT:\r\nST: {target}\r\nUSN: {usn}\r\n\r\n".encode(), sender)
