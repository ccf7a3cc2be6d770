"""A phasor data concentrator: synphasor_station.py HOST FRAMES. Stack: synchrophasor (pyPMU)."""
import collections
import collections.abc
import sys

collections.Sequence = collections.abc.Sequence  # the package looks where Python 3.9 still had it

from synchrophasor.pdc import Pdc

concentrator = Pdc(pdc_id=7, pmu_ip=sys.argv[1], pmu_port=4712)
concentrator.run()
print(concentrator.get_header().get_header())
print(concentrator.get_config().get_station_name())
concentrator.start()
for _ in range(int(sys.argv[2])):
    concentrator.get()
concentrator.stop()
concentrator.quit()
