"""A Sparkplug edge node with a device behind it: sparkplug_node.py BROKER USER PASSWORD. Stacks: pysparkplug, paho-mqtt."""
import sys
import time

import pysparkplug as psp

host, user, password = sys.argv[1:4]
metrics = (psp.Metric(timestamp=psp.get_current_timestamp(), name="Properties/Hardware Make", datatype=psp.DataType.STRING, value="Opto 22"),
           psp.Metric(timestamp=psp.get_current_timestamp(), name="Properties/Hardware Model", datatype=psp.DataType.STRING, value="GRV-EPIC-PR2"),
           psp.Metric(timestamp=psp.get_current_timestamp(), name="Properties/FW", datatype=psp.DataType.STRING, value="3.4.3"))
pump = psp.Device("pump-3", (psp.Metric(timestamp=psp.get_current_timestamp(), name="speed", datatype=psp.DataType.FLOAT, value=1480.0),))
node = psp.EdgeNode("Waterworks", "epic-7", metrics, client=psp.Client(client_id="epic-7", username=user, password=password))
node.register(pump)
node.connect(host)
time.sleep(1)
for n in range(4):
    now = psp.get_current_timestamp()
    node.update_device("pump-3", (psp.Metric(timestamp=now, name="speed", datatype=psp.DataType.FLOAT, value=1480.0 + n),))
    time.sleep(1)
node.disconnect()
