"""An EtherNet/IP client: enip_station.py HOST[:PORT] [READS] [PAUSE]. Stack: cpppo."""
import sys
import time

from cpppo.server.enip.get_attribute import proxy_simple, attribute_operations
from cpppo.server.enip import client

host, _, port = sys.argv[1].partition(":")
reads = int(sys.argv[2]) if len(sys.argv) > 2 else 4
pause = float(sys.argv[3]) if len(sys.argv) > 3 else 0.1
address = (host, int(port or 44818))
with client.connector(host=address[0], port=address[1], timeout=3) as link:
    # Identity object, all attributes, then one by one: vendor, device type, product code, revision, status, serial, name
    operations = attribute_operations(["@1/1"] + [f"@1/1/{n}" for n in range(1, 8)])
    for _, what, _, reply, status, value in link.synchronous(operations=operations, timeout=3):
        print(what, status, value)
    for n in range(reads):
        for _, what, _, reply, status, value in link.synchronous(
                operations=client.parse_operations(["SPEED[0-9]", "RECIPE[0]"]), timeout=3):
            if n == 0:
                print(what, status, value)
        time.sleep(pause)
