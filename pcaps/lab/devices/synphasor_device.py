"""A phasor measurement unit: synphasor_device.py ADDRESS. Stack: synchrophasor (pyPMU)."""
import collections
import collections.abc
import sys
import time

collections.Sequence = collections.abc.Sequence  # the package looks where Python 3.9 still had it

from synchrophasor.frame import ConfigFrame2, DataFrame, HeaderFrame
from synchrophasor.pmu import Pmu

unit = Pmu(pmu_id=7734, data_rate=10, ip=sys.argv[1], port=4712)
configuration = ConfigFrame2(7734, 1000000, 1, "UW Umspannwerk 3", 7734, (True, True, True, True), 3, 1, 1,
                             ["VA", "VB", "VC", "FREQUENCY ANALOG", *(f"BREAKER {n} STATUS" for n in range(1, 17))],
                             [(0, "v"), (0, "v"), (0, "v")], [(1, "pow")], [(0x0000, 0xFFFF)], 50, 22, 10)
unit.set_configuration(configuration)
unit.set_header(HeaderFrame(7734, "SEL-421-5 relay, Umspannwerk 3, feeder 12"))
data = DataFrame(7734, ("ok", True, "timestamp", False, False, False, 0, "<10", 0),
                 [(14635.0, 0.0), (14635.1, -2.09), (14635.2, 2.09)], 0.01, 0.0, [100.0], [0x3C12], configuration)
unit.run()
while True:
    if unit.clients:
        unit.send(data)
    time.sleep(0.1)
