"""An S7comm-plus client: s7plus_station.py HOST PORT [tls]: reads, one write. Stack: s7commplus."""
import sys
import time

from s7commplus import Client

client = Client()
client.connect(sys.argv[1], port=int(sys.argv[2]), **({"use_tls": True} if len(sys.argv) > 3 else {}))
print(client.protocol_version, client.session_id)
for _ in range(8):
    client.db_read(1, 0, 8)
    time.sleep(0.2)
client.db_write(1, 4, b"\0\0\0\x07")
try:
    print(client.get_cpu_state())
except Exception as problem:
    print(problem)
client.disconnect()
