"""An IEC 104 control centre: iec104_station.py HOST [SECONDS]: start, interrogation, clock, a few spontaneous values, one switching command. Stack: c104."""
import os
import sys
import time

import c104

client = c104.Client()
link = client.add_connection(ip=sys.argv[1], port=2404, init=c104.Init.ALL)
station = link.add_station(common_address=47)
station.add_point(io_address=11, type=c104.Type.M_ME_NC_1)
station.add_point(io_address=21, type=c104.Type.M_SP_NA_1)
command = station.add_point(io_address=31, type=c104.Type.C_SC_NA_1)
client.start()
for _ in range(50):
    if link.is_connected:
        break
    time.sleep(0.1)
time.sleep(float(sys.argv[2]) if len(sys.argv) > 2 else 4)
command.value = True
print(link.is_connected, command.transmit(cause=c104.Cot.ACTIVATION))
link.interrogation(47)
time.sleep(1)
os._exit(0)  # the library takes ten seconds to stop otherwise
