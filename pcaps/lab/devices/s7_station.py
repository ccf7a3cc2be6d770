"""An S7 client: s7_station.py HOST[:PORT] [READS] [PAUSE]: module and component identification, then data block reads."""
import sys
import time

import snap7

host, _, port = sys.argv[1].partition(":")
reads = int(sys.argv[2]) if len(sys.argv) > 2 else 4
pause = float(sys.argv[3]) if len(sys.argv) > 3 else 0.1
client = snap7.client.Client()
client.connect(host, 0, 2, int(port or 102))
print(client.get_order_code())  # SZL 0x0011
print(client.get_cpu_info())    # SZL 0x001C
for n in range(reads):
    client.db_read(1, 0, 32)
    time.sleep(pause)
if reads > 10:
    client.db_write(1, 4, bytearray(b"\x01\x02"))
client.disconnect()
