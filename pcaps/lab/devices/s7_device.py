"""An S7 controller: s7_device.py [PORT [NAME SERIAL_NUMBER]]. Stack: python-snap7, which answers as a CPU 315-2 PN/DP."""
import sys
import time

from snap7.server import Server
from snap7.type import SrvArea

NAME, SERIAL = 6, 142  # where they stand in what the stack says for SZL 0x001C


class Named(Server):
    """The stack's own answers, with this controller's name and serial number in them: all of them are one otherwise."""

    def _get_szl_data(self, szl_id, szl_index):
        data = super()._get_szl_data(szl_id, szl_index)
        if szl_id == 0x001C and len(sys.argv) > 3:
            data = bytearray(data)
            data[NAME:NAME + 24] = sys.argv[2].encode().ljust(24, b"\0")
            data[SERIAL:SERIAL + 24] = sys.argv[3].encode().ljust(24, b"\0")
        return data and bytes(data)


server = Named()
server.register_area(SrvArea.DB, 1, bytearray(range(256)))
server.register_area(SrvArea.MK, 0, bytearray(64))
server.start_to("0.0.0.0", int(sys.argv[1]) if len(sys.argv) > 1 else 102)
while True:
    time.sleep(1)
