"""A DNP3 outstation, link address 10. Stack: opendnp3 through dnp3-python."""
import time

from dnp3_python.dnp3station.outstation import MyOutStation

MyOutStation(outstation_ip="0.0.0.0", port=20000, master_id=2, outstation_id=10).start()
while True:
    time.sleep(1)
