"""Search for UPnP devices and fetch their descriptions, as a desktop does: ssdp_search.py OWN_ADDRESS"""
import socket
import sys
import time
import urllib.request

speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
speaker.bind((sys.argv[1], 0))
speaker.settimeout(2)
for target in ("upnp:rootdevice", "ssdp:all"):
    speaker.sendto(f'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: {target}\r\n'
                   "USER-AGENT: Microsoft Edge/120.0 Windows\r\n\r\n".encode(), ("239.255.255.250", 1900))
    time.sleep(0.3)
places = set()
try:
    while True:
        for line in speaker.recv(4096).decode("latin-1").split("\r\n"):
            if line.upper().startswith("LOCATION:"):
                places.add(line.split(":", 1)[1].strip())
except TimeoutError:
    pass
for place in sorted(places):
    print(place, len(urllib.request.urlopen(place, timeout=3).read()))
