"""An ADS client: ads_station.py HOST NET_ID OWN_NET_ID: device information, state, a symbol read again and again, one write. Stack: pyads."""
import sys
import time

import pyads

host, net_id, own = sys.argv[1:4]
pyads.open_port()
pyads.set_local_address(own)
link = pyads.Connection(net_id, 851, host)
link.open()
for question in (link.read_device_info, link.read_state):
    try:
        print(question())
    except pyads.ADSError as problem:
        print(problem)
for n in range(8):
    try:
        print(link.read_by_name("MAIN.fSpeed", pyads.PLCTYPE_REAL))
    except pyads.ADSError as problem:
        print(problem)
    time.sleep(0.3)
try:
    link.write_by_name("MAIN.nCount", 7, pyads.PLCTYPE_DINT)
except pyads.ADSError as problem:
    print(problem)
link.close()
