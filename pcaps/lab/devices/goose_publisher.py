"""A relay's GOOSE messages, tagged: goose_publisher.py [VLAN]. Stack: libiec61850 through pyiec61850-ng."""
import sys
import time

import pyiec61850.pyiec61850 as iec

parameters = iec.CommParameters()
parameters.appId, parameters.vlanId, parameters.vlanPriority = 1000, int(sys.argv[1]) if len(sys.argv) > 1 else 10, 4
iec.CommParameters_setDstAddress(parameters, 0x01, 0x0C, 0xCD, 0x01, 0x00, 0x01)
publisher = iec.GoosePublisher_create(parameters, "eth0")
iec.GoosePublisher_setGoCbRef(publisher, "AA1J1Q01A1LD0/LLN0$GO$gcb01")
iec.GoosePublisher_setGoID(publisher, "AA1J1Q01A1_Trip")
iec.GoosePublisher_setDataSetRef(publisher, "AA1J1Q01A1LD0/LLN0$Trip")
iec.GoosePublisher_setConfRev(publisher, 1)
iec.GoosePublisher_setTimeAllowedToLive(publisher, 2000)
for round_ in range(20):
    values = iec.LinkedList_create()
    iec.LinkedList_add(values, iec.MmsValue_newBoolean(round_ >= 10))
    iec.LinkedList_add(values, iec.MmsValue_newIntegerFromInt32(1234))
    if round_ == 10:
        iec.GoosePublisher_increaseStNum(publisher)
    iec.GoosePublisher_publish(publisher, values)
    time.sleep(0.02 if 10 <= round_ < 14 else 0.3)
