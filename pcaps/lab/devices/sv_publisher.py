"""A merging unit's sampled values: sv_publisher.py SECONDS. Stack: libiec61850 through pyiec61850-ng. A slow rate keeps the capture small."""
import sys
import time

import pyiec61850.pyiec61850 as iec

parameters = iec.CommParameters()
parameters.appId, parameters.vlanId, parameters.vlanPriority = 0x4001, 10, 4
iec.CommParameters_setDstAddress(parameters, 0x01, 0x0C, 0xCD, 0x04, 0x00, 0x01)
publisher = iec.SVPublisher_create(parameters, "eth0")
stream = iec.SVPublisher_addASDU(publisher, "AA1J1Q01MU01/LLN0$MSVCB01", "AA1J1Q01MU01/LLN0$PhsMeas1", 1)
values = [iec.SVPublisher_ASDU_addFLOAT(stream) for _ in range(4)]
iec.SVPublisher_setupComplete(publisher)
for sample in range(int(float(sys.argv[1]) * 50)):
    for phase, value in enumerate(values):
        iec.SVPublisher_ASDU_setFLOAT(stream, value, 230.0 + phase)
    iec.SVPublisher_ASDU_setSmpCnt(stream, sample % 4000)
    iec.SVPublisher_publish(publisher)
    time.sleep(0.02)
