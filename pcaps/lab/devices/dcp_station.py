"""An engineering station's PROFINET search: dcp_station.py OWN_ADDRESS. Stack: pnio-dcp."""
import sys

import pnio_dcp

for found in pnio_dcp.DCP(sys.argv[1]).identify_all(timeout=2):
    print(found.name_of_station, found.MAC, found.IP, found.family)
