"""Modbus/TCP servers of the lab: modbus_device.py MODEL [PORT]. Stack: pymodbus."""
import asyncio
import sys

from pymodbus import ModbusDeviceIdentification
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import StartAsyncTcpServer

# model: (unit ids, or None where any unit id is answered; identification objects)
MODELS = {
    "m340": (None, {
        "VendorName": "Schneider Electric", "ProductCode": "BMXP342020", "MajorMinorRevision": "V2.70",
        "VendorUrl": "https://www.se.com", "ProductName": "Modicon M340", "ModelName": "BMX P34 2020",
        "UserApplicationName": "PumpStation7"}),
    "mgate": ((1, 2, 3, 4, 5), {
        "VendorName": "Moxa Inc.", "ProductCode": "MGate MB3480", "MajorMinorRevision": "V3.2",
        "ProductName": "MGate MB3480 4-port Modbus gateway"}),
    "pfc200": ((1,), {
        "VendorName": "WAGO Kontakttechnik GmbH", "ProductCode": "750-8212", "MajorMinorRevision": "03.10.08(22)",
        "VendorUrl": "www.wago.com", "ProductName": "PFC200", "ModelName": "750-8212",
        "UserApplicationName": "WellField-North"}),
    "wago352": (None, {
        "VendorName": "WAGO Kontakttechnik GmbH", "ProductCode": "750-352", "MajorMinorRevision": "01.14.22",
        "VendorUrl": "www.wago.com", "ProductName": "FC ETHERNET G3", "ModelName": "750-352"}),
    "atv320": (None, {
        "VendorName": "Schneider Electric", "ProductCode": "ATV320U07N4C", "MajorMinorRevision": "V2.9IE39",
        "ProductName": "ATV320", "ModelName": "Altivar Machine 320"}),
    "mgate3": ((1, 2, 3), {
        "VendorName": "Moxa Inc.", "ProductCode": "MGate MB3180", "MajorMinorRevision": "V2.1",
        "ProductName": "MGate MB3180 1-port Modbus gateway"}),
    "pm5320": (None, {
        "VendorName": "Schneider Electric", "ProductCode": "METSEPM5320", "MajorMinorRevision": "V2.3.1",
        "VendorUrl": "https://www.se.com", "ProductName": "PowerLogic PM5320", "ModelName": "PM5320"}),
    "sma": ((3,), {
        "VendorName": "SMA", "ProductCode": "STP 25000TL-30", "MajorMinorRevision": "3.10.16.R",
        "ProductName": "Sunny Tripower 25000TL"}),
}

model = sys.argv[1]
port = int(sys.argv[2]) if len(sys.argv) > 2 else 502
units, objects = MODELS[model]


def memory(seed):
    block = lambda value: ModbusSequentialDataBlock(1, value)
    return ModbusDeviceContext(
        hr=block([(seed * 101 + n * 7) % 4096 for n in range(200)]), ir=block([seed + n for n in range(100)]),
        co=block([n % 3 == 0 for n in range(64)]), di=block([n % 2 == 0 for n in range(64)]))


context = (ModbusServerContext(devices=memory(17), single=True) if units is None
           else ModbusServerContext(devices={u: memory(u) for u in units}, single=False))
asyncio.run(StartAsyncTcpServer(context, identity=ModbusDeviceIdentification(info_name=objects), address=("0.0.0.0", port)))
