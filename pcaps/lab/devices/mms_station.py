"""An MMS client: mms_station.py HOST: identity, logical devices and nodes. Stack: libiec61850 through pyiec61850-ng."""
import sys

from pyiec61850.mms.client import MMSClient

client = MMSClient()
client.connect(sys.argv[1], 102)
print(client.get_server_identity())
for device in client.get_logical_devices():
    print(device, client.get_logical_nodes(device))
client.disconnect()
