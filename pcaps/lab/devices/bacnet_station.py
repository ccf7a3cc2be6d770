"""A building operator's station: Who-Is, then the device object's properties. Stack: bacpypes3."""
import asyncio

from bacpypes3.app import Application
from bacpypes3.argparse import SimpleArgumentParser
from bacpypes3.pdu import Address


async def main():
    station = Application.from_args(SimpleArgumentParser().parse_args(
        ["--name", "SCADA-HMI01", "--instance", "599", "--address", "10.77.0.5/24"]))
    for unit in await station.who_is():
        print(unit.iAmDeviceIdentifier, unit.pduSource, unit.vendorID)
    for name in ("object-name", "vendor-name", "vendor-identifier", "model-name", "firmware-revision",
                 "application-software-version", "location", "description", "protocol-version", "object-list"):
        try:
            print(name, await station.read_property(Address("10.77.0.15"), "device,260001", name))
        except BaseException as problem:
            print(name, problem)
    station.close()


asyncio.run(main())
