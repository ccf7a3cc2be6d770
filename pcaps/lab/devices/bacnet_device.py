"""A BACnet/IP air handling unit. Stack: bacpypes3."""
import asyncio

from bacpypes3.app import Application
from bacpypes3.argparse import SimpleArgumentParser


async def main():
    arguments = SimpleArgumentParser().parse_args(
        ["--name", "AHU-7", "--instance", "260001", "--address", "10.77.0.15/24", "--vendoridentifier", "999"])
    unit = Application.from_args(arguments).device_object
    unit.vendorName = "Delta Controls"
    unit.modelName = "DSC-1212E"
    unit.firmwareRevision = "571848"
    unit.applicationSoftwareVersion = "V3.40"
    unit.location = "Roof, hall 3"
    unit.description = "Air handling unit 7"
    await asyncio.Future()


asyncio.run(main())
