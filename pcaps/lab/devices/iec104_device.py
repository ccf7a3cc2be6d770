"""An IEC 60870-5-104 remote terminal unit, common address 47. Stack: c104."""
import time

import c104

server = c104.Server(ip="0.0.0.0", port=2404)
station = server.add_station(common_address=47)
voltage = station.add_point(io_address=11, type=c104.Type.M_ME_NC_1, report_ms=1000)
voltage.value = 20.3
breaker = station.add_point(io_address=21, type=c104.Type.M_SP_NA_1, report_ms=2000)
breaker.value = True
station.add_point(io_address=31, type=c104.Type.C_SC_NA_1)
server.start()
while True:
    time.sleep(1)
