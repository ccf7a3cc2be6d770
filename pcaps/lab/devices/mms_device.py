"""A protection relay's MMS server. Stack: libiec61850 through pyiec61850-ng."""
import time

import pyiec61850.pyiec61850 as iec

model = iec.IedModel_create("AA1J1Q01A1")
device = iec.LogicalDevice_create("LD0", model)
zero = iec.LogicalNode_create("LLN0", device)
iec.LogicalNode_create("LPHD1", device)
iec.CDC_LPL_create("NamPlt", iec.toModelNode(zero), 0)
iec.CDC_ENS_create("Mod", iec.toModelNode(zero), 0)
iec.CDC_ENS_create("Health", iec.toModelNode(zero), 0)
server = iec.IedServer_create(model)
iec.IedServer_setServerIdentity(server, "ABB", "REL670", "2.2.3")
iec.IedServer_start(server, 102)
while True:
    time.sleep(1)
