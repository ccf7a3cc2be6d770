"""A desktop that prints: ipp_station.py HOST: the printer's attributes, its jobs, a job that is only validated. Stack: pyipp."""
import asyncio
import sys

from pyipp import IPP
from pyipp.enums import IppOperation


async def main():
    async with IPP(host=sys.argv[1], port=631, base_path="/ipp/print", user_agent="CUPS/2.4.2 (Linux) IPP/2.0") as printer:
        print((await printer.printer()).info)
        for operation, more in ((IppOperation.GET_JOBS, {}), (IppOperation.VALIDATE_JOB, {
                "requesting-user-name": "miller", "job-name": "Packing list 4711", "document-format": "application/pdf"})):
            print(operation.name, (await printer.execute(operation, {"operation-attributes-tag": more}))["status-code"])


asyncio.run(main())
