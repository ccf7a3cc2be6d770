"""A FINS/UDP client: fins_station.py HOST ITS_NODE OWN_NODE [READS] [PAUSE]. Stack: fins."""
import sys
import time

import fins.udp

link = fins.udp.UDPFinsConnection()
link.connect(sys.argv[1])
link.dest_node_add, link.srce_node_add = int(sys.argv[2]), int(sys.argv[3])
print(link.cpu_unit_data_read())
print(link.cpu_unit_status_read())
for _ in range(int(sys.argv[4]) if len(sys.argv) > 4 else 10):
    link.memory_area_read(fins.FinsPLCMemoryAreas().DATA_MEMORY_WORD, b"\x00\x64\x00", 2)
    time.sleep(float(sys.argv[5]) if len(sys.argv) > 5 else 0)
