"""A DNP3 master: dnp3_station.py HOST [SECONDS], link address 2: integrity poll and a class scan. Stack: opendnp3 through dnp3-python."""
import os
import sys
import time

from dnp3_python.dnp3station.master import MyMaster

master = MyMaster(outstation_ip=sys.argv[1], port=20000, master_id=2, outstation_id=10)
master.start()
time.sleep(float(sys.argv[2]) if len(sys.argv) > 2 else 4)
print(str(master.get_db_by_group_variation(30, 6))[:200])
time.sleep(1)
os._exit(0)
