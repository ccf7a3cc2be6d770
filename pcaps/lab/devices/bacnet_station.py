"""A building operator's station: bacnet_station.py ADDRESS/LENGTH [POLLS]: Who-Is, then each device object's properties, then polls.

Stack: bacpypes3.
"""
import asyncio
import sys

from bacpypes3.app import Application
from bacpypes3.argparse import SimpleArgumentParser

PROPERTIES = ("object-name", "vendor-name", "vendor-identifier", "model-name", "firmware-revision",
              "application-software-version", "location", "description", "protocol-version", "object-list")


async def main():
    station = Application.from_args(SimpleArgumentParser().parse_args(
        ["--name", "SCADA-HMI01", "--instance", "599", "--address", sys.argv[1]]))
    found = await station.who_is()
    for unit in found:
        print(unit.iAmDeviceIdentifier, unit.pduSource, unit.vendorID)
        for name in PROPERTIES:
            await read(station, unit, name)
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 0):
        for unit in found:
            await read(station, unit, "system-status")
        await asyncio.sleep(2)
    station.close()


async def read(station, unit, name):
    try:
        print(name, await station.read_property(unit.pduSource, unit.iAmDeviceIdentifier, name))
    except BaseException as problem:
        print(name, problem)


asyncio.run(main())
