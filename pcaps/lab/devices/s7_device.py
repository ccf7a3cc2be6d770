"""An S7 controller: s7_device.py [PORT]. Stack: python-snap7, which answers as a CPU 315-2 PN/DP."""
import sys
import time

from snap7.server import Server
from snap7.type import SrvArea

server = Server()
server.register_area(SrvArea.DB, 1, bytearray(range(256)))
server.register_area(SrvArea.MK, 0, bytearray(64))
server.start_to("0.0.0.0", int(sys.argv[1]) if len(sys.argv) > 1 else 102)
while True:
    time.sleep(1)
