"""A BACnet/IP controller: bacnet_device.py MODEL ADDRESS/LENGTH. Stack: bacpypes3."""
import asyncio
import sys

from bacpypes3.app import Application
from bacpypes3.argparse import SimpleArgumentParser

MODELS = {
    # model: (object name, instance, vendor id, vendor, model name, firmware, application, location, description)
    "delta": ("AHU-7", 260001, 8, "Delta Controls", "DSC-1212E", "571848", "V3.40", "Roof, hall 3", "Air handling unit 7"),
    "honeywell": ("CHILLER-2", 260002, 17, "Honeywell", "CPO-PC-6A", "6.02.03", "2.1", "Energy centre", "Chiller 2"),
}
name, instance, vendor_id, vendor, model, firmware, application, location, description = MODELS[sys.argv[1]]


async def main():
    arguments = SimpleArgumentParser().parse_args(
        ["--name", name, "--instance", str(instance), "--address", sys.argv[2]])
    unit = Application.from_args(arguments).device_object
    unit.vendorIdentifier = vendor_id
    unit.vendorName = vendor
    unit.modelName = model
    unit.firmwareRevision = firmware
    unit.applicationSoftwareVersion = application
    unit.location = location
    unit.description = description
    await asyncio.Future()


asyncio.run(main())
